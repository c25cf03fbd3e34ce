//! Results of a check, as people, CI systems and code hosts see them (spec: ci.md). The words of
//! every gate are made here once.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::format;
use crate::releases;
use crate::study::change;
use lab::check::{CheckReport, EntryReport, Gate, Outcome};
use lab::compare::Judgement;
use lab::statistics::SEEDS_MIN;
use metrics::registry;
use units::plural;

mod benchmark;
mod cause;
mod clean;
mod code_quality;
mod github;
mod junit;
mod paths;
mod power;
mod sarif;
mod text;

#[cfg(test)]
mod tests;

pub use benchmark::Better;
pub use junit::Flavor;
pub use paths::{files, with_paths};
pub use power::{power, unseen};

/// Output format of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckForm {
    /// Table for the terminal.
    Table,
    /// Markdown, for job summaries and comments.
    Markdown,
    /// JSON with all data, for programs.
    Json,
    /// `JUnit` XML, for CI servers.
    Junit(Flavor),
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub annotations (workflow commands).
    Github,
    /// Code-quality report of GitLab.
    CodeQuality,
    /// github-action-benchmark input, for one direction.
    Benchmark(Better),
}

/// Options that depend on how the check was called.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions<'a> {
    /// Wall-clock time as text; not for files.
    pub wall_time: Option<&'a str>,
    /// Time of the check, such as `2021-04-02T15:48:23`, if it is to be printed.
    pub timestamp: Option<&'a str>,
    /// Whether objects that change nothing are told, too.
    pub is_verbose: bool,
}

/// Writes a check in a format.
pub fn write(
    out: &mut dyn Write,
    report: &CheckReport,
    form: CheckForm,
    options: CheckOptions<'_>,
) -> io::Result<()> {
    // Programs read JSON, which has marks for whatever a name holds.
    let clean = match form {
        CheckForm::Json => Cow::Borrowed(report),
        _ => Cow::Owned(clean::cleaned(report)),
    };
    let report = &*clean;
    match form {
        CheckForm::Table => text::write_table(out, report, options),
        CheckForm::Markdown => text::write_markdown(out, report),
        CheckForm::Json => {
            serde_json::to_writer_pretty(&mut *out, report)?;
            writeln!(out)
        }
        CheckForm::Junit(flavor) => junit::write(out, report, flavor, options),
        CheckForm::Sarif => sarif::write(out, report),
        CheckForm::Github => github::write(out, report),
        CheckForm::CodeQuality => code_quality::write(out, report),
        CheckForm::Benchmark(better) => benchmark::write(out, report, better),
    }
}

/// The file and the line, from 1, that the error of an entry names: of the entry's own file, or of the one
/// that it begins with.
fn place_of(entry: &EntryReport) -> (&str, usize) {
    let error = entry.error.as_deref().unwrap_or_default();
    let number = |text: &str| {
        let end = text.find(|letter: char| !letter.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse().ok()
    };
    let lead = format!("{}:", entry.file);
    let own = error.split(&*lead).skip(1).find_map(number);
    if let Some(line) = own {
        return (&entry.file, line);
    }
    let other = error.split_once(':').and_then(|(file, rest)| {
        let line = number(rest).or_else(|| number(rest.strip_prefix(" line ")?))?;
        (!file.contains(' ')).then_some((file, line))
    });
    other.unwrap_or((&entry.file, 1))
}

/// Errors of entries that could not be run, each once: with the names of all that have it, and the first.
fn broken(report: &CheckReport) -> Vec<(String, &EntryReport, &str)> {
    let entries = report.entries.iter();
    let broken = entries.filter_map(|entry| Some((entry.error.as_deref()?, entry)));
    let broken = plural::alike(broken).into_iter();
    let broken = broken.map(|(error, entries)| {
        let names = entries.iter().map(|entry| &entry.name);
        (plural::first_of(names, 1), entries[0], error)
    });
    broken.collect()
}

/// Headline in one sentence: the most severe gated change in the words of users (ci.md 6.2).
pub fn headline(report: &CheckReport) -> String {
    if let Some((names, _, error)) = broken(report).first() {
        return format!("{names} could not be run: {}", format::clean(error));
    }
    let limits = loosened(report);
    let count = |outcome: Outcome| {
        report
            .gates
            .iter()
            .filter(|gate| gate.outcome == outcome && !gate.advisory)
            .count()
    };
    let first = |outcome: Outcome| {
        report
            .gates
            .iter()
            .find(|gate| gate.outcome == outcome && !gate.advisory)
    };
    if report.entries.is_empty() {
        return "Nothing to check: no entry changed.".to_owned();
    }
    if let Some(gate) = report.gates.iter().find(|gate| gate.fails()) {
        let count = report.gates.iter().filter(|gate| gate.fails()).count();
        let more = match count - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        return format!("{}{more}{limits}.", failure(gate));
    }
    for outcome in [Outcome::DifferentInputs, Outcome::NoBaseline] {
        if let Some(gate) = first(outcome) {
            let note = gate.note.as_deref().unwrap_or_default();
            let entry = format::clean(&gate.entry);
            return format!("{entry} can't be compared: {note}{limits}.");
        }
    }
    let all = report.gates.len();
    if let Some(entry) = report.entries.iter().find(|entry| entry.empty) {
        let name = format::clean(&entry.name);
        return format!("{name}: nothing was measured: no pod arrived in any run.");
    }
    if report
        .gates
        .iter()
        .all(|gate| gate.outcome == Outcome::NotMeasurable)
    {
        return "Nothing was measured: no gate has a value.".to_owned();
    }
    let open = [Outcome::Inconclusive, Outcome::NotMeasurable];
    let open = open.map(|outcome| (count(outcome) > 0).then(|| told(outcome, count(outcome))));
    let open: Vec<String> = open.into_iter().flatten().collect();
    if !open.is_empty() {
        return format!("No gate failed; {} of {all}{limits}.", open.join(", "));
    }
    let more = besides(report);
    match all {
        1 => format!("The gate holds{more}{limits}."),
        _ => format!("All {} hold{more}{limits}.", plural::count(all, "gate")),
    }
}

/// Limits that are looser than the base's, and acknowledgements that it does not have, in the headline.
fn loosened(report: &CheckReport) -> String {
    let gone = report.loosened.iter().filter(|own| own.head.is_none());
    let gone = gone.count();
    let counts = [
        (report.loosened.len() - gone, "loosened"),
        (gone, "deleted"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = counts
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let own = report.gates.iter();
    let own = match own.filter(|gate| gate.is_acknowledged_here).count() {
        0 => String::new(),
        count => count.to_string(),
    };
    let told = [
        ("limits", words.join(", ")),
        ("acknowledged by this change", own),
    ];
    let told = told.iter().filter(|(_, words)| !words.is_empty());
    let told: Vec<String> = told
        .map(|(what, words)| format!("; {what}: {words}"))
        .collect();
    told.concat()
}

/// Outcome with the number of its gates, such as `inconclusive: 2`.
fn told(outcome: Outcome, count: usize) -> String {
    format!("{}: {count}", outcome.word().replace('-', " "))
}

fn is_new(gate: &Gate) -> bool {
    gate.outcome == Outcome::New
}

/// Whether a gate is new, and compared with nothing that can be measured.
fn is_unheld(gate: &Gate) -> bool {
    is_new(gate) && gate.judgement.is_some()
}

/// What is to be said of a check that holds, behind the number of its gates.
fn besides(report: &CheckReport) -> String {
    let of = |is: fn(&&Gate) -> bool, words: &str| {
        let count = report.gates.iter().filter(is).count();
        (count > 0).then(|| format!(", {count} {words}"))
    };
    [
        of(|gate| is_new(gate) && gate.note.is_none(), "new"),
        of(|gate| is_unheld(gate), "new and held to nothing"),
        of(
            |gate| is_new(gate) && gate.note.is_some() && gate.judgement.is_none(),
            "without a base that can be run",
        ),
        of(|gate| gate.outcome == Outcome::Improved, "improved"),
        of(
            |gate| gate.outcome == Outcome::Acknowledged,
            "worse and acknowledged",
        ),
        of(
            |gate| gate.outcome.is_failure() && gate.advisory,
            "worse and advisory only",
        ),
        (report.entries.iter())
            .any(|entry| entry.changed.is_some())
            .then(|| "; decisions differ from the baseline's".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Failed gate in words.
pub fn failure(gate: &Gate) -> String {
    let entry = format::clean(&gate.entry);
    if gate.metric == "digest" {
        return format!("{entry} decides differently from the baseline, which exact mode forbids");
    }
    if gate.outcome == Outcome::Removed {
        let note = gate.note.as_deref().map(format::clean).unwrap_or_default();
        return format!("{entry} is no longer in the suite ({note})");
    }
    let (base, head, change) = cells(gate);
    let label = registry::title(&gate.metric);
    if gate.outcome == Outcome::Vanished {
        let note = gate.note.as_deref().map(format::clean).unwrap_or_default();
        return match (gate.base.is_some(), gate.head.is_some()) {
            (_, true) => format!("{entry}: {label} is {head}, and pods are in no count ({note})"),
            (true, _) => format!("{entry}: {label} was {base} and has no value any more ({note})"),
            _ => format!("{entry}: {label} has no value ({note})"),
        };
    }
    if let (None, None, Some(note)) = (&gate.judgement, gate.head, &gate.note) {
        let note = format::clean(note);
        return format!(
            "{entry}: {label} is beyond its limit ({note}, {})",
            gate.limit
        );
    }
    if gate.judgement.is_none() {
        return format!("{entry}: {label} is {head} ({})", gate.limit);
    }
    format!(
        "{entry}: {label} {base} → {head} ({change}, {})",
        gate.limit
    )
}

/// Baseline, current value and change of a gate, as text.
pub fn cells(gate: &Gate) -> (String, String, String) {
    if gate.metric == "digest" {
        return Default::default();
    }
    let values = format::values(&[gate.base, gate.head], &gate.unit);
    let [base, head] = [0, 1].map(|at| values.get(at).cloned().unwrap_or_default());
    let base = if gate.base.is_none() {
        String::new()
    } else {
        base
    };
    let change = match &gate.judgement {
        Some(found) if gate.limit.ends_with(" points") => points(found),
        found => found.as_ref().map(change).unwrap_or_default(),
    };
    (base, head, change)
}

/// Change of a part of a whole, in points like its limit.
fn points(judgement: &Judgement) -> String {
    let signed = |value: f64| match format::value(value, "ratio").trim_end_matches(" %") {
        text if value > 0.0 => format!("+{text}"),
        text => text.replace('-', "−"),
    };
    let Some(difference) = judgement.difference.filter(|by| by.abs() > 0.0) else {
        return judgement
            .difference
            .map(|_| "0".to_owned())
            .unwrap_or_default();
    };
    let interval = judgement
        .interval
        .map(|at| format!(" [{}, {}]", signed(at.low), signed(at.high)));
    format!(
        "{} points{}",
        signed(difference),
        interval.unwrap_or_default()
    )
}

/// Outcome of a gate, and whether its inputs are those of the baseline.
pub fn outcome(gate: &Gate) -> String {
    let word = gate.outcome.word();
    let words = match gate.outcome {
        outcome if outcome.is_failure() && gate.advisory => format!("{word}, advisory"),
        outcome if outcome.is_failure() => word.to_uppercase(),
        Outcome::Inconclusive => match gate.judgement.as_ref().and_then(|found| found.seeds_needed)
        {
            Some(needed) => format!("{word} ({needed})"),
            None => word.to_owned(),
        },
        _ => word.to_owned(),
    };
    if gate.despite_inputs {
        format!("{words}, other inputs")
    } else {
        words
    }
}

/// Limit of a gate without the word for it.
pub fn limit(gate: &Gate) -> String {
    match gate.limit.strip_prefix("tested, limit ") {
        Some(limit) => format!("{limit}, tested"),
        None => gate.limit.trim_start_matches("limit ").to_owned(),
    }
}

/// Counts such as `24 checks: 1 regressed, 3 improved`.
pub fn counts(report: &CheckReport) -> String {
    const ORDER: [Outcome; 12] = [
        Outcome::Regressed,
        Outcome::Vanished,
        Outcome::Removed,
        Outcome::Improved,
        Outcome::Equivalent,
        Outcome::Within,
        Outcome::Inconclusive,
        Outcome::Acknowledged,
        Outcome::New,
        Outcome::NotMeasurable,
        Outcome::DifferentInputs,
        Outcome::NoBaseline,
    ];
    let words = ORDER.iter().filter_map(|outcome| {
        let count = report
            .gates
            .iter()
            .filter(|gate| gate.outcome == *outcome)
            .count();
        (count > 0).then(|| format!("{count} {}", outcome.word()))
    });
    let words: Vec<String> = words.collect();
    let all = report.gates.len();
    let noun = plural::noun(all, "gate");
    if words.is_empty() {
        return format!("{all} {noun}");
    }
    format!("{all} {noun}: {}", words.join(", "))
}

/// First digits of the digest of all that ran.
pub fn digest(report: &CheckReport) -> Option<String> {
    let mut hasher = blake3::Hasher::new();
    let mut ran = report
        .entries
        .iter()
        .filter(|entry| !entry.digest.is_empty())
        .peekable();
    ran.peek()?;
    for entry in ran {
        hasher.update(entry.digest.as_bytes());
    }
    Some(hasher.finalize().to_hex()[..12].to_owned())
}

/// Reasons for the outcomes of gates, each once, without those in the headline or a row: `burst
/// pending_time.mean and 2 more: no baseline`.
pub fn reasons(report: &CheckReport) -> Vec<String> {
    let told = headline(report);
    let mut found: Vec<(&str, &Gate, usize)> = Vec::new();
    for gate in report
        .gates
        .iter()
        .filter(|gate| gate.outcome < Outcome::Improved)
        .filter(|gate| gate.outcome != Outcome::Inconclusive || has_few_seeds(gate))
    {
        let Some(note) = gate.note.as_deref().filter(|note| !told.contains(note)) else {
            continue;
        };
        match found.iter_mut().find(|(known, ..)| *known == note) {
            Some((.., more)) => *more += 1,
            None => found.push((note, gate, 0)),
        }
    }
    let lines = found.into_iter().map(|(note, gate, more)| {
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (entry, metric) = (format::clean(&gate.entry), &gate.metric);
        format!("{entry} {metric}{more}: {}", format::clean(note))
    });
    lines.collect()
}

/// Returns whether a gate has too few seeds for any test.
fn has_few_seeds(gate: &Gate) -> bool {
    let judgement = gate.judgement.as_ref();
    judgement.is_some_and(|found| found.n < SEEDS_MIN)
}

/// Command that examines the worst gate again.
pub fn rerun(report: &CheckReport) -> Option<&str> {
    let broken = report.entries.iter().find(|entry| entry.error.is_some());
    let gate = report.gates.first().map(|gate| gate.rerun.as_str());
    broken.map(|entry| entry.rerun.as_str()).or(gate)
}

/// Facts about the runs of the check.
pub fn facts(report: &CheckReport) -> Vec<String> {
    let mut facts = vec![format!("check {}", format::clean(&report.file))];
    facts.push(match (&report.baseline, &report.baseline_hash) {
        (Some(path), Some(hash)) => {
            let hash = hash.get(..4).unwrap_or(hash);
            format!("baseline {} ({hash})", format::clean(path))
        }
        (Some(path), None) => format!("baseline {}", format::clean(path)),
        (None, _) => "no baseline".to_owned(),
    });
    let seeds = report
        .entries
        .iter()
        .map(|entry| entry.seeds.len())
        .max()
        .unwrap_or(0);
    facts.extend(match seeds {
        0 => None,
        1 => Some("1 seed".to_owned()),
        _ if report.baseline.is_none() => Some(plural::count(seeds, "seed")),
        _ => Some(format!("{}, paired", plural::count(seeds, "seed"))),
    });
    let changes: u64 = report.entries.iter().map(|entry| entry.changes).sum();
    facts.push(format::counted(changes, "change"));
    facts.extend(releases::fact(
        report.entries.iter().map(|own| (&own.name, &own.releases)),
    ));
    facts
}

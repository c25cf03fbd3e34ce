//! Check as `JUnit` XML (ci.md 6.4). The strict dialect follows the schema of Jenkins' xunit
//! plugin; the extended one adds what most other readers know.

use std::io::{self, Write};

use super::{CheckOptions, cause, cells, failure, limit, outcome};
use lab::check::{CheckReport, EntryReport, ErrorKind, Gate, Outcome};
use lab::objects::FieldChange;
use metrics::registry;

/// Dialect of `JUnit` XML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavor {
    /// Strict schema (`junit-10.xsd`).
    #[default]
    Strict,
    /// Extended dialect: also skipped counts, times, and the place in the file.
    Extended,
}

/// Suite of one experiment file: its gates and their counts.
struct Suite<'a> {
    entry: &'a EntryReport,
    gates: Vec<&'a Gate>,
    counts: Counts,
}

/// Counts of a suite.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

/// Writes the document: one suite per scenario, one case per gate.
pub(super) fn write(
    out: &mut dyn Write,
    report: &CheckReport,
    flavor: Flavor,
    options: CheckOptions<'_>,
) -> io::Result<()> {
    let suites: Vec<Suite<'_>> = report
        .entries
        .iter()
        .map(|entry| {
            let gates: Vec<&Gate> = report
                .gates
                .iter()
                .filter(|gate| gate.entry == entry.name)
                .collect();
            let counts = count(entry, &gates);
            Suite {
                entry,
                gates,
                counts,
            }
        })
        .collect();
    let sum = |part: fn(&Counts) -> usize| {
        suites
            .iter()
            .map(|suite| part(&suite.counts))
            .sum::<usize>()
    };
    let extended = if flavor == Flavor::Extended {
        let timestamp = options.timestamp;
        let timestamp = timestamp.map(|at| format!(" timestamp=\"{}\"", attribute(at)));
        let skipped = sum(|counts| counts.skipped);
        format!(" skipped=\"{skipped}\"{}", timestamp.unwrap_or_default())
    } else {
        String::new()
    };
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\"{extended}>",
        attribute(&report.suite),
        sum(|counts| counts.tests),
        sum(|counts| counts.failures),
        sum(|counts| counts.errors)
    )?;
    for suite in &suites {
        write_suite(out, report, suite, flavor, options)?;
    }
    writeln!(out, "</testsuites>")
}

fn count(entry: &EntryReport, gates: &[&Gate]) -> Counts {
    if entry.error.is_some() {
        return Counts {
            tests: 1,
            errors: 1,
            ..Counts::default()
        };
    }
    let of = |kind: Kind| gates.iter().filter(|gate| kind_of(gate) == kind).count();
    Counts {
        tests: gates.len(),
        failures: of(Kind::Failure),
        errors: of(Kind::Error),
        skipped: of(Kind::Skipped),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Failure,
    Error,
    Skipped,
}

fn kind_of(gate: &Gate) -> Kind {
    match gate.outcome {
        _ if gate.fails() => Kind::Failure,
        // A comparison that can't be made is no pass.
        Outcome::DifferentInputs | Outcome::NoBaseline if !gate.advisory => Kind::Error,
        Outcome::New | Outcome::Improved | Outcome::Within | Outcome::Equivalent => Kind::Passed,
        _ => Kind::Skipped,
    }
}

fn write_suite(
    out: &mut dyn Write,
    report: &CheckReport,
    suite: &Suite<'_>,
    flavor: Flavor,
    options: CheckOptions<'_>,
) -> io::Result<()> {
    let Suite {
        entry,
        gates,
        counts,
    } = suite;
    let timestamp = options
        .timestamp
        .map(|at| format!(" timestamp=\"{}\"", attribute(at)));
    writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"{}>",
        attribute(&entry.name),
        counts.tests,
        counts.failures,
        counts.errors,
        counts.skipped,
        timestamp.unwrap_or_default()
    )?;
    let seeds: Vec<String> = entry.seeds.iter().map(ToString::to_string).collect();
    let properties = [
        ("file", entry.file.clone()),
        ("seeds", seeds.join(" ")),
        ("digest", entry.digest.clone()),
        ("inputs", entry.inputs.clone()),
        ("windtunnel", report.program.clone()),
    ];
    writeln!(out, "    <properties>")?;
    for (name, value) in properties {
        writeln!(
            out,
            "      <property name=\"{name}\" value=\"{}\"/>",
            attribute(&value)
        )?;
    }
    writeln!(out, "    </properties>")?;
    let class = format!("{}.{}", report.suite, entry.name);
    if let Some(error) = &entry.error {
        writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"run\">",
            attribute(&class)
        )?;
        writeln!(
            out,
            "      <error type=\"{}\" message=\"{}\">rerun: {}</error>",
            entry
                .error_kind
                .unwrap_or(ErrorKind::CouldNotComplete)
                .word(),
            attribute(error),
            content(&entry.rerun)
        )?;
        writeln!(out, "    </testcase>")?;
    } else {
        for gate in gates {
            write_case(out, report, &class, gate, flavor)?;
        }
    }
    let told = told(report, entry);
    if !told.is_empty() {
        let told = content(&told.join("\n"));
        writeln!(out, "    <system-out>{told}</system-out>")?;
    }
    writeln!(out, "  </testsuite>")
}

/// The changes that no gate minds, and what the runs of an entry leave out.
fn told(report: &CheckReport, entry: &EntryReport) -> Vec<String> {
    let is_of = |change: &FieldChange| change.entries.contains(&entry.name);
    let is_changed = report.changes.iter().any(is_of);
    let changed = cause::besides(report).into_iter().filter(|_| is_changed);
    changed.chain(entry.left_out.iter().cloned()).collect()
}

fn write_case(
    out: &mut dyn Write,
    report: &CheckReport,
    class: &str,
    gate: &Gate,
    flavor: Flavor,
) -> io::Result<()> {
    let place = match flavor {
        Flavor::Strict => String::new(),
        Flavor::Extended => format!(" file=\"{}\" line=\"{}\"", attribute(&gate.file), gate.line),
    };
    // Two gates of one metric are told apart by their limits.
    let name = format!("{} ({})", gate.metric, gate.limit);
    write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\"{place}",
        attribute(class),
        attribute(&name)
    )?;
    let note = gate.note.as_deref().unwrap_or_default();
    match kind_of(gate) {
        Kind::Passed => return writeln!(out, "/>"),
        Kind::Skipped => {
            let message = if note.is_empty() {
                outcome(gate)
            } else {
                format!("{}: {note}", gate.outcome.word())
            };
            writeln!(
                out,
                ">\n      <skipped message=\"{}\"/>",
                attribute(&message)
            )?;
        }
        kind @ (Kind::Failure | Kind::Error) => {
            let element = if kind == Kind::Failure {
                "failure"
            } else {
                "error"
            };
            let message = if kind == Kind::Failure {
                failure(gate)
            } else {
                note.to_owned()
            };
            let kind = gate.outcome.word().replace(' ', "-");
            writeln!(
                out,
                ">\n      <{element} type=\"{kind}\" message=\"{}\">{}</{element}>",
                attribute(&message),
                content(&body(report, gate))
            )?;
        }
    }
    writeln!(out, "    </testcase>")
}

/// Details of a failure below its message.
fn body(report: &CheckReport, gate: &Gate) -> String {
    let (base, head, change) = cells(gate);
    let mut lines = vec![
        format!(
            "metric: {} ({})",
            registry::title(&gate.metric),
            gate.metric
        ),
        format!("base: {base}"),
        format!("head: {head}"),
        format!("change [95 % CI]: {change}"),
        format!("limit: {}", limit(gate)),
        format!("verdict: {}", outcome(gate)),
    ];
    lines.extend(gate.note.iter().map(|note| format!("note: {note}")));
    lines.extend(cause::lines(report, gate));
    if let Some(divergence) = &gate.divergence {
        lines.push(format!("first divergence: {}", divergence.words));
        let look = divergence.look.iter();
        lines.extend(look.map(|command| format!("look closer: {command}")));
    }
    lines.push(format!("rerun: {}", gate.rerun));
    lines.join("\n")
}

/// Returns whether XML 1.0 allows a character.
const fn is_legal(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Text inside an element.
fn content(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| is_legal(*letter)) {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Text inside an attribute in double quotes.
fn attribute(text: &str) -> String {
    let escaped = content(text).replace('"', "&quot;").replace('\'', "&apos;");
    escaped
        .replace('\n', "&#10;")
        .replace('\r', "&#13;")
        .replace('\t', "&#9;")
}

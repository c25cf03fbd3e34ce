//! Decisions of other releases of kube-scheduler on the cases that [`super::kube_scheduler`] has of
//! the default one, held against the same scheduler with the switches of the release, in its plain
//! and in its fast form.
//!
//! A file `cases-RELEASE.jsonl` holds one line for each case that the release decides otherwise, with
//! what it decides, and a last line with the names of the cases that it decides alike. The cases
//! themselves stand in the folder `kube-scheduler` beside that of the file, or in its own folder; a
//! line may also hold its whole case.

use std::path::{Path, PathBuf};

use model::Release;
use rayon::prelude::*;
use serde_json::Value;
use units::SortedMap;

use super::cases::{RELEASES, has_json_lines, is_of_release, lines_of, release_of};
use super::door::{Door, DoorReport, Said, Share, lines};
use super::kube_scheduler::decision;
use super::kube_scheduler::door;
use super::kube_scheduler::world::CaseObjects;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};

/// Decisions of other releases of the Kubernetes scheduler.
pub const FAMILY: Family = Family {
    name: RELEASES,
    summary: "decisions of kube-scheduler 1.30 to 1.36 on the same cases, by the switches of each release",
    claims,
    kinds: KINDS,
    judge: Judge::Several(judge),
    door: Door::Judge(open),
};

/// Rows of the report: one for each release.
const KINDS: &[&str] = &[
    "kube-release-1.30",
    "kube-release-1.31",
    "kube-release-1.32",
    "kube-release-1.33",
    "kube-release-1.34",
    "kube-release-1.35",
    "kube-release-1.36",
];

/// Folder of the cases themselves.
const CASES: &str = "kube-scheduler";

/// Whether a file belongs here: in a folder of the family's name, with a release in its own.
fn claims(path: &Path) -> bool {
    has_json_lines(path) && is_of_release(path)
}

/// Lines of cases, by name.
type Cases = SortedMap<String, String>;

/// Folders of cases beside a folder: those whose names begin with [`CASES`].
fn folders_of_cases(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join("..")) else {
        return Vec::new();
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = paths
        .filter(|path| path.is_dir() && file_name(path).starts_with(CASES))
        .collect();
    folders.sort();
    folders
}

/// Reads the cases of a folder; files of sequences and of queues hold none.
fn read_cases(folder: &Path, cases: &mut Cases) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    for file in files {
        let is_of_cases = file_name(&file).starts_with("cases") && release_of(&file).is_err();
        if !is_of_cases || !has_json_lines(&file) {
            continue;
        }
        for (place, line) in lines_of(&file)? {
            let case: Value = parse(&place, &line)?;
            if let Some(id) = case.get("id").and_then(Value::as_str) {
                cases.insert(id.to_owned(), line);
            }
        }
    }
    Ok(())
}

fn parse(place: &str, line: &str) -> Result<Value, String> {
    serde_json::from_str(line).map_err(|error| format!("{place}: {error}"))
}

/// A decision to be judged.
struct Recorded {
    id: String,
    /// Decision of the release; `None` is that of the case itself.
    expect: Option<Value>,
    /// The whole case, where the line holds it.
    whole: Option<Value>,
}

/// Everything that files of one folder record of one case, so that its objects are read once.
struct Judged<'c> {
    id: String,
    case: Source<'c>,
    /// Place of the row and what its release decided.
    releases: Vec<(usize, Option<Value>)>,
}

/// Where the objects of a case stand.
enum Source<'c> {
    Whole(Value),
    Line(&'c str),
    Absent,
}

/// A row of the report.
struct Row {
    release: Release,
    report: FamilyReport,
}

/// The decisions that a file records.
fn recorded(file: &Path) -> Result<Vec<Recorded>, String> {
    let mut all = Vec::new();
    for (place, line) in lines_of(file)? {
        let mut value = parse(&place, &line)?;
        if let Some(equal) = value.get("equal").and_then(Value::as_array) {
            let ids = equal.iter().filter_map(Value::as_str);
            all.extend(ids.map(|id| Recorded {
                id: id.to_owned(),
                expect: None,
                whole: None,
            }));
            continue;
        }
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let (Some(id), Some(expect)) = (id, value.get_mut("expect").map(Value::take)) else {
            return Err(format!(
                "{place}: expected `id` with `expect`, or `equal` with a list of names"
            ));
        };
        all.push(Recorded {
            id,
            expect: Some(expect),
            whole: value.get("nodes").is_some().then_some(value),
        });
    }
    Ok(all)
}

/// The cases of every folder that files are in.
fn cases_of(files: &[PathBuf]) -> Result<SortedMap<PathBuf, Cases>, String> {
    let mut known: SortedMap<PathBuf, Cases> = SortedMap::new();
    for file in files {
        let folder = folder_of(file);
        if !known.contains_key(folder) {
            let mut cases = Cases::new();
            read_cases(folder, &mut cases)?;
            for folder in folders_of_cases(folder) {
                read_cases(&folder, &mut cases)?;
            }
            known.insert(folder.to_path_buf(), cases);
        }
    }
    Ok(known)
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    let known = cases_of(files)?;
    let nothing = Cases::new();
    let mut rows: Vec<Row> = Vec::new();
    let mut judged: Vec<Judged<'_>> = Vec::new();
    let mut places: SortedMap<(&Path, String), usize> = SortedMap::new();
    for file in files {
        let release = release_of(file)?;
        let name = format!("kube-release-{release}");
        if !options.wants_row(FAMILY.name, &name) {
            continue;
        }
        let row = rows.iter().position(|row| row.release == release);
        let row = row.unwrap_or_else(|| {
            let report = FamilyReport::new(&name);
            rows.push(Row { release, report });
            rows.len() - 1
        });
        let folder = folder_of(file);
        let cases = known.get(folder).unwrap_or(&nothing);
        for own in wanted(file, options)? {
            let case = match (own.whole, cases.get(&own.id)) {
                (Some(whole), _) => Source::Whole(whole),
                (None, Some(line)) => Source::Line(line),
                (None, None) => Source::Absent,
            };
            if matches!(case, Source::Line(_)) {
                let key = (folder, own.id.clone());
                if let Some(&place) = places.get(&key) {
                    judged[place].releases.push((row, own.expect));
                    continue;
                }
                places.insert(key, judged.len());
            }
            judged.push(Judged {
                id: own.id,
                case,
                releases: vec![(row, own.expect)],
            });
        }
    }
    let releases: Vec<Release> = rows.iter().map(|row| row.release).collect();
    let outcomes: Vec<Vec<Verdict>> = judged
        .into_par_iter()
        .map(|own| judge_one(own, &releases))
        .collect();
    for verdict in outcomes.into_iter().flatten() {
        let report = &mut rows[verdict.row].report;
        match verdict.outcome {
            Outcome::Agrees => report.pass(),
            Outcome::Differs(words) => report.fail(|| words),
            Outcome::Absent(id) => report.leave_out(1, || {
                format!(
                    "{id}: no such case; put the files of `{CASES}` into a folder of that name \
                     beside that of the decisions"
                )
            }),
        }
    }
    rows.sort_by(|one, other| one.report.family.cmp(&other.report.family));
    Ok(rows.into_iter().map(|row| row.report).collect())
}

/// Judges decisions of releases through files.
fn open(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
) -> Result<Vec<(String, DoorReport)>, String> {
    let known = cases_of(files)?;
    let mut rows = Vec::new();
    for file in files {
        let release = release_of(file)?;
        let row = format!("kube-release-{release}");
        if !options.wants_row(FAMILY.name, &row) {
            continue;
        }
        let cases = known.get(folder_of(file));
        let mut all = recorded(file)?;
        all.retain(|own| options.wants(&own.id));
        let all = lines::choose(all, share, |_| row.clone(), |own| &own.id);
        let judge = |own: Recorded| -> Result<Said, String> {
            let line = || cases.and_then(|cases| cases.get(&own.id));
            let case = match (own.whole, line()) {
                (Some(whole), _) => whole,
                (None, Some(line)) => parse(&own.id, line)?,
                (None, None) => return Ok(Said::Unsaid("the case is in no file".to_owned())),
            };
            let expected = own.expect.as_ref().unwrap_or(&case["expect"]);
            let said = door::decide(&case, expected, release);
            Ok(said.unwrap_or_else(Said::Differs).of(&own.id))
        };
        let judged: Result<Vec<Said>, String> = all.into_par_iter().map(judge).collect();
        let mut report = DoorReport::default();
        judged?.into_iter().for_each(|said| report.count(said));
        rows.push((row, report));
    }
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(rows)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// The decisions of a file that are asked for, or a sample of them.
fn wanted(file: &Path, options: &VerifyOptions) -> Result<Vec<Recorded>, String> {
    let mut all = recorded(file)?;
    all.retain(|own| options.wants(&own.id));
    let step = options
        .sample
        .map_or(1, |sample| all.len().div_ceil(sample.max(1)).max(1));
    Ok(all.into_iter().step_by(step).collect())
}

/// Outcome of a decision, with the place of its row.
struct Verdict {
    row: usize,
    outcome: Outcome,
}

/// Whether a decision agrees.
#[derive(Clone)]
enum Outcome {
    Agrees,
    Differs(String),
    /// There is no case of this name.
    Absent(String),
}

fn judge_one(own: Judged<'_>, releases: &[Release]) -> Vec<Verdict> {
    let id = own.id;
    let read = match own.case {
        Source::Whole(case) => Ok(case),
        Source::Line(line) => parse(&id, line).map_err(Outcome::Differs),
        Source::Absent => Err(Outcome::Absent(id.clone())),
    };
    let read = read.and_then(|case| {
        let objects = CaseObjects::read(&id, &case);
        let objects = objects.map_err(|why| Outcome::Differs(format!("{id}: {why}")))?;
        Ok((case, objects))
    });
    let judge = |release: Release, expect: Option<Value>| {
        let (case, objects) = read.as_ref().map_err(Outcome::clone)?;
        let own = case.get("expect").unwrap_or(&Value::Null);
        let expected = expect.as_ref().unwrap_or(own);
        match decision::compare_read(&id, objects, case, expected, release.changes()) {
            Ok(differences) if differences.is_empty() => Ok(()),
            Ok(differences) => Err(Outcome::Differs(format!("{id}: {}", differences.told()))),
            Err(why) => Err(Outcome::Differs(format!("{id}: {why}"))),
        }
    };
    let verdicts = own.releases.into_iter().map(|(row, expect)| Verdict {
        row,
        outcome: judge(releases[row], expect)
            .err()
            .unwrap_or(Outcome::Agrees),
    });
    verdicts.collect()
}

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

use super::cases::{RELEASES, has_json_lines, is_of_release, release_of};
use super::kube_scheduler::decision;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use trace::Input;

/// Decisions of other releases of the Kubernetes scheduler.
pub const FAMILY: Family = Family {
    name: RELEASES,
    summary: "decisions of kube-scheduler 1.30 to 1.36 on the same cases, by the switches of each release",
    claims,
    kinds: KINDS,
    judge: Judge::Several(judge),
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
        for (place, line) in lines(&file)? {
            let case: Value = parse(&place, &line)?;
            if let Some(id) = case.get("id").and_then(Value::as_str) {
                cases.insert(id.to_owned(), line);
            }
        }
    }
    Ok(())
}

fn lines(file: &Path) -> Result<Vec<(String, String)>, String> {
    let text = Input::path(file).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    let numbered = text.lines().enumerate();
    let filled = numbered.filter(|(_, line)| !line.trim().is_empty());
    let placed = filled.map(|(number, line)| {
        let place = format!("{}:{}", file.display(), number + 1);
        (place, line.to_owned())
    });
    Ok(placed.collect())
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

/// The decisions that a file records.
fn recorded(file: &Path) -> Result<Vec<Recorded>, String> {
    let mut all = Vec::new();
    for (place, line) in lines(file)? {
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

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    let mut known: SortedMap<PathBuf, Cases> = SortedMap::new();
    let mut reports: SortedMap<String, FamilyReport> = SortedMap::new();
    for file in files {
        let release = release_of(file)?;
        let row = format!("kube-release-{release}");
        if !options.wants_row(FAMILY.name, &row) {
            continue;
        }
        let folder = file.parent().unwrap_or(Path::new(".")).to_path_buf();
        if !known.contains_key(&folder) {
            let mut cases = Cases::new();
            read_cases(&folder, &mut cases)?;
            for folder in folders_of_cases(&folder) {
                read_cases(&folder, &mut cases)?;
            }
            known.insert(folder.clone(), cases);
        }
        let nothing = Cases::new();
        let cases = known.get(&folder).unwrap_or(&nothing);
        let report = reports
            .entry(row)
            .or_insert_with_key(|row| FamilyReport::new(row));
        report.merge(judge_file(file, release, cases, options)?);
    }
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

fn judge_file(
    file: &Path,
    release: Release,
    cases: &Cases,
    options: &VerifyOptions,
) -> Result<FamilyReport, String> {
    let mut all = recorded(file)?;
    all.retain(|own| options.wants(&own.id));
    let step = options
        .sample
        .map_or(1, |sample| all.len().div_ceil(sample.max(1)).max(1));
    let outcomes: Vec<Result<(), Verdict>> = all
        .into_par_iter()
        .step_by(step)
        .map(|own| judge_one(own, release, cases))
        .collect();
    let mut report = FamilyReport::new(&format!("kube-release-{release}"));
    for outcome in outcomes {
        match outcome {
            Ok(()) => report.pass(),
            Err(Verdict::Differs(words)) => report.fail(|| words),
            Err(Verdict::Absent(id)) => report.leave_out(1, || {
                format!(
                    "{id}: no such case; put the files of `{CASES}` into a folder of that name \
                     beside that of `{}`",
                    file.display()
                )
            }),
        }
    }
    Ok(report)
}

/// Verdict on a decision that does not agree.
enum Verdict {
    Differs(String),
    /// There is no case of this name.
    Absent(String),
}

fn judge_one(own: Recorded, release: Release, cases: &Cases) -> Result<(), Verdict> {
    let id = own.id;
    let mut case = match (own.whole, cases.get(&id)) {
        (Some(whole), _) => whole,
        (None, Some(line)) => parse(&id, line).map_err(Verdict::Differs)?,
        (None, None) => return Err(Verdict::Absent(id)),
    };
    if let Some(expect) = own.expect {
        case["expect"] = expect;
    }
    match decision::compare(&id, &case, release.changes()) {
        Ok(differences) if differences.is_empty() => Ok(()),
        Ok(differences) => Err(Verdict::Differs(format!("{id}: {}", differences.told()))),
        Err(why) => Err(Verdict::Differs(format!("{id}: {why}"))),
    }
}

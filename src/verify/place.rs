//! Number of further pods that fit in a dumped cluster, recorded from the Kubernetes scheduler: an
//! answer a line, `case`, `dump` and `pod` (files beside it), `fits` and `finalMessage`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::door::Door;
use super::{Family, FamilyReport, Judge, VerifyOptions};
use intake::Input;
use k8s::AdmissionClasses;
use lab::place::{MOST, Stop, place};
use lab::snapshot::profile::{profile_of, read_profiles};
use lab::snapshot::{Snapshot, SnapshotError, SnapshotOptions, read_pod};
use model::{Changes, Release};

/// Replicas that fit in dumps.
pub const FAMILY: Family = Family {
    name: "place",
    summary: "number of further replicas that fit in a dumped cluster, and the verdict on the \
        next one",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Same,
};

/// A recorded answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    case: String,
    dump: Files,
    pod: String,
    fits: u64,
    final_message: String,
}

/// One file or folder, or several.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
enum Files {
    One(String),
    Several(Vec<String>),
}

impl Files {
    fn paths(&self, folder: &Path) -> Vec<PathBuf> {
        match self {
            Self::One(name) => vec![folder.join(name)],
            Self::Several(names) => names.iter().map(|name| folder.join(name)).collect(),
        }
    }
}

/// Whether the first line of a file is an answer.
fn claims(path: &Path) -> bool {
    let name = super::file_name(path);
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    if Path::new(plain)
        .extension()
        .is_none_or(|own| own != "jsonl")
    {
        return false;
    }
    let first = Input::path(path).lines().and_then(|mut lines| {
        let line = lines.next_line()?;
        Ok(line.is_some_and(|(_, line)| serde_json::from_slice::<Answer>(line).is_ok()))
    });
    first.unwrap_or(false)
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    // Answers of one dump follow each other; it is read once for all of them.
    let mut known: Option<(Vec<PathBuf>, Snapshot)> = None;
    for file in files {
        let text = Input::path(file).read_to_string();
        let text = text.map_err(|error| error.to_string())?;
        let folder = file.parent().unwrap_or(Path::new(""));
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let answer: Answer = serde_json::from_str(line)
                .map_err(|error| format!("{}:{number}: {error}", file.display()))?;
            if !options.wants(&answer.case) {
                continue;
            }
            let dump = answer.dump.paths(folder);
            if known.as_ref().is_none_or(|(paths, _)| *paths != dump) {
                let snapshot_options = SnapshotOptions {
                    traces_dirs: &options.traces,
                    release: Some(Release::default()),
                    ..SnapshotOptions::default()
                };
                let snapshot = Snapshot::read(&dump, &snapshot_options);
                known = Some((dump, snapshot.map_err(|error| error.to_string())?));
            }
            let Some((_, snapshot)) = &mut known else {
                continue;
            };
            let compared = compare(&answer, folder, snapshot);
            report.case(compared.map_err(|words| format!("{}: {words}", answer.case)));
        }
    }
    Ok(report)
}

fn compare(answer: &Answer, folder: &Path, snapshot: &mut Snapshot) -> Result<(), String> {
    let (fits, message) = decide(answer, folder, snapshot).map_err(|error| error.to_string())?;
    if fits != answer.fits {
        let recorded = answer.fits;
        return Err(format!("fits: recorded {recorded}, decided {fits}"));
    }
    if message != answer.final_message {
        return Err(format!(
            "finalMessage: recorded `{}`, decided `{message}`",
            answer.final_message
        ));
    }
    Ok(())
}

fn decide(
    answer: &Answer,
    folder: &Path,
    snapshot: &mut Snapshot,
) -> Result<(u64, String), SnapshotError> {
    // The recorded answers are those of pods with priority 0, whatever classes the dump has.
    let admission = AdmissionClasses::default();
    let (pod, _) = read_pod(&folder.join(&answer.pod), &admission)?;
    snapshot.name_namespace(pod.namespace());
    let pod = snapshot.pod_info(&pod)?;
    let (profiles, _) = read_profiles(None, Changes::default())?;
    let placement = place(&snapshot.cache, profile_of(&profiles, &pod)?, &pod, MOST)?;
    let message = match placement.stop {
        Stop::NoNode(message) | Stop::Refused(message) => message,
        Stop::Enough => String::new(),
    };
    Ok((placement.fits, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_answers_are_those_decided() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/place");
        let file = folder.join("answers.jsonl");
        if !file.exists() {
            println!("skipped: needs ../shared/vectors/place");
            return;
        }
        assert!(claims(&file));
        assert!(!claims(&folder.join("dump.json.gz")));
        let report = judge(&[file], &VerifyOptions::default()).expect("files that can be read");
        assert_eq!(report.failed, 0, "{:?}", report.disagreements);
        assert_eq!(report.passed, 2);
    }
}

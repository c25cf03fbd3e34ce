//! Decisions recorded from Kueue, held against the machine that runs use: flavors, preemption by
//! priority and by fair shares, places in topologies, and whole runs of its queues; and those of the
//! device allocator of kube-scheduler.
//!
//! A file is one JSON object a line. What a case declares goes through the manifest reader; a case
//! passes only if everything it records agrees, messages included.

mod decision;
mod devices;
mod door;
mod sequence;
mod world;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cases::{Outcome, first_case, has_json_lines, judge_lines};
use super::{Family, FamilyReport, Judge, VerifyOptions};
use crate::door::Door;

/// Decisions of Kueue.
pub const FAMILY: Family = Family {
    name: "kueue",
    summary: "decisions of Kueue and of the device allocator: quotas, preemption, topologies, claims",
    claims,
    kinds: KINDS,
    judge: Judge::Several(judge),
    door: Door::Judge(door::judge),
};

/// Kinds of cases in the recordings, as they are printed.
const KINDS: &[&str] = &[
    "kueue-classic",
    "kueue-dra",
    "kueue-fair",
    "kueue-flavor",
    "kueue-sequence",
    "kueue-sequence-checks",
    "kueue-sequence-podsready",
    "kueue-tas",
    "kueue-tas-preempt",
];

/// Whether a file belongs here: in a folder of the family's name, or by what its first line holds.
fn claims(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    let is_recording = || {
        let case = first_case(path);
        case.is_some_and(|case| case.get("clusterQueues").is_some() && case.get("id").is_some())
    };
    has_json_lines(path) && (folder.is_some_and(|folder| folder == FAMILY.name) || is_recording())
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    judge_lines(files, options, |place, case| {
        judge_case(place, case, options)
    })
}

fn judge_case(
    place: &str,
    case: &Value,
    options: &VerifyOptions,
) -> Result<Option<(String, Outcome)>, String> {
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let id = text("id").unwrap_or(place);
    let is_of_devices = case.get("resourceSlices").is_some();
    let family = text("family").or(is_of_devices.then_some("dra"));
    let family = family.ok_or_else(|| format!("{place}: expected a case with `family`"))?;
    let row = format!("kueue-{family}");
    if !options.wants(id) || !options.wants_row(FAMILY.name, &row) {
        return Ok(None);
    }
    let compared = if is_of_devices {
        devices::compare(case)
    } else if case.get("steps").is_some() {
        sequence::compare(case)
    } else {
        decision::compare(case)
    };
    let outcome = match compared {
        Ok(differences) => differences.outcome(id),
        Err(why) => Outcome::Differs(format!("{id}: {why}")),
    };
    Ok(Some((row, outcome)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_allocations_of_devices_agree() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/kueue");
        let file = data.join("dra.jsonl.gz");
        assert!(claims(&file));
        let reports = judge(&[file], &VerifyOptions::default()).expect("cases");
        let [report] = reports.as_slice() else {
            panic!("{reports:#?}");
        };
        assert_eq!(report.family, "kueue-dra");
        assert_eq!(
            (report.passed, report.failed, report.unsupported),
            (195, 0, 0),
            "{report:#?}"
        );
    }
}

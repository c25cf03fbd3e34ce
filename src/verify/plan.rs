//! Plans of clusters, read a second time as `windtunnel plan --verify` does.

use std::path::{Path, PathBuf};

use super::door::Door;
use super::{Family, FamilyReport, Judge, VerifyOptions};
use lab::plan_audit::{Dump, cases};

/// Plans with their proofs.
pub const FAMILY: Family = Family {
    name: "plan",
    summary: "plans of clusters: room, rules and the proof of their bound, added up again",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Same,
};

/// Whether a file is the answer of a plan.
fn claims(path: &Path) -> bool {
    super::file_name(path) == "plan.json"
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    for file in files {
        for (name, outcome) in cases(file, Dump::default(), &options.traces)? {
            let name = format!("{}: {name}", file.display());
            if options.wants(&name) {
                report.case(outcome.map_err(|words| format!("{name}: {words}")));
            }
        }
    }
    Ok(report)
}

//! Decisions recorded from the controllers and autoscalers of Kubernetes (spec: kubernetes.md
//! parts 2 to 4): one file of JSON lines a family, one module here a family. A case is
//! `{family, id, input, expect}` or `{family, id, input, steps}`.

mod hpa_calc;
mod hpa_normalize;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Family, FamilyReport, Judge, VerifyOptions, cases};

/// Decisions of the controllers of Kubernetes.
pub const FAMILY: Family = Family {
    name: "kube-controllers",
    summary: "decisions of the controllers and autoscalers of Kubernetes",
    claims,
    judge: Judge::Several(judge),
};

/// Holds a case against what is decided here.
type Compare = fn(&Value) -> Result<(), String>;

/// Every family of cases, by name.
const CASES: &[(&str, Compare)] = &[
    ("hpa-calc", hpa_calc::compare),
    ("hpa-normalize", hpa_normalize::compare),
];

fn compare_of(case: &Value) -> Option<Compare> {
    let family = case.get("family").and_then(Value::as_str)?;
    let known = CASES.iter().find(|(name, _)| *name == family);
    known.map(|(_, compare)| *compare)
}

/// Whether the first case of a file is of a family known here.
fn claims(path: &Path) -> bool {
    cases::first(path)
        .is_some_and(|case| case.get("input").is_some() && compare_of(&case).is_some())
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    cases::judge(files, options, str::to_owned, |_, case| {
        let compare = compare_of(case).ok_or("the family of this case is not known")?;
        compare(case)
    })
}

//! Bins as empty nodes that are filled one pod after the other: first fit and best fit.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cases::Differences;
use crate::door::Said;
use crate::door::folder::Folder;
use crate::door::watch::Step;

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let capacity = case["nodes"]["capacity"].as_u64().unwrap_or_default();
    let sizes = case["requests"].as_array().into_iter().flatten();
    let sizes: Vec<u64> = sizes.filter_map(Value::as_u64).collect();
    let mut differences = Differences::default();
    // Of the others, one looks at a single open bin, and one opens a bin where a node would be empty.
    for (rule, profile) in [("ff", "first-fit"), ("bf", "best-fit")] {
        let recorded = &case["expected"][rule]["place"];
        if recorded.is_null() {
            continue;
        }
        let places = fill(&sizes, capacity, profile)?;
        differences.field(rule, Some(recorded), &json!(places));
    }
    Ok(if differences.is_empty() {
        Said::Agrees
    } else {
        Said::Differs(differences.told())
    })
}

/// The bin of each item, numbered by the order in which bins get their first.
fn fill(sizes: &[u64], capacity: u64, profile: &str) -> Result<Vec<usize>, String> {
    let mut table = "submit,name,cpu\n".to_owned();
    for (place, size) in sizes.iter().enumerate() {
        let _ = writeln!(table, "{place},i{place},{size}");
    }
    let mut folder = Folder::default();
    folder.text("items.csv", table);
    let template = json!({"allocatable": {"cpu": capacity, "memory": "1Gi", "pods": 1_000}});
    let nodes = json!([{"count": sizes.len(), "template": template}]);
    folder.set("cluster", json!({"nodes": nodes}));
    folder.push(
        "workload",
        json!({"trace": {"format": "csv", "path": "items.csv"}}),
    );
    folder.set(
        "system",
        json!({"name": "pipeline", "scheduler": {"profile": profile, "tieBreak": "first"}}),
    );
    folder.set("stop", json!({"at": format!("{}s", sizes.len() + 1)}));
    let watch = folder.watch()?;
    let mut bins: Vec<&str> = Vec::new();
    let mut places = Vec::new();
    for own in &watch.pods {
        let Step::Bound(node) = &own.step else {
            continue;
        };
        let place = bins.iter().position(|known| known == node);
        places.push(place.unwrap_or_else(|| {
            bins.push(node);
            bins.len() - 1
        }));
    }
    Ok(places)
}

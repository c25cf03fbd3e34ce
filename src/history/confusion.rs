//! Injected failures against the faults of workloads according to the diagnosis (orchestrators-a.md
//! 9.4, measures): a table, and the time until something was diagnosed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FaultEntry, IncidentList};
use units::SortedMap;

/// A fault that begins within this time after a failure is over still comes of it.
const LATE_NS: i64 = 300_000_000_000;

/// Count of the faults with one injected failure and one diagnosis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfusionEntry {
    /// Injected failure; empty for faults without an injected failure.
    pub injected: String,
    /// Diagnosed cause; empty for failures that affected no workload.
    pub diagnosed: String,
    /// Number of faults of workloads, or of failures without one.
    pub count: u64,
    /// Average time from the failure to the fault, in seconds.
    pub delay_s: Option<f64>,
}

/// Each fault belongs to the failure that began last before it, of those that last or have just ended.
pub(super) fn confusion(incidents: &IncidentList, faults: &[FaultEntry]) -> Vec<ConfusionEntry> {
    if incidents.listed.is_empty() {
        return Vec::new();
    }
    let mut cells: SortedMap<(&str, &str), (u64, i64)> = SortedMap::new();
    let mut has_fault = vec![false; incidents.listed.len()];
    for fault in faults {
        let before = incidents.listed.iter().enumerate().filter(|(_, own)| {
            let until = own.to_ns.map_or(i64::MAX, |to| to.saturating_add(LATE_NS));
            own.from_ns <= fault.since_ns && fault.since_ns <= until
        });
        let last = before.max_by_key(|(place, own)| (own.from_ns, *place));
        let (what, delay) = last.map_or(("", 0), |(place, own)| {
            has_fault[place] = true;
            (own.what.as_str(), fault.since_ns - own.from_ns)
        });
        let cell = cells.entry((what, &fault.cause)).or_default();
        cell.0 += 1;
        cell.1 += delay;
    }
    for (own, has_fault) in incidents.listed.iter().zip(has_fault) {
        if !has_fault {
            cells.entry((&own.what, "")).or_default().0 += 1;
        }
    }
    let entry =
        |((injected, diagnosed), (count, nanos)): ((&str, &str), (u64, i64))| ConfusionEntry {
            injected: injected.to_owned(),
            diagnosed: diagnosed.to_owned(),
            count,
            delay_s: (!injected.is_empty() && !diagnosed.is_empty())
                .then(|| nanos as f64 / count as f64 / 1e9),
        };
    cells.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IncidentEntry;

    #[test]
    fn faults_are_counted_by_what_was_made_to_fail() {
        let secs = |secs: i64| secs * 1_000_000_000;
        let incident = |what: &str, from, to: Option<i64>| IncidentEntry {
            from_ns: secs(from),
            to_ns: to.map(secs),
            what: what.to_owned(),
            ..IncidentEntry::default()
        };
        let incidents = IncidentList {
            total: 3,
            listed: vec![
                incident("down", 100, Some(200)),
                incident("slow", 150, None),
                incident("slow API", 9_000, None),
            ],
        };
        let fault = |cause: &str, since| FaultEntry {
            cause: cause.to_owned(),
            since_ns: secs(since),
            ..FaultEntry::default()
        };
        let faults = [
            fault("NodeLost", 140),
            fault("NodeLost", 120),
            fault("ProbeFailed", 160),
            fault("CrashLoop", 50),
        ];
        let found: Vec<(String, String, u64, Option<f64>)> = (confusion(&incidents, &faults))
            .into_iter()
            .map(|own| (own.injected, own.diagnosed, own.count, own.delay_s))
            .collect();
        let row = |injected: &str, diagnosed: &str, count, delay| {
            (injected.to_owned(), diagnosed.to_owned(), count, delay)
        };
        assert_eq!(
            found,
            [
                row("", "CrashLoop", 1, None),
                row("down", "NodeLost", 2, Some(30.0)),
                row("slow", "ProbeFailed", 1, Some(10.0)),
                row("slow API", "", 1, None),
            ]
        );
        assert!(confusion(&IncidentList::default(), &faults).is_empty());
    }
}

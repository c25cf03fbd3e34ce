//! Kinds of change with their times, as recordings and runs have them.

use units::SortedMap;

/// A kind of change: which object or group of pods, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    /// Object or group, such as `Pod web-rs1` or `Node n2`.
    pub(super) what: String,
    /// Change, such as `created` or `condition Complete=True:CompletionsReached`.
    pub(super) change: String,
}

/// The times of every kind of change, in milliseconds, each list in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows(pub(super) SortedMap<Row, Vec<i64>>);

impl Rows {
    /// A change happens, later than those of its kind before, if it is one that is judged.
    pub(super) fn add(&mut self, millis: i64, what: impl Into<String>, change: impl Into<String>) {
        let row = Row {
            what: what.into(),
            change: change.into(),
        };
        if is_judged(&row) {
            self.0.entry(row).or_default().push(millis);
        }
    }

    /// Puts the times of every kind in order.
    pub(super) fn sort(&mut self) {
        self.0.values_mut().for_each(|times| times.sort_unstable());
    }
}

/// Conditions of a Deployment that are judged: the others come and go with every group of pods that a
/// controller happens to see together.
const PROGRESS: [&str; 2] = [
    "condition Progressing=True:NewReplicaSetAvailable",
    "condition Progressing=False:ProgressDeadlineExceeded",
];

/// Whether both sides show a kind of change. Events of the API and nominations are records that the
/// simulator has no objects for.
fn is_judged(row: &Row) -> bool {
    let kind = row.what.split(' ').next().unwrap_or_default();
    let change = row.change.as_str();
    match kind {
        "Deployment" if change.starts_with("condition") => PROGRESS.contains(&change),
        "ReplicaSet" => !change.starts_with("condition"),
        "Pod" => change != "nominated",
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "Node" => true,
        _ => false,
    }
}

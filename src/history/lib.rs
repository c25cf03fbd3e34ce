//! The course of a run as the report draws it: `report.json`, what goes beyond `summary.json`, small
//! whatever the length of a run.
//!
//! It is collected while a run goes on ([`Collector`]) and kept, so that a finished run can be
//! drawn again. Everything that grows with a run is put together to a fixed number of parts:
//! columns of time, rows of nodes, bars of pods. How many of what a part stands for is always said
//! beside it, and so is what was left out.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use intake::Input;

mod alarms;
mod collector;
mod confusion;
mod grid;
mod incidents;
mod pods;
mod pulls;
mod rounding;
mod series;
mod spending;
#[cfg(test)]
mod tests;
mod traffic;
mod waiting;
mod workloads;

pub use alarms::{AlarmData, AlertEntry, FaultEntry, NotificationEntry};
pub use collector::Collector;
pub use confusion::ConfusionEntry;
pub use series::SeriesData;
pub use traffic::{TrafficData, TrafficEntry};
pub use waiting::{WAITING_MAX, WaitingList, WaitingPods};
pub use workloads::ReplicaChange;

/// The version of this schema.
pub const REPORT_DATA_VERSION: u32 = 1;

/// The name of the file in a result folder.
pub const REPORT_DATA_FILE: &str = "report.json";

/// Most columns of time of the series.
pub const SERIES_COLUMNS_MAX: usize = 400;
/// Most columns of time of the heat map.
pub const HEAT_COLUMNS_MAX: usize = 200;
/// Most rows of nodes of the heat map.
pub const HEAT_ROWS_MAX: usize = 100;
/// Most bars of the timeline.
pub const BARS_MAX: usize = 500;
/// Most nodes, and most events of nodes, that are listed one by one.
pub const NODES_MAX: usize = 2_000;
/// Most failures that are listed.
pub const INCIDENTS_MAX: usize = 1_000;
/// Most workloads whose ready pods are drawn.
pub const WORKLOADS_MAX: usize = 24;
/// Most marks on the time line.
pub const MARKS_MAX: usize = 200;
/// Most pods listed one by one, over all variants of an experiment.
pub const PODS_MAX: usize = 12_000;

/// Report data of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportData {
    /// Version of this schema.
    pub schema_version: u32,
    /// One entry per variant, in written order.
    pub variants: Vec<VariantData>,
}

/// Reason `report.json` can't be read.
#[derive(Debug, Error)]
#[error(
    "{}: {reason}; the file was changed, cut off or damaged: run the experiment again",
    path.display()
)]
pub struct ReportDataError {
    /// The file.
    pub path: PathBuf,
    /// The problem.
    pub reason: String,
}

/// Reads `report.json` of a result folder, whose variants have these names; empty where a run of an
/// older program left none.
///
/// # Errors
/// If the file is damaged, from the future or of another run. It comes from disk, so none of it is
/// taken on trust.
pub fn read(folder: &Path, variants: &[&str]) -> Result<ReportData, ReportDataError> {
    let path = folder.join(REPORT_DATA_FILE);
    if !path.exists() {
        return Ok(ReportData::default());
    }
    let failed = |reason: String| ReportDataError {
        path: path.clone(),
        reason,
    };
    let text = Input::path(&path)
        .read_to_string()
        .map_err(|error| failed(error.to_string()))?;
    let data: ReportData =
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    data.check(variants).map_err(failed)?;
    Ok(data)
}

impl ReportData {
    /// Checks that a run with these variants left the data.
    fn check(&self, variants: &[&str]) -> Result<(), String> {
        if self.schema_version != REPORT_DATA_VERSION {
            let found = self.schema_version;
            return Err(format!(
                "`schemaVersion` is {found}, expected {REPORT_DATA_VERSION}"
            ));
        }
        let names = self.variants.iter().map(|variant| variant.name.as_str());
        if !names.eq(variants.iter().copied()) {
            return Err("its variants are not those of the summary".to_owned());
        }
        self.variants.iter().try_for_each(VariantData::check)
    }

    /// Text of the file: JSON without blanks, a line per variant.
    pub fn to_json(&self) -> String {
        let mut text = format!("{{\"schemaVersion\":{},\"variants\":[", self.schema_version);
        for (index, variant) in self.variants.iter().enumerate() {
            text.push_str(if index == 0 { "\n" } else { ",\n" });
            let json = serde_json::to_string(variant);
            text.push_str(&json.expect("invariant: plain data with text keys becomes JSON"));
        }
        text.push_str("\n]}\n");
        text
    }
}

/// Report data of one variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariantData {
    /// The variant's name.
    pub name: String,
    /// Simulated time at the end, in nanoseconds.
    pub end_ns: i64,
    /// State over time.
    pub series: SeriesData,
    /// Pending time of pods.
    pub pending: PendingData,
    /// Allocation of nodes over time.
    pub heat: HeatData,
    /// Pods over time.
    pub timeline: TimelineData,
    /// Pods one by one.
    pub pods: PodList,
    /// Nodes one by one.
    pub nodes: NodeList,
    /// Events of nodes.
    pub events: EventList,
    /// Failures of the run.
    #[serde(default, skip_serializing_if = "IncidentList::is_empty")]
    pub incidents: IncidentList,
    /// Ready pods of workloads over time.
    #[serde(default, skip_serializing_if = "WorkloadList::is_empty")]
    pub workloads: WorkloadList,
    /// Marks on the time line: operations of users and failures.
    #[serde(default, skip_serializing_if = "MarkList::is_empty")]
    pub marks: MarkList,
    /// Requests of clients, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficData>,
    /// Alerts and diagnosed faults, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarms: Option<AlarmData>,
    /// Pods that wait for a node at the end, if any.
    #[serde(default, skip_serializing_if = "WaitingList::is_empty")]
    pub waiting: WaitingList,
}

impl VariantData {
    /// Whether lists that belong together are of one length, and none is longer than it can be.
    fn check(&self) -> Result<(), String> {
        let series = &self.series;
        let columns = series.pending.len();
        let heat = &self.heat;
        let listed = [
            self.pods.listed.len(),
            self.nodes.listed.len(),
            self.events.listed.len(),
            self.incidents.listed.len(),
        ];
        let totals = [
            self.pods.total,
            self.nodes.total,
            self.events.total,
            self.incidents.total,
        ];
        let is_sound = columns <= SERIES_COLUMNS_MAX
            && series.column_ns >= 0
            && series.is_sound(columns)
            && self.pending.bounds_ns.len() == self.pending.within.len()
            && self.pending.bounds_ns.is_sorted()
            && self.pending.within.is_sorted()
            && heat.column_ns >= 0
            && heat.columns <= HEAT_COLUMNS_MAX
            && heat.rows.len() <= HEAT_ROWS_MAX
            && (heat.rows.iter()).all(|row| row.percent.len() == heat.columns)
            && self.workloads.is_sound()
            && self.marks.listed.len() <= MARKS_MAX
            && self.marks.listed.len() as u64 <= self.marks.total
            && self.timeline.bars.len() <= BARS_MAX
            && listed
                .iter()
                .zip(totals)
                .all(|(listed, total)| *listed as u64 <= total)
            && self.traffic.as_ref().is_none_or(TrafficData::is_sound)
            && self.waiting.is_sound()
            && self.end_ns >= 0;
        if is_sound {
            return Ok(());
        }
        Err(format!(
            "the lists of the variant `{}` do not belong together",
            self.name
        ))
    }
}

/// Ready pods of workloads over time: means over columns of equal width, weighted by time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadList {
    /// Workloads that there ever were; if more than are listed, the later ones are missing here.
    pub total: u64,
    /// Width of a column in nanoseconds; the first begins at 0, the last may be shorter.
    pub column_ns: i64,
    /// The listed ones.
    pub listed: Vec<WorkloadSeries>,
}

/// One workload over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSeries {
    /// `KIND/NAMESPACE/NAME`.
    pub name: String,
    /// Pods that it wants.
    pub desired: Vec<f64>,
    /// Pods that are ready.
    pub ready: Vec<f64>,
    /// Changes of both numbers; none where there are too many to keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ReplicaChange>,
}

impl WorkloadList {
    fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn is_sound(&self) -> bool {
        let lists = self.listed.iter();
        let mut lists = lists.flat_map(|one| [one.desired.len(), one.ready.len()]);
        let columns = lists.next().unwrap_or(0);
        columns <= SERIES_COLUMNS_MAX
            && lists.all(|length| length == columns)
            && self.column_ns >= 0
            && self.listed.len() <= WORKLOADS_MAX
            && self.listed.len() as u64 <= self.total
    }
}

/// External events, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarkList {
    /// Marks that there were; if more than are listed, the later ones are missing here.
    pub total: u64,
    /// The listed ones.
    pub listed: Vec<MarkEntry>,
}

impl MarkList {
    fn is_empty(&self) -> bool {
        self.total == 0
    }
}

/// Something that happened from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarkEntry {
    /// Instant, in nanoseconds.
    pub at_ns: i64,
    /// `operation`, `failure`, `repair`, `scale-up`, `scale-down` or `rollout`.
    pub kind: String,
    /// Description of the event.
    pub what: String,
}

/// Pending time of pods: exact counts at fixed bounds, 16 to a factor of ten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingData {
    /// Pods created.
    pub pods: u64,
    /// Pods that were given a node.
    pub placed: u64,
    /// Upper bounds in nanoseconds, ascending; the first is 0 (placed at once).
    pub bounds_ns: Vec<i64>,
    /// Pods that were given a node within each bound of their creation.
    pub within: Vec<u64>,
    /// The longest wait of a pod that was given a node, in nanoseconds.
    pub longest_ns: Option<i64>,
}

/// Allocation of nodes over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeatData {
    /// Resource shown: `gpu` where a node has one, else `cpu`.
    pub resource: String,
    /// Width of a column in nanoseconds; the first begins at 0, the last may be shorter.
    pub column_ns: i64,
    /// Number of columns.
    pub columns: usize,
    /// Number of nodes, consecutive in the cluster's order, that share a row.
    pub nodes_per_row: usize,
    /// One entry per row.
    pub rows: Vec<HeatRow>,
}

/// One row of the heat map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeatRow {
    /// The row's first node.
    pub first: String,
    /// The row's last node.
    pub last: String,
    /// Allocated share in percent by column, weighted by time; `null` while no node of the row is
    /// up or none has the resource.
    pub percent: Vec<Option<u8>>,
}

/// Pods over time, in the order of their creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineData {
    /// Number of pods, consecutive in their creation, that share a bar.
    pub pods_per_bar: u64,
    /// One entry per bar.
    pub bars: Vec<Bar>,
}

/// One bar of the timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bar {
    /// The name of its first pod.
    pub name: String,
    /// Pods of the bar.
    pub pods: u64,
    /// Pods of the bar that were given a node.
    pub placed: u64,
    /// Pods of the bar that succeeded.
    pub succeeded: u64,
    /// Pods of the bar that ended otherwise.
    pub failed: u64,
    /// Mean instant at which its pods were created, in nanoseconds.
    pub submit_ns: i64,
    /// Mean instant at which those of its pods that got a node were given it, in nanoseconds.
    pub bound_ns: Option<i64>,
    /// Mean instant at which its pods ended, in nanoseconds; `null` while one lives.
    pub end_ns: Option<i64>,
}

/// Pods one by one: those that were pending longest, in the order of their creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodList {
    /// Pods created; if more than are listed, the others are in the table of pods only.
    pub total: u64,
    /// The listed ones.
    pub listed: Vec<PodEntry>,
}

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodEntry {
    /// The pod's name.
    pub name: String,
    /// Instant of the pod's creation, in nanoseconds.
    pub submit_ns: i64,
    /// Instant at which the pod was given a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_ns: Option<i64>,
    /// Instant at which the pod began to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ns: Option<i64>,
    /// Instant at which the pod ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ns: Option<i64>,
    /// The node it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Outcome, as in the table of pods.
    pub outcome: String,
}

/// Nodes one by one, in the order of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeList {
    /// Nodes that there ever were; if more than are listed, the later ones are missing here.
    pub total: u64,
    /// The listed ones.
    pub listed: Vec<NodeEntry>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeEntry {
    /// The node's name.
    pub name: String,
    /// Pods that were given to it.
    pub pods: u64,
    /// Allocated share of the heat map's resource over its time up, in percent.
    pub mean_percent: Option<f64>,
    /// Allocated share at the end of the run, in percent; `null` if the node is not up.
    pub end_percent: Option<f64>,
}

/// Events of nodes after the run's first instant, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// Events that there were; if more than are listed, the later ones are missing here.
    pub total: u64,
    /// The listed ones.
    pub listed: Vec<NodeEventEntry>,
}

/// Failures in the world, in order of their start, whether or not the control plane noticed them.
/// Failures of one kind that start at one instant share an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentList {
    /// Entries that there were; if more than are listed, the later ones are missing here.
    pub total: u64,
    /// The listed ones.
    pub listed: Vec<IncidentEntry>,
}

impl IncidentList {
    fn is_empty(&self) -> bool {
        self.total == 0
    }
}

/// Something that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentEntry {
    /// Instant of the beginning, in nanoseconds.
    pub from_ns: i64,
    /// Instant at which the last of the incident was over; `null` if some of it lasts to the end.
    pub to_ns: Option<i64>,
    /// Kind of failure: `down`, `cut off`, `slow`, `disk full`, `drained`, `taken back`,
    /// `upgraded`, or a fault of the control plane.
    pub what: String,
    /// Number of nodes; 0 if it is about none.
    pub nodes: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first: String,
}

/// Something that happened to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeEventEntry {
    /// Instant, in nanoseconds.
    pub at_ns: i64,
    /// The node.
    pub node: String,
    /// Kind of event: `joined`, `changed`, `up`, `down` or `left`.
    pub what: String,
}

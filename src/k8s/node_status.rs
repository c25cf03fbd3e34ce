//! State of a node as its status and its taints report it: whether it is ready, when it was last heard, and
//! since when its taints act.

use super::field::parse_unix_secs;
use super::raw;
use model::node::{NOT_READY_TAINT, UNREACHABLE_TAINT};
use model::{Taint, TaintEffect, Text};

/// State of a node as a dump reports it. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// Whether the control plane has lost contact: the condition `Ready` is neither true nor false.
    pub is_silent: bool,
    /// Whether the node itself says that it is not ready.
    pub is_unready: bool,
    /// Time at which the node last posted its status.
    pub heard: Option<i64>,
    /// Times at which taints that evict pods were added, by key.
    pub taints: Vec<(Text, i64)>,
}

/// What a node reports beyond its objects; `None` if that is nothing.
pub(super) fn report(
    spec: &raw::NodeSpec,
    status: &raw::NodeStatus,
    taints: &[Taint],
) -> Option<NodeReport> {
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Ready");
    let heard = ready.and_then(|ready| ready.last_heartbeat_time.as_deref());
    let added = spec.taints.iter().zip(taints).filter_map(|(raw, taint)| {
        let added = raw.time_added.as_deref().and_then(parse_unix_secs)?;
        // Others act on nothing that is there already.
        (taint.effect == TaintEffect::NoExecute).then_some(())?;
        Some((taint.key.clone(), added))
    });
    let status = ready.map(|own| own.status.as_str());
    // The node controller marks nodes by taints, which stand for a condition that a file lacks.
    let is_marked = |key: &str| ready.is_none() && taints.iter().any(|taint| &*taint.key == key);
    let report = NodeReport {
        is_silent: status == Some("Unknown") || is_marked(UNREACHABLE_TAINT),
        is_unready: status == Some("False") || is_marked(NOT_READY_TAINT),
        heard: heard.and_then(parse_unix_secs),
        taints: added.collect(),
    };
    let says_more = report.is_silent || report.is_unready || !report.taints.is_empty();
    says_more.then_some(report)
}

/// Newest time that a node's conditions and taints state.
pub(super) fn newest_time(spec: &raw::NodeSpec, status: &raw::NodeStatus) -> Option<i64> {
    let conditions = status.conditions.iter();
    let stated = conditions.flat_map(|condition| {
        [
            &condition.last_heartbeat_time,
            &condition.last_transition_time,
        ]
    });
    let added = spec.taints.iter().map(|taint| &taint.time_added);
    let times = stated.chain(added).flatten();
    times.filter_map(|text| parse_unix_secs(text)).max()
}

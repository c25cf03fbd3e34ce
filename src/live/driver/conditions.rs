//! Conditions of nodes, as their users read them. They follow from what nodes declare and when they are
//! heard, and decide nothing.

use serde::{Deserialize, Serialize};
use units::{Instant, NodeId};

use super::Driver;
use super::links::Link;
use crate::runtime::host::{ENFORCEMENT, LIMITS, STRICT};
use crate::wire::pressure::PressureKind;

/// Name of the condition that says whether limits are kept.
pub(super) const LIMITS_KEPT: &str = "LimitsKept";

/// Limits that containers may state.
const ALL_LIMITS: [&str; 3] = ["cpu", "memory", "pids"];

/// A condition of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Name of the condition: `Ready`, `DiskPressure`, `PIDPressure` or `LimitsKept`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Reason in one word.
    pub reason: String,
    /// The reason in a sentence.
    pub message: String,
    /// Instant since when it is so, in nanoseconds since the run's zero, where it is known.
    pub changed_ns: Option<i64>,
    /// Instant of the last heartbeat, in nanoseconds since the run's zero.
    pub heard_ns: Option<i64>,
}

impl Driver {
    /// The conditions of a node.
    pub(super) fn conditions(&self, node: NodeId) -> Vec<Condition> {
        let link = self.links.get(node);
        let mut conditions = vec![self.readiness(node, link)];
        let pressures = link.into_iter().flat_map(|link| {
            let is_lost = link.is_silent && !self.store.nodes().is_ready(node);
            PressureKind::ALL.map(|kind| pressure(link, kind, is_lost))
        });
        conditions.extend(pressures);
        conditions.extend(self.limits(node, link));
        conditions
    }

    fn readiness(&self, node: NodeId, link: Option<&Link>) -> Condition {
        let is_ready = self.store.nodes().is_ready(node);
        let is_silent = link.is_none_or(|link| link.is_silent);
        let (status, reason, message) = match (is_ready, is_silent) {
            (true, false) => (
                "True",
                "AgentReady",
                "the agent is heard and its runtime works",
            ),
            (true, true) => (
                "True",
                "AgentSilent",
                "the agent's heartbeats are late; the node will soon count as lost",
            ),
            (false, true) => ("Unknown", "AgentSilent", "the agent sends no heartbeats"),
            (false, false) => (
                "False",
                "RuntimeNotReady",
                "the agent is heard, and says that its runtime does not work",
            ),
        };
        Condition {
            kind: "Ready".to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            changed_ns: link.and_then(|link| link.turned).map(Instant::as_nanos),
            heard_ns: link.map(|link| link.heard.as_nanos()),
        }
    }

    /// Whether limits of containers are kept; `None` of a node that does not say.
    fn limits(&self, node: NodeId, link: Option<&Link>) -> Option<Condition> {
        let labels = &self.store.nodes().object(node)?.labels;
        let kept: Vec<&str> = labels.get(LIMITS)?.split('.').collect();
        let missing = ALL_LIMITS.iter().filter(|limit| !kept.contains(limit));
        let missing: Vec<&str> = missing.copied().collect();
        let is_strict = labels.get(ENFORCEMENT).is_some_and(|own| &**own == STRICT);
        let listed = missing.join(", ");
        let (status, reason, message) = match (missing.is_empty(), is_strict) {
            (true, _) => (
                "True",
                "CgroupsAvailable",
                "limits of processors, memory and processes are kept".to_owned(),
            ),
            (false, false) => (
                "False",
                "BestEffort",
                format!("these limits are not kept, and containers run without them: {listed}"),
            ),
            (false, true) => (
                "False",
                "Strict",
                format!(
                    "these limits can't be kept, and containers that state one are refused: {listed}"
                ),
            ),
        };
        Some(Condition {
            kind: LIMITS_KEPT.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            changed_ns: link
                .and_then(|link| link.limits_changed.or(link.joined))
                .map(Instant::as_nanos),
            heard_ns: link.map(|link| link.heard.as_nanos()),
        })
    }
}

/// Whether a machine is short of something; nothing is known of one that is lost.
fn pressure(link: &Link, kind: PressureKind, is_lost: bool) -> Condition {
    let known = link.pressures.get(&kind);
    let why = known.and_then(|pressed| pressed.why.as_deref());
    let holds = why.is_some();
    let (status, reason, message) = match (is_lost, why) {
        (true, _) => ("Unknown", "AgentSilent", "the agent sends no heartbeats"),
        (false, Some(why)) => ("True", kind.reason(holds), why),
        (false, None) => ("False", kind.reason(holds), kind.relief()),
    };
    let since = known.map(|pressed| pressed.since);
    let since = since.max(link.turned.filter(|_| is_lost)).or(link.joined);
    Condition {
        kind: kind.condition().to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        changed_ns: since.map(Instant::as_nanos),
        heard_ns: Some(link.heard.as_nanos()),
    }
}

//! Alerts and faults of a run, for the report and for `windtunnel events`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cluster::Store;
use crate::metrics::ClusterState;
use crate::metrics::alerts::{AlertBook, Rule, Transition};
use crate::metrics::diagnosis::Diagnostician;
use crate::model::{Event, Pod, TrafficNames, TrafficStretch};
use crate::units::Instant;

/// Most turns of alerts, and most faults, that are listed one by one.
const LISTED_MAX: usize = 500;

/// What alerts came to, and what ailed workloads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlarmData {
    /// Turns of alerts in all; if more than are listed, the later ones are missing.
    pub alerts_total: u64,
    /// The listed ones, in order of time.
    pub alerts: Vec<AlertEntry>,
    /// Faults in all.
    pub faults_total: u64,
    /// The listed ones, in the order in which they began.
    pub faults: Vec<FaultEntry>,
}

/// A turn of an alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertEntry {
    /// When, in nanoseconds.
    pub at_ns: i64,
    /// The rule.
    pub alert: String,
    /// The service that it is about; empty for the cluster.
    pub service: String,
    /// `pending`, `firing`, `inactive` or `resolved`.
    pub turn: String,
    /// The value of its metric then; `null` without data.
    pub value: Option<f64>,
}

/// A fault of a workload: what was wrong, since when, and what was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaultEntry {
    /// The workload, as `KIND/NAMESPACE/NAME`.
    pub object: String,
    /// What was wrong: `NodeLost`, `CrashLoop`, `ApplicationError`, `ProbeFailed` or `Evicted`.
    pub cause: String,
    /// The node, where one was at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Since when, in nanoseconds.
    pub since_ns: i64,
    /// When it had its strength again; `null` while it lasts.
    pub healed_ns: Option<i64>,
    /// Ready pods before.
    pub strength: u64,
    /// The fewest ready pods meanwhile.
    pub least: u64,
    /// Pods made anew meanwhile.
    pub made: u64,
    /// Containers restarted in place meanwhile.
    pub restarted: u64,
}

/// Collects them.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarms {
    book: AlertBook,
    turns: Vec<Transition>,
    diagnostician: Diagnostician,
}

impl Alarms {
    pub(super) fn new(rules: &Arc<[Rule]>) -> Self {
        Self {
            book: AlertBook::new(rules),
            ..Self::default()
        }
    }

    pub(super) fn observe(
        &mut self,
        at: Instant,
        event: &Event,
        ended: Option<&Pod>,
        store: &Store,
    ) {
        self.diagnostician.observe(at, event, ended, store);
    }

    pub(super) fn held(&mut self, state: &ClusterState, from: i64, to: i64) {
        if !self.book.rules().is_empty() {
            let span = (Instant::from_nanos(from), Instant::from_nanos(to));
            self.book.held(state, span, &mut self.turns);
        }
    }

    pub(super) fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        self.book.traffic(stretch, names, &mut self.turns);
    }

    /// What was collected; `None` of nothing.
    pub(super) fn finish(self) -> Option<AlarmData> {
        let faults = self.diagnostician.finish();
        let mut turns = self.turns;
        turns.sort_by_key(|turn| turn.at);
        if turns.is_empty() && faults.is_empty() {
            return None;
        }
        let rules = self.book.rules();
        let alerts = turns.iter().take(LISTED_MAX).map(|turn| AlertEntry {
            at_ns: turn.at.as_nanos(),
            alert: rules[turn.rule].name.to_string(),
            service: turn.service.to_string(),
            turn: turn.turn.name().to_owned(),
            value: Some(turn.value).filter(|value| value.is_finite()),
        });
        let listed = faults.iter().take(LISTED_MAX).map(|own| FaultEntry {
            object: own.object.to_string(),
            cause: own.cause.name().to_owned(),
            node: own.node.as_deref().map(ToOwned::to_owned),
            since_ns: own.since.as_nanos(),
            healed_ns: own.healed.map(Instant::as_nanos),
            strength: own.strength,
            least: own.least,
            made: own.made,
            restarted: own.restarted,
        });
        Some(AlarmData {
            alerts_total: turns.len() as u64,
            alerts: alerts.collect(),
            faults_total: faults.len() as u64,
            faults: listed.collect(),
        })
    }
}

impl FaultEntry {
    /// What it was and what was done, in a sentence.
    pub fn sentence(&self) -> String {
        let at = self.node.as_ref().map(|node| format!(" ({node})"));
        let at = at.unwrap_or_default();
        let made = match (self.made, self.restarted) {
            (0, 0) => "nothing had to be made anew".to_owned(),
            (made, 0) => format!("{made} pods made anew"),
            (0, restarted) => format!("{restarted} restarts"),
            (made, restarted) => format!("{made} pods made anew, {restarted} restarts"),
        };
        let end = if self.healed_ns.is_some() {
            "healed"
        } else {
            "not healed"
        };
        format!(
            "{}{at}: {} of {} pods ready at the least; {made}; {end}",
            self.cause, self.least, self.strength
        )
    }
}

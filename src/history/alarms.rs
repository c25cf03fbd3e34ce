//! Alerts and faults of a run, for the report and for `windtunnel events`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use cluster::{Store, UsageNews};
use metrics::alerts::AlertLog;
use metrics::diagnosis::Diagnostician;
use model::{Event, Pod, Text};
use units::{Instant, plural};

use super::IncidentList;
use super::confusion::{ConfusionEntry, confusion};

/// Most turns of alerts, and most faults, that are listed one by one.
const LISTED_MAX: usize = 500;

/// Alerts and diagnosed faults of workloads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlarmData {
    /// Turns of alerts in all; if more than are listed, the later ones are missing.
    pub alerts_total: u64,
    /// The listed ones, in order of time.
    pub alerts: Vec<AlertEntry>,
    /// Notifications in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub notifications_total: u64,
    /// The listed ones, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<NotificationEntry>,
    /// Faults in all.
    pub faults_total: u64,
    /// The listed ones, in the order in which they began.
    pub faults: Vec<FaultEntry>,
    /// Injected failures compared with diagnosed faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<ConfusionEntry>,
}

/// A turn of an alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertEntry {
    /// Instant, in nanoseconds.
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A notification about alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationEntry {
    /// Instant, in nanoseconds.
    pub at_ns: i64,
    /// Common labels of the group's alerts, such as `alertname=slow`.
    pub group: String,
    /// Alerts that fire: the rule, and the service that it is about.
    pub firing: Vec<String>,
    /// Alerts that were told of and are over.
    pub resolved: Vec<String>,
    /// Whether nothing is new about it.
    pub repeated: bool,
}

impl NotificationEntry {
    /// Describes the notification in words.
    pub fn sentence(&self) -> String {
        let list = |what: &str, names: &[String]| match names {
            [] => None,
            names if names.len() > 3 => Some(format!(
                "{what} {} and {} more",
                names[..3].join(", "),
                names.len() - 3
            )),
            names => Some(format!("{what} {}", names.join(", "))),
        };
        let parts = [
            list("firing", &self.firing),
            list("resolved", &self.resolved),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let again = if self.repeated { "again: " } else { "" };
        format!("{again}{}", parts.join("; "))
    }
}

/// A fault of a workload: what was wrong, since when, and what was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaultEntry {
    /// The workload, as `KIND/NAMESPACE/NAME`.
    pub object: String,
    /// Cause of the fault: `NodeLost`, `ImageUnavailable`, `QuotaExceeded`,
    /// `InsufficientResources`, `ConstraintUnmet`, `PortConflict`, `OutOfMemory`, `ProbeFailed`,
    /// `CrashLoop`, `Completed`, `CommandNotExecutable`, `CommandNotFound`, `Killed`, `Segfault`,
    /// `Terminated`, `ApplicationError`, `Evicted`, `Throttled` or `NoisyNeighbor`.
    pub cause: String,
    /// Last end of a container, where one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitEntry>,
    /// The node, where one was at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Instant of the beginning, in nanoseconds.
    pub since_ns: i64,
    /// Instant at which the workload had its strength again; `null` while the fault lasts.
    pub healed_ns: Option<i64>,
    /// Ready pods before.
    pub strength: u64,
    /// The fewest ready pods meanwhile.
    pub least: u64,
    /// Pods made anew meanwhile.
    pub made: u64,
    /// Containers restarted in place meanwhile.
    pub restarted: u64,
    /// Pods that found a node after one could not be placed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub placed: u64,
    /// Nodes that joined meanwhile.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub joined: u64,
}

/// End of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExitEntry {
    /// The exit code's name; empty if it has none.
    pub container: String,
    /// The exit code's code.
    pub code: i32,
    /// Reason: `OOMKilled`, `Killed`, `CommandNotFound` ….
    pub reason: String,
}

/// Collects them.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarms {
    diagnostician: Diagnostician,
}

impl Alarms {
    /// Follows nodes whose processors are short, too.
    pub(super) fn with_contention(self, is_modelled: bool) -> Self {
        Self {
            diagnostician: self.diagnostician.with_contention(is_modelled),
        }
    }

    /// Takes up the measured usage.
    pub(super) fn usage(&mut self, at: Instant, store: &Store, news: UsageNews<'_>) {
        self.diagnostician.usage(at, store, news);
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

    /// Collected data, and the outcomes of alerts; `None` if there are none.
    pub(super) fn finish(self, log: &AlertLog, incidents: &IncidentList) -> Option<AlarmData> {
        let faults = self.diagnostician.finish();
        let (rules, turns) = (&log.rules, &log.turns);
        if turns.is_empty() && faults.is_empty() {
            return None;
        }
        let name = |(rule, service): &(usize, Text)| {
            let rule = &rules[*rule].name;
            if service.is_empty() {
                rule.to_string()
            } else {
                format!("{rule} for {service}")
            }
        };
        let sent = log.notifications.iter().take(LISTED_MAX);
        let sent = sent.map(|own| NotificationEntry {
            at_ns: own.at.as_nanos(),
            group: (own.group.iter())
                .map(|(label, value)| format!("{label}={value}"))
                .collect::<Vec<_>>()
                .join(", "),
            firing: own.firing.iter().map(name).collect(),
            resolved: own.resolved.iter().map(name).collect(),
            repeated: own.is_repeated,
        });
        let alerts = turns.iter().take(LISTED_MAX).map(|turn| AlertEntry {
            at_ns: turn.at.as_nanos(),
            alert: rules[turn.rule].name.to_string(),
            service: turn.service.to_string(),
            turn: turn.turn.name().to_owned(),
            value: turn.value.filter(|value| value.is_finite()),
        });
        let listed = faults.iter().take(LISTED_MAX).map(|fault| FaultEntry {
            object: fault.object.to_string(),
            cause: fault.cause.name().to_owned(),
            exit: fault.exit.as_ref().map(|end| ExitEntry {
                container: end.container.to_string(),
                code: end.code,
                reason: end.reason().to_owned(),
            }),
            node: fault.node.as_deref().map(ToOwned::to_owned),
            since_ns: fault.since.as_nanos(),
            healed_ns: fault.healed.map(Instant::as_nanos),
            strength: fault.strength,
            least: fault.least,
            made: fault.made,
            restarted: fault.restarted,
            placed: fault.placed,
            joined: fault.joined,
        });
        let listed: Vec<FaultEntry> = listed.collect();
        Some(AlarmData {
            confusion: confusion(incidents, &listed),
            alerts_total: turns.len() as u64,
            alerts: alerts.collect(),
            notifications_total: log.notifications.len() as u64,
            notifications: sent.collect(),
            faults_total: faults.len() as u64,
            faults: listed,
        })
    }
}

impl FaultEntry {
    /// Describes the fault and its repair in a sentence.
    pub fn sentence(&self) -> String {
        Self::sentence_of(&[self], "")
    }

    /// Describes several faults of one workload and one cause; `when` gives their number and times.
    pub fn sentence_of(faults: &[&Self], when: &str) -> String {
        let Some(first) = faults.first() else {
            return String::new();
        };
        let at = first.node.as_ref().map(|node| format!(" ({node})"));
        let at = at.unwrap_or_default();
        let exit = first.exit.as_ref().map(ExitEntry::words);
        let exit = exit.unwrap_or_default();
        let sum = |of: fn(&Self) -> u64| faults.iter().map(|fault| of(fault)).sum::<u64>();
        let deeds = [
            (sum(|own| own.made), "pod recreated", "pods recreated"),
            (sum(|own| own.restarted), "restart", "restarts"),
            (sum(|own| own.placed), "pod placed", "pods placed"),
            (sum(|own| own.joined), "node joined", "nodes joined"),
        ];
        let done: Vec<String> = (deeds.into_iter())
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
            .collect();
        let done = if done.is_empty() {
            "nothing had to be recreated".to_owned()
        } else {
            done.join(", ")
        };
        let end = if faults.iter().all(|fault| fault.healed_ns.is_some()) {
            "healed"
        } else {
            "not healed"
        };
        // What runs to its end is kept at no strength.
        let worst = faults
            .iter()
            .max_by_key(|fault| fault.strength.saturating_sub(fault.least));
        let ready = worst.filter(|own| own.least < own.strength).map(|own| {
            format!(
                "at least {} of {} ready; ",
                own.least,
                plural::count(own.strength, "pod")
            )
        });
        let ready = ready.unwrap_or_default();
        format!("{}{at}{exit}{when}: {ready}{done}; {end}", first.cause)
    }
}

impl ExitEntry {
    fn words(&self) -> String {
        let name = if self.container.is_empty() {
            "a container".to_owned()
        } else {
            format!("container `{}`", self.container)
        };
        format!(
            " ({name} ended with exit code {}, {})",
            self.code, self.reason
        )
    }
}

//! Alert rules (orchestrators-a.md 9.5): evaluated every 15 s, over series of the cluster and of services
//! or any metric (`series.rs`); what each comes to (`rule.rs`, `book.rs`), and who is told of it when
//! (`notify.rs`). What changes nothing is computed: evaluations within a stretch of one value are one.
//!
//! Tests by sentence of 9.5: the worked rule `a_rule_turns_as_in_the_worked_example`, m of n
//! `three_of_five_are_those_of_the_worked_example`, increase of a counter `a_counter_that_drops_began_anew`,
//! no data `what_is_missing_is_no_breach_unless_that_is_asked`, `keep_firing_for`
//! `firing_is_kept_and_a_breach_meanwhile_begins_the_time_anew`, grouping and repetition
//! `a_group_waits_half_a_minute_then_five_then_four_hours`, silences and inhibition
//! `a_node_that_is_down_hides_what_is_on_it_and_a_silence_everything`, precision and recall
//! `what_fired_is_held_against_what_failed`; percentiles by nearest rank
//! `model::latencies::tests`.

mod book;
mod notify;
mod quality;
mod rule;
mod series;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Text;
use units::{Duration, Instant};

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};

pub use book::{AlertBook, Transition};
pub use notify::{AlertLabels, Inhibition, Notification, Route, Silence, labels, notifications};
pub use quality::{Injected, Quality, follow, quality};
pub use rule::{Counter, POINTS_MAX, Rule, Turn};
pub use series::{CLUSTER_SERIES, Kind, SERVICE_SERIES, names};

/// How often rules are evaluated.
pub const EVERY: Duration = Duration::from_secs(15);

/// `alerts.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "alerts",
    title: Title::new("alerts"),
    group: Group::Requests.at(50),
    short_lists: &[],
    summary: "Alerts that fired, their duration, and their match with injected failures.",
    statistics: &[
        Statistic::amount("fired", "alerts", Direction::Lower),
        Statistic::amount("firing_time", "s", Direction::Lower),
        Statistic::seconds("first"),
        Statistic::amount("notifications", "notifications", Direction::Lower),
        Statistic::ratio("precision", Direction::Higher),
        Statistic::ratio("recall", Direction::Higher),
        Statistic::seconds("time_to_alert"),
    ],
    formula: "fired: number of times a rule began to fire, for one service or for the cluster; \
              firing_time: total time alerts were firing; first: time of the first alert; \
              notifications: notifications sent, including resolved ones and repeats; precision: \
              alerts that fired during an injected failure or within 5 min after it, over all \
              alerts that fired; recall: failures (of one kind, starting at one instant) during \
              which an alert fired, over all failures; time_to_alert: mean time from the start of \
              such a failure to its first alert",
    denominators: "alerts that fired (precision), failures (recall)",
    census: "rules of `alerts:` of the experiment, evaluated every 15 s; counts cover the \
             measured window, precision, recall and time_to_alert the whole run",
    censoring: "alerts that still fire at the end count until the end",
    source: "orchestrators-a.md 9.5",
    construct: |_| Box::new(Alerts),
};

/// Outcomes of the alert rules of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertLog {
    /// The rules.
    pub rules: Arc<[Rule]>,
    /// Their turns over the whole run, in order of time.
    pub turns: Vec<Transition>,
    /// Notifications sent.
    pub notifications: Vec<Notification>,
    /// Injected failures.
    pub injected: Vec<Injected>,
}

#[derive(Clone, Debug)]
struct Alerts;

impl Collector for Alerts {
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let id = |name: &str| format!("{}.{name}", ENTRY.subject);
        let any = if end.alerts.rules.is_empty() {
            Err("the experiment has no alert rules".to_owned())
        } else {
            Ok(())
        };
        let (from, to) = (end.window.from, end.window.to);
        let is_in = |at: Instant| from <= at && at <= to;
        let mut fired = 0;
        let mut nanos = 0_i64;
        let mut first: Option<Instant> = None;
        let mut open: BTreeMap<(usize, &Text), Instant> = BTreeMap::new();
        let within = |since: Instant, until: Instant| {
            let span = until.min(to).since(since.max(from)).as_nanos();
            span.max(0)
        };
        for turn in &end.alerts.turns {
            let key = (turn.rule, &turn.service);
            match turn.turn {
                Turn::Firing => {
                    if is_in(turn.at) {
                        fired += 1;
                        first = Some(first.map_or(turn.at, |known| known.min(turn.at)));
                    }
                    open.insert(key, turn.at);
                }
                Turn::Resolved => {
                    let since = open.remove(&key);
                    nanos += since.map_or(0, |since| within(since, turn.at));
                }
                Turn::Pending | Turn::Inactive => {}
            }
        }
        nanos += open.values().map(|since| within(*since, to)).sum::<i64>();
        let sent = end.alerts.notifications.iter();
        let sent = sent.filter(|own| is_in(own.at)).count();
        let of = |value: f64| any.clone().map(|()| value);
        let began = any.clone().and_then(|()| {
            let first = first.map(Instant::as_secs_f64);
            first.ok_or_else(|| "no alert fired".to_owned())
        });
        vec![
            MetricValue::new(id("fired"), of(f64::from(fired))),
            MetricValue::new(id("firing_time"), of(nanos as f64 / 1e9)),
            MetricValue::new(id("first"), began),
            MetricValue::new(id("notifications"), of(sent as f64)),
        ]
        .into_iter()
        .chain(held_against_failures(end.alerts, &any))
        .collect()
    }
}

/// How good alerts are, over the whole run.
fn held_against_failures(log: &AlertLog, any: &Result<(), String>) -> [MetricValue; 3] {
    let id = |name: &str| format!("{}.{name}", ENTRY.subject);
    let own = quality(&log.turns, &log.injected);
    let share = |(all, part): (u64, u64), what: &str| {
        any.clone().and_then(|()| match all {
            _ if log.injected.is_empty() => Err("no failure was injected".to_owned()),
            0 => Err(format!("no {what}")),
            _ => Ok(part as f64 / all as f64),
        })
    };
    let delay = any.clone().and_then(|()| {
        let delay = own.delay;
        delay.ok_or_else(|| "no alert was about a failure".to_owned())
    });
    [
        MetricValue::new(id("precision"), share(own.fired, "alert fired")).over(own.fired.0),
        MetricValue::new(id("recall"), share(own.failures, "failure")).over(own.failures.0),
        MetricValue::new(id("time_to_alert"), delay).over(own.failures.1),
    ]
}

//! Alerts: how often they fired and for how long, and how well they told of failures
//! (orchestrators-a.md 9.4, 9.5).

use model::Text;
use units::{Instant, SortedMap};

use crate::alerts::{AlertLog, StateChange, quality};
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const FIRED: Statistic = Statistic::amount("fired", "alerts", Direction::Lower).only_at_end();
const FIRING_TIME: Statistic =
    Statistic::amount("firing_time", "s", Direction::Lower).only_at_end();
const FIRST: Statistic = Statistic::seconds("first").only_at_end();
const NOTIFICATIONS: Statistic =
    Statistic::amount("notifications", "notifications", Direction::Lower).only_at_end();
const PRECISION: Statistic = Statistic::ratio("precision", Direction::Higher).only_at_end();
const RECALL: Statistic = Statistic::ratio("recall", Direction::Higher).only_at_end();
const TIME_TO_ALERT: Statistic = Statistic::seconds("time_to_alert").only_at_end();

/// `alerts.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "alerts",
    title: Title::new("alerts"),
    group: Group::Requests.at(50),
    short_lists: &[],
    series: &[],
    summary: "Alerts that fired, their duration, and their match with injected failures.",
    statistics: &[
        FIRED,
        FIRING_TIME,
        FIRST,
        NOTIFICATIONS,
        PRECISION,
        RECALL,
        TIME_TO_ALERT,
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

#[derive(Clone, Debug)]
struct Alerts;

impl Collector for Alerts {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let any = if end.alerts.rules.is_empty() {
            Err("no alert rule is stated".to_owned())
        } else {
            Ok(())
        };
        let (from, to) = (end.window.from, end.window.to);
        let is_in = |at: Instant| from <= at && at <= to;
        let mut fired = 0;
        let mut nanos = 0_i64;
        let mut first: Option<Instant> = None;
        let mut open: SortedMap<(usize, &Text), Instant> = SortedMap::new();
        let within = |since: Instant, until: Instant| {
            let span = until.min(to).since(since.max(from)).as_nanos();
            span.max(0)
        };
        for turn in &end.alerts.turns {
            let key = (turn.rule, &turn.service);
            match turn.turn {
                StateChange::Firing => {
                    if is_in(turn.at) {
                        fired += 1;
                        first = Some(first.map_or(turn.at, |known| known.min(turn.at)));
                    }
                    open.insert(key, turn.at);
                }
                StateChange::Resolved => {
                    let since = open.remove(&key);
                    nanos += since.map_or(0, |since| within(since, turn.at));
                }
                StateChange::Pending | StateChange::Inactive => {}
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
        values.put(FIRED, of(f64::from(fired)));
        values.put(FIRING_TIME, of(nanos as f64 / 1e9));
        values.put(FIRST, began);
        values.put(NOTIFICATIONS, of(sent as f64));
        put_quality(end.alerts, &any, values);
    }
}

/// Puts the quality of alerts, over the whole run.
fn put_quality(log: &AlertLog, any: &Result<(), String>, values: &mut Values) {
    let own = quality(&log.turns, &log.injected);
    let share = |part: u64, all: u64, what: &str| {
        let value = any.clone().and_then(|()| match all {
            _ if log.injected.is_empty() => Err("nothing was made to fail".to_owned()),
            0 => Err(format!("no {what}")),
            _ => Ok(part as f64 / all as f64),
        });
        Reading::new(value).over(all)
    };
    let delay = any.clone().and_then(|()| {
        let delay = own.delay;
        delay.ok_or_else(|| "no alert was about a failure".to_owned())
    });
    values.put(PRECISION, share(own.right, own.fired, "alert fired"));
    values.put(RECALL, share(own.told, own.failures, "failure"));
    values.put(TIME_TO_ALERT, Reading::new(delay).over(own.told));
}

//! Notification of alerts (orchestrators-a.md 9.5; Alertmanager's route): alerts of equal labels
//! are a group; its first notification waits for others, further ones come on change at most once
//! per interval, and a group that still fires is notified again. A silence and an alert that
//! inhibits keep alerts out of notifications, not from firing.

use model::Text;
use units::{Duration, Instant, SortedMap, SortedSet};

use super::book::Transition;
use super::rule::{Rule, StateChange};

/// Labels of an alert: its own, `alertname`, and `service` where it is about one.
pub type AlertLabels = SortedMap<Text, Text>;

/// Rule by which alerts are notified.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Alerts that are equal in these labels are notified together.
    pub group_by: Vec<Text>,
    /// Time for which the first notification of a group waits for others.
    pub group_wait: Duration,
    /// Least time between a notification and the next one, on change.
    pub group_interval: Duration,
    /// Time after a notification until it comes again without change.
    pub repeat_interval: Duration,
    /// Alerts that hide others.
    pub inhibitions: Vec<Inhibition>,
    /// Times at which some alerts are silenced.
    pub silences: Vec<Silence>,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            group_by: vec!["alertname".into()],
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(300),
            repeat_interval: Duration::from_secs(4 * 3600),
            inhibitions: Vec::new(),
            silences: Vec::new(),
        }
    }
}

/// An alert with the labels of `source` that fires hides those with the labels of `target` that are
/// equal to it in the labels of `equal`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inhibition {
    /// Labels of the inhibiting alert.
    pub source: AlertLabels,
    /// Labels of the inhibited alert.
    pub target: AlertLabels,
    /// Labels in which both are equal; a label that neither has is equal.
    pub equal: Vec<Text>,
}

/// Alerts with these labels are not told of for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// Labels of the silenced alerts.
    pub matchers: AlertLabels,
    /// Start of the silence.
    pub from: Instant,
    /// End of the silence, not part of it.
    pub to: Instant,
}

/// A notification.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Instant of the notification.
    pub at: Instant,
    /// The labels that its alerts have in common.
    pub group: AlertLabels,
    /// Alerts that fire: rule and service.
    pub firing: Vec<(usize, Text)>,
    /// Alerts that were told of and are over.
    pub resolved: Vec<(usize, Text)>,
    /// Whether nothing is new about it.
    pub is_repeated: bool,
}

type Alert = (usize, Text);

/// A group of alerts.
#[derive(Default)]
struct Group {
    /// Firing alerts, inhibited or not.
    firing: SortedSet<Alert>,
    /// Alerts reported as firing.
    told: SortedSet<Alert>,
    /// Resolved alerts that were reported as firing.
    over: SortedSet<Alert>,
    /// Instant of the next look at the group.
    due: Option<Instant>,
    last: Option<Instant>,
}

/// The labels of an alert.
pub fn labels(rule: &Rule, service: &Text) -> AlertLabels {
    let mut own = rule.labels.clone();
    own.insert("alertname".into(), rule.name.clone());
    if !service.is_empty() {
        own.insert("service".into(), service.clone());
    }
    own
}

/// The notifications of a run, in order of time.
pub fn notifications(
    rules: &[Rule],
    turns: &[Transition],
    route: &Route,
    end: Instant,
) -> Vec<Notification> {
    let mut own = Dispatcher {
        rules,
        route,
        groups: SortedMap::new(),
        firing: SortedSet::new(),
        sent: Vec::new(),
    };
    for turn in turns {
        // What is due at an instant sees what happens at it.
        own.dispatch_before(turn.at);
        own.take(turn);
    }
    own.dispatch_before(end.saturating_add(Duration::from_nanos(1)));
    own.sent
}

struct Dispatcher<'run> {
    rules: &'run [Rule],
    route: &'run Route,
    groups: SortedMap<AlertLabels, Group>,
    /// Everything that fires.
    firing: SortedSet<Alert>,
    sent: Vec<Notification>,
}

impl Dispatcher<'_> {
    fn take(&mut self, turn: &Transition) {
        let alert = (turn.rule, turn.service.clone());
        let all = labels(&self.rules[turn.rule], &turn.service);
        let by = self.route.group_by.iter();
        let key: AlertLabels = by
            .filter_map(|name| Some((name.clone(), all.get(name)?.clone())))
            .collect();
        let group = self.groups.entry(key).or_default();
        match turn.turn {
            StateChange::Firing => {
                self.firing.insert(alert.clone());
                group.firing.insert(alert);
                group
                    .due
                    .get_or_insert(turn.at.saturating_add(self.route.group_wait));
            }
            StateChange::Resolved => {
                self.firing.remove(&alert);
                group.firing.remove(&alert);
                if group.told.remove(&alert) {
                    group.over.insert(alert);
                }
            }
            StateChange::Pending | StateChange::Inactive => {}
        }
    }

    /// Looks at every group that is due before an instant, in order of time.
    fn dispatch_before(&mut self, at: Instant) {
        loop {
            let due = self
                .groups
                .iter()
                .filter_map(|(key, own)| Some((own.due?, key)));
            let Some((due, key)) = due.min().filter(|(due, _)| *due < at) else {
                return;
            };
            let key = key.clone();
            self.dispatch(due, &key);
        }
    }

    /// Whether an alert is to be notified now.
    fn is_told(&self, alert: &Alert, at: Instant) -> bool {
        let own = labels(&self.rules[alert.0], &alert.1);
        let silences = self.route.silences.iter();
        let is_silent = silences
            .filter(|silence| silence.from <= at && at < silence.to)
            .any(|silence| matches(&own, &silence.matchers));
        let inhibitions = self.route.inhibitions.iter();
        let is_hidden = inhibitions
            .filter(|rule| matches(&own, &rule.target))
            .any(|rule| self.is_inhibited(alert, &own, rule));
        !is_silent && !is_hidden
    }

    fn is_inhibited(&self, alert: &Alert, own: &AlertLabels, rule: &Inhibition) -> bool {
        let others = self.firing.iter().filter(|other| *other != alert);
        let mut others = others.map(|other| labels(&self.rules[other.0], &other.1));
        others.any(|other| {
            let equal = rule.equal.iter();
            // An alert that matches both sides does not hide its like.
            matches(&other, &rule.source)
                && !(matches(&other, &rule.target) && matches(own, &rule.source))
                && equal.clone().all(|name| own.get(name) == other.get(name))
        })
    }

    fn dispatch(&mut self, at: Instant, key: &AlertLabels) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let firing: SortedSet<Alert> = group.firing.iter().cloned().collect();
        let told: SortedSet<Alert> = (firing.into_iter())
            .filter(|alert| self.is_told(alert, at))
            .collect();
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let resolved = std::mem::take(&mut group.over);
        let is_new = !resolved.is_empty() || !told.is_subset(&group.told);
        let repeat = self.route.repeat_interval;
        let is_repeated =
            !is_new && !told.is_empty() && group.last.is_some_and(|last| at.since(last) >= repeat);
        if is_new || is_repeated {
            self.sent.push(Notification {
                at,
                group: key.clone(),
                firing: told.iter().cloned().collect(),
                resolved: resolved.into_iter().collect(),
                is_repeated,
            });
            group.last = Some(at);
            group.told.extend(told);
        }
        // A group without alerts is gone; its next alert waits for others again.
        let goes_on = !group.firing.is_empty();
        group.due = goes_on.then(|| at.saturating_add(self.route.group_interval));
        if !goes_on {
            self.groups.remove(key);
        }
    }
}

fn matches(own: &AlertLabels, matchers: &AlertLabels) -> bool {
    let mut all = matchers.iter();
    all.all(|(name, value)| own.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, labels: &[(&str, &str)]) -> Rule {
        Rule {
            name: name.into(),
            labels: (labels.iter())
                .map(|&(key, value)| (key.into(), value.into()))
                .collect(),
            ..Rule::default()
        }
    }

    fn turns(list: &[(i64, usize, &str, StateChange)]) -> Vec<Transition> {
        let own = list.iter().map(|&(secs, rule, service, turn)| Transition {
            at: Instant::from_secs(secs),
            rule,
            service: service.into(),
            turn,
            value: None,
        });
        own.collect()
    }

    /// Seconds, how many fire, how many are over, whether it is notified again.
    fn sent(
        rules: &[Rule],
        list: &[(i64, usize, &str, StateChange)],
        route: &Route,
        end: i64,
    ) -> Vec<(i64, usize, usize, bool)> {
        let found = notifications(rules, &turns(list), route, Instant::from_secs(end));
        let each = found.iter().map(|own| {
            let secs = own.at.as_nanos() / 1_000_000_000;
            (secs, own.firing.len(), own.resolved.len(), own.is_repeated)
        });
        each.collect()
    }

    #[test]
    fn a_group_waits_half_a_minute_then_five_then_four_hours() {
        use StateChange::{Firing, Resolved};
        let rules = [rule("slow", &[])];
        let list = [
            (0, 0, "a", Firing),
            (15, 0, "b", Firing),
            (60, 0, "c", Firing),
            (30_000, 0, "a", Resolved),
            (30_000, 0, "b", Resolved),
            (30_000, 0, "c", Resolved),
        ];
        let found = sent(&rules, &list, &Route::default(), 40_000);
        // Both of the first half minute together, the third five minutes later, all again after four
        // hours, and that they are over.
        let expected = [
            (30, 2, 0, false),
            (330, 3, 0, false),
            (14_730, 3, 0, true),
            (29_130, 3, 0, true),
            (30_030, 0, 3, false),
        ];
        assert_eq!(found, expected);
        // An alert that resolves before its first notification is not notified.
        let short = [(0, 0, "a", Firing), (15, 0, "a", Resolved)];
        assert_eq!(sent(&rules, &short, &Route::default(), 4_000), []);
    }

    #[test]
    fn a_node_that_is_down_hides_what_is_on_it_and_a_silence_everything() {
        use StateChange::Firing;
        let rules = [
            rule("node-down", &[("severity", "critical"), ("zone", "a")]),
            rule("slow", &[("severity", "warning"), ("zone", "a")]),
            rule("other", &[("severity", "warning"), ("zone", "b")]),
        ];
        let pair = |name: &str, value: &str| (Text::from(name), Text::from(value));
        let mut route = Route {
            inhibitions: vec![Inhibition {
                source: [pair("severity", "critical")].into(),
                target: [pair("severity", "warning")].into(),
                equal: vec!["zone".into()],
            }],
            ..Route::default()
        };
        let list = [
            (0, 0, "", Firing),
            (0, 1, "", Firing),
            (0, 2, "", Firing),
            (600, 0, "", StateChange::Resolved),
        ];
        let names = |route: &Route| {
            let at = Instant::from_secs(700);
            let found = notifications(&rules, &turns(&list), route, at);
            let each = found.iter().map(|own| {
                let firing = own.firing.iter().map(|(rule, _)| &*rules[*rule].name);
                let over = own.resolved.iter().map(|(rule, _)| &*rules[*rule].name);
                let secs = own.at.as_nanos() / 1_000_000_000;
                format!(
                    "{secs} {} / {}",
                    firing.collect::<String>(),
                    over.collect::<String>()
                )
            });
            each.collect::<Vec<_>>()
        };
        // Once the node is back, what was inhibited and still fires is notified.
        assert_eq!(
            names(&route),
            [
                "30 node-down / ",
                "30 other / ",
                "630  / node-down",
                "630 slow / "
            ]
        );
        route.silences.push(Silence {
            matchers: [pair("zone", "a")].into(),
            from: Instant::ZERO,
            to: Instant::from_secs(620),
        });
        assert_eq!(names(&route), ["30 other / ", "630 slow / "]);
    }
}

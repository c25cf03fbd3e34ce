//! Rules of alerts that the schema can't say.

use super::check::{choices, suggest};
use super::diagnostic::{Code, Finding, Findings};
use super::scalar::Bound;
use super::schema::{Alert, Scenario};
use super::tree::Tree;
use metrics::alerts::RuleSubject;
use metrics::registry::{AlertSeries, alert_names, live_series};
use units::{SortedSet, plural};

/// Reports every broken rule of `alerts:` and `notifications:`.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    for (position, alert) in scenario.alerts.iter().enumerate() {
        let mut checker = Checker {
            place: format!("alerts.{position}"),
            tree,
            findings,
        };
        let series = AlertSeries::of(&alert.metric);
        if series.is_none() {
            checker.unknown(&alert.metric);
        }
        checker.fields(alert, series);
        let before = scenario.alerts[..position].iter();
        if before
            .map(|other| &other.name)
            .any(|other| *other == alert.name)
        {
            let message = format!("two alerts are named `{}`", alert.name);
            checker.find(
                Code::DuplicateName,
                "name",
                message,
                "expected a unique name",
            );
        }
    }
    labels(scenario, tree, findings);
}

struct Checker<'run> {
    place: String,
    tree: &'run Tree,
    findings: &'run mut Findings,
}

impl Checker<'_> {
    fn find(&mut self, code: Code, field: &str, message: String, label: &str) {
        let path = format!("{}.{field}", self.place);
        let span = self.tree.locate(path.split('.'));
        let finding = Finding::new(code, message, span);
        self.findings.push(finding.label(label.to_owned()));
    }

    /// The series are listed; of metrics the nearest is named.
    fn unknown(&mut self, name: &str) {
        let series: Vec<&str> = live_series().map(|own| own.name).collect();
        let path = format!("{}.metric", self.place);
        let span = self.tree.locate(path.split('.'));
        let message = format!("there is no metric `{name}`");
        let finding = Finding::new(Code::UnknownName, message, span);
        let finding = finding.label(format!(
            "expected {}, or any metric of `summary.json`",
            choices(&series)
        ));
        let all = alert_names();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        self.findings.push(suggest(finding, name, &all, span));
    }

    fn fields(&mut self, alert: &Alert, series: Option<AlertSeries>) {
        let name = alert.metric.as_str();
        let about = series.map(AlertSeries::about);
        let is_of_service = about == Some(RuleSubject::Services);
        if alert.service.is_some() && about.is_some() && !is_of_service {
            let message = format!("`{name}` is a metric of the whole cluster, not of a service");
            let label = "leave it out, or use a metric of services";
            self.find(Code::Conflict, "service", message, label);
        }
        let is_time = series.is_some_and(AlertSeries::is_time);
        for (field, bound) in [("above", &alert.above), ("below", &alert.below)] {
            if matches!(bound, Some(Bound::Duration(_))) && about.is_some() && !is_time {
                let message = format!("`{name}` is not a time");
                self.find(Code::WrongType, field, message, "expected a number");
            }
        }
        if alert.increase.is_some() && about.is_some_and(|own| own != RuleSubject::Metric) {
            let message = format!("`{name}` is a current value, which has no increase");
            let label = "leave it out, or use a counter";
            self.find(Code::Conflict, "increase", message, label);
        }
        let has_bound = alert.above.is_some() || alert.below.is_some();
        if !has_bound && !alert.absent {
            let message = "no value could ever breach this rule".to_owned();
            self.find(Code::Conflict, "absent", message, "expected true");
        }
        if let Some(points) = alert.points
            && points.breaching > points.of
        {
            let message = format!(
                "{} of {} can't breach",
                points.breaching,
                plural::count(points.of, "value")
            );
            let label = "expected no more than `of`";
            self.find(Code::Conflict, "points.breaching", message, label);
        }
        for own in ["alertname", "service"] {
            if alert.labels.contains_key(own) {
                let message = format!("every alert has its own label `{own}`");
                self.find(
                    Code::Conflict,
                    &format!("labels.{own}"),
                    message,
                    "expected another name",
                );
            }
        }
    }
}

/// Labels that no alert has match nothing.
fn labels(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let Some(own) = &scenario.notifications else {
        return;
    };
    if scenario.alerts.is_empty() {
        return;
    }
    let mut known: SortedSet<&str> = ["alertname", "service"].into();
    for alert in &scenario.alerts {
        known.extend(alert.labels.keys().map(String::as_str));
    }
    let known: Vec<&str> = known.into_iter().collect();
    let mut check = |path: String, name: &str| {
        if known.contains(&name) {
            return;
        }
        let span = tree.locate(path.split('.'));
        let message = format!("no alert has a label `{name}`");
        let finding = Finding::new(Code::UnknownName, message, span);
        let finding = finding.label(format!("expected {}", choices(&known)));
        findings.push(suggest(finding, name, &known, span));
    };
    for (place, name) in own.group_by.iter().enumerate() {
        check(format!("notifications.groupBy.{place}"), name);
    }
    for (place, rule) in own.inhibit.iter().enumerate() {
        let path = format!("notifications.inhibit.{place}");
        for (side, list) in [("source", &rule.source), ("target", &rule.target)] {
            for name in list.keys() {
                check(format!("{path}.{side}.{name}"), name);
            }
        }
        for (index, name) in rule.equal.iter().enumerate() {
            check(format!("{path}.equal.{index}"), name);
        }
    }
    for (place, silence) in own.silences.iter().enumerate() {
        for name in silence.matchers.keys() {
            check(
                format!("notifications.silences.{place}.matchers.{name}"),
                name,
            );
        }
    }
}

//! Rules between the fields of clients and services.

use super::diagnostic::{Code, Finding, Findings};
use super::part::Part;
use super::schema::{Scenario, Traffic};
use super::tree::Tree;
use units::{Duration, Quantity, plural};

/// Reports every broken rule of `traffic:`.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    for (position, traffic) in scenario.traffic.iter().enumerate() {
        let mut checker = Checker {
            traffic,
            part: Part {
                place: format!("traffic.{position}"),
                tree,
                findings,
            },
        };
        checker.load();
        checker.target();
        checker.objective();
        let before = scenario.traffic[..position].iter();
        if before
            .map(|other| &other.name)
            .any(|name| *name == traffic.name)
        {
            let message = format!("two client groups are named `{}`", traffic.name);
            checker.part.find(
                Code::DuplicateName,
                "name",
                message,
                "expected a unique name",
            );
        }
    }
    functions(scenario, tree, findings);
    if !scenario.traffic.is_empty() && scenario.stop.at.is_none() {
        let span = tree.locate(["traffic"]);
        let finding = Finding::new(Code::NeverStops, "clients send requests forever", span)
            .label("the run needs an end")
            .help("stop at a time, such as `stop: {at: 1d}`");
        findings.push(finding);
    }
    if let Some(share) = scenario.models.services.error_rate
        && share.as_f64() > 1.0
    {
        let message = "the share of failing requests exceeds 100%".to_owned();
        let span = tree.locate("models.services.errorRate".split('.'));
        let finding = Finding::new(Code::Impossible, message, span);
        findings.push(finding.label("expected 100% or less"));
    }
}

/// Reports every broken rule of `functions:`.
fn functions(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    for (position, own) in scenario.functions.iter().enumerate() {
        let mut part = Part {
            place: format!("functions.{position}"),
            tree,
            findings,
        };
        let mut before = scenario.functions[..position].iter();
        if before.any(|other| other.name == own.name) {
            let message = format!("two functions are named `{}`", own.name);
            let label = "expected a unique name";
            part.find(Code::DuplicateName, "name", message, label);
        }
        if own.memory <= Quantity::ZERO {
            let message = "an instance without memory".to_owned();
            let label = "expected more than 0, such as `128Mi`";
            part.find(Code::Impossible, "memory", message, label);
        }
        if own.provisioned > own.concurrency {
            let message = format!(
                "{} {} provisioned, but only {} are allowed",
                plural::count(own.provisioned, "instance"),
                plural::either(own.provisioned, "is", "are"),
                own.concurrency
            );
            let label = "expected no more than `concurrency`";
            part.find(Code::Conflict, "provisioned", message, label);
        }
        if own.error_rate.is_some_and(|share| share.as_f64() > 1.0) {
            let message = "the share of failing requests exceeds 100%".to_owned();
            part.find(
                Code::Impossible,
                "errorRate",
                message,
                "expected 100% or less",
            );
        }
    }
}

struct Checker<'run> {
    traffic: &'run Traffic,
    part: Part<'run>,
}

impl Checker<'_> {
    /// Clients ask in one way.
    fn load(&mut self) {
        let own = self.traffic;
        let given: Vec<&str> = [
            ("rate", own.rate.is_some()),
            ("diurnal", own.diurnal.is_some()),
            ("trace", own.trace.is_some()),
            ("think", own.think.is_some()),
        ]
        .into_iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| name)
        .collect();
        let ways = "give one of `rate`, `diurnal`, `trace`, `think`";
        match given[..] {
            [_] => {}
            [] => {
                let message = "these clients have no request rate".to_owned();
                self.part.find(Code::Conflict, "name", message, ways);
            }
            [_, second, ..] => {
                let message = "clients have only one source of requests".to_owned();
                self.part.find(Code::Conflict, second, message, ways);
            }
        }
        if let Some(model) = &own.diurnal
            && model.peak_at >= model.period
            && model.period > Duration::ZERO
        {
            let message = format!("a day of {} has no {}", model.period, model.peak_at);
            let label = "expected a time within `period`";
            self.part
                .find(Code::Conflict, "diurnal.peakAt", message, label);
        }
    }

    fn target(&mut self) {
        let own = self.traffic;
        if let Some(service) = &own.service {
            let mut parts = service.split('/');
            let is_fine = parts.next().is_some_and(|part| !part.is_empty())
                && parts.next().is_some_and(|part| !part.is_empty())
                && parts.next().is_none();
            if !is_fine {
                let message = format!("`{service}` does not name a Service");
                let label = "expected NAMESPACE/NAME, such as `default/shop`";
                self.part.find(Code::Impossible, "service", message, label);
            }
        }
        if let Some(path) = own.path.as_ref().filter(|path| !path.starts_with('/')) {
            let message = format!("`{path}` is not a path");
            let label = "expected a path that begins with `/`";
            self.part.find(Code::Impossible, "path", message, label);
        }
    }

    fn objective(&mut self) {
        let Some(objective) = self.traffic.objective else {
            return;
        };
        let share = objective.share.as_f64();
        if share <= 0.0 || share >= 1.0 {
            let message = format!("an objective of {share} leaves no error budget");
            let label = "expected more than 0% and less than 100%, such as `99.9%`";
            self.part
                .find(Code::Impossible, "objective.share", message, label);
        }
    }
}

//! Rules of alerts that the schema can't say.

use super::check::{choices, suggest};
use super::diagnostic::{Code, Finding, Findings};
use super::scalar::Bound;
use super::schema::Scenario;
use super::tree::Tree;

/// The metrics of the time series that alerts can be about: of the cluster, and of services.
pub const CLUSTER_SERIES: &[&str] = &[
    "pods.pending",
    "pods.running",
    "nodes.up",
    "allocation.cpu",
    "allocation.memory",
    "allocation.gpu",
];

/// Those of services.
pub const SERVICE_SERIES: &[&str] = &[
    "requests.per_second",
    "requests.error_rate",
    "requests.retries",
    "latency.p50",
    "latency.p90",
    "latency.p99",
    "service_saturation",
    "queue_length",
    "endpoints",
];

/// Reports every broken rule of `alerts:`.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    for (position, alert) in scenario.alerts.iter().enumerate() {
        let name = alert.metric.as_str();
        let is_of_service = SERVICE_SERIES.contains(&name);
        if !is_of_service && !CLUSTER_SERIES.contains(&name) {
            let known: Vec<&str> = CLUSTER_SERIES
                .iter()
                .chain(SERVICE_SERIES)
                .copied()
                .collect();
            let path = format!("alerts.{position}.metric");
            let span = tree.locate(path.split('.'));
            let message = format!("the time series has no metric `{name}`");
            let finding = Finding::new(Code::UnknownName, message, span);
            let finding = finding.label(format!("expected {}", choices(&known)));
            findings.push(suggest(finding, name, &known, span));
        }
        let mut find = |code, field: &str, message: String, label: String| {
            let path = format!("alerts.{position}.{field}");
            let span = tree.locate(path.split('.'));
            findings.push(Finding::new(code, message, span).label(label));
        };
        if alert.service.is_some() && !is_of_service {
            let message = format!("`{name}` is of the whole cluster, not of a service");
            let label = "leave it out, or take a metric of services".to_owned();
            find(Code::Conflict, "service", message, label);
        }
        let is_time = name.starts_with("latency.");
        for (field, bound) in [("above", &alert.above), ("below", &alert.below)] {
            if matches!(bound, Some(Bound::Duration(_))) && !is_time {
                let message = format!("`{name}` is no time");
                find(
                    Code::WrongType,
                    field,
                    message,
                    "expected a number".to_owned(),
                );
            }
        }
        let before = scenario.alerts[..position].iter();
        if before
            .map(|other| &other.name)
            .any(|other| *other == alert.name)
        {
            let message = format!("two alerts are called `{}`", alert.name);
            let label = "expected a name of its own".to_owned();
            find(Code::DuplicateName, "name", message, label);
        }
    }
}

//! Rules between the cells of `models.throughputs`: every type of job has a throughput on every model.

use model::{ThroughputFault, Throughputs};

use super::diagnostic::{Code, Finding, Findings};
use super::schema::Scenario;
use super::tree::Tree;

/// Reports every hole and every throughput that no job can have.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let Some(stated) = &scenario.models.throughputs else {
        return;
    };
    for fault in Throughputs::new(&stated.reference, &stated.types)
        .err()
        .unwrap_or_default()
    {
        let (code, label, path) = match &fault {
            ThroughputFault::Reference { .. } => {
                let label = "expected a model of `types`".to_owned();
                (Code::UnknownName, label, vec!["reference"])
            }
            ThroughputFault::Hole { job_type, model } => {
                let label = format!("expected steps per second on `{model}` as well");
                (Code::MissingField, label, vec!["types", job_type])
            }
            ThroughputFault::OutOfRange { job_type, model } => {
                let label = "expected 0.001 to 1000000".to_owned();
                (Code::Impossible, label, vec!["types", job_type, model])
            }
        };
        let span = tree.locate(["models", "throughputs"].into_iter().chain(path));
        findings.push(Finding::new(code, fault.to_string(), span).label(label));
    }
}

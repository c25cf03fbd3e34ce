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
        let (code, label, job_type, model) = match &fault {
            ThroughputFault::Hole { job_type, model } => {
                let label = format!("expected steps per second on `{model}` as well");
                (Code::MissingField, label, job_type, None)
            }
            ThroughputFault::OutOfRange { job_type, model } => {
                let label = "expected more than 0".to_owned();
                (Code::Impossible, label, job_type, Some(model.as_str()))
            }
        };
        let path = ["models", "throughputs", "types", job_type].into_iter();
        let span = tree.locate(path.chain(model));
        findings.push(Finding::new(code, fault.to_string(), span).label(label));
    }
}

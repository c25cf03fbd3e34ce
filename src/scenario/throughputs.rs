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
    let found = Throughputs::stated(&stated.stated());
    for fault in found.err().unwrap_or_default() {
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
            ThroughputFault::Type { field, .. } => {
                let label = "expected types of `types`".to_owned();
                (Code::UnknownName, label, vec![*field])
            }
            ThroughputFault::Part { field, types } => {
                let label = "expected above 0 and up to 1".to_owned();
                (Code::Impossible, label, below(field, types))
            }
            ThroughputFault::Gpus { field, path } => {
                let label = "expected 2 to 4096".to_owned();
                (Code::Impossible, label, below(field, path))
            }
            ThroughputFault::ScaledModel { field, path, .. } => {
                let label = "expected models of `types`".to_owned();
                (Code::UnknownName, label, below(field, path))
            }
            ThroughputFault::ScaledHole { field, path, model } => {
                let label = format!("expected steps per second on `{model}` as well");
                (Code::MissingField, label, below(field, path))
            }
            ThroughputFault::ScaledRange { field, path, model } => {
                let label = "expected 0.001 to 1000000".to_owned();
                let mut path = below(field, path);
                path.push(model);
                (Code::Impossible, label, path)
            }
            ThroughputFault::ApartAlone { job_type, .. } => {
                let label = "expected the same numbers in `scaled`".to_owned();
                (Code::MissingField, label, vec!["scaledApart", job_type])
            }
            ThroughputFault::Goodput { path, expected } => {
                (Code::Impossible, expected.clone(), below("goodput", path))
            }
            ThroughputFault::GoodputAndScaled { job_type } => {
                let label = "expected no `scaled` of this type".to_owned();
                (Code::Impossible, label, vec!["goodput", job_type])
            }
            ThroughputFault::OneSided { job_type, other } => {
                let label = format!("expected the part of `{other}` beside `{job_type}` as well");
                (Code::MissingField, label, vec!["packed", job_type, other])
            }
        };
        let span = tree.locate(["models", "throughputs"].into_iter().chain(path));
        findings.push(Finding::new(code, fault.to_string(), span).label(label));
    }
}

/// The path of a cell below a field.
fn below<'a>(field: &'a str, path: &'a [String]) -> Vec<&'a str> {
    let path = path.iter().map(String::as_str);
    std::iter::once(field).chain(path).collect()
}

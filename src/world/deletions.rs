//! Deletions of pods by their labels, and which of them could end nothing.

use control::operation::{Operation, PodChoice};
use model::PodSpec;
use units::Instant;

/// The deletions of pods by their labels among a run's operations.
#[derive(Clone, Debug, Default)]
pub struct Deletions(Vec<(Instant, PodChoice)>);

impl Deletions {
    /// Those among operations.
    pub fn among(operations: &[(Instant, Operation)]) -> Self {
        let choices = operations
            .iter()
            .filter_map(|(at, operation)| match operation {
                Operation::DeletePods(choice) if choice.name.is_none() => {
                    Some((*at, choice.clone()))
                }
                _ => None,
            });
        Self(choices.collect())
    }

    /// A line for each that no pod of a run had the labels of.
    pub(super) fn idle(&self, specs: &[&PodSpec]) -> Vec<String> {
        let choices = self.0.iter();
        let idle = choices.filter(|(_, own)| !specs.iter().any(|spec| own.admits(spec)));
        let lines = idle.map(|(at, own)| {
            let labels = own.labels.iter().map(|(key, value)| format!("{key}={value}"));
            let (labels, namespace) = (labels.collect::<Vec<String>>().join(", "), &own.namespace);
            format!(
                "the operation `deletePods` at {at} ends nothing: no pod of the run has the labels {labels} in the \
                 namespace `{namespace}`"
            )
        });
        lines.collect()
    }
}

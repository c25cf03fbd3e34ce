//! Classes of pods that objectives are about.

use metrics::{Selection, is_of_jobs, registry};
use scenario::Scenario;
use world::BuildError;

/// The classes of a scenario's objectives, each once.
///
/// # Errors
/// If a metric can't be measured for a class of pods.
pub(super) fn of(scenario: &Scenario) -> Result<Vec<Selection>, BuildError> {
    let mut found: Vec<Selection> = Vec::new();
    for (number, objective) in scenario.objectives.iter().enumerate() {
        let Some(class) = &objective.selector else {
            continue;
        };
        let family = registry::find(&objective.metric);
        if family.is_some_and(|(entry, _)| !is_of_jobs(entry)) {
            return Err(refused(number, &objective.metric));
        }
        let selection = Selection {
            name: class.to_string(),
            namespace: class.namespace.clone(),
            labels: class.labels.clone(),
            min_priority: class.min_priority,
            max_priority: class.max_priority,
        };
        if !found.contains(&selection) {
            found.push(selection);
        }
    }
    Ok(found)
}

fn refused(number: usize, metric: &str) -> BuildError {
    let families = metrics::REGISTRY.iter().filter(|entry| is_of_jobs(entry));
    let families: Vec<&str> = families.map(|entry| entry.subject).collect();
    BuildError::Experiment(format!(
        "objectives[{number}].selector: `{metric}` is not measured by class of pods; leave the \
         selector out, or use a metric of {}",
        families.join(", ")
    ))
}

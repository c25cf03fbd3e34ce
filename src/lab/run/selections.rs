//! Classes of pods and workloads that objectives are about.

use metrics::workloads::WorkloadPattern;
use metrics::{MetricEntry, Selection, is_of_jobs, is_of_workloads, registry};
use scenario::Scenario;
use sim::RefusedPods;
use world::BuildError;

use crate::summary::Refused;

/// Pods that are refused when a run ends, with the classes that they would be of.
pub(super) fn refused(found: &[RefusedPods], classes: &[Selection]) -> Vec<Refused> {
    let refused = |own: &RefusedPods| Refused {
        words: own.to_string(),
        classes: { classes.iter() }
            .filter(|class| class.has_pods_of(own.kind, &own.path, &own.spec))
            .map(|class| class.name.clone())
            .collect(),
    };
    found.iter().map(refused).collect()
}

/// The classes of a scenario's objectives, each once.
///
/// # Errors
/// If a metric can't be measured for such a class.
pub(super) fn of(scenario: &Scenario) -> Result<Vec<Selection>, BuildError> {
    let mut found: Vec<Selection> = Vec::new();
    for (number, objective) in scenario.objectives.iter().enumerate() {
        let Some(class) = &objective.selector else {
            continue;
        };
        let (is_measured, kind): (fn(&MetricEntry) -> bool, _) = match class.workload {
            Some(_) => (is_of_workloads, "workload"),
            None => (is_of_jobs, "class of pods"),
        };
        let family = registry::find(&objective.metric);
        if family.is_some_and(|(entry, _)| !is_measured(entry)) {
            let families = metrics::REGISTRY.iter().filter(|entry| is_measured(entry));
            let families: Vec<&str> = families.map(|entry| entry.subject).collect();
            return Err(BuildError::Experiment(format!(
                "objectives[{number}].selector: `{}` is not measured by {kind}; leave the selector \
                 out, or use a metric of {}",
                objective.metric,
                families.join(", ")
            )));
        }
        let selection = Selection {
            name: class.to_string(),
            namespace: class.namespace.clone(),
            labels: class.labels.clone(),
            min_priority: class.min_priority,
            max_priority: class.max_priority,
            workload: class.workload.as_deref().map(WorkloadPattern::new),
        };
        if !found.contains(&selection) {
            found.push(selection);
        }
    }
    Ok(found)
}

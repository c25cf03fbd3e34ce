//! Throughputs of jobs by GPU model, as a scenario states them.

use std::sync::Arc;

use model::{Node, Throughputs};
use scenario::Scenario;

use super::BuildError;

/// Throughputs of a scenario's jobs; `None` if all GPU models are equally fast.
pub fn throughputs(scenario: &Scenario) -> Result<Option<Arc<Throughputs>>, BuildError> {
    let Some(stated) = &scenario.models.throughputs else {
        return Ok(None);
    };
    let found = Throughputs::stated(&stated.stated());
    let found = found.map_err(|faults| {
        let each: Vec<String> = faults.iter().map(ToString::to_string).collect();
        BuildError::Experiment(format!("models.throughputs: {}", each.join("; ")))
    })?;
    Ok(Some(Arc::new(found)))
}

/// Checks that throughputs are known on the GPUs of every node.
pub(super) fn check_nodes(known: &Throughputs, nodes: &[Arc<Node>]) -> Result<(), BuildError> {
    for node in nodes {
        if let Some(gpu) = &node.gpu
            && known.column(&gpu.model).is_none()
        {
            let models: Vec<String> = { known.models().iter() }
                .map(|model| format!("`{model}`"))
                .collect();
            return Err(BuildError::Experiment(format!(
                "models.throughputs.types: no type has a throughput on `{}`, the GPU model of node \
                 `{}`; known are {}",
                gpu.model,
                node.name,
                models.join(", ")
            )));
        }
    }
    Ok(())
}

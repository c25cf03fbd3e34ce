//! Shares of processes on the nodes of a scenario, and the saving of their work.

use model::ResourceUsage;
use model::checkpoint::Checkpoints;
use scenario::Scenario;
use scenario::scalar::NoneOr;
use sim::ContentionModel;
use units::Duration;

use super::BuildError;

/// Contention model; `None` if every process gets all it wants.
pub fn contention(scenario: &Scenario) -> Result<Option<ContentionModel>, BuildError> {
    let NoneOr::Some(contention) = &scenario.models.contention else {
        return Ok(None);
    };
    let wrong = |field: &str, error: &dyn std::fmt::Display| {
        BuildError::Experiment(format!("models.contention.overhead.{field}: {error}"))
    };
    let overhead = contention.overhead;
    let cpu_milli = overhead.cpu.milli_ceil();
    let memory_bytes = overhead.memory.units_ceil();
    Ok(Some(ContentionModel {
        cpu: contention.cpu,
        memory: contention.memory,
        overhead: ResourceUsage {
            cpu_milli: cpu_milli.map_err(|error| wrong("cpu", &error))?,
            memory_bytes: memory_bytes.map_err(|error| wrong("memory", &error))?,
        },
    }))
}

/// Saving of pods' work; `None` where they never save it.
pub fn checkpoints(scenario: &Scenario) -> Result<Option<Checkpoints>, BuildError> {
    let NoneOr::Some(stated) = scenario.models.checkpoints else {
        return Ok(None);
    };
    let wrong = |what: &str| {
        Err(BuildError::Experiment(format!(
            "models.checkpoints: {what}"
        )))
    };
    if let NoneOr::Some(contention) = &scenario.models.contention
        && contention.cpu
    {
        return wrong(
            "the progress of a run under contention can't be predicted; write `contention: {cpu: \
             false}` or leave one of the two out",
        );
    }
    let (write, restart) = (stated.write, stated.restart);
    Ok(Some(match (stated.interval, stated.mtbf) {
        (Some(interval), _) => Checkpoints {
            interval,
            write,
            restart,
        },
        (None, Some(_)) if write == Duration::ZERO => {
            return wrong(
                "a checkpoint without cost would be written continuously; give `write` \
                or `interval`",
            );
        }
        (None, Some(mtbf)) => Checkpoints::young(write, restart, mtbf),
        (None, None) => return wrong("give `interval`, or `mtbf` from which it follows"),
    }))
}

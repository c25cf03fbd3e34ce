//! Conversion of what a scenario says of time and nodes to the options of a simulation.

use control::Stepping;
use scenario::Scenario;
use scenario::scalar::NoneOr;
use scenario::schema::{self, DecisionTime, StopWhen};
use sim::{NodeLoss, Options, Stop};
use systems::batch::slurm::Slurm;
use units::{Duration, Instant};

use world::{self, BuildError, StartUpValues};

/// Whether the system of a scenario takes pods off their nodes and goes on with the rest of their work, so
/// that nothing is lost.
pub(crate) fn keeps_work(scenario: &Scenario) -> bool {
    let keeping = [&systems::gpu_sharing::ENTRY, &systems::consolidation::ENTRY];
    keeping
        .iter()
        .any(|entry| entry.name == scenario.system.name)
}

/// Options of a run: the time of decisions, its stop, and the fate of pods of lost nodes.
pub(crate) fn options(
    scenario: &Scenario,
    values: &StartUpValues,
    stepping: Stepping,
) -> Result<Options, BuildError> {
    let start_up = world::start_up(scenario, values)?;
    let decision_time = match scenario.models.decision_time {
        NoneOr::None => sim::DecisionTime::default(),
        NoneOr::Some(DecisionTime::PerPod(per_pod)) => sim::DecisionTime {
            per_pod,
            per_job: Duration::ZERO,
        },
        NoneOr::Some(DecisionTime::PerJob { job, task }) => sim::DecisionTime {
            per_pod: task,
            per_job: job,
        },
    };
    let stop = match (scenario.stop.at, scenario.stop.when) {
        (Some(at), None) => Stop::At(Instant::ZERO + at),
        (Some(at), Some(StopWhen::Drained)) => Stop::DrainedOrAt(Instant::ZERO + at),
        (Some(at), Some(StopWhen::Idle)) => Stop::IdleOrAt(Instant::ZERO + at),
        (None, Some(StopWhen::Drained)) => Stop::Drained,
        (None, Some(StopWhen::Idle) | None) => Stop::Idle,
    };
    let kubelet = world::production::kubelet_delays(scenario);
    Ok(Options {
        seed: scenario.seed,
        stop,
        decision_time,
        start_up,
        stepping,
        node_loss: match scenario.models.node_loss {
            schema::NodeLoss::Lose => NodeLoss::Lose,
            schema::NodeLoss::Resubmit => NodeLoss::Resubmit,
        },
        node_life: world::contact(scenario),
        node_timeout: { scenario.system.stated::<Slurm>() }
            .and_then(|own| own.slurmd_timeout)
            .unwrap_or(Duration::ZERO),
        node_client: world::production::client_limits(scenario).kubelet,
        relist: kubelet.relist,
        node_ready: kubelet.node_ready,
        lease_offset: scenario.models.lease_offset,
        view_lag: scenario.models.watch_delay,
        empties_nodes: world::empties_nodes(scenario),
    })
}

//! Steps of Docker Machine that an experiment orders for hosts that are there, as spans in which their
//! nodes are away.

use control::docker_machine::{Step, StepTimes};
use rng::Stream;
use scenario::Scenario;
use scenario::schema::{DockerMachine, MachineStep};
use units::{Duration, Instant, SortedMap};

use super::{BuildError, docker_machine};

/// Name of the stream that times are drawn from.
const STREAM: &str = "docker-machine-step";

/// Span in which a node is away; without an end it stays away.
pub(super) type Away = (Instant, Option<Instant>);

/// Whether the experiment orders nothing but steps of hosts, which need no controller.
pub(super) fn are_all(scenario: &Scenario) -> bool {
    scenario.operations.iter().all(|own| own.machine.is_some())
}

/// Spans in which nodes are away, by their names.
///
/// # Errors
/// There is no Docker Machine, or the step of a host does not follow from the one before.
pub(super) fn away(scenario: &Scenario) -> Result<SortedMap<&str, Vec<Away>>, BuildError> {
    let mut spans: SortedMap<&str, Vec<Away>> = SortedMap::new();
    let mut ordered: Vec<_> = scenario.operations.iter().enumerate().collect();
    ordered.sort_by_key(|(_, own)| own.at);
    for (number, operation) in ordered {
        let Some(written) = &operation.machine else {
            continue;
        };
        let wrong =
            |what: String| BuildError::Experiment(format!("operations[{number}].machine: {what}"));
        let provider = scenario.cluster.provider.as_ref();
        let Some(machine) = provider.and_then(|own| own.docker_machine.as_ref()) else {
            return Err(wrong(
                "no Docker Machine makes hosts; write `dockerMachine` under `cluster.provider`"
                    .to_owned(),
            ));
        };
        let at = Instant::ZERO.saturating_add(operation.at);
        let times = times(machine, scenario.seed, number)?;
        let absence = step(written.step).absence(&times);
        let own = spans.entry(written.node.as_str()).or_default();
        let until = absence.until.map(|span| at.saturating_add(span));
        let last = own.last_mut();
        let back = last.as_ref().map(|(_, until)| *until);
        match (absence.from, back) {
            (None, Some(None)) => {
                if let Some((_, end)) = last {
                    *end = until;
                }
            }
            (Some(_), Some(None)) => {
                return Err(wrong(format!(
                    "`{}` is stopped at that time; start it before",
                    written.node
                )));
            }
            (_, Some(Some(back))) if at < back => {
                return Err(wrong(format!(
                    "the step before of `{}` ends only at {}; order this one later",
                    written.node,
                    back.since(Instant::ZERO)
                )));
            }
            (Some(from), _) => own.push((at.saturating_add(from), until)),
            (None, _) => {
                return Err(wrong(format!(
                    "`{}` runs at that time; stop or kill it before",
                    written.node
                )));
            }
        }
    }
    Ok(spans)
}

const fn step(written: MachineStep) -> Step {
    match written {
        MachineStep::Start => Step::Start,
        MachineStep::Stop => Step::Stop,
        MachineStep::Kill => Step::Kill,
        MachineStep::Restart => Step::Restart,
        MachineStep::Upgrade => Step::Upgrade,
    }
}

/// Times of a step, drawn for it alone.
fn times(machine: &DockerMachine, seed: u64, number: usize) -> Result<StepTimes, BuildError> {
    let options = docker_machine::options(machine)?;
    let mut stream = Stream::new(seed, STREAM, number as u64);
    let [_, _, boot, _, _, install, engine, _] = &options.takes;
    let stop = machine.stop.as_ref();
    Ok(StepTimes {
        stop: stop.map_or(Duration::ZERO, |own| own.sample(&mut stream)),
        boot: boot.sample(&mut stream),
        install: install.sample(&mut stream),
        engine: engine.sample(&mut stream),
    })
}

//! Steps of Docker Machine that an experiment orders for hosts, as spans in which their nodes are away and
//! as nodes that leave and join.

mod host;

use std::sync::Arc;

use control::docker_machine::{Outcome, Part, Step, StepTimes};
use model::{MachineFailure, Node, Text};
use rng::Stream;
use scenario::Scenario;
use scenario::schema::{DockerMachine, MachineOperation, MachinePhase, MachineStep};
use sim::failures::{Change, Strike};
use sim::{CreationOutcome, HostCreations, Trouble};
use units::{Duration, Instant, NodeId, SortedMap};

use super::{BuildError, docker_machine};
use host::{Done, Host, Turn};

/// Name of the stream that times are drawn from.
const STREAM: &str = "docker-machine-step";

/// Name of the stream that failures are drawn from.
const FAILURES: &str = "docker-machine-step-failure";

/// Name of the stream that creations are drawn from.
const CREATIONS: &str = "docker-machine-create";

/// Span in which a node is away; without an end it stays away.
pub(super) type Away = (Instant, Option<Instant>);

/// Steps of a scenario, carried out.
#[derive(Debug, Default)]
pub(super) struct Steps<'s> {
    hosts: SortedMap<&'s str, Host>,
    /// Lines about steps that failed, or had no effect after one that had.
    pub(super) failed: Vec<String>,
}

impl Steps<'_> {
    /// Spans in which nodes that stay in the cluster are away, by their names.
    pub(super) fn away(&self) -> impl Iterator<Item = (&str, Vec<Away>)> {
        let staying = self.hosts.iter().filter(|(_, host)| !host.leaves());
        staying.map(|(&name, host)| (name, host.spans()))
    }

    /// Changes of nodes that leave and join, in order of time; `find` knows nodes by their names.
    ///
    /// # Errors
    /// There is no node of a name.
    pub(super) fn strikes<E>(
        &self,
        find: impl Fn(&str) -> Result<(NodeId, Arc<Node>), E>,
    ) -> Result<Vec<Strike>, E> {
        let mut strikes = Vec::new();
        for (name, host) in self.hosts.iter().filter(|(_, host)| host.leaves()) {
            let (node, object) = find(name)?;
            strikes.extend(host.turns().map(|(at, turn)| {
                let change = match turn {
                    Turn::Goes => Change::Begin(node, Trouble::Crash),
                    Turn::Comes => Change::End(node, Trouble::Crash),
                    Turn::Removed => Change::Remove(node),
                    Turn::NotCreated(phase) => Change::NotCreated(Arc::new(MachineFailure {
                        node: object.name.clone(),
                        group: Text::default(),
                        why: format!("no host was made: {phase}").into(),
                    })),
                    Turn::Created => Change::Create(node, Arc::clone(&object)),
                };
                Strike { at, change }
            }));
        }
        strikes.sort_by_key(|strike| strike.at);
        Ok(strikes)
    }
}

/// Carries out the steps of a scenario.
///
/// # Errors
/// There is no Docker Machine, or the step of a host does not follow from the one before.
pub(super) fn steps(scenario: &Scenario) -> Result<Steps<'_>, BuildError> {
    let mut steps = Steps::default();
    let mut creations = HostCreations::default();
    let mut ordered: Vec<_> = scenario.operations.iter().enumerate().collect();
    ordered.sort_by_key(|(_, own)| own.at);
    for (number, operation) in ordered {
        let Some(written) = &operation.machine else {
            continue;
        };
        let wrong =
            |what: String| BuildError::Experiment(format!("operations[{number}].machine{what}"));
        let provider = scenario.cluster.provider.as_ref();
        let Some(machine) = provider.and_then(|own| own.docker_machine.as_ref()) else {
            return Err(wrong(
                ": no Docker Machine makes hosts; write `dockerMachine` under `cluster.provider`"
                    .to_owned(),
            ));
        };
        if written.force && written.step != MachineStep::Remove {
            return Err(wrong(
                ".force: only the step `remove` can be forced; leave it out".to_owned(),
            ));
        }
        let order = Order {
            at: Instant::ZERO.saturating_add(operation.at),
            written,
            machine,
            seed: scenario.seed,
            number,
        };
        let host = steps.hosts.entry(written.node.as_str());
        let host = host.or_insert_with(|| Host::before(written.step));
        let done = order.carry_out(host, &mut creations)?;
        let (node, name) = (&written.node, written.step.name());
        let line = match done.map_err(|what| wrong(format!(": {what}")))? {
            Done::Well => continue,
            Done::Failed(why) => format!("{name} of `{node}` failed: {why}"),
            Done::Forgotten(why) => {
                format!("{name} of `{node}` failed: {why}; Docker Machine has forgotten it")
            }
            Done::WithoutEffect => {
                format!("{name} of `{node}` had no effect, as a step before failed")
            }
        };
        steps
            .failed
            .push(format!("operations[{number}].machine: {line}"));
    }
    Ok(steps)
}

/// A step that is ordered.
struct Order<'s> {
    at: Instant,
    written: &'s MachineOperation,
    machine: &'s DockerMachine,
    seed: u64,
    number: usize,
}

impl Order<'_> {
    /// Carries the step out on its host; the inner error is that it does not follow from the one before.
    fn carry_out(
        &self,
        host: &mut Host,
        creations: &mut HostCreations,
    ) -> Result<Result<Done, String>, BuildError> {
        let node = &*self.written.node;
        if let Err(what) = host.is_free(self.at, node) {
            return Ok(Err(what));
        }
        Ok(match step(self.written.step) {
            None if host.can_create() => {
                let created = self.create(creations)?;
                Ok(host.created(created))
            }
            None => host.refuses_creation(node),
            Some(Step::Remove) => {
                let outcome = self.outcome(Step::Remove)?;
                host.remove(self.at, node, self.written.force, outcome)
            }
            Some(step) => {
                let outcome = self.outcome(step)?;
                host.take(self.at, node, step, outcome)
            }
        })
    }

    /// The creation, drawn for it alone.
    fn create(&self, creations: &mut HostCreations) -> Result<CreationOutcome, BuildError> {
        let options = docker_machine::options(self.machine)?;
        let mut stream = Stream::new(self.seed, CREATIONS, self.number as u64);
        Ok(creations.create(&options, None, self.at, &mut stream))
    }

    /// The outcome of the step, drawn for it alone.
    fn outcome(&self, step: Step) -> Result<Outcome, BuildError> {
        let times = times(self.machine, self.seed, self.number)?;
        let mut stream = Stream::new(self.seed, FAILURES, self.number as u64);
        let failing = Part::ALL.map(|part| {
            let share = failing(self.machine, part);
            (part, stream.below(1_000_000) < u64::from(share))
        });
        Ok(step.outcome(&times, |part| failing.contains(&(part, true))))
    }
}

/// The step of a host that is there; `None` of a creation.
const fn step(written: MachineStep) -> Option<Step> {
    Some(match written {
        MachineStep::Create => return None,
        MachineStep::Start => Step::Start,
        MachineStep::Stop => Step::Stop,
        MachineStep::Kill => Step::Kill,
        MachineStep::Restart => Step::Restart,
        MachineStep::Provision => Step::Provision,
        MachineStep::Upgrade => Step::Upgrade,
        MachineStep::Remove => Step::Remove,
    })
}

/// Millionths of the steps with a part that fail in it.
fn failing(machine: &DockerMachine, part: Part) -> u32 {
    let of_phase = |phase: MachinePhase| {
        let share = machine.failure_rate.get(&phase).copied();
        share.map_or(0.0, scenario::Share::as_f64)
    };
    let share = match part {
        Part::Stop => docker_machine::stop_failure(machine),
        Part::Remove => docker_machine::remove_failure(machine),
        Part::Detect => of_phase(MachinePhase::Detect),
        Part::Boot => of_phase(MachinePhase::Boot),
        Part::Install => of_phase(MachinePhase::Install),
        Part::Engine => of_phase(MachinePhase::Engine),
    };
    libm::rint(share * 1e6) as u32
}

/// Times of a step, drawn for it alone.
fn times(machine: &DockerMachine, seed: u64, number: usize) -> Result<StepTimes, BuildError> {
    let options = docker_machine::options(machine)?;
    let mut stream = Stream::new(seed, STREAM, number as u64);
    let [_, _, boot, _, detect, install, engine, _] = &options.takes;
    let (stop, remove) = (machine.stop.as_ref(), machine.remove.as_ref());
    Ok(StepTimes {
        stop: stop.map_or(Duration::ZERO, |own| own.sample(&mut stream)),
        boot: boot.sample(&mut stream),
        install: install.sample(&mut stream),
        engine: engine.sample(&mut stream),
        detect: detect.sample(&mut stream),
        remove: remove.map_or(Duration::ZERO, |own| own.sample(&mut stream)),
    })
}

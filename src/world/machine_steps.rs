//! Steps of Docker Machine that an experiment orders for hosts that are there, as spans in which their
//! nodes are away.

use control::docker_machine::{Absence, Outcome, Part, Step, StepTimes};
use rng::Stream;
use scenario::Scenario;
use scenario::schema::{DockerMachine, MachinePhase, MachineStep};
use units::{Duration, Instant, SortedMap};

use super::{BuildError, docker_machine};

/// Name of the stream that times are drawn from.
const STREAM: &str = "docker-machine-step";

/// Name of the stream that failures are drawn from.
const FAILURES: &str = "docker-machine-step-failure";

/// Span in which a node is away; without an end it stays away.
pub(super) type Away = (Instant, Option<Instant>);

/// Steps of a scenario, carried out.
#[derive(Debug, Default)]
pub(super) struct Steps<'s> {
    hosts: SortedMap<&'s str, Host>,
    /// Lines about steps that failed, or had no effect after one that had.
    pub(super) failed: Vec<String>,
}

/// A host after its steps so far.
#[derive(Debug, Default)]
struct Host {
    spans: Vec<Away>,
    /// Whether the last step failed, so that it is not as its user takes it to be.
    has_failed: bool,
}

impl Steps<'_> {
    /// Spans in which nodes are away, by their names.
    pub(super) fn away(self) -> impl Iterator<Item = (String, Vec<Away>)> {
        let hosts = self.hosts.into_iter();
        hosts.map(|(name, host)| (name.to_owned(), host.spans))
    }
}

/// Whether the experiment orders nothing but steps of hosts, which need no controller.
pub(super) fn are_all(scenario: &Scenario) -> bool {
    scenario.operations.iter().all(|own| own.machine.is_some())
}

/// Carries out the steps of a scenario.
///
/// # Errors
/// There is no Docker Machine, or the step of a host does not follow from the one before.
pub(super) fn steps(scenario: &Scenario) -> Result<Steps<'_>, BuildError> {
    let mut steps = Steps::default();
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
        let ordered = Ordered {
            at: Instant::ZERO.saturating_add(operation.at),
            step: step(written.step),
            node: &written.node,
        };
        let outcome = ordered.outcome(machine, scenario.seed, number)?;
        let host = steps.hosts.entry(written.node.as_str()).or_default();
        let done = ordered.on(host, outcome).map_err(wrong)?;
        let (node, name) = (ordered.node, ordered.step.name());
        let line = match (done, outcome.failed) {
            (Done::Carried, None) => continue,
            (Done::Carried, Some(part)) => format!("{name} of `{node}` failed: {part}"),
            (Done::WithoutEffect, _) => {
                format!("{name} of `{node}` had no effect, as a step before failed")
            }
        };
        steps
            .failed
            .push(format!("operations[{number}].machine: {line}"));
    }
    Ok(steps)
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// It was carried out, whether or not it failed.
    Carried,
    /// The host was not as the order takes it to be, as a step before failed.
    WithoutEffect,
}

/// A step that is ordered.
struct Ordered<'s> {
    at: Instant,
    step: Step,
    node: &'s str,
}

impl Ordered<'_> {
    /// The outcome of the step, drawn for it alone.
    fn outcome(
        &self,
        machine: &DockerMachine,
        seed: u64,
        number: usize,
    ) -> Result<Outcome, BuildError> {
        let times = times(machine, seed, number)?;
        let mut stream = Stream::new(seed, FAILURES, number as u64);
        let failing = Part::ALL.map(|part| {
            let share = failing(machine, part);
            (part, stream.below(1_000_000) < u64::from(share))
        });
        Ok(self
            .step
            .outcome(&times, |part| failing.contains(&(part, true))))
    }

    /// Carries the step out on its host.
    ///
    /// # Errors
    /// The step does not follow from the one before, in words.
    fn on(&self, host: &mut Host, outcome: Outcome) -> Result<Done, String> {
        let (at, node) = (self.at, self.node);
        let last = host.spans.last().map(|(_, until)| *until);
        if let Some(Some(back)) = last
            && at < back
        {
            return Err(format!(
                "the step before of `{node}` ends only at {}; order this one later",
                back.since(Instant::ZERO)
            ));
        }
        let is_away = last == Some(None);
        let had_failed = host.has_failed;
        match (self.step, is_away) {
            (Step::Start, true) => host.comes_up(at, outcome),
            (Step::Restart, true) if had_failed => host.comes_up(at, outcome),
            // One that did not come up is off from now on.
            (Step::Stop | Step::Kill, true) if had_failed => host.has_failed = false,
            (Step::Upgrade, true) | (Step::Start, false) if had_failed => {
                return Ok(Done::WithoutEffect);
            }
            (_, true) => {
                return Err(format!("`{node}` is stopped at that time; start it before"));
            }
            (Step::Start, false) => {
                return Err(format!(
                    "`{node}` runs at that time; stop or kill it before"
                ));
            }
            (_, false) => host.goes(at, outcome),
        }
        Ok(Done::Carried)
    }
}

impl Host {
    /// The host is away, and comes up unless the step fails.
    fn comes_up(&mut self, at: Instant, outcome: Outcome) {
        self.has_failed = outcome.failed.is_some();
        let until = outcome.absence.and_then(|own| own.until);
        if let Some((_, end)) = self.spans.last_mut() {
            *end = until.map(|span| at.saturating_add(span));
        }
    }

    /// The host is there, and goes unless the step fails before.
    fn goes(&mut self, at: Instant, outcome: Outcome) {
        self.has_failed = outcome.failed.is_some();
        if let Some(Absence { from, until }) = outcome.absence {
            let from = at.saturating_add(from.unwrap_or_default());
            let until = until.map(|span| at.saturating_add(span));
            self.spans.push((from, until));
        }
    }
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

/// Millionths of the steps with a part that fail in it.
fn failing(machine: &DockerMachine, part: Part) -> u32 {
    let of_phase = |phase: MachinePhase| {
        let share = machine.failure_rate.get(&phase).copied();
        share.map_or(0.0, scenario::Share::as_f64)
    };
    let share = match part {
        Part::Stop => docker_machine::stop_failure(machine),
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
    let [_, _, boot, _, _, install, engine, _] = &options.takes;
    let stop = machine.stop.as_ref();
    Ok(StepTimes {
        stop: stop.map_or(Duration::ZERO, |own| own.sample(&mut stream)),
        boot: boot.sample(&mut stream),
        install: install.sample(&mut stream),
        engine: engine.sample(&mut stream),
    })
}

//! A recorded run continued under another control plane: up to an instant the record is replayed, from
//! then on the other one decides. Requests of users and the silence of nodes come as recorded; machines
//! are simulated: a container starts at once, and ends after the time that the pod of its name took in
//! the record, if it ended there.
//!
//! The recorded control plane is continued in the same way, so that a comparison shows decisions and
//! not the difference between real and simulated machines.

mod course;
mod host;

use units::{Duration, Instant, SortedMap};

use crate::driver::input::{Answer, Input};
use crate::driver::{Driver, Plane};
use crate::record::{self, Log, RecordError};
use crate::wire::Registration;
use course::Course;
use host::Host;

/// Time between two heartbeats of simulated machines.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Greatest number of steps at one instant: machines and control plane settle within a few.
const STEPS_MAX: usize = 1000;

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Instant of the end.
    pub at: Instant,
    /// Pods that run, by node.
    pub running: SortedMap<String, usize>,
    /// Pods that wait for a node.
    pub waiting: usize,
    /// Bindings of pods to nodes, from the beginning of the continuation.
    pub bindings: usize,
    /// Ends of pods, by reason, from the beginning of the continuation.
    pub ends: SortedMap<String, usize>,
    /// Node of every pod that is there, by namespace and name.
    pub places: SortedMap<String, Option<String>>,
}

/// A run that is continued.
struct Continued<'l> {
    driver: Driver,
    course: &'l Course,
    hosts: SortedMap<String, Host>,
    now: Instant,
    /// Number of the last event before the continuation.
    first_event: u64,
    outcome: Outcome,
}

/// Continues a record from an instant on under `other`; `recorded` is the control plane of the record,
/// which decides until then.
///
/// # Errors
/// The record does not replay.
pub fn continued(
    log: &Log,
    from: Instant,
    recorded: Plane,
    again: Plane,
    other: Plane,
) -> Result<Outcome, RecordError> {
    let course = Course::of(log, recorded)?;
    let mut driver = log.begin(again)?;
    driver.keep_log();
    let mut number = 0;
    while let Some(record) = log.records.get(number)
        && record.at_ns < from.as_nanos()
    {
        record::replay(&mut driver, log.first() + number as u64, record)?;
        number += 1;
    }
    let machines = driver.registrations();
    driver.hand_over(other)?;
    let mut run = Continued::new(driver, &course, from);
    for registration in &machines {
        run.register(registration)?;
    }
    for record in &log.records[number..] {
        run.pass(Instant::from_nanos(record.at_ns))?;
        for input in &record.inputs {
            match input {
                Input::Register { message } => run.register(message)?,
                Input::Opened { .. } | Input::Ask { .. } => {
                    run.step(std::slice::from_ref(input))?;
                }
                // Simulated machines send their own.
                Input::Update { .. }
                | Input::Heard { .. }
                | Input::Measured { .. }
                | Input::Machines { .. }
                | Input::Observed { .. }
                | Input::Unwritten { .. }
                | Input::Compacted {} => {}
            }
        }
        run.settle()?;
    }
    Ok(run.end())
}

impl<'l> Continued<'l> {
    fn new(driver: Driver, course: &'l Course, from: Instant) -> Self {
        let events = driver.events_after(0);
        Self {
            first_event: events.last().map_or(0, |event| event.number),
            now: from.max(driver.now()),
            driver,
            course,
            hosts: SortedMap::new(),
            outcome: Outcome {
                at: from,
                running: SortedMap::new(),
                waiting: 0,
                bindings: 0,
                ends: SortedMap::new(),
                places: SortedMap::new(),
            },
        }
    }

    /// A machine registers, unless it is there.
    fn register(&mut self, registration: &Registration) -> Result<(), RecordError> {
        let known = self.hosts.entry(registration.node.clone());
        let host = known.or_insert_with(|| Host::new(registration.clone()));
        host.is_due = true;
        self.exchange(&registration.node.clone())
    }

    /// Lets time pass up to an instant.
    fn pass(&mut self, until: Instant) -> Result<(), RecordError> {
        loop {
            let heartbeats = self.hosts.values().map(|host| host.next);
            let wakes = self.hosts.values().filter_map(Host::next_wake);
            let next = heartbeats.chain(wakes).chain(self.driver.next_wake()).min();
            let Some(next) = next.filter(|&next| next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            self.settle()?;
            if self.driver.next_wake().is_some_and(|at| at <= self.now) {
                self.step(&[])?;
                self.settle()?;
            }
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// Machines work and send what they have, until none has anything left.
    fn settle(&mut self) -> Result<(), RecordError> {
        for _ in 0..STEPS_MAX {
            let names: Vec<String> = self.hosts.keys().cloned().collect();
            let mut any = false;
            for name in names {
                let (now, course) = (self.now, self.course);
                let driver = &self.driver;
                let Some(host) = self.hosts.get_mut(&name) else {
                    continue;
                };
                let names_of = |pod: u32| driver.pod_name(pod);
                host.work(now, &|pod| course.life(&names_of(pod)?));
                let is_heard = !course.is_silent(&name, now);
                if is_heard && host.has_something(now) {
                    any = true;
                    self.exchange(&name)?;
                } else if host.next <= now {
                    host.next = now.saturating_add(HEARTBEAT);
                }
            }
            if !any {
                break;
            }
        }
        self.count();
        Ok(())
    }

    /// A machine sends what it has, and obeys the answer.
    fn exchange(&mut self, name: &str) -> Result<(), RecordError> {
        let Some(host) = self.hosts.get_mut(name) else {
            return Ok(());
        };
        host.next = self.now.saturating_add(HEARTBEAT);
        host.is_due = false;
        let input = host.message();
        let answers = self.step(input.as_slice())?;
        if let Some(Answer::Node(answer)) = answers.into_iter().next()
            && let Some(host) = self.hosts.get_mut(name)
        {
            host.obey(self.now, answer);
        }
        Ok(())
    }

    fn step(&mut self, inputs: &[Input]) -> Result<Vec<Answer>, RecordError> {
        Ok(self.driver.step(self.now, inputs)?)
    }

    /// Counts bindings and ends since the last look.
    fn count(&mut self) {
        for event in self.driver.events_after(self.first_event) {
            self.first_event = event.number;
            if event.reason == "Scheduled" {
                self.outcome.bindings += 1;
            }
            if event.reason == "Ended" {
                let reason = event.message.rsplit(": ").next().unwrap_or_default();
                *self.outcome.ends.entry(reason.to_owned()).or_insert(0) += 1;
            }
        }
    }

    fn end(mut self) -> Outcome {
        self.count();
        for pod in self.driver.pod_rows() {
            if pod.terminating {
                // It waits for the word of a node that is silent.
                continue;
            }
            let name = format!("{}/{}", pod.namespace, pod.name);
            match &pod.node {
                None => self.outcome.waiting += 1,
                Some(node) => *self.outcome.running.entry(node.clone()).or_insert(0) += 1,
            }
            self.outcome.places.insert(name, pod.node);
        }
        self.outcome.at = self.now;
        self.outcome
    }
}

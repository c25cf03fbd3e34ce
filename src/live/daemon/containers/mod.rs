//! The containers of a node: orders of its agent to the runtime, and what became of them as events.

mod ends;
mod keep;
mod read;

use std::collections::VecDeque;
use std::time::Duration as WallDuration;

use control::node::{ContainerEvent, MachineEvent};
use model::workload::probe::ProbeKind;
use serde_json::Value;
use units::{Duration, SortedMap, SortedSet};

use super::pace::Clock;
use super::probe::{Probed, Probes, Subject, Wanted};
use super::reported::Reported;
use super::retained::Retained;
use super::written::{chosen, order};
use crate::discovery::Discovery;
use crate::node::MachineOrder;
use crate::runtime::{AttemptId, Change, Ending, Happening, Listed, Phase, Runtime, StartError};
use crate::wire::report::{Failure, News};
use crate::wire::usage::{ContainerUsage, PodUsage};
use ends::{ended, refused};

/// Code of a container that could not be started, as shells have it.
const NOT_STARTED: i32 = 127;

/// Code of a container of which nothing is known but that it ended.
const UNKNOWN: i32 = 255;

/// Time that containers get which the cluster does not know.
const SURPLUS_GRACE: Duration = Duration::from_secs(30);

/// The containers of a node.
pub(super) struct Containers<R> {
    /// Beginning of the ids of pods.
    cluster: String,
    runtime: R,
    discovery: Discovery,
    /// Attempts that the agent ordered, and what it calls them.
    known: SortedMap<AttemptId, Known>,
    events: VecDeque<Event>,
    problems: Vec<String>,
    /// Pods of the node, once the control server has said which they are.
    kept: Option<Vec<u32>>,
    /// Pods that the agent ordered something of.
    ordered: SortedSet<u32>,
    /// Use of processors at the last measurement, by attempt.
    measured: SortedMap<AttemptId, Sample>,
    probes: Probes,
    /// Attempts whose last probe of a kind failed.
    failing: SortedSet<(AttemptId, ProbeKind)>,
    /// Attempts to which their limit has refused processes.
    refusing: SortedSet<AttemptId>,
    /// Number of processes that a container may have.
    process_limit: Option<u64>,
    /// News for users, by pod.
    notices: Vec<(u32, News)>,
    reported: Reported,
    retained: Retained,
    /// `true` if a start has failed on a full disk since that was last asked for.
    lacked_room: bool,
}

/// A measurement of an attempt.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at_ns: i64,
    cpu_ns: u64,
}

/// An attempt that the agent ordered.
#[derive(Clone, Copy, Debug)]
struct Known {
    pod: u32,
    container: Option<u16>,
    /// `true` from the agent's order to stop it until it has ended.
    is_stopping: bool,
}

/// An event of a pod's processes.
pub(super) struct Event {
    pub(super) pod: u32,
    pub(super) event: MachineEvent,
}

impl<R: Runtime> Containers<R> {
    pub(super) fn new(
        cluster: String,
        runtime: R,
        discovery: Discovery,
        reported: Reported,
        retained: Retained,
    ) -> Self {
        Self {
            cluster,
            runtime,
            discovery,
            known: SortedMap::new(),
            events: VecDeque::new(),
            problems: Vec::new(),
            kept: None,
            ordered: SortedSet::new(),
            measured: SortedMap::new(),
            probes: Probes::new(),
            failing: SortedSet::new(),
            refusing: SortedSet::new(),
            process_limit: None,
            notices: Vec::new(),
            reported,
            retained,
            lacked_room: false,
        }
    }

    /// The next event for the agent.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Limits the number of processes of each container that starts from now on.
    pub(super) const fn limit_processes(&mut self, most: Option<u64>) {
        self.process_limit = most;
    }

    /// Whether the runtime works.
    pub(super) fn is_ready(&self) -> bool {
        self.runtime.is_ready()
    }

    /// Whether a start has failed on a full disk since the last call.
    pub(super) fn has_lacked_room(&mut self) -> bool {
        std::mem::take(&mut self.lacked_room)
    }

    /// Problems since the last call.
    pub(super) fn problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }

    /// Takes in what the runtime noticed, waiting for it at most for a time.
    pub(super) fn look(&mut self, patience: WallDuration) {
        for happening in self.runtime.poll(patience) {
            self.noticed(happening);
        }
        for probed in self.probes.results() {
            self.probed(probed);
        }
    }

    /// News for users since the last call: probes that failed and had not before, reasons of ends.
    pub(super) fn notices(&mut self) -> Vec<(u32, News)> {
        std::mem::take(&mut self.notices)
    }

    /// A probe was made. Of a container that has ended meanwhile it says nothing.
    fn probed(&mut self, probed: Probed) {
        let Probed { wanted, result } = probed;
        let Wanted {
            attempt,
            pod,
            container,
            kind,
        } = wanted;
        if !self.is_last(pod, &attempt) {
            return;
        }
        let is_success = result.is_ok();
        let key = (attempt, kind);
        match result {
            Ok(()) => drop(self.failing.remove(&key)),
            Err(why) => {
                let container = key.0.container().to_owned();
                if self.failing.insert(key) {
                    let news = News::Unhealthy {
                        container,
                        probe: kind,
                        why,
                    };
                    self.notices.push((pod, news));
                }
            }
        }
        let event = ContainerEvent::Probed { kind, is_success };
        let event = MachineEvent::Container(container, event);
        self.events.push_back(Event { pod, event });
    }

    /// The last attempt of a container that the agent ordered.
    fn attempt_of(&self, pod: u32, container: &str) -> Option<AttemptId> {
        let own = self.known.iter().filter(|(_, known)| known.pod == pod);
        let own = own.map(|(attempt, _)| attempt);
        let own = own.filter(|attempt| attempt.container() == container);
        own.max_by_key(|attempt| attempt.number()).cloned()
    }

    /// Measures the containers that run; use of processors is the mean since the last measurement.
    pub(super) fn measure(&mut self, now_ns: i64) -> Vec<PodUsage> {
        let mut pods: SortedMap<u32, Vec<ContainerUsage>> = SortedMap::new();
        let mut measured = SortedMap::new();
        for (attempt, known) in &self.known {
            let Some(usage) = self.runtime.usage(attempt) else {
                continue;
            };
            let sample = Sample {
                at_ns: now_ns,
                cpu_ns: usage.cpu_ns,
            };
            measured.insert(attempt.clone(), sample);
            if usage.refused_processes > 0 && self.refusing.insert(attempt.clone()) {
                self.notices.push((known.pod, refused(attempt)));
            }
            // What has been measured once has no mean yet.
            let Some(last) = self.measured.get(attempt) else {
                continue;
            };
            let passed = u64::try_from(now_ns - last.at_ns).unwrap_or(0).max(1);
            let used = usage.cpu_ns.saturating_sub(last.cpu_ns);
            let cpu_milli = u128::from(used) * 1000 / u128::from(passed);
            let containers = pods.entry(known.pod).or_default();
            containers.push(ContainerUsage {
                name: attempt.container().to_owned(),
                cpu_milli: u32::try_from(cpu_milli).unwrap_or(u32::MAX),
                memory_bytes: usage.memory_bytes,
            });
        }
        self.measured = measured;
        let pods = pods.into_iter();
        pods.map(|(pod, containers)| PodUsage { pod, containers })
            .collect()
    }

    fn noticed(&mut self, happening: Happening) {
        let Happening { attempt, change } = happening;
        let Some(known) = self.known.get(&attempt).copied() else {
            return;
        };
        match change {
            Change::Running { .. } => self.say(known, ContainerEvent::Started),
            Change::Ended(_) | Change::NotStarted if known.is_stopping => {
                self.stopped(&attempt, known);
            }
            Change::Ended(ending) => {
                let code = ending.code().unwrap_or(UNKNOWN);
                if ending.code().is_none() {
                    let reason = ending.reason();
                    self.problems.push(format!("{attempt}: {reason}"));
                }
                let refuses = ending.counters.refused_processes > 0;
                if refuses && self.refusing.insert(attempt.clone()) {
                    self.notices.push((known.pod, refused(&attempt)));
                }
                self.notices.extend(ended(known.pod, &attempt, &ending));
                self.say(known, ContainerEvent::Exited { code });
            }
            Change::Pull(pull) => self.notices.push((known.pod, News::Pull(pull))),
            Change::NotStarted => {
                let code = NOT_STARTED;
                self.say(known, ContainerEvent::Exited { code });
            }
            Change::Terminating { process_count } => self.problems.push(format!(
                "{attempt}: {process_count} processes outlive their end; their resources stay taken"
            )),
        }
    }

    /// An attempt was stopped as ordered; a pod that stops as one has when its last attempt has.
    fn stopped(&mut self, attempt: &AttemptId, known: Known) {
        if let Some(known) = self.known.get_mut(attempt) {
            known.is_stopping = false;
        }
        let is_whole = known.container.is_none();
        let is_of_it = |other: &Known| other.pod == known.pod && other.is_stopping;
        if !(is_whole && self.known.values().any(is_of_it)) {
            self.say(known, ContainerEvent::Stopped);
        }
    }

    /// Carries out the orders of the agent.
    pub(super) fn obey(&mut self, clock: &Clock, orders: Vec<MachineOrder>) {
        for order in orders {
            match order {
                MachineOrder::KeepOnly { pods } => {
                    self.keep_only(&pods, clock.real(SURPLUS_GRACE));
                }
                MachineOrder::Start {
                    pod,
                    container,
                    manifest,
                } => {
                    for written in chosen(&manifest, container) {
                        self.start(pod, container, &manifest, written);
                    }
                }
                MachineOrder::Stop {
                    pod,
                    container,
                    grace,
                } => self.stop(pod, container, clock.real(grace)),
                MachineOrder::Probe {
                    pod,
                    container,
                    kind,
                    manifest,
                } => self.probe(pod, container, kind, &manifest),
            }
        }
    }

    /// Has a container probed; one that was never started is not.
    fn probe(&mut self, pod: u32, container: u16, kind: ProbeKind, manifest: &Value) {
        for written in chosen(manifest, Some(container)) {
            let name = written.get("name").and_then(Value::as_str);
            let Some(attempt) = self.attempt_of(pod, name.unwrap_or_default()) else {
                continue;
            };
            let wanted = Wanted {
                attempt,
                pod,
                container,
                kind,
            };
            let subject = Subject {
                manifest,
                container: written,
                address: self.discovery.address(),
            };
            self.probes.make(&self.runtime, wanted, &subject);
        }
    }

    /// Starts a container, or adopts the attempt of it that is there.
    fn start(&mut self, pod: u32, container: Option<u16>, manifest: &Value, written: &Value) {
        let known = Known {
            pod,
            container,
            is_stopping: false,
        };
        let name = written.get("name").and_then(Value::as_str);
        self.ordered.insert(pod);
        self.release(&[pod]);
        let id = self.id(pod);
        let listed = self.runtime.list().into_iter();
        let own = listed.filter(|listed| {
            listed.attempt.pod() == id && Some(listed.attempt.container()) == name
        });
        // One that ended and was reported is not adopted: the agent starts it again.
        let last = own.max_by_key(|listed| listed.attempt.number());
        let is_over = |last: &Listed| {
            let is_noted =
                self.known.contains_key(&last.attempt) || self.reported.contains(&last.attempt);
            last.phase == Phase::Ended && is_noted
        };
        let next = match &last {
            Some(last) if is_over(last) => last.attempt.number() + 1,
            Some(last) => return self.adopt(known, last),
            None => 0,
        };
        let order = AttemptId::new(&id, name.unwrap_or_default(), next)
            .map_err(|error| error.to_string())
            .map(|attempt| {
                let variables = self.discovery.environment(pod, manifest, written);
                let mut order = order(attempt, written, variables);
                order.limits.process_count = self.process_limit;
                order
            });
        let started = order.and_then(|order| {
            let started = self.runtime.start(&order);
            self.lacked_room |= matches!(started, Err(StartError::DiskFull { .. }));
            started
                .map(|_| order.attempt)
                .map_err(|error| error.to_string())
        });
        match started {
            Ok(attempt) => {
                self.known.insert(attempt, known);
            }
            Err(why) => {
                self.problems.push(why.clone());
                let news = News::Failed {
                    container: name.unwrap_or_default().to_owned(),
                    failure: Failure::StartError,
                    why,
                };
                self.notices.push((pod, news));
                let code = NOT_STARTED;
                self.say(known, ContainerEvent::Exited { code });
            }
        }
    }

    /// Takes an attempt over that an earlier daemon started.
    fn adopt(&mut self, known: Known, last: &Listed) {
        self.known.insert(last.attempt.clone(), known);
        match (last.phase, &last.ending) {
            (Phase::Starting, _) => {}
            (Phase::Running | Phase::Clearing, _) => {
                // What its limit refused it before was told by the daemon of then.
                let usage = self.runtime.usage(&last.attempt);
                if usage.is_some_and(|usage| usage.refused_processes > 0) {
                    self.refusing.insert(last.attempt.clone());
                }
                self.say(known, ContainerEvent::Started);
            }
            (Phase::Ended, ending) => {
                let code = ending.as_ref().and_then(Ending::code).unwrap_or(UNKNOWN);
                let ending = ending.as_ref();
                if ending.is_some_and(|ending| ending.counters.refused_processes > 0) {
                    self.notices.push((known.pod, refused(&last.attempt)));
                }
                let news = ending.and_then(|ending| ended(known.pod, &last.attempt, ending));
                self.notices.extend(news);
                self.say(known, ContainerEvent::Started);
                self.say(known, ContainerEvent::Exited { code });
            }
        }
    }

    /// Stops a container, or all of a pod, also those that an earlier daemon started; without any, that
    /// is said at once.
    fn stop(&mut self, pod: u32, container: Option<u16>, grace: WallDuration) {
        let stopping = Known {
            pod,
            container,
            is_stopping: true,
        };
        let id = self.id(pod);
        let mut any = false;
        for listed in self.runtime.list() {
            let attempt = listed.attempt;
            if attempt.pod() != id || listed.phase == Phase::Ended {
                continue;
            }
            let known = self.known.get(&attempt).copied();
            if container.is_some() && known.and_then(|known| known.container) != container {
                continue;
            }
            any = true;
            self.runtime.stop(&attempt, grace, "ordered");
            let known = known.unwrap_or(stopping);
            let is_stopping = true;
            self.known.insert(
                attempt,
                Known {
                    is_stopping,
                    ..known
                },
            );
        }
        if !any {
            self.say(stopping, ContainerEvent::Stopped);
        }
    }

    /// Stops what belongs to no pod of the node.
    fn keep_only(&mut self, pods: &[u32], grace: WallDuration) {
        let kept: Vec<String> = pods.iter().map(|&pod| self.id(pod)).collect();
        for listed in self.runtime.list() {
            let is_kept = kept.iter().any(|id| *id == listed.attempt.pod());
            if !is_kept && listed.phase != Phase::Ended {
                let attempt = &listed.attempt;
                self.runtime.stop(attempt, grace, "surplus");
            }
        }
        self.kept = Some(pods.to_vec());
    }

    fn id(&self, pod: u32) -> String {
        format!("{}.{pod}", self.cluster)
    }

    fn say(&mut self, known: Known, event: ContainerEvent) {
        let event = MachineEvent::of(known.container, event);
        let pod = known.pod;
        self.events.push_back(Event { pod, event });
    }
}

//! A node as its daemon keeps it, as a pure core: the node agent of the modelled system over the pods
//! that the control server assigned, the reports that it has yet to confirm, and orders to the
//! machine below. There is no clock, process or socket here.
//!
//! A daemon that was restarted begins with an empty core: the control server tells it again of every
//! pod, the agent orders their start, and the machine answers for containers that run already.

mod error;
mod local;
mod order;

use std::collections::VecDeque;
use std::sync::Arc;

use control::local_node::LocalNode;
use control::node::{MachineCommand, StopOrder};
use control::node_api::{DesiredPod, reunite};
use control::{AgentOutput, MachineEvent};
use model::{EndReason, PodRef, Refusal};
use serde_json::Value;
use units::{Duration, Instant, SortedMap, SortedSet};

use crate::wire::pressure::{Pressure, PressureKind};
use crate::wire::reason::own_end;
use crate::wire::report::{News, NumberedReport};
use crate::wire::{Assigned, Command, Ending, NodeAnswer, Registration, Term, Update, pod};
use local::{LocalCluster, NODE, assignment};

pub use error::NodeError;
pub use order::MachineOrder;

/// A node.
pub struct NodeCore {
    registration: Registration,
    session: Option<u32>,
    /// The newest term that was seen; commands of earlier terms are refused.
    term: Term,
    /// Number of the last command carried out.
    received: u64,
    local: Option<LocalCluster>,
    pods: SortedMap<u32, Held>,
    /// Pods that were ordered to end before this daemon knew of them: an earlier one may have started
    /// processes of them, so that their end is not reported before the machine says that none is left.
    ending: SortedMap<u32, EndReason>,
    reports: VecDeque<NumberedReport>,
    last_report: u64,
    wakes: SortedSet<(Instant, PodRef)>,
    node_wakes: SortedSet<Instant>,
    /// Shortages of the host.
    pressures: Vec<Pressure>,
    /// Pods that ended by themselves since they were last asked for.
    ended: Vec<u32>,
}

/// A pod of the node.
#[derive(Clone, Debug)]
struct Held {
    local: PodRef,
    manifest: Arc<Value>,
    grace: Duration,
}

impl NodeCore {
    /// A node that has yet to register. `epoch` is the greatest number of a term that earlier daemons
    /// of the node have seen.
    pub fn new(registration: Registration, epoch: u64) -> Self {
        let term = Term {
            epoch,
            opened_ns: 0,
        };
        Self {
            registration: Registration {
                term: (epoch > 0).then_some(term),
                ..registration
            },
            session: None,
            term,
            received: 0,
            local: None,
            pods: SortedMap::new(),
            ending: SortedMap::new(),
            reports: VecDeque::new(),
            last_report: 0,
            wakes: SortedSet::new(),
            node_wakes: SortedSet::new(),
            pressures: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// The registration, while the node has no session.
    pub fn registration(&self) -> Option<&Registration> {
        self.session.is_none().then_some(&self.registration)
    }

    /// The next update; `None` while the node has no session.
    pub fn update(&self, is_ready: bool) -> Option<Update> {
        Some(Update {
            node: self.registration.node.clone(),
            process: self.registration.process.clone(),
            session: self.session?,
            term: Some(self.term),
            received: self.received,
            ready: is_ready,
            pressures: self.pressures.clone(),
            reports: self.reports.iter().cloned().collect(),
            usage: Vec::new(),
        })
    }

    /// Greatest number of a term that was seen.
    pub const fn epoch(&self) -> u64 {
        self.term.epoch
    }

    /// Takes note of a term.
    fn see(&mut self, term: Term) {
        self.term = term;
        self.registration.term = Some(term);
    }

    /// Whether a pod is of the node, and may yet be started again.
    pub fn holds(&self, pod: u32) -> bool {
        self.pods.contains_key(&pod)
    }

    /// Whether reports wait to be sent.
    pub fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    /// The host has these shortages from now on; returns whether it had others.
    pub fn press(&mut self, pressures: Vec<Pressure>) -> bool {
        let kinds = |pressures: &[Pressure]| -> Vec<PressureKind> {
            pressures.iter().map(|pressure| pressure.kind).collect()
        };
        let is_new = kinds(&pressures) != kinds(&self.pressures);
        self.registration.pressures.clone_from(&pressures);
        self.pressures = pressures;
        is_new
    }

    /// The pods that ended by themselves since the last call.
    pub fn ended(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.ended)
    }

    /// Instant of the next wake-up.
    pub fn next_wake(&self) -> Option<Instant> {
        let pod = self.wakes.first().map(|&(at, _)| at);
        let node = self.node_wakes.first().copied();
        pod.into_iter().chain(node).min()
    }

    /// Takes in an answer of the control server; returns orders to the machine.
    ///
    /// # Errors
    /// The control server refused the node, or runs an unknown system.
    pub fn answered(
        &mut self,
        now: Instant,
        answer: NodeAnswer,
    ) -> Result<Vec<MachineOrder>, NodeError> {
        let mut orders = Vec::new();
        match answer {
            NodeAnswer::Welcome {
                session,
                epoch,
                opened_ns,
                system,
                ..
            } => {
                if epoch < self.term.epoch {
                    return Ok(orders);
                }
                if self.local.is_none() {
                    self.local = Some(LocalCluster::new(&system, &self.registration)?);
                }
                (self.session, self.received) = (Some(session), 0);
                self.see(Term { epoch, opened_ns });
            }
            NodeAnswer::Received {
                epoch,
                opened_ns,
                session,
                reports,
                commands,
            } => {
                let term = Term { epoch, opened_ns };
                let is_other = epoch == self.term.epoch && term.is_news_to(self.term);
                if epoch < self.term.epoch || is_other || self.session != Some(session) {
                    return Ok(orders);
                }
                self.see(term);
                while let Some(first) = self.reports.front()
                    && first.number <= reports
                {
                    self.reports.pop_front();
                }
                for numbered in commands {
                    if numbered.number == self.received + 1 {
                        self.received += 1;
                        self.carry_out(now, numbered.command, &mut orders);
                    }
                }
            }
            NodeAnswer::Quiet => {}
            NodeAnswer::Unregistered => self.session = None,
            NodeAnswer::Refused { why } => {
                self.session = None;
                return Err(NodeError::Refused(why));
            }
        }
        Ok(orders)
    }

    /// Takes in an event of the machine; returns orders to it.
    pub fn machine(&mut self, now: Instant, pod: u32, event: MachineEvent) -> Vec<MachineOrder> {
        let mut orders = Vec::new();
        if let Some(local) = self.pods.get(&pod).map(|held| held.local) {
            self.act(&mut orders, |cluster, out| {
                cluster.agent.machine(now, local, event, out);
            });
        } else if event == MachineEvent::Stopped
            && let Some(reason) = self.ending.remove(&pod)
        {
            self.say(pod, News::Ended { reason });
        }
        orders
    }

    /// Does what is due by now; returns orders to the machine.
    pub fn woken(&mut self, now: Instant) -> Vec<MachineOrder> {
        let mut orders = Vec::new();
        while let Some(&(at, pod)) = self.wakes.first()
            && at <= now
        {
            self.wakes.pop_first();
            self.act(&mut orders, |cluster, out| {
                cluster.agent.woken(now, pod, out);
            });
        }
        while let Some(&at) = self.node_wakes.first()
            && at <= now
        {
            self.node_wakes.pop_first();
            self.act(&mut orders, |cluster, out| {
                cluster.agent.node_woken(now, NODE, out);
            });
        }
        orders
    }

    /// Carries a command out.
    fn carry_out(&mut self, now: Instant, command: Command, orders: &mut Vec<MachineOrder>) {
        match command {
            Command::Sync { pods } => {
                let surplus = self.pods.keys().filter(|pod| !pods.contains(pod));
                for pod in surplus.copied().collect::<Vec<_>>() {
                    self.remove(now, pod, orders);
                }
                // What is still being stopped by its agent gets its grace.
                let mut kept = pods;
                kept.extend(self.pods.keys().chain(self.ending.keys()).copied());
                kept.sort_unstable();
                kept.dedup();
                orders.push(MachineOrder::KeepOnly { pods: kept });
            }
            Command::Declare(standing) => {
                if let Some(cluster) = &mut self.local {
                    cluster.declare(now, &standing);
                }
            }
            Command::Assign(assigned) => self.assign(now, *assigned, orders),
            Command::Stop { pod, order } => self.stop(now, pod, &order, orders),
            Command::Release { pod } => {
                if let Some(local) = self.pods.get(&pod).map(|held| held.local) {
                    self.act(orders, |cluster, out| {
                        let view = LocalNode::new(&cluster.store, NODE);
                        cluster.agent.released(now, local, view, out);
                    });
                }
            }
            Command::Remove { pod } => self.remove(now, pod, orders),
            Command::Relist => {
                let pods: Vec<PodRef> = self.pods.values().map(|held| held.local).collect();
                for local in pods {
                    self.act(orders, |cluster, out| {
                        cluster.agent.relisted(now, local, out);
                    });
                }
            }
        }
    }

    /// Runs a pod, or reports again how it is.
    fn assign(&mut self, now: Instant, assigned: Assigned, orders: &mut Vec<MachineOrder>) {
        let number = assigned.pod;
        if self.pods.contains_key(&number) {
            return self.reunite(now, &assigned, orders);
        }
        if let Some(order) = assigned.order {
            self.ending.insert(number, order.reason);
            orders.push(MachineOrder::whole_stop(number, &order));
            return;
        }
        let Some(cluster) = &mut self.local else {
            return;
        };
        let Ok(spec) = pod::read(&assigned.manifest) else {
            let reason = EndReason::Rejected;
            return self.say(number, News::Ended { reason });
        };
        let grace = spec.grace();
        let Ok(local) = cluster.create(now, &assigned, &spec) else {
            let reason = EndReason::Refused(Refusal::OutOfExtended);
            return self.say(number, News::Ended { reason });
        };
        let held = Held {
            local,
            manifest: Arc::new(assigned.manifest.clone()),
            grace,
        };
        self.pods.insert(number, held);
        let new = assignment(local, &assigned, spec);
        self.act(orders, |cluster, out| {
            if assigned.is_held {
                cluster.agent.held(local);
            }
            let view = LocalNode::new(&cluster.store, NODE);
            cluster.agent.assigned(now, new, view, out);
        });
    }

    /// A pod that is known is assigned again: the agent says how it is, and ends it if ordered.
    fn reunite(&mut self, now: Instant, assigned: &Assigned, orders: &mut Vec<MachineOrder>) {
        let Some(held) = self.pods.get_mut(&assigned.pod) else {
            return;
        };
        if pod::name_of(&held.manifest) != pod::name_of(&assigned.manifest) {
            // A restored server gives numbers a second time. The pod that has this one here ends, and
            // the other is replaced once that is reported.
            return self.remove(now, assigned.pod, orders);
        }
        if let Some(order) = &assigned.order {
            held.grace = Duration::from_nanos(order.grace_ns);
        }
        let Ok(spec) = pod::read(&assigned.manifest) else {
            return;
        };
        let pod = held.local;
        let known = DesiredPod {
            assignment: assignment(pod, assigned, spec),
            order: assigned.order.as_ref().map(|order| StopOrder {
                pod,
                node: NODE,
                grace: Duration::from_nanos(order.grace_ns),
                reason: order.reason,
            }),
            may_start: !assigned.is_held,
            crashed: false,
        };
        self.act(orders, |cluster, out| {
            reunite(cluster.agent.as_mut(), now, known, &cluster.store, out);
        });
    }

    /// Ends a pod as ordered.
    fn stop(&mut self, now: Instant, pod: u32, order: &Ending, orders: &mut Vec<MachineOrder>) {
        let reason = order.reason;
        if self.ending.contains_key(&pod) {
            orders.push(MachineOrder::whole_stop(pod, order));
            return;
        }
        let Some(held) = self.pods.get_mut(&pod) else {
            return self.say(pod, News::Ended { reason });
        };
        held.grace = Duration::from_nanos(order.grace_ns);
        let order = StopOrder {
            pod: held.local,
            node: NODE,
            grace: held.grace,
            reason,
        };
        self.act(orders, |cluster, out| {
            cluster.agent.stopping(now, order, out);
        });
    }

    /// Ends a pod that the cluster has given up.
    fn remove(&mut self, now: Instant, pod: u32, orders: &mut Vec<MachineOrder>) {
        let Some(held) = self.pods.get(&pod) else {
            return;
        };
        let order = Ending {
            grace_ns: held.grace.as_nanos(),
            reason: EndReason::Cancelled,
        };
        self.stop(now, pod, &order, orders);
    }

    /// Has the agent act; its orders go to the machine, its reports to the control server.
    fn act(
        &mut self,
        orders: &mut Vec<MachineOrder>,
        act: impl FnOnce(&mut LocalCluster, &mut AgentOutput),
    ) {
        let Some(cluster) = &mut self.local else {
            return;
        };
        let mut out = AgentOutput::default();
        act(cluster, &mut out);
        for &command in &out.commands {
            orders.extend(self.order(command));
        }
        for probe in &out.probe_orders {
            let number = self.number_of(probe.pod);
            if let Some((pod, held)) = number.and_then(|pod| Some((pod, self.pods.get(&pod)?))) {
                orders.push(MachineOrder::Probe {
                    pod,
                    container: probe.container,
                    kind: probe.kind,
                    manifest: Arc::clone(&held.manifest),
                });
            }
        }
        self.wakes.extend(out.wakes.iter().copied());
        self.node_wakes
            .extend(out.node_wakes.iter().map(|&(at, _)| at));
        for &report in &out.reports {
            let Some(number) = self.number_of(report.pod()) else {
                continue;
            };
            if let Some(cluster) = &mut self.local {
                cluster.apply(report);
            }
            if let Some(news) = News::of(report) {
                if let News::Ended { reason } = news {
                    self.pods.remove(&number);
                    self.ended.extend(own_end(reason).map(|_| number));
                }
                self.say(number, news);
            }
        }
    }

    /// The order to the machine that an agent's command is.
    fn order(&self, command: MachineCommand) -> Option<MachineOrder> {
        let (local, container, is_start) = match command {
            MachineCommand::Start { pod, .. } => (pod, None, true),
            MachineCommand::Stop { pod, .. } => (pod, None, false),
            MachineCommand::StartContainer { pod, container } => (pod, Some(container), true),
            MachineCommand::StopContainer { pod, container } => (pod, Some(container), false),
        };
        let pod = self.number_of(local)?;
        let held = self.pods.get(&pod)?;
        Some(if is_start {
            MachineOrder::Start {
                pod,
                container,
                manifest: Arc::clone(&held.manifest),
            }
        } else {
            MachineOrder::Stop {
                pod,
                container,
                grace: held.grace,
            }
        })
    }

    /// News for users alone: a probe that failed and had not before, or the reason of an end.
    pub fn notice(&mut self, pod: u32, news: News) {
        if self.pods.contains_key(&pod) {
            self.say(pod, news);
        }
    }

    fn number_of(&self, local: PodRef) -> Option<u32> {
        let mut pods = self.pods.iter();
        pods.find_map(|(&number, held)| (held.local == local).then_some(number))
    }

    /// Adds a report to those that wait.
    fn say(&mut self, pod: u32, news: News) {
        self.last_report += 1;
        let number = self.last_report;
        self.reports.push_back(NumberedReport { number, pod, news });
    }
}

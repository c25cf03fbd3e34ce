//! The engine below the driver: applies what happens in a cell, and carries commands and reports
//! between the control plane, the node agents and the machines.

use std::sync::Arc;

use cluster::{Conflict, Observer};
use control::node::{Report, StopOrder};
use control::{MachineCommand, MachineEvent};
use model::{EndReason, Event, Pod, PodChange, PodCreated, PodPhase, PodRef};
use units::{ClassId, Duration, GangId, Instant, NodeId, TenantId};

use super::cell::{Cell, Resident, member_name};
use super::contact::assignment;
use super::contention::WHOLE;
use super::control_faults::Part;
use super::hosts::Pace;
use super::machine::Immediate;
use super::on_nodes::process_down;
use super::queue::{EventQueue, Upcoming};
use super::{NodeLoss, Options, SimError};

/// The code that a pod's process ends with by itself.
fn exit_code(cell: &Cell, pod: PodRef) -> i32 {
    let record = cell.store.pods().get(pod);
    let spec = record.map(|record| &cell.store.class(record.class).object);
    spec.map_or(0, |spec| spec.exit_code(0))
}

/// What all cells share: options, the clock, the event queue, the observer.
pub(super) struct Engine<'o> {
    pub(super) options: Options,
    pub(super) now: Instant,
    pub(super) queue: EventQueue,
    pub(super) observer: &'o mut dyn Observer,
    /// Whether the log is kept although every component has read it.
    pub(super) keeps_log: bool,
}

impl Engine<'_> {
    /// Applies an event that was due.
    pub(super) fn occur(&mut self, cell: &mut Cell, event: Upcoming) -> Result<(), SimError> {
        let now = self.now;
        match event {
            Upcoming::NodeUp(node) => self.outage_of(cell, node, false),
            Upcoming::NodeDown(node) => self.outage_of(cell, node, true),
            Upcoming::Heartbeat(node) => self.heartbeat(cell, node),
            Upcoming::Status(node) => self.post_status(cell, node),
            Upcoming::Strike(line) | Upcoming::IdleStrike(line) | Upcoming::Relief(line) => {
                self.strike(cell, line)
            }
            Upcoming::Started(pod) if cell.machine.awaits(now, pod) => self.started(cell, pod),
            Upcoming::Exit(pod)
                if cell.machine.is_running(pod) && cell.machine.awaits(now, pod) =>
            {
                let code = exit_code(cell, pod);
                process_down(cell, now, pod, WHOLE);
                let event = MachineEvent::Exited { code };
                cell.agent.machine(now, pod, event, &mut cell.agent_output);
                self.carry(cell)
            }
            Upcoming::AgentTimer(pod) if cell.machine.work(pod).is_some() && is_up(cell, pod) => {
                cell.agent.woken(now, pod, &mut cell.agent_output);
                self.carry(cell)
            }
            Upcoming::Wake(component) | Upcoming::IdleWake(component) => {
                cell.components[component.index()].due = true;
                Ok(())
            }
            Upcoming::Tick => self.tick(cell),
            Upcoming::NodeTimer(node) => self.wake_node(cell, node),
            Upcoming::Operation(number) => self.operate(cell, number),
            Upcoming::Machine(number) => self.machine_due(cell, number),
            Upcoming::Price(number) | Upcoming::IdlePrice(number) => self.prices_due(cell, number),
            Upcoming::Eviction(node) => self.go_on_draining(cell, node),
            Upcoming::Election => self.leader(cell, Part::All, true),
            Upcoming::Upgrade(number) => self.go_on_upgrading(cell, number),
            Upcoming::Decided(component) => self.decided(cell, component.index()),
            Upcoming::Traffic => {
                self.follow_traffic(cell);
                Ok(())
            }
            Upcoming::Lapse(row) => {
                let (owner, number) = cell.lapses.take(row);
                let hold = cell.store.hold(owner, number);
                match hold.and_then(|hold| hold.until) {
                    Some(until) if until <= now => {
                        self.observed(cell, Event::HoldReleased { owner, number })
                    }
                    // Released, or placed anew for longer.
                    _ => Ok(()),
                }
            }
            // What was due of a pod that has ended meanwhile.
            Upcoming::Started(_) | Upcoming::Exit(_) | Upcoming::AgentTimer(_) => Ok(()),
        }
    }

    fn started(&mut self, cell: &mut Cell, pod: PodRef) -> Result<(), SimError> {
        let node = cell.store.pods().get(pod).and_then(Pod::node);
        let pace = node.map_or(Pace::USUAL, |node| cell.hosts.pace(node));
        cell.machine
            .started(self.now, pod, pace, cell.number, &mut self.queue);
        cell.usage.started(self.now, pod, &cell.store);
        self.process_up(cell, pod, WHOLE)?;
        cell.agent
            .machine(self.now, pod, MachineEvent::Started, &mut cell.agent_output);
        self.carry(cell)
    }

    /// A node whose going down is known at once: its pods are lost with it.
    pub(super) fn node_down(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        self.observed(cell, Event::NodeReadiness { node, ready: false })?;
        let lost: Vec<PodRef> = cell
            .store
            .nodes()
            .pods(node)
            .iter()
            .filter_map(|&slot| cell.store.pods().at(slot))
            .map(|pod| pod.pod)
            .collect();
        for pod in lost {
            self.lose(cell, pod)?;
        }
        Ok(())
    }

    /// A pod is lost with its node, and submitted again if that is asked for.
    pub(super) fn lose(&mut self, cell: &mut Cell, pod: PodRef) -> Result<(), SimError> {
        let again = cell
            .store
            .pods()
            .get(pod)
            .cloned()
            .zip(cell.machine.work(pod));
        let left = cell.machine.left(self.now, pod);
        self.observed(
            cell,
            Event::PodEnded {
                pod,
                reason: EndReason::NodeLost,
            },
        )?;
        if let (NodeLoss::Resubmit, Some((record, _))) = (self.options.node_loss, again) {
            let created = PodCreated {
                pod: cell.store.pods().next(),
                class: record.class,
                tenant: record.tenant,
                gang: record.gang(),
                time_limit: record.time_limit(),
                name: record.name,
                found: None,
                owner: None,
            };
            cell.machine.resume(created.pod, left, None);
            self.observed(cell, Event::PodCreated(created))?;
        }
        Ok(())
    }

    /// Creates the pods of the next arrival.
    pub(super) fn arrive(&mut self, cell: &mut Cell) -> Result<(), SimError> {
        let Some(arrival) = cell.upcoming.take() else {
            return Ok(());
        };
        let spec = self.spec_of(cell, arrival.class)?;
        let gang = (arrival.members > 1).then(|| {
            cell.gangs += 1;
            GangId(cell.gangs - 1)
        });
        for member in 0..arrival.members {
            let created = PodCreated {
                pod: cell.store.pods().next(),
                class: spec,
                name: if gang.is_some() {
                    member_name(&arrival.name, member)
                } else {
                    arrival.name.clone()
                },
                tenant: TenantId(arrival.tenant),
                gang,
                time_limit: arrival.time_limit,
                found: None,
                owner: None,
            };
            cell.machine.submit(created.pod, arrival.run_time);
            self.commit(cell, Event::PodCreated(created))
                .map_err(|why| SimError::Declaration {
                    what: format!("`{}` of the workload", arrival.name),
                    why: why.to_string(),
                })?;
        }
        cell.fetch()
    }

    /// Puts a pod on the node it was found on.
    pub(super) fn settle_in(
        &mut self,
        cell: &mut Cell,
        resident: &Resident,
    ) -> Result<(), SimError> {
        let wrong = |why: &Conflict| SimError::Declaration {
            what: format!("pod `{}`, which is on a node already", resident.name),
            why: why.to_string(),
        };
        let spec = if let Some(known) = cell.store.class_of(&resident.spec) {
            known
        } else {
            let spec = ClassId::from_index(cell.store.class_count());
            let object = resident.spec.clone();
            self.commit(
                cell,
                Event::ClassAdded {
                    class: spec,
                    object,
                },
            )
            .map_err(|why| wrong(&why))?;
            spec
        };
        let (pod, node) = (cell.store.pods().next(), resident.found.node);
        let run_time = resident.run_time;
        cell.machine.find(pod, resident.is_running, run_time);
        let created = Event::PodCreated(PodCreated {
            pod,
            class: spec,
            name: resident.name.clone(),
            tenant: TenantId(0),
            gang: None,
            time_limit: resident.time_limit,
            found: Some(Arc::new(resident.found.clone())),
            owner: None,
        });
        let devices = resident.devices;
        for event in [created, Event::PodBound { pod, node, devices }] {
            self.commit(cell, event).map_err(|why| wrong(&why))?;
        }
        self.assign(cell, pod)
    }

    /// The class of an arrival, added to the store when it is met for the first time.
    fn spec_of(&mut self, cell: &mut Cell, class: u32) -> Result<ClassId, SimError> {
        while cell.specs.len() <= class as usize {
            let object = cell.arrivals.classes()[cell.specs.len()].clone();
            let spec = if let Some(event) = cell.store.spec_added(&object) {
                let spec = ClassId::from_index(cell.store.class_count());
                self.commit(cell, event)
                    .map_err(|why| SimError::Declaration {
                        what: "a pod of the workload".to_owned(),
                        why: why.to_string(),
                    })?;
                spec
            } else {
                cell.store
                    .class_of(&object)
                    .ok_or_else(|| SimError::Invariant {
                        at: self.now,
                        what: "a known class is unknown".to_owned(),
                        seed: self.options.seed,
                    })?
            };
            cell.specs.push(spec);
        }
        Ok(cell.specs[class as usize])
    }

    /// A change that the world makes: it can't be refused.
    pub(super) fn observed(&mut self, cell: &mut Cell, event: Event) -> Result<(), SimError> {
        let kind = event.kind();
        self.commit(cell, event).map_err(|why| SimError::Invariant {
            at: self.now,
            what: format!("{kind} was refused: {why}"),
            seed: self.options.seed,
        })
    }

    /// Applies a change; everybody who watches sees it.
    pub(super) fn commit(
        &mut self,
        cell: &mut Cell,
        event: Event,
    ) -> Result<(), cluster::Conflict> {
        let ended = cell.store.apply(self.now, event)?;
        if let Some(entry) = cell.store.log().last() {
            cell.digest.event(self.now, &entry.event);
            cell.usage.observe(&entry.event, &cell.store);
            self.observer
                .observe(self.now, &entry.event, ended.as_ref(), &cell.store);
            if let Some(traffic) = &mut cell.traffic {
                traffic.observe(self.now, &entry.event, &cell.store, &mut *self.observer);
            }
        }
        if let Some((number, away)) = cell.faults.kill
            && cell.store.revision().0 == number
        {
            self.kill(cell, away);
        }
        if let Some(Event::NodeAdded { node, .. }) = cell.store.log().last().map(|last| &last.event)
        {
            cell.hosts.joined(self.now, *node);
        }
        if let Some(pod) = ended {
            if let Some(node) = pod.node()
                && !cell.hosts.is_reached(node)
                && cell.machine.is_running(pod.pod)
            {
                cell.hosts.give_up(self.now, node, pod.pod);
            }
            let is_done = matches!(
                cell.store.log().last().map(|last| &last.event),
                Some(Event::PodEnded {
                    reason: EndReason::Completed,
                    ..
                })
            );
            cell.machine.gone(self.now, pod.pod, is_done);
            if let Some(contention) = &mut cell.contention {
                contention.forget(self.now, pod.pod.id);
            }
        }
        Ok(())
    }

    /// Shows the observer what pods use, if some time has passed since it last was.
    pub(super) fn sample(&mut self, cell: &mut Cell) {
        if cell.usage.is_due(self.now) {
            let samples = cell.usage.samples(self.now);
            self.observer.usage(self.now, &cell.store, &samples);
        }
    }

    /// A pod was bound: its node is told.
    pub(super) fn assign(&mut self, cell: &mut Cell, pod: PodRef) -> Result<(), SimError> {
        let Some(assignment) = assignment(cell, pod) else {
            return Ok(());
        };
        if let Some(lost) = cell.hosts.lost_mut(assignment.node) {
            lost.untold.push(pod);
            return Ok(());
        }
        if self.refuses(cell, &assignment)? {
            return Ok(());
        }
        if cell
            .store
            .pod_states()
            .get(pod)
            .is_some_and(|state| state.is_held)
        {
            cell.agent.held(pod);
        }
        cell.agent
            .assigned(self.now, assignment, &mut cell.agent_output);
        self.carry(cell)
    }

    /// A pod was told to end: its node stops it; one without a node is gone at once.
    pub(super) fn stop(
        &mut self,
        cell: &mut Cell,
        pod: PodRef,
        (grace, reason): (Duration, EndReason),
    ) -> Result<(), SimError> {
        let Some(record) = cell.store.pods().get(pod) else {
            return Ok(());
        };
        let Some(node) = record.node() else {
            return self.observed(cell, Event::PodEnded { pod, reason });
        };
        if !cell.hosts.is_reached(node) {
            return Ok(());
        }
        let order = StopOrder {
            pod,
            node,
            grace,
            reason,
        };
        cell.agent.stopping(self.now, order, &mut cell.agent_output);
        self.carry(cell)
    }

    /// A pod that was held back may be started: its node is told, if it is reached.
    pub(super) fn release(&mut self, cell: &mut Cell, pod: PodRef) -> Result<(), SimError> {
        let node = cell.store.pods().get(pod).and_then(Pod::node);
        if node.is_some_and(|node| cell.hosts.is_reached(node)) {
            cell.agent.released(self.now, pod, &mut cell.agent_output);
            return self.carry(cell);
        }
        Ok(())
    }

    /// Carries an agent's reports to the store and its orders to the machines, until it has none.
    pub(super) fn carry(&mut self, cell: &mut Cell) -> Result<(), SimError> {
        let empty = cell.agent_boxes.pop().unwrap_or_default();
        let mut output = std::mem::replace(&mut cell.agent_output, empty);
        for &(at, pod) in &output.wakes {
            self.queue
                .push(at.max(self.now), Upcoming::AgentTimer(pod).of(cell.number));
        }
        for &(at, node) in &output.node_wakes {
            self.queue
                .push(at.max(self.now), Upcoming::NodeTimer(node).of(cell.number));
        }
        for &report in &output.reports {
            self.report(cell, report)?;
        }
        for &command in &output.commands {
            self.order(cell, command)?;
        }
        for order in &output.image_orders {
            self.order_image(cell, order)?;
        }
        output.clear();
        // What the orders led to was carried by the calls above, with boxes of their own.
        let inner = std::mem::replace(&mut cell.agent_output, output);
        cell.agent_boxes.push(inner);
        Ok(())
    }

    fn order(&mut self, cell: &mut Cell, command: MachineCommand) -> Result<(), SimError> {
        match command {
            MachineCommand::Start { pod, node } => cell.digest.start(self.now, pod, node),
            MachineCommand::Stop { pod, node } => {
                cell.digest.stop(self.now, pod, node);
                process_down(cell, self.now, pod, WHOLE);
            }
            MachineCommand::StartContainer { pod, container } => {
                return self.order_container(cell, (pod, container), true);
            }
            MachineCommand::StopContainer { pod, container } => {
                return self.order_container(cell, (pod, container), false);
            }
        }
        match cell
            .machine
            .order(self.now, command, cell.number, &mut self.queue)
        {
            Immediate::Nothing => Ok(()),
            Immediate::Started(pod) => self.started(cell, pod),
            Immediate::Stopped(pod) => {
                cell.agent
                    .machine(self.now, pod, MachineEvent::Stopped, &mut cell.agent_output);
                self.carry(cell)
            }
        }
    }

    pub(super) fn report(&mut self, cell: &mut Cell, report: Report) -> Result<(), SimError> {
        let pod = report.pod();
        // A report about a pod that has ended meanwhile says nothing new.
        let Some(record) = cell.store.pods().get(pod) else {
            return Ok(());
        };
        let phase = record.phase;
        if let Some(lost) = record.node().and_then(|node| cell.hosts.lost_mut(node)) {
            lost.unsent.push(report);
            return Ok(());
        }
        let state = cell.store.pod_states().get(pod);
        if report == Report::Ended(pod, EndReason::NodeLost) {
            return self.lose(cell, pod);
        }
        let event = match report {
            Report::Starting(pod) if phase == PodPhase::Bound => Event::PodStarting { pod },
            Report::Running(pod) if phase != PodPhase::Running => Event::PodRunning { pod },
            Report::Ended(pod, reason) => Event::PodEnded { pod, reason },
            Report::Ready(_, ready) if state.is_some_and(|state| state.is_ready == ready) => {
                return Ok(());
            }
            Report::Ready(pod, ready) => Event::PodChanged {
                pod,
                change: PodChange::Ready(ready),
            },
            Report::Restarted(pod, restarts) => Event::PodChanged {
                pod,
                change: PodChange::Restarted(restarts),
            },
            Report::Exited(pod, container, code) => Event::PodChanged {
                pod,
                change: PodChange::Exited { container, code },
            },
            Report::Pull(pod, container, step) => Event::PodChanged {
                pod,
                change: PodChange::Pull { container, step },
            },
            Report::Starting(_) | Report::Running(_) => return Ok(()),
        };
        self.observed(cell, event)
    }
}

/// Whether the host of a pod is up.
fn is_up(cell: &Cell, pod: PodRef) -> bool {
    let node = cell.store.pods().get(pod).and_then(Pod::node);
    node.is_none_or(|node| cell.hosts.is_up(node))
}

//! A simulated machine under the pure core of a node.

use std::collections::VecDeque;

use control::node::{ContainerEvent, MachineEvent};
use units::{Instant, SortedMap};

use crate::driver::input::Input;
use crate::node::{MachineOrder, NodeCore};
use crate::record::life::Life;
use crate::wire::{NodeAnswer, Registration};

/// A container of a pod; without a number all of a plain pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    pod: u32,
    container: Option<u16>,
}

/// A machine.
pub(super) struct Host {
    core: NodeCore,
    /// Instants at which processes started.
    running: SortedMap<Process, Instant>,
    /// Processes that end by themselves, by the instants of that.
    ends: SortedMap<(Instant, Process), i32>,
    /// Pods whose processes have ended by themselves once.
    ended: Vec<u32>,
    events: VecDeque<(u32, MachineEvent)>,
    /// Instant of the next heartbeat.
    pub(super) next: Instant,
    /// `true` if the machine has a message apart from reports.
    pub(super) is_due: bool,
    orders: Vec<MachineOrder>,
}

impl Host {
    /// A machine without processes.
    pub(super) fn new(registration: Registration) -> Self {
        Self {
            core: NodeCore::new(registration, 0),
            running: SortedMap::new(),
            ends: SortedMap::new(),
            ended: Vec::new(),
            events: VecDeque::new(),
            next: Instant::ZERO,
            is_due: true,
            orders: Vec::new(),
        }
    }

    /// The next message to the control plane.
    pub(super) fn message(&self) -> Option<Input> {
        match (self.core.registration(), self.core.update(true)) {
            (Some(message), _) => Some(Input::Register {
                message: message.clone(),
            }),
            (None, Some(message)) => Some(Input::Update { message }),
            (None, None) => None,
        }
    }

    /// Whether a message is due.
    pub(super) fn has_something(&self, now: Instant) -> bool {
        self.is_due || self.core.has_reports() || self.next <= now
    }

    /// Instant at which something happens by itself.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let end = self.ends.keys().next().map(|&(at, _)| at);
        end.into_iter().chain(self.core.next_wake()).min()
    }

    /// Takes in an answer.
    pub(super) fn obey(&mut self, now: Instant, answer: NodeAnswer) {
        self.is_due |= answer == NodeAnswer::Unregistered;
        let has_commands = matches!(&answer, NodeAnswer::Welcome { .. })
            || matches!(&answer, NodeAnswer::Received { commands, .. } if !commands.is_empty());
        // What was received is confirmed at once.
        self.is_due |= has_commands;
        // A node that the control plane refuses has nothing to do.
        let orders = self.core.answered(now, answer).unwrap_or_default();
        self.orders.extend(orders);
    }

    /// Carries out orders, and lets processes end whose time has come.
    pub(super) fn work(&mut self, now: Instant, life: &dyn Fn(u32) -> Option<Life>) {
        loop {
            for order in std::mem::take(&mut self.orders) {
                self.carry_out(now, order, life);
            }
            while let Some((&(at, process), &code)) = self.ends.iter().next()
                && at <= now
            {
                self.ends.remove(&(at, process));
                if self.running.remove(&process).is_some() {
                    self.say(process, ContainerEvent::Exited { code });
                }
            }
            let orders = self.core.woken(now);
            self.orders.extend(orders);
            while let Some((pod, event)) = self.events.pop_front() {
                let orders = self.core.machine(now, pod, event);
                self.orders.extend(orders);
            }
            if self.orders.is_empty() {
                return;
            }
        }
    }

    fn carry_out(&mut self, now: Instant, order: MachineOrder, life: &dyn Fn(u32) -> Option<Life>) {
        match order {
            MachineOrder::KeepOnly { pods } => {
                self.running
                    .retain(|process, _| pods.contains(&process.pod));
            }
            MachineOrder::Start { pod, container, .. } => {
                let process = Process { pod, container };
                if !self.running.contains_key(&process) {
                    self.running.insert(process, now);
                    if let Some(life) = life(pod)
                        && !self.ended.contains(&pod)
                    {
                        self.ended.push(pod);
                        let at = now.saturating_add(life.runs);
                        self.ends.insert((at, process), life.code);
                    }
                }
                self.say(process, ContainerEvent::Started);
            }
            MachineOrder::Stop { pod, container, .. } => {
                let process = Process { pod, container };
                self.running.remove(&process);
                self.ends.retain(|(_, known), _| *known != process);
                self.say(process, ContainerEvent::Stopped);
            }
            // What applications answered is no part of a record.
            MachineOrder::Probe {
                pod,
                container,
                kind,
                ..
            } => {
                let container = Some(container);
                let is_success = true;
                let probed = ContainerEvent::Probed { kind, is_success };
                self.say(Process { pod, container }, probed);
            }
        }
    }

    fn say(&mut self, process: Process, event: ContainerEvent) {
        let event = MachineEvent::of(process.container, event);
        self.events.push_back((process.pod, event));
    }
}

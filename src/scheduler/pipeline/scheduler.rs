//! The scheduler with extension points, as a component: it reads the log, keeps the queue, and
//! makes one attempt a step.

use std::collections::VecDeque;

use cluster::{Conflict, Store};
use control::{Component, Outbox, Probe, Progress, Write};
use model::{Event, PodChange, PodPhase, PodRef, Text};
use units::{ComponentId, Instant, NodeId, Revision};

use super::ClassContext;
use super::cycle::{Cycle, Decision};
use super::evaluate::Form;
use super::permit::{Claim, WaitingPods};
use super::probed::ProbedPlugin;
use super::profile::Profile;
use super::queue::Queue;
use crate::retry::Retry;

/// A scheduler that places one pod at a time through the plugins of its profile.
#[derive(Clone)]
pub struct Pipeline {
    owner: ComponentId,
    cycle: Cycle,
    queue: Queue,
    waiting: WaitingPods,
    cursor: Revision,
    /// Pods that were refused or lost their place, to be tried again once something changed.
    refused: Vec<PodRef>,
    /// Places that the store refused, and that plugins are still to give up.
    unreserved: VecDeque<(PodRef, NodeId)>,
    /// The instant of the next attempt at pods whose bindings the API refused by itself.
    retry: Retry,
}

impl Pipeline {
    /// A scheduler under a profile; `owner` is its place in the control plane.
    pub fn new(owner: ComponentId, profile: Profile, form: Form) -> Self {
        Self {
            owner,
            cycle: Cycle::new(profile, form),
            queue: Queue::default(),
            waiting: WaitingPods::default(),
            cursor: Revision::default(),
            refused: Vec::new(),
            unreserved: VecDeque::new(),
            retry: Retry::default(),
        }
    }

    fn read(&mut self, now: Instant, store: &Store) {
        while let Some((pod, node)) = self.unreserved.pop_front() {
            if let Some(record) = store.pods().get(pod) {
                let ctx = ClassContext::new(now, store, record.class);
                self.cycle.unreserve(&ctx, record, node);
            }
        }
        let order = &*self.cycle.profile.order;
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => self.queue.push(order, store, created.pod),
                Event::PodBound { pod, .. } => self.queue.remove(*pod),
                Event::PodEnded { pod, .. } => {
                    self.queue.remove(*pod);
                    self.queue.unblock(order, store);
                }
                Event::NodeAdded { .. }
                | Event::NodeUpdated { .. }
                | Event::NodeReadiness { ready: true, .. }
                | Event::PodChanged {
                    change: PodChange::Resized { .. },
                    ..
                }
                | Event::HoldReleased { .. } => self.queue.unblock(order, store),
                _ => {}
            }
        }
        // What made the store refuse a pod is in changes that the view has yet to show: until it
        // shows something new, the same decision would be refused again.
        let has_news = self.cursor < store.revision() || self.retry.is_due(now);
        if has_news && !self.refused.is_empty() {
            self.retry = Retry::default();
            for pod in self.refused.drain(..) {
                self.queue.push(order, store, pod);
            }
        }
        self.cursor = store.revision();
    }

    fn attempt(&mut self, pod: PodRef, now: Instant, store: &Store, out: &mut Outbox) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        if record.phase != PodPhase::Pending {
            return;
        }
        out.decided_pods += 1;
        out.decided_jobs += 1;
        match self.cycle.attempt(now, store, record) {
            Decision::Place(placement) => {
                let binding = self.cycle.bind(record, placement);
                out.write(store, binding);
            }
            Decision::Hold(placement, limit) => {
                let until = now.saturating_add(limit);
                let claim = Claim { placement, until };
                self.waiting.add(self.owner, record, claim, store, out);
            }
            Decision::Refused => {
                self.queue.set_apart(pod);
                out.write(store, Event::PodUnschedulable { pod });
            }
            Decision::Unschedulable(changes) => {
                self.queue.push(&*self.cycle.profile.order, store, pod);
                out.write(store, Event::PodUnschedulable { pod });
                self.queue.block(record.class, pod);
                for change in changes {
                    out.write(store, change);
                }
            }
        }
    }
}

impl Component for Pipeline {
    fn name(&self) -> &str {
        &self.cycle.profile.name
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(now, view);
        self.retry.ask(now, out);
        if !self.waiting.is_empty() {
            let lost = self
                .waiting
                .review(self.owner, &mut self.cycle, now, view, out);
            self.refused.extend(lost);
        }
        // Writes of the review come first: they change what an attempt would look at.
        if out.writes.is_empty()
            && let Some(pod) = self.queue.pop()
        {
            self.attempt(pod, now, view, out);
        }
        let failure = self.cycle.failure().map(Text::from);
        out.failure = failure.or_else(|| self.cycle.profile.order.failure());
        self.queue
            .tell_misfits(|pod| out.write(view, Event::PodUnschedulable { pod }));
        if self.queue.is_idle() {
            Progress::Idle
        } else {
            Progress::More
        }
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        self.retry.refused(conflict);
        match &write.event {
            Event::PodBound { pod, node, .. } => {
                self.refused.push(*pod);
                self.unreserved.push_back((*pod, *node));
            }
            Event::HoldPlaced(hold) if hold.owner == self.owner => {
                if let Some(pod) = self.waiting.take_back(hold.number) {
                    self.refused.push(pod);
                    self.unreserved.push_back((pod, hold.node));
                }
            }
            _ => {}
        }
    }

    fn attach(&mut self, probe: &Probe) {
        let profile = &mut self.cycle.profile;
        for slot in &mut profile.plugins {
            slot.plugin = Box::new(ProbedPlugin::new(slot.plugin.clone(), probe, &profile.name));
        }
    }

    fn backlog(&self) -> usize {
        self.queue.len() + self.waiting.len() + self.refused.len()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

//! A whole scheduler that a program outside is: it is told what changed in its view, and says what to
//! bind, hold, release and evict, and when it wants to be asked again.
//!
//! The program decides on its view, so the store refuses what others made impossible in the meantime; that is
//! told with the next question. What its view rules out, such as a pod or node that it was never told of, is
//! an error that ends the run.

use std::sync::Arc;

use cluster::{Conflict, Store};
use control::exchange::Exchange;
use control::exchange::question::{
    ClassState, PodPlace, PodState, Question, RefusedWrite, StepRequest,
};
use control::{Component, Outbox, Progress, Write};
use model::event::Hold;
use model::{EndReason, Event, EvictionCause, Pod, PodChange, PodRef, Text};
use units::{ComponentId, Duration, Instant, NodeId, Revision, SortedMap, SortedSet};

use super::answer::Step;
use super::pipeline::ClusterMirror;
use super::{Dialogue, ExternalPoints, NAME};
use crate::ClassContext;
use crate::pipeline::cycle::Cycle;
use crate::retry::Retry;

/// A scheduler that a program is. A copy asks a program of its own, which begins anew.
pub struct ExternalScheduler {
    owner: ComponentId,
    dialogue: Dialogue,
    mirror: ClusterMirror,
    /// Chooses GPU devices on the nodes of bindings.
    cycle: Cycle,
    watch_delay: Duration,
    cursor: Revision,
    news: News,
    /// Pods that live, by number.
    pods: SortedMap<u32, PodRef>,
    /// Those without a node.
    waiting: SortedSet<u32>,
    held: SortedSet<u32>,
    /// Instant at which the program wants to be asked.
    wake: Option<Instant>,
    /// Bindings that were refused since the view changed.
    refused: SortedSet<(u32, u32)>,
    retry: Retry,
}

/// Changes that the program has not got yet.
#[derive(Clone, Default)]
struct News {
    pods: Vec<PodRef>,
    bound: Vec<PodPlace>,
    ended: Vec<u32>,
    refused: Vec<RefusedWrite>,
    /// Whether nodes may have changed.
    has_others: bool,
}

impl News {
    fn is_empty(&self) -> bool {
        let Self {
            pods,
            bound,
            ended,
            refused,
            has_others,
        } = self;
        let is_none = pods.is_empty() && bound.is_empty() && ended.is_empty();
        is_none && refused.is_empty() && !has_others
    }
}

impl ExternalScheduler {
    /// A scheduler that asks `exchange`, in runs with a seed; `cycle` chooses devices. Its view is late by
    /// `watch_delay`.
    pub fn new(
        owner: ComponentId,
        exchange: Box<dyn Exchange>,
        seed: u64,
        cycle: Cycle,
        watch_delay: Duration,
    ) -> Self {
        let dialogue = Dialogue::new(exchange, ExternalPoints::SCHEDULE, seed);
        Self::of(owner, dialogue, cycle, watch_delay)
    }

    fn of(owner: ComponentId, dialogue: Dialogue, cycle: Cycle, watch_delay: Duration) -> Self {
        Self {
            owner,
            dialogue,
            mirror: ClusterMirror::default(),
            cycle,
            watch_delay,
            cursor: Revision::default(),
            news: News::default(),
            pods: SortedMap::new(),
            waiting: SortedSet::new(),
            held: SortedSet::new(),
            wake: None,
            refused: SortedSet::new(),
            retry: Retry::default(),
        }
    }

    fn read(&mut self, now: Instant, store: &Store) {
        if self.cursor < store.revision() || self.retry.is_due(now) {
            self.refused.clear();
            self.retry = Retry::default();
        }
        let news = &mut self.news;
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => {
                    let pod = created.pod;
                    self.pods.insert(pod.id.0, pod);
                    self.waiting.insert(pod.id.0);
                    news.pods.push(pod);
                }
                Event::PodBound { pod, node, .. } => {
                    let (pod, node) = (pod.id.0, node.0);
                    self.waiting.remove(&pod);
                    news.bound.push(PodPlace { pod, node });
                }
                Event::PodEnded { pod, .. } => {
                    let pod = pod.id.0;
                    self.pods.remove(&pod);
                    self.waiting.remove(&pod);
                    news.ended.push(pod);
                }
                Event::NodeAdded { .. }
                | Event::NodeUpdated { .. }
                | Event::NodeRemoved { .. }
                | Event::NodeReadiness { .. }
                | Event::HoldReleased { .. } => news.has_others = true,
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    /// Asks the program what to do now.
    fn ask(&mut self, now: Instant, store: &Store) -> Option<Step> {
        let news = std::mem::take(&mut self.news);
        let (nodes, gone) = self.mirror.advance(store);
        let pods = news.pods.iter().filter_map(|&pod| {
            let record = store.pods().get(pod)?;
            let ctx = ClassContext::new(now, store, record.class);
            Some(pod_state(record, self.mirror.class(&ctx)))
        });
        let pods = pods.collect();
        let question = Question::Step(StepRequest {
            now: now.as_nanos(),
            nodes,
            gone,
            pods,
            bound: news.bound,
            ended: news.ended,
            refused: news.refused,
        });
        self.dialogue.step(&question)
    }

    fn carry_out(
        &mut self,
        now: Instant,
        step: &Step,
        store: &Store,
        out: &mut Outbox,
    ) -> Result<(), String> {
        for &pod in &step.releases {
            self.pod(pod, "releases")?;
            if !self.held.remove(&pod) {
                return Err(format!("releases pod {pod}, which it doesn't hold"));
            }
            out.write(store, self.release(pod));
        }
        for &pod in &step.evicts {
            let known = self.pod(pod, "evicts")?;
            evict(known, store, out);
        }
        for own in &step.holds {
            let (pod, node) = self.place(own.pod, own.node, "holds")?;
            if !self.held.insert(own.pod) {
                return Err(format!("holds pod {} twice", own.pod));
            }
            let Some(record) = store.pods().get(pod) else {
                continue;
            };
            let ctx = ClassContext::new(now, store, record.class);
            let hold = Hold {
                owner: self.owner,
                number: u64::from(own.pod),
                node,
                resources: ctx.class.requests.clone(),
                devices: self.cycle.devices(&ctx, node),
                milli_per_device: ctx.class.gpu.milli_per_device,
                until: None,
            };
            out.write(store, Event::HoldPlaced(Arc::new(hold)));
        }
        for own in &step.binds {
            let (pod, node) = self.place(own.pod, own.node, "binds")?;
            if self.refused.contains(&(own.pod, own.node)) {
                return Err(format!(
                    "binds pod {} to node {} again, which was refused while nothing has changed since",
                    own.pod, own.node
                ));
            }
            if self.held.remove(&own.pod) {
                out.write(store, self.release(own.pod));
            }
            let Some(record) = store.pods().get(pod) else {
                continue;
            };
            let ctx = ClassContext::new(now, store, record.class);
            let devices = self.cycle.devices(&ctx, node);
            out.write(store, Event::PodBound { pod, node, devices });
            out.decided_pods += 1;
            out.decided_jobs += 1;
        }
        self.wake = match step.wake.map(Instant::from_nanos) {
            Some(at) if at <= now => {
                let at = at.as_nanos();
                return Err(format!(
                    "wants to be asked again at {at}, which isn't later than now"
                ));
            }
            wake => wake,
        };
        Ok(())
    }

    fn release(&self, pod: u32) -> Event {
        Event::HoldReleased {
            owner: self.owner,
            number: u64::from(pod),
        }
    }

    fn pod(&self, pod: u32, does: &str) -> Result<PodRef, String> {
        let known = self.pods.get(&pod).copied();
        known.ok_or_else(|| format!("{does} pod {pod}, which isn't there"))
    }

    fn place(&self, pod: u32, node: u32, does: &str) -> Result<(PodRef, NodeId), String> {
        let known = self.pod(pod, does)?;
        if self.mirror.knows(NodeId(node)) {
            return Ok((known, NodeId(node)));
        }
        Err(format!(
            "{does} pod {pod} to node {node}, which isn't there"
        ))
    }
}

/// The state of a pod of a class.
fn pod_state(pod: &Pod, class: ClassState) -> PodState {
    PodState {
        id: pod.pod.id.0,
        name: pod.name.to_string(),
        class,
        tenant: pod.tenant.0,
        gang: pod.gang().map(|gang| gang.0),
        time_limit: pod.time_limit().map(Duration::as_nanos),
        node: pod.node().map(|node| node.0),
    }
}

/// Tells a pod to end, as kube-scheduler does for one of higher priority.
fn evict(pod: PodRef, store: &Store, out: &mut Outbox) {
    let Some(record) = store.pods().get(pod) else {
        return;
    };
    let spec = &store.class(record.class).spec;
    let is_owned = (store.pod_states().get(pod)).is_some_and(|state| state.owner.is_some());
    let reason = EndReason::Evicted(EvictionCause::Preemption);
    out.write(
        store,
        if is_owned || spec.life.is_some() {
            let grace = spec.grace();
            let change = PodChange::Terminating { grace, reason };
            Event::PodChanged { pod, change }
        } else {
            Event::PodEnded { pod, reason }
        },
    );
}

impl Component for ExternalScheduler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(now, view);
        self.retry.ask(now, out);
        let is_due = self.wake.is_some_and(|at| at <= now);
        let waits = self.retry != Retry::None;
        if self.dialogue.failure.is_none() && !waits && (is_due || !self.news.is_empty()) {
            self.wake = None;
            let new: Vec<PodRef> = self.news.pods.clone();
            if let Some(step) = self.ask(now, view) {
                if let Err(what) = self.carry_out(now, &step, view, out) {
                    self.dialogue.fail_by(&what);
                }
                let is_bound = |pod: &PodRef| step.binds.iter().any(|own| own.pod == pod.id.0);
                let left = new.into_iter().filter(|pod| !is_bound(pod));
                for pod in left.filter(|pod| self.waiting.contains(&pod.id.0)) {
                    out.write(view, Event::PodUnschedulable { pod });
                }
            }
        }
        if let Some(at) = self.wake {
            out.wake_at(at);
        }
        out.failure.clone_from(&self.dialogue.failure);
        if out.writes.is_empty() {
            Progress::Idle
        } else {
            Progress::More
        }
    }

    fn watch_delay(&self) -> Duration {
        self.watch_delay
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        self.retry.refused(conflict);
        let why = conflict.to_string();
        let (pod, node) = match &write.event {
            Event::PodBound { pod, node, .. } => {
                self.refused.insert((pod.id.0, node.0));
                (pod.id.0, Some(node.0))
            }
            Event::HoldPlaced(hold) => {
                self.held.remove(&(hold.number as u32));
                (hold.number as u32, Some(hold.node.0))
            }
            Event::PodEnded { pod, .. } | Event::PodChanged { pod, .. } => (pod.id.0, None),
            _ => return,
        };
        self.news.refused.push(RefusedWrite { pod, node, why });
    }

    fn backlog(&self) -> usize {
        self.waiting.len()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let waits = self.waiting.contains(&pod.id.0);
        waits.then(|| "the external program has not bound it".into())
    }

    fn clone_component(&self) -> Box<dyn Component> {
        let mut copy = Self::of(
            self.owner,
            self.dialogue.again(),
            self.cycle.clone(),
            self.watch_delay,
        );
        // The new program gets all that is there.
        copy.cursor = self.cursor;
        copy.pods.clone_from(&self.pods);
        copy.waiting.clone_from(&self.waiting);
        copy.held.clone_from(&self.held);
        copy.news.pods = self.pods.values().copied().collect();
        copy.wake = self.wake;
        Box::new(copy)
    }
}

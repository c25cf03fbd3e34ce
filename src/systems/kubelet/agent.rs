//! The agents of all nodes, as kubelets.

use std::sync::Arc;

use super::admission;
use super::images::{NodeImages, PullOptions};
use super::pod::{Held, Turn};
use crate::parts::time_limits::TimeLimits;
use crate::plain_agent::PlainAgent;
use control::local_node::LocalNode;
use control::node::{Assignment, ContainerEvent, ImageEvent, Report, StopOrder};
use control::{AgentOutput, MachineEvent, NodeAgent};
use model::{EndReason, InitialState, PodRef, PullError, Text};
use units::{Instant, NodeId, PodId, SortedMap, SortedSet};

/// Options of kubelets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletOptions {
    /// Whether pods of which nothing is said are stopped after their time limit.
    pub time_limits: TimeLimits,
    /// Pulls of images; `None` has every image everywhere.
    pub images: Option<PullOptions>,
    /// True if pods with volumes are started only once they are released.
    pub awaits_volumes: bool,
}

/// Kubelets.
#[derive(Clone, Debug)]
pub struct Kubelet {
    options: KubeletOptions,
    /// Pods of which nothing is said.
    plain: PlainAgent,
    /// Those of them that the API knows: their containers are started again when they fail.
    restartable: SortedMap<PodId, Assignment>,
    pods: SortedMap<PodId, Held>,
    images: SortedMap<NodeId, NodeImages>,
    /// Pods whose volumes are not attached yet.
    waiting: SortedMap<PodId, Assignment>,
    /// `true` if machines make the probes.
    orders_probes: bool,
}

impl Kubelet {
    /// Kubelets without pods.
    pub fn new(options: KubeletOptions) -> Self {
        Self {
            plain: PlainAgent::new(options.time_limits),
            options,
            restartable: SortedMap::new(),
            pods: SortedMap::new(),
            images: SortedMap::new(),
            waiting: SortedMap::new(),
            orders_probes: false,
        }
    }

    /// Starts a pod that its node takes.
    fn begin(&mut self, now: Instant, assignment: Assignment, out: &mut AgentOutput) {
        let pod = assignment.pod;
        if let Some(found) = self.found(&assignment) {
            let held = Held::as_found(now, &assignment, &found);
            self.pods.insert(pod.id, held);
            out.reports.push(Report::Starting(pod));
            return self.act(now, pod, out, |held, turn| {
                held.take_up(&found, turn);
                None
            });
        }
        if assignment.spec.life.is_none() && self.options.images.is_none() {
            self.plain.take(&assignment, out);
            if assignment.is_owned || assignment.spec.behaviour.is_some() {
                self.restartable.insert(pod.id, assignment);
            }
            return;
        }
        self.pods.insert(pod.id, Held::new(&assignment));
        out.reports.push(Report::Starting(pod));
        self.act(now, pod, out, |_, _| None);
    }

    /// The state of a pod that was on its node before the run began, where that is more than a pod of which
    /// nothing is said has.
    fn found(&self, assignment: &Assignment) -> Option<Arc<InitialState>> {
        let found = assignment.found.as_ref()?;
        let is_stated = assignment.spec.life.is_some() || assignment.time_limit.is_some();
        let is_plain = !is_stated && self.options.images.is_none();
        let is_known = found.says_more() || found.is_terminating;
        (is_known || (found.is_running && !is_plain)).then(|| Arc::clone(found))
    }

    /// Lets a pod act; what it hands back says why it ended, if it did.
    fn act(
        &mut self,
        now: Instant,
        pod: PodRef,
        out: &mut AgentOutput,
        act: impl FnOnce(&mut Held, &mut Turn<'_>) -> Option<EndReason>,
    ) {
        let Some(held) = self.pods.get_mut(&pod.id) else {
            return;
        };
        let images = self.options.images.as_ref().map(|options| {
            let node = held.node;
            let images = self.images.entry(node);
            images.or_insert_with(|| NodeImages::new(node, options))
        });
        let orders_probes = self.orders_probes;
        let mut turn = Turn {
            now,
            images,
            orders_probes,
            out,
        };
        let ended = act(held, &mut turn);
        if let Some(reason) = ended {
            held.leave(now, turn.images);
            self.pods.remove(&pod.id);
            out.reports.push(Report::Ended(pod, reason));
        } else {
            held.settle(&mut turn);
        }
    }

    /// Takes over a pod of which nothing is said, as its container failed: whether it did.
    fn take_over(&mut self, now: Instant, pod: PodRef, event: MachineEvent) -> bool {
        let MachineEvent::Exited { code, .. } = event else {
            return false;
        };
        if code == 0 || !self.restartable.contains_key(&pod.id) {
            return false;
        }
        let Some(left) = self.plain.hand_over(pod) else {
            return false;
        };
        let Some(assignment) = self.restartable.remove(&pod.id) else {
            return false;
        };
        let held = Held::running(&assignment, left.restarts, left.until.max(now));
        self.pods.insert(pod.id, held);
        true
    }

    /// Forgets pods of which nothing is said and that have ended.
    fn forget_ended(&mut self, out: &AgentOutput) {
        for report in &out.reports {
            if let Report::Ended(pod, _) = report {
                self.restartable.remove(&pod.id);
            }
        }
    }

    /// Starts a pod that waited for its volumes.
    pub fn start(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        if let Some(assignment) = self.waiting.remove(&pod.id) {
            self.begin(now, assignment, out);
        }
    }

    /// The images that pods of a node need.
    fn in_use(&self, node: NodeId) -> SortedSet<Text> {
        let pods = self.pods.values().filter(|held| held.node == node);
        pods.flat_map(Held::images).cloned().collect()
    }
}

impl NodeAgent for Kubelet {
    fn posts_status(&self) -> bool {
        true
    }

    fn order_probes(&mut self) {
        self.orders_probes = true;
    }

    fn assigned(
        &mut self,
        now: Instant,
        assignment: Assignment,
        local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        if let Some(why) = admission::refusal(local, &assignment) {
            let reason = EndReason::Refused(why);
            out.reports.push(Report::Ended(assignment.pod, reason));
            return;
        }
        // What runs has its volumes.
        let is_running = assignment.found.as_ref().is_some_and(|own| own.is_running);
        if self.options.awaits_volumes && assignment.has_volumes && !is_running {
            self.waiting.insert(assignment.pod.id, assignment);
        } else {
            self.begin(now, assignment, out);
        }
    }

    fn released(
        &mut self,
        now: Instant,
        pod: PodRef,
        _local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        self.start(now, pod, out);
    }

    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput) {
        if self.waiting.remove(&order.pod.id).is_some() {
            out.reports.push(Report::Ended(order.pod, order.reason));
            return;
        }
        if !self.pods.contains_key(&order.pod.id) {
            return self.plain.stopping(now, order, out);
        }
        self.act(now, order.pod, out, |held, turn| {
            held.end(order.reason, order.grace, turn)
        });
    }

    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        let pod = assignment.pod;
        if self.waiting.contains_key(&pod.id) {
            if let Some(order) = order {
                self.stopping(now, order, out);
            }
            return;
        }
        if !self.pods.contains_key(&pod.id) {
            self.plain.rebooted(now, assignment, order, out);
            return self.forget_ended(out);
        }
        self.act(now, pod, out, |held, turn| {
            held.rebooted(order.map(|order| order.reason), turn)
        });
    }

    fn relisted(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        match self.pods.get(&pod.id) {
            None => self.plain.relisted(now, pod, out),
            Some(held) => held.relisted(out),
        }
    }

    fn machine(&mut self, now: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
        if !self.pods.contains_key(&pod.id) && !self.take_over(now, pod, event) {
            self.plain.machine(now, pod, event, out);
            return self.forget_ended(out);
        }
        let (container, event) = match event {
            MachineEvent::Started => (0, ContainerEvent::Started),
            MachineEvent::Exited { code, .. } => (0, ContainerEvent::Exited { code }),
            MachineEvent::Stopped => (0, ContainerEvent::Stopped),
            MachineEvent::Container(container, event) => (usize::from(container), event),
        };
        self.act(now, pod, out, |held, turn| {
            held.happened(container, event, turn)
        });
    }

    fn image(
        &mut self,
        now: Instant,
        node: NodeId,
        image: &Text,
        event: ImageEvent,
        out: &mut AgentOutput,
    ) {
        let needs_room = matches!(
            event,
            ImageEvent::Failed(PullError::NoSpace) | ImageEvent::Removed { .. }
        );
        let in_use = if needs_room {
            self.in_use(node)
        } else {
            SortedSet::new()
        };
        let Some(images) = self.images.get_mut(&node) else {
            return;
        };
        let (needing, came) = match event {
            ImageEvent::Pulled { bytes, disk } => {
                (images.over(now, image, Some(disk), out), Ok(bytes))
            }
            ImageEvent::Failed(error) => {
                let needing = images.over(now, image, None, out);
                if error == PullError::NoSpace {
                    images.make_room(now, &in_use, out);
                }
                (needing, Err(error))
            }
            ImageEvent::Removed { disk } => return images.removed(now, disk, &in_use, out),
        };
        // Whoever asked first has it transferred for him.
        let mut bytes = came.unwrap_or(0);
        for (pod, container) in needing {
            let own = std::mem::take(&mut bytes);
            self.act(now, pod, out, |held, turn| {
                match came {
                    Ok(_) => held.pulled(container, own, turn),
                    Err(error) => held.pull_broke(container, error, turn),
                }
                None
            });
        }
    }

    fn node_woken(&mut self, now: Instant, node: NodeId, out: &mut AgentOutput) {
        let in_use = self.in_use(node);
        if let Some(images) = self.images.get_mut(&node) {
            images.collect(now, &in_use, out);
        }
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        if self.pods.contains_key(&pod.id) {
            self.act(now, pod, out, Held::expire);
        } else {
            self.plain.woken(now, pod, out);
        }
    }

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}

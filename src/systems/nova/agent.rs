//! Node agents: an instance's machine is created and boots, with the image copied to its host once,
//! before the pod in it starts; what then happens inside follows the kubelet's rules (spec:
//! orchestrators-a.md section 6.4).

use crate::parts::forward::forward;
use control::local_node::LocalNode;
use control::node::{Assignment, StopOrder};
use control::{AgentOutput, NodeAgent};
use model::{PodRef, PodSpec, Text};
use units::{Duration, Instant, NodeId, PodId, SortedMap};

use crate::kubelet::{Kubelet, KubeletOptions};

use super::flavor;
use super::options::NovaOptions;

/// The agents of all hosts.
#[derive(Clone, Debug)]
pub(super) struct NovaAgent {
    inner: Kubelet,
    options: NovaOptions,
    /// Downtimes of pods that come from other hosts in their machines.
    arriving: SortedMap<PodId, Duration>,
    /// Instants at which images are on hosts, or in the store of all of them.
    images: SortedMap<(NodeId, Text), Instant>,
    /// Machines that are being made: the instant at which each is up.
    booting: SortedMap<PodId, Instant>,
}

impl NovaAgent {
    /// Agents without instances.
    pub(super) fn new(nova: NovaOptions, options: KubeletOptions) -> Self {
        let options = KubeletOptions {
            // A pod waits for its machine as it would for volumes.
            awaits_volumes: true,
            ..options
        };
        Self {
            inner: Kubelet::new(options),
            options: nova,
            arriving: SortedMap::new(),
            images: SortedMap::new(),
            booting: SortedMap::new(),
        }
    }

    /// The instant at which the machine of an instance is up.
    fn up_at(&mut self, now: Instant, assignment: &Assignment) -> Instant {
        if let Some(downtime) = self.arriving.remove(&assignment.pod.id) {
            return now.saturating_add(downtime);
        }
        let machine = self.options.machine;
        let image = assignment.spec.containers.first();
        let image = image.map(|one| one.image.clone()).unwrap_or_default();
        let copied = now.saturating_add(machine.copy_time());
        let host = NodeId::from_index(machine.image_host(assignment.node.index()));
        let known = self.images.entry((host, image));
        let there = *known.or_insert(copied);
        there.max(now).saturating_add(machine.start_time(true))
    }
}

impl NodeAgent for NovaAgent {
    fn assigned(
        &mut self,
        now: Instant,
        assignment: Assignment,
        local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        let up = self.up_at(now, &assignment);
        let pod = assignment.pod;
        let boots = up.since(now) > Duration::ZERO;
        if boots {
            self.booting.insert(pod.id, up);
            out.wakes.push((up, pod));
        }
        let assignment = Assignment {
            is_owned: true,
            has_volumes: boots,
            ..assignment
        };
        self.inner.assigned(now, assignment, local, out);
    }

    fn guest_speed_ppm(&self) -> u32 {
        self.options.machine.speed_ppm
    }

    fn guest_cores_milli(&self, spec: &PodSpec) -> Option<i64> {
        let vcpus = flavor::flavor(spec, &self.options).vcpus;
        Some(vcpus.saturating_mul(1_000))
    }

    fn arrives(&mut self, pod: PodRef, downtime: Duration) {
        self.arriving.insert(pod.id, downtime);
    }

    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput) {
        self.booting.remove(&order.pod.id);
        self.inner.stopping(now, order, out);
    }

    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        if let Some(up) = self.booting.get_mut(&assignment.pod.id) {
            *up = now.saturating_add(self.options.machine.start_time(true));
            out.wakes.push((*up, assignment.pod));
        }
        self.inner.rebooted(now, assignment, order, out);
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        match self.booting.get(&pod.id) {
            Some(&up) if up <= now => {
                self.booting.remove(&pod.id);
                self.inner.start(now, pod, out);
            }
            Some(_) => {}
            None => self.inner.woken(now, pod, out),
        }
    }

    forward!(inner: relisted, machine, image, node_woken);

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}

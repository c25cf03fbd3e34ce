//! Node agents: an instance's machine is created and boots, with the image copied to its host once,
//! before the pod in it starts; what then happens inside follows the kubelet's rules (spec:
//! orchestrators-a.md section 6.4).

use crate::parts::forward::forward;
use control::local_node::LocalNode;
use control::node::{Assignment, Report, StopOrder};
use control::{AgentOutput, NodeAgent};
use model::{PodRef, PodSpec, Text};
use units::{Duration, Instant, NodeId, PodId, SortedMap};

use crate::kubelet::{Kubelet, KubeletOptions};

use super::flavor;
use super::options::NovaOptions;

/// Exit code of what ran in a machine that went off with its host: it was killed.
const POWERED_OFF: i32 = 137;

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
    /// Instances that are off since their host came back, with the instant at which they are up again;
    /// `None` waits for the user.
    off: SortedMap<PodId, (Assignment, Option<Instant>)>,
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
            off: SortedMap::new(),
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
        match self.off.remove(&order.pod.id) {
            Some((assignment, _)) => self.inner.rebooted(now, assignment, Some(order), out),
            None => self.inner.stopping(now, order, out),
        }
    }

    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        let pod = assignment.pod;
        // A build that was interrupted has failed for good.
        let was_built = self.booting.remove(&pod.id).is_none();
        let was_off = self.off.remove(&pod.id).is_some_and(|(_, up)| up.is_none());
        if order.is_some() {
            return self.inner.rebooted(now, assignment, order, out);
        }
        let resumes = self.options.resumes_guests && was_built && !was_off;
        let up = resumes.then(|| now.saturating_add(self.options.machine.boot));
        out.wakes.extend(up.map(|up| (up, pod)));
        self.off.insert(pod.id, (assignment, up));
        out.reports.push(Report::Exited(pod, 0, POWERED_OFF));
        out.reports.push(Report::Ready(pod, false));
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        if let Some((_, up)) = self.off.get(&pod.id) {
            if up.is_some_and(|up| up <= now)
                && let Some((assignment, _)) = self.off.remove(&pod.id)
            {
                self.inner.rebooted(now, assignment, None, out);
            }
            return;
        }
        match self.booting.get(&pod.id) {
            Some(&up) if up <= now => {
                self.booting.remove(&pod.id);
                self.inner.start(now, pod, out);
            }
            Some(_) => {}
            None => self.inner.woken(now, pod, out),
        }
    }

    fn relisted(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        if self.off.contains_key(&pod.id) {
            out.reports.push(Report::Ready(pod, false));
        } else {
            self.inner.relisted(now, pod, out);
        }
    }

    forward!(inner: machine, image, node_woken);

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}

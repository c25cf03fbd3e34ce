//! Memory of a node: which process is over a limit of its own, what is left, whom the kernel kills and
//! the kubelet evicts.

use cluster::{Incident, Store};
use control::controllers::kubelet_eviction::{
    CandidateUsage, EvictionCandidate, EvictionSignal, PERIOD, PRESSURE_HOLD, rank,
};
use control::node::StopOrder;
use control::node_api::{condition, pods_on};
use model::node::MEMORY_PRESSURE_TAINT;
use model::qos::{CRITICAL_PRIORITY, QosClass, oom_score};
use model::resource_list::MEMORY;
use model::usage::Curve;
use model::{EndReason, EvictionCause, PodRef, PodSpec, Text};
use units::{Duration, Instant, NodeId, SortedSet};

use super::super::contention::{LOOK, ProcessResources, WHOLE, on_grid};
use super::super::context::Context;
use super::super::cores::ProcessRef;
use super::super::message::ToControlPlane;
use super::NodePlane;
use super::contend::{capacity, spec_of};

/// The free memory of a node below which its kubelet evicts pods.
pub(super) const EVICTION_THRESHOLD: i64 = 100 << 20;
/// The grace of a container that is evicted.
const EVICTION_GRACE: Duration = Duration::from_secs(2);

impl NodePlane {
    /// A node is looked at whose processes share memory.
    pub(super) fn look_at_memory(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let now = ctx.now();
        let whole = capacity(store, node, MEMORY);
        let users = self.memory_users(now, store, node);
        let Some(contention) = &mut self.contention else {
            return;
        };
        let used = users.iter().map(|user| user.bytes);
        let used = used.fold(
            contention.model().overhead.memory_bytes,
            i64::saturating_add,
        );
        if used > whole {
            let score = |user: &MemoryUser| {
                let qos = QosClass::of(&user.spec);
                let request = ProcessResources::of(&user.spec, WHOLE).memory_request;
                oom_score(user.bytes, whole, qos.oom_score_adj(request, whole))
            };
            // The first of equals.
            let worst = users.iter().rev().max_by_key(|user| score(user));
            if let Some(user) = worst {
                contention.look(node, now);
                Self::kill_process(ctx, store, user.process);
            }
            return;
        }
        // The kernel does not wait for the kubelet.
        if let Some(at) = self.next_shortage(now, &users, whole - used) {
            self.look_then(node, at);
        }
        let slack = whole - used - EVICTION_THRESHOLD;
        if slack >= 0 {
            self.relieve(ctx, store, node);
            if let Some(at) = self.next_shortage(now, &users, slack) {
                self.look_then(node, on_grid(at, PERIOD));
            }
            return;
        }
        let Some(contention) = &mut self.contention else {
            return;
        };
        if let Some(at) = contention.next_pass(node).filter(|&at| at > now) {
            contention.look(node, at);
            return;
        }
        let due = on_grid(now, PERIOD);
        if due > now {
            contention.look(node, due);
            return;
        }
        contention.pass(node, now.saturating_add(PERIOD));
        let until = now.saturating_add(PRESSURE_HOLD);
        if self.hosts.is_reached(node) && contention.begin_pressure(node, until) {
            Self::pressure(ctx, store, node, true);
        }
        self.evict(ctx, store, node, users);
    }

    fn look_then(&mut self, node: NodeId, at: Instant) {
        if let Some(contention) = &mut self.contention {
            contention.look(node, at);
        }
    }

    /// A node says that it is short of memory, or no longer.
    fn pressure(ctx: &mut Context<'_>, store: &Store, node: NodeId, begins: bool) {
        ctx.tell(Incident {
            what: "short of memory",
            node: Some(node),
            begins,
        });
        if let Some(event) = condition(store, node, MEMORY_PRESSURE_TAINT, begins) {
            ctx.send(ToControlPlane::Happened(event));
        }
    }

    /// A node has memory enough: five minutes after it had not it says so.
    fn relieve(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let Some(contention) = &mut self.contention else {
            return;
        };
        let Some(until) = contention.pressed_until(node) else {
            return;
        };
        if until > ctx.now() {
            contention.look(node, until);
            return;
        }
        // One that is away is looked at once it is back.
        if self.hosts.is_reached(node) {
            contention.end_pressure(node);
            Self::pressure(ctx, store, node, false);
        }
    }

    /// The kubelet of a node evicts the next pod.
    fn evict(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        node: NodeId,
        users: Vec<MemoryUser>,
    ) {
        let Some(contention) = &mut self.contention else {
            return;
        };
        let mut pods: Vec<PodRef> = Vec::new();
        let mut candidates: Vec<EvictionCandidate> = Vec::new();
        for user in users {
            let pod = user.process.pod;
            if user.spec.priority >= CRITICAL_PRIORITY || contention.is_evicted(pod.id) {
                continue;
            }
            if let Some(known) = pods.iter().position(|known| *known == pod) {
                if let Some(usage) = &mut candidates[known].usage {
                    usage.bytes = usage.bytes.saturating_add(user.bytes);
                }
                continue;
            }
            let record = store.pods().get(pod);
            let name = record.map_or_else(Text::default, |record| record.name.text());
            pods.push(pod);
            candidates.push(EvictionCandidate {
                name,
                priority: user.spec.priority,
                request: requested(&user.spec),
                usage: Some(CandidateUsage {
                    bytes: user.bytes,
                    processes: 1,
                }),
            });
        }
        let Some(&first) = rank(EvictionSignal::Memory, &candidates).first() else {
            return;
        };
        let pod = pods[first];
        contention.evict(pod.id);
        let order = StopOrder {
            pod,
            node,
            grace: EVICTION_GRACE,
            reason: EndReason::Evicted(EvictionCause::NodePressure),
        };
        self.agent.stopping(ctx.now(), order, &mut self.output);
        self.hand_over(ctx);
    }

    /// The processes on a node in the order of their pods.
    fn memory_users(&self, now: Instant, store: &Store, node: NodeId) -> Vec<MemoryUser> {
        let mut users = Vec::new();
        let Some(contention) = &self.contention else {
            return users;
        };
        for pod in pods_on(store, node) {
            for process in contention.processes_of(pod.id) {
                let Some(spec) = spec_of(store, process.pod) else {
                    continue;
                };
                let used = self.usage.wanted_by(process, now);
                users.push(MemoryUser {
                    process,
                    spec: spec.clone(),
                    bytes: used.map_or(0, |used| used.memory_bytes),
                });
            }
        }
        users
    }

    /// Instant at which memory may run short next: not before one of those whose use changes uses
    /// so much more that the others, each by as much, would make up for what is left.
    fn next_shortage(&self, now: Instant, users: &[MemoryUser], slack: i64) -> Option<Instant> {
        let pods: SortedSet<PodRef> = users.iter().map(|user| user.process.pod).collect();
        let (mut curves, mut next) = (Vec::new(), None);
        for pod in pods {
            let (own, is_shared) = self.usage.memory_curves(pod);
            let own = own.into_iter();
            curves.extend(own.filter(|memory| !matches!(memory.curve, Curve::Constant(_))));
            // What pods share depends on all of them.
            if is_shared {
                let used = self.usage.wanted(pod, now);
                let wanted = used.map_or(0, |used| used.memory_bytes);
                next = next.or((wanted > 0).then(|| now.saturating_add(LOOK)));
            }
        }
        let each = slack / (curves.len().max(1) as i64) + 1;
        let reached = curves.into_iter().filter_map(|memory| {
            let level = memory.at(now).saturating_add(each);
            memory.reaches(level, now)
        });
        reached.chain(next).min()
    }
}

/// The memory that a pod requests, all that belongs to it together (`GetResourceRequestQuantity`).
fn requested(spec: &PodSpec) -> i64 {
    let requests = spec.requests().unwrap_or_default();
    requests.get(MEMORY).units_ceil().unwrap_or(i64::MAX)
}

/// A process and the memory that it uses.
struct MemoryUser {
    process: ProcessRef,
    spec: std::sync::Arc<PodSpec>,
    bytes: i64,
}

//! Memory of a node: who is over a limit of his own, what is left, whom the kernel kills and the
//! kubelet evicts.

use std::collections::BTreeSet;

use control::controllers::kubelet_eviction::{
    CandidateUsage, EvictionCandidate, EvictionSignal, PERIOD, PRESSURE_HOLD, rank,
};
use control::node::StopOrder;
use model::node::MEMORY_PRESSURE_TAINT;
use model::qos::{CRITICAL_PRIORITY, QosClass, oom_score};
use model::resource_list::MEMORY;
use model::usage::Curve;
use model::{EndReason, EvictionCause, PodRef, PodSpec, Text};
use units::{Duration, Instant, NodeId};

use super::super::SimError;
use super::super::cell::Cell;
use super::super::engine::Engine;
use super::asked::{Asked, LOOK, capacity, on_grid, part};
use super::{ContentionModel, WHOLE};

/// What of memory has to be left on a node, or pods are evicted.
const EVICTION_THRESHOLD: i64 = 100 << 20;
/// What a container gets to end that is evicted.
const EVICTION_GRACE: Duration = Duration::from_secs(2);

impl Engine<'_> {
    pub(super) fn look_at_memory(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        model: ContentionModel,
    ) -> Result<(), SimError> {
        let now = self.now;
        let whole = capacity(cell, node, MEMORY);
        let users = memory_users(cell, now, node);
        let used = users.iter().map(|user| user.bytes);
        let used = used.fold(model.overhead.memory_bytes, i64::saturating_add);
        if used > whole {
            let score = |user: &MemoryUser| {
                let qos = QosClass::of(&user.spec);
                let request = Asked::of(&user.spec, WHOLE).memory_request;
                oom_score(user.bytes, whole, qos.oom_score_adj(request, whole))
            };
            // The first of equals.
            let worst = users.iter().rev().max_by_key(|user| score(user));
            if let Some(user) = worst {
                if let Some(contention) = &mut cell.contention {
                    contention.look(node, now);
                }
                return self.kill_process(cell, (user.pod, user.container));
            }
            return Ok(());
        }
        // The kernel does not wait for the kubelet.
        if let (Some(at), Some(contention)) = (
            next_shortage(cell, now, &users, whole - used),
            &mut cell.contention,
        ) {
            contention.look(node, at);
        }
        let slack = whole - used - EVICTION_THRESHOLD;
        if slack >= 0 {
            self.relieve(cell, node)?;
            let next = next_shortage(cell, now, &users, slack);
            if let (Some(at), Some(contention)) = (next, &mut cell.contention) {
                contention.look(node, on_grid(at, PERIOD));
            }
            return Ok(());
        }
        let Some(contention) = &mut cell.contention else {
            return Ok(());
        };
        let pass = contention.passes.get(&node).copied();
        if let Some(at) = pass.filter(|&at| at > now) {
            contention.look(node, at);
            return Ok(());
        }
        let due = on_grid(now, PERIOD);
        if due > now {
            contention.look(node, due);
            return Ok(());
        }
        let next = now.saturating_add(PERIOD);
        contention.passes.insert(node, next);
        contention.look(node, next);
        let until = now.saturating_add(PRESSURE_HOLD);
        if cell.hosts.is_reached(node) && contention.pressures.insert(node, until).is_none() {
            self.told(cell, "short of memory", node, true);
            self.pressure(cell, node, MEMORY_PRESSURE_TAINT, true)?;
        }
        self.evict(cell, node, users)
    }

    /// A node has memory enough: five minutes after it had not it says so.
    fn relieve(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        let is_reached = cell.hosts.is_reached(node);
        let Some(contention) = &mut cell.contention else {
            return Ok(());
        };
        let Some(&until) = contention.pressures.get(&node) else {
            return Ok(());
        };
        if until > self.now {
            contention.look(node, until);
            return Ok(());
        }
        // One that is away is looked at once it is back.
        if !is_reached {
            return Ok(());
        }
        contention.pressures.remove(&node);
        self.told(cell, "short of memory", node, false);
        self.pressure(cell, node, MEMORY_PRESSURE_TAINT, false)
    }

    /// The kubelet of a node evicts the pod whose turn it is.
    fn evict(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        users: Vec<MemoryUser>,
    ) -> Result<(), SimError> {
        let Some(contention) = &cell.contention else {
            return Ok(());
        };
        let mut pods: Vec<(PodRef, EvictionCandidate)> = Vec::new();
        for user in users {
            if user.spec.priority >= CRITICAL_PRIORITY || contention.evicted.contains(&user.pod.id)
            {
                continue;
            }
            if let Some((_, known)) = pods.iter_mut().find(|(pod, _)| *pod == user.pod) {
                if let Some(usage) = &mut known.usage {
                    usage.bytes = usage.bytes.saturating_add(user.bytes);
                }
                continue;
            }
            let name: Text = cell
                .store
                .pods()
                .get(user.pod)
                .map_or_else(Text::default, |record| record.name.text());
            let usage = CandidateUsage {
                bytes: user.bytes,
                processes: 1,
            };
            pods.push((
                user.pod,
                EvictionCandidate {
                    name,
                    priority: user.spec.priority,
                    request: Asked::of(&user.spec, WHOLE).memory_request,
                    usage: Some(usage),
                },
            ));
        }
        let candidates: Vec<EvictionCandidate> = pods.iter().map(|(_, one)| one.clone()).collect();
        let Some(&first) = rank(EvictionSignal::Memory, &candidates).first() else {
            return Ok(());
        };
        let pod = pods[first].0;
        if let Some(contention) = &mut cell.contention {
            contention.evicted.insert(pod.id);
        }
        let order = StopOrder {
            pod,
            node,
            grace: EVICTION_GRACE,
            reason: EndReason::Evicted(EvictionCause::NodePressure),
        };
        cell.agent.stopping(self.now, order, &mut cell.agent_output);
        self.carry(cell)
    }
}

/// A process and the memory that it uses.
struct MemoryUser {
    pod: PodRef,
    container: u16,
    spec: std::sync::Arc<PodSpec>,
    bytes: i64,
}

/// The processes on a node in the order of their pods.
fn memory_users(cell: &Cell, now: Instant, node: NodeId) -> Vec<MemoryUser> {
    let slots = cell.store.nodes().pods(node).iter();
    let mut pods: Vec<PodRef> = (slots.filter_map(|&slot| cell.store.pods().at(slot)))
        .map(|record| record.pod)
        .collect();
    pods.sort_unstable();
    let mut users = Vec::new();
    let Some(contention) = &cell.contention else {
        return users;
    };
    for pod in pods {
        let own = contention.processes.range((pod.id, 0)..=(pod.id, WHOLE));
        for (&(_, container), process) in own {
            let Some((_, spec)) = Engine::spec_of_pod(cell, process.pod) else {
                continue;
            };
            let whole = cell
                .usage
                .wanted(pod, now)
                .map_or(0, |used| used.memory_bytes);
            let own = Asked::of(&spec, container).memory_request;
            let all = Asked::of(&spec, WHOLE).memory_request;
            let bytes = part(whole, (own, all), container, spec.containers.len());
            users.push(MemoryUser {
                pod,
                container,
                spec,
                bytes,
            });
        }
    }
    users
}

/// When a process is over its own limit of memory.
pub(super) fn over_limit(
    cell: &Cell,
    now: Instant,
    pod: PodRef,
    spec: &PodSpec,
    (container, asked): (u16, &Asked),
) -> Option<Instant> {
    let limit = asked.memory_limit?;
    let (_, memory, since) = cell.usage.curves(pod)?;
    let level = i128::from(limit) + 1;
    let level = if container == WHOLE {
        level
    } else {
        let all = i128::from(Asked::of(spec, WHOLE).memory_request);
        match i128::from(asked.memory_request) {
            own if own > 0 && all > 0 => (level * all + own - 1) / own,
            _ => level * spec.containers.len().max(1) as i128,
        }
    };
    memory?.reaches(i64::try_from(level).ok()?, now, since)
}

/// When memory may run short next: not before one of those whose use changes uses so much more that
/// the others, each by as much, would make up for what is left.
fn next_shortage(cell: &Cell, now: Instant, users: &[MemoryUser], slack: i64) -> Option<Instant> {
    let pods: BTreeSet<PodRef> = users.iter().map(|user| user.pod).collect();
    let (mut curves, mut next) = (Vec::new(), None);
    for pod in pods {
        match cell.usage.curves(pod) {
            None | Some((_, Some(Curve::Constant(_)), _)) => {}
            Some((_, Some(memory), since)) => curves.push((memory, since)),
            // What pods share depends on all of them.
            Some((_, None, _)) => {
                let wanted = cell
                    .usage
                    .wanted(pod, now)
                    .map_or(0, |used| used.memory_bytes);
                next = next.or((wanted > 0).then(|| now.saturating_add(LOOK)));
            }
        }
    }
    let each = slack / (curves.len().max(1) as i64) + 1;
    let reached = curves.into_iter().filter_map(|(memory, since)| {
        let level = memory.at(now, since).saturating_add(each);
        memory.reaches(level, now, since)
    });
    reached.chain(next).min()
}

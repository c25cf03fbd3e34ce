//! Bindings that a node is told of: whether there is room for the pod beside those that it has taken
//! is counted here, whether it takes it is its agent's matter (spec: kubernetes.md part 4).

use cluster::Commitment;
use control::node::{Assignment, Offer};
use model::rules::room;
use model::{EndReason, Event, HostPort, Pod, PodPhase, PodRef, PodSpec, Refusal};
use units::NodeId;

use super::SimError;
use super::cell::Cell;
use super::engine::Engine;

impl Engine<'_> {
    /// Whether a node refuses a pod that was bound to it; then the pod has ended.
    pub(super) fn refuses(
        &mut self,
        cell: &mut Cell,
        assignment: &Assignment,
    ) -> Result<bool, SimError> {
        let Assignment {
            pod, node, spec, ..
        } = assignment;
        let Some(why) = refusal(cell, (*pod, *node), spec) else {
            return Ok(false);
        };
        let reason = EndReason::Refused(why);
        self.observed(cell, Event::PodEnded { pod: *pod, reason })?;
        Ok(true)
    }
}

fn refusal(cell: &Cell, (pod, node): (PodRef, NodeId), spec: &PodSpec) -> Option<Refusal> {
    if cell.store.commitment() != Commitment::Admitted {
        return None;
    }
    let record = cell.store.pods().get(pod)?;
    // What was found on a node was taken before.
    if record.found().is_some_and(|found| found.node == node) {
        return None;
    }
    let offer = Offer {
        spec,
        node: cell.store.nodes().object(node)?,
        short: short(cell, record, node),
        is_port_taken: is_port_taken(cell, (pod, node), spec),
    };
    cell.agent.refusal(&offer)
}

/// Pods on a node beside one, and whether the node has taken them.
fn others(cell: &Cell, pod: PodRef, node: NodeId) -> impl Iterator<Item = (&Pod, bool)> {
    let slots = cell.store.nodes().pods(node).iter();
    let pods = slots.filter_map(|&slot| cell.store.pods().at(slot));
    pods.filter(move |other| other.pod != pod)
        .map(move |other| {
            let was_found = other.found().is_some_and(|found| found.node == node);
            (other, other.phase != PodPhase::Bound || was_found)
        })
}

/// What a node has not enough of for a pod beside those that it has taken.
fn short(cell: &Cell, record: &Pod, node: NodeId) -> Option<Refusal> {
    let nodes = cell.store.nodes();
    if !nodes.is_overcommitted(node) {
        return None;
    }
    let mut left = nodes.free().row(node);
    for (other, _) in others(cell, record.pod, node).filter(|(_, is_taken)| !is_taken) {
        left.add(&cell.store.class(other.class).requests);
    }
    let asked = &cell.store.class(record.class).requests;
    // The pod itself is taken already.
    let is_short = |asked: i64, left: i64| !room::fits(asked, left + asked);
    let mut extended = asked.extended.iter();
    [
        (is_short(1, left.pods), Refusal::OutOfPods),
        (is_short(asked.cpu_milli, left.cpu_milli), Refusal::OutOfCpu),
        (
            is_short(asked.memory_bytes, left.memory_bytes),
            Refusal::OutOfMemory,
        ),
        (
            is_short(asked.storage_bytes, left.storage_bytes),
            Refusal::OutOfStorage,
        ),
        (
            extended.any(|&(id, amount)| is_short(amount, left.extended_amount(id))),
            Refusal::OutOfExtended,
        ),
    ]
    .into_iter()
    .find_map(|(is_so, why)| is_so.then_some(why))
}

/// Whether a port of the node that a pod wants is another's.
fn is_port_taken(cell: &Cell, (pod, node): (PodRef, NodeId), spec: &PodSpec) -> bool {
    let ports = |spec: &PodSpec| -> Vec<HostPort> {
        let ports = spec.all_containers().flat_map(|own| own.host_ports.iter());
        ports.cloned().collect()
    };
    let wanted = ports(spec);
    if wanted.is_empty() {
        return false;
    }
    let taken = others(cell, pod, node).filter(|(_, is_taken)| *is_taken);
    let mut taken = taken.flat_map(|(other, _)| ports(&cell.store.class(other.class).object));
    taken.any(|taken| wanted.contains(&taken))
}

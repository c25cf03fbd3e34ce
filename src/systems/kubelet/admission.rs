//! Refusal by a node of pods that were bound to it: the scheduler may not have seen all that the
//! node has promised, or what it suffers (spec: kubernetes.md part 4). In the order in which the
//! original looks: pressures, resources, affinity, ports, taints.

use control::controllers::taint_eviction::default_tolerations;
use control::local_node::LocalNode;
use control::node::Assignment;
use model::node::{DISK_PRESSURE_TAINT, MEMORY_PRESSURE_TAINT};
use model::qos::CRITICAL_PRIORITY;
use model::rules::{affinity, ports, room, taints};
use model::{Node, PodRef, PodSpec, Refusal, Taint, TaintEffect};

/// The reason for which a node does not take a pod that was bound to it, if there is one.
pub(super) fn refusal(local: LocalNode<'_>, assignment: &Assignment) -> Option<Refusal> {
    let pod = assignment.pod;
    if !local.judges() || local.found(pod) {
        return None;
    }
    let offer = Offer {
        spec: &assignment.spec,
        node: local.object()?,
        short: short(local, pod),
        is_port_taken: is_port_taken(local, assignment),
    };
    judge(&offer)
}

/// A pod that was bound to a node, and how the node stands.
struct Offer<'a> {
    spec: &'a PodSpec,
    node: &'a Node,
    /// Resource that is short for the pod beside those that the node has taken.
    short: Option<Refusal>,
    /// Whether a port of the node that the pod wants is another pod's.
    is_port_taken: bool,
}

fn judge(offer: &Offer<'_>) -> Option<Refusal> {
    under_pressure(offer)
        .or(offer.short)
        .or_else(|| (!affinity::admits(offer.spec, offer.node)).then_some(Refusal::NodeAffinity))
        .or_else(|| offer.is_port_taken.then_some(Refusal::NodePorts))
        .or_else(|| untolerated(offer).then_some(Refusal::Taint))
}

/// Resource that a node lacks for a pod beside those that it has taken.
fn short(local: LocalNode<'_>, pod: PodRef) -> Option<Refusal> {
    let left = local.left_with(pod)?;
    let asked = local.requests(pod)?;
    let is_short = |asked: i64, left: i64| !room::fits(asked, left + asked);
    let mut extended = asked.extended.iter();
    let (cpu, memory) = (asked.cpu_milli, asked.memory_bytes);
    [
        (is_short(1, left.pods), Refusal::OutOfPods),
        (is_short(cpu, left.cpu_milli), Refusal::OutOfCpu),
        (is_short(memory, left.memory_bytes), Refusal::OutOfMemory),
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

/// Whether a port of the node that a pod wants is another pod's.
fn is_port_taken(local: LocalNode<'_>, assignment: &Assignment) -> bool {
    let wanted = assignment.spec.host_ports();
    wanted.clone().next().is_some()
        && ports::is_any_taken(&wanted, local.ports_taken(assignment.pod))
}

/// A node short of memory takes no pods that ask for nothing, unless they tolerate it; one with a
/// full disk takes none but critical ones, whatever they tolerate.
fn under_pressure(offer: &Offer<'_>) -> Option<Refusal> {
    let spec = offer.spec;
    if offer.node.taints.is_empty() || spec.priority >= CRITICAL_PRIORITY {
        return None;
    }
    let refuses = |taint: &Taint| match &*taint.key {
        MEMORY_PRESSURE_TAINT => !taints::tolerates(spec, taint),
        DISK_PRESSURE_TAINT => true,
        _ => false,
    };
    let is_refused = offer.node.taints.iter().any(refuses);
    is_refused.then_some(Refusal::Pressure)
}

fn untolerated(offer: &Offer<'_>) -> bool {
    const ACTING: &[TaintEffect] = &[TaintEffect::NoExecute];
    let own = &offer.spec.tolerations;
    let is_tolerated = |taint: &Taint| {
        let added = default_tolerations(own);
        taints::covering(own.iter().chain(&added), taint).is_some()
    };
    let mut untolerated = taints::untolerated(&offer.node.taints, ACTING, is_tolerated);
    untolerated.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Container, ResourceList, Toleration};
    use units::Quantity;

    fn taint(key: &str, effect: TaintEffect) -> Taint {
        Taint {
            key: key.into(),
            value: "".into(),
            effect,
        }
    }

    fn asking(cpu: i64) -> PodSpec {
        PodSpec {
            containers: vec![Container {
                requests: ResourceList::from_pairs([("cpu", Quantity::from_milli(cpu))]),
                ..Container::default()
            }],
            ..PodSpec::default()
        }
    }

    #[test]
    fn nodes_refuse_what_they_suffer_under() {
        let (no_schedule, no_execute) = (TaintEffect::NoSchedule, TaintEffect::NoExecute);
        let nothing = PodSpec {
            containers: vec![Container::default()],
            ..PodSpec::default()
        };
        let critical = PodSpec {
            priority: CRITICAL_PRIORITY,
            ..nothing.clone()
        };
        let patient = PodSpec {
            tolerations: vec![Toleration {
                key: Some(DISK_PRESSURE_TAINT.into()),
                value: None,
                effect: None,
                tolerates_for: None,
            }],
            ..nothing.clone()
        };
        let picky = PodSpec {
            node_selector: [("disk".into(), "ssd".into())].into(),
            ..asking(1)
        };
        for (spec, taints, expected) in [
            (&nothing, vec![], None),
            (
                &nothing,
                vec![(MEMORY_PRESSURE_TAINT, no_schedule)],
                Some(Refusal::Pressure),
            ),
            (&critical, vec![(MEMORY_PRESSURE_TAINT, no_schedule)], None),
            (&asking(1), vec![(MEMORY_PRESSURE_TAINT, no_schedule)], None),
            (
                &asking(1),
                vec![(DISK_PRESSURE_TAINT, no_schedule)],
                Some(Refusal::Pressure),
            ),
            (
                &patient,
                vec![(DISK_PRESSURE_TAINT, no_schedule)],
                Some(Refusal::Pressure),
            ),
            (&critical, vec![(DISK_PRESSURE_TAINT, no_schedule)], None),
            // What keeps new pods off is the scheduler's matter, what acts on pods is the node's, too.
            (&asking(1), vec![("team", no_schedule)], None),
            (&asking(1), vec![("team", no_execute)], Some(Refusal::Taint)),
            (
                &asking(1),
                vec![("node.kubernetes.io/unreachable", no_execute)],
                None,
            ),
            (&picky, vec![], Some(Refusal::NodeAffinity)),
        ] {
            let node = Node {
                taints: taints
                    .iter()
                    .map(|&(key, effect)| taint(key, effect))
                    .collect(),
                ..Node::default()
            };
            let offer = Offer {
                spec,
                node: &node,
                short: None,
                is_port_taken: false,
            };
            assert_eq!(judge(&offer), expected, "{taints:?}");
        }
    }

    #[test]
    fn the_first_reason_counts() {
        let node = Node::default();
        let picky = PodSpec {
            node_selector: [("disk".into(), "ssd".into())].into(),
            ..asking(1)
        };
        let mut offer = Offer {
            spec: &picky,
            node: &node,
            short: Some(Refusal::OutOfMemory),
            is_port_taken: true,
        };
        assert_eq!(judge(&offer), Some(Refusal::OutOfMemory));
        offer.short = None;
        assert_eq!(judge(&offer), Some(Refusal::NodeAffinity));
        let plain = asking(1);
        offer.spec = &plain;
        assert_eq!(judge(&offer), Some(Refusal::NodePorts));
    }
}

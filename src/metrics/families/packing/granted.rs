//! Cores that pods get of their node (metrics.md 5.1: use of processors is clipped by capacity). Where
//! pods want more than there is, each has a part by its request, and what one leaves the others share.

use cluster::{Store, UsageSamples};
use model::resource_list::CPU;
use model::{Pod, PodPhase, ResourceUsage};
use units::NodeId;

/// The least weight of a pod: the two shares of 1,024 for each core that a kernel gives at least.
const LEAST_WEIGHT: i128 = 2;

/// The cores of a pod, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuUse {
    /// The request.
    pub asked: i128,
    /// The use with nothing in its way.
    pub wanted: i128,
    /// The use: no more than limits and the node allow.
    pub used: i128,
}

/// A running pod whose use is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodUse {
    pub cpu: CpuUse,
    /// Bytes requested and used; `None` where nothing is known of them.
    pub memory: Option<[i128; 2]>,
}

/// The running pods of a node whose use is known, with the cores that they get.
pub(super) fn on_node(
    store: &Store,
    node: NodeId,
    measured: &dyn UsageSamples,
    into: &mut Vec<PodUse>,
) {
    into.clear();
    let pods = store.nodes().pods(node).iter();
    let pods = pods.filter_map(|&slot| store.pods().at(slot));
    let running = pods.filter(|pod| pod.phase == PodPhase::Running);
    into.extend(running.filter_map(|pod| use_of(store, pod, measured)));
    let used: i128 = into.iter().map(|pod| pod.cpu.used).sum();
    if used > 0 {
        let capacity = capacity(store, node);
        if used > capacity {
            share(capacity, into);
        }
    }
}

fn use_of(store: &Store, pod: &Pod, measured: &dyn UsageSamples) -> Option<PodUse> {
    let ResourceUsage {
        cpu_milli,
        memory_bytes,
    } = measured.pod(pod.pod)?;
    let requests = &store.class(pod.class).requests;
    let used = i128::from(cpu_milli);
    let wanted = measured.wanted(pod.pod);
    let cpu = CpuUse {
        asked: i128::from(requests.cpu_milli),
        wanted: wanted.map_or(used, |wanted| i128::from(wanted.cpu_milli).max(used)),
        used,
    };
    // A pod that uses no byte is one of whose memory nothing is known.
    let memory = [requests.memory_bytes, memory_bytes].map(i128::from);
    Some(PodUse {
        cpu,
        memory: (memory_bytes > 0).then_some(memory),
    })
}

/// The cores of a node in thousandths: as stated, or else those that its pods may have.
fn capacity(store: &Store, node: NodeId) -> i128 {
    let stated = store.nodes().object(node).map(|own| own.capacity.get(CPU));
    let stated = stated.filter(|own| !own.is_zero());
    let stated = stated.and_then(|stated| stated.milli_ceil().ok());
    let allocatable = store.nodes().allocatable().row(node).cpu_milli;
    i128::from(stated.unwrap_or(allocatable).max(0))
}

/// Shares cores among pods that want more: those that want least for their weight have all of it.
fn share(capacity: i128, pods: &mut [PodUse]) {
    let weight = |pod: &PodUse| pod.cpu.asked.max(LEAST_WEIGHT);
    pods.sort_by(|one, other| (one.cpu.used * weight(other)).cmp(&(other.cpu.used * weight(one))));
    let mut left = capacity;
    let mut weights: i128 = pods.iter().map(weight).sum();
    for pod in pods {
        let own = weight(pod);
        pod.cpu.used = pod.cpu.used.min(left * own / weights.max(1));
        left -= pod.cpu.used;
        weights -= own;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pod(asked: i128, used: i128) -> PodUse {
        PodUse {
            cpu: CpuUse {
                asked,
                wanted: used,
                used,
            },
            memory: None,
        }
    }

    fn shared(capacity: i128, pods: &[(i128, i128)]) -> Vec<(i128, i128)> {
        let mut pods: Vec<PodUse> = pods.iter().map(|&(asked, used)| pod(asked, used)).collect();
        share(capacity, &mut pods);
        let all = pods.iter().map(|pod| (pod.cpu.wanted, pod.cpu.used));
        all.collect()
    }

    #[test]
    fn cores_go_by_request_and_what_one_leaves_others_share() {
        let even = shared(8_000, &[(1_000, 8_000); 4]);
        assert_eq!(even, [(8_000, 2_000); 4]);
        // A quarter and a whole core are asked for, of four cores.
        let parts = shared(4_000, &[(1_000, 8_000), (250, 8_000)]);
        assert_eq!(parts, [(8_000, 3_200), (8_000, 800)]);
        let modest = shared(4_000, &[(1_000, 8_000), (1_000, 500)]);
        assert_eq!(modest, [(500, 500), (8_000, 3_500)]);
        assert_eq!(shared(0, &[(0, 10)]), [(10, 0)]);
    }

    proptest! {
        /// A node has no more than its cores, wastes none that is wanted but for what division
        /// leaves over, and no pod gets more than it wants.
        #[test]
        fn no_more_is_had_than_there_is_and_no_more_than_is_wanted(
            capacity in 0_i128..100_000,
            pods in prop::collection::vec((0_i128..10_000, 0_i128..100_000), 0..20),
        ) {
            let found = shared(capacity, &pods);
            let wanted: i128 = found.iter().map(|own| own.0).sum();
            let had: i128 = found.iter().map(|own| own.1).sum();
            prop_assert!(found.iter().all(|own| (0..=own.0).contains(&own.1)));
            prop_assert!(had <= capacity.min(wanted));
            prop_assert!(had + pods.len() as i128 >= capacity.min(wanted));
        }
    }
}

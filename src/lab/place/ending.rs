//! End of a placement: the reasons of the last look, and the replicas that each resource alone
//! would let in.

use serde::Serialize;

use super::Placed;
use model::Text;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::rules::room;
use scheduler::kube::{Amounts, Cache, Code, NodeInfo, PodInfo, Status};
use units::{SortedMap, plural};

/// The plugins whose rejections are about room: resources, and devices of claims.
const ROOM: [&str; 2] = ["NodeResourcesFit", "DynamicResources"];

/// One resource that the pod asks for, over the nodes that could take such a pod if they had
/// room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceTally {
    /// The resource's name.
    pub resource: String,
    /// Request of one replica: milli-cores of cpu, else whole units (bytes, devices, pods).
    pub request: i64,
    /// Free amount of the nodes at first, in the same unit.
    pub free_before: i64,
    /// Free amount of the nodes after the last replica.
    pub free_after: i64,
    /// Number of replicas that this resource alone would let in.
    pub alone: i64,
    /// Number of nodes on which the next replica lacks this resource.
    pub short_nodes: u64,
    /// Most that is free on one of these nodes.
    #[serde(skip)]
    pub best: i64,
}

impl ResourceTally {
    /// Amount that the best node has of what one replica asks for: `cpu: best node has 1,340m of 2,000m`.
    pub fn words(&self) -> String {
        let amount = |own: i64| match self.resource.as_str() {
            CPU => format!("{}m", plural::grouped(own)),
            MEMORY | EPHEMERAL_STORAGE => format!("{} Mi", plural::grouped(own >> 20)),
            _ => plural::grouped(own),
        };
        format!(
            "{}: best node has {} of {}",
            self.resource,
            amount(self.best),
            amount(self.request)
        )
    }
}

/// Number of nodes that gave each reason, most first, then by text.
pub(super) fn reasons(rejected: &[(Text, Status)]) -> Vec<(String, u64)> {
    let mut counts: SortedMap<&str, u64> = SortedMap::new();
    for reason in rejected.iter().flat_map(|(_, status)| &status.reasons) {
        *counts.entry(reason).or_default() += 1;
    }
    let mut list: Vec<(String, u64)> = counts
        .into_iter()
        .map(|(reason, count)| (reason.to_owned(), count))
        .collect();
    list.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    list
}

/// A resource as the scheduler counts it.
struct Resource {
    name: String,
    /// The reason of a node that lacks it.
    reason: String,
    request: i64,
}

fn asked(pod: &PodInfo) -> Vec<Resource> {
    let Amounts {
        cpu_milli,
        memory,
        storage,
        ref scalars,
        ..
    } = pod.class.requests;
    let plain = [
        ("cpu", cpu_milli),
        ("memory", memory),
        ("ephemeral-storage", storage),
    ];
    let plain = plain.map(|(name, amount)| (name.to_owned(), amount));
    let scalars = scalars.iter();
    let scalars = scalars.map(|(name, &amount)| (name.to_string(), amount));
    let mut list: Vec<Resource> = plain
        .into_iter()
        .chain(scalars)
        .filter(|&(_, request)| request > 0)
        .map(|(name, request)| Resource {
            reason: format!("Insufficient {name}"),
            name,
            request,
        })
        .collect();
    list.push(Resource {
        name: "pods".to_owned(),
        reason: "Too many pods".to_owned(),
        request: 1,
    });
    list
}

fn free(resource: &Resource, node: &NodeInfo) -> i64 {
    let (offers, used) = (&node.allocatable, &node.requested);
    let free = match resource.name.as_str() {
        "cpu" => offers.cpu_milli - used.cpu_milli,
        "memory" => offers.memory - used.memory,
        "ephemeral-storage" => offers.storage - used.storage,
        "pods" => offers.pods - node.pods.len() as i64,
        scalar => offers.scalar(scalar) - used.scalar(scalar),
    };
    room::usable(free)
}

/// Tallies of each resource by itself.
pub(super) fn resources(
    cache: &Cache,
    pod: &PodInfo,
    placed: &Placed,
    counts: &SortedMap<&Text, u64>,
) -> Vec<ResourceTally> {
    let rejected: SortedMap<&Text, &Status> = placed
        .rejected
        .iter()
        .map(|(name, status)| (name, status))
        .collect();
    // Room is of use where the node could take the pod but for its room.
    let is_usable = |node: &&NodeInfo| {
        let status = rejected.get(node.name());
        status.is_none_or(|status| {
            ROOM.contains(&status.plugin) || status.code == Code::Unschedulable
        })
    };
    let nodes: Vec<&NodeInfo> = cache.nodes().filter(is_usable).collect();
    let list = asked(pod).into_iter();
    list.map(|resource| {
        let mut tally = ResourceTally {
            resource: resource.name.clone(),
            request: resource.request,
            free_before: 0,
            free_after: 0,
            alone: 0,
            short_nodes: 0,
            best: 0,
        };
        for node in &nodes {
            let before = free(&resource, node);
            let taken = counts.get(node.name()).copied().unwrap_or(0) as i64;
            tally.free_before = tally.free_before.saturating_add(before);
            let after = before.saturating_sub(taken.saturating_mul(resource.request));
            tally.free_after = tally.free_after.saturating_add(after);
            tally.alone = tally.alone.saturating_add(before / resource.request);
            let status = rejected.get(node.name());
            let is_short = status.is_some_and(|status| {
                let mut reasons = status.reasons.iter();
                reasons.any(|reason| **reason == *resource.reason)
            });
            tally.short_nodes += u64::from(is_short);
            if is_short {
                tally.best = tally.best.max(after);
            }
        }
        tally
    })
    .collect()
}

//! Workloads as decisions see them: those that hold quota, and those that wait for it.

use std::sync::Arc;

use model::Text;
use model::gpu::GPU_RESOURCES;
use model::queueing::{Condition, PodSet, QueuedWorkload, RequeueTime};
use units::{Instant, Quantity, QuantityError, SortedMap};

use super::names::{Flavor, FlavorResource, Names, PODS, Resource};
use super::tree::NodeId;

/// Name of the condition of a workload that is asked to end.
pub const EVICTED: &str = "Evicted";
/// Resource that GPU devices of traces count as.
const GPU: &str = GPU_RESOURCES[0];
/// Name of the condition of a workload that holds quota.
pub const QUOTA_RESERVED: &str = "QuotaReserved";

/// Amounts by resource, in the order in which resources are visited.
pub type Requests = Vec<(Resource, i64)>;

/// Pods of a set in one domain of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainUse {
    /// Flavor whose topology it is.
    pub flavor: Flavor,
    /// Values of the labels that name the domain.
    pub values: Vec<Text>,
    /// Number of pods.
    pub count: i64,
    /// Requests of one pod.
    pub single: Requests,
}

/// A workload that holds quota.
#[derive(Clone, Debug)]
pub struct QuotaHolder {
    /// The workload.
    pub workload: Arc<QueuedWorkload>,
    /// Priority of the workload, which every search for victims reads.
    pub priority: i32,
    /// Queue whose quota it holds.
    pub queue: NodeId,
    /// Amounts that it holds.
    pub usage: Vec<(FlavorResource, i64)>,
    /// Domains that its pods are in.
    pub domains: Vec<DomainUse>,
    /// Time from which it has held them.
    pub reserved: Instant,
    /// Mark of a workload that is asked to end.
    pub is_evicted: bool,
    /// Time by which it is ordered among others of its priority.
    pub timestamp: Instant,
}

/// The time by which a workload is ordered among others of its priority (spec:
/// batch-on-kubernetes.md 1.4).
pub fn queue_timestamp(workload: &QueuedWorkload, requeued: RequeueTime) -> Instant {
    let evicted = workload.holding(EVICTED);
    let counts = |own: &&Condition| match &*own.reason {
        "PodsReadyTimeout" => requeued == RequeueTime::Eviction,
        "AdmissionCheck" => true,
        _ => false,
    };
    evicted
        .filter(counts)
        .map_or(workload.created, |evicted| evicted.since)
}

impl QuotaHolder {
    /// Quota and domains of a workload by its admission; `now` stands for an unknown time of reservation,
    /// and what was evicted comes back by the time of that.
    pub fn new(
        workload: Arc<QueuedWorkload>,
        queue: NodeId,
        now: Instant,
        names: &mut Names,
    ) -> Self {
        let mut usage: SortedMap<FlavorResource, i64> = SortedMap::default();
        let mut domains = Vec::new();
        let admission = workload.admission.clone().unwrap_or_default();
        for set in &admission.pod_sets {
            let reclaimed = workload.reclaimable.get(&set.name).copied().unwrap_or(0);
            let stated = workload
                .pod_sets
                .iter()
                .find(|pod_set| pod_set.name == set.name);
            let left = stated
                .map_or(set.count, |stated| stated.count - reclaimed)
                .max(0);
            let mut single = Requests::new();
            for (resource_name, flavor) in &set.flavors {
                let resource = names.resource(resource_name);
                let pair = {
                    let flavor = names.flavor(flavor);
                    names.pair(flavor, resource)
                };
                let total = set.usage.get(resource_name);
                let total = total.map_or(0, |amount| Names::amount(resource_name, *amount));
                let held = if reclaimed > 0 && set.count > 0 {
                    total / set.count * left.min(set.count)
                } else {
                    total
                };
                *usage.entry(pair).or_default() += held;
                if **resource_name != *PODS && set.count > 0 {
                    single.push((resource, total / set.count));
                }
            }
            let Some(topology) = &set.topology else {
                continue;
            };
            let Some(flavor) = set.flavors.values().next() else {
                continue;
            };
            let flavor = names.flavor(flavor);
            domains.extend(topology.domains.iter().map(|(values, count)| DomainUse {
                flavor,
                values: values.clone(),
                count: *count,
                single: single.clone(),
            }));
        }
        let reserved = workload
            .holding(QUOTA_RESERVED)
            .map_or(now, |own| own.since);
        Self {
            priority: workload.priority,
            queue,
            usage: usage.into_iter().collect(),
            domains,
            reserved,
            is_evicted: workload.holding(EVICTED).is_some(),
            timestamp: queue_timestamp(&workload, RequeueTime::Eviction),
            workload,
        }
    }

    /// Whether any of these pairs is held.
    pub fn uses_any(&self, pairs: &[FlavorResource]) -> bool {
        self.usage.iter().any(|(pair, _)| pairs.contains(pair))
    }
}

/// Requests of one set of pods of a workload that waits.
#[derive(Clone, Debug)]
pub struct SetRequests {
    /// Number of pods.
    pub count: i64,
    /// Requests of one pod.
    pub single: Requests,
    /// Requests of all pods, of which those of amount 0, too.
    pub total: Requests,
}

/// Flavors at which earlier attempts stopped: by pod set and resource, -1 where all were tried.
pub type Cursor = Vec<SortedMap<Resource, i64>>;

/// A workload that waits for quota.
#[derive(Clone, Debug)]
pub struct PendingWorkload {
    /// The workload.
    pub workload: Arc<QueuedWorkload>,
    /// Queue that it waits in.
    pub queue: NodeId,
    /// Requests by pod set.
    pub sets: Vec<SetRequests>,
    /// Flavors at which the last attempt stopped.
    pub cursor: Option<Cursor>,
    /// Time by which it is ordered among others of its priority.
    pub timestamp: Instant,
}

impl PendingWorkload {
    /// A workload that waits in a queue; what was evicted comes back by the time of that.
    ///
    /// # Errors
    /// Its requests are too large to be added.
    pub fn new(
        workload: Arc<QueuedWorkload>,
        queue: NodeId,
        names: &mut Names,
    ) -> Result<Self, QuantityError> {
        let sets = workload.pod_sets.iter().map(|set| {
            let reclaimed = workload.reclaimable.get(&set.name).copied().unwrap_or(0);
            let count = (set.count - reclaimed).max(0);
            let single = requests(set, names)?;
            Ok(SetRequests {
                count,
                total: times(&single, count),
                single,
            })
        });
        Ok(Self {
            queue,
            sets: sets.collect::<Result<_, QuantityError>>()?,
            cursor: None,
            timestamp: queue_timestamp(&workload, RequeueTime::Eviction),
            workload,
        })
    }

    /// A copy with other numbers of pods.
    #[must_use]
    pub fn with_counts(&self, counts: &[i64]) -> Self {
        let mut reduced = self.clone();
        for (set, count) in reduced.sets.iter_mut().zip(counts) {
            set.count = *count;
            set.total = times(&set.single, *count);
        }
        reduced
    }

    /// Number of pods by set.
    pub fn counts(&self) -> impl Iterator<Item = i64> + '_ {
        self.sets.iter().map(|set| set.count)
    }
}

fn times(single: &Requests, count: i64) -> Requests {
    let scaled = single.iter();
    scaled
        .map(|(resource, amount)| (*resource, amount.saturating_mul(count)))
        .collect()
}

/// Requests of one pod of a set, in the order in which resources are visited. GPU devices that traces state
/// count as those of the common resource, and a share of one counts as a whole.
fn requests(set: &PodSet, names: &mut Names) -> Result<Requests, QuantityError> {
    let mut list = set.spec.requests()?;
    let devices = i64::from(set.spec.gpu.devices);
    if devices > 0 && list.get(GPU) == Quantity::ZERO {
        list.set(GPU, Quantity::from_units(devices));
    }
    let mut requests: Requests = list
        .iter()
        .map(|(name, amount)| (names.resource(name), Names::amount(name, amount).max(0)))
        .collect();
    requests.sort_by_key(|(resource, _)| names.visiting_key(*resource));
    Ok(requests)
}

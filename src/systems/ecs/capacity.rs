//! Capacity providers: the split of a service's tasks between them, and the managed scaling of their
//! instances (spec: orchestrators-a.md section 7.3; `cluster-capacity-providers.md`,
//! `cluster-auto-scaling.md`).

use autoscale::cluster_autoscaler::GroupOptions;
use model::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Duration, SortedMap};

/// A provider in a capacity provider strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The provider's name.
    pub name: Text,
    /// Tasks that go to the provider before any share is looked at.
    pub base: u64,
    /// Share of the tasks beyond the bases.
    pub weight: u64,
}

/// The provider of a service's next task, given the tasks that each has beyond its base: those below
/// their base first, then the one with the smallest quotient of tasks and weight, ties by name.
/// `None` if no provider has a weight.
pub fn next_provider(shares: &[Share], counts: &[u64]) -> Option<usize> {
    let both = || shares.iter().zip(counts).enumerate();
    let below = both().find(|(_, (share, count))| **count < share.base);
    if let Some((index, _)) = below {
        return Some(index);
    }
    let weighed = both().filter(|(_, (share, _))| share.weight > 0);
    let least = weighed.min_by(|(_, (one, count)), (_, (other, others))| {
        let own = u128::from(*count - one.base + 1) * u128::from(other.weight);
        let theirs = u128::from(*others - other.base + 1) * u128::from(one.weight);
        own.cmp(&theirs).then_with(|| one.name.cmp(&other.name))
    });
    least.map(|(index, _)| index)
}

/// Tasks of each provider after so many tasks were started one by one.
pub fn split(shares: &[Share], tasks: u64) -> Vec<u64> {
    let mut counts = vec![0; shares.len()];
    for _ in 0..tasks {
        let Some(next) = next_provider(shares, &counts) else {
            break;
        };
        counts[next] += 1;
    }
    counts
}

/// Formula of the reservation while instances are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "EcsScaleIn")]
pub enum ScaleInFormula {
    /// Instances needed for each that runs.
    #[default]
    Ratio,
    /// 100 less the number of empty instances.
    MinusEmpty,
}

/// Options of managed scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagedScaling {
    /// Share of the instances that tasks shall need, in per cent (`targetCapacity`).
    pub target_capacity: u64,
    /// Formula while there are empty instances.
    pub scale_in: ScaleInFormula,
}

impl Default for ManagedScaling {
    fn default() -> Self {
        Self {
            target_capacity: 100,
            scale_in: ScaleInFormula::default(),
        }
    }
}

/// Instances of a provider: those that run, those needed for all tasks, and those without tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Instances that run.
    pub running: u64,
    /// Instances needed for the tasks that run and those that wait.
    pub needed: u64,
    /// Instances without a task that is not a daemon.
    pub empty: u64,
}

/// A capacity provider of a cluster.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The share of the tasks that goes to the provider.
    pub share: Share,
    /// The source of its instances.
    pub source: Source,
}

/// Source of the instances of a capacity provider.
#[derive(Clone, Debug)]
pub enum Source {
    /// A group of nodes that keeps its size.
    Fixed,
    /// A group of nodes with managed scaling.
    Group(Box<ScaledGroup>),
    /// Machines that each run one task.
    Fargate {
        /// Marks machines that the provider may take back.
        is_spot: bool,
        /// Zones of the machines; none without zones.
        zones: Vec<Text>,
    },
}

/// A group of nodes with managed scaling.
#[derive(Clone, Debug)]
pub struct ScaledGroup {
    /// The group.
    pub group: GroupOptions,
    /// The target and the formula.
    pub scaling: ManagedScaling,
    /// The fewest instances to add for tasks that wait (`minimumScalingStepSize`).
    pub least_step: u64,
    /// The most instances to add for tasks that wait (`maximumScalingStepSize`).
    pub most_step: u64,
    /// Time after an instance joined in which no further one is ordered (`instanceWarmupPeriod`).
    pub warm_up: Duration,
    /// `true` if instances with tasks are never taken (`managedTerminationProtection`).
    pub is_protected: bool,
}

/// Number of looks in turn at which the reservation has to be below its target before instances are
/// taken: 15, one a minute.
pub const LOW_POINTS: u32 = 15;

/// Instances of a size that hold tasks with demands of processors and memory, each of which fits one: tasks
/// of equal demands together, the largest first, each on the first instances with room.
pub fn instances_for(demands: &[(i64, i64)], size: (i64, i64)) -> u64 {
    let (cpu, memory) = size;
    let mut groups: SortedMap<(i64, i64), i64> = SortedMap::new();
    for &demand in demands {
        *groups.entry(demand).or_insert(0) += 1;
    }
    // Instances alike, with what is left of each.
    let mut bins: Vec<(i64, i64, i64)> = Vec::new();
    for (&(own_cpu, own_memory), &count) in groups.iter().rev() {
        let holds = |cpu: i64, memory: i64| {
            let by = |left: i64, own: i64| if own <= 0 { i64::MAX } else { left / own };
            by(cpu, own_cpu).min(by(memory, own_memory))
        };
        let mut left = count;
        let mut changed = Vec::new();
        for (number, cpu, memory) in std::mem::take(&mut bins) {
            let each = holds(cpu, memory).min(left.max(0));
            let full = if each > 0 { number.min(left / each) } else { 0 };
            if full > 0 {
                changed.push((full, cpu - each * own_cpu, memory - each * own_memory));
                left -= full * each;
            }
            let mut rest = number - full;
            if rest > 0 && left > 0 && each > 0 {
                let some = left.min(each);
                changed.push((1, cpu - some * own_cpu, memory - some * own_memory));
                (left, rest) = (left - some, rest - 1);
            }
            if rest > 0 {
                changed.push((rest, cpu, memory));
            }
        }
        bins = changed;
        let each = holds(cpu, memory).min(left);
        if each > 0 {
            let full = left / each;
            bins.push((full, cpu - each * own_cpu, memory - each * own_memory));
            let rest = left - full * each;
            if rest > 0 {
                bins.push((1, cpu - rest * own_cpu, memory - rest * own_memory));
            }
        }
    }
    bins.iter().map(|own| own.0).sum::<i64>().unsigned_abs()
}

/// Instances that a provider without any starts with.
const FIRST_INSTANCES: u64 = 2;

impl ManagedScaling {
    /// The metric `CapacityProviderReservation`, in per cent.
    pub fn reservation(&self, demand: Demand) -> f64 {
        let Demand {
            running,
            needed,
            empty,
        } = demand;
        match (running, needed) {
            (0, 0) => 100.0,
            (0, _) => 200.0,
            _ if self.scale_in == ScaleInFormula::MinusEmpty && needed < running => {
                100.0 - empty as f64
            }
            _ => 100.0 * needed as f64 / running as f64,
        }
    }

    /// Instances that the scaling policy asks for.
    pub fn desired(&self, demand: Demand) -> u64 {
        match (demand.running, demand.needed) {
            (0, 0) => 0,
            (0, _) => FIRST_INSTANCES,
            (running, needed) if self.counts_empty(demand) && needed < running => {
                let reservation = 100_u64.saturating_sub(demand.empty);
                (running * reservation).div_ceil(self.target_capacity.max(1))
            }
            _ => (100 * demand.needed).div_ceil(self.target_capacity.max(1)),
        }
    }

    /// Whether the reservation follows from the number of empty instances.
    fn counts_empty(&self, demand: Demand) -> bool {
        self.scale_in == ScaleInFormula::MinusEmpty && demand.empty > 0
    }

    /// Whether instances could be taken: the reservation is below its target, and fewer instances would
    /// do, or some are empty where these alone count.
    pub fn is_low(&self, demand: Demand) -> bool {
        let is_below = self.reservation(demand) < self.target_capacity as f64;
        is_below && (self.desired(demand) < demand.running || self.counts_empty(demand))
    }
}

//! Processes that share the cores of their node: each wants so much, may take no more than its limit,
//! and has its part by weight of what there is; what others leave it may use. A process that gets half
//! of what it wants takes twice as long (spec: orchestrators-b.md 10.6). A node is worked out again
//! when its processes change or want something else, and no other node is.

use model::PodRef;
use units::{Duration, Instant, NodeId, PodId, SortedMap, SortedSet};

use super::hosts::PaceChange;
use super::network::{FlowId, LinkId, Network, Shape};

/// The shares of one core (spec: orchestrators-b.md 10.6).
const SHARES_PER_CORE: i64 = 1024;
/// The least and the most shares.
const SHARES: (i64, i64) = (2, 262_144);

/// The shares of a process that requests so many thousandths of a core.
pub fn cpu_shares(request_milli: i64) -> i64 {
    let shares = request_milli.saturating_mul(SHARES_PER_CORE) / 1000;
    shares.clamp(SHARES.0, SHARES.1)
}

/// The weight in a unified hierarchy of so many shares.
pub fn cpu_weight(shares: i64) -> i64 {
    let shares = shares.clamp(SHARES.0, SHARES.1);
    1 + (shares - 2) * 9_999 / 262_142
}

/// A process, as its node shares its cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The weight of the process.
    pub weight: i64,
    /// The demand in thousandths of a core; at least one.
    pub demand_milli: i64,
    /// The most that the process may take.
    pub limit_milli: Option<i64>,
}

impl Claim {
    fn shape(self) -> Shape {
        let demand = self.demand_milli.max(1);
        Shape {
            links: vec![LinkId(0)],
            // The network's weights are in thousandths.
            weight: self.weight.max(1).saturating_mul(1_000),
            demand: Some(demand.min(self.limit_milli.unwrap_or(i64::MAX))),
        }
    }
}

/// The work of a process that runs until it is stopped, in 10^-9 of a thousandth of a core for a
/// second: more than any node can do in all time.
const ENDLESS: i128 = 1_000_000_000_000_000_000_000_000_000;

/// A process on its node.
#[derive(Clone, Copy, Debug)]
struct Task {
    pod: PodRef,
    container: u16,
    claim: Claim,
    is_endless: bool,
}

impl Task {
    const fn process(&self) -> ProcessRef {
        ProcessRef {
            pod: self.pod,
            container: self.container,
        }
    }
}

/// A node and its cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorePlace {
    /// The node.
    pub node: NodeId,
    /// The cores of the node, in thousandths.
    pub capacity_milli: i64,
}

/// A process that uses cores: one container of a pod, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessRef {
    /// The pod.
    pub pod: PodRef,
    /// The number of the container.
    pub container: u16,
}

/// The cores of a node.
#[derive(Clone, Debug, Default)]
struct NodeCores {
    network: Network,
    tasks: SortedMap<FlowId, Task>,
    due: Option<Instant>,
}

/// The cores of a cell.
#[derive(Clone, Debug, Default)]
pub struct Cores {
    nodes: SortedMap<NodeId, NodeCores>,
    places: SortedMap<FlowId, NodeId>,
    due: SortedSet<(Instant, NodeId)>,
    /// Nodes whose processes may get other rates since this was asked last, some of them more than once.
    changed: Vec<NodeId>,
}

/// The name of a process: pods before their containers.
fn name_of(pod: PodId, container: u16) -> FlowId {
    u64::from(pod.0) << 16 | u64::from(container)
}

/// Work of a process that runs for a given time if it gets all that it wants.
fn work(run_time: Option<Duration>, claim: Claim) -> i128 {
    let Some(run_time) = run_time else {
        return ENDLESS;
    };
    i128::from(run_time.as_nanos()) * i128::from(claim.demand_milli.max(1))
}

impl Cores {
    /// A process begins on a node of so many thousandths of a core.
    pub fn begin(
        &mut self,
        now: Instant,
        place: CorePlace,
        process: ProcessRef,
        claim: Claim,
        run_time: Option<Duration>,
    ) {
        let CorePlace {
            node,
            capacity_milli,
        } = place;
        let ProcessRef { pod, container } = process;
        let cores = self.nodes.entry(node).or_insert_with(|| {
            let mut network = Network::new();
            network.add_link(capacity_milli);
            NodeCores {
                network,
                ..NodeCores::default()
            }
        });
        let name = name_of(pod.id, container);
        let task = Task {
            pod,
            container,
            claim,
            is_endless: run_time.is_none(),
        };
        cores.tasks.insert(name, task);
        cores
            .network
            .begin_nano(now, name, claim.shape(), work(run_time, claim));
        self.places.insert(name, node);
        self.look(now, node);
    }

    /// A process is gone.
    pub fn end(&mut self, now: Instant, pod: PodId, container: u16) {
        let name = name_of(pod, container);
        if let Some(node) = self.places.remove(&name) {
            if let Some(cores) = self.nodes.get_mut(&node) {
                cores.network.end(now, name);
                cores.tasks.remove(&name);
            }
            self.look(now, node);
        }
    }

    /// All processes of a pod are gone.
    pub fn forget(&mut self, now: Instant, pod: PodId) {
        let own = self.places.range(name_of(pod, 0)..=name_of(pod, u16::MAX));
        let names: Vec<FlowId> = own.map(|(&name, _)| name).collect();
        for name in names {
            self.end(now, pod, name as u16);
        }
    }

    /// A node has so many thousandths of a core from now on.
    pub fn set_capacity(&mut self, now: Instant, node: NodeId, capacity_milli: i64) {
        if let Some(cores) = self.nodes.get_mut(&node) {
            cores.network.set_capacity(now, LinkId(0), capacity_milli);
            self.look(now, node);
        }
    }

    /// A process wants something else from now on: what is left of its run takes as long as before
    /// if it gets that.
    pub fn wants(&mut self, now: Instant, pod: PodId, container: u16, demand_milli: i64) {
        let name = name_of(pod, container);
        let Some(&node) = self.places.get(&name) else {
            return;
        };
        let Some(cores) = self.nodes.get_mut(&node) else {
            return;
        };
        let Some(task) = cores.tasks.get_mut(&name) else {
            return;
        };
        let before = i128::from(task.claim.demand_milli.max(1));
        if task.claim.demand_milli == demand_milli {
            return;
        }
        task.claim.demand_milli = demand_milli;
        let claim = task.claim;
        let left = if task.is_endless {
            Some(ENDLESS)
        } else {
            cores.network.end(now, name).map(|left| {
                let after = i128::from(demand_milli.max(1));
                (left * after + before / 2) / before
            })
        };
        if let Some(left) = left {
            cores.network.begin_nano(now, name, claim.shape(), left);
        }
        self.look(now, node);
    }

    /// The host of a pod gets on with its work at another pace.
    pub(super) fn stretch(&mut self, now: Instant, pod: PodId, change: PaceChange) {
        let own = self.places.range(name_of(pod, 0)..=name_of(pod, u16::MAX));
        let own: Vec<(FlowId, NodeId)> = own.map(|(&name, &node)| (name, node)).collect();
        for (name, node) in own {
            let Some(cores) = self.nodes.get_mut(&node) else {
                continue;
            };
            let Some(task) = cores
                .tasks
                .get(&name)
                .copied()
                .filter(|task| !task.is_endless)
            else {
                continue;
            };
            if let Some(left) = cores.network.end(now, name) {
                let left = change.scale(left);
                cores
                    .network
                    .begin_nano(now, name, task.claim.shape(), left);
            }
            self.look(now, node);
        }
    }

    /// The processes on a node.
    pub fn on(&self, node: NodeId) -> Vec<ProcessRef> {
        let tasks = self.nodes.get(&node).map(|cores| cores.tasks.values());
        tasks.into_iter().flatten().map(Task::process).collect()
    }

    /// The rate that a process gets at present, in thousandths of a core.
    pub fn got(&mut self, now: Instant, pod: PodId, container: u16) -> Option<i64> {
        let name = name_of(pod, container);
        let node = self.places.get(&name)?;
        let rate = self.nodes.get_mut(node)?.network.rate(now, name)?;
        i64::try_from(rate / 1_000_000_000).ok()
    }

    /// Takes out the nodes whose processes may get other rates than before.
    pub fn take_changed(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.changed)
    }

    /// The rate that each pod on some nodes gets, all its processes together, in thousandths of a core.
    pub fn rates_on(&self, nodes: &[NodeId]) -> SortedMap<PodId, i64> {
        let mut rates = SortedMap::new();
        for cores in nodes.iter().filter_map(|node| self.nodes.get(node)) {
            for (&name, task) in &cores.tasks {
                let rate = cores.network.rate_before(name).unwrap_or_default();
                let milli = i64::try_from(rate / 1_000_000_000).unwrap_or(i64::MAX);
                let pod: &mut i64 = rates.entry(task.pod.id).or_default();
                *pod = pod.saturating_add(milli);
            }
        }
        rates
    }

    /// Instant at which the next process ends.
    pub fn due(&self) -> Option<Instant> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Takes out the processes that have ended by now, node by node in their order.
    pub fn ended(&mut self, now: Instant) -> Vec<ProcessRef> {
        let mut ended = Vec::new();
        while let Some(&(at, node)) = self.due.first()
            && at <= now
        {
            if let Some(cores) = self.nodes.get_mut(&node) {
                for name in cores.network.ended(now) {
                    self.places.remove(&name);
                    let task = cores.tasks.remove(&name);
                    ended.extend(task.as_ref().map(Task::process));
                }
            }
            self.look(now, node);
        }
        ended
    }

    /// A node is not as it was: when its next process ends.
    fn look(&mut self, now: Instant, node: NodeId) {
        if self.changed.last() != Some(&node) {
            self.changed.push(node);
        }
        let Some(cores) = self.nodes.get_mut(&node) else {
            return;
        };
        let next = cores.network.next_end(now);
        // One that runs until it is stopped would end beyond all time.
        let next = next.filter(|&at| at < Instant::MAX);
        if let Some(before) = std::mem::replace(&mut cores.due, next) {
            self.due.remove(&(before, node));
        }
        self.due.extend(next.map(|at| (at, node)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use units::PodSlot;

    const NODE: NodeId = NodeId(0);

    fn pod(number: u32) -> PodRef {
        PodRef {
            id: PodId(number),
            slot: PodSlot(number),
        }
    }

    fn process(number: u32) -> ProcessRef {
        ProcessRef {
            pod: pod(number),
            container: 0,
        }
    }

    fn cores_of(capacity_milli: i64) -> CorePlace {
        CorePlace {
            node: NODE,
            capacity_milli,
        }
    }

    fn claim(weight: i64, demand_milli: i64, limit_milli: Option<i64>) -> Claim {
        Claim {
            weight,
            demand_milli,
            limit_milli,
        }
    }

    /// Runs to the end: when each pod ended, in nanoseconds.
    fn ends(cores: &mut Cores, mut now: Instant) -> SortedMap<u32, i64> {
        let mut ends = SortedMap::new();
        while let Some(at) = cores.due() {
            now = at.max(now);
            for ProcessRef { pod, .. } in cores.ended(now) {
                ends.insert(pod.id.0, now.as_nanos());
            }
        }
        ends
    }

    #[test]
    fn a_thousand_jobs_of_a_second_on_one_core_end_at_a_thousand_seconds() {
        let mut cores = Cores::default();
        for number in 0..1_000 {
            let claim = claim(cpu_weight(cpu_shares(0)), 1_000, None);
            let second = Some(Duration::from_secs(1));
            cores.begin(
                Instant::ZERO,
                cores_of(1_000),
                process(number),
                claim,
                second,
            );
        }
        let ends = ends(&mut cores, Instant::ZERO);
        assert_eq!(ends.len(), 1_000);
        let exact = 1_000_000_000_000;
        assert!(
            ends.values().all(|&at| at == exact),
            "{:?}",
            ends.first_key_value()
        );
    }

    #[test]
    fn shares_become_weights() {
        let weights = [2, 512, 1024, 2048, 262_144].map(cpu_weight);
        assert_eq!(weights, [1, 20, 39, 79, 10_000]);
        assert_eq!([0, 1, 100, 1_000].map(cpu_shares), [2, 2, 102, 1024]);
    }

    #[test]
    fn limits_hold_and_what_is_left_is_used() {
        let mut cores = Cores::default();
        let begin = |cores: &mut Cores, number, claim| {
            cores.begin(Instant::ZERO, cores_of(8_000), process(number), claim, None);
        };
        begin(&mut cores, 1, claim(1024, 8_000, None));
        begin(&mut cores, 2, claim(2048, 2_000, None));
        begin(&mut cores, 3, claim(512, 4_000, None));
        let got = |cores: &mut Cores| [1, 2, 3].map(|n| cores.got(Instant::ZERO, PodId(n), 0));
        assert_eq!(got(&mut cores), [Some(4_000), Some(2_000), Some(2_000)]);
        begin(&mut cores, 1, claim(1024, 8_000, Some(1_000)));
        assert_eq!(got(&mut cores), [Some(1_000), Some(2_000), Some(4_000)]);
        assert_eq!(cores.due(), None);
    }

    #[test]
    fn a_run_that_wants_more_later_still_takes_its_time() {
        let mut cores = Cores::default();
        let ten = Some(Duration::from_secs(10));
        cores.begin(
            Instant::ZERO,
            cores_of(1_000),
            process(1),
            claim(10, 500, None),
            ten,
        );
        cores.wants(Instant::from_secs(4), PodId(1), 0, 1_000);
        assert_eq!(cores.due(), Some(Instant::from_secs(10)));
        // Wanting twice what there is takes twice as long.
        cores.wants(Instant::from_secs(6), PodId(1), 0, 2_000);
        assert_eq!(cores.due(), Some(Instant::from_secs(14)));
        cores.set_capacity(Instant::from_secs(8), NODE, 2_000);
        assert_eq!(cores.due(), Some(Instant::from_secs(11)));
    }

    proptest! {
        /// Sum of all shares: the capacity, or the sum of the wants if that is less.
        #[test]
        fn cores_are_used_as_long_as_anybody_wants_them(
            capacity in 100_i64..20_000,
            tasks in prop::collection::vec((1_i64..10_000, 1_i64..8_000, prop::option::of(1_i64..4_000)), 1..20),
        ) {
            let mut cores = Cores::default();
            let mut wanted = 0;
            for (number, &(weight, demand, limit)) in (0..).zip(&tasks) {
                let claim = claim(weight, demand, limit);
                cores.begin(Instant::ZERO, cores_of(capacity), process(number), claim, None);
                wanted += demand.min(limit.unwrap_or(demand));
            }
            let numbers = 0..tasks.len() as u32;
            let got: i64 = numbers.filter_map(|n| cores.got(Instant::ZERO, PodId(n), 0)).sum();
            let exact = capacity.min(wanted);
            prop_assert!(got <= exact && got >= exact - tasks.len() as i64, "{got} of {exact}");
        }

        /// However processes come, those that share a node get all its work done by the instant at
        /// which one after the other would have.
        #[test]
        fn no_work_is_lost(runs in prop::collection::vec(1_i64..100, 1..15)) {
            let mut cores = Cores::default();
            for (number, &run) in (0..).zip(&runs) {
                let span = Some(Duration::from_secs(run));
                cores.begin(Instant::ZERO, cores_of(1_000), process(number), claim(39, 1_000, None), span);
            }
            let ends = ends(&mut cores, Instant::ZERO);
            let last = ends.values().max().copied().unwrap_or_default();
            let exact = runs.iter().sum::<i64>() * 1_000_000_000;
            prop_assert!((last - exact).abs() <= runs.len() as i64, "{last} against {exact}");
        }
    }
}

//! Trees of queues under the batch planner: no queue uses more than it may, what a queue is guaranteed
//! it gets, whoever borrowed it, and no job is lost or run twice. Random jobs on one node.

use std::sync::Arc;

use proptest::prelude::*;
use windtunnel::cluster::Store;
use windtunnel::control::admission::{Creation, admit};
use windtunnel::control::{Component, Outbox, Progress};
use windtunnel::model::{
    EndReason, Event, Node, PodCreated, PodName, PodPhase, PodRef, PodSpec, ResourceList,
};
use windtunnel::policy::backfill::{RuleKind, RuleOptions, backfill};
use windtunnel::policy::job_order::queues::{QueueOptions, processors};
use windtunnel::policy::job_order::{OrderOptions, job_order};
use windtunnel::scheduler::batch::PassPlanner;
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::units::{Duration, GangId, Instant, Quantity, SortedMap, SortedSet, TenantId};

/// Processors of the node.
const PROCESSORS: i64 = 24;

/// Departments of two tenants each, with guarantee and capability of each tenant.
type Departments = Vec<([(i64, i64); 2], i64)>;

struct Bench {
    store: Store,
    now: Instant,
    planner: Box<dyn Component>,
    queues: Vec<QueueOptions>,
    /// Whether all that is guaranteed is to be had.
    is_owed: bool,
    submitted: u64,
    completed: SortedSet<u64>,
}

/// A queue of a tenant, or of queues.
fn queue(tenant: Option<u32>, parent: Option<usize>, bounds: (i64, i64)) -> QueueOptions {
    QueueOptions {
        tenant: tenant.map(TenantId),
        parent,
        guaranteed: processors(Some(bounds.0)),
        capability: processors(Some(bounds.0 + bounds.1)),
        ..QueueOptions::of(TenantId(0))
    }
}

fn tree(departments: &Departments) -> Vec<QueueOptions> {
    let mut queues = Vec::new();
    let mut tenant = 0;
    for (tenants, more) in departments {
        let parent = queues.len();
        let guaranteed = tenants.iter().map(|own| own.0).sum();
        queues.push(queue(None, None, (guaranteed, *more)));
        for &bounds in tenants {
            queues.push(queue(Some(tenant), Some(parent), bounds));
            tenant += 1;
        }
    }
    queues
}

impl Bench {
    fn new(order: &str, rule_name: &str, queues: Vec<QueueOptions>) -> Self {
        let options = OrderOptions {
            queues: queues.clone(),
            reclaims: true,
            ..OrderOptions::default()
        };
        let planner_order = (job_order(order).expect("an order").build)(&options);
        let RuleKind::Passes(rule) = backfill(rule_name).expect("a rule").rule else {
            panic!("a rule of passes");
        };
        let rule = rule(Form::Incremental, &RuleOptions::default());
        let mut bench = Self {
            store: Store::new(),
            now: Instant::ZERO,
            planner: Box::new(PassPlanner::new(planner_order, rule)),
            queues,
            is_owed: order == "yunikorn" && rule_name == "skip",
            submitted: 0,
            completed: SortedSet::new(),
        };
        let amounts = [("cpu", PROCESSORS), ("pods", 1_000)];
        let node = Arc::new(Node {
            name: "node".into(),
            allocatable: ResourceList::from_pairs(
                amounts.map(|(name, amount)| (name, Quantity::from_units(amount))),
            ),
            ..Node::default()
        });
        let event = bench.store.node_added(node);
        bench.apply(event);
        bench
    }

    fn apply(&mut self, event: Event) {
        let applied = self.store.apply(self.now, event);
        applied.expect("the store takes the change");
    }

    fn submit(&mut self, tenant: u32, members: u32, cores: i64) {
        let cores = ResourceList::from_pairs([("cpu", Quantity::from_units(cores))]);
        let object = Arc::new(PodSpec::with_requests(cores));
        if let Some(event) = self.store.class_added(&object) {
            self.apply(event);
        }
        let class = self.store.class_of(&object).expect("added above");
        let number = self.submitted;
        self.submitted += 1;
        for member in 0..members {
            let pod = self.store.pods().next();
            self.apply(Event::PodCreated(PodCreated {
                pod,
                class,
                name: PodName::Member(number, member),
                tenant: TenantId(tenant),
                gang: (members > 1).then_some(GangId(number as u32)),
                time_limit: Some(Duration::from_secs(60)),
                estimate: None,
                found: None,
                owner: None,
            }));
        }
    }

    /// The planner decides until it has nothing more to do.
    fn settle(&mut self) {
        loop {
            let mut out = Outbox::default();
            let progress = self.planner.step(self.now, &self.store, &mut out);
            let is_quiet = out.writes.is_empty() && out.creations.is_empty();
            for write in out.writes {
                self.apply(write.event);
            }
            for creation in out.creations {
                self.replace(&creation);
            }
            if progress == Progress::Idle && is_quiet {
                break;
            }
        }
        self.check();
    }

    /// A job ends so that another one has room: its tenant borrows.
    fn replace(&mut self, creation: &Creation) {
        let Creation::Replacement { pod, .. } = creation else {
            panic!("the planner creates nothing else");
        };
        assert!(self.store.pods().get(*pod).is_some(), "a pod that is there");
        for event in admit(&self.store, creation).expect("an end with its successor") {
            self.apply(event);
        }
    }

    /// Processors that tenants use; with the processors of each waiting job, by tenant and number.
    fn jobs(&self) -> (SortedMap<u32, i64>, SortedMap<u32, SortedMap<u64, i64>>) {
        let mut used: SortedMap<u32, i64> = SortedMap::new();
        let mut waiting: SortedMap<u32, SortedMap<u64, i64>> = SortedMap::new();
        for pod in self.store.pods().iter() {
            let cores = self.store.class(pod.class).requests.cpu_milli / 1_000;
            let PodName::Member(number, _) = pod.name else {
                panic!("members of jobs");
            };
            if pod.node().is_some() {
                *used.entry(pod.tenant.0).or_default() += cores;
            } else {
                let jobs = waiting.entry(pod.tenant.0).or_default();
                *jobs.entry(number).or_default() += cores;
            }
        }
        (used, waiting)
    }

    fn check(&self) {
        let (used, waiting) = self.jobs();
        let of = |tenant: &u32| used.get(tenant).copied().unwrap_or(0);
        let tenants = |place: usize| {
            let below = self.queues.iter().enumerate().filter(move |&(own, queue)| {
                queue.tenant.is_some() && (own == place || queue.parent == Some(place))
            });
            below.filter_map(|(_, queue)| queue.tenant).map(|own| own.0)
        };
        let uses = |place: usize| tenants(place).map(|own| of(&own)).sum::<i64>();
        for (place, queue) in self.queues.iter().enumerate() {
            let most = queue.capability[0].unwrap_or(i64::MAX);
            assert!(uses(place) <= most, "queue {place} uses {}", uses(place));
        }
        for (place, queue) in self.queues.iter().enumerate().filter(|_| self.is_owed) {
            let jobs = queue.tenant.and_then(|tenant| waiting.get(&tenant.0));
            let guaranteed = queue.guaranteed[0].unwrap_or(0);
            // If the widest job is within the guarantee, so is the head of the queue.
            if let Some(&widest) = jobs.and_then(|jobs| jobs.values().max()) {
                let after = uses(place) + widest;
                assert!(after > guaranteed, "queue {place} is owed {widest}");
            }
        }
        let living = self.store.pods().iter().map(|pod| &pod.name);
        let names: SortedSet<String> = living.map(ToString::to_string).collect();
        assert_eq!(names.len(), self.store.pods().iter().count(), "a pod twice");
    }

    /// A running job ends; `false` if none runs.
    fn end(&mut self, which: usize) -> bool {
        let mut running: SortedMap<u64, Vec<PodRef>> = SortedMap::new();
        for pod in self.store.pods().iter() {
            if let PodName::Member(number, _) = pod.name
                && pod.phase == PodPhase::Bound
            {
                running.entry(number).or_default().push(pod.pod);
            }
        }
        let Some((&number, pods)) = running.iter().nth(which % running.len().max(1)) else {
            return false;
        };
        for &pod in pods {
            let reason = EndReason::Completed;
            self.apply(Event::PodEnded { pod, reason });
        }
        assert!(self.completed.insert(number), "a job completes once");
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 192, ..ProptestConfig::default() })]
    #[test]
    fn queues_keep_to_their_bounds_and_get_what_they_are_guaranteed(
        order in prop::sample::select(vec!["volcano", "yunikorn"]),
        rule in prop::sample::select(vec!["skip", "easy", "conservative", "strict"]),
        // Four guarantees of at most 6 are no more than the node has.
        departments in prop::collection::vec(
            ([(0..7_i64, 0..12_i64), (0..7_i64, 0..12_i64)], 0..12_i64), 2),
        is_narrow in any::<bool>(),
        steps in prop::collection::vec(
            ((0..4_u32, 1..4_u32, 1..4_i64), prop::option::of(0..8_usize)), 1..60),
    ) {
        let mut bench = Bench::new(order, rule, tree(&departments));
        // Wide jobs that end would leave their queues less than they are guaranteed.
        bench.is_owed &= is_narrow;
        for ((tenant, members, cores), ends) in steps {
            let (members, cores) = if is_narrow { (1, 1) } else { (members, cores) };
            bench.now = bench.now.saturating_add(Duration::from_secs(1));
            bench.submit(tenant, members, cores);
            bench.settle();
            if let Some(which) = ends {
                bench.end(which);
                bench.settle();
            }
        }
        while bench.end(0) {
            bench.now = bench.now.saturating_add(Duration::from_secs(1));
            bench.settle();
        }
        // What still waits is wider than its queues may ever use.
        let (_, waiting) = bench.jobs();
        let waits: u64 = waiting.values().map(|jobs| jobs.len() as u64).sum();
        prop_assert_eq!(bench.completed.len() as u64 + waits, bench.submitted);
        for (place, queue) in bench.queues.iter().enumerate() {
            let above = queue.parent.map_or(i64::MAX, |own| bench.queues[own].capability[0].unwrap_or(i64::MAX));
            let most = queue.capability[0].unwrap_or(i64::MAX).min(above);
            let jobs = queue.tenant.and_then(|tenant| waiting.get(&tenant.0));
            for &wide in jobs.into_iter().flat_map(SortedMap::values) {
                prop_assert!(wide > most, "queue {} waits for {}", place, wide);
            }
        }
    }
}

//! The planner on small clusters, one change at a time.

mod mixed_jobs;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;

use super::*;
use cluster::check::conservation;
use model::resource_list::{CPU, PODS};
use model::{EndReason, Node, Pod, PodCreated, PodName, PodPhase, PodSpec, ResourceList};
use units::{ClassId, Duration, GangId, NodeId, Quantity, TenantId};

/// First come, first served.
#[derive(Clone, Copy)]
struct SubmitOrder;

impl JobOrder for SubmitOrder {
    fn name(&self) -> &'static str {
        "submitted"
    }

    fn score(&self, job: &JobFacts, _now: Instant) -> Score {
        Score::whole(job.submitted.as_nanos())
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(*self)
    }
}

/// Lets jobs pass that end before the chosen one's earliest start.
#[derive(Clone, Copy)]
struct BeforeEstimate(Option<Instant>);

impl Backfill for BeforeEstimate {
    fn name(&self) -> &'static str {
        "before"
    }

    fn is_active(&self) -> bool {
        self.0.is_some()
    }

    fn blocked(&mut self, outlook: &BackfillContext<'_>) {
        self.0 = Some(outlook.earliest_start());
    }

    fn admits(&self, now: Instant, job: &JobFacts) -> bool {
        self.0
            .is_some_and(|start| now.saturating_add(job.requested) < start)
    }

    fn clone_backfill(&self) -> Box<dyn Backfill> {
        Box::new(*self)
    }
}

const NONE: BeforeEstimate = BeforeEstimate(None);
const ACTIVE: BeforeEstimate = BeforeEstimate(Some(Instant::ZERO));

/// A store with a planner.
struct World {
    store: Store,
    planner: BatchPlanner,
    now: Instant,
    gangs: u32,
    /// The wake-up asked for last.
    wake: Option<Instant>,
    /// Number of pods that each step bound, where it bound any.
    bound: Vec<usize>,
}

impl World {
    fn new(cores: &[i64], backfill: BeforeEstimate) -> Self {
        let mut world = Self {
            store: Store::new(),
            planner: BatchPlanner::new(Box::new(SubmitOrder), Box::new(backfill)),
            now: Instant::ZERO,
            gangs: 0,
            wake: None,
            bound: Vec::new(),
        };
        for &cores in cores {
            world.add_node(cores);
        }
        world
    }

    fn apply(&mut self, event: Event) {
        self.store
            .apply(self.now, event)
            .expect("a change that is allowed");
    }

    fn add_node(&mut self, cores: i64) {
        let node = Node {
            name: format!("node-{}", self.store.nodes().len()).into(),
            allocatable: ResourceList::from_pairs([
                (CPU, Quantity::from_units(cores)),
                (PODS, Quantity::from_units(100)),
            ]),
            ..Node::default()
        };
        let event = self.store.node_added(Arc::new(node));
        self.apply(event);
    }

    fn class(&mut self, cores: i64) -> ClassId {
        let requests = ResourceList::from_pairs([(CPU, Quantity::from_units(cores))]);
        let object = Arc::new(PodSpec::with_requests(requests));
        if let Some(event) = self.store.class_added(&object) {
            self.apply(event);
        }
        self.store.class_of(&object).expect("added above")
    }

    /// Submits a job of equal members: their number, the cores of each, and the run time in seconds.
    fn submit(&mut self, members: u32, cores: i64, seconds: i64) -> Vec<PodRef> {
        self.submit_unlike(&vec![cores; members as usize], seconds)
    }

    /// Submits a job with a member of each of these cores.
    fn submit_unlike(&mut self, cores: &[i64], seconds: i64) -> Vec<PodRef> {
        self.gangs += 1;
        let mut pods = Vec::new();
        for (member, &own) in (0..).zip(cores) {
            let class = self.class(own);
            let pod = self.store.pods().next();
            self.apply(Event::PodCreated(PodCreated {
                pod,
                class,
                name: PodName::Member(u64::from(self.gangs), member),
                tenant: TenantId(0),
                gang: (cores.len() > 1).then_some(GangId(self.gangs)),
                time_limit: Some(Duration::from_secs(seconds)),
                estimate: None,
                found: None,
                owner: None,
            }));
            pods.push(pod);
        }
        pods
    }

    fn end(&mut self, pods: &[PodRef]) {
        for &pod in pods {
            self.apply(Event::PodEnded {
                pod,
                reason: EndReason::Completed,
            });
        }
    }

    /// Steps the planner until it is idle; refused writes are reported.
    fn settle(&mut self) {
        let mut out = Outbox::default();
        loop {
            out.clear();
            let progress = self.planner.step(self.now, &self.store, &mut out);
            self.wake = out.wake;
            let is_binding = |write: &&Write| matches!(write.event, Event::PodBound { .. });
            let bound = out.writes.iter().filter(is_binding).count();
            self.bound.extend((bound > 0).then_some(bound));
            for write in &out.writes {
                if let Err(conflict) = self.store.apply(self.now, write.event.clone()) {
                    self.planner.refused(write, &conflict);
                }
            }
            if progress == Progress::Idle && out.writes.is_empty() {
                break;
            }
        }
        conservation(&self.store).expect("the store agrees with itself");
    }

    /// Nodes of pods; -1 where one waits.
    fn nodes(&self, pods: &[PodRef]) -> Vec<i64> {
        let node = |&pod| self.store.pods().get(pod).and_then(Pod::node);
        pods.iter()
            .map(|pod| node(pod).map_or(-1, |node| i64::from(node.0)))
            .collect()
    }
}

#[test]
fn a_job_starts_as_a_whole_on_the_lowest_nodes() {
    let mut world = World::new(&[2, 1, 2], NONE);
    let first = world.submit(3, 1, 10);
    let second = world.submit(3, 1, 10);
    world.settle();
    assert_eq!(world.nodes(&first), [0, 0, 1]);
    assert_eq!(world.nodes(&second), [-1, -1, -1]);
    assert_eq!(world.planner.backlog(), 3);
    world.end(&first);
    world.settle();
    assert_eq!(world.nodes(&second), [0, 0, 1]);
    assert_eq!(world.bound, [3, 3]);
    assert_eq!(world.planner.backlog(), 0);
}

#[test]
fn the_chosen_job_stays_chosen_and_others_pass_only_by_the_rule() {
    for (backfill, passes) in [(NONE, false), (ACTIVE, true)] {
        let mut world = World::new(&[3], backfill);
        world.submit(2, 1, 10);
        let chosen = world.submit(3, 1, 10);
        let too_long = world.submit(1, 1, 10);
        let short = world.submit(1, 1, 9);
        world.settle();
        assert_eq!(world.nodes(&chosen), [-1, -1, -1]);
        assert_eq!(
            world.nodes(&too_long),
            [-1],
            "it would end at the chosen one's start"
        );
        assert_eq!(world.nodes(&short) == [0], passes);
    }
}

#[test]
fn expected_ends_of_other_classes_count_by_what_they_free() {
    // The chosen job needs a node of 4 cores; they are free once both running ones have ended.
    let mut world = World::new(&[4], ACTIVE);
    world.submit(1, 1, 100);
    world.submit(1, 2, 50);
    world.submit(1, 4, 10);
    let short = world.submit(1, 1, 60);
    let long = world.submit(1, 1, 100);
    world.settle();
    assert_eq!(
        (world.nodes(&short), world.nodes(&long)),
        (vec![0], vec![-1])
    );
}

#[test]
fn what_ends_on_a_cordoned_node_frees_nothing() {
    let mut world = World::new(&[3, 3], ACTIVE);
    world.submit(1, 3, 10);
    world.submit(1, 2, 100);
    world.settle();
    let node = NodeId(0);
    let object = world.store.nodes().object(node).expect("a node");
    let object = Node {
        unschedulable: true,
        ..Node::clone(object)
    };
    let object = Arc::new(object);
    world.apply(Event::NodeUpdated { node, object });
    // The chosen job starts on the other node at 100 s, so one that ends by then may pass.
    let chosen = world.submit(1, 2, 10);
    let short = world.submit(1, 1, 50);
    let long = world.submit(1, 1, 100);
    world.settle();
    let places = [chosen, short, long].map(|pods| world.nodes(&pods)[0]);
    assert_eq!(places, [-1, 1, -1]);
}

#[test]
fn a_job_too_large_for_the_cluster_waits_aside_until_nodes_come() {
    let mut world = World::new(&[2], NONE);
    let large = world.submit(2, 2, 10);
    let small = world.submit(1, 1, 10);
    world.settle();
    assert_eq!(
        (world.nodes(&large), world.nodes(&small)),
        (vec![-1, -1], vec![0])
    );
    world.end(&small);
    world.add_node(2);
    world.settle();
    assert_eq!(world.nodes(&large), [0, 1]);
}

#[test]
fn the_end_of_a_gang_is_one_event() {
    let mut world = World::new(&[2], NONE);
    let gang = world.submit(2, 1, 10);
    let next = world.submit(1, 1, 10);
    world.settle();
    world.now = Instant::from_secs(5);
    world.end(&gang[..1]);
    world.settle();
    assert_eq!(
        world.nodes(&next),
        [-1],
        "the other member may end at this instant, too"
    );
    world.settle();
    assert_eq!(
        world.nodes(&next),
        [0],
        "woken after everything of the instant"
    );
}

#[test]
fn a_refused_member_and_a_cancelled_job_leave_no_trace() {
    let mut world = World::new(&[1], NONE);
    let refused = world.submit(1, 1, 10);
    let next = world.submit(1, 1, 10);
    let cancelled = world.submit(1, 1, 10);
    let last = world.submit(1, 1, 10);
    let mut out = Outbox::default();
    world.planner.step(world.now, &world.store, &mut out);
    world.planner.refused(&out.writes[0], &Conflict::Refused);
    assert_eq!(world.planner.backlog(), 4);
    // A job that the API refused is tried again after a second, and none passes it meanwhile.
    world.settle();
    assert_eq!(world.nodes(&next), [-1]);
    assert_eq!(world.wake, Some(Instant::from_secs(1)));
    world.now = Instant::from_secs(1);
    world.settle();
    assert_eq!(world.nodes(&refused), [0]);
    world.end(&cancelled);
    world.end(&refused);
    world.settle();
    assert_eq!(world.nodes(&next), [0]);
    world.end(&next);
    world.settle();
    assert_eq!(world.nodes(&last), [0]);
}

/// An order that adds up the processors of jobs that hold nodes.
#[derive(Clone)]
struct CountingOrder(Arc<AtomicI64>);

impl JobOrder for CountingOrder {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn score(&self, job: &JobFacts, _: Instant) -> Score {
        Score::whole(job.submitted.as_nanos())
    }

    fn started(&mut self, _: Instant, job: &JobFacts) {
        self.0.fetch_add(job.processors, Ordering::Relaxed);
    }

    fn ended(&mut self, _: Instant, job: &JobFacts) {
        self.0.fetch_sub(job.processors, Ordering::Relaxed);
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(self.clone())
    }
}

/// Starts the head while it fits.
#[derive(Clone)]
struct Head;

impl PassRule for Head {
    fn name(&self) -> &'static str {
        "head"
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let head = pass.first()?;
        pass.start(&head)
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(self.clone())
    }
}

#[test]
fn what_a_refused_start_was_accounted_for_is_given_back() {
    let mut world = World::new(&[2], NONE);
    let pods = world.submit(2, 1, 10);
    let used = Arc::new(AtomicI64::new(0));
    let order = Box::new(CountingOrder(used.clone()));
    let mut planner = PassPlanner::new(order, Box::new(Head));
    let now = || used.load(Ordering::Relaxed);
    let mut step = |world: &mut World, refuses: usize| {
        // A driver comes back at once after a refusal.
        for refuses in [refuses, 0] {
            let mut out = Outbox::default();
            planner.step(world.now, &world.store, &mut out);
            let is_binding = |write: &&Write| matches!(write.event, Event::PodBound { .. });
            for (place, write) in out.writes.iter().filter(is_binding).enumerate() {
                if place < refuses {
                    planner.refused(write, &Conflict::Refused);
                } else {
                    world.apply(write.event.clone());
                }
            }
        }
    };
    step(&mut world, 2);
    assert_eq!(now(), 0);
    world.now = Instant::from_secs(1);
    step(&mut world, 1);
    // One member holds its place, the other one is placed after it: one job all along.
    assert_eq!(now(), 2);
    world.now = Instant::from_secs(2);
    step(&mut world, 0);
    assert_eq!((now(), world.nodes(&pods)), (2, vec![0, 0]));
    // A member that ends before the other takes its part with it.
    world.end(&pods[..1]);
    step(&mut world, 0);
    assert_eq!(now(), 1);
    world.end(&pods[1..]);
    step(&mut world, 0);
    assert_eq!(now(), 0);
}

#[test]
fn a_copy_decides_alike() {
    let mut world = World::new(&[2, 2], ACTIVE);
    let first = world.submit(3, 1, 10);
    world.submit(4, 1, 10);
    world.settle();
    world.end(&first);
    let mut copy = world.planner.clone_component();
    let (mut ours, mut theirs) = (Outbox::default(), Outbox::default());
    world.planner.step(world.now, &world.store, &mut ours);
    copy.step(world.now, &world.store, &mut theirs);
    let events = |out: &Outbox| out.writes.iter().map(|write| write.event.clone()).collect();
    let (ours, theirs): (Vec<Event>, Vec<Event>) = (events(&ours), events(&theirs));
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    #[test]
    fn jobs_start_whole_and_all_of_them_that_can(
        cores in prop::collection::vec(1_i64..5, 1..6),
        jobs in prop::collection::vec((1_u32..6, 1_i64..4, 1_i64..50, any::<bool>()), 1..40),
        active in any::<bool>(),
    ) {
        let mut world = World::new(&cores, if active { ACTIVE } else { NONE });
        let mut waiting: Vec<Vec<PodRef>> = Vec::new();
        for (second, (members, cores_each, seconds, ends)) in jobs.into_iter().enumerate() {
            world.now = Instant::from_secs(second as i64);
            let fits: i64 = cores.iter().map(|cores| cores / cores_each).sum();
            let pods = world.submit(members, cores_each, seconds);
            if fits >= i64::from(members) {
                waiting.push(pods);
            }
            world.settle();
            for job in &waiting {
                let nodes = world.nodes(job);
                prop_assert!(nodes.iter().all(|&node| node < 0) || nodes.iter().all(|&node| node >= 0));
            }
            let runs = |job: &Vec<PodRef>, world: &World| world.nodes(job)[0] >= 0;
            if ends && let Some(first) = waiting.iter().position(|job| runs(job, &world)) {
                let job = waiting.remove(first);
                world.end(&job);
                world.settle();
            }
        }
        while let Some(first) = waiting.iter().position(|job| world.nodes(job)[0] >= 0) {
            world.now = world.now.saturating_add(Duration::from_secs(1));
            let job = waiting.remove(first);
            world.end(&job);
            world.settle();
        }
        prop_assert!(waiting.is_empty(), "{} jobs never start", waiting.len());
        let pending = |pod: &Pod| pod.phase == PodPhase::Pending;
        prop_assert_eq!(world.store.pods().iter().filter(|pod| pending(pod)).count(), world.planner.backlog());
    }
}

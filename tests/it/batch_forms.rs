//! The batch planners decide the same whether or not a backfilling rule says which waiting jobs it
//! need not be asked about, and in both forms of rules that plan once an instant, for every order and
//! rule: random jobs on a small cluster, some of unlike members. All members of a job start at once.

use std::sync::Arc;

use proptest::prelude::*;
use windtunnel::cluster::Store;
use windtunnel::control::{Component, Outbox, Progress};
use windtunnel::model::{
    EndReason, Event, Node, PodCreated, PodName, PodPhase, PodRef, PodSpec, ResourceList,
};
use windtunnel::policy::backfill::{BACKFILLS, BackfillEntry, RuleKind, RuleOptions};
use windtunnel::policy::job_order::{JOB_ORDERS, JobOrderEntry, OrderOptions};
use windtunnel::scheduler::BatchPlanner;
use windtunnel::scheduler::batch::{Backfill, BackfillContext, JobFacts, PassPlanner};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::units::{ClassId, Duration, GangId, Instant, Quantity, TenantId};

/// A rule that is asked about every job.
#[derive(Clone)]
struct Asked(Box<dyn Backfill>);

impl Backfill for Asked {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn blocked(&mut self, outlook: &BackfillContext<'_>) {
        self.0.blocked(outlook);
    }

    fn admits(&self, now: Instant, job: &JobFacts) -> bool {
        self.0.admits(now, job)
    }

    fn clone_backfill(&self) -> Box<dyn Backfill> {
        Box::new(self.clone())
    }
}

/// A job by small numbers: members, cores of each and what every second one asks for beyond that, seconds requested,
/// where 0 asks for no time.
type Draw = (u32, [i64; 2], i64);

struct Bench {
    /// Order and rule, for messages.
    name: String,
    store: Store,
    now: Instant,
    plain: Box<dyn Component>,
    fast: Box<dyn Component>,
}

impl Bench {
    /// An empty cluster under two forms of a rule; `None` for an order that the rule's planner does
    /// not serve, and for a rule of one form.
    fn new(entry: &JobOrderEntry, rule: &BackfillEntry) -> Option<Self> {
        let order = || (entry.build)(&OrderOptions::default());
        let events = |rule| -> Box<dyn Component> { Box::new(BatchPlanner::new(order(), rule)) };
        let passes = |rule| -> Box<dyn Component> { Box::new(PassPlanner::new(order(), rule)) };
        let (plain, fast) = match rule.rule {
            // A rule that switches hosts has one form.
            RuleKind::Switches(_) => return None,
            RuleKind::Events(_) if order().needs_passes() => return None,
            RuleKind::Events(build) => (events(Box::new(Asked(build()))), events(build())),
            RuleKind::Passes(build) => {
                let build = |form| passes(build(form, &RuleOptions::default()));
                (build(Form::Plain), build(Form::Incremental))
            }
        };
        Some(Self {
            name: format!("order {}, rule {}", entry.name, rule.name),
            store: Store::new(),
            now: Instant::ZERO,
            plain,
            fast,
        })
    }

    fn apply(&mut self, event: Event) {
        let applied = self.store.apply(self.now, event);
        applied.expect("the store takes the change");
    }

    fn class(&mut self, cores: i64) -> ClassId {
        let cores = ResourceList::from_pairs([("cpu", Quantity::from_units(cores))]);
        let object = Arc::new(PodSpec::with_requests(cores));
        if let Some(event) = self.store.class_added(&object) {
            self.apply(event);
        }
        self.store.class_of(&object).expect("added above")
    }

    fn submit(&mut self, job: u32, (members, [cores, more], seconds): Draw) -> Vec<PodRef> {
        let mut pods = Vec::new();
        for member in 0..members {
            let class = self.class(cores + more * i64::from(member % 2));
            let pod = self.store.pods().next();
            self.apply(Event::PodCreated(PodCreated {
                pod,
                class,
                name: PodName::Member(u64::from(job), member),
                tenant: TenantId(0),
                gang: (members > 1).then_some(GangId(job)),
                time_limit: (seconds > 0).then_some(Duration::from_secs(seconds)),
                estimate: None,
                found: None,
                owner: None,
            }));
            pods.push(pod);
        }
        pods
    }

    /// Both decide until they have nothing more to do.
    fn settle(&mut self) {
        loop {
            let (mut ours, mut theirs) = (Outbox::default(), Outbox::default());
            let progress = self.plain.step(self.now, &self.store, &mut ours);
            let fast = self.fast.step(self.now, &self.store, &mut theirs);
            let events = |out: &Outbox| -> Vec<Event> {
                out.writes.iter().map(|write| write.event.clone()).collect()
            };
            let (plain, found) = ((progress, events(&ours)), (fast, events(&theirs)));
            assert_eq!(plain, found, "{} at {}", self.name, self.now);
            for event in events(&ours) {
                self.apply(event);
            }
            if progress == Progress::Idle && ours.writes.is_empty() {
                return;
            }
        }
    }

    /// Every job has places for all its members, or for none.
    fn check_whole(&self, living: &[Vec<PodRef>]) {
        for pods in living {
            let records = pods.iter().filter_map(|&pod| self.store.pods().get(pod));
            let phases: Vec<PodPhase> = records.map(|record| record.phase).collect();
            let is_whole = phases.windows(2).all(|pair| pair[0] == pair[1]);
            assert!(is_whole, "{} at {}: {phases:?}", self.name, self.now);
        }
    }

    /// The first node goes down or comes up.
    fn toggle(&mut self) {
        let node = self
            .store
            .nodes()
            .ids()
            .next()
            .expect("a cluster has nodes");
        let ready = !self.store.nodes().schedulable()[node.index()];
        self.apply(Event::NodeReadiness { node, ready });
    }

    /// A job that runs ends.
    fn end(&mut self, pods: &[PodRef]) -> bool {
        let runs = |&pod: &PodRef| {
            let record = self.store.pods().get(pod);
            record.is_some_and(|record| record.phase == PodPhase::Bound)
        };
        if !pods.iter().all(runs) {
            return false;
        }
        for &pod in pods {
            let reason = EndReason::Completed;
            self.apply(Event::PodEnded { pod, reason });
        }
        true
    }
}

fn node(number: usize, cores: i64) -> Arc<Node> {
    let amounts = [("cpu", cores), ("pods", 100)];
    Arc::new(Node {
        name: format!("node-{number}").as_str().into(),
        allocatable: ResourceList::from_pairs(
            amounts.map(|(name, amount)| (name, Quantity::from_units(amount))),
        ),
        ..Node::default()
    })
}

proptest! {
    // Each case tries every order with every rule.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn rules_that_pass_jobs_over_decide_alike(
        cores in prop::collection::vec(1..5_i64, 1..5),
        equal in any::<bool>(),
        jobs in prop::collection::vec(
            (1..6_u32, (1..4_i64, 0..3_i64), 0..60_i64, (0..4_i64, 1..13_i64)), 1..90),
    ) {
        for (order, rule) in JOB_ORDERS.iter().flat_map(|order| {
            BACKFILLS.iter().map(move |rule| (order, rule))
        }) {
            let Some(mut bench) = Bench::new(order, rule) else {
                continue;
            };
            for (number, &cores) in cores.iter().enumerate() {
                let event = bench.store.node_added(node(number, cores));
                bench.apply(event);
            }
            let mut living: Vec<Vec<PodRef>> = Vec::new();
            for (number, &(members, (cores, more), seconds, (gap, ends))) in jobs.iter().enumerate() {
                bench.now = bench.now.saturating_add(Duration::from_secs(gap));
                // Jobs of one class let the planner take short cuts of its own.
                let cores = if equal { [1, 0] } else { [cores, more] };
                living.push(bench.submit(number as u32, (members, cores, seconds)));
                bench.settle();
                bench.check_whole(&living);
                if ends < 8 {
                    let ended = living.iter().position(|pods| bench.end(pods));
                    if let Some(ended) = ended {
                        living.remove(ended);
                    }
                    bench.settle();
                    bench.check_whole(&living);
                }
                if ends == 12 {
                    bench.toggle();
                    bench.settle();
                }
            }
        }
    }
}

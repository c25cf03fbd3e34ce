//! Jobs in queues: held back, resumed with their flavor, stopped for others, and taken over.

mod passing;
mod properties;
pub(super) mod sets;
mod stopping;

use std::sync::Arc;

use super::*;
use control::admission::admit;
use model::queueing::{
    Admission, ClusterQueue, Condition, FlavorQuotas, LocalQueue, PodSetAdmission,
    PreemptionPolicy, QueuePreemption, QueueQuota, ResourceFlavor, ResourceGroup,
};
use model::workload::Job;
use model::workload::job::{
    JobCondition, JobConditionKind, JobQueue, JobReason, JobStatus, QueueReference,
};
use model::{LabelSelector, Operator, PodSpec, Requirement, ResourceList, Toleration};
use units::{Duration, Quantity};

/// A cluster whose jobs are followed by the queues alone.
struct World {
    store: Store,
    queues: Queueing,
    now: Instant,
}

fn cluster_queue(name: &str, nominal: i64) -> ClusterQueue {
    ClusterQueue {
        name: name.into(),
        cohort: Some("all".into()),
        strategy: model::queueing::QueueingStrategy::default(),
        namespaces: Some(LabelSelector::default()),
        groups: vec![ResourceGroup {
            covered: vec!["cpu".into()],
            flavors: vec![FlavorQuotas {
                flavor: "spot".into(),
                resources: vec![QueueQuota {
                    resource: "cpu".into(),
                    nominal: Quantity::from_units(nominal),
                    ..QueueQuota::default()
                }],
            }],
        }],
        fungibility: model::queueing::FlavorFungibility::default(),
        preemption: QueuePreemption {
            reclaim: PreemptionPolicy::Any,
            ..QueuePreemption::default()
        },
        checks: Vec::new(),
        stop: StopPolicy::None,
        weight: Quantity::from_units(1),
    }
}

/// Two queues of 4 cores each that lend all they have, each with a namespace of its name.
pub(super) fn objects() -> ClusterObjects {
    let toleration = Toleration {
        key: Some("spot".into()),
        value: None,
        effect: None,
        tolerates_for: None,
    };
    let local = |name: &str| LocalQueue {
        namespace: name.into(),
        name: "jobs".into(),
        cluster_queue: name.into(),
        stop: StopPolicy::None,
    };
    let queueing = QueueingObjects {
        flavors: vec![ResourceFlavor {
            name: "spot".into(),
            node_labels: Labels::from([("kind".into(), "spot".into())]),
            tolerations: vec![toleration],
            ..ResourceFlavor::default()
        }],
        queues: vec![cluster_queue("one", 4), cluster_queue("two", 4)],
        local_queues: vec![local("one"), local("two")],
        priorities: [("high".into(), 100)].into(),
        ..QueueingObjects::default()
    };
    ClusterObjects {
        queueing,
        ..ClusterObjects::default()
    }
}

/// A job with some pods of one core.
pub(super) fn job(namespace: &str, name: &str, pods: i32) -> Job {
    let requests = ResourceList::from_pairs([("cpu", Quantity::from_units(1))]);
    Job {
        namespace: namespace.into(),
        name: name.into(),
        template: Arc::new(PodSpec::with_requests(requests)),
        parallelism: pods,
        completions: Some(pods),
        suspend: true,
        queue: QueueReference(Some(Arc::new(JobQueue {
            name: "jobs".into(),
            ..JobQueue::default()
        }))),
        ..Job::default()
    }
}

impl World {
    fn new(objects: &ClusterObjects) -> Self {
        let mut world = Self {
            store: Store::new(),
            queues: Queueing::new(objects, 0).expect("there are queues"),
            now: Instant::ZERO,
        };
        world.settle();
        world
    }

    fn apply(&mut self, event: Event) {
        self.store
            .apply(self.now, event)
            .expect("a change that can be made");
    }

    fn create(&mut self, object: Object) {
        let creation = Creation::Object {
            owner: None,
            object,
        };
        for event in admit(&self.store, &creation).expect("it is admitted") {
            self.apply(event);
        }
    }

    fn submit(&mut self, job: Job) {
        self.create(Object::Job(Arc::new(job)));
        self.settle();
    }

    /// Lets the queues act until they have nothing to do; the number of changes that they made.
    fn settle(&mut self) -> usize {
        let mut changes = 0;
        for _ in 0..1_000 {
            let mut out = Outbox::default();
            let progress = self.queues.step(self.now, &self.store, &mut out);
            changes += out.writes.len() + out.creations.len();
            for write in out.writes {
                self.apply(write.event);
            }
            for creation in &out.creations {
                for event in admit(&self.store, creation).expect("it is admitted") {
                    self.apply(event);
                }
            }
            if progress == Progress::Idle && self.queues.cursor() == self.store.revision() {
                return changes;
            }
        }
        panic!("the queues don't come to rest");
    }

    fn pass(&mut self, secs: i64) {
        self.now += Duration::from_secs(secs);
        self.settle();
    }

    fn find(&self, kind: &'static str, namespace: &str, name: &str) -> (ObjectId, &Object) {
        let id = self
            .store
            .objects()
            .find(kind, &namespace.into(), &name.into());
        let id = id.expect("an object of this name");
        (
            id,
            &self.store.objects().get(id).expect("it is there").object,
        )
    }

    fn job(&self, namespace: &str, name: &str) -> Job {
        match self.find("Job", namespace, name).1 {
            Object::Job(job) => (**job).clone(),
            _ => unreachable!("it is a job"),
        }
    }

    fn runs(&self, namespace: &str, name: &str) -> bool {
        !self.job(namespace, name).suspend
    }

    fn workload(&self, namespace: &str, job: &str) -> QueuedWorkload {
        match self.find("Workload", namespace, &format!("job-{job}")).1 {
            Object::Workload(own) => (**own).clone(),
            _ => unreachable!("it is a workload"),
        }
    }

    fn status(&self, queue: &str) -> ClusterQueueStatus {
        match self.find("ClusterQueue", "", queue).1 {
            Object::ClusterQueue(own) => (**own).clone(),
            _ => unreachable!("it is a queue"),
        }
    }

    fn report(&mut self, namespace: &str, name: &str, status: JobStatus) {
        let (id, _) = self.find("Job", namespace, name);
        let job = Job {
            status,
            ..self.job(namespace, name)
        };
        let object = Object::Job(Arc::new(job));
        self.apply(Event::Object(ObjectChange::Updated { id, object }));
        self.settle();
    }

    fn complete(&mut self, namespace: &str, name: &str) {
        let status = JobStatus {
            conditions: vec![JobCondition {
                kind: JobConditionKind::Complete,
                holds: true,
                reason: JobReason::CompletionsReached,
                changed: self.now,
            }],
            ..JobStatus::default()
        };
        self.report(namespace, name, status);
    }
}

#[test]
fn an_admitted_job_runs_where_its_flavor_is() {
    let mut world = World::new(&objects());
    let declared = job("one", "a", 3);
    world.submit(declared.clone());
    let admitted = world.job("one", "a");
    assert!(!admitted.suspend);
    assert_eq!(
        admitted.template.node_selector,
        Labels::from([("kind".into(), "spot".into())])
    );
    assert_eq!(
        admitted.template.tolerations[0].key.as_deref(),
        Some("spot")
    );
    assert_eq!(admitted.parallelism, 3);
    let workload = world.workload("one", "a");
    let admission = workload.admission.as_ref().expect("it holds quota");
    assert_eq!(&*admission.cluster_queue, "one");
    assert!(workload.holding("Admitted").is_some());
    let status = world.status("one");
    assert_eq!((status.pending, status.reserving), (0, 1));
    assert_eq!(status.usage[0].total, Quantity::from_units(3));
    assert_eq!(status.usage[0].borrowed, Quantity::ZERO);
    assert_eq!(declared.template, job("one", "a", 3).template);
}

#[test]
fn a_job_waits_until_quota_is_given_back() {
    let mut world = World::new(&objects());
    world.submit(job("one", "a", 4));
    world.submit(job("one", "b", 4));
    world.submit(job("one", "c", 4));
    assert!(world.runs("one", "a") && world.runs("one", "b"));
    assert!(!world.runs("one", "c"));
    let status = world.status("one");
    assert_eq!((status.pending, status.reserving), (1, 2));
    assert_eq!(status.usage[0].borrowed, Quantity::from_units(4));
    world.pass(60);
    assert!(!world.runs("one", "c"));
    world.complete("one", "a");
    // Requests to try others again are collected for a second.
    assert!(!world.runs("one", "c"));
    world.pass(1);
    assert!(world.runs("one", "c"));
    assert!(world.workload("one", "a").holding("Finished").is_some());
}

#[test]
fn pods_that_are_not_needed_any_more_give_their_quota_back() {
    let mut world = World::new(&objects());
    world.submit(Job {
        completions: Some(10),
        ..job("one", "a", 8)
    });
    world.submit(job("one", "b", 3));
    assert!(world.runs("one", "a") && !world.runs("one", "b"));
    let status = JobStatus {
        succeeded: 5,
        ..JobStatus::default()
    };
    world.report("one", "a", status);
    world.pass(1);
    assert!(world.runs("one", "b"));
    assert_eq!(world.status("one").usage[0].total, Quantity::from_units(8));
}

#[test]
fn an_owner_takes_its_quota_back() {
    let mut world = World::new(&objects());
    world.submit(job("one", "a", 4));
    world.pass(10);
    world.submit(job("one", "b", 4));
    world.pass(10);
    world.submit(job("two", "c", 4));
    assert!(world.runs("one", "a") && world.runs("two", "c"));
    let stopped = world.job("one", "b");
    assert!(stopped.suspend);
    assert_eq!(stopped.template, job("one", "b", 4).template);
    let evicted = world.workload("one", "b");
    let evicted = evicted.holding("Evicted").expect("it was evicted");
    assert_eq!((&*evicted.reason, evicted.since), ("Preempted", world.now));
}

#[test]
fn a_job_that_can_do_with_fewer_pods_gets_what_is_there() {
    let mut world = World::new(&objects());
    let mut wide = job("one", "a", 12);
    wide.queue = QueueReference(Some(Arc::new(JobQueue {
        name: "jobs".into(),
        min_parallelism: Some(2),
        ..JobQueue::default()
    })));
    world.submit(wide);
    let admitted = world.job("one", "a");
    assert_eq!((admitted.suspend, admitted.parallelism), (false, 8));
}

#[test]
fn priorities_are_those_of_the_class_of_workloads() {
    let mut world = World::new(&objects());
    world.submit(job("one", "full", 8));
    world.submit(job("one", "plain", 8));
    let mut urgent = job("one", "urgent", 8);
    urgent.queue = QueueReference(Some(Arc::new(JobQueue {
        name: "jobs".into(),
        priority_class: Some("high".into()),
        ..JobQueue::default()
    })));
    world.submit(urgent);
    assert_eq!(world.workload("one", "urgent").priority, 100);
    world.complete("one", "full");
    world.pass(1);
    assert!(world.runs("one", "urgent") && !world.runs("one", "plain"));
}

#[test]
fn a_queue_takes_jobs_of_its_namespaces_alone() {
    let mut own = objects();
    own.queueing.queues[0].namespaces = None;
    own.namespaces.insert("one".into(), Labels::default());
    let mut world = World::new(&own);
    world.submit(job("one", "a", 1));
    world.pass(10);
    assert!(!world.runs("one", "a"));
}

#[test]
fn a_namespace_that_no_object_states_has_the_label_of_its_name() {
    let selector = |key: &str| LabelSelector {
        requirements: vec![Requirement {
            key: key.into(),
            operator: Operator::In,
            values: vec!["one".into()],
        }],
    };
    let taken = [
        (None, false),
        (Some(LabelSelector::default()), true),
        (Some(selector("team")), false),
        (Some(selector("kubernetes.io/metadata.name")), true),
    ];
    for (selector, is_taken) in taken {
        let mut own = objects();
        own.queueing.queues[0].namespaces.clone_from(&selector);
        let mut world = World::new(&own);
        world.submit(job("one", "a", 1));
        world.pass(10);
        assert_eq!(world.runs("one", "a"), is_taken, "{selector:?}");
    }
}

#[test]
fn a_deleted_job_gives_its_quota_back() {
    let mut world = World::new(&objects());
    world.submit(job("one", "a", 8));
    world.submit(job("two", "b", 8));
    let (id, _) = world.find("Job", "one", "a");
    world.apply(Event::Object(ObjectChange::Deleted { id }));
    world.settle();
    world.pass(1);
    assert!(world.runs("two", "b"));
}

#[test]
fn a_component_that_replaces_another_goes_on_where_it_was() {
    let mut world = World::new(&objects());
    world.submit(job("one", "a", 4));
    world.submit(job("one", "b", 4));
    world.submit(job("two", "c", 4));
    world.submit(job("two", "d", 4));
    world.pass(5);
    let before = [("one", "a"), ("one", "b"), ("two", "c"), ("two", "d")]
        .map(|(namespace, name)| world.runs(namespace, name));
    let mut fresh = Queueing::new(&objects(), 0).expect("there are queues");
    fresh.restarted(world.now);
    world.queues = fresh;
    world.settle();
    world.pass(5);
    let after = [("one", "a"), ("one", "b"), ("two", "c"), ("two", "d")]
        .map(|(namespace, name)| world.runs(namespace, name));
    assert_eq!(before, after);
    for queue in ["one", "two"] {
        assert_eq!(world.status(queue).usage[0].total, Quantity::from_units(4));
    }
}

#[test]
fn workloads_of_a_dump_keep_their_quota() {
    let mut own = objects();
    let held = |name: &str| QueuedWorkload {
        admission: Some(Admission {
            cluster_queue: "one".into(),
            pod_sets: vec![PodSetAdmission {
                name: job::POD_SET.into(),
                count: 8,
                flavors: [("cpu".into(), "spot".into())].into(),
                usage: [("cpu".into(), Quantity::from_units(8))].into(),
                topology: None,
            }],
        }),
        conditions: ["QuotaReserved", "Admitted"]
            .map(|kind| Condition {
                kind: kind.into(),
                holds: true,
                reason: kind.into(),
                since: Instant::from_secs(1_000_000),
            })
            .to_vec(),
        ..job::workload(
            &[(QueuedJob::new(&job("one", name, 8)), &job("one", name, 8))],
            ObjectId(0),
            Instant::ZERO,
            &SortedMap::new(),
        )
    };
    own.queueing.workloads = vec![held("a")];
    let mut world = World::new(&own);
    world.submit(Job {
        suspend: false,
        ..job("one", "a", 8)
    });
    assert!(world.runs("one", "a"), "the quota of the dump is its own");
    world.submit(job("two", "b", 2));
    assert_eq!(world.status("two").reserving, 1, "the owner takes it back");
    assert!(!world.runs("one", "a"));
    // A queue that is drained gives its quota back at once.
    own.queueing.queues[0].stop = StopPolicy::HoldAndDrain;
    let mut world = World::new(&own);
    world.submit(Job {
        suspend: false,
        ..job("one", "a", 8)
    });
    let evicted = world.workload("one", "a");
    let evicted = evicted.holding("Evicted").expect("it was evicted");
    assert_eq!(&*evicted.reason, "ClusterQueueStopped");
    assert!(!world.runs("one", "a"));
    assert_eq!(world.status("one").reserving, 0);
}

//! Checks, times until pods are ready, and places in topologies.

use super::*;
use model::queueing::{
    AdmissionCheck, CheckAnswer, QueueCheck, Topology, TopologyAssignment, TopologyConstraint,
    TopologyRequest, WaitForPodsReady,
};

/// Queues whose workloads have to pass a check.
fn checked(check: AdmissionCheck) -> ClusterObjects {
    let mut own = objects();
    own.queueing.queues[0].checks = vec![QueueCheck {
        name: check.name.clone(),
        flavors: Vec::new(),
    }];
    own.queueing.checks = vec![check];
    own
}

fn check() -> AdmissionCheck {
    AdmissionCheck {
        name: "budget".into(),
        takes: Duration::from_secs(60),
        ..AdmissionCheck::default()
    }
}

fn stage(world: &World, job: &str) -> (bool, bool, bool) {
    let own = world.workload("one", job);
    (
        own.active,
        own.admission.is_some(),
        own.holding("Admitted").is_some(),
    )
}

#[test]
fn a_job_waits_for_the_answer_of_a_check() {
    let mut world = World::new(&checked(check()));
    world.submit(job("one", "a", 1));
    assert_eq!(stage(&world, "a"), (true, true, false));
    assert!(!world.runs("one", "a"));
    world.pass(59);
    assert!(!world.runs("one", "a"));
    world.pass(1);
    assert!(world.runs("one", "a"));
}

#[test]
fn a_check_asks_to_try_again_or_gives_a_job_up() {
    let mut world = World::new(&checked(AdmissionCheck {
        retries: 1,
        ..check()
    }));
    world.submit(job("one", "a", 1));
    world.pass(60);
    let evicted = world.workload("one", "a");
    // It has its quota again, and waits for the next answer.
    assert!(!world.runs("one", "a") && evicted.admission.is_some());
    world.pass(59);
    assert!(!world.runs("one", "a"));
    world.pass(1);
    assert!(world.runs("one", "a"));
    let mut world = World::new(&checked(AdmissionCheck {
        answer: CheckAnswer::Rejected,
        ..check()
    }));
    world.submit(job("one", "a", 1));
    world.pass(60);
    assert_eq!(stage(&world, "a"), (false, false, false));
    assert_eq!(world.status("one").reserving, 0);
}

/// Queues of which workloads are taken back whose pods are not ready in time.
fn impatient(limits: WaitForPodsReady) -> ClusterObjects {
    let mut own = objects();
    own.queueing.wait_for_pods_ready = Some(limits);
    own
}

fn limits() -> WaitForPodsReady {
    WaitForPodsReady {
        timeout: Duration::from_secs(100),
        backoff_limit: Some(2),
        ..WaitForPodsReady::default()
    }
}

fn ready(pods: i32) -> JobStatus {
    JobStatus {
        active: pods,
        ready: Some(pods),
        ..JobStatus::default()
    }
}

#[test]
fn pods_that_are_not_ready_in_time_give_their_quota_back() {
    let mut world = World::new(&impatient(limits()));
    world.submit(job("one", "a", 8));
    world.submit(job("one", "b", 1));
    assert!(world.runs("one", "a") && !world.runs("one", "b"));
    world.pass(99);
    assert!(world.runs("one", "a"));
    world.pass(1);
    assert!(!world.runs("one", "a"));
    let evicted = world.workload("one", "a");
    let evicted = evicted.holding("Evicted").expect("it was evicted");
    assert_eq!(&*evicted.reason, "PodsReadyTimeout");
    // The other one is tried again a second later, and has the first one wait.
    world.pass(1);
    assert!(world.runs("one", "b"));
    world.report("one", "b", ready(1));
    world.complete("one", "b");
    // It waits for a minute, then for two; a third time it is given up.
    world.pass(58);
    assert!(!world.runs("one", "a"));
    world.pass(1);
    assert!(world.runs("one", "a"));
    world.pass(100);
    assert!(!world.runs("one", "a"));
    world.pass(119);
    assert!(!world.runs("one", "a"));
    world.pass(1);
    assert!(world.runs("one", "a"));
    world.pass(100);
    assert_eq!(stage(&world, "a"), (false, false, false));
}

#[test]
fn pods_that_are_ready_keep_their_quota_until_they_are_lost() {
    let mut world = World::new(&impatient(limits()));
    world.submit(job("one", "a", 3));
    world.report("one", "a", ready(3));
    world.pass(1000);
    assert!(world.runs("one", "a"));
    world.report("one", "a", ready(2));
    world.pass(1000);
    assert!(world.runs("one", "a"), "the recovery may take half an hour");
    world.pass(800);
    assert!(!world.runs("one", "a"));
}

#[test]
fn nothing_is_admitted_while_pods_are_not_ready() {
    let mut world = World::new(&impatient(WaitForPodsReady {
        blocks_admission: true,
        ..limits()
    }));
    world.submit(job("one", "a", 1));
    world.submit(job("two", "b", 1));
    world.pass(10);
    assert!(world.runs("one", "a") && !world.runs("two", "b"));
    world.report("one", "a", ready(1));
    assert!(world.runs("two", "b"));
}

/// Two racks of two nodes with two cores each, of which the queues give places.
fn racks() -> ClusterObjects {
    let mut own = objects();
    own.queueing.flavors[0].topology = Some("racks".into());
    own.queueing.topologies = vec![Topology {
        name: "racks".into(),
        levels: vec!["rack".into(), "kubernetes.io/hostname".into()],
    }];
    own
}

fn node(name: &str, rack: &str) -> model::Node {
    let label = |key: &str, value: &str| (Text::from(key), Text::from(value));
    model::Node {
        name: name.into(),
        labels: Labels::from([
            label("kind", "spot"),
            label("rack", rack),
            label("kubernetes.io/hostname", name),
        ]),
        allocatable: ResourceList::from_pairs([
            ("cpu", Quantity::from_units(2)),
            ("pods", Quantity::from_units(10)),
        ]),
        ..model::Node::default()
    }
}

fn racked() -> World {
    racked_with(|_| {})
}

/// The racks under queues that are changed.
pub(super) fn racked_with(change: impl FnOnce(&mut ClusterObjects)) -> World {
    let mut own = racks();
    change(&mut own);
    let mut world = World::new(&own);
    for (name, rack) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")] {
        let joined = world.store.node_added(Arc::new(node(name, rack)));
        world.apply(joined);
    }
    world.settle();
    world
}

/// A job all of whose pods have to be in one rack.
pub(super) fn narrow(name: &str, pods: i32) -> Job {
    Job {
        queue: QueueReference(Some(Arc::new(JobQueue {
            name: "jobs".into(),
            topology: Some(TopologyRequest {
                wish: Some(TopologyConstraint::Required("rack".into())),
                ..TopologyRequest::default()
            }),
            ..JobQueue::default()
        }))),
        ..job("one", name, pods)
    }
}

fn places(world: &World, job: &str) -> Option<TopologyAssignment> {
    let admission = world.workload("one", job).admission?;
    admission.pod_sets[0].topology.clone()
}

fn names(assignment: &TopologyAssignment) -> Vec<(&str, i64)> {
    let domains = assignment.domains.iter();
    domains
        .map(|(values, count)| (&*values[0], *count))
        .collect()
}

#[test]
fn a_job_gets_places_in_one_rack_or_waits() {
    let mut world = racked();
    world.submit(narrow("a", 3));
    let own = places(&world, "a").expect("it has places");
    assert_eq!(names(&own), [("a1", 2), ("a2", 1)]);
    let admitted = world.job("one", "a");
    assert_eq!(
        &*admitted.template.scheduling_gates[0],
        "kueue.x-k8s.io/topology"
    );
    world.submit(narrow("b", 3));
    let own = places(&world, "b").expect("it has places");
    assert_eq!(names(&own), [("b1", 2), ("b2", 1)]);
    // Two cores are free, one in each rack.
    world.submit(narrow("c", 2));
    world.pass(5);
    assert!(!world.runs("one", "c"));
    world.complete("one", "a");
    world.pass(1);
    assert!(world.runs("one", "c"));
}

#[test]
fn workloads_on_a_lost_node_get_other_places() {
    let mut world = racked();
    world.submit(narrow("a", 3));
    let lost = world.store.nodes().by_name("a1").expect("it is there");
    world.apply(Event::NodeReadiness {
        node: lost,
        ready: false,
    });
    world.settle();
    assert!(names(&places(&world, "a").expect("its places")).contains(&("a1", 2)));
    world.pass(1);
    world.pass(1);
    let own = places(&world, "a").expect("it has others");
    assert_eq!(names(&own), [("b1", 2), ("b2", 1)]);
}

#[test]
fn pods_on_a_lost_node_alone_get_other_places_where_there_is_room_in_their_rack() {
    let mut world = racked();
    world.submit(narrow("a", 2));
    let before = places(&world, "a").expect("it has places");
    assert_eq!(names(&before), [("a1", 2)]);
    world.submit(narrow("b", 3));
    assert_eq!(
        names(&places(&world, "b").expect("its places")),
        [("b1", 2), ("b2", 1)]
    );
    let lost = world.store.nodes().by_name("b2").expect("it is there");
    world.apply(Event::NodeReadiness {
        node: lost,
        ready: false,
    });
    world.settle();
    // None of its pods is there, and a second later others are sought.
    world.pass(1);
    world.pass(1);
    // Its rack has no room, so that all of it goes, and waits.
    assert!(!world.runs("one", "b"));
    let evicted = world.workload("one", "b");
    let evicted = evicted.holding("Evicted").expect("it was evicted");
    assert_eq!(&*evicted.reason, "NodeFailures");
    let lost = world.store.nodes().by_name("a1").expect("it is there");
    world.apply(Event::NodeReadiness {
        node: lost,
        ready: false,
    });
    world.settle();
    world.pass(1);
    let after = world.workload("one", "a");
    assert!(after.holding("Evicted").is_none(), "it kept its quota");
    assert_eq!(
        names(&places(&world, "a").expect("other places")),
        [("a2", 2)]
    );
    assert!(world.runs("one", "a"));
}

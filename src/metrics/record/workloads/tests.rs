//! Availability, recovery, rollouts and losses on small histories, with values computed by hand.

mod unreported;

use std::sync::Arc;

use crate::record::window::Window;
use crate::tests::fixture::{Bench, check, node, spec};
use crate::{Recorder, RunMetrics, Setup};
use model::workload::deployment::DeploymentStatus;
use model::workload::{Count, Deployment, DeploymentStrategy, Job, ReplicaSet, RollingUpdate};
use model::{
    EndReason, Event, EvictionCause, GpuRequest, NodeContact, Object, ObjectChange, PodChange,
    PodCreated, PodName, PodOwner, PodRef, PodSpec, Restarts,
};
use units::{Duration, Instant, NodeId, ObjectId, TenantId};

/// Objects and their pods, driven by hand.
struct World(Bench<'static>);

impl World {
    /// Two nodes of eight cores.
    fn new(window: Window) -> Self {
        let setup = Setup {
            window,
            ..Setup::default()
        };
        let mut bench = Bench::new(Recorder::new(&setup));
        bench.add_node(0, node("a", 8_000, 8_000, 0));
        bench.add_node(0, node("b", 8_000, 8_000, 0));
        Self(bench)
    }

    fn create(&mut self, secs: i64, owner: Option<ObjectId>, object: Object) -> ObjectId {
        let id = self.0.store.objects().next();
        let change = ObjectChange::Created { id, owner, object };
        self.0.apply(secs, &Event::Object(change));
        id
    }

    fn update(&mut self, secs: i64, id: ObjectId, object: Object) {
        let change = ObjectChange::Updated { id, object };
        self.0.apply(secs, &Event::Object(change));
    }

    fn set(&mut self, secs: i64, name: &str, replicas: i32) -> ObjectId {
        self.create(secs, None, set(name, replicas))
    }

    /// A pod of one core of an object, created and bound.
    fn pod(&mut self, secs: i64, object: ObjectId, node: u32) -> PodRef {
        let spec = spec(1_000, 1, GpuRequest::default());
        if let Some(event) = self.0.store.class_added(&spec) {
            self.0.apply(secs, &event);
        }
        let pod = self.0.store.pods().next();
        let created = PodCreated {
            pod,
            class: self.0.store.class_of(&spec).expect("just added"),
            name: PodName::Job(u64::from(pod.id.0)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: Some(PodOwner::new(object, 0)),
        };
        self.0.apply(secs, &Event::PodCreated(created));
        self.0.start(secs, pod, node);
        pod
    }

    fn ready(&mut self, secs: i64, pod: PodRef, is_ready: bool) {
        let change = PodChange::Ready(is_ready);
        self.0.apply(secs, &Event::PodChanged { pod, change });
    }

    fn ready_pod(&mut self, secs: i64, object: ObjectId, node: u32) -> PodRef {
        let pod = self.pod(secs, object, node);
        self.ready(secs, pod, true);
        pod
    }

    fn told(&mut self, secs: i64, pod: PodRef, reason: EndReason) {
        let grace = Duration::from_secs(30);
        let change = PodChange::Terminating { grace, reason };
        self.0.apply(secs, &Event::PodChanged { pod, change });
    }

    fn contact(&mut self, secs: i64, node: u32, is_heard: bool) {
        let contact = if is_heard {
            NodeContact::Steady
        } else {
            NodeContact::Silent {
                last_heartbeat: Instant::from_secs(secs),
            }
        };
        let node = NodeId(node);
        self.0.apply(secs, &Event::NodeContact { node, contact });
    }

    fn finish(self, secs: i64) -> RunMetrics {
        self.0.finish(secs)
    }
}

fn set(name: &str, replicas: i32) -> Object {
    Object::ReplicaSet(Arc::new(ReplicaSet {
        name: name.into(),
        replicas,
        ..ReplicaSet::default()
    }))
}

#[test]
fn without_objects_there_is_nothing_to_tell() {
    let metrics = World::new(Window::FULL).finish(10);
    check(
        &metrics,
        &[
            ("availability.time", None),
            ("availability.nines", None),
            ("missing_replicas.max", None),
            ("time_to_recover.losses", None),
            ("rollouts.lowest_ready", None),
            ("blast_radius.failures", None),
            ("restarts.total", Some(0.0)),
            ("wasted_work.pods", Some(0.0)),
        ],
    );
    assert!(metrics.workloads.is_empty());
    let reason = metrics
        .get("availability.time")
        .and_then(|one| one.reason.clone());
    assert!(reason.is_some_and(|why| why.contains("system.controllers")));
}

#[test]
fn a_start_is_planned_and_a_failed_pod_is_not() {
    // Two pods, ready at 10 s; one fails at 50 s, its successor is created at 55 s and ready at
    // 60 s; the end is at 100 s. Both are required.
    let mut world = World::new(Window::FULL);
    let set = world.set(0, "shop", 2);
    let [first, second] = [world.pod(0, set, 0), world.pod(0, set, 1)];
    world.ready(10, first, true);
    world.ready(10, second, true);
    world.0.end(50, first, EndReason::Error);
    let third = world.pod(55, set, 0);
    world.ready(60, third, true);
    let metrics = world.finish(100);
    check(
        &metrics,
        &[
            ("availability.time", Some(0.8)),
            ("availability.worst", Some(0.8)),
            ("availability.nines", Some(0.698_970_004_336_018_8)),
            ("availability.planned_loss", Some(0.1)),
            ("availability.unplanned_loss", Some(0.1)),
            // 170 of 200 pod-seconds.
            ("availability.replicas", Some(0.85)),
            ("missing_replicas.mean", Some(0.3)),
            ("missing_replicas.pod_hours", Some(30.0 / 3_600.0)),
            // Both were missing at the start.
            ("missing_replicas.max", Some(2.0)),
            ("time_to_recover.mean", Some(10.0)),
            ("time_to_recover.losses", Some(1.0)),
            ("time_to_recover.unrepaired", Some(0.0)),
            ("time_to_detect.max", Some(5.0)),
            ("churn.moves", Some(1.0)),
            ("blast_radius.share", None),
            ("blast_radius.failures", Some(0.0)),
        ],
    );
}

#[test]
fn what_is_replaced_within_an_instant_was_never_missing() {
    let mut world = World::new(Window::FULL);
    let set = world.set(0, "shop", 1);
    let pod = world.ready_pod(0, set, 0);
    world.0.end(5, pod, EndReason::Error);
    world.ready_pod(5, set, 0);
    check(
        &world.finish(10),
        &[
            ("availability.time", Some(1.0)),
            ("availability.nines", None),
            ("time_to_recover.losses", Some(0.0)),
            ("missing_replicas.max", Some(0.0)),
            ("churn.moves", Some(1.0)),
        ],
    );
}

#[test]
fn time_scaled_to_zero_is_not_counted_and_growth_is_no_loss() {
    // Nothing is wanted from 20 s to 60 s, then two, ready at 70 s.
    let mut world = World::new(Window::FULL);
    let id = world.set(0, "shop", 1);
    let pod = world.ready_pod(0, id, 0);
    world.update(20, id, set("shop", 0));
    world.told(20, pod, EndReason::Cancelled);
    world.0.end(25, pod, EndReason::Cancelled);
    world.update(60, id, set("shop", 2));
    let [a, b] = [world.pod(60, id, 0), world.pod(60, id, 1)];
    world.ready(70, a, true);
    world.ready(70, b, true);
    check(
        &world.finish(100),
        &[
            ("availability.time", Some(50.0 / 60.0)),
            ("availability.unplanned_loss", Some(0.0)),
            ("availability.replicas", Some(80.0 / 100.0)),
            ("time_to_recover.losses", Some(0.0)),
            ("missing_replicas.max", Some(2.0)),
            // First placements of what was asked for.
            ("churn.moves", Some(0.0)),
        ],
    );
}

#[test]
fn a_silent_node_takes_its_pods_and_a_blast_is_of_one_instant() {
    // Four pods, three of them on node b, which is silent from 30 s to 70 s; a fails at 90 s.
    let mut world = World::new(Window::FULL);
    let set = world.set(0, "shop", 4);
    let lone = world.ready_pod(0, set, 0);
    for _ in 0..3 {
        world.ready_pod(0, set, 1);
    }
    world.contact(30, 1, false);
    world.contact(70, 1, true);
    world.0.end(90, lone, EndReason::NodeLost);
    check(
        &world.finish(100),
        &[
            ("blast_radius.share", Some(0.75)),
            ("blast_radius.pods", Some(3.0)),
            ("blast_radius.failures", Some(2.0)),
            ("availability.time", Some(0.5)),
            ("availability.unplanned_loss", Some(0.5)),
            // Healed by itself: no pod answered it. The second is open, of an age of 10 s.
            ("time_to_recover.losses", Some(2.0)),
            ("time_to_recover.unrepaired", Some(1.0)),
            ("time_to_recover.p50", Some(40.0)),
            ("missing_replicas.max", Some(3.0)),
        ],
    );
}

#[test]
fn a_pod_that_is_lost_with_a_silent_node_is_lost_once() {
    let mut world = World::new(Window::FULL);
    let set = world.set(0, "shop", 2);
    world.ready_pod(0, set, 0);
    let gone = world.ready_pod(0, set, 1);
    world.contact(30, 1, false);
    world.told(50, gone, EndReason::Evicted(EvictionCause::Taint));
    world.ready_pod(50, set, 0);
    world.0.end(80, gone, EndReason::NodeLost);
    let metrics = world.finish(100);
    check(
        &metrics,
        &[
            ("blast_radius.pods", Some(1.0)),
            ("blast_radius.failures", Some(1.0)),
            ("time_to_recover.mean", Some(20.0)),
            ("time_to_detect.mean", Some(20.0)),
            ("disruptions.evicted", Some(1.0)),
            ("disruptions.evicted.taint", Some(1.0)),
            ("disruptions.node_lost", Some(0.0)),
            ("disruptions.total", Some(1.0)),
        ],
    );
    let row = &metrics.workloads[0];
    assert_eq!(row.sums.evictions[EvictionCause::Taint as usize], 1);
    assert_eq!((row.desired, row.ready), (2, 2));
}

#[test]
fn a_drain_is_planned_and_a_second_order_is_none() {
    let mut world = World::new(Window::FULL);
    let set = world.set(0, "shop", 1);
    let pod = world.ready_pod(0, set, 0);
    let reason = EndReason::Evicted(EvictionCause::Drain);
    world.told(40, pod, reason);
    world.told(45, pod, reason);
    world.0.end(60, pod, reason);
    world.ready_pod(60, set, 1);
    check(
        &world.finish(100),
        &[
            ("availability.time", Some(0.8)),
            ("availability.planned_loss", Some(0.2)),
            ("availability.unplanned_loss", Some(0.0)),
            ("time_to_recover.losses", Some(0.0)),
            ("disruptions.evicted.drain", Some(1.0)),
            ("disruptions.evicted", Some(1.0)),
            // One core for 60 s.
            ("disruptions.lost.cpu", Some(60.0 / 3_600.0)),
        ],
    );
}

/// A deployment of four pods, surge 1, unavailable 1, with so many of the newest template.
fn deployment(image: &str, generation: i64, observed: i64, updated: i32) -> Object {
    let template = PodSpec {
        scheduler_name: image.into(),
        ..PodSpec::default()
    };
    Object::Deployment(Arc::new(Deployment {
        name: "shop".into(),
        replicas: 4,
        template: Arc::new(template),
        strategy: DeploymentStrategy::RollingUpdate(RollingUpdate {
            max_surge: Count::Number(1),
            max_unavailable: Count::Number(1),
        }),
        generation,
        status: DeploymentStatus {
            observed_generation: observed,
            replicas: 4,
            updated,
            ready: 4,
            available: 4,
            ..DeploymentStatus::default()
        },
        ..Deployment::default()
    }))
}

#[test]
fn a_rollout_lasts_until_it_is_reported_complete() {
    // From 20 s to 60 s; a pod is missing from 30 s to 40 s, which is allowed. A second one begins
    // at 70 s, another takes its place at 80 s and is not done at 100 s.
    let mut world = World::new(Window::FULL);
    let id = world.create(0, None, deployment("one", 1, 1, 4));
    let owned = world.create(0, Some(id), set("shop-1", 4));
    let pods = [0, 0, 1, 1].map(|node| world.ready_pod(0, owned, node));
    world.update(20, id, deployment("two", 2, 1, 4));
    // Not observed yet: the old report says nothing of it.
    world.update(25, id, deployment("two", 2, 2, 0));
    world.told(30, pods[0], EndReason::Cancelled);
    world.ready_pod(40, owned, 0);
    world.update(60, id, deployment("two", 2, 2, 4));
    world.update(70, id, deployment("three", 3, 2, 4));
    world.update(80, id, deployment("four", 4, 3, 0));
    world.update(90, id, deployment("four", 4, 4, 1));
    let metrics = world.finish(100);
    check(
        &metrics,
        &[
            ("rollouts.begun", Some(3.0)),
            ("rollouts.unfinished", Some(1.0)),
            ("rollouts.superseded", Some(1.0)),
            ("rollouts.p50", Some(40.0)),
            ("rollouts.mean", None),
            ("rollouts.lowest_ready", Some(0.75)),
            // Three of four are not enough, unless less is asked for.
            ("availability.time", Some(0.9)),
            ("availability.replicas", Some(390.0 / 400.0)),
        ],
    );
    // The replica set is part of its deployment.
    assert_eq!(metrics.workloads.len(), 1);
    assert_eq!(metrics.workloads[0].kind, "Deployment");
}

#[test]
fn the_window_cuts_integrals_and_takes_losses_and_rollouts_by_their_beginning() {
    let window = Window::Time {
        from: Instant::from_secs(50),
        until: Some(Instant::from_secs(90)),
    };
    let mut world = World::new(window);
    let set = world.set(0, "shop", 1);
    let first = world.pod(0, set, 0);
    world.ready(10, first, true);
    world.ready(40, first, false);
    world.ready(60, first, true);
    world.ready(80, first, false);
    check(
        &world.finish(100),
        &[
            // Unready from 50 s to 60 s and from 80 s to 90 s of 40 s.
            ("availability.time", Some(0.5)),
            ("availability.unplanned_loss", Some(0.5)),
            // The first began before the window; the second is seen for 20 s.
            ("time_to_recover.losses", Some(1.0)),
            ("time_to_recover.unrepaired", Some(1.0)),
            ("time_to_recover.max", None),
        ],
    );
}

#[test]
fn restarts_and_wasted_work_are_counted() {
    let mut world = World::new(Window::FULL);
    let job = world.create(0, None, Object::Job(Arc::new(Job::default())));
    let failed = world.pod(0, job, 0);
    for count in [1, 3] {
        let change = PodChange::Restarted(Restarts::of_one(count));
        world.0.apply(
            10,
            &Event::PodChanged {
                pod: failed,
                change,
            },
        );
    }
    world.0.end(36, failed, EndReason::Error);
    let done = world.pod(36, job, 0);
    world.0.end(72, done, EndReason::Completed);
    world.pod(72, job, 0);
    check(
        &world.finish(100),
        &[
            ("restarts.total", Some(3.0)),
            // A hundred pod-seconds.
            (
                "restarts.per_1000_pod_hours",
                Some(3.0 / (100.0 / 3_600.0) * 1_000.0),
            ),
            ("wasted_work.pods", Some(1.0)),
            ("wasted_work.cpu", Some(0.01)),
            ("wasted_work.share", Some(0.5)),
            ("availability.time", None),
            ("churn.moves", Some(0.0)),
        ],
    );
}

#[test]
fn deleted_workloads_want_nothing() {
    let mut world = World::new(Window::FULL);
    let set = world.set(0, "shop", 1);
    let pod = world.ready_pod(0, set, 0);
    world
        .0
        .apply(40, &Event::Object(ObjectChange::Deleted { id: set }));
    world.told(40, pod, EndReason::Cancelled);
    world.0.end(70, pod, EndReason::Cancelled);
    check(
        &world.finish(100),
        &[
            ("availability.time", Some(1.0)),
            ("missing_replicas.pod_hours", Some(0.0)),
        ],
    );
}

#[test]
fn less_than_all_may_be_required() {
    // 70 % of four are three.
    let setup = Setup {
        min_ready_percent: 70,
        ..Setup::default()
    };
    let mut world = World::new(Window::FULL);
    world.0 = Bench::new(Recorder::new(&setup));
    world.0.add_node(0, node("a", 8_000, 8_000, 0));
    let set = world.set(0, "shop", 4);
    let pods = [0; 4].map(|node| world.ready_pod(0, set, node));
    world.ready(20, pods[0], false);
    world.ready(50, pods[1], false);
    world.ready(60, pods[1], true);
    check(
        &world.finish(100),
        &[
            ("availability.time", Some(0.9)),
            ("availability.replicas", Some(310.0 / 400.0)),
        ],
    );
}

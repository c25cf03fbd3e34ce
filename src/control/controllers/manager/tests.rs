//! Every controller of the manager over a store: what it makes of an object, of pods that come and
//! go, and of a change; what a successor makes of what a predecessor left.

use std::sync::Arc;

use super::*;
use crate::admission::admit;
use crate::operation::{Operation, Propagation, Target, carry_out};
use model::behaviour::Behaviour;
use model::workload::job::JobConditionKind;
use model::workload::{
    BudgetLimit, CompletionMode, Count, CronJob, DaemonSet, Job, PodDisruptionBudget,
    ResourceQuota, StatefulSet,
};
use model::{
    DeviceSet, EndReason, Event, Namespace, Node, Object, ObjectChange, PodChange, PodCreated,
    PodName, PodRef, PodSpec, ResourceList, Taint, TaintEffect, Text,
};
use units::{Duration, NodeId, Quantity, TenantId};

mod propagation;
mod rest;
mod world;

use world::{World, deployment, job, replica_set, selector, template};

#[test]
fn a_replica_set_keeps_its_number() {
    let mut world = World::new(3);
    world.create(replica_set(3));
    world.run();
    assert_eq!(world.living().len(), 3);
    let pod = world.living()[1].pod;
    world.end(pod, EndReason::Error);
    assert_eq!(world.living().len(), 3);
    let target = Target {
        kind: "ReplicaSet",
        namespace: "default".into(),
        name: "shop".into(),
    };
    world.operate(&Operation::Scale(target, 1));
    // The one that has no node yet goes first, and at once.
    let told = world.living().into_iter();
    let told = told.filter(|own| world.store.pod_states().is_terminating(own.pod));
    assert_eq!((world.living().len(), told.count()), (2, 1));
    world.end_told();
    assert_eq!(world.living().len(), 1);
}

/// Of pods that are equal otherwise the youngest goes first, unless its deletion costs more.
#[test]
fn whose_deletion_costs_least_goes_first() {
    let mut world = World::new(3);
    world.create(replica_set(2));
    world.run();
    let others: Vec<PodRef> = world.living().iter().map(|own| own.pod).collect();
    let behaviour = Behaviour {
        deletion_cost: 5,
        ..Behaviour::default()
    };
    let dear = Arc::new(PodSpec {
        behaviour: Some(Arc::new(behaviour)),
        ..PodSpec::clone(&template("shop:1"))
    });
    let added = world.store.class_added(&dear).expect("a class of its own");
    world.apply(added);
    let owner = world
        .store
        .pod_states()
        .get(others[0])
        .and_then(|pod_state| pod_state.owner);
    let pod = world.store.pods().next();
    let created = PodCreated {
        pod,
        class: world.store.class_of(&dear).expect("known"),
        name: PodName::Text("shop-dear".into()),
        tenant: TenantId(0),
        gang: None,
        time_limit: None,
        estimate: None,
        found: None,
        owner,
    };
    let bound = Event::PodBound {
        pod,
        node: NodeId(2),
        devices: DeviceSet::default(),
    };
    let change = PodChange::Ready(true);
    for event in [
        Event::PodCreated(created),
        bound,
        Event::PodStarting { pod },
        Event::PodRunning { pod },
        Event::PodChanged { pod, change },
    ] {
        world.apply(event);
    }
    world.settle();
    let told = |pod: PodRef| world.store.pod_states().is_terminating(pod);
    assert!(!told(pod));
    assert_eq!(others.into_iter().filter(|&own| told(own)).count(), 1);
}

#[test]
fn a_deployment_replaces_its_pods_and_takes_it_back() {
    let mut world = World::new(3);
    world.create(deployment("shop:1"));
    world.run();
    assert_eq!(world.images(), vec![Text::from("shop:1"); 4]);
    world.operate(&Operation::Apply(deployment("shop:2")));
    for _ in 0..8 {
        world.run();
        world.end_told();
    }
    assert_eq!(world.images(), vec![Text::from("shop:2"); 4]);
    assert_eq!(world.count("ReplicaSet"), 2);
    let target = Target {
        kind: "Deployment",
        namespace: "default".into(),
        name: "shop".into(),
    };
    world.operate(&Operation::RollBack(target));
    for _ in 0..8 {
        world.run();
        world.end_told();
    }
    assert_eq!(world.images(), vec![Text::from("shop:1"); 4]);
    let Some(Object::Deployment(own)) = world.object("Deployment", "shop") else {
        panic!("it is there");
    };
    assert_eq!(own.status.available, 4);
}

#[test]
fn a_stateful_set_goes_in_order() {
    let mut world = World::new(3);
    world.create(Object::StatefulSet(Arc::new(StatefulSet {
        name: "data".into(),
        selector: selector(),
        template: template("data:1"),
        replicas: 3,
        ..StatefulSet::default()
    })));
    for expected in [
        &["data-0"][..],
        &["data-0", "data-1"],
        &["data-0", "data-1", "data-2"],
    ] {
        assert_eq!(world.names(), expected);
        world.run();
    }
    let first = world.living()[0].pod;
    world.end(first, EndReason::Error);
    // The same name again, once its object is gone.
    assert_eq!(world.names(), ["data-1", "data-2", "data-0"]);
}

#[test]
fn a_daemon_set_has_a_pod_on_every_node_that_takes_it() {
    let mut world = World::new(2);
    world.create(Object::DaemonSet(Arc::new(DaemonSet {
        name: "agent".into(),
        selector: selector(),
        template: template("agent:1"),
        ..DaemonSet::default()
    })));
    assert_eq!(world.living().len(), 2);
    world.join(2);
    world.settle();
    assert_eq!(world.living().len(), 3);
    world.run();
    let node = NodeId(1);
    let known = world.store.nodes().object(node).expect("it is there");
    let object = Arc::new(Node {
        taints: vec![Taint {
            key: "dedicated".into(),
            value: "".into(),
            effect: TaintEffect::NoExecute,
        }],
        ..(**known).clone()
    });
    world.apply(Event::NodeUpdated { node, object });
    world.settle();
    world.end_told();
    assert_eq!(world.living().len(), 2);
}

#[test]
fn a_job_runs_until_enough_succeeded() {
    let mut world = World::new(2);
    world.create(job(Job {
        parallelism: 2,
        completions: Some(3),
        ..Job::default()
    }));
    for (secs, ends, left) in [
        (1, EndReason::Completed, 2),
        (2, EndReason::Error, 1),
        (3, EndReason::Completed, 1),
    ] {
        world.run();
        let pod = world.living()[0].pod;
        world.end(pod, ends);
        // Changes of pods are looked at a second later, together.
        world.pass(secs);
        assert_eq!(world.living().len(), left, "{ends:?}");
    }
    // The failed pod is made up for after ten seconds.
    world.pass(11);
    world.run();
    for pod in world.living() {
        world.end(pod.pod, EndReason::Completed);
    }
    world.pass(30);
    let Some(Object::Job(own)) = world.object("Job", "work") else {
        panic!("it is there");
    };
    assert_eq!((own.status.succeeded, own.status.failed), (3, 1));
    let mut conditions = own.status.conditions.iter();
    assert!(conditions.any(|known| known.holds && known.kind == JobConditionKind::Complete));
}

#[test]
fn an_index_fails_by_its_own_count_whoever_leads() {
    let indexed = || {
        job(Job {
            parallelism: 1,
            completions: Some(2),
            mode: CompletionMode::Indexed,
            backoff_limit: i32::MAX,
            backoff_limit_per_index: Some(2),
            ..Job::default()
        })
    };
    // Of an index that may fail twice the third failure is the end, with and without a successor.
    for fails_over in [false, true] {
        let mut world = World::new(1);
        world.create(indexed());
        let mut failures = 0;
        for secs in 1..400 {
            world.run();
            if let Some(pod) = world.living().first() {
                let state = world.store.pod_states().get(pod.pod);
                let owner = state.and_then(|state| state.owner).expect("the job's");
                if owner.index > 0 {
                    break;
                }
                assert_eq!(owner.failures.counted, failures);
                world.end(pod.pod, EndReason::Error);
                failures += 1;
                if fails_over {
                    world.fail_over();
                }
            }
            world.pass(secs);
        }
        assert_eq!(failures, 3, "fails over: {fails_over}");
    }
}

#[test]
fn jobs_come_by_the_clock_and_go_after_their_time() {
    let mut world = World::new(1);
    let template = Arc::new(Job {
        template: template("report:1"),
        ttl_after_finished: Some(Duration::from_secs(60)),
        ..Job::default()
    });
    world.create(Object::CronJob(Arc::new(CronJob {
        name: "report".into(),
        schedule: "*/5 * * * *".into(),
        template,
        ..CronJob::default()
    })));
    world.pass(299);
    assert_eq!(world.count("Job"), 0);
    world.pass(302);
    assert_eq!(world.count("Job"), 1);
    assert!(world.object("Job", "report-5").is_some());
    world.run();
    let pod = world.living()[0].pod;
    world.end(pod, EndReason::Completed);
    world.pass(350);
    assert_eq!(world.count("Job"), 1);
    world.pass(370);
    assert_eq!(world.count("Job"), 0);
    world.pass(602);
    assert!(world.object("Job", "report-10").is_some());
}

#[test]
fn a_budget_says_how_many_may_go_and_a_quota_what_is_used() {
    let mut world = World::new(2);
    let hard = [("pods", Quantity::from_units(5))];
    world.create(Object::ResourceQuota(Arc::new(ResourceQuota {
        name: "team".into(),
        hard: ResourceList::from_pairs(hard),
        ..ResourceQuota::default()
    })));
    world.create(Object::PodDisruptionBudget(Arc::new(PodDisruptionBudget {
        name: "shop".into(),
        selector: Some(selector()),
        limit: BudgetLimit::MaxUnavailable(Count::Number(1)),
        ..PodDisruptionBudget::default()
    })));
    world.create(replica_set(4));
    let budget = |world: &World| match world.object("PodDisruptionBudget", "shop") {
        Some(Object::PodDisruptionBudget(own)) => own.status.disruptions_allowed,
        other => panic!("{other:?}"),
    };
    let used = |world: &World| match world.object("ResourceQuota", "team") {
        Some(Object::ResourceQuota(own)) => own.status.used.get("pods"),
        other => panic!("{other:?}"),
    };
    assert_eq!((budget(&world), used(&world)), (0, Quantity::from_units(4)));
    world.run();
    assert_eq!(budget(&world), 1);
    let pod = world.living()[0].pod;
    let change = PodChange::Ready(false);
    world.apply(Event::PodChanged { pod, change });
    world.settle();
    assert_eq!(budget(&world), 0);
    world.delete("ReplicaSet", "default", "shop");
    world.end_told();
    assert_eq!(used(&world), Quantity::ZERO);
}

#[test]
fn what_a_deleted_object_owned_goes_after_it() {
    let mut world = World::new(2);
    world.create(deployment("shop:1"));
    world.run();
    world.delete("Deployment", "default", "shop");
    assert_eq!(
        (world.count("Deployment"), world.count("ReplicaSet")),
        (0, 0)
    );
    assert_eq!(world.living().len(), 4);
    world.end_told();
    assert_eq!(world.living().len(), 0);
}

#[test]
fn a_namespace_goes_once_it_is_empty() {
    let mut world = World::new(2);
    let declared = |name: &str| {
        Object::Namespace(Arc::new(Namespace {
            name: name.into(),
            ..Namespace::default()
        }))
    };
    world.create(declared("shop"));
    let mut object = deployment("shop:1");
    if let Object::Deployment(own) = &mut object {
        let own = Arc::make_mut(own);
        own.namespace = "shop".into();
        Arc::make_mut(&mut own.template).namespace = "shop".into();
    }
    world.create(object.clone());
    world.create(deployment("shop:1"));
    world.run();
    assert_eq!(world.living().len(), 8);
    world.delete("Namespace", "", "shop");
    let Some(Object::Namespace(own)) = world.object("Namespace", "shop") else {
        panic!("its pods are there still");
    };
    assert!(own.is_terminating);
    let again = Creation::Object {
        owner: None,
        object,
    };
    assert!(matches!(
        admit(&world.store, &again),
        Err(Conflict::Forbidden(_))
    ));
    world.end_told();
    assert_eq!(world.object("Namespace", "shop"), None);
    // What is elsewhere is none of its matter.
    assert_eq!((world.living().len(), world.count("Deployment")), (4, 1));
    let default = Target {
        kind: "Namespace",
        namespace: "".into(),
        name: "default".into(),
    };
    world.create(declared("default"));
    let refused = carry_out(
        world.now,
        &Operation::Delete(default, Propagation::Background),
        &world.store,
    );
    assert!(refused.is_err_and(|why| why.to_string().contains("may not be deleted")));
}

#[test]
fn pods_that_were_told_to_end_on_a_node_out_of_service_are_removed() {
    let mut world = World::new(1);
    world.create(replica_set(1));
    world.run();
    let (node, pod) = (NodeId(0), world.living()[0].pod);
    world.apply(Event::NodeReadiness { node, ready: false });
    let known = world.store.nodes().object(node).expect("it is there");
    let object = Arc::new(Node {
        taints: vec![Taint {
            key: "node.kubernetes.io/out-of-service".into(),
            value: "".into(),
            effect: TaintEffect::NoExecute,
        }],
        ..(**known).clone()
    });
    world.apply(Event::NodeUpdated { node, object });
    let change = PodChange::Terminating {
        grace: Duration::from_secs(30),
        reason: EndReason::Cancelled,
    };
    world.apply(Event::PodChanged { pod, change });
    world.settle();
    world.pass(20);
    assert!(world.store.pods().get(pod).is_none());
}

#[test]
fn pods_that_ended_on_a_node_that_is_gone_are_collected() {
    let mut world = World::new(2);
    world.create(replica_set(2));
    world.run();
    let (node, pod) = (NodeId(0), world.living()[0].pod);
    world.end(pod, EndReason::Completed);
    let kept = |world: &World| world.store.pod_states().finished_count();
    world.pass(100);
    assert_eq!(kept(&world), 1);
    world.apply(Event::NodeRemoved { node });
    world.settle();
    world.pass(139);
    assert_eq!(kept(&world), 1);
    world.pass(140);
    assert_eq!(kept(&world), 0);
    assert!(world.wake.is_none_or(|at| at > world.now));
}

#[test]
fn a_successor_goes_on_where_its_predecessor_was() {
    let mut world = World::new(3);
    world.create(deployment("shop:1"));
    world.run();
    world.operate(&Operation::Apply(deployment("shop:2")));
    for _ in 0..8 {
        world.fail_over();
        world.run();
        world.end_told();
    }
    assert_eq!(world.images(), vec![Text::from("shop:2"); 4]);
    let deleted = world
        .store
        .objects()
        .iter()
        .filter_map(|(id, row)| matches!(row.object, Object::Deployment(_)).then_some(id));
    let deleted: Vec<ObjectId> = deleted.collect();
    for id in deleted {
        world.apply(Event::Object(ObjectChange::Deleted { id }));
    }
    world.fail_over();
    world.end_told();
    assert_eq!((world.count("ReplicaSet"), world.living().len()), (0, 0));
}

//! Quotas and limit ranges on single pods (spec: kubernetes.md 2.10).

use std::sync::Arc;

use super::*;
use crate::model::workload::{
    LimitItem, LimitRange, LimitedKind, QuotaScope, ReplicaSet, ResourceQuota,
};
use crate::model::{Container, PodChange, ResourceList};
use crate::units::{Duration, Instant, Quantity};

type Amounts<'a> = &'a [(&'a str, i64)];

/// Amounts in thousandths.
fn list(amounts: Amounts<'_>) -> ResourceList {
    let mut list = ResourceList::default();
    for &(name, milli) in amounts {
        list.set(name, Quantity::from_milli(milli));
    }
    list
}

fn pod(containers: &[(Amounts<'_>, Amounts<'_>)]) -> Arc<PodSpec> {
    let container = |&(requests, limits): &(Amounts<'_>, Amounts<'_>)| Container {
        requests: list(requests),
        limits: list(limits),
        ..Container::default()
    };
    Arc::new(PodSpec {
        namespace: "default".into(),
        containers: containers.iter().map(container).collect(),
        ..PodSpec::default()
    })
}

/// A cluster with a set and these objects.
struct World(Store);

impl World {
    fn new(objects: impl IntoIterator<Item = Object>) -> Self {
        let set = Object::ReplicaSet(Arc::new(ReplicaSet::default()));
        let mut world = Self(Store::new());
        for object in std::iter::once(set).chain(objects) {
            let creation = Creation::Object {
                owner: None,
                object,
            };
            world.create(&creation).expect("a new object");
        }
        world
    }

    fn create(&mut self, creation: &Creation) -> Result<(), Conflict> {
        for event in admit(&self.0, creation)? {
            self.0.apply(Instant::ZERO, event)?;
        }
        Ok(())
    }

    /// Creates a pod; what its first container came to state.
    fn pod(&mut self, spec: &Arc<PodSpec>) -> Result<(ResourceList, ResourceList), String> {
        let owner = PodOwner {
            object: ObjectId(0),
            index: 0,
        };
        let new = NewPod {
            owner,
            name: NewName::Prefix("pod-".into()),
            spec: spec.clone(),
        };
        let next = self.0.pods().next();
        self.create(&Creation::Pod(new))
            .map_err(|why| why.to_string())?;
        let spec = self
            .0
            .pods()
            .get(next)
            .map(|pod| pod.spec)
            .expect("just created");
        let first = &self.0.class(spec).object.containers[0];
        Ok((first.requests.clone(), first.limits.clone()))
    }
}

fn range(items: Vec<LimitItem>) -> Object {
    Object::LimitRange(Arc::new(LimitRange {
        namespace: "default".into(),
        name: "bounds".into(),
        limits: items.into_iter().map(LimitItem::filled).collect(),
    }))
}

fn item(of: LimitedKind) -> LimitItem {
    let none = ResourceList::default;
    LimitItem {
        of,
        min: none(),
        max: none(),
        default: none(),
        default_request: none(),
        max_ratio: none(),
    }
}

fn quota(hard: Amounts<'_>, scopes: Vec<QuotaScope>) -> Object {
    Object::ResourceQuota(Arc::new(ResourceQuota {
        name: "team".into(),
        hard: list(hard),
        scopes,
        ..ResourceQuota::default()
    }))
}

#[test]
fn containers_state_what_the_limit_range_says_if_they_state_nothing() {
    // The specification's example: 500m limit, 200m request.
    let mut world = World::new([range(vec![LimitItem {
        default: list(&[("cpu", 500)]),
        default_request: list(&[("cpu", 200)]),
        ..item(LimitedKind::Container)
    }])]);
    let none = (list(&[("cpu", 200)]), list(&[("cpu", 500)]));
    assert_eq!(world.pod(&pod(&[(&[], &[])])), Ok(none));
    // The pod's own defaults came first: a request as large as the limit.
    let stated: Amounts<'_> = &[("cpu", 1_000)];
    let kept = (list(stated), list(stated));
    assert_eq!(world.pod(&pod(&[(stated, stated)])), Ok(kept));
}

#[test]
fn a_limit_range_fills_in_its_own_defaults() {
    let mut world = World::new([range(vec![LimitItem {
        max: list(&[("cpu", 800)]),
        min: list(&[("memory", 5_000)]),
        ..item(LimitedKind::Container)
    }])]);
    let filled = (
        list(&[("cpu", 800), ("memory", 5_000)]),
        list(&[("cpu", 800)]),
    );
    assert_eq!(world.pod(&pod(&[(&[], &[])])), Ok(filled));
}

#[test]
fn bounds_are_for_each_container_and_for_the_pod() {
    let refused = |rule: LimitItem, containers: &[(Amounts<'_>, Amounts<'_>)]| {
        let mut world = World::new([range(vec![rule])]);
        world.pod(&pod(containers)).err()
    };
    let bounded = |of| LimitItem {
        min: list(&[("cpu", 100)]),
        max: list(&[("cpu", 1_000)]),
        ..item(of)
    };
    let (small, middle, large): (Amounts<'_>, Amounts<'_>, Amounts<'_>) =
        (&[("cpu", 50)], &[("cpu", 600)], &[("cpu", 1_001)]);
    assert_eq!(
        refused(bounded(LimitedKind::Container), &[(middle, middle)]),
        None
    );
    for (requests, limits, why) in [
        (
            small,
            middle,
            "minimum cpu usage per Container is 100m, but request is 50m",
        ),
        (
            middle,
            large,
            "maximum cpu usage per Container is 1, but limit is 1001m",
        ),
    ] {
        let found = refused(
            bounded(LimitedKind::Container),
            &[(middle, middle), (requests, limits)],
        );
        assert_eq!(found, Some(format!("forbidden: limit range bounds: {why}")));
    }
    let pair = [(middle, middle), (middle, middle)];
    assert_eq!(
        refused(bounded(LimitedKind::Pod), &pair).as_deref(),
        Some("forbidden: limit range bounds: maximum cpu usage per Pod is 1, but limit is 1200m")
    );
    assert_eq!(
        refused(bounded(LimitedKind::Pod), &[(middle, &[])]).as_deref(),
        Some(
            "forbidden: limit range bounds: maximum cpu usage per Pod is 1, but no limit is specified"
        )
    );
    let ratio = LimitItem {
        max_ratio: list(&[("cpu", 2_000)]),
        ..item(LimitedKind::Container)
    };
    assert_eq!(refused(ratio.clone(), &[(&[("cpu", 300)], middle)]), None);
    assert_eq!(
        refused(ratio, &[(&[("cpu", 200)], middle)]).as_deref(),
        Some(
            "forbidden: limit range bounds: cpu max limit to request ratio per Container is 2, but \
             provided ratio is 3"
        )
    );
}

#[test]
fn a_quota_is_charged_until_it_is_used_up() {
    let mut world = World::new([quota(&[("pods", 3_000), ("cpu", 1_000)], Vec::new())]);
    let spec = pod(&[(&[("cpu", 400)], &[])]);
    assert!(world.pod(&spec).is_ok() && world.pod(&spec).is_ok());
    assert_eq!(
        world.pod(&spec).err().as_deref(),
        Some(
            "forbidden: exceeded quota: team, requested: cpu=400m, used: cpu=800m, limited: cpu=1"
        )
    );
    // What is small enough still comes; then there are three pods.
    assert!(world.pod(&pod(&[(&[("cpu", 200)], &[])])).is_ok());
    assert_eq!(
        world.pod(&pod(&[(&[("cpu", 0)], &[])])).err().as_deref(),
        Some("forbidden: exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3")
    );
    // A quota on processors obliges every container to state them.
    assert_eq!(
        world
            .pod(&pod(&[(&[("cpu", 1)], &[]), (&[], &[])]))
            .err()
            .as_deref(),
        Some("forbidden: failed quota: team: must specify cpu")
    );
}

#[test]
fn scopes_choose_pods_and_other_namespaces_are_free() {
    let mut world = World::new([quota(&[("pods", 1_000)], vec![QuotaScope::BestEffort])]);
    let best_effort = pod(&[(&[], &[])]);
    let burstable = pod(&[(&[("memory", 1)], &[])]);
    assert!(world.pod(&best_effort).is_ok());
    assert!(world.pod(&best_effort).is_err());
    assert!(world.pod(&burstable).is_ok());
    let elsewhere = PodSpec {
        namespace: "other".into(),
        ..(*best_effort).clone()
    };
    assert!(world.pod(&Arc::new(elsewhere)).is_ok());
}

#[test]
fn pods_that_ended_only_count_as_objects() {
    let hard: Amounts<'_> = &[("pods", 9_000), ("count/pods", 9_000), ("cpu", 9_000)];
    let mut world = World::new([quota(hard, Vec::new())]);
    let spec = pod(&[(&[("cpu", 400)], &[])]);
    let pods: Vec<PodRef> = (0..3)
        .map(|_| {
            let next = world.0.pods().next();
            world.pod(&spec).expect("there is room");
            next
        })
        .collect();
    let reason = EndReason::Error;
    let ended = Event::PodEnded {
        pod: pods[0],
        reason,
    };
    let told = Event::PodChanged {
        pod: pods[1],
        change: PodChange::Terminating {
            grace: Duration::from_secs(30),
            reason: EndReason::Cancelled,
        },
    };
    for event in [ended, told] {
        world.0.apply(Instant::ZERO, event).expect("it lives");
    }
    let objects = world.0.objects();
    let id = objects.find("ResourceQuota", &"default".into(), &"team".into());
    let row = id.and_then(|id| objects.get(id)).expect("it is there");
    let Object::ResourceQuota(quota) = &row.object else {
        panic!("it is a quota");
    };
    for (secs, pods, cpu) in [(30, 2, 800), (31, 1, 400)] {
        let used = quota::counted(&world.0, quota, Instant::from_secs(secs)).expect("small sums");
        let expected = list(&[("pods", pods * 1_000), ("count/pods", 3_000), ("cpu", cpu)]);
        assert_eq!(used, expected, "{secs} s");
    }
}

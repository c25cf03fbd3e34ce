//! Limit ranges, namespaces and priority classes on single pods (spec: kubernetes.md 2.10).

mod quotas;

use std::sync::Arc;

use super::*;
use model::workload::{LimitItem, LimitRange, LimitedKind, QuotaScope, ReplicaSet, ResourceQuota};
use model::{
    Behaviour, Container, Namespace, Operator, PodAffinityTerm, PodChange, PriorityClass,
    Requirement, ResourceList, TemplatePriority,
};
use units::{Duration, Instant, Quantity};

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
        let owner = PodOwner::new(ObjectId(0), 0);
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
            .map(|pod| pod.class)
            .expect("just created");
        let first = &self.0.class(spec).spec.containers[0];
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

fn namespace(name: &str, is_terminating: bool) -> Object {
    Object::Namespace(Arc::new(Namespace {
        name: name.into(),
        is_terminating,
        ..Namespace::default()
    }))
}

fn priority_class(name: &str, value: i32, is_default: bool) -> Object {
    Object::PriorityClass(Arc::new(PriorityClass {
        namespace: "".into(),
        name: name.into(),
        value,
        preempts: value > 0,
        is_default,
    }))
}

/// A pod with something of its behaviour stated.
fn behaving(behaviour: Behaviour) -> Arc<PodSpec> {
    Arc::new(PodSpec {
        behaviour: Some(Arc::new(behaviour)),
        ..(*pod(&[(&[], &[])])).clone()
    })
}

fn of_class(name: &str) -> Arc<PodSpec> {
    behaving(Behaviour {
        priority: TemplatePriority::Class {
            name: name.into(),
            keeps_policy: false,
        },
        ..Behaviour::default()
    })
}

#[test]
fn namespaces_have_to_be_there_where_any_is_declared_and_take_nothing_while_they_go() {
    let anywhere = |namespace: &str| {
        Arc::new(PodSpec {
            namespace: namespace.into(),
            ..(*pod(&[(&[], &[])])).clone()
        })
    };
    let mut world = World::new([]);
    assert!(world.pod(&anywhere("shop")).is_ok());
    let mut world = World::new([namespace("team", false), namespace("old", true)]);
    for (name, expected) in [
        ("team", None),
        ("default", None),
        ("kube-system", None),
        ("shop", Some("there is no namespace `shop`")),
        (
            "old",
            Some(
                "forbidden: Pod: unable to create new content in namespace old because it is \
                 being terminated",
            ),
        ),
    ] {
        assert_eq!(
            world.pod(&anywhere(name)).err().as_deref(),
            expected,
            "{name}"
        );
    }
    let object = Object::LimitRange(Arc::new(LimitRange {
        namespace: "old".into(),
        name: "bounds".into(),
        limits: Vec::new(),
    }));
    let creation = Creation::Object {
        owner: None,
        object,
    };
    let refused = world.create(&creation).expect_err("its namespace goes");
    assert!(
        refused.to_string().contains("LimitRange bounds: unable"),
        "{refused}"
    );
}

#[test]
fn classes_count_as_they_are_when_a_pod_is_made() {
    let mut world = World::new([priority_class("high", 100, false)]);
    let priority = |world: &mut World, spec: &Arc<PodSpec>| {
        let next = world.0.pods().next();
        world.pod(spec)?;
        let record = world.0.pods().get(next).expect("just created");
        let spec = &world.0.class(record.class).spec;
        Ok::<_, String>((spec.priority, spec.preempts))
    };
    let unstated = pod(&[(&[], &[])]);
    assert_eq!(priority(&mut world, &of_class("high")), Ok((100, true)));
    assert_eq!(priority(&mut world, &unstated), Ok((0, false)));
    let critical = of_class("system-node-critical");
    assert_eq!(priority(&mut world, &critical), Ok((2_000_001_000, true)));
    let missing = priority(&mut world, &of_class("low"));
    let expected = "forbidden: no PriorityClass with name low was found";
    assert_eq!(missing, Err(expected.to_owned()));
    // Of several that are to be the default the lowest counts; pods that are there keep theirs.
    for (name, value) in [("usual", 7), ("lower", -3)] {
        let object = priority_class(name, value, true);
        let creation = Creation::Object {
            owner: None,
            object,
        };
        world.create(&creation).expect("a new class");
        assert_eq!(priority(&mut world, &unstated), Ok((value, value > 0)));
    }
    let stated = behaving(Behaviour {
        priority: TemplatePriority::Stated,
        ..Behaviour::default()
    });
    assert_eq!(priority(&mut world, &stated), Ok((0, false)));
    let objects = world.0.objects();
    let id = objects.find("PriorityClass", &"".into(), &"high".into());
    let id = id.expect("it is there");
    let deleted = Event::Object(ObjectChange::Deleted { id });
    world.0.apply(Instant::ZERO, deleted).expect("it is there");
    assert!(priority(&mut world, &of_class("high")).is_err());
    let kept = world
        .0
        .pods()
        .iter()
        .map(|pod| world.0.class(pod.class).spec.priority);
    assert_eq!(kept.max(), Some(2_000_001_000));
}

//! Faults of a deployment in a small cluster, by the changes that the log has of them.

use std::sync::Arc;

use super::*;
use cluster::UsageSamples;
use model::workload::{QuotaStatus, ReplicaSet, ResourceQuota};
use model::{
    Node, Object, ObjectChange, PodCreated, PodName, PodOwner, PodSpec, PullError, ResourceList,
    ResourceUsage, Restarts,
};
use units::TenantId;

/// A replica set of pods of 1 CPU on a node of 4.
struct World {
    store: Store,
    own: Diagnostician,
    set: ObjectId,
    spec: Arc<PodSpec>,
}

fn at(secs: i64) -> Instant {
    Instant::from_secs(secs)
}

fn amounts(pairs: &[(&str, &str)]) -> ResourceList {
    let mut list = ResourceList::default();
    for (name, amount) in pairs {
        list.set(name, amount.parse().expect("a quantity"));
    }
    list
}

impl World {
    fn new(replicas: i32) -> Self {
        let spec = Arc::new(PodSpec {
            namespace: "default".into(),
            ..PodSpec::with_requests(amounts(&[("cpu", "1")]))
        });
        let mut own = Self {
            store: Store::new(),
            own: Diagnostician::default(),
            set: ObjectId::from_index(0),
            spec: Arc::clone(&spec),
        };
        own.node(at(0), "node");
        own.set = own.object(Object::ReplicaSet(Arc::new(ReplicaSet {
            namespace: "default".into(),
            name: "web".into(),
            template: spec,
            replicas,
            ..ReplicaSet::default()
        })));
        own
    }

    fn node(&mut self, now: Instant, name: &str) {
        let node = self.store.node_added(Arc::new(Node {
            name: name.into(),
            allocatable: amounts(&[("cpu", "4"), ("memory", "8Gi"), ("pods", "10")]),
            ..Node::default()
        }));
        self.tell(now, node);
    }

    fn object(&mut self, object: Object) -> ObjectId {
        let id = self.store.objects().next();
        let created = ObjectChange::Created {
            id,
            owner: None,
            object,
        };
        self.tell(self.store.now(), Event::Object(created));
        id
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers make the event for it"
    )]
    fn tell(&mut self, now: Instant, event: Event) {
        self.store.apply(now, event.clone()).expect("no conflict");
        self.own.observe(now, &event, None, &self.store);
    }

    fn create(&mut self, now: Instant) -> PodRef {
        if let Some(event) = self.store.class_added(&self.spec) {
            self.tell(now, event);
        }
        let pod = self.store.pods().next();
        let created = PodCreated {
            pod,
            class: self.store.class_of(&self.spec).expect("known"),
            name: PodName::Text(format!("web-{}", pod.id.0).into()),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: Some(PodOwner::new(self.set, 0)),
        };
        self.tell(now, Event::PodCreated(created));
        pod
    }

    fn change(&mut self, now: Instant, pod: PodRef, change: PodChange) {
        self.tell(now, Event::PodChanged { pod, change });
    }

    fn run(&mut self, now: Instant, pod: PodRef) {
        let bound = Event::PodBound {
            pod,
            node: NodeId(0),
            devices: model::DeviceSet::default(),
        };
        for event in [bound, Event::PodStarting { pod }, Event::PodRunning { pod }] {
            self.tell(now, event);
        }
        self.change(now, pod, PodChange::Ready(true));
    }

    /// The one fault: cause, when it began and was over, what was done.
    fn only(self) -> (Cause, i64, Option<i64>, [u64; 4]) {
        let found = self.own.finish();
        assert_eq!(found.len(), 1, "{found:?}");
        let own = &found[0];
        assert_eq!(&*own.object, "ReplicaSet/default/web");
        let secs = |at: Instant| at.as_nanos() / 1_000_000_000;
        let deeds = [own.made, own.restarted, own.placed, own.joined];
        (own.cause, secs(own.since), own.healed.map(secs), deeds)
    }
}

#[test]
fn pods_that_no_node_has_room_for_wait_for_one() {
    let mut world = World::new(5);
    for _ in 0..4 {
        let pod = world.create(at(0));
        world.run(at(0), pod);
    }
    let last = world.create(at(10));
    world.tell(at(10), Event::PodUnschedulable { pod: last });
    world.tell(at(20), Event::PodUnschedulable { pod: last });
    world.node(at(30), "second");
    let bound = Event::PodBound {
        pod: last,
        node: NodeId(1),
        devices: model::DeviceSet::default(),
    };
    world.tell(at(60), bound);
    world.tell(at(60), Event::PodStarting { pod: last });
    world.tell(at(62), Event::PodRunning { pod: last });
    world.change(at(65), last, PodChange::Ready(true));
    let expected = (Cause::InsufficientResources, 10, Some(65), [0, 0, 1, 1]);
    assert_eq!(world.only(), expected);
}

#[test]
fn where_a_node_has_the_room_something_else_does_not_suit() {
    let mut world = World::new(1);
    let pod = world.create(at(0));
    world.tell(at(5), Event::PodUnschedulable { pod });
    assert_eq!(world.only(), (Cause::ConstraintUnmet, 5, None, [0; 4]));
}

#[test]
fn an_image_that_can_not_be_had_is_told_until_the_pod_serves() {
    let mut world = World::new(1);
    let pod = world.create(at(0));
    let bound = Event::PodBound {
        pod,
        node: NodeId(0),
        devices: model::DeviceSet::default(),
    };
    world.tell(at(1), bound);
    world.tell(at(1), Event::PodStarting { pod });
    let failed = PodChange::Pull {
        container: 0,
        step: PullStep::Failed {
            error: PullError::RegistryUnavailable,
            again: at(12),
        },
    };
    world.change(at(2), pod, failed);
    world.tell(at(30), Event::PodRunning { pod });
    world.change(at(31), pod, PodChange::Ready(true));
    let expected = (Cause::ImageUnavailable, 2, Some(31), [0; 4]);
    assert_eq!(world.only(), expected);
}

#[test]
fn want_of_memory_explains_what_follows_from_it() {
    let mut world = World::new(1);
    let pod = world.create(at(0));
    world.run(at(0), pod);
    world.change(at(100), pod, PodChange::OomKilled { container: 0 });
    world.change(at(100), pod, PodChange::Ready(false));
    world.change(at(110), pod, PodChange::Restarted(Restarts::of_one(1)));
    world.change(at(112), pod, PodChange::Ready(true));
    let expected = (Cause::OutOfMemory, 100, Some(112), [0, 1, 0, 0]);
    assert_eq!(world.only(), expected);
}

#[test]
fn restarts_again_and_again_are_a_loop_and_a_pod_that_is_not_ready_fails_its_probe() {
    let mut world = World::new(1);
    let pod = world.create(at(0));
    world.run(at(0), pod);
    world.change(at(100), pod, PodChange::Ready(false));
    for restart in 1..=5 {
        world.change(
            at(100 + i64::from(restart)),
            pod,
            PodChange::Restarted(Restarts::of_one(restart)),
        );
    }
    let expected = (Cause::CrashLoop, 100, None, [0, 5, 0, 0]);
    assert_eq!(world.only(), expected);

    let mut world = World::new(1);
    let pod = world.create(at(0));
    world.run(at(0), pod);
    world.change(at(100), pod, PodChange::Ready(false));
    world.change(at(130), pod, PodChange::Ready(true));
    assert_eq!(world.only(), (Cause::ProbeFailed, 100, Some(130), [0; 4]));
}

#[test]
fn containers_that_start_over_with_their_node_are_part_of_its_fault() {
    let contact = |contact| Event::NodeContact {
        node: NodeId(0),
        contact,
    };
    let silent = NodeContact::Silent {
        last_heartbeat: at(99),
    };
    for (has_probe, healed) in [(false, 132), (true, 140)] {
        let mut world = World::new(2);
        let pods = [world.create(at(0)), world.create(at(0))];
        for pod in pods {
            world.run(at(0), pod);
        }
        world.tell(at(100), contact(silent));
        world.tell(at(130), contact(NodeContact::Steady));
        for (pod, secs) in pods.into_iter().zip([131, 132]) {
            world.change(at(secs), pod, PodChange::Restarted(Restarts::of_one(1)));
            if has_probe {
                world.change(at(secs), pod, PodChange::Ready(false));
            }
        }
        if has_probe {
            for pod in pods {
                world.change(at(140), pod, PodChange::Ready(true));
            }
        }
        let expected = (Cause::NodeLost, 100, Some(healed), [0, 2, 0, 0]);
        assert_eq!(world.only(), expected, "{has_probe}");
    }
}

#[test]
fn what_a_quota_refuses_is_told_until_there_is_room() {
    let quota = |used: &str, hard: &str| {
        Object::ResourceQuota(Arc::new(ResourceQuota {
            name: "small".into(),
            hard: amounts(&[("pods", hard)]),
            status: QuotaStatus {
                used: amounts(&[("pods", used)]),
                is_counted: true,
            },
            ..ResourceQuota::default()
        }))
    };
    let mut world = World::new(3);
    let id = world.object(quota("0", "2"));
    let update = |world: &mut World, now, object| {
        world.tell(now, Event::Object(ObjectChange::Updated { id, object }));
    };
    for used in ["1", "2"] {
        // The quota is charged before the pod is there: within the instant nothing is missing yet.
        update(&mut world, at(5), quota(used, "2"));
        let pod = world.create(at(5));
        world.run(at(5), pod);
    }
    world.node(at(20), "second");
    update(&mut world, at(50), quota("2", "3"));
    update(&mut world, at(50), quota("3", "3"));
    let pod = world.create(at(50));
    world.run(at(51), pod);
    let expected = (Cause::QuotaExceeded, 5, Some(50), [1, 0, 0, 1]);
    assert_eq!(world.only(), expected);
}

/// Usage that every pod would have and has, with one further pod of both.
struct Uses {
    wanted: i64,
    used: i64,
    other: Option<(PodRef, i64)>,
}

impl Uses {
    fn of(&self, pod: PodRef, own: i64) -> ResourceUsage {
        let other = self.other.filter(|(other, _)| *other == pod);
        ResourceUsage {
            cpu_milli: other.map_or(own, |(_, used)| used),
            memory_bytes: 0,
        }
    }
}

impl World {
    /// The use of all nodes changes.
    fn tell_use(&mut self, at: Instant, usage: &dyn UsageSamples) {
        let nodes = (0..self.store.nodes().len()).map(NodeId::from_index);
        let nodes: Vec<NodeId> = nodes.collect();
        let news = UsageNews {
            nodes: &nodes,
            usage,
        };
        self.own.usage(at, &self.store, news);
    }
}

impl UsageSamples for Uses {
    fn pod(&self, pod: PodRef) -> Option<ResourceUsage> {
        Some(self.of(pod, self.used))
    }

    fn wanted(&self, pod: PodRef) -> Option<ResourceUsage> {
        Some(self.of(pod, self.wanted))
    }

    fn containers(&self, _: PodRef) -> Vec<(Text, ResourceUsage)> {
        Vec::new()
    }
}

#[test]
fn pods_that_are_held_back_for_a_minute_are_throttled_until_they_are_not() {
    let mut world = World::new(1);
    let pod = world.create(at(0));
    world.run(at(0), pod);
    let looks = [
        (60, 900),
        (120, 1_000),
        (180, 500),
        (240, 500),
        (300, 1_000),
    ];
    for (secs, used) in looks {
        let uses = Uses {
            wanted: 1_000,
            used,
            other: None,
        };
        world.tell_use(at(secs), &uses);
    }
    let expected = (Cause::Throttled, 240, Some(300), [0; 4]);
    assert_eq!(world.only(), expected);
}

#[test]
fn who_keeps_to_what_it_asked_for_on_a_crowded_node_has_a_noisy_neighbor() {
    let run = |is_modelled| {
        let mut world = World::new(4);
        world.own = world.own.with_contention(is_modelled);
        let pods: Vec<PodRef> = (0..3).map(|_| world.create(at(0))).collect();
        for &pod in &pods {
            world.run(at(0), pod);
        }
        // Three pods use 900m of the 1 CPU that each asked for; the fourth takes 3.
        let noisy = world.create(at(0));
        world.run(at(0), noisy);
        let uses = Uses {
            wanted: 900,
            used: 900,
            other: Some((noisy, 3_000)),
        };
        for secs in [60, 120] {
            world.tell_use(at(secs), &uses);
        }
        world.own.finish()
    };
    assert_eq!(run(false), []);
    let found = run(true);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].cause, Cause::NoisyNeighbor);
    assert_eq!(found[0].node.as_deref(), Some("node"));
}

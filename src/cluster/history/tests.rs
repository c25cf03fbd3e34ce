use std::sync::Arc;

use model::workload::ReplicaSet;
use model::{
    EndReason, Event, Node, NodeContact, Object, ObjectChange, PodChange, PodCreated, PodName,
    PodOwner, PodRef, PodSpec, ResourceList, Restarts,
};
use units::{ClassId, Duration, Instant, NodeId, ObjectId, Quantity, TenantId};

use super::*;
use crate::check::conservation;

/// A store with a clock of seconds.
struct World {
    store: Store,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self {
            store: Store::new(),
            now: Instant::ZERO,
        }
    }

    fn apply(&mut self, event: Event) {
        self.now = self.now.saturating_add(Duration::from_secs(1));
        self.store.apply(self.now, event).expect("a change");
    }

    fn node(&mut self, name: &str) -> NodeId {
        let node = Node {
            name: name.into(),
            allocatable: ResourceList::from_pairs([
                ("cpu", Quantity::from_milli(4000)),
                ("pods", Quantity::from_milli(110_000)),
            ]),
            ..Node::default()
        };
        let added = self.store.node_added(Arc::new(node));
        self.apply(added);
        self.store.nodes().by_name(name).expect("the node")
    }

    fn class(&mut self, priority: i32) -> ClassId {
        let requests = ResourceList::from_pairs([("cpu", Quantity::from_milli(500))]);
        let spec = Arc::new(PodSpec {
            priority,
            ..PodSpec::with_requests(requests)
        });
        if let Some(added) = self.store.class_added(&spec) {
            self.apply(added);
        }
        self.store.class_of(&spec).expect("the class")
    }

    fn set(&mut self, name: &str) -> ObjectId {
        let id = self.store.objects().next();
        let set = ReplicaSet {
            name: name.into(),
            ..ReplicaSet::default()
        };
        let object = Object::ReplicaSet(set.into());
        let owner = None;
        self.apply(Event::Object(ObjectChange::Created { id, owner, object }));
        id
    }

    fn pod(&mut self, class: ClassId, owner: Option<ObjectId>) -> PodRef {
        let pod = self.store.pods().next();
        self.apply(Event::PodCreated(PodCreated {
            pod,
            class,
            name: PodName::Job(u64::from(pod.id.0)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: owner.map(|owner| PodOwner::new(owner, 0)),
        }));
        pod
    }

    fn run(&mut self, pod: PodRef, node: NodeId) {
        let devices = model::DeviceSet::EMPTY;
        self.apply(Event::PodBound { pod, node, devices });
        self.apply(Event::PodStarting { pod });
        self.apply(Event::PodRunning { pod });
        let change = PodChange::Ready(true);
        self.apply(Event::PodChanged { pod, change });
    }

    fn end(&mut self, pod: PodRef, reason: EndReason) {
        self.apply(Event::PodEnded { pod, reason });
    }
}

/// A store in which things were added, changed and removed in every way.
fn eventful() -> World {
    let mut world = World::new();
    let [lost, kept] = ["n0", "n1"].map(|name| world.node(name));
    let (old, new) = (world.class(1), world.class(2));
    let [gone, set] = ["gone", "set"].map(|name| world.set(name));
    let early = world.pod(old, Some(set));
    world.run(early, lost);
    world.end(early, EndReason::Cancelled);
    let dependent = world.pod(new, Some(gone));
    let failed = world.pod(new, Some(set));
    world.run(failed, lost);
    world.end(failed, EndReason::Error);
    let stranded = world.pod(new, Some(set));
    world.run(stranded, lost);
    world.apply(Event::NodeRemoved { node: lost });
    let again = world.node("n0");
    let running = world.pod(new, Some(set));
    world.run(running, kept);
    let change = PodChange::Restarted(Restarts::of_one(3));
    world.apply(Event::PodChanged {
        pod: running,
        change,
    });
    let change = PodChange::Terminating {
        grace: Duration::from_secs(30),
        reason: EndReason::Cancelled,
    };
    world.apply(Event::PodChanged {
        pod: dependent,
        change,
    });
    world.apply(Event::Object(ObjectChange::Deleted { id: gone }));
    let orphaned = world.set("orphaning");
    for _ in 0..2 {
        world.pod(new, Some(orphaned));
    }
    world.apply(Event::Object(ObjectChange::Orphaned { id: orphaned }));
    world.apply(Event::Object(ObjectChange::Deleted { id: orphaned }));
    world.set("orphaning");
    let last = world.set("last");
    world.apply(Event::Object(ObjectChange::Terminating { id: last }));
    let contact = NodeContact::Silent {
        last_heartbeat: world.now,
    };
    world.apply(Event::NodeContact {
        node: again,
        contact,
    });
    let ready = false;
    world.apply(Event::NodeReadiness { node: again, ready });
    let withdrawn = world.pod(old, None);
    world.end(withdrawn, EndReason::Cancelled);
    world
}

#[test]
fn a_restored_store_has_the_same_state_and_the_same_history() {
    let world = eventful();
    let history = world.store.history(world.now);
    let text = serde_json::to_string(&history).expect("a text");
    let read: History = serde_json::from_str(&text).expect("a history");
    assert_eq!(read, history);
    let restored = Store::restored(world.store.commitment(), &read).expect("a store");
    conservation(&restored).expect("a store that is consistent");
    assert_eq!(restored.history(world.now), history);
    let known = &world.store;
    assert_eq!(restored.pods().created(), known.pods().created());
    assert_eq!(restored.objects().next(), known.objects().next());
    assert_eq!(restored.pods().living(), known.pods().living());
    for pod in known.pods().iter() {
        let mut others = restored.pods().iter();
        let other = others.find(|other| other.pod.id == pod.pod.id);
        let other = other.expect("the pod");
        assert_eq!(
            (other.node(), other.phase, other.created, other.bound),
            (pod.node(), pod.phase, pod.created, pod.bound)
        );
        assert_eq!(
            restored.class(other.class).spec,
            known.class(pod.class).spec
        );
        assert_eq!(restored.identity_of(other.pod), known.identity_of(pod.pod));
        let (state, before) = (
            restored.pod_states().get(other.pod),
            known.pod_states().get(pod.pod),
        );
        assert_eq!(state, before, "{}", pod.name);
    }
    for (id, row) in known.objects().iter() {
        let other = restored.objects().get(id).expect("the object");
        assert_eq!((&other.object, other.created), (&row.object, row.created));
        assert_eq!(other.identity, row.identity);
        assert_eq!(other.turn(0), row.turn(0));
    }
    for node in known.nodes().present() {
        assert_eq!(restored.nodes().object(node), known.nodes().object(node));
        assert_eq!(
            restored.nodes().is_ready(node),
            known.nodes().is_ready(node)
        );
    }
}

#[test]
fn a_history_grows_with_what_is_there_alone() {
    let mut world = World::new();
    let node = world.node("n0");
    let class = world.class(1);
    let set = world.set("set");
    let kept = world.pod(class, Some(set));
    world.run(kept, node);
    let length = world.store.history(world.now).entries.len();
    for priority in 0..50 {
        let class = world.class(priority);
        let name = format!("set-{priority}");
        let set = world.set(&name);
        let pod = world.pod(class, Some(set));
        world.run(pod, node);
        world.end(pod, EndReason::Cancelled);
        world.apply(Event::Object(ObjectChange::Deleted { id: set }));
    }
    assert_eq!(world.store.history(world.now).entries.len(), length);
}

#[test]
fn a_history_that_fits_no_store_is_refused() {
    let world = eventful();
    let mut history = world.store.history(world.now);
    history.entries.reverse();
    assert!(Store::restored(world.store.commitment(), &history).is_err());
}

//! Tests of writes that meet what others changed meanwhile.

use proptest::prelude::*;

use super::*;
use crate::Outbox;
use model::workload::ReplicaSet;
use model::{Object, TaintEffect};
use units::{Instant, NodeId};

const NODE: NodeId = NodeId::from_index(0);

fn taint(key: u8, value: u8) -> Taint {
    Taint {
        key: format!("t{key}").as_str().into(),
        value: format!("v{value}").as_str().into(),
        effect: TaintEffect::NoSchedule,
    }
}

/// A change of a node: taints and labels by key, with a value or none of that key, and a cordon.
#[derive(Clone, Debug, Default)]
struct Change {
    taints: Vec<(u8, Option<u8>)>,
    labels: Vec<(u8, Option<u8>)>,
    cordon: Option<bool>,
}

impl Change {
    fn of(&self, node: &Node) -> Node {
        let mut node = node.clone();
        for &(key, value) in &self.taints {
            let own = taint(key, 0);
            node.taints.retain(|known| known.key != own.key);
            node.taints.extend(value.map(|value| taint(key, value)));
        }
        for &(key, value) in &self.labels {
            let key = format!("l{key}");
            match value {
                Some(value) => {
                    let value = format!("v{value}");
                    node.labels
                        .insert(key.as_str().into(), value.as_str().into());
                }
                None => drop(node.labels.remove(&key)),
            }
        }
        node.unschedulable = self.cordon.unwrap_or(node.unschedulable);
        node
    }
}

/// Changes that touch keys of one parity alone, and the cordon where it is even.
fn change(odd: bool) -> impl Strategy<Value = Change> {
    let keyed = || {
        let key = (0_u8..3).prop_map(move |key| 2 * key + u8::from(odd));
        prop::collection::vec((key, prop::option::of(0_u8..3)), 0..4)
    };
    let cordon = prop::option::of(any::<bool>()).prop_map(move |own| own.filter(|_| !odd));
    (keyed(), keyed(), cordon).prop_map(|(taints, labels, cordon)| Change {
        taints,
        labels,
        cordon,
    })
}

/// The same node whatever the order of its taints.
fn sorted(mut node: Node) -> Node {
    node.taints
        .sort_by(|a, b| (&a.key, &a.value).cmp(&(&b.key, &b.value)));
    node
}

/// A store with one node; what a writer that sees `view` asks for becomes of it.
fn write(store: &mut Store, view: &Store, object: Node) {
    let mut out = Outbox::default();
    let object = Arc::new(object);
    out.write(view, Event::NodeUpdated { node: NODE, object });
    let taken = OwnWrites::default().taken(store, &out.writes[0]);
    if let Some(event) = taken.expect("a node takes every write") {
        store.apply(Instant::ZERO, event).expect("a node is there");
    }
}

fn store_of(object: Node) -> Store {
    let mut store = Store::new();
    let joined = store.node_added(Arc::new(object));
    store.apply(Instant::ZERO, joined).expect("a new node");
    store
}

proptest! {
    /// Writers that see a node late, and change different things of it, lose nothing of each other,
    /// whichever is first; a write that comes twice changes nothing.
    #[test]
    fn late_writers_keep_what_others_changed(
        first in change(false), second in change(true), before in (change(false), change(true)),
    ) {
        let begin = before.1.of(&before.0.of(&Node::default()));
        let view = store_of(begin.clone());
        let mut store = store_of(begin.clone());
        write(&mut store, &view, first.of(&begin));
        write(&mut store, &view, second.of(&begin));
        let known = Node::clone(store.nodes().object(NODE).unwrap());
        prop_assert_eq!(sorted(known.clone()), sorted(second.of(&first.of(&begin))));
        let mut other = store_of(begin.clone());
        write(&mut other, &view, second.of(&begin));
        write(&mut other, &view, first.of(&begin));
        let swapped = Node::clone(other.nodes().object(NODE).unwrap());
        prop_assert_eq!(sorted(known.clone()), sorted(swapped));
        write(&mut store, &view, second.of(&begin));
        prop_assert_eq!(&known, &**store.nodes().object(NODE).unwrap());
    }

    /// What a writer sees as it is becomes what it wants, to the order of the taints.
    #[test]
    fn one_that_sees_the_present_has_its_way(before in change(true), own in change(false), more in change(true)) {
        let begin = before.of(&Node::default());
        let mut store = store_of(begin.clone());
        let wanted = more.of(&own.of(&begin));
        let view = store.fork();
        write(&mut store, &view, wanted.clone());
        prop_assert_eq!(&wanted, &**store.nodes().object(NODE).unwrap());
    }

    /// Of objects, a writer has all of its changes since it looked made, up to the first change by
    /// another that it has not seen.
    #[test]
    fn objects_refuse_writers_that_missed_a_change(others in prop::collection::vec(any::<bool>(), 1..12)) {
        let mut store = Store::new();
        let id = store.objects().next();
        let object = |replicas| {
            Object::ReplicaSet(Arc::new(ReplicaSet { replicas, ..ReplicaSet::default() }))
        };
        let created = ObjectChange::Created { id, owner: None, object: object(0) };
        store.apply(Instant::ZERO, Event::Object(created)).expect("a new object");
        let mut out = Outbox::default();
        let change = |replicas| {
            Event::Object(ObjectChange::Updated { id, object: object(replicas) })
        };
        let mut own = OwnWrites::default();
        let mut missed = false;
        for (replicas, by_other) in (1..).zip(others) {
            let change = change(replicas);
            if by_other {
                store.apply(Instant::ZERO, change.clone()).expect("an object that is there");
                missed = true;
                continue;
            }
            out.clear();
            out.write(&store, change.clone());
            out.writes[0].decided_on = Revision(1);
            let at = Revision(store.revision().0 + 1);
            match own.taken(&store, &out.writes[0]) {
                Ok(event) => {
                    prop_assert!(!missed);
                    store.apply(Instant::ZERO, event.unwrap()).expect("an object that is there");
                    own.made(&out.writes[0], at);
                    // The same again is no change, and none that others would have to see.
                    prop_assert_eq!(own.taken(&store, &out.writes[0]), Ok(None));
                }
                Err(conflict) => prop_assert!(missed && conflict == Conflict::Stale),
            }
        }
        // Once it has looked, it knows of others' changes, and no longer of its own.
        own.clear();
        out.clear();
        out.write(&store, change(0));
        prop_assert!(own.taken(&store, &out.writes[0]).is_ok());
    }
}

//! The store is a function of its log: replaying the log gives the same state, views that lag catch
//! up to it, nothing derived drifts, and what is refused changes nothing.

use std::sync::Arc;

use proptest::prelude::*;
use windtunnel::cluster::check::conservation;
use windtunnel::cluster::{Digest, Store, View};
use windtunnel::model::event::Hold;
use windtunnel::model::{
    DeviceSet, EndReason, Event, GpuInventory, GpuRequest, Node, PodCreated, PodName, PodRef,
    PodSpec, ResourceList,
};
use windtunnel::units::{
    ClassId, ComponentId, Duration, Instant, NodeId, PodId, PodSlot, Quantity, Resources, Revision,
    TenantId,
};

/// One attempt to change a store; indexes are taken modulo what is there.
#[derive(Clone, Debug)]
enum Attempt {
    AddNode { cpu: i64, devices: u8 },
    Cordon { node: u32, unschedulable: bool },
    Ready { node: u32, ready: bool },
    RemoveNode { node: u32 },
    Create { cpu: i64, devices: u8, milli: u16 },
    Bind { pod: u32, node: u32, devices: u64 },
    Start { pod: u32 },
    Run { pod: u32 },
    End { pod: u32 },
    Hold { node: u32, number: u64, cpu: i64 },
    Release { number: u64 },
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let attempt =
        prop_oneof![
            (1_i64..64, 0_u8..5).prop_map(|(cpu, devices)| Attempt::AddNode { cpu, devices }),
            (any::<u32>(), any::<bool>()).prop_map(|(node, unschedulable)| Attempt::Cordon {
                node,
                unschedulable
            }),
            (any::<u32>(), any::<bool>()).prop_map(|(node, ready)| Attempt::Ready { node, ready }),
            any::<u32>().prop_map(|node| Attempt::RemoveNode { node }),
            (0_i64..16, 0_u8..3, 1_u16..=1_000).prop_map(|(cpu, devices, milli)| Attempt::Create {
                cpu,
                devices,
                milli
            }),
            (any::<u32>(), any::<u32>(), 0_u64..32)
                .prop_map(|(pod, node, devices)| Attempt::Bind { pod, node, devices }),
            any::<u32>().prop_map(|pod| Attempt::Start { pod }),
            any::<u32>().prop_map(|pod| Attempt::Run { pod }),
            any::<u32>().prop_map(|pod| Attempt::End { pod }),
            (any::<u32>(), 0_u64..8, 0_i64..8).prop_map(|(node, number, cpu)| Attempt::Hold {
                node,
                number,
                cpu
            }),
            (0_u64..8).prop_map(|number| Attempt::Release { number }),
        ];
    proptest::collection::vec(attempt, 1..200)
}

fn node_at(store: &Store, index: u32) -> NodeId {
    NodeId(index % store.nodes().len().max(1) as u32)
}

/// A living pod if there is any, else one that never was.
fn pod_at(store: &Store, index: u32) -> PodRef {
    let living: Vec<PodRef> = store.pods().iter().map(|pod| pod.pod).collect();
    let nobody = PodRef {
        id: PodId(u32::MAX - 1),
        slot: PodSlot(0),
    };
    living
        .get(index as usize % living.len().max(1))
        .copied()
        .unwrap_or(nobody)
}

fn added_node(store: &Store, cpu: i64, devices: u8) -> Event {
    store.node_added(Arc::new(Node {
        name: format!("node-{}", store.nodes().len()).into(),
        allocatable: ResourceList::from_pairs([
            ("cpu", Quantity::from_units(cpu)),
            ("memory", Quantity::from_units(1 << 30)),
            ("pods", Quantity::from_units(8)),
        ]),
        gpu: (devices > 0).then(|| GpuInventory {
            devices,
            model: "T4".into(),
        }),
        ..Node::default()
    }))
}

fn created_pod(
    store: &mut Store,
    now: Instant,
    (cpu, devices, milli_per_device): (i64, u8, u16),
) -> Event {
    let requests = ResourceList::from_pairs([("cpu", Quantity::from_units(cpu))]);
    let spec = Arc::new(PodSpec {
        gpu: GpuRequest {
            devices,
            milli_per_device,
            models: Vec::new(),
        },
        ..PodSpec::with_requests(requests)
    });
    if let Some(added) = store.class_added(&spec) {
        store.apply(now, added).expect("a new class");
    }
    Event::PodCreated(PodCreated {
        pod: store.pods().next(),
        class: store.class_of(&spec).unwrap_or(ClassId(u32::MAX - 1)),
        name: PodName::Job(1),
        tenant: TenantId(0),
        gang: None,
        time_limit: None,
        estimate: None,
        found: None,
        owner: None,
    })
}

fn event_of(store: &mut Store, attempt: &Attempt, now: Instant) -> Event {
    match *attempt {
        Attempt::AddNode { cpu, devices } => added_node(store, cpu, devices),
        Attempt::Cordon {
            node,
            unschedulable,
        } => {
            let node = node_at(store, node);
            let object = store.nodes().object(node).cloned().unwrap_or_default();
            Event::NodeUpdated {
                node,
                object: Arc::new(Node {
                    unschedulable,
                    ..(*object).clone()
                }),
            }
        }
        Attempt::Ready { node, ready } => Event::NodeReadiness {
            node: node_at(store, node),
            ready,
        },
        Attempt::RemoveNode { node } => Event::NodeRemoved {
            node: node_at(store, node),
        },
        Attempt::Create {
            cpu,
            devices,
            milli,
        } => created_pod(store, now, (cpu, devices, milli)),
        Attempt::Bind { pod, node, devices } => Event::PodBound {
            pod: pod_at(store, pod),
            node: node_at(store, node),
            devices: DeviceSet(devices),
        },
        Attempt::Start { pod } => Event::PodStarting {
            pod: pod_at(store, pod),
        },
        Attempt::Run { pod } => Event::PodRunning {
            pod: pod_at(store, pod),
        },
        Attempt::End { pod } => Event::PodEnded {
            pod: pod_at(store, pod),
            reason: EndReason::Completed,
        },
        Attempt::Hold { node, number, cpu } => Event::HoldPlaced(Arc::new(Hold {
            owner: ComponentId(0),
            number,
            node: node_at(store, node),
            resources: Resources {
                cpu_milli: cpu * 1_000,
                ..Resources::default()
            },
            devices: DeviceSet::EMPTY,
            milli_per_device: 0,
            until: None,
        })),
        Attempt::Release { number } => Event::HoldReleased {
            owner: ComponentId(0),
            number,
        },
    }
}

/// Everything that a store shows, as text.
fn shown(store: &Store) -> String {
    let nodes = store.nodes();
    let rows: Vec<_> = nodes
        .ids()
        .map(|node| {
            (
                nodes.object(node).cloned(),
                nodes.free().row(node),
                nodes.gpu_room(node).to_vec(),
                nodes.pods(node).to_vec(),
                nodes.schedulable()[node.index()],
            )
        })
        .collect();
    let pods: Vec<_> = store.pods().iter().cloned().collect();
    let holds: Vec<_> = store.holds().cloned().collect();
    format!("{rows:?} {pods:?} {holds:?} {:?}", store.pods().next())
}

proptest! {
    #[test]
    fn the_store_is_a_function_of_its_log(attempts in attempts()) {
        let mut store = Store::new();
        let mut view = View::new(&store, Duration::from_secs(3));
        let (mut digest, mut digested) = (Digest::new(), Revision::default());
        let mut now = Instant::ZERO;
        for attempt in &attempts {
            now += Duration::from_secs(1);
            let event = event_of(&mut store, attempt, now);
            let before = shown(&store);
            if store.apply(now, event).is_err() {
                prop_assert_eq!(shown(&store), before, "a refused change left a trace");
            }
            for entry in store.log().since(digested) {
                digest.event(now, &entry.event);
            }
            digested = store.revision();
            prop_assert_eq!(conservation(&store), Ok(()));
            view.advance(&store, now);
        }
        let mut replayed = Store::new();
        let mut again = Digest::new();
        for entry in store.log().since(Revision::default()) {
            replayed.apply(entry.at, entry.event.clone()).expect("it was accepted before");
            again.event(entry.at, &entry.event);
        }
        prop_assert_eq!(shown(&replayed), shown(&store));
        prop_assert_eq!(digest.value(), again.value());
        view.advance(&store, now + Duration::from_secs(3));
        prop_assert_eq!(shown(view.store()), shown(&store));
        prop_assert_eq!(view.cursor(), store.revision());
    }
}

#[test]
fn a_refused_declaration_leaves_no_names_behind() {
    let mut store = Store::new();
    let named = |store: &Store, name: &str, model: &str| {
        let mut node = Node {
            name: name.into(),
            gpu: Some(GpuInventory {
                devices: 1,
                model: model.into(),
            }),
            ..Node::default()
        };
        let resource = format!("example.com/{model}");
        node.allocatable.set(&resource, Quantity::from_units(1));
        store.node_added(Arc::new(node))
    };
    let first = named(&store, "a", "T4");
    store.apply(Instant::ZERO, first).expect("a new node");
    let again = named(&store, "a", "P100");
    assert!(store.apply(Instant::ZERO, again).is_err());
    assert_eq!((store.extended().len(), store.gpu_models().len()), (1, 1));
}

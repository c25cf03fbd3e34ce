//! Places that are found with numbers that are kept from one decision to the next.

use proptest::prelude::*;

use super::*;
use crate::topology::{PlaceRequests, PodSetFlavors, Usage};
use crate::workload::DomainUse;
use model::queueing::TopologySlice;

const HOST: &str = "kubernetes.io/hostname";

/// A change of the nodes or their usage, or a set of pods that asks for places.
#[derive(Clone, Debug)]
enum Step {
    Use {
        host: usize,
        pods: i64,
        is_back: bool,
    },
    Foreign {
        host: usize,
    },
    Ask {
        pods: i64,
        each: i64,
        wish: usize,
        slice: i64,
        fills: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let used = (0..6_usize, 1..4_i64, any::<bool>());
    let used = used.prop_map(|(host, pods, is_back)| Step::Use {
        host,
        pods,
        is_back,
    });
    let asked = (1..9_i64, 1..3_i64, 0..6_usize, 1..3_i64, any::<bool>());
    let asked = asked.prop_map(|(pods, each, wish, slice, fills)| Step::Ask {
        pods,
        each,
        wish,
        slice,
        fills,
    });
    let foreign = (0..6_usize).prop_map(|host| Step::Foreign { host });
    prop::collection::vec(prop_oneof![6 => used, 1 => foreign, 6 => asked], 1..60)
}

/// A node: every second one of a rack has a taint.
fn node(number: usize) -> Node {
    let labels = [
        ("block", format!("b{}", number / 4)),
        ("rack", format!("r{}", number / 2)),
        (HOST, format!("n{number}")),
    ];
    let labels = labels.map(|(key, value)| (key.into(), value.as_str().into()));
    let room = Quantity::from_units(2 + i64::try_from(number).unwrap_or(0));
    let taint = model::Taint {
        key: "odd".into(),
        value: "".into(),
        effect: model::TaintEffect::NoSchedule,
    };
    Node {
        name: format!("n{number}").into(),
        labels: labels.into_iter().collect(),
        allocatable: ResourceList::from_pairs([("gpu", room), ("pods", Quantity::from_units(7))]),
        taints: if number == 3 { vec![taint] } else { Vec::new() },
        ..Node::default()
    }
}

fn ask(pods: i64, each: i64, wish: usize, slice: i64) -> QueuedWorkload {
    let mut asked = workload(0, "a", pods * slice, 0);
    let requests = ResourceList::from_pairs([("gpu", Quantity::from_units(each))]);
    asked.pod_sets[0].spec = Arc::new(PodSpec::with_requests(requests));
    let wish = match wish {
        0 => Some(TopologyConstraint::Required("rack".into())),
        1 => Some(TopologyConstraint::Preferred("rack".into())),
        2 => Some(TopologyConstraint::Required("block".into())),
        3 => Some(TopologyConstraint::Unconstrained),
        4 => Some(TopologyConstraint::Preferred(HOST.into())),
        _ => None,
    };
    let slices = (slice > 1).then(|| TopologySlice {
        level: "rack".into(),
        size: slice,
    });
    asked.pod_sets[0].topology = Some(TopologyRequest {
        wish,
        slices: slices.into_iter().collect(),
        ..TopologyRequest::default()
    });
    asked
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn kept_numbers_are_as_if_they_were_computed_anew(steps in steps()) {
        let objects = QueueingObjects {
            flavors: vec![flavor(Some("t"))],
            queues: vec![queue("a", group(100, None, None), QueuePreemption::default())],
            topologies: vec![Topology {
                name: "t".into(),
                levels: ["block", "rack", HOST].map(Into::into).to_vec(),
            }],
            ..QueueingObjects::default()
        };
        let mut snapshot = Snapshot::new(Settings::default(), &objects);
        for number in 0..6 {
            snapshot.add_node(&node(number)).expect("the amounts are small");
        }
        let flavor = snapshot.names.flavor("f");
        let gpu = snapshot.names.resource("gpu");
        let id = snapshot.queue_named("a").expect("the queue is there");
        for step in steps {
            match step {
                Step::Use { host, pods, is_back } => {
                    let own = DomainUse {
                        flavor,
                        values: vec![format!("n{host}").into()],
                        count: if is_back { -pods } else { pods },
                        single: vec![(gpu, 1)],
                    };
                    snapshot.topologies.add(&own);
                }
                Step::Foreign { host } => {
                    let requests = ResourceList::from_pairs([("gpu", Quantity::from_units(1))]);
                    snapshot.add_foreign_pod(&format!("n{host}"), &requests);
                }
                Step::Ask { pods, each, wish, slice, fills } => {
                    snapshot.settings.fills_smallest = fills;
                    let asked = Arc::new(ask(pods, each, wish, slice));
                    let pending = PendingWorkload::new(asked, id, &mut snapshot.names);
                    let pending = pending.expect("the amounts are small");
                    let set = PodSetFlavors { index: 0, count: pods * slice, flavors: vec![flavor] };
                    let sets = std::iter::once(set);
                    let places = PlaceRequests::new(snapshot.ground(), false, &pending, sets);
                    for usage in [Usage::Present, Usage::Nothing] {
                        let plain = places.place(snapshot.ground(), usage);
                        prop_assert_eq!(snapshot.have_places(&places, usage), plain.is_ok());
                        prop_assert_eq!(snapshot.find_places(&places, usage), plain);
                    }
                }
            }
        }
    }
}

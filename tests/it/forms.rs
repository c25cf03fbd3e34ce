//! The incremental form decides as the plain one, after every step, for every profile: small random
//! clusters with arrivals, departures, cordons, failures, new declarations and new nodes.

use std::sync::Arc;

use proptest::prelude::*;
use windtunnel::cluster::Store;
use windtunnel::cluster::check::conservation;
use windtunnel::cluster::fragmentation::{Shape, TypicalPods};
use windtunnel::model::{
    EndReason, Event, GpuInventory, GpuRequest, Node, PodCreated, PodName, PodRef, PodSpec,
    ResourceList, Taint, TaintEffect, Toleration,
};
use windtunnel::policy::profiles::PROFILES;
use windtunnel::policy::{ProfileChoice, Setup, build_profile};
use windtunnel::scheduler::ClassContext;
use windtunnel::scheduler::pipeline::cycle::{Cycle, Decision};
use windtunnel::scheduler::pipeline::evaluate::{Form, rejections};
use windtunnel::units::{ClassId, Instant, NodeId, Quantity, TenantId};

const MODELS: [&str; 2] = ["T4", "G2"];
const DISKS: [&str; 2] = ["ssd", "hdd"];

/// A node by small numbers: cores, GiB, devices, and which model, disk and taint it has.
#[derive(Clone, Copy, Debug)]
struct NodeDraw {
    cores: i64,
    gib: i64,
    devices: u8,
    model: usize,
    disk: usize,
    tainted: bool,
    cordoned: bool,
}

/// A class by small numbers; amounts of 0 are not stated.
#[derive(Clone, Copy, Debug)]
struct ClassDraw {
    cpu_milli: i64,
    gib: i64,
    gpu: (u8, u16),
    model: Option<usize>,
    disk: Option<usize>,
    tolerant: bool,
}

/// What happens next; indexes are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive(usize),
    Depart(usize),
    Ready(usize, bool),
    Declare(usize, NodeDraw),
    Join(NodeDraw),
}

fn node_draw() -> impl Strategy<Value = NodeDraw> {
    let shape = (1..=16_i64, 1..=32_i64, 0..=4_u8);
    let kinds = (
        0..2_usize,
        0..2_usize,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    );
    (shape, kinds).prop_map(
        |((cores, gib, devices), (model, disk, tainted, cordoned))| NodeDraw {
            cores,
            gib,
            devices,
            model,
            disk,
            tainted,
            cordoned,
        },
    )
}

fn class_draw() -> impl Strategy<Value = ClassDraw> {
    let gpu = prop_oneof![
        3 => Just((0, 0)),
        4 => (1..10_u16).prop_map(|tenths| (1, tenths * 100)),
        2 => (1..=3_u8).prop_map(|devices| (devices, 1_000)),
    ];
    let choice = || prop::option::weighted(0.3, 0..2_usize);
    (
        0..=4_000_i64,
        0..=8_i64,
        gpu,
        choice(),
        choice(),
        any::<bool>(),
    )
        .prop_map(|(cpu_milli, gib, gpu, model, disk, tolerant)| ClassDraw {
            cpu_milli,
            gib,
            gpu,
            model,
            disk,
            tolerant,
        })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any::<usize>().prop_map(Step::Arrive),
        5 => any::<usize>().prop_map(Step::Depart),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(node, ready)| Step::Ready(node, ready)),
        1 => (any::<usize>(), node_draw()).prop_map(|(node, draw)| Step::Declare(node, draw)),
        1 => node_draw().prop_map(Step::Join),
    ]
}

fn node(name: &str, devices: u8, draw: NodeDraw) -> Arc<Node> {
    let taint = Taint {
        key: "own".into(),
        value: "".into(),
        effect: TaintEffect::NoSchedule,
    };
    Arc::new(Node {
        name: name.into(),
        labels: [("disk".into(), DISKS[draw.disk].into())].into(),
        taints: draw.tainted.then_some(taint).into_iter().collect(),
        unschedulable: draw.cordoned,
        allocatable: ResourceList::from_pairs([
            ("cpu", Quantity::from_units(draw.cores)),
            ("memory", Quantity::from_units(draw.gib << 30)),
            ("pods", Quantity::from_units(6)),
        ]),
        gpu: (devices > 0).then(|| GpuInventory {
            devices,
            model: MODELS[draw.model].into(),
        }),
        ..Node::default()
    })
}

fn class(draw: ClassDraw) -> Arc<PodSpec> {
    let mut requests = ResourceList::default();
    if draw.cpu_milli > 0 {
        requests.set("cpu", Quantity::from_milli(draw.cpu_milli));
    }
    if draw.gib > 0 {
        requests.set("memory", Quantity::from_units(draw.gib << 30));
    }
    let mut spec = PodSpec::with_requests(requests);
    spec.gpu = GpuRequest {
        devices: draw.gpu.0,
        milli_per_device: draw.gpu.1,
        models: draw
            .model
            .map(|model| MODELS[model].into())
            .into_iter()
            .collect(),
    };
    spec.node_selector = draw
        .disk
        .map(|disk| ("disk".into(), DISKS[disk].into()))
        .into_iter()
        .collect();
    if draw.tolerant {
        let own = Some("own".into());
        spec.tolerations.push(Toleration {
            key: own,
            value: None,
            effect: None,
            tolerates_for: None,
        });
    }
    Arc::new(spec)
}

/// A cluster and both forms of one profile.
struct Bench {
    store: Store,
    specs: Vec<ClassId>,
    placed: Vec<PodRef>,
    plain: Cycle,
    incremental: Cycle,
}

impl Bench {
    fn new(profile: &str, nodes: &[NodeDraw], classes: &[ClassDraw]) -> Self {
        let mut store = Store::new();
        for &draw in nodes {
            let object = node(&format!("n{}", store.nodes().len()), draw.devices, draw);
            let event = store.node_added(object);
            apply(&mut store, event);
        }
        let specs = classes.iter().map(|&draw| {
            let object = class(draw);
            if let Some(event) = store.class_added(&object) {
                apply(&mut store, event);
            }
            store.class_of(&object).expect("the class was added")
        });
        let specs: Vec<ClassId> = specs.collect();
        let shapes = classes.iter().map(|draw| Shape {
            cpu_milli: draw.cpu_milli,
            gpu_milli: i64::from(draw.gpu.1),
            devices: i64::from(draw.gpu.0),
            models: draw
                .model
                .map_or_else(String::new, |model| MODELS[model].to_owned()),
        });
        let typical =
            TypicalPods::of_workload(shapes, 0.95, |shape| shape.columns(store.gpu_models()));
        let setup = Setup {
            seed: 11,
            typical_pods: Arc::new(typical),
            ..Setup::default()
        };
        let profile =
            build_profile(&ProfileChoice::named(profile), &setup).expect("a known profile");
        Self {
            store,
            specs,
            placed: Vec::new(),
            plain: Cycle::new(profile.clone(), Form::Plain),
            incremental: Cycle::new(profile, Form::Incremental),
        }
    }

    fn step(&mut self, step: Step) {
        let nodes = self.store.nodes();
        let target = |index: usize| NodeId::from_index(index % nodes.len());
        match step {
            Step::Arrive(class) => self.arrive(self.specs[class % self.specs.len()]),
            Step::Depart(_) if self.placed.is_empty() => {}
            Step::Depart(index) => {
                let pod = self.placed.swap_remove(index % self.placed.len());
                apply(
                    &mut self.store,
                    Event::PodEnded {
                        pod,
                        reason: EndReason::Completed,
                    },
                );
            }
            Step::Ready(index, ready) => {
                let node = target(index);
                apply(&mut self.store, Event::NodeReadiness { node, ready });
            }
            Step::Declare(index, draw) => {
                let id = target(index);
                let devices = nodes.gpu_room(id).len() as u8;
                let object = node(nodes.name(id), devices, draw);
                apply(&mut self.store, Event::NodeUpdated { node: id, object });
            }
            Step::Join(draw) => {
                let event =
                    self.store
                        .node_added(node(&format!("n{}", nodes.len()), draw.devices, draw));
                apply(&mut self.store, event);
            }
        }
        conservation(&self.store).expect("nothing is lost");
    }

    fn arrive(&mut self, class: ClassId) {
        let pod = self.store.pods().next();
        let created = PodCreated {
            pod,
            class,
            name: PodName::Job(u64::from(pod.id.0)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        };
        apply(&mut self.store, Event::PodCreated(created));
        let record = self.store.pods().get(pod).expect("the pod lives").clone();
        let now = Instant::default();
        let decision = self.plain.attempt(now, &self.store, &record);
        let incremental = self.incremental.attempt(now, &self.store, &record);
        assert_eq!(
            decision, incremental,
            "plain (left) and incremental (right) part"
        );
        let ctx = ClassContext::new(now, &self.store, class);
        let rejected = |node| !rejections(&self.incremental.profile, &ctx, node).is_empty();
        match decision {
            Decision::Place(placement) => {
                assert!(!rejected(placement.node), "every filter lets the pod there");
                let binding = self.plain.bind(&record, placement);
                apply(&mut self.store, binding);
                self.placed.push(pod);
            }
            Decision::Unschedulable(_) => {
                assert!(
                    self.store.nodes().ids().all(rejected),
                    "some node would take the pod"
                );
                apply(
                    &mut self.store,
                    Event::PodEnded {
                        pod,
                        reason: EndReason::Rejected,
                    },
                );
            }
            Decision::Hold(..) | Decision::Refused => panic!("no plugin waits or refuses"),
        }
    }
}

fn apply(store: &mut Store, event: Event) {
    store
        .apply(Instant::default(), event)
        .expect("the store takes the change");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn both_forms_decide_alike(
        // Beyond what one group of an index holds, now and then.
        nodes in prop_oneof![
            4 => prop::collection::vec(node_draw(), 1..12),
            1 => prop::collection::vec(node_draw(), 60..80),
        ],
        classes in prop::collection::vec(class_draw(), 1..8),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        for profile in PROFILES {
            let mut bench = Bench::new(profile.name, &nodes, &classes);
            for &step in &steps {
                bench.step(step);
            }
        }
    }
}

//! Claims on devices under kube-scheduler and the claim controller, over random operations and failures:
//! the store's view of who has which device is held to its rules after each.

use std::sync::Arc;

use proptest::prelude::*;

use super::registry;
use super::{SystemOptions, SystemRequest};
use crate::kubernetes::{KubeRequest, NamedScheduler};
use cluster::Store;
use control::admission::admit;
use control::{Component, Outbox, OwnWrites};
use model::dra::{
    ClaimRequest, ClaimSource, Device, DeviceClass, DeviceCount, DeviceId, DeviceObjects,
    DeviceRequest, PodClaim, PodClaims, RequestedDevices, ResourceClaim, ResourceSlice, SliceNodes,
};
use model::{
    ClusterObjects, EndReason, Event, Node, Object, ObjectChange, PodCreated, PodRef, PodSpec,
    ResourceList,
};
use scheduler::pipeline::evaluate::Form;
use units::{Duration, Instant, NodeId, Quantity, SortedMap, TenantId};

const NODES: usize = 3;

fn slice(node: usize) -> ResourceSlice {
    let device = |name: &str| Device {
        name: name.into(),
        attributes: [].into(),
        capacity: [].into(),
        has_binding_conditions: false,
    };
    ResourceSlice {
        name: format!("slice-{node}").into(),
        driver: "drv".into(),
        pool: format!("n{node}").into(),
        generation: 1,
        slice_count: 1,
        nodes: SliceNodes::Named(format!("n{node}").into()),
        devices: vec![device("a"), device("b"), device("c")],
    }
}

fn claim(name: &str, requests: &[u64]) -> ResourceClaim {
    let request = |(place, &count): (usize, &u64)| ClaimRequest {
        name: format!("r{place}").into(),
        devices: RequestedDevices::Exactly(DeviceRequest {
            class: "any".into(),
            selectors: Vec::new(),
            count: DeviceCount::Exact(count),
            admin_access: false,
        }),
    };
    ResourceClaim {
        namespace: "default".into(),
        name: name.into(),
        requests: requests.iter().enumerate().map(request).collect(),
        ..ResourceClaim::default()
    }
}

fn objects() -> ClusterObjects {
    let mut devices = DeviceObjects::default();
    Arc::make_mut(&mut devices.slices).extend((0..NODES).map(slice));
    let class = DeviceClass {
        name: "any".into(),
        selectors: Vec::new(),
    };
    Arc::make_mut(&mut devices.classes).insert("any".into(), class);
    for (name, requests) in [("one", &[1][..]), ("two", &[1, 1])] {
        let key = ("default".into(), name.into());
        Arc::make_mut(&mut devices.templates).insert(key, claim(name, requests));
    }
    devices.put(Arc::new(claim("shared", &[1])));
    ClusterObjects {
        devices,
        ..ClusterObjects::default()
    }
}

fn spec(kind: usize) -> Arc<PodSpec> {
    let entry = |name: &str, source| PodClaim {
        name: name.into(),
        source,
    };
    let own = |template: &str| ClaimSource::Template(template.into());
    let claims = match kind {
        0 => vec![entry("x", own("one"))],
        1 => vec![entry("x", own("two"))],
        2 => vec![entry("s", ClaimSource::Named("shared".into()))],
        3 => vec![
            entry("s", ClaimSource::Named("shared".into())),
            entry("x", own("one")),
        ],
        _ => Vec::new(),
    };
    let requests = ResourceList::from_pairs([("cpu", Quantity::from_units(1))]);
    Arc::new(PodSpec {
        namespace: "default".into(),
        device_claims: PodClaims(claims),
        ..PodSpec::with_requests(requests)
    })
}

/// A cluster with its components, which meet in the store alone.
struct World {
    store: Store,
    components: Vec<Box<dyn Component>>,
    wakes: Vec<Option<Instant>>,
    settings: Settings,
    now: Instant,
    pods: Vec<PodRef>,
    created: usize,
}

/// Settings of the schedulers.
#[derive(Clone, Copy, Debug)]
struct Settings {
    schedulers: usize,
    binding_time: Duration,
    form: Form,
}

impl Settings {
    const ONE: Self = Self {
        schedulers: 1,
        binding_time: Duration::ZERO,
        form: Form::Incremental,
    };
}

fn components(settings: Settings) -> Vec<Box<dyn Component>> {
    let Settings {
        schedulers,
        binding_time,
        form,
    } = settings;
    let named = |number: usize| NamedScheduler {
        name: format!("s{number}").into(),
        ..NamedScheduler::default()
    };
    let kube = KubeRequest {
        objects: objects(),
        binding_time,
        takes_first: true,
        schedulers: if schedulers > 1 {
            (0..schedulers).map(named).collect()
        } else {
            Vec::new()
        },
        ..KubeRequest::default()
    };
    let request = SystemRequest {
        options: SystemOptions::default().with(kube),
        form,
        ..SystemRequest::of("default")
    };
    let entry = registry::find("kubernetes").expect("the system is registered");
    (entry.build)(&request).expect("it is built").components
}

impl World {
    fn new(settings: Settings) -> Self {
        let components = components(settings);
        let mut world = Self {
            store: Store::new(),
            wakes: vec![None; components.len()],
            components,
            settings,
            now: Instant::ZERO,
            pods: Vec::new(),
            created: 0,
        };
        for number in 0..NODES {
            let node = Node {
                name: format!("n{number}").into(),
                allocatable: ResourceList::from_pairs([
                    ("cpu", Quantity::from_units(4)),
                    ("pods", Quantity::from_units(10)),
                ]),
                ..Node::default()
            };
            let joined = world.store.node_added(Arc::new(node));
            world.apply(joined);
        }
        for claim in objects().devices.claims() {
            let id = world.store.objects().next();
            let object = Object::ResourceClaim(Arc::clone(claim));
            let owner = None;
            world.apply(Event::Object(ObjectChange::Created { id, owner, object }));
        }
        world.settle();
        world
    }

    fn apply(&mut self, event: Event) {
        self.store
            .apply(self.now, event)
            .expect("a possible change");
    }

    fn create(&mut self, kind: usize) {
        let mut wanted = PodSpec::clone(&spec(kind));
        let schedulers = self.settings.schedulers;
        if schedulers > 1 {
            wanted.scheduler_name = format!("s{}", self.created % schedulers).into();
        }
        let wanted = Arc::new(wanted);
        if let Some(added) = self.store.class_added(&wanted) {
            self.apply(added);
        }
        let class = self.store.class_of(&wanted).expect("the class was added");
        let pod = self.store.pods().next();
        // Names come back once their pods ended, as those of stateful sets do.
        let is_taken = |name: &str| {
            let mut living = self
                .pods
                .iter()
                .filter_map(|pod| self.store.pods().get(*pod));
            living.any(|record| *record.name.text() == *name)
        };
        let mut names = (0..).map(|number| format!("p-{number}"));
        let name = names.find(|name| !is_taken(name)).unwrap_or_default();
        self.created += 1;
        self.apply(Event::PodCreated(PodCreated {
            pod,
            class,
            name: name.as_str().into(),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        }));
        self.pods.push(pod);
    }

    fn end(&mut self, place: usize) {
        if self.pods.is_empty() {
            return;
        }
        let pod = self.pods.remove(place % self.pods.len());
        self.apply(Event::PodEnded {
            pod,
            reason: EndReason::Completed,
        });
    }

    /// Lets the components act until they have nothing to do at this instant.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            let mut is_quiet = true;
            for index in 0..self.components.len() {
                let is_new = self.components[index].cursor() != self.store.revision();
                let is_due = self.wakes[index].is_some_and(|at| at <= self.now);
                if !is_new && !is_due {
                    continue;
                }
                is_quiet = false;
                self.step(index);
            }
            if is_quiet {
                return;
            }
        }
        panic!("the components do not settle");
    }

    fn step(&mut self, index: usize) {
        let mut out = Outbox::default();
        let progress = self.components[index].step(self.now, &self.store, &mut out);
        self.wakes[index] = match progress {
            control::Progress::More => Some(self.now),
            control::Progress::Idle => out.wake,
        };
        let mut own = OwnWrites::default();
        for write in out.writes {
            let Some(taken) = own.taken(&self.store, &write).transpose() else {
                continue;
            };
            let Err(conflict) = taken.and_then(|event| self.store.apply(self.now, event)) else {
                own.made(&write, self.store.revision());
                continue;
            };
            self.components[index].refused(&write, &conflict);
            self.wakes[index] = Some(self.now);
        }
        for creation in &out.creations {
            match admit(&self.store, creation) {
                Ok(events) => {
                    for event in events {
                        self.apply(event);
                    }
                }
                Err(conflict) => self.components[index].declined(creation, &conflict),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        loop {
            let next = self.wakes.iter().flatten().min().copied();
            match next.filter(|&at| at <= end) {
                Some(at) => self.now = self.now.max(at),
                None => break,
            }
            self.settle();
            if self.wakes.iter().flatten().any(|&at| at <= self.now) {
                break;
            }
        }
        self.now = end;
        self.settle();
    }

    /// A component is lost, and a new one reads the log from its beginning.
    fn restart(&mut self, place: usize) {
        let mut fresh = components(self.settings);
        let place = place % fresh.len();
        self.components[place] = fresh.swap_remove(place);
        self.wakes[place] = Some(self.now);
    }

    fn claims(&self) -> Vec<Arc<ResourceClaim>> {
        let rows = self.store.objects().iter();
        let claims = rows.filter_map(|(_, row)| match &row.object {
            Object::ResourceClaim(claim) => Some(Arc::clone(claim)),
            _ => None,
        });
        claims.collect()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let claims = self.claims();
        let mut holders: SortedMap<DeviceId, usize> = SortedMap::new();
        for claim in &claims {
            for device in claim.held() {
                *holders.entry(device.clone()).or_default() += 1;
            }
            let lives = |id| self.pods.iter().any(|pod| Some(pod.id) == id);
            for user in &claim.reserved_for {
                prop_assert!(lives(user.id), "{claim:?} is reserved for a pod that ended");
            }
            if let Some(made_for) = &claim.made_for {
                prop_assert!(lives(made_for.pod.id), "{claim:?} outlives its pod");
            }
        }
        prop_assert!(holders.values().all(|&count| count == 1), "{holders:?}");
        prop_assert_eq!(self.store.objects().held_devices(), holders.len());
        for pod in &self.pods {
            let record = self.store.pods().get(*pod).expect("it lives");
            let Some(node) = record.node() else {
                continue;
            };
            let node = self.store.nodes().object(node).expect("it is there");
            let wanted = &self.store.class(record.class).spec.device_claims;
            let own = claims.iter().filter(|claim| {
                let mut users = claim.reserved_for.iter();
                users.any(|user| user.id == Some(pod.id))
            });
            let own: Vec<_> = own.collect();
            prop_assert_eq!(own.len(), wanted.0.len(), "of {:?}", record);
            for claim in own {
                let allocation = claim.allocation.as_ref();
                let nodes = allocation.and_then(|own| own.nodes.as_ref());
                let is_near = nodes.is_some_and(|own| own.matches(&node.name, &node.labels));
                prop_assert!(is_near, "{claim:?} of a pod on {}", node.name);
            }
        }
        Ok(())
    }

    /// Number of pods with claims that have a node.
    fn placed(&self) -> usize {
        let nodes = self
            .pods
            .iter()
            .filter_map(|pod| self.store.pods().get(*pod)?.node());
        nodes.count()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    End(usize),
    Pass(u8),
    Restart(usize),
    Down(usize),
    Up(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_usize..5).prop_map(Step::Create),
        3 => (0_usize..9).prop_map(Step::End),
        3 => (0_u8..20).prop_map(Step::Pass),
        1 => (0_usize..9).prop_map(Step::Restart),
        1 => (0..NODES).prop_map(Step::Down),
        1 => (0..NODES).prop_map(Step::Up),
    ];
    prop::collection::vec(step, 1..40)
}

impl World {
    fn act(&mut self, step: &Step) {
        match *step {
            Step::Create(kind) => self.create(kind),
            Step::End(place) => self.end(place),
            Step::Pass(secs) => self.pass(Duration::from_secs(i64::from(secs))),
            Step::Restart(place) => self.restart(place),
            Step::Down(node) => self.ready(node, false),
            Step::Up(node) => self.ready(node, true),
        }
        self.settle();
    }

    fn ready(&mut self, node: usize, ready: bool) {
        let node = NodeId::from_index(node);
        self.apply(Event::NodeReadiness { node, ready });
    }

    /// The node of each pod.
    fn places(&self) -> Vec<Option<NodeId>> {
        let pods = self.pods.iter();
        pods.map(|pod| self.store.pods().get(*pod)?.node())
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_device_is_allocated_twice_whatever_happens(
        steps in steps(),
        schedulers in 1_usize..3,
        takes_time in any::<bool>(),
    ) {
        let binding_time = if takes_time { Duration::from_secs(2) } else { Duration::ZERO };
        let settings = Settings { schedulers, binding_time, ..Settings::ONE };
        let mut world = World::new(settings);
        for step in &steps {
            world.act(step);
            world.check()?;
        }
    }

    #[test]
    fn both_forms_decide_alike(steps in steps()) {
        let mut fast = World::new(Settings::ONE);
        let mut plain = World::new(Settings { form: Form::Plain, ..Settings::ONE });
        for step in &steps {
            fast.act(step);
            plain.act(step);
            prop_assert_eq!(fast.places(), plain.places());
            prop_assert_eq!(fast.claims(), plain.claims());
        }
    }
}

#[test]
fn pods_wait_for_devices_and_get_those_of_pods_that_end() {
    let mut world = World::new(Settings::ONE);
    for _ in 0..NODES * 3 + 2 {
        world.create(0);
    }
    world.settle();
    // Three nodes have three devices each.
    assert_eq!(world.placed(), 9);
    world.end(0);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.placed(), 9);
    assert_eq!(world.store.objects().held_devices(), 9);
}

#[test]
fn a_shared_claim_keeps_its_pods_on_its_node() {
    let mut world = World::new(Settings::ONE);
    for _ in 0..3 {
        world.create(2);
    }
    world.settle();
    world.pass(Duration::from_secs(20));
    assert_eq!(world.placed(), 3);
    let claims = world.claims();
    assert_eq!(claims[0].reserved_for.len(), 3);
    for _ in 0..3 {
        world.end(0);
    }
    world.settle();
    assert!(world.claims()[0].allocation.is_none());
}

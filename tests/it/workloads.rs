//! The controllers of Kubernetes at work in the simulator: what they make of workloads is looked at
//! after every change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use windtunnel::cluster::{Observer, Store};
use windtunnel::control::Stepping;
use windtunnel::control::controllers::manager::ControllerOptions;
use windtunnel::control::operation::{Operation, Target};
use windtunnel::control::scheduler::evaluate::Form;
use windtunnel::model::workload::Deployment;
use windtunnel::model::{
    Container, Event, LabelSelector, Object, Operator, Pod, PodSpec, Requirement, ResourceList,
};
use windtunnel::policy::{ProfileChoice, Setup};
use windtunnel::sim::check::Checker;
use windtunnel::sim::{CellParts, End, Options, RunControl, Simulation, StartUp, Stop};
use windtunnel::systems::batch::BatchOptions;
use windtunnel::systems::{KubeRequest, SystemRequest, TimeLimits, registry};
use windtunnel::trace::{MemorySource, Recorded};
use windtunnel::units::{Duration, Instant, Quantity};

use crate::world::{nodes, options};

/// Somebody who looks at the store after every change.
type Look<'a> = dyn FnMut(Instant, &Event, &Store) + 'a;

pub(crate) struct Eyes<'a, 'l> {
    checker: Checker,
    look: &'a mut Look<'l>,
}

impl Observer for Eyes<'_, '_> {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        (self.look)(at, event, store);
    }
}

/// A cluster with controllers.
pub(crate) struct Cluster {
    pub(crate) cores: Vec<i64>,
    pub(crate) outages: Vec<(Instant, windtunnel::units::NodeId, bool)>,
    pub(crate) operations: Vec<(Instant, Operation)>,
    pub(crate) options: Options,
}

impl Cluster {
    /// Four nodes of 16 cores; pods take 5 s to start; nothing is done yet.
    pub(crate) fn new() -> Self {
        Self {
            cores: vec![16; 4],
            outages: Vec::new(),
            operations: Vec::new(),
            options: Options {
                stop: Stop::Idle,
                start_up: StartUp::Drawn("5s".parse().unwrap()),
                ..options()
            },
        }
    }

    pub(crate) fn at(mut self, secs: i64, operation: Operation) -> Self {
        self.operations
            .push((Instant::from_secs(secs), operation));
        self
    }

    /// Runs to the end and hands back the store.
    pub(crate) fn run(self, look: &mut Look<'_>) -> (End, Store) {
        let request = SystemRequest {
            setup: Setup::default(),
            profile: ProfileChoice::named("default"),
            kube: KubeRequest::default(),
            jobs: BatchOptions::default(),
            controllers: Some(ControllerOptions::default()),
            form: Form::Incremental,
            time_limits: TimeLimits::Ignored,
        };
        let entry = registry::find("kubernetes").unwrap();
        let system = (entry.build)(&request).unwrap();
        assert_eq!(system.stepping, Stepping::PerInstant);
        let parts = CellParts {
            nodes: nodes(&self.cores),
            components: system.components,
            agent: system.agent,
            arrivals: Box::new(MemorySource::new(Recorded::default())),
            outages: self.outages,
            residents: Vec::new(),
            operations: self.operations,
        };
        let interrupted = AtomicBool::new(false);
        let mut control = RunControl {
            interrupted: &interrupted,
            progress: &mut |_| {},
        };
        let mut eyes = Eyes {
            checker: Checker::default(),
            look,
        };
        let mut simulation = Simulation::new(self.options, vec![parts], &mut eyes).unwrap();
        let end = simulation.run(&mut control).unwrap();
        let store = simulation.into_store(0);
        assert_eq!(eyes.checker.failure(), None);
        (end, store)
    }
}

/// A template of one container of one core.
pub(crate) fn template(app: &str, image: &str) -> Arc<PodSpec> {
    Arc::new(PodSpec {
        namespace: "default".into(),
        labels: [("app".into(), app.into())].into(),
        containers: vec![Container {
            name: "main".into(),
            image: image.into(),
            requests: ResourceList::from_pairs([("cpu", Quantity::from_units(1))]),
            ..Container::default()
        }],
        ..PodSpec::default()
    })
}

pub(crate) fn selector(app: &str) -> LabelSelector {
    LabelSelector {
        requirements: vec![Requirement {
            key: "app".into(),
            operator: Operator::In,
            values: vec![app.into()],
        }],
    }
}

pub(crate) fn deployment(name: &str, image: &str, replicas: i32) -> Deployment {
    Deployment {
        name: name.into(),
        selector: selector(name),
        template: template(name, image),
        replicas,
        ..Deployment::default()
    }
}

pub(crate) fn target(kind: &'static str, name: &str) -> Target {
    Target {
        kind,
        namespace: "default".into(),
        name: name.into(),
    }
}

pub(crate) fn apply(deployment: Deployment) -> Operation {
    Operation::Apply(Object::Deployment(Arc::new(deployment)))
}

/// Living pods that were not told to end, those of them that are ready, and the images they have.
fn census(store: &Store, app: &str) -> (usize, usize, BTreeMap<String, usize>) {
    let (mut active, mut ready, mut images) = (0, 0, BTreeMap::new());
    for pod in store.pods().iter() {
        let spec = &store.class(pod.spec).object;
        let is_own = spec.labels.get("app").is_some_and(|own| **own == *app);
        if !is_own || store.pod_states().is_terminating(pod.pod) {
            continue;
        }
        active += 1;
        let state = store.pod_states().get(pod.pod);
        ready += usize::from(state.is_some_and(|state| state.is_ready));
        let image = spec.containers[0].image.to_string();
        *images.entry(image).or_insert(0) += 1;
    }
    (active, ready, images)
}

#[test]
fn a_deployment_has_its_pods_and_names_are_those_of_its_set() {
    let cluster = Cluster::new().at(3, apply(deployment("web", "v1", 10)));
    let (end, store) = cluster.run(&mut |_, _, _| {});
    assert_eq!(census(&store, "web").1, 10);
    assert_eq!(end.at, Instant::from_secs(8));
    let mut names: Vec<String> = store.pods().iter().map(|pod| pod.name.to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 10);
    let id = store.objects().find("Deployment", &"default".into(), &"web".into());
    let row = store.objects().get(id.unwrap()).unwrap();
    let Object::Deployment(known) = &row.object else {
        panic!("it is a deployment")
    };
    assert_eq!((known.status.available, known.status.revision), (10, 1));
    let [set] = row.children[..] else {
        panic!("one set")
    };
    let set = store.objects().get(set).unwrap().object.name().clone();
    assert!(names[0].starts_with(&*set), "{} of {set}", names[0]);
}

#[test]
fn a_rolling_update_keeps_to_surge_and_unavailable_at_every_instant() {
    let cluster = Cluster::new()
        .at(0, apply(deployment("web", "v1", 10)))
        .at(60, apply(deployment("web", "v2", 10)));
    let (mut most, mut least, mut mixed) = (0, usize::MAX, false);
    let (_, store) = cluster.run(&mut |at, _, store| {
        if at >= Instant::from_secs(60) {
            let (active, ready, images) = census(store, "web");
            most = most.max(active);
            least = least.min(ready);
            mixed |= images.len() == 2;
        }
    });
    // 25 % of 10: three above, two below.
    assert_eq!((most, least), (13, 8));
    assert!(mixed);
    let (active, ready, images) = census(&store, "web");
    assert_eq!((active, ready), (10, 10));
    assert_eq!(images, [("v2".to_owned(), 10)].into());
}

#[test]
fn a_deployment_is_scaled_halted_and_taken_back() {
    let web = || target("Deployment", "web");
    let cluster = Cluster::new()
        .at(0, apply(deployment("web", "v1", 4)))
        .at(60, Operation::Scale(web(), 12))
        .at(120, Operation::Pause(web()))
        .at(130, apply(Deployment {
            paused: true,
            ..deployment("web", "v2", 12)
        }))
        .at(200, Operation::Resume(web()))
        .at(400, Operation::RollBack(web()));
    let mut seen = BTreeMap::new();
    let (_, store) = cluster.run(&mut |at, _, store| {
        seen.insert(at.as_secs_f64() as i64, census(store, "web").2);
    });
    let by = |secs: i64| seen.range(..=secs).next_back().unwrap().1.clone();
    assert_eq!(by(100), [("v1".to_owned(), 12)].into());
    assert_eq!(by(199), [("v1".to_owned(), 12)].into());
    assert_eq!(by(399), [("v2".to_owned(), 12)].into());
    assert_eq!(census(&store, "web").2, [("v1".to_owned(), 12)].into());
}

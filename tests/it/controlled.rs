//! A cluster with controllers, for tests: what users apply to it, and what they find in it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use windtunnel::arrivals::{MemorySource, Recorded};
use windtunnel::cluster::{Observer, Store};
use windtunnel::control::Stepping;
use windtunnel::control::controllers::manager::ControllerOptions;
use windtunnel::control::node_life::{Eviction, Lifecycle, LifecycleSetup, ObservationMode};
use windtunnel::control::operation::{Operation, Target};
use windtunnel::model::node::ZONE_LABEL;
use windtunnel::model::workload::{Deployment, StatefulSet};
use windtunnel::model::{
    Container, Event, LabelSelector, Object, Operator, Pod, PodSpec, Requirement, ResourceList,
};
use windtunnel::sim::check::Checker;
use windtunnel::sim::{
    CellParts, End, Environment, NodeLife, Options, RunControl, Simulation, StartUp, Stop,
};
use windtunnel::systems::{KubeRequest, SystemOptions, SystemRequest, registry};
use windtunnel::units::{Instant, Quantity, SortedMap};

use crate::world::{nodes, options};

/// Somebody who looks at the store after every change.
type Look<'a> = dyn FnMut(Instant, &Event, &Store) + 'a;

pub(crate) struct Eyes<'a, 'l> {
    pub(crate) checker: Checker,
    pub(crate) look: &'a mut Look<'l>,
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
    pub(crate) environment: Environment,
    /// Labels of the node of each place, beside its name.
    pub(crate) zones: usize,
    /// Whether ties are broken by the order of nodes.
    pub(crate) takes_first: bool,
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
            environment: Environment::default(),
            zones: 1,
            takes_first: false,
        }
    }

    /// Its control plane learns of its nodes by their heartbeats.
    pub(crate) fn observed(mut self) -> Self {
        self.options.node_life = NodeLife::Observed(ObservationMode::Computed);
        self
    }

    pub(crate) fn at(mut self, secs: i64, operation: Operation) -> Self {
        self.operations.push((Instant::from_secs(secs), operation));
        self
    }

    /// Runs to the end and hands back the store.
    pub(crate) fn run(self, look: &mut Look<'_>) -> (End, Store) {
        let request = SystemRequest {
            options: SystemOptions::default().with(KubeRequest {
                takes_first: self.takes_first,
                ..KubeRequest::default()
            }),
            controllers: Some(ControllerOptions::default()),
            ..SystemRequest::of("default")
        };
        let entry = registry::find("kubernetes").unwrap();
        let system = (entry.build)(&request).unwrap();
        assert_eq!(system.stepping, Stepping::PerInstant);
        let mut components = system.components;
        if self.options.node_life != NodeLife::Declared {
            let setup = LifecycleSetup {
                seed: self.options.seed,
                ..LifecycleSetup::default()
            };
            components.push(Box::new(Lifecycle::new(setup)));
            components.push(Box::new(Eviction::default()));
        }
        let mut nodes = nodes(&self.cores);
        for (place, node) in nodes.iter_mut().enumerate() {
            let zone = format!("z{}", place % self.zones);
            Arc::make_mut(node)
                .labels
                .insert(ZONE_LABEL.into(), zone.as_str().into());
        }
        let parts = CellParts {
            nodes,
            components,
            agent: system.agent,
            arrivals: Box::new(MemorySource::new(Recorded::default())),
            outages: self.outages,
            residents: Vec::new(),
            operations: self.operations,
            environment: self.environment,
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
pub(crate) fn census(store: &Store, app: &str) -> (usize, usize, SortedMap<String, usize>) {
    let (mut active, mut ready, mut images) = (0, 0, SortedMap::new());
    for pod in store.pods().iter() {
        let spec = &store.class(pod.class).spec;
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

pub(crate) fn set(name: &str, image: &str, replicas: i32) -> Operation {
    Operation::Apply(Object::StatefulSet(Arc::new(StatefulSet {
        name: name.into(),
        selector: selector(name),
        template: template(name, image),
        replicas,
        ..StatefulSet::default()
    })))
}

/// Names of the living pods of an application.
pub(crate) fn names(store: &Store, app: &str) -> Vec<String> {
    let own = store.pods().iter().filter(|pod| {
        let labels = &store.class(pod.class).spec.labels;
        labels.get("app").is_some_and(|own| **own == *app)
    });
    let mut names: Vec<String> = own.map(|pod| pod.name.to_string()).collect();
    names.sort();
    names
}

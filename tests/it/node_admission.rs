//! What nodes do with what is bound to them: they refuse what they have no room for, take what they
//! have, and say what they suffer and which images they have (spec: kubernetes.md part 4).

use std::sync::Arc;

use windtunnel::cluster::{Commitment, Conflict, Observer, Store};
use windtunnel::control::{Component, Outbox, Progress, Write};
use windtunnel::model::{DeviceSet, EndReason, Event, Node, Pod, Refusal};
use windtunnel::sim::check::Checker;
use windtunnel::sim::{CellParts, Environment, Stop};
use windtunnel::systems::TimeLimits;
use windtunnel::systems::kubelet::{Kubelet, KubeletOptions};
use windtunnel::units::{Instant, NodeId, Quantity, Revision, SortedMap};

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;
use crate::world::{cell, nodes, options, pod, run};

/// Binds every pod to the first node, whatever is there.
#[derive(Clone, Default)]
struct Blind {
    cursor: Revision,
    refused: usize,
}

impl Component for Blind {
    fn name(&self) -> &'static str {
        "blind"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, _now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        for entry in view.log().since(self.cursor) {
            if let Event::PodCreated(created) = &entry.event {
                let bound = Event::PodBound {
                    pod: created.pod,
                    node: NodeId(0),
                    devices: DeviceSet::EMPTY,
                };
                out.write(view, bound);
            }
        }
        self.cursor = view.revision();
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {
        self.refused += 1;
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

/// Three pods of one core that are bound to a node of two by somebody who does not look.
fn blindly(commitment: Commitment, change: impl FnOnce(&mut Node)) -> Vec<String> {
    let mut nodes = nodes(&[2]);
    change(Arc::make_mut(&mut nodes[0]));
    let arrivals = vec![pod(0, 10), pod(1, 10), pod(2, 10), pod(11, 10)];
    let components: Vec<Box<dyn Component>> = vec![Box::new(Blind::default())];
    let world = CellParts {
        agent: Box::new(Kubelet::new(KubeletOptions {
            time_limits: TimeLimits::Ignored,
            images: None,
            awaits_volumes: false,
        })),
        environment: Environment {
            commitment,
            ..Environment::default()
        },
        ..cell(nodes, components, arrivals, Vec::new())
    };
    let mut options = options();
    options.stop = Stop::At(Instant::from_secs(60));
    let (end, lines) = run(options, vec![world]);
    end.expect("a run that ends");
    lines
        .into_iter()
        .filter(|line| !line.contains("created"))
        .collect()
}

#[test]
fn a_node_refuses_what_it_has_no_room_for_and_goes_on() {
    assert_eq!(
        blindly(Commitment::Admitted, |_| {}),
        [
            "0 bound 0 node#0",
            "0 runs 0",
            "1 bound 1 node#0",
            "1 runs 1",
            "2 bound 2 node#0",
            "2 ended 2 Refused(OutOfCpu)",
            "10 ended 0 Completed",
            "11 ended 1 Completed",
            "11 bound 3 node#0",
            "11 runs 3",
            "21 ended 3 Completed",
        ]
    );
    // Where the store looks, nobody is bound to begin with.
    let checked = blindly(Commitment::Checked, |_| {});
    assert!(
        !checked.iter().any(|line| line.contains("Refused")),
        "{checked:?}"
    );
    assert!(
        !checked.contains(&"2 bound 2 node#0".to_owned()),
        "{checked:?}"
    );
}

#[test]
fn a_node_takes_as_many_pods_as_it_may() {
    let lines = blindly(Commitment::Admitted, |node| {
        node.allocatable.set("pods", Quantity::from_units(1));
    });
    let refused: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("Refused"))
        .collect();
    assert_eq!(
        refused,
        [
            "1 ended 1 Refused(OutOfPods)",
            "2 ended 2 Refused(OutOfPods)"
        ]
    );
}

/// What was seen of a scenario.
#[derive(Default)]
struct Seen {
    checker: Checker,
    refused: Vec<(f64, Refusal)>,
    /// Taints of pressures: when each came and went.
    taints: Vec<(f64, String, bool)>,
    held: SortedMap<String, bool>,
    /// Where pods were bound, by application.
    bound: Vec<(f64, String, String)>,
    evicted: Vec<f64>,
    images: SortedMap<String, Vec<String>>,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64();
        match event {
            Event::PodEnded {
                reason: EndReason::Refused(why),
                ..
            } => self.refused.push((secs, *why)),
            Event::PodEnded {
                reason: EndReason::Evicted(_),
                ..
            } => self.evicted.push(secs),
            Event::NodeUpdated { object, .. } => {
                for key in ["memory-pressure", "disk-pressure"] {
                    let full = format!("node.kubernetes.io/{key}");
                    let holds = object.taints.iter().any(|taint| *taint.key == *full);
                    let name = format!("{} {key}", object.name);
                    let before = self.held.insert(name.clone(), holds).unwrap_or(false);
                    if before != holds {
                        self.taints.push((secs, name, holds));
                    }
                }
                let images = object.images.iter().map(|(name, _)| name.to_string());
                self.images
                    .insert(object.name.to_string(), images.collect());
            }
            Event::PodBound { pod, node, .. } => {
                let Some(pod) = store.pods().get(*pod) else {
                    return;
                };
                let app = store.class(pod.class).spec.labels.get("app").cloned();
                let app = app.map(|app| app.to_string()).unwrap_or_default();
                let node = store.nodes().name(*node).to_owned();
                self.bound.push((secs, app, node));
            }
            _ => {}
        }
    }
}

fn play(name: &str, scenario: &str, manifests: &str) -> Seen {
    let text =
        format!("windtunnel: v1\nname: {name}\nworkload: [{{manifests: pods.yaml}}]\n{scenario}");
    let files = [("pods.yaml", manifests), ("scenario.yaml", &*text)];
    let scratch = Scratch::new(&format!("admission-{name}"), &files);
    let experiment = load_file(&scratch.path("scenario.yaml"));
    let mut seen = Seen::default();
    watch(
        &experiment.variants[0].scenario,
        &experiment.files,
        &mut seen,
    )
    .expect("a run that ends");
    assert_eq!(seen.checker.failure(), None);
    seen
}

/// A deployment of one pod that uses memory as a text says.
fn user(name: &str, replicas: u32, memory: &str, resources: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata:\n      \
         labels: {{app: {name}}}\n      annotations: {{windtunnel.dev/memory-usage: \"{memory}\", \
         windtunnel.dev/stop-time: 0s}}\n    spec:\n      containers: [{{name: main, image: \
         \"{name}:1\", resources: {{{resources}}}}}]\n---\n"
    )
}

#[test]
fn a_node_short_of_memory_says_so_for_five_minutes_and_takes_no_new_pods() {
    // 4 GiB, of which 100 MiB have to be left; `grows` is over it from 300 s on, for a while.
    let manifests = [
        user(
            "grows",
            1,
            "steps(0s: 1Gi, 300s: 4000Mi)",
            "requests: {memory: 512Mi}",
        ),
        user("asks", 0, "10Mi", "requests: {cpu: 100m}"),
        user("nothing", 0, "10Mi", ""),
    ]
    .concat();
    let scenario = "cluster:\n  nodes:\n    - {name: node, count: 1, template: {allocatable: {cpu: 4, \
                    memory: 3996Mi, pods: 110}}}\n\
                    system: {name: kubernetes, controllers: {}}\nmodels: {contention: \
                    {}}\noperations:\n  - {at: 400s, scale: Deployment/default/asks, replicas: 1}\n  - \
                    {at: 400s, scale: Deployment/default/nothing, replicas: 1}\n  - {at: 299s, scale: \
                    Deployment/default/grows, replicas: 1}\n  - {at: 310s, scale: \
                    Deployment/default/grows, replicas: 0}\nstop: {at: 30m}\n";
    let seen = play("memory", scenario, &manifests);
    let told: Vec<(f64, bool)> = seen
        .taints
        .iter()
        .map(|(at, _, holds)| (*at, *holds))
        .collect();
    // Seen at the pass of 300 s, in which the pod is evicted; nothing is short after it.
    assert_eq!(told.first(), Some(&(300.0, true)), "{:?}", seen.taints);
    let (until, holds) = *told.last().expect("it came");
    assert!(
        !holds && (600.0..=620.0).contains(&until),
        "{:?}",
        seen.taints
    );
    assert!(!seen.evicted.is_empty());
    let bound = |app: &str| -> Vec<f64> {
        let own = seen.bound.iter().filter(|(_, own, _)| own == app);
        own.map(|(at, ..)| *at).collect()
    };
    // Its taint keeps off pods that request something, too.
    for app in ["asks", "nothing"] {
        let bound = bound(app);
        assert!(
            bound.len() == 1 && bound[0] >= until,
            "{app}: {bound:?} {until}"
        );
    }
}

#[test]
fn pods_go_where_their_images_were_pulled() {
    // Two nodes alike; the first image lands somewhere, and the next pods of it follow.
    let manifests = [
        user("big", 1, "10Mi", "requests: {cpu: 100m}"),
        user("other", 0, "10Mi", "requests: {cpu: 100m}"),
    ]
    .concat();
    let scenario = "cluster:\n  nodes:\n    - {name: \"n{}\", count: 2, template: {allocatable: {cpu: \
                    64, memory: 64Gi, pods: 110}}}\nsystem:\n  name: kubernetes\n  controllers: {}\n  \
                    scheduler: {plugins: {NodeResourcesFit: {weight: 1}, \
                    NodeResourcesBalancedAllocation: null, PodTopologySpread: null, ImageLocality: \
                    {weight: 100}}}\nmodels:\n  images: {images: {\"big:1\": [a]}, layers: {a: 900M}, \
                    nodeBandwidth: 1G, registryBandwidth: 10G}\noperations:\n  - {at: 5m, scale: \
                    Deployment/default/big, replicas: 4}\nstop: {at: 20m}\n";
    let seen = play("images", scenario, &manifests);
    let nodes: Vec<&str> = { seen.bound.iter() }
        .filter(|(_, app, _)| app == "big")
        .map(|(.., node)| &**node)
        .collect();
    assert_eq!(nodes.len(), 4);
    assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
    assert_eq!(seen.images[nodes[0]], ["big:1"]);
}

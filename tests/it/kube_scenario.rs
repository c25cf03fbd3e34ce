//! The exact Kubernetes scheduler from an experiment file to its decisions: dumps with pods on
//! nodes, and what waiting pods are told. Settings are in `kube_settings.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use windtunnel::cluster::{Conflict, Observer, Store};
use windtunnel::control::{Component, Outbox, Progress, Write};
use windtunnel::intake::Input;
use windtunnel::lab::folder::Existing;
use windtunnel::lab::import::{ImportPlan, import};
use windtunnel::lab::names::Registered;
use windtunnel::lab::run::{Prepared, prepare};
use windtunnel::lab::snapshot::profile::{profile_of, read_profiles};
use windtunnel::lab::snapshot::{Snapshot, SnapshotOptions};
use windtunnel::model::{Changes, Event, Pod, PodRef, Text};
use windtunnel::policy::Setup;
use windtunnel::scenario::{Color, Experiment, LoadOptions, Scenario, SearchPath, load};
use windtunnel::scheduler::kube::cycle::{Nomination, Outcome, Round};
use windtunnel::scheduler::kube::{PodInfo, TieBreak};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::sim::{CellParts, Environment, RunControl, Simulation, Stop};
use windtunnel::systems::kubernetes::exact;
use windtunnel::systems::plain_agent::PlainAgent;
use windtunnel::systems::{SystemOptions, SystemRequest, TimeLimits};
use windtunnel::units::{Duration, Instant, Revision, SortedMap, SortedSet};
use windtunnel::world::FileSource;
use windtunnel::world::inputs::{DiskAndEmbedded, embedded_folder};

use crate::scratch::new_folder;
use crate::watch::watch;
use crate::world::options;

/// A folder of its own for one test, taken away at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = new_folder(&format!("kube-{name}"));
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn load(&self, name: &str) -> Loaded {
        Loaded(load_file(&self.0.join(name)))
    }
}

/// The experiment of a file; paths in it are seen from its folder.
pub(crate) fn load_file(path: &Path) -> Experiment {
    let search = SearchPath {
        base_dir: path.parent().unwrap().to_owned(),
        traces_dirs: Vec::new(),
        built_in: Some(embedded_folder()),
    };
    let options = LoadOptions {
        sets: &[],
        search: &search,
        lookup: &DiskAndEmbedded,
        names: &Registered,
    };
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    let loaded = load(&text, &name, options);
    loaded.unwrap_or_else(|rejected| panic!("{}", rejected.render(Color::Off)))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What became of pods, in words: second, what, pod, node.
#[derive(Default)]
struct Told(Vec<String>);

impl Observer for Told {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let at = at.as_secs_f64();
        let name = |pod: PodRef| store.pods().get(pod).map(|pod| pod.name.to_string());
        self.0.push(match event {
            Event::PodBound { pod, node, .. } => {
                let node = store.nodes().object(*node).map(|node| node.name.clone());
                let found = store
                    .pods()
                    .get(*pod)
                    .is_some_and(|pod| pod.found().is_some());
                if found {
                    return;
                }
                format!("{at} {} on {}", name(*pod).unwrap(), node.unwrap())
            }
            Event::PodUnschedulable { pod } => format!("{at} {} waits", name(*pod).unwrap()),
            Event::PodEnded { reason, .. } => {
                format!("{at} {} ended {reason:?}", ended.unwrap().name)
            }
            _ => return,
        });
    }
}

type Messages = Arc<Mutex<SortedMap<String, Text>>>;

/// The scheduler, and what it says of pods that wait.
#[derive(Clone)]
struct Spied {
    inner: Box<dyn Component>,
    messages: Messages,
}

impl Component for Spied {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn cursor(&self) -> Revision {
        self.inner.cursor()
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let progress = self.inner.step(now, view, out);
        for record in view.pods().iter() {
            if let Some(text) = self.inner.waiting_message(record.pod) {
                let mut messages = self.messages.lock().unwrap();
                messages.insert(record.name.to_string(), text);
            }
        }
        progress
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        self.inner.refused(write, conflict);
    }

    fn backlog(&self) -> usize {
        self.inner.backlog()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

pub(crate) struct Loaded(pub(crate) Experiment);

impl Loaded {
    fn scenario(&self) -> &Scenario {
        &self.0.variants[0].scenario
    }

    pub(crate) fn prepared(&self) -> Result<Prepared, String> {
        let files = FileSource::of(&self.0.files);
        prepare(self.scenario(), &files).map_err(|error| error.to_string())
    }

    /// What became of the pods that were not on nodes before.
    pub(crate) fn run(&self) -> Vec<String> {
        let mut told = Told::default();
        watch(self.scenario(), &self.0.files, &mut told).unwrap();
        told.0
    }

    /// The newest message of every pod that ever waited.
    pub(crate) fn messages(&self) -> SortedMap<String, String> {
        let prepared = self.prepared().unwrap();
        let request = SystemRequest {
            setup: Setup {
                seed: self.scenario().seed,
                ..Setup::default()
            },
            options: SystemOptions::default().with(prepared.kube.clone()),
            ..SystemRequest::of("default")
        };
        let messages = Messages::default();
        let spied = Spied {
            inner: Box::new(exact(&request).unwrap()),
            messages: messages.clone(),
        };
        let parts = CellParts {
            nodes: prepared.nodes,
            components: vec![Box::new(spied)],
            agent: Box::new(PlainAgent::new(TimeLimits::Ignored)),
            arrivals: prepared.workload.source,
            environment: Environment::default(),
            residents: prepared.workload.residents,
            operations: Vec::new(),
            outages: Vec::new(),
        };
        let interrupted = AtomicBool::new(false);
        let mut control = RunControl {
            interrupted: &interrupted,
            progress: &mut |_| {},
        };
        let options = windtunnel::sim::Options {
            stop: Stop::At(Instant::ZERO + Duration::from_secs(600)),
            ..options()
        };
        let mut told = Told::default();
        let mut simulation = Simulation::new(options, vec![parts], &mut told).unwrap();
        simulation.run(&mut control).unwrap();
        let messages = messages.lock().unwrap();
        let texts = messages.iter();
        texts
            .map(|(name, text)| (name.clone(), text.to_string()))
            .collect()
    }
}

/// What a scheduler does that gets the snapshot's pending pods one after the other.
fn decided(snapshot: &mut Snapshot, seed: u64) -> (Vec<String>, SortedSet<String>) {
    let (profiles, _) = read_profiles(None, Changes::default()).unwrap();
    let mut pending: Vec<_> = snapshot
        .pods
        .iter()
        .filter(|pod| pod.node_name.is_none() && !pod.phase.is_final())
        .cloned()
        .collect();
    pending.sort_by_key(|pod| std::cmp::Reverse(pod.spec.priority));
    let mut round = Round::new(TieBreak::random(seed, 0), Form::Plain);
    let (mut lines, mut victims) = (Vec::new(), SortedSet::new());
    for pod in pending {
        let info = snapshot.pod_info(&pod).unwrap();
        let profile = profile_of(&profiles, &info).unwrap();
        let cache = &mut snapshot.cache;
        match round.decide(profile, cache, &info) {
            Outcome::Placed(slot) => {
                let node = cache.node_in(slot).unwrap().name();
                lines.push(format!("0 {} on {node}", pod.name));
                cache.withdraw(&info);
                cache.add_pod_in(Arc::new(info), slot);
            }
            Outcome::Failed(failure) => {
                lines.push(format!("0 {} waits", pod.name));
                if let Nomination::Make(candidate) = failure.nomination {
                    for victim in candidate.victims {
                        if !victim.is_terminating {
                            victims.insert(victim.name.to_string());
                            let leaving = Arc::new(PodInfo {
                                is_terminating: true,
                                is_preempted: true,
                                ..(*victim).clone()
                            });
                            cache.replace_pod(&leaving, &candidate.node);
                        }
                    }
                    cache.withdraw(&info);
                    let mut nominated = info;
                    nominated.set_nominated_node(Some(candidate.node));
                    cache.nominate(Arc::new(nominated));
                }
            }
        }
    }
    (lines, victims)
}

/// Imports dumps, and holds what a run of the snapshot does with each pending pod to [`decided`].
#[track_caller]
fn check_snapshot(name: &str, dumps: &[PathBuf]) -> (Vec<String>, SortedSet<String>) {
    let scratch = Scratch::new(name, &[]);
    let inputs: Vec<Input> = dumps.iter().map(Input::path).collect();
    let plan = ImportPlan {
        inputs: &inputs,
        scenario: scratch.0.join("snapshot.yaml"),
        name: "snapshot".to_owned(),
        ignore: &[],
        existing: Existing::Refuse,
    };
    import(&plan).unwrap();
    let text = fs::read_to_string(&plan.scenario).unwrap();
    let system = "  name: kubernetes\n";
    assert!(text.contains(system), "{text}");
    let text = text.replace(
        system,
        "  name: kubernetes\n  scheduler: {evictionTime: 30s}\n",
    );
    fs::write(&plan.scenario, text).unwrap();
    let loaded = scratch.load("snapshot.yaml");
    let told = loaded.run();
    let mut snapshot = Snapshot::read(&[plan.scenario], &SnapshotOptions::default()).unwrap();
    let (lines, victims) = decided(&mut snapshot, loaded.scenario().seed);
    assert!(told.len() >= lines.len(), "{told:#?}");
    assert_eq!(told[..lines.len()], lines, "{told:#?}");
    let evicted = told.iter().filter_map(|line| {
        let name = line.strip_suffix(" ended Evicted(Preemption)")?;
        name.strip_prefix("30 ").map(str::to_owned)
    });
    assert_eq!(evicted.collect::<SortedSet<_>>(), victims);
    (lines, victims)
}

fn data(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/place");
    folder.join(name)
}

#[test]
fn a_dump_of_a_cluster_is_scheduled_as_its_snapshot_is() {
    let (lines, victims) = check_snapshot("dump", &[data("dump.json.gz")]);
    assert_eq!((lines.len(), victims.len()), (4, 0), "{lines:#?}");
}

pub(crate) fn node(name: &str, zone: &str, cpu: i64) -> String {
    format!(
        "---\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: \
         {{kubernetes.io/hostname: {name}, topology.kubernetes.io/zone: {zone}}}}}\n\
         status: {{allocatable: {{cpu: '{cpu}', memory: 16Gi, pods: '110'}}}}\n"
    )
}

/// A pod of so many cores; `spec` and `rest` are lines of YAML.
pub(crate) fn pod(name: &str, cpu: i64, priority: i32, spec: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: \
         {{app: {name}}}{rest}\nspec:\n  priority: {priority}\n{spec}  containers: [{{name: c, \
         resources: {{requests: {{cpu: '{cpu}'}}}}}}]\n"
    )
}

pub(crate) fn on(node: &str, started: &str) -> (String, String) {
    (
        format!("  nodeName: {node}\n"),
        format!("status: {{phase: Running, startTime: '2026-01-01T00:0{started}Z'}}\n"),
    )
}

#[test]
fn starts_and_ends_of_pods_that_were_there_decide_who_has_to_go() {
    // Two nodes that are full, with equal pods: only their starts tell them apart.
    for (one, other, expected) in [("1:00", "2:00", "other"), ("2:00", "1:00", "one")] {
        let mut text = node("a", "x", 2) + &node("b", "y", 2);
        for (name, place, started) in [("one", "a", one), ("other", "b", other)] {
            let (spec, status) = on(place, started);
            text += &(pod(name, 2, 0, &spec, "}") + &status);
        }
        text += &pod("urgent", 1, 10, "", "}");
        // Of lower priority than the one that awaits a place: it must not take it.
        text += &pod("late", 1, 5, "", "}");
        let scratch = Scratch::new("starts-dump", &[("dump.yaml", &text)]);
        let (lines, victims) = check_snapshot("starts", &[scratch.0.join("dump.yaml")]);
        assert_eq!(lines, ["0 urgent waits", "0 late waits"]);
        assert!(victims.contains(expected), "{expected}: {victims:?}");
    }
}

#[test]
fn a_pod_that_awaits_a_place_keeps_it_and_waits_for_the_pod_that_ends_there() {
    let (spec, status) = on("a", "1:00");
    let ending = ", deletionTimestamp: '2026-01-01T00:20:00Z'}";
    let condition = "conditions: [{type: DisruptionTarget, status: 'True', reason: \
                     PreemptionByScheduler}]";
    let status = status.replace("phase: Running", &format!("phase: Running, {condition}"));
    let mut text = node("a", "x", 2) + &node("b", "y", 1);
    text += &(pod("ending", 2, 0, &spec, ending) + &status);
    text += &(pod("awaiting", 2, 10, "", "}") + "status: {nominatedNodeName: a}\n");
    text += &pod("small", 1, 20, "", "}");
    let scratch = Scratch::new("awaits-dump", &[("dump.yaml", &text)]);
    let (lines, victims) = check_snapshot("awaits", &[scratch.0.join("dump.yaml")]);
    assert_eq!(lines, ["0 small on b", "0 awaiting waits"]);
    assert_eq!(victims.len(), 0);
    // The nodes are as the dump says; the message tells of the pod that ends.
    let scenario = "windtunnel: v1\nname: awaits\ncluster: {nodes: [{manifests: dump.yaml}]}\n\
                    workload: [{manifests: dump.yaml}]\nsystem: {name: kubernetes}\n\
                    stop: {at: 1m}\n";
    fs::write(scratch.0.join("awaits.yaml"), scenario).unwrap();
    let messages = scratch.load("awaits.yaml").messages();
    assert_eq!(
        messages["awaiting"],
        "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: not \
         eligible due to a terminating pod on the nominated node."
    );
}

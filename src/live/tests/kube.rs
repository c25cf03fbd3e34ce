//! The scheduler of an experiment on a cluster that is there: what it decides arrives, whatever watches and
//! bindings meet with.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of a scheduler at work write files and wait for the wall clock"
)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use clap::Parser as _;
use cli::Global;
use serde_json::{Value, json};
use units::SortedMap;

use super::facade::{Facade, Mishaps};
use crate::control::Control;
use crate::journal::FileJournal;
use crate::kube::engine::{KubeError, KubeNotice, KubeOptions, KubeSummary, schedule};
use crate::kube::kubeconfig::Access;
use crate::record::Log;
use crate::simulated::chosen::chosen;

/// Longest time to wait for something.
const PATIENCE: Duration = Duration::from_mins(1);

/// Options of all commands, as without any.
#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    global: Global,
}

/// A folder that goes at the end.
struct Folder(PathBuf);

impl Folder {
    /// A folder with an experiment, and the access to a cluster.
    fn new(name: &str, facade: &Facade) -> Self {
        let path = std::env::temp_dir().join(format!("wt-kube-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).expect("a folder");
        let folder = &path;
        let experiment = folder.join("experiment.yaml");
        let nothing = "{apiVersion: v1, kind: Namespace, metadata: {name: default}}\n";
        std::fs::write(folder.join("none.yaml"), nothing).expect("a file");
        let text = "windtunnel: v1\nname: kube\ncluster: {nodes: [{count: 1, template: {allocatable: {cpu: 4, \
                    memory: 8Gi, pods: 110}}}]}\nworkload: [{manifests: none.yaml}]\nsystem: {name: kubernetes, \
                    controllers: {}}\n";
        std::fs::write(&experiment, text).expect("a file");
        let config = folder.join("config");
        let server = facade.address;
        let text = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: c}}}}]\nclusters: [{{name: c, cluster: \
             {{server: 'http://{server}'}}}}]\n"
        );
        std::fs::write(&config, text).expect("a file");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// An instance of a scheduler at work.
struct Instance {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<KubeNotice>>>,
    thread: JoinHandle<Result<KubeSummary, KubeError>>,
}

impl Instance {
    fn start(folder: &Path, name: &str, binds: bool) -> Self {
        let (experiment, config) = (folder.join("experiment.yaml"), folder.join("config"));
        let access = Arc::new(Access::of_file(&config, None).expect("an access"));
        let options = KubeOptions {
            scheduler: "windtunnel".to_owned(),
            instance: name.to_owned(),
            binds,
            lease: ("kube-system".to_owned(), "windtunnel".to_owned()),
            lease_duration: Duration::from_secs(3),
        };
        let (stop, told) = (
            Arc::<AtomicBool>::default(),
            Arc::<Mutex<Vec<KubeNotice>>>::default(),
        );
        let record = folder.join(format!("{name}.log"));
        let (stopped, heard) = (Arc::clone(&stop), Arc::clone(&told));
        let thread = std::thread::spawn(move || {
            let global = Options::parse_from(["windtunnel"]).global;
            let chosen = chosen(&global, &experiment, None, &[]);
            let chosen = chosen.unwrap_or_else(|failure| panic!("{}", failure.message));
            let header = chosen
                .header(crate::runtime::clock::wall_ns())
                .mirroring("windtunnel");
            let plane = chosen.plane(&header);
            let plane = plane.unwrap_or_else(|failure| panic!("{}", failure.message));
            let journal = FileJournal::create(&record).expect("a file");
            let control = Control::open(header, plane, journal).expect("a state");
            let is_stopped = || stopped.load(Ordering::Relaxed);
            let mut tell = |one| heard.lock().expect("no panic").push(one);
            schedule(&access, control, &options, &mut tell, &is_stopped)
        });
        Self { stop, told, thread }
    }

    fn end(self) -> KubeSummary {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join().expect("no panic");
        ended.unwrap_or_else(|error| panic!("{error}"))
    }

    fn told(&self) -> Vec<KubeNotice> {
        self.told.lock().expect("no panic").clone()
    }
}

/// Waits until something is so.
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        sleep(Duration::from_millis(20));
    }
}

fn node(number: usize, cpu: &str) -> Value {
    let amounts = json!({"cpu": cpu, "memory": "32Gi", "pods": "110"});
    json!({
        "metadata": {"name": format!("n{number}"), "labels": {"kubernetes.io/hostname": format!("n{number}")}},
        "spec": {},
        "status": {
            "allocatable": amounts,
            "capacity": amounts,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

fn pod(name: &str, cpu: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "schedulerName": "windtunnel",
            "containers": [{"name": "main", "image": "nginx", "resources": {"requests": {"cpu": cpu}}}],
        },
        "status": {"phase": "Pending"},
    })
}

fn nodes_of(facade: &Facade) -> SortedMap<String, String> {
    let pods = facade.all("pods");
    let placed = pods.iter().filter_map(|own| {
        let node = own["spec"]["nodeName"].as_str()?;
        Some((
            own["metadata"]["name"].as_str()?.to_owned(),
            node.to_owned(),
        ))
    });
    placed.collect()
}

/// No node has more pods than it has room for.
fn audit(facade: &Facade, most: usize) {
    let mut counts: SortedMap<String, usize> = SortedMap::new();
    for node in nodes_of(facade).into_values() {
        *counts.entry(node).or_default() += 1;
    }
    assert!(counts.values().all(|&count| count <= most), "{counts:?}");
}

/// The log of an instance replays to the same decisions.
fn replays(folder: &Path, name: &str) -> usize {
    let text = std::fs::read(folder.join(format!("{name}.log"))).expect("a log");
    let log = Log::read(&text).expect("a whole log");
    let global = Options::parse_from(["windtunnel"]).global;
    let chosen = chosen(&global, &folder.join("experiment.yaml"), None, &[]);
    let chosen = chosen.unwrap_or_else(|failure| panic!("{}", failure.message));
    let plane = chosen.plane(&log.header);
    let plane = plane.unwrap_or_else(|failure| panic!("{}", failure.message));
    log.replay(plane).expect("the same decisions");
    log.records.len()
}

#[test]
fn a_thousand_pods_are_bound_though_watches_end_and_bindings_fail() {
    let facade = Facade::start();
    let folder = Folder::new("thousand", &facade);
    for number in 0..100 {
        facade.put("nodes", node(number, "8"));
    }
    for number in 0..600 {
        facade.put("pods", pod(&format!("early-{number}"), "500m"));
    }
    // What others have placed takes room.
    let mut other = pod("other", "7");
    other["spec"]["schedulerName"] = json!("default-scheduler");
    other["spec"]["nodeName"] = json!("n7");
    facade.put("pods", other);
    facade.meet(Mishaps {
        failing_bindings: 20,
        refused_bindings: 5,
        ..Mishaps::default()
    });
    let instance = Instance::start(&folder.0, "one", true);
    wait_for("the first bindings", || facade.bindings().len() > 100);
    facade.cut_watches(false);
    for number in 0..400 {
        if number % 100 == 50 {
            facade.cut_watches(number == 250);
        }
        facade.put("pods", pod(&format!("late-{number}"), "500m"));
    }
    facade.delete("pods", "shop", "early-3");
    wait_for("every binding", || nodes_of(&facade).len() >= 1_000);
    let summary = instance.end();
    facade.end();
    let nodes = nodes_of(&facade);
    audit(&facade, 16);
    let beside_other = nodes.values().filter(|node| *node == "n7").count();
    assert!(beside_other <= 3, "{beside_other}");
    assert!(summary.refused >= 5, "{summary:?}");
    // The API gives a node once.
    let mut bound: Vec<String> = facade.bindings().into_iter().map(|(pod, _)| pod).collect();
    let count = bound.len();
    bound.sort();
    bound.dedup();
    assert_eq!(bound.len(), count);
    assert!(replays(&folder.0, "one") > 10);
}

/// A claim that is not bound holds a pod back.
fn claims_are_awaited(facade: &Facade) {
    let claim = |volume: Option<&str>| {
        json!({
            "metadata": {"name": "data", "namespace": "shop"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
                "storageClassName": "fast",
                "volumeName": volume,
            },
            "status": {"phase": if volume.is_some() { "Bound" } else { "Pending" }},
        })
    };
    facade.put("persistentvolumeclaims", claim(None));
    let mut stateful = pod("stateful", "100m");
    stateful["spec"]["volumes"] =
        json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]);
    facade.put("pods", stateful);
    wait_for("its reason", || {
        facade
            .writes()
            .iter()
            .any(|own| own.contains("has no volume yet: the pod waits"))
    });
    facade.put(
        "persistentvolumes",
        json!({
            "metadata": {"name": "pv-1"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "fast",
                "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data"},
                "csi": {"driver": "d", "volumeHandle": "h"},
            },
            "status": {"phase": "Bound"},
        }),
    );
    let mut bound = claim(Some("pv-1"));
    bound["metadata"]["annotations"] = json!({"pv.kubernetes.io/bind-completed": "yes"});
    facade.put("persistentvolumeclaims", bound);
    wait_for("its node", || nodes_of(facade).contains_key("stateful"));
}

#[test]
fn pods_wait_with_a_reason_make_room_and_wait_for_claims() {
    let facade = Facade::start();
    let folder = Folder::new("reasons", &facade);
    facade.put("nodes", node(0, "2"));
    facade.put("pods", pod("small", "1500m"));
    let instance = Instance::start(&folder.0, "one", true);
    wait_for("the first binding", || {
        nodes_of(&facade).contains_key("small")
    });
    facade.put("pods", pod("waits", "1"));
    wait_for("its reason", || {
        let told = "PodScheduled shop/waits: 0/1 nodes are available: 1 Insufficient cpu";
        facade.writes().iter().any(|own| own.starts_with(told))
    });
    // Another scheduler's pod is not looked at.
    let mut foreign = pod("foreign", "100m");
    foreign["spec"]["schedulerName"] = json!("default-scheduler");
    facade.put("pods", foreign);
    // One of higher priority takes the place of the first.
    let mut urgent = pod("urgent", "1900m");
    urgent["spec"]["priority"] = json!(1000);
    facade.put("pods", urgent);
    wait_for("the eviction", || {
        facade.writes().contains(&"delete shop/small".to_owned())
    });
    wait_for("the place", || nodes_of(&facade).contains_key("urgent"));
    facade.delete("pods", "shop", "urgent");
    wait_for("the room", || nodes_of(&facade).contains_key("waits"));
    claims_are_awaited(&facade);
    let summary = instance.end();
    facade.end();
    assert!(!nodes_of(&facade).contains_key("foreign"));
    assert_eq!(summary.evicted, 1);
    replays(&folder.0, "one");
}

#[test]
fn without_bind_nothing_is_written_and_decisions_are_compared() {
    let facade = Facade::start();
    let folder = Folder::new("dry", &facade);
    for number in 0..3 {
        facade.put("nodes", node(number, "2"));
    }
    let instance = Instance::start(&folder.0, "one", false);
    facade.put("pods", pod("a", "1500m"));
    facade.put("pods", pod("b", "1500m"));
    let decided = |instance: &Instance| -> SortedMap<String, String> {
        let told = instance.told();
        let bound = told.iter().filter_map(|own| match own {
            KubeNotice::Decided(crate::wire::wish::Wish::Bind { pod, node }) => {
                Some((pod.name.clone(), node.clone()))
            }
            _ => None,
        });
        bound.collect()
    };
    wait_for("both decisions", || decided(&instance).len() == 2);
    let given = decided(&instance);
    // The cluster's own scheduler agrees on one of them.
    for (name, node) in &given {
        let mut placed = facade.get("pods", "shop", name).expect("a pod");
        let free = (0..3).map(|number| format!("n{number}"));
        let mut free = free.filter(|node| !given.values().any(|own| own == node));
        let elsewhere = free.next().expect("a free node");
        placed["spec"]["nodeName"] = json!(if name == "a" { node.clone() } else { elsewhere });
        facade.put("pods", placed);
    }
    let seen = || {
        let told = instance.told();
        let seen = told.iter();
        seen.filter(|own| {
            matches!(
                own,
                KubeNotice::Decided(crate::wire::wish::Wish::Seen { .. })
            )
        })
        .count()
    };
    wait_for("the comparison", || seen() == 2);
    let summary = instance.end();
    facade.end();
    assert_eq!((summary.agreed, summary.differed), (1, 1));
    assert_eq!(facade.bindings(), []);
    assert_eq!(facade.writes(), Vec::<String>::new());
    assert!(facade.all("leases").is_empty() && facade.all("events").is_empty());
}

#[test]
fn another_instance_goes_on_where_the_leader_has_gone() {
    let facade = Facade::start();
    let folder = Folder::new("lease", &facade);
    for number in 0..4 {
        facade.put("nodes", node(number, "8"));
    }
    let first = Instance::start(&folder.0, "one", true);
    wait_for("a leader", || {
        facade.get("leases", "kube-system", "windtunnel").is_some()
    });
    let others = ["two", "three"].map(|name| Instance::start(&folder.0, name, true));
    facade.put("pods", pod("before", "1"));
    wait_for("the first binding", || {
        nodes_of(&facade).contains_key("before")
    });
    // It ends without giving its lease back, as one that is killed does.
    assert_eq!(first.end().written, 1);
    facade.put("pods", pod("after", "1"));
    wait_for("the second binding", || {
        nodes_of(&facade).contains_key("after")
    });
    let lease = facade
        .get("leases", "kube-system", "windtunnel")
        .expect("a lease");
    assert_ne!(lease["spec"]["holderIdentity"], "one");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
    let written: u64 = others.into_iter().map(|own| own.end().written).sum();
    facade.end();
    assert_eq!(written, 1);
    assert_eq!(facade.bindings().len(), 2);
}

#[test]
fn nodes_hold_what_was_seen_on_them() {
    let facade = Facade::start();
    let folder = Folder::new("held", &facade);
    facade.put("nodes", node(0, "4"));
    let mut running = pod("running", "1");
    running["spec"]["nodeName"] = json!("n0");
    running["status"] = json!({"phase": "Running"});
    facade.put("pods", running.clone());
    let instance = Instance::start(&folder.0, "one", true);
    wait_for("the cluster", || {
        instance
            .told()
            .iter()
            .any(|own| matches!(own, KubeNotice::Ready { .. }))
    });
    // It is resized in its place, and holds the more of both until its node has made it so.
    let resized = |stated: &str, actual: &str| {
        let mut pod = running.clone();
        pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!(stated);
        let amounts = json!({"cpu": actual});
        pod["status"]["containerStatuses"] = json!([
            {"name": "main", "allocatedResources": amounts, "resources": {"requests": amounts}},
        ]);
        pod
    };
    let waits = |name: &str| {
        wait_for("a reason", || {
            let told = format!("PodScheduled shop/{name}: 0/1 nodes are available");
            facade.writes().iter().any(|own| own.starts_with(&told))
        });
    };
    facade.put("pods", resized("3", "1"));
    facade.put("pods", pod("second", "2"));
    waits("second");
    facade.put("pods", resized("1", "3"));
    sleep(Duration::from_millis(300));
    assert!(!nodes_of(&facade).contains_key("second"));
    facade.put("pods", resized("1", "1"));
    wait_for("the room", || nodes_of(&facade).contains_key("second"));
    // The node goes and comes back while its pods are on it.
    facade.delete("nodes", "", "n0");
    sleep(Duration::from_millis(200));
    facade.put("nodes", node(0, "4"));
    facade.put("pods", pod("third", "2"));
    waits("third");
    facade.delete("pods", "shop", "running");
    wait_for("the room", || nodes_of(&facade).contains_key("third"));
    instance.end();
    facade.end();
    replays(&folder.0, "one");
}

#[test]
fn who_hears_nothing_of_its_lease_stops() {
    let facade = Facade::start();
    let folder = Folder::new("silence", &facade);
    facade.put("nodes", node(0, "4"));
    let instance = Instance::start(&folder.0, "one", true);
    facade.put("pods", pod("before", "1"));
    wait_for("a binding", || nodes_of(&facade).contains_key("before"));
    facade.meet(Mishaps {
        has_silent_leases: true,
        ..Mishaps::default()
    });
    wait_for("the end", || instance.thread.is_finished());
    let ended = instance.thread.join().expect("no panic");
    let told = ended.expect_err("a lease that is lost").to_string();
    assert!(told.contains("no answer in time"), "{told}");
    facade.end();
}

//! What a user may do and a run must survive: roll-outs halted half-way, filters switched off, nodes that
//! flap, hosts that go on unseen; and what a run that can't go on leaves behind.

use std::fmt::Write as _;
use std::path::Path;

use windtunnel::lab::names::Registered;
use windtunnel::scenario::{FileLookup, LoadOptions, SearchPath, load};

use crate::scratch::Scratch;

/// A Deployment whose pods want the same port of their host.
fn ports(image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - {{name: a, image: '{image}', ports: [{{containerPort: 80, hostPort: 80}}], resources: {{requests: {{cpu: 100m}}}}}}
"
    )
}

const PAUSED: &str = "
windtunnel: v1
name: paused
cluster: {nodes: [{count: 3, name: 'n-{}', template: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}}]}
workload: [{manifests: web.yaml}]
system: {name: kubernetes, controllers: {}}
operations:
- {at: 5m, apply: next.yaml}
- {at: 10m, pause: Deployment/default/web}
stop: {at: 30m}
";

/// `scale` and `ReplicasAnnotationsNeedUpdate` of Kubernetes (deployment/sync.go): nothing to add, no write.
#[test]
fn a_rollout_that_is_halted_half_way_stands_still() {
    let (web, next) = (ports("web:1"), ports("web:2"));
    let files = [
        ("paused.yaml", PAUSED),
        ("web.yaml", &*web),
        ("next.yaml", &*next),
    ];
    let scratch = Scratch::new("guards-paused", &files);
    scratch.run(
        &["run", "paused.yaml", "--out", "out", "--tables", "csv"],
        0,
    );
    let pods = scratch.pods("out", ["outcome"]);
    let of = |outcome: &str| pods.values().filter(|[own]| own == outcome).count();
    assert_eq!((of("running"), of("pending")), (3, 1), "{pods:?}");
}

/// kubernetes#112930: pods that tolerate `unreachable` for 0 s come and go until the taint is taken off.
const FLAPPING: &str = "
windtunnel: v1
name: flapping
seed: 1
cluster: {nodes: [{count: 2, name: 'n-{}', template: {allocatable: {cpu: 4, memory: 16Gi}, labels: {kubernetes.io/hostname: 'n-{index}'}}}]}
workload: [{manifests: fast.yaml}]
system: {name: kubernetes, controllers: {}}
models: {nodeLife: observed}
failures: [{kind: partition, node: n-0, at: 10m, for: 302s}]
stop: {at: 1h}
variants:
  ideal: {}
  production: {models.set: production}
";

const FAST: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: fast}
spec:
  replicas: 1
  selector: {matchLabels: {app: fast}}
  template:
    metadata: {labels: {app: fast}}
    spec:
      nodeSelector: {kubernetes.io/hostname: n-0}
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 0}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 0}
      containers: [{name: c, image: a, resources: {requests: {cpu: 100m}}}]
";

#[test]
fn a_livelock_keeps_what_happened_before_and_names_the_way_out() {
    let files = [("flapping.yaml", FLAPPING), ("fast.yaml", FAST)];
    let scratch = Scratch::new("guards-flapping", &files);
    let told = scratch.run(&["run", "flapping.yaml", "--out", "out"], 101);
    let expected = "error: variant `ideal`: livelock at 15m2s: ";
    assert!(told.contains(expected), "{told}");
    for part in [
        "pods of ReplicaSet default/fast-",
        "`models: production`",
        "what happened up to then is in out.partial; it is no complete result",
        "! ideal is incomplete and compared with nothing: livelock",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // It looks like no whole run, and none takes it for one.
    assert!(!scratch.path("out").exists());
    scratch.run(&["report", "out.partial"], 2);
    let summary = scratch.summary("out.partial");
    let [ideal, production] = &summary.variants[..] else {
        panic!("two variants");
    };
    assert_eq!((&*ideal.ended, &*production.ended), ("stopped", "reached"));
    let why = ideal.stopped.as_deref().unwrap_or_default();
    assert!(why.starts_with("livelock at 15m2s"), "{why}");
    assert_eq!(
        (ideal.end_ns, &production.stopped),
        (902_000_000_000, &None)
    );
    let files = [
        "report.html",
        "scenario.yaml",
        "timeseries.parquet",
        "pods.parquet",
    ];
    for name in files {
        assert!(
            scratch.path(&format!("out.partial/{name}")).exists(),
            "{name}"
        );
    }
    // With the latencies of a cluster it is a churn of some seconds.
    assert!(
        production.pods > 10 && production.pods < 200,
        "{}",
        production.pods
    );
}

/// The filters of the default profile.
const FILTERS: [&str; 12] = [
    "NodeUnschedulable",
    "NodeName",
    "TaintToleration",
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "VolumeRestrictions",
    "NodeVolumeLimits",
    "VolumeBinding",
    "VolumeZone",
    "PodTopologySpread",
    "InterPodAffinity",
];

const ABLATION: &str = "
windtunnel: v1
name: ablation
cluster:
  nodes:
  - {count: 4, name: 'a-{}', template: {allocatable: {cpu: 8, memory: 32Gi, pods: 20}}}
  - {count: 2, name: 'b-{}', template: {allocatable: {cpu: 8, memory: 32Gi, pods: 20}, taints: [{key: own, value: x, effect: NoSchedule}]}}
workload:
- trace: {format: csv, path: jobs.csv}
system: {name: kubernetes}
stop: {when: idle}
variants:
  all: {}
";

/// Without the filter of resources the kubelet refuses the pods that are too many, as in Kubernetes.
#[test]
fn each_filter_may_be_switched_off() {
    let mut jobs = "submit,name,run_time,cpu,memory\n".to_owned();
    for number in 0..60 {
        let _ = writeln!(jobs, "{},j{number},300,3,2Gi", number * 5);
    }
    let mut experiment = ABLATION.to_owned();
    for filter in FILTERS {
        let _ = writeln!(
            experiment,
            "  no-{filter}: {{system.scheduler.plugins: {{{filter}: null}}}}"
        );
    }
    let files = [("ablation.yaml", &*experiment), ("jobs.csv", &*jobs)];
    let scratch = Scratch::new("guards-ablation", &files);
    scratch.run(
        &["run", "ablation.yaml", "--out", "out", "--tables", "csv"],
        0,
    );
    for (variant, pods) in scratch.pods_of_variants("out", ["outcome"]) {
        let refused = pods.values().filter(|[own]| own == "OutOfcpu").count();
        assert_eq!(
            refused > 0,
            variant == "no-NodeResourcesFit",
            "{variant}: {refused}"
        );
    }
}

/// Of jobs that go on where they stopped, one may have ended on a host that nobody reached.
#[test]
fn work_that_ended_unseen_is_done() {
    let experiment = "
windtunnel: v1
name: unseen
cluster: {nodes: [{count: 3, name: 'n-{}', template: {allocatable: {cpu: 8, memory: 2Gi, pods: 110}, gpu: {devices: 8, model: V100}}}]}
workload: [{trace: {format: csv, path: jobs.csv}}]
system: {name: gpu-sharing}
models: {nodeLife: observed}
failures: [{kind: partition, node: n-2, at: 30s, for: 10m}]
stop: {at: 1h}
";
    let jobs = "submit,name,run_time,cpu,memory,members,gpus,time_limit\n\
        0,a,3000,500m,256Mi,3,4,6000\n6,b,300,1,256Mi,5,1,150\n";
    let files = [("unseen.yaml", experiment), ("jobs.csv", jobs)];
    let scratch = Scratch::new("guards-unseen", &files);
    scratch.run(&["run", "unseen.yaml", "--out", "out"], 0);
}

/// Draws of a pod are keyed by what it is, not by what arrives beside or after it.
#[test]
fn what_others_submit_shifts_no_draw() {
    let experiment = "
windtunnel: v1
name: beside
cluster: {nodes: [{count: 4, name: 'n-{}', template: {allocatable: {cpu: 4, memory: 16Gi, pods: 110}}}]}
workload: [{trace: {format: csv, path: own.csv}}]
models: {startup: {containerStart: exponential(20s)}}
stop: {at: 2h}
variants:
  alone: {}
  later: {workload: [{trace: {format: csv, path: own.csv}}, {trace: {format: csv, path: later.csv}}]}
  earlier: {workload: [{trace: {format: csv, path: earlier.csv}}, {trace: {format: csv, path: own.csv}}]}
";
    let head = "submit,name,run_time,cpu,memory,tenant\n";
    let own = format!("{head}0,a0,60,1,1Gi,ann\n10,a1,60,1,1Gi,bob\n20,a2,60,2,1Gi,bob\n");
    let later = format!("{head}3600,b0,60,3,1Gi,eve\n");
    let earlier = format!("{head}0,b0,60,3,1Gi,eve\n5,b1,60,3,1Gi,fay\n");
    let files = [
        ("beside.yaml", experiment),
        ("own.csv", &own),
        ("later.csv", &later),
        ("earlier.csv", &earlier),
    ];
    let scratch = Scratch::new("guards-beside", &files);
    scratch.run(
        &["run", "beside.yaml", "--out", "out", "--tables", "csv"],
        0,
    );
    let all = scratch.pods_of_variants("out", ["bound_ns", "started_ns"]);
    let alone = &all["alone"];
    assert_eq!(alone.len(), 3);
    for variant in ["later", "earlier"] {
        for (pod, times) in alone {
            assert_eq!(all[variant].get(pod), Some(times), "{variant}: {pod}");
        }
    }
}

/// Equal runs have equal bytes wherever they are, and say nothing of where that was.
#[test]
fn a_result_does_not_tell_where_it_was_made() {
    let web = ports("web:1");
    let experiment = PAUSED.replace("- {at: 5m, apply: next.yaml}\n", "");
    let files = [("paused.yaml", &*experiment), ("web.yaml", &*web)];
    let made = ["guards-here", "guards-somewhere-else"].map(|name| {
        let scratch = Scratch::new(name, &files);
        scratch.run(&["run", "paused.yaml", "--out", "out"], 0);
        scratch
    });
    let place = made[0].0.parent().expect("a folder of folders");
    let place = place.to_string_lossy().into_owned();
    let [here, there] = [0, 1].map(|number| made[number].files("out"));
    for ((name, one), (_, other)) in here.iter().zip(&there) {
        assert!(one == other, "{name}");
        let text = String::from_utf8_lossy(one);
        assert!(!text.contains(&place), "{name}");
    }
    assert_eq!(here.len(), there.len());
}

/// Every file exists.
struct Everywhere;

impl FileLookup for Everywhere {
    fn exists(&self, _path: &Path) -> bool {
        true
    }
}

/// The file that shows every field is one that a run takes.
#[test]
fn the_complete_experiment_is_right_by_the_real_registries() {
    let text = include_str!("../data/scenario/complete.yaml");
    let search = SearchPath::default();
    let options = LoadOptions {
        sets: &[],
        search: &search,
        lookup: &Everywhere,
        names: &Registered,
    };
    if let Err(rejected) = load(text, "complete.yaml", options) {
        panic!("{rejected:?}");
    }
}

/// Kinds of events that are written can be searched for, and odd amounts end in words.
#[test]
fn small_questions_have_answers() {
    let web = ports("web:1");
    let mut rows = "submit,name,run_time,cpu,memory\n".to_owned();
    for number in 0..200 {
        let _ = writeln!(rows, "{},j{number},{},1,1Gi", number * 20, 10 + number);
    }
    rows += "9000,last,600,4294967296,1Gi\n";
    let files = [
        ("paused.yaml", PAUSED),
        ("web.yaml", &*web),
        ("next.yaml", &*web),
        ("jobs.csv", &*rows),
    ];
    let scratch = Scratch::new("guards-small", &files);
    scratch.run(&["run", "paused.yaml", "--out", "out"], 0);
    for kind in ["resized", "moving"] {
        scratch.run(&["events", "out", "--kind", kind], 0);
    }
    scratch.run(&["trace", "fit", "jobs.csv"], 0);
}

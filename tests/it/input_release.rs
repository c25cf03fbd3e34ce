//! The release of the input, through the program: rules follow the newest kubelet of a dump, controllers
//! included, and an object of a newer release that a question does not touch is told, not refused.

use crate::scratch::Scratch;

/// A cluster of three nodes of unlike balance, whose kubelets report a version.
fn dump(version: &str) -> String {
    let node = |name: &str, cpu: u32, memory: u32| {
        format!(
            "- {{apiVersion: v1, kind: Node, metadata: {{name: {name}, uid: {name}}}, status: {{allocatable: {{cpu: {cpu}, \
             memory: {memory}Gi, pods: 110}}, conditions: [{{type: Ready, status: 'True'}}], nodeInfo: {{kubeletVersion: \
             '{version}'}}}}}}\n"
        )
    };
    let nodes = [node("a", 8, 64), node("b", 16, 32), node("c", 32, 64)];
    format!("apiVersion: v1\nkind: List\nitems:\n{}", nodes.concat())
}

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: default}
spec: {containers: [{name: c, image: x, resources: {requests: {cpu: 700m, memory: 3Gi}}}]}
";

const RUN: &str = "\
windtunnel: v1
name: dump
cluster: {nodes: [{manifests: dump.yaml}]}
workload: [{manifests: pod.yaml}]
system: {name: kubernetes, controllers: {}}
stop: {at: 1m}
";

#[test]
fn a_cluster_is_answered_by_the_rules_of_its_newest_kubelet() {
    for (version, release, doubt) in [
        ("v1.33.4", "1.33", None),
        ("v1.34.1", "1.34", None),
        ("v1.36.2", "1.36", None),
        ("v1.37.1", "1.36", Some("newer than 1.36")),
        ("v1.28.3", "1.30", Some("older than 1.30")),
    ] {
        let text = dump(version);
        let files = [("dump.yaml", &*text), ("pod.yaml", POD), ("run.yaml", RUN)];
        let scratch = Scratch::new("input-release", &files);
        let questions: [&[&str]; 3] = [
            &["place", "dump.yaml", "pod.yaml"],
            &["explain", "dump.yaml", "pod.yaml"],
            &["plan", "dump.yaml", "pod.yaml"],
        ];
        for question in questions {
            let said = scratch.run(question, 0);
            let words = format!("kube-scheduler {release}");
            assert!(said.contains(&words), "{question:?}: {said}");
            assert_eq!(said.contains("the rules of"), doubt.is_some(), "{said}");
            assert!(doubt.is_none_or(|doubt| said.contains(doubt)), "{said}");
        }
        let said = scratch.run(&["run", "run.yaml", "--out", "o"], 0);
        assert!(doubt.is_none_or(|doubt| said.contains(doubt)), "{said}");
        let releases = scratch.summary("o").variants[0].releases.clone();
        let wanted = [
            format!("kube-scheduler {release}"),
            format!("controllers and kubelet {release}"),
        ];
        assert_eq!(releases, wanted);
        // What is stated counts.
        let said = scratch.run(&["place", "dump.yaml", "pod.yaml", "--release", "1.31"], 0);
        assert!(said.contains("kube-scheduler 1.31"), "{said}");
        let stated = [
            "run",
            "run.yaml",
            "--out",
            "p",
            "--set",
            "system.release=\"1.31\"",
        ];
        scratch.run(&stated, 0);
        let releases = scratch.summary("p").variants[0].releases.clone();
        assert_eq!(releases[1], "controllers and kubelet 1.31");
    }
}

/// An object of 1.36 in a dump, and words of its finding.
const NEWER: [(&str, &str); 4] = [
    (
        "{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, metadata: {name: s}, spec: {driver: d, nodeName: a, pool: \
         {name: a, generation: 1, resourceSliceCount: 1}, devices: [{name: g0, taints: [{key: bad, effect: NoSchedule}]}]}}",
        "spec.devices[0].taints",
    ),
    (
        "{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, metadata: {name: s}, spec: {driver: d, nodeName: a, pool: \
         {name: a, generation: 1, resourceSliceCount: 1}, sharedCounters: [{name: g, counters: {m: {value: 8Gi}}}], \
         devices: [{name: g0, consumesCounters: [{counterSet: g, counters: {m: {value: 1Gi}}}]}]}}",
        "spec.devices[0].consumesCounters",
    ),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: sg}, spec: {nodeName: a, schedulingGroup: {podGroupName: g}, \
         containers: [{name: c, image: x}]}, status: {phase: Running}}",
        "spec.schedulingGroup",
    ),
    (
        "{apiVersion: scheduling.k8s.io/v1alpha2, kind: PodGroup, metadata: {name: g}, spec: {}}",
        "GangScheduling",
    ),
];

#[test]
fn an_object_of_a_newer_release_is_told_and_not_refused() {
    for (object, words) in NEWER {
        let text = format!("{}- {object}\n", dump("v1.36.2"));
        let files = [("dump.yaml", &*text), ("pod.yaml", POD), ("run.yaml", RUN)];
        let scratch = Scratch::new("input-newer", &files);
        let questions: [&[&str]; 4] = [
            &["place", "dump.yaml", "pod.yaml", "--verbose"],
            &["explain", "dump.yaml", "pod.yaml", "--verbose"],
            &["plan", "dump.yaml", "pod.yaml", "--verbose"],
            &["run", "run.yaml", "--out", "o", "--verbose"],
        ];
        for question in questions {
            let said = scratch.run(question, 0);
            assert!(said.contains(words), "{question:?}: {said}");
        }
    }
}

#[test]
fn a_kind_that_is_ignored_is_left_out_by_every_reader() {
    let broken = "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: no}}";
    let text = format!("{}- {broken}\n", dump("v1.34.1"));
    let files = [("dump.yaml", &*text), ("pod.yaml", POD), ("run.yaml", RUN)];
    let scratch = Scratch::new("input-ignored", &files);
    let questions: [&[&str]; 5] = [
        &["place", "dump.yaml", "pod.yaml", "--ignore", "hpa"],
        &["explain", "dump.yaml", "pod.yaml", "--ignore", "hpa"],
        &["plan", "dump.yaml", "pod.yaml", "--ignore", "hpa"],
        &["run", "run.yaml", "--out", "o", "--ignore", "hpa"],
        &[
            "import",
            "kubectl",
            "dump.yaml",
            "--out",
            "i.yaml",
            "--ignore",
            "hpa",
        ],
    ];
    for question in questions {
        scratch.run(question, 0);
    }
    let said = scratch.run(&["place", "dump.yaml", "pod.yaml", "--ignore", "hpb"], 2);
    assert!(
        said.contains("no kind that is read is called `hpb`"),
        "{said}"
    );
}

const SET: &str = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  minReadySeconds: 15
  podManagementPolicy: Parallel
  replicas: 3
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {windtunnel.dev/start-time: 2s}}
    spec:
      containers: [{name: c, image: 'a:1', readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}, resources: {requests: {cpu: 100m}}}]
";

/// `kubernetes#119234`: pods that need not go in order were replaced without `minReadySeconds` until 1.33.
#[test]
fn parallel_sets_wait_for_available_pods_since_1_34() {
    let next = SET.replace("a:1", "a:2");
    let run = "\
windtunnel: v1
name: sets
cluster: {nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 16Gi}}}]}
workload: [{manifests: set.yaml}]
system: {name: kubernetes, controllers: {}}
operations: [{at: 10m, apply: next.yaml}]
stop: {at: 1h}
";
    let files = [("set.yaml", SET), ("next.yaml", &*next), ("run.yaml", run)];
    let scratch = Scratch::new("input-sets", &files);
    for (release, least, most) in [("1.33", 2.0, 3.5), ("1.34", 15.0, 18.5)] {
        let set = format!("system.release=\"{release}\"");
        let out = format!("o{release}");
        scratch.run(
            &["run", "run.yaml", "--events", "--out", &out, "--set", &set],
            0,
        );
        let told = scratch.printed(
            &["events", &out, "--kind", "terminating", "--format", "json"],
            0,
        );
        let times: Vec<f64> = told
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|event| Some(event["time_ns"].as_f64()? / 1e9))
            .collect();
        assert_eq!(times.len(), 3, "{told}");
        for pair in times.windows(2) {
            let gap = pair[1] - pair[0];
            assert!((least..=most).contains(&gap), "{release}: {times:?}");
        }
    }
}

/// `kubernetes#129795`: expectations of a controller expire while its watch is late, and it makes the same
/// pods again; since 1.36 it waits for its own writes.
#[test]
fn controllers_wait_for_their_own_writes_since_1_36() {
    let web = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: x, resources: {requests: {cpu: 100m, memory: 64Mi}}}]}
";
    let run = "\
windtunnel: v1
name: stale
cluster: {nodes: [{count: 10, template: {allocatable: {cpu: 8, memory: 32Gi, pods: 110}}}]}
workload: [{manifests: web.yaml}]
system: {name: kubernetes, controllers: {}}
failures: [{kind: watch-delay, component: controllers, at: 60s, for: 2h, delay: 6m}]
operations:
  - {at: 90s, scale: Deployment/default/web, replicas: 30}
  - {at: 13m, deletePods: {labels: {app: web}, count: 1}}
stop: {at: 60m}
";
    let scratch = Scratch::new("input-stale", &[("web.yaml", web), ("run.yaml", run)]);
    for (release, pods) in [("1.34", 69), ("1.36", 31)] {
        let set = format!("system.release=\"{release}\"");
        let out = format!("o{release}");
        scratch.run(&["run", "run.yaml", "--out", &out, "--set", &set], 0);
        assert_eq!(scratch.summary(&out).variants[0].pods, pods, "{release}");
    }
}

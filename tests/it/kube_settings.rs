//! Settings of the exact Kubernetes scheduler in an experiment file: configuration files, releases,
//! preemptions with their grace.

use std::fs;
use std::path::Path;

use crate::kube_scenario::{Scratch, node, on, pod};

/// Two nodes and what arrives on them, under these settings of the scheduler.
fn scenario(settings: &str) -> String {
    format!(
        "windtunnel: v1\nname: kube\ncluster: {{nodes: [{{manifests: nodes.yaml}}]}}\n\
         workload: [{{manifests: pods.yaml}}]\nsystem: {{name: kubernetes, scheduler: \
         {{{settings}}}}}\nstop: {{at: 10m}}\n"
    )
}

const CONFIG: &str = "\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
parallelism: 8
percentageOfNodesToScore: 100
podInitialBackoffSeconds: 4
podMaxBackoffSeconds: 6
profiles:
- schedulerName: default-scheduler
  plugins:
    score:
      disabled: [{name: '*'}]
      enabled: [{name: NodeResourcesFit, weight: 1}]
    postFilter:
      disabled: [{name: DefaultPreemption}]
- schedulerName: packer
  plugins:
    multiPoint:
      disabled: [{name: NodeResourcesBalancedAllocation}, {name: PodTopologySpread}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}
";

/// Manifests of two nodes, 4 cores each, one of them half full.
fn half_full() -> String {
    let (spec, status) = on("a", "1:00");
    let there = pod("there", 2, 0, &spec, "}") + &status;
    node("a", "x", 4) + &node("b", "y", 4) + &there
}

#[test]
fn a_configuration_file_makes_the_profiles() {
    let packed = "  schedulerName: packer\n";
    let pods = half_full()
        + &pod("spread", 1, 0, "", "}")
        + &pod("packed", 1, 0, packed, "}")
        + &pod("packed-too", 1, 0, packed, "}")
        + &pod("nobodys", 1, 0, "  schedulerName: somebody-else\n", "}");
    let files = [
        ("nodes.yaml", pods.as_str()),
        ("pods.yaml", pods.as_str()),
        ("config.yaml", CONFIG),
        (
            "kube.yaml",
            &scenario("config: config.yaml, tieBreak: first"),
        ),
    ];
    let scratch = Scratch::new("config", &files);
    let loaded = scratch.load("kube.yaml");
    assert_eq!(
        loaded.run(),
        ["0 spread on b", "0 packed on a", "0 packed-too on a"]
    );
    let prepared = loaded.prepared().unwrap();
    let config = &prepared.kube.config;
    let bounds = (config.initial_backoff_secs, config.max_backoff_secs);
    assert_eq!(bounds, (Some(4), Some(6)));
    assert_eq!(config.percentage_of_nodes_to_score, 100);
    let remarks = prepared.remarks.lines();
    let note = "config.yaml: parallelism: 8 is not modelled";
    assert!(
        remarks.iter().any(|line| line.contains(note)),
        "{remarks:?}"
    );
}

#[test]
fn without_the_plugin_nobody_is_preempted() {
    let pods = half_full() + &pod("big", 4, 10, "", "}") + &pod("bigger", 4, 20, "", "}");
    let name = |settings: &str| scenario(settings);
    let files = [
        ("nodes.yaml", pods.as_str()),
        ("pods.yaml", pods.as_str()),
        ("config.yaml", CONFIG),
        ("with.yaml", &name("tieBreak: first, evictionTime: 30s")),
        ("without.yaml", &name("config: config.yaml")),
    ];
    let scratch = Scratch::new("preemption", &files);
    // By default the more urgent pod takes the empty node, the other evicts, and gets the place
    // when the grace is over.
    assert_eq!(
        scratch.load("with.yaml").run(),
        [
            "0 bigger on b",
            "0 big waits",
            "30 there ended Evicted(Preemption)",
            "30 big on a"
        ]
    );
    let without = scratch.load("without.yaml");
    assert_eq!(without.run()[..2], ["0 bigger on b", "0 big waits"]);
    assert!(!without.run().iter().any(|line| line.contains("ended")));
    assert_eq!(
        without.messages()["big"],
        "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate"
    );
}

#[test]
fn preemption_takes_the_least_it_must_and_never_equals() {
    // `b` has one pod of low priority that is enough; on `a` a pod of middle priority would go.
    let mut pods = node("a", "x", 4) + &node("b", "y", 4);
    for (name, place, cpu, priority) in [
        ("middle", "a", 4, 5),
        ("low", "b", 2, 1),
        ("equal", "b", 2, 10),
    ] {
        let (spec, status) = on(place, "1:00");
        pods += &(pod(name, cpu, priority, &spec, "}") + &status);
    }
    pods += &pod("urgent", 2, 10, "", "}");
    pods += &pod("again", 2, 10, "", "}");
    pods += &pod("meek", 2, 6, "  preemptionPolicy: Never\n", "}");
    let files = [
        ("nodes.yaml", pods.as_str()),
        ("pods.yaml", pods.as_str()),
        ("kube.yaml", &scenario("tieBreak: first, evictionTime: 30s")),
    ];
    let scratch = Scratch::new("least", &files);
    let loaded = scratch.load("kube.yaml");
    let told = loaded.run();
    let ended: Vec<&String> = told.iter().filter(|line| line.contains("ended")).collect();
    assert_eq!(
        ended,
        [
            "30 middle ended Evicted(Preemption)",
            "30 low ended Evicted(Preemption)"
        ]
    );
    let waiting = ["0 urgent waits", "0 again waits", "0 meek waits"];
    assert_eq!(told[..3], waiting);
    // Who evicted has the place, and who does not preempt takes what is left over.
    for expected in ["30 urgent on b", "30 again on a", "30 meek on a"] {
        assert!(told.iter().any(|line| line == expected), "{told:#?}");
    }
    assert!(!told.iter().any(|line| line.contains("equal")), "{told:#?}");
}

#[test]
fn release_1_36_takes_the_root_of_its_heap() {
    let mut pods = String::new();
    for name in ["a", "b", "c", "d", "e"] {
        pods += &node(name, "x", 4);
    }
    for name in ["one", "two", "three"] {
        pods += &pod(name, 4, 0, "", "}");
    }
    let files = [
        ("nodes.yaml", pods.as_str()),
        ("pods.yaml", pods.as_str()),
        ("new.yaml", &scenario("release: '1.36'")),
        ("first.yaml", &scenario("tieBreak: first")),
    ];
    let scratch = Scratch::new("release", &files);
    // All totals tie: the root is the first in the order in which nodes were found.
    let expected = ["0 one on a", "0 two on b", "0 three on c"];
    assert_eq!(scratch.load("new.yaml").run(), expected);
    assert_eq!(scratch.load("first.yaml").run(), expected);
}

#[test]
fn the_manual_shows_the_scenario_of_the_project() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["scenarios/kubernetes.yaml", "traces/kubernetes.yaml"] {
        let own = fs::read_to_string(project.join(name)).unwrap();
        let shown = project.join("docs/manual/kubernetes.in").join(name);
        assert_eq!(own, fs::read_to_string(shown).unwrap(), "{name}");
    }
}

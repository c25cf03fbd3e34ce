//! Federations and schedulers that race, in whole runs: replicas follow the cells that are there, no
//! pod leaves its cell, nodes refuse what was bound twice, and wrong input is refused.

use proptest::prelude::*;
use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Object, ObjectChange, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, PodId, SortedMap, SortedSet};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::watch;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 12
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: 'web:1', resources: {requests: {cpu: '1', memory: 1Gi}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: filler, namespace: default}
spec:
  replicas: 6
  selector: {matchLabels: {app: filler}}
  template:
    metadata: {labels: {app: filler}}
    spec:
      schedulerName: b
      containers: [{name: main, image: 'web:1', resources: {requests: {cpu: '1', memory: 1Gi}}}]
";

/// Three cells of two nodes with four processors each, of which `b` is nearly full.
fn experiment(federation: &str, more: &str) -> String {
    let nodes = |cell: &str| {
        format!(
            "    - {{name: '{cell}-{{}}', count: 2, template: {{allocatable: {{cpu: 4, memory: 16Gi}}, \
             labels: {{cell: {cell}}}}}}}\n"
        )
    };
    format!(
        "windtunnel: v1
name: federation
cluster:
  nodes:
{}{}{}workload: [{{manifests: web.yaml}}]
system:
  name: kubernetes
  controllers: {{}}
  {federation}
models: {{nodeLife: observed}}
{more}",
        nodes("a"),
        nodes("b"),
        nodes("c"),
    )
}

const CELLS: &str = "cells: [{name: a, nodes: {cell: a}, delay: 50ms}, {name: b, nodes: {cell: b}}, \
                     {name: c, nodes: {cell: c}, delay: 1s}]";

fn divided(workload: &str) -> String {
    format!("federation: {{{CELLS}, workloads: [{{deployment: default/web, {workload}}}]}}")
}

/// Orders and placements.
#[derive(Default)]
struct Seen {
    checker: Checker,
    replicas: SortedMap<String, i32>,
    /// Seconds, and replicas of the cells that were ordered by then.
    orders: Vec<(f64, [i32; 3])>,
    /// Nodes of other cells than the pods bound to them.
    strays: Vec<String>,
    refused: usize,
    running: SortedSet<PodId>,
    bound: SortedSet<PodId>,
    /// Placements by the schedulers that reported them.
    decisions: SortedMap<String, usize>,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::Object(
                ObjectChange::Created { object, .. } | ObjectChange::Updated { object, .. },
            ) => {
                let Object::Deployment(own) = object else {
                    return;
                };
                let before = self.replicas.insert(own.name.to_string(), own.replicas);
                if before.is_some_and(|before| before != own.replicas) {
                    let of = |cell| self.replicas.get(&format!("web-{cell}")).copied();
                    let all = ["a", "b", "c"].map(|cell| of(cell).unwrap_or(0));
                    self.orders.push((at.as_secs_f64(), all));
                }
            }
            Event::PodBound { pod, node, .. } => {
                let record = store.pods().get(*pod).expect("a bound pod");
                assert!(self.bound.insert(pod.id), "bound twice");
                let spec = &store.class(record.class).spec;
                let node = store.nodes().name(*node);
                if !node.starts_with(&*spec.scheduler_name) {
                    self.strays.push(node.to_owned());
                }
            }
            Event::PodRunning { pod } => {
                self.running.insert(pod.id);
            }
            Event::Decided(decision) => {
                let scheduler = decision.scheduler.to_string();
                *self.decisions.entry(scheduler).or_default() += decision.placed as usize;
            }
            Event::PodEnded {
                reason: EndReason::Refused(_),
                ..
            } => self.refused += 1,
            _ => {}
        }
    }
}

fn run(name: &str, system: &str, more: &str) -> Seen {
    let text = experiment(system, more);
    let scratch = Scratch::new(name, &[("a.yaml", &text), ("web.yaml", WEB)]);
    let experiment = load_file(&scratch.path("a.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let end = watch(scenario, &experiment.files, &mut seen);
    assert_eq!(seen.checker.failure(), None);
    end.unwrap_or_else(|error| panic!("{error}"));
    seen
}

#[test]
fn replicas_go_where_there_is_room_and_away_from_a_lost_cell() {
    let outage = "failures: [{kind: zone-outage, domain: {cell: c}, at: 10m, for: 10m}]
stop: {at: 30m}
";
    for rebalances in [true, false] {
        let system = divided(&format!("rebalance: {rebalances}"));
        let seen = run("federation", &system, outage);
        assert!(seen.strays.is_empty(), "{:?}", seen.strays);
        let last_before = |limit: f64| {
            let mut earlier = seen.orders.iter().filter(|(at, _)| *at < limit);
            earlier.next_back().expect("orders").1
        };
        // The first orders know nothing of the room in `b`.
        assert_eq!(last_before(30.0), [4, 4, 4]);
        // The lost cell takes no orders, and `a` has room for eight.
        let while_lost = seen.orders.iter();
        let mut while_lost = while_lost.filter(|(at, _)| (700.0..1200.0).contains(at));
        assert!(while_lost.all(|(_, own)| own[2] == last_before(600.0)[2]));
        assert!(last_before(1200.0)[0] >= 6, "{:?}", seen.orders);
        let end = last_before(1800.0);
        assert!(end.iter().sum::<i32>() >= 12, "{:?}", seen.orders);
        assert_eq!(seen.refused, 0);
    }
}

#[test]
fn nodes_refuse_what_racing_schedulers_give_away_twice() {
    let more = "stop: {at: 10m}\n";
    let alone = run(
        "racing",
        "schedulers: [{name: default-scheduler}, {name: b}]",
        more,
    );
    assert_eq!(alone.refused, 0);
    // Three quarters of the cluster are asked for at once, by two that pack it in the same order.
    let stale =
        "scheduler: {tieBreak: first, plugins: {PodTopologySpread: null, NodeResourcesFit: {weight: \
                 10, scoringStrategy: {type: MostAllocated}}}}
  schedulers:
    - {name: default-scheduler, watchDelay: 5s, decisionTime: 100ms}
    - {name: b, watchDelay: 5s, decisionTime: 100ms}";
    let racing = run("racing", stale, more);
    assert!(racing.refused > 0);
    assert_eq!(racing.running.len(), 18);
}

#[test]
fn a_mesos_master_races_with_a_kube_scheduler() {
    // Both at the same instants; with a view that is late; with offers that lock what is free for two
    // seconds, which nobody else heeds.
    for (name, time, master, framework) in [
        ("at-once", "0s", "kind: mesos", ""),
        ("late", "100ms", "kind: mesos, watchDelay: 3s", ""),
        ("slow", "100ms", "kind: mesos", ", offerDelay: 2s"),
    ] {
        let system = format!(
            "scheduler: {{tieBreak: first, plugins: {{PodTopologySpread: null, NodeResourcesFit: \
             {{weight: 10, scoringStrategy: {{type: MostAllocated}}}}}}}}
  schedulers: [{{name: default-scheduler, decisionTime: {time}}}, {{name: b, {master}}}]
  mesos: {{agentOrder: in-order, frameworks: [{{name: batch, batch: {{}}{framework}}}]}}"
        );
        let seen = run(name, &system, "stop: {at: 10m}\n");
        assert_eq!(seen.running.len(), 18, "{name}");
        assert!(seen.refused > 0, "{name}");
        // Each launch is a decision, and each pod that a node refused was bound once, too.
        let decisions: usize = seen.decisions.values().sum();
        assert_eq!(decisions, 18 + seen.refused, "{name}: {:?}", seen.decisions);
        assert!(seen.decisions["b"] >= 6, "{name}: {:?}", seen.decisions);
        assert_eq!(seen.bound.len(), decisions, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However late rivals see what the others do, no node runs more than it has (the record breaks off
    /// if one does), and what a node refuses finds its place in the end.
    #[test]
    fn races_end_with_every_pod_in_place(
        delays in [0_u32..8_000, 0_u32..8_000],
        times in [0_u32..300, 0_u32..300],
        packs in proptest::bool::ANY,
        is_mesos in proptest::bool::ANY,
    ) {
        let kind = if is_mesos { "mesos" } else { "kube-scheduler" };
        let strategy = if packs { "MostAllocated" } else { "LeastAllocated" };
        let system = format!(
            "scheduler: {{plugins: {{PodTopologySpread: null, NodeResourcesFit: {{weight: 10, \
             scoringStrategy: {{type: {strategy}}}}}}}}}
  schedulers:
    - {{name: default-scheduler, watchDelay: {}ms, decisionTime: {}ms}}
    - {{name: b, kind: {kind}, watchDelay: {}ms, decisionTime: {}ms}}",
            delays[0], times[0], delays[1], times[1],
        );
        let seen = run("races", &system, "stop: {at: 10m}\n");
        prop_assert_eq!(seen.running.len(), 18);
    }
}

#[test]
fn wrong_input_is_refused_in_words() {
    let of_cells = |cells: &str| {
        format!("federation: {{cells: [{cells}], workloads: [{{deployment: default/web}}]}}")
    };
    let cases = [
        (
            of_cells("{name: a, nodes: {cell: a}}, {name: a, nodes: {cell: b}}"),
            "there is a cell `a` already",
        ),
        (
            of_cells("{name: b, nodes: {cell: b}}, {name: d, nodes: {cell: d}}"),
            "no node has the labels of the cell `d`",
        ),
        (
            of_cells("{name: b, nodes: {cell: b}}, {name: d, nodes: {}}"),
            "every node would be in the cell `d`",
        ),
        (
            divided("cells: {'*': {minReplicas: 3, maxReplicas: 3}}"),
            "of 12 replicas 3 fit no cell",
        ),
        (
            divided("cells: {a: {weight: 0}}"),
            "with weight 0 and no minimum the cell `a` gets no replicas",
        ),
        (divided("cells: {a: {weight: -1}}"), "weight"),
        (
            divided("cells: {a: {weight: 1, minReplicas: 3, maxReplicas: 2}}"),
            "would get 3 replicas at least and 2 at most",
        ),
        (divided("cells: {d: {weight: 1}}"), "there is no cell `d`"),
        (
            format!(
                "federation: {{{CELLS}, workloads: [{{deployment: default/web}}, {{deployment: \
                 default/wob}}]}}"
            ),
            "no manifest declares the Deployment `default/wob`",
        ),
        (
            "schedulers: [{name: b}, {name: b}]".to_owned(),
            "there is a scheduler `b` already",
        ),
        (
            "schedulers: [{name: b}]\n  scheduler: {config: web.yaml}".to_owned(),
            "a configuration names its schedulers itself",
        ),
        (
            "schedulers: [{name: b}]\n  mesos: {masters: 3}".to_owned(),
            "these are options of the system `mesos`",
        ),
    ];
    for (system, expected) in cases {
        refused(&system, expected);
    }
}

/// A run refuses a system in words, and says where it is written.
fn refused(system: &str, expected: &str) {
    let text = experiment(system, "stop: {at: 10m}\n");
    let files = [("a.yaml", &*text), ("web.yaml", WEB)];
    let scratch = crate::scratch::Scratch::new("federation-inputs", &files);
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
    assert!(said.contains(expected), "{system}: {said}");
    let has_place = said.contains(" --> a.yaml:") || said.contains("system.");
    assert!(has_place, "{system}: {said}");
}

#[test]
fn options_of_mesos_that_mean_nothing_beside_kube_schedulers_are_refused() {
    refused(
        "schedulers: [{name: b, kind: mesos}, {name: c, kind: mesos}]",
        "a cluster has one Mesos master",
    );
    for (options, expected) in [
        (
            "{frameworks: [{name: m, marathon: {}}]}",
            "the controllers of the cluster make the pods of workloads",
        ),
        (
            "{strategy: drf-tasks}",
            "a master beside other schedulers makes offers",
        ),
        (
            "{oversubscription: {fixed: {cpu: 1}}}",
            "kubelets offer no resources a second time",
        ),
        (
            "{agentPingTimeout: 10s}",
            "the controllers of the cluster watch over its nodes",
        ),
        (
            "{frameworks: [{name: m, batch: {}, failoverTimeout: 1h}]}",
            "frameworks beside kube-schedulers do not go away",
        ),
    ] {
        let system = format!("schedulers: [{{name: b, kind: mesos}}]\n  mesos: {options}");
        refused(&system, expected);
    }
    // An experiment as it was run states the defaults of all of them, which mean nothing that would vanish.
    let system = "schedulers: [{name: b, kind: mesos}]\n  mesos: {masters: 5}";
    let text = experiment(system, "stop: {at: 10m}\n");
    let files = [("a.yaml", &*text), ("web.yaml", WEB)];
    let scratch = crate::scratch::Scratch::new("federation-as-run", &files);
    scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    scratch.run(&["reproduce", "out"], 0);
}

#[test]
fn questions_to_one_scheduler_are_refused_by_cells_and_answered_by_schedulers() {
    const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: one}
spec: {containers: [{name: main, image: 'web:1', resources: {requests: {cpu: '1'}}}]}
";
    let ask = |system: &str, code: i32, question: &[&str]| {
        let text = experiment(system, "stop: {at: 10m}\n");
        let files = [("a.yaml", &*text), ("web.yaml", WEB), ("pod.yaml", POD)];
        let scratch = crate::scratch::Scratch::new("federation-questions", &files);
        scratch.run(question, code)
    };
    let cells = format!("federation: {{{CELLS}, workloads: [{{deployment: default/web}}]}}");
    // No pod of the experiment is there yet, so a plan has nothing to answer.
    for (question, code) in [
        (&["place", "a.yaml", "pod.yaml"][..], 0),
        (&["plan", "a.yaml"], 2),
    ] {
        let said = ask(&cells, 2, question);
        let expected = "error: a.yaml: system.federation: the cells have a scheduler each, and one scheduler is \
                        asked here about all nodes; leave `federation` out";
        assert!(said.starts_with(expected), "{said}");
        // Schedulers of equal rules find equal places.
        let one = ask("schedulers: [{name: b}]", code, question);
        assert_eq!(ask("release: '1.34'", code, question), one);
    }
    let master = "schedulers: [{name: default-scheduler}, {name: b, kind: mesos}]";
    let said = ask(master, 2, &["place", "a.yaml", "pod.yaml"]);
    assert!(said.contains("`b` is a Mesos master"), "{said}");
    let said = ask(
        "schedulers: [{name: b}]",
        0,
        &["place", "a.yaml", "pod.yaml"],
    );
    assert!(said.contains("24 more of default/one fit"), "{said}");
}

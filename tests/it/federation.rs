//! Federations and schedulers that race, in whole runs: replicas follow the cells that are there, no
//! pod leaves its cell, nodes refuse what was bound twice, and wrong input is refused.

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Object, ObjectChange, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::scratch::Scratch;
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

fn scratch(name: &str, federation: &str, more: &str) -> Scratch {
    let text = experiment(federation, more);
    let name = format!("federation-{name}");
    Scratch::new(&name, &[("a.yaml", &text), ("web.yaml", WEB)])
}

/// Orders and placements.
#[derive(Default)]
struct Seen {
    checker: Checker,
    replicas: SortedMap<String, i32>,
    /// Seconds, and replicas of the cells that were ordered by then.
    orders: Vec<(f64, [i32; 3])>,
    strays: Vec<String>,
    refused: usize,
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
                let spec = &store.class(record.class).spec;
                let node = store.nodes().name(*node);
                if !node.starts_with(&*spec.scheduler_name) {
                    self.strays.push(node.to_owned());
                }
            }
            Event::PodEnded {
                reason: EndReason::Refused(_),
                ..
            } => self.refused += 1,
            _ => {}
        }
    }
}

fn run(name: &str, federation: &str, more: &str) -> Seen {
    let scratch = scratch(name, federation, more);
    watch(&crate::kube_scenario::load_file(&scratch.path("a.yaml")), Seen::default())
}

#[test]
fn replicas_go_where_there_is_room_and_away_from_a_lost_cell() {
    let outage = "failures: [{kind: zone-outage, domain: {cell: c}, at: 10m, for: 10m}]
stop: {at: 30m}
";
    for (rebalances, at_rest, at_the_end) in [("true", 12, [4, 4, 4]), ("false", 12, [0, 0, 0])] {
        let name = format!("loss-{rebalances}");
        let seen = run(&name, &divided(&format!("rebalance: {rebalances}")), outage);
        assert!(seen.strays.is_empty(), "{:?}", seen.strays);
        let last_before = |limit: f64| {
            let mut earlier = seen.orders.iter().filter(|(at, _)| *at < limit);
            earlier.next_back().expect("orders").1
        };
        println!("{rebalances}: {:?}", seen.orders);
        assert_eq!(last_before(600.0).iter().sum::<i32>(), at_rest);
        let lost = last_before(1200.0);
        // The lost cell takes no orders; `a` makes up for it as far as it has room.
        assert!(lost[0] >= 7, "{lost:?}");
        let end = last_before(1800.0);
        assert_eq!(end.iter().sum::<i32>(), 12, "{end:?} {at_the_end:?}");
    }
}

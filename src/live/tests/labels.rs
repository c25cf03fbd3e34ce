//! Labels that nodes declare, as pods choose by them, and what services declare, as agents are told.

use super::bench::{Bench, deployment};
use crate::journal::MemoryJournal;
use crate::wire::request::Request;

/// A deployment with a line in the `spec` of its pods.
fn with(replicas: u32, line: &str) -> String {
    deployment(replicas).replacen(
        "    spec:\n      containers",
        &format!("    spec:\n      {line}\n      containers"),
        1,
    )
}

/// Nodes of the pods, in order.
fn nodes(bench: &Bench) -> Vec<Option<String>> {
    let mut nodes: Vec<_> = bench.pods().into_iter().map(|pod| pod.node).collect();
    nodes.sort();
    nodes
}

#[test]
fn pods_that_keep_apart_by_host_are_spread() {
    let mut bench = Bench::new(3, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&with(
        4,
        "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: \
         kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}",
    ));
    bench.turns(10);
    let some = |name: &str| Some(name.to_owned());
    // There is no host for the fourth.
    assert_eq!(nodes(&bench), [None, some("n0"), some("n1"), some("n2")]);
}

#[test]
fn pods_choose_hosts_by_name_and_by_system() {
    let mut bench = Bench::new(3, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&with(
        2,
        "nodeSelector: {kubernetes.io/hostname: n1, kubernetes.io/os: linux}",
    ));
    bench.turns(10);
    assert_eq!(
        nodes(&bench),
        [Some("n1".to_owned()), Some("n1".to_owned())]
    );
    assert_eq!(bench.running(), 2);
    let control = bench.control.as_ref().expect("a control server");
    let rows = control.driver().node_rows();
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["n0", "n1", "n2"]);
    assert_eq!(rows[1].labels["kubernetes.io/hostname"], "n1");
    assert_eq!(rows[1].allocatable["cpu"], "4");
    assert_eq!(rows[1].address.as_deref(), Some("127.0.0.1"));
    assert!(!rows[1].silent);
}

#[test]
fn a_refused_request_leaves_the_ports_of_a_service() {
    let mut bench = Bench::new(1, &MemoryJournal::default());
    let service = |port: u16| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: web}}, spec: {{selector: {{app: web}}, \
             ports: [{{port: {port}}}]}}}}\n"
        )
    };
    let ports = |bench: &Bench| {
        let control = bench.control.as_ref().expect("a control server");
        let services = control.driver().services();
        let ports = services.iter().flat_map(|service| &service.ports);
        ports.map(|port| port.port).collect::<Vec<u16>>()
    };
    bench.apply(&service(80));
    assert_eq!(ports(&bench), [80]);
    let node = "---\n{apiVersion: v1, kind: Node, metadata: {name: n9}}\n";
    let outcome = bench.ask(Request::Apply {
        file: "web.yaml".to_owned(),
        text: service(81) + node,
    });
    assert_eq!(outcome.refused.len(), 1);
    assert_eq!(ports(&bench), [80]);
    bench.apply(&service(82));
    assert_eq!(ports(&bench), [82]);
}

//! Probes of real processes: a command, a connection; what fails them is not ready, or started again.

use std::fs;
use std::path::Path;

use live::driver::events::EventRow;
use live::wire::request::Request;

use crate::cluster::{Cluster, Shape};
use crate::sweep::run_name;
use crate::table::Test;
use crate::wait::{holds_for, seconds, wait_until};
use crate::workload::RUN;

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "P",
    name: "probes decide who is ready and who is started again",
    needs: &["pidfd"],
    run: probes,
}];

/// A pod that is ready while a file is there and another port answers, and dead while a file is there.
fn manifest(folder: &Path) -> String {
    let this = std::env::current_exe().expect("this program");
    let run = run_name();
    let folder = folder.display();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: probed}}\nspec:\n  replicas: 1\n  \
         selector: {{matchLabels: {{app: probed}}}}\n  template:\n    \
         metadata: {{labels: {{app: probed}}}}\n    spec:\n      containers:\n      - name: probed\n        \
         image: none\n        command: [{0}, workload, sleep, \"600000\"]\n        \
         env: [{{name: {RUN}, value: {run}}}, {{name: HERE, value: {folder}}}]\n        \
         readinessProbe: {{exec: {{command: [sh, -c, test -e $HERE/ready]}}, periodSeconds: 1}}\n        \
         livenessProbe: {{exec: {{command: [sh, -c, test ! -e $HERE/sick]}}, periodSeconds: 1, \
         failureThreshold: 2}}\n      - name: served\n        image: none\n        \
         command: [{0}, workload, serve, untracked]\n        env: [{{name: {RUN}, value: {run}}}]\n        \
         ports: [{{containerPort: 8080, name: http}}]\n        \
         startupProbe: {{tcpSocket: {{port: http}}, periodSeconds: 1, failureThreshold: 60}}\n        \
         readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 2}}\n",
        this.display()
    )
}

fn probes() {
    let cluster = Cluster::new(Shape {
        name: "probes",
        node_count: 1,
        pace: 10,
        is_networked: false,
    });
    let outcome = cluster.ask(&Request::Apply {
        file: "probed.yaml".to_owned(),
        text: manifest(&cluster.folder),
    });
    assert_eq!(outcome.refused, Vec::<String>::new());
    let is_ready = || cluster.pods().iter().any(|pod| pod.ready);
    let restarts = || cluster.pods().iter().map(|pod| pod.restarts).sum::<u32>();
    wait_until("a probe that failed is an event", seconds(20), || {
        let events = cluster.events("Unhealthy");
        events.iter().any(|event| {
            event
                .message
                .contains("readiness probe of container `probed`")
        })
    });
    holds_for("it is not ready", seconds(2), || !is_ready());
    let [ready, sick] = ["ready", "sick"].map(|name| cluster.folder.join(name));
    fs::write(&ready, "").expect("a file");
    wait_until("it is ready", seconds(20), is_ready);
    fs::remove_file(&ready).expect("a file");
    wait_until("it is not ready any more", seconds(20), || !is_ready());
    assert_eq!(restarts(), 0);
    fs::write(&ready, "").expect("a file");
    fs::write(&sick, "").expect("a file");
    wait_until("it is started again", seconds(30), || restarts() == 1);
    fs::remove_file(&sick).expect("a file");
    wait_until("it is ready again", seconds(40), is_ready);
    let told = cluster.events("Unhealthy");
    let is_told = |own: &EventRow| own.message.contains("liveness probe of container");
    assert!(told.iter().any(is_told), "{told:?}");
}

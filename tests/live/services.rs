//! Discovery: pods on every host find services and the pods behind them in a file that follows what is ready.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;

use live::wire::request::Request;
use live::wire::service::ServiceRow;

use crate::cluster::{Cluster, Shape};
use crate::sweep::run_name;
use crate::table::Test;
use crate::wait::{seconds, wait_calmly};
use crate::workload::RUN;

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "D",
    name: "services are found on every host",
    needs: &[
        "pidfd",
        "root",
        "ip",
        "nsenter",
        "netns",
        "veth",
        "bridge-device",
    ],
    run: services,
}];

fn manifest(replicas: u32) -> String {
    let this = std::env::current_exe().expect("this program");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    \
         metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n      - name: web\n        \
         image: none\n        command: [{}, workload, serve, untracked]\n        \
         env: [{{name: {RUN}, value: {}}}]\n        ports: [{{containerPort: 8080, name: http}}]\n        \
         resources: {{requests: {{cpu: 10m, memory: 8Mi}}}}\n---\napiVersion: v1\nkind: Service\n\
         metadata:\n  name: front\n  annotations: {{windtunnel.dev/balancing: round-robin}}\nspec:\n  \
         selector: {{app: web}}\n  ports: [{{port: 80, targetPort: http}}]\n",
        this.display(),
        run_name()
    )
}

fn apply(cluster: &Cluster, replicas: u32) {
    let outcome = cluster.ask(&Request::Apply {
        file: "web.yaml".to_owned(),
        text: manifest(replicas),
    });
    assert_eq!(outcome.refused, Vec::<String>::new());
}

fn services() {
    let cluster = Cluster::new(Shape {
        name: "services",
        node_count: 3,
        pace: 10,
        is_networked: true,
    });
    apply(&cluster, 4);
    let row = || -> Option<ServiceRow> {
        let rows = cluster.try_get::<Vec<ServiceRow>>("/v1/services").ok()?;
        rows.into_iter().find(|row| row.name == "front")
    };
    let endpoints = |wanted: usize| {
        wait_calmly("the endpoints are known", seconds(40), || {
            let row = row();
            let count = row.as_ref().map_or(0, |row| row.endpoints.len());
            (count != wanted).then_some(row)
        });
    };
    endpoints(4);
    let known = row().expect("a service");
    let nodes: units::SortedSet<&str> = known
        .endpoints
        .iter()
        .map(|own| own.node.as_str())
        .collect();
    assert!(nodes.len() > 1, "{known:?}");
    for node in 0..3 {
        let file = cluster.host(node).join("state/.services/default.json");
        wait_calmly("the file of services follows", seconds(20), || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let is_told = text.contains("front") && text.contains(&known.endpoints[0].pod);
            (!is_told).then_some(text)
        });
    }
    // What the file says is where a pod answers.
    let own = &known.endpoints[0];
    let address = format!("{}:{}", own.address, own.ports[0].host);
    let text = cluster.network().within(Cluster::number(0), || {
        let address = address.parse().expect("an address");
        let mut stream = TcpStream::connect_timeout(&address, seconds(1)).expect("a pod");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    });
    assert!(!text.is_empty(), "a pod answers");
    apply(&cluster, 2);
    endpoints(2);
    cluster.audit();
}

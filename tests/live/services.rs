//! Discovery: services reach pods on other hosts through the proxies of their own, and follow what is ready.

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};

use live::wire::request::Request;
use live::wire::service::ServiceRow;
use units::SortedMap;

use crate::cluster::{Cluster, Shape};
use crate::sweep::run_name;
use crate::table::Test;
use crate::wait::{identity, is_alive, kill, seconds, wait_calmly, wait_until};
use crate::workload::RUN;

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "D",
    name: "services are found and balanced over hosts",
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

/// Answers to a number of connections from a host, by the pods that gave them.
fn answers(
    cluster: &Cluster,
    node: u8,
    address: SocketAddr,
    count: usize,
) -> SortedMap<String, usize> {
    let mut answers = SortedMap::new();
    for _ in 0..count {
        let answer = cluster.network().within(Cluster::number(node), || {
            let mut stream = TcpStream::connect_timeout(&address, seconds(1)).ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            Some(text)
        });
        *answers.entry(answer.unwrap_or_default()).or_insert(0) += 1;
    }
    answers
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
    let address = known.address.as_deref().expect("an address");
    let address: SocketAddr = format!("{address}:80").parse().expect("an address");
    for node in 0..3 {
        // Each host has proxies of its own, which take turns among all pods.
        wait_calmly("four pods answer in turns", seconds(20), || {
            let answers = answers(&cluster, node, address, 8);
            let is_even = answers.len() == 4 && answers.values().all(|&count| count == 2);
            (!is_even).then_some(answers)
        });
        let file = cluster.host(node).join("state/.services/default.json");
        let text = fs::read_to_string(file).expect("a file of services");
        assert!(
            text.contains("front") && text.contains(&known.endpoints[0].pod),
            "{text}"
        );
    }
    let listed = cluster.run(&["get", "services", "--state", "state"]);
    assert!(
        listed.contains("front") && listed.contains("80"),
        "{listed}"
    );
    // A process that is killed answers again once it is started again; meanwhile the others do.
    let victim = identity(cluster.processes()[0].pid);
    kill(&victim);
    wait_until("the process is gone", seconds(2), || !is_alive(&victim));
    let answered = answers(&cluster, 1, address, 8);
    assert!(
        !answered.contains_key(""),
        "nobody gets no answer: {answered:?}"
    );
    apply(&cluster, 2);
    endpoints(2);
    // One of the two may be the pod whose process was killed: it starts again after its back-off.
    wait_calmly("two pods answer", seconds(40), || {
        let answers = answers(&cluster, 2, address, 6);
        let is_even = answers.len() == 2 && answers.values().all(|&count| count == 3);
        (!is_even).then_some(answers)
    });
    cluster.audit();
}

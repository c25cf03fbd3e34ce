//! Nodes that are short of room: a full disk keeps new pods away, and a fork bomb is held by its limit.

use std::path::Path;

use live::driver::view::NodeRow;
use live::wire::request::Request;

use crate::agent::PROGRAM;
use crate::cluster::{Cluster, Shape};
use crate::table::Test;
use crate::wait::{seconds, wait_until};
use crate::web::Web;

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "10, 13",
    name: "conditions and events of a node short of disk and of processes",
    needs: &["pidfd", "cgroup-pids"],
    run: shortage,
}];

const BOMB: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: bomb}
spec:
  restartPolicy: Never
  nodeSelector: {kubernetes.io/hostname: n0}
  containers:
  - name: bomb
    image: none
    command: [sh, -c, \"for i in 1 2 3 4 5 6 7 8 9; do sleep 2 & done; wait\"]
";

fn shortage() {
    let mut cluster = Cluster::new(Shape {
        name: "shortage",
        node_count: 2,
        pace: 20,
        is_networked: false,
    });
    cluster.apply(Web::of(2));
    cluster.agrees(2);
    let on_first = |cluster: &Cluster| {
        let pods = cluster.pods().into_iter();
        pods.filter(|pod| pod.node.as_deref() == Some("n0")).count()
    };
    assert_eq!(on_first(&cluster), 1);
    let restart = |cluster: &mut Cluster, more: &[&str]| {
        cluster.kill_agent(0);
        cluster.start_agent_of(Path::new(PROGRAM), 0, more);
    };
    // More than there is.
    restart(&mut cluster, &["--disk-reserve", "1000Ti"]);
    wait_until("the shortage is told", seconds(9), || {
        cluster.events("NodeHasDiskPressure").len() == 1
    });
    let nodes = cluster.nodes();
    let is_short = |node: &NodeRow| {
        let mut conditions = node.conditions.iter();
        conditions.any(|own| own.kind == "DiskPressure" && own.status == "True")
    };
    assert!(nodes.iter().any(is_short), "{nodes:?}");
    cluster.apply(Web::of(6));
    cluster.agrees(6);
    assert_eq!(
        on_first(&cluster),
        1,
        "what runs goes on, new pods stay away"
    );
    restart(&mut cluster, &["--max-processes", "8"]);
    wait_until("there is room again", seconds(9), || {
        cluster.events("NodeHasNoDiskPressure").len() == 1
    });
    let outcome = cluster.ask(&Request::Apply {
        file: "bomb.yaml".to_owned(),
        text: BOMB.to_owned(),
    });
    assert_eq!(outcome.refused, Vec::<String>::new());
    wait_until("a limit that is reached is an event", seconds(9), || {
        !cluster.events("ProcessesRefused").is_empty()
    });
    let log = || {
        let log = cluster.log("bomb");
        log.is_ok_and(|log| log.contains("fork"))
    };
    wait_until("the pod's last words outlive it", seconds(9), log);
    cluster.audit();
}

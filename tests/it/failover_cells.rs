//! Fail-over with several control planes of Kubernetes: cells of a federation, and schedulers beside each
//! other.

use crate::failover::{Story, play};

#[test]
fn a_federation_gives_the_replicas_of_a_lost_cell_to_the_other() {
    let system = "name: kubernetes, controllers: {}, federation: {cells: [{name: even, nodes: {side: \"0\"}}, \
                  {name: odd, nodes: {side: \"1\"}}], workloads: [{deployment: default/web}]}";
    let rest = "failures: [{kind: zone-outage, domain: {side: \"1\"}, at: 12s}]\nstop: {at: 4m}\n";
    let story = play("federation", (4, 6), system, rest);
    // Forty seconds of silence, and at 70, 80 and 90 s nobody answers for the cell.
    assert_eq!(story.lost.len(), 2, "{:?}", story.lost);
    let later = Story::later(&story.bound, 12.0);
    assert_eq!(later.len(), 3, "{later:?}");
    assert!(
        later.iter().all(|at| (90.0..92.0).contains(at)),
        "{later:?}"
    );
}

#[test]
fn several_schedulers_of_kubernetes_replace_what_one_does() {
    let rest = "failures: [{kind: node-outage, node: n0, at: 12s}]\nstop: {at: 20m}\n";
    let system = "name: kubernetes, controllers: {}";
    let one = play("scheduler", (3, 6), system, rest);
    let system = format!("{system}, schedulers: [{{name: default-scheduler}}, {{name: b}}]");
    let two = play("schedulers", (3, 6), &system, rest);
    assert_eq!((one.lost, one.bound), (two.lost, two.bound));
    assert_eq!(one.ended, two.ended);
}

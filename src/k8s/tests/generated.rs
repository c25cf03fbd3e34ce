//! Results of reading a made-up dump.

use crate::kubectl_dump::{DumpConfig, write_kubectl_dump};
use intake::Input;

use super::*;

#[test]
fn a_dump_reads_as_the_cluster_that_was_asked_for() {
    let config = DumpConfig {
        nodes: 40,
        pods: 1_000,
        seed: 1,
    };
    let mut text = Vec::new();
    write_kubectl_dump(&config, &mut text).expect("memory");
    let mut again = Vec::new();
    write_kubectl_dump(&config, &mut again).expect("memory");
    assert!(text == again, "the same seed gives the same bytes");
    let read = read_inputs(&[Input::bytes("dump.json", text)]).expect("a good dump");
    assert_eq!((read.nodes.len(), read.pods.len()), (40, 1_000));
    assert!(read.homeless().count() == 0);
    let waiting = read.pods.iter().filter(|pod| pod.node_name.is_none());
    assert!((20..100).contains(&waiting.count()));
    assert_eq!(read.findings, []);
}

//! Free GPUs by level of a topology, by hand.

use std::sync::Arc;

use model::{DeviceSet, GpuRequest, Node};

use crate::record::setup::Setup;
use crate::recorder::Recorder;
use crate::tests::fixture::{Bench, check, node, spec};

fn in_rack(name: &str, block: &str, rack: Option<&str>) -> Arc<Node> {
    let mut object = (*node(name, 8_000, 8 << 30, 4)).clone();
    object.labels.insert("block".into(), block.into());
    if let Some(rack) = rack {
        object.labels.insert("rack".into(), rack.into());
    }
    Arc::new(object)
}

#[test]
fn the_largest_hole_of_each_level_is_that_of_a_domain() {
    let setup = Setup {
        topology: ["block".into(), "rack".into()].into(),
        ..Setup::default()
    };
    let mut bench = Bench::new(Recorder::new(&setup));
    bench.add_node(0, in_rack("a", "b1", Some("r1")));
    bench.add_node(0, in_rack("b", "b1", Some("r2")));
    // A rack of another block is another one, whatever its name.
    bench.add_node(0, in_rack("c", "b2", Some("r1")));
    bench.add_node(0, in_rack("d", "b2", None));
    let two = GpuRequest {
        devices: 2,
        milli_per_device: 1_000,
        models: Vec::new(),
    };
    let pod = bench.submit(10, &spec(1_000, 1 << 30, two), None);
    let mut devices = DeviceSet::EMPTY;
    devices.insert(0);
    devices.insert(1);
    bench.bind(10, pod, 0, devices);
    let metrics = bench.finish(20);
    check(
        &metrics,
        &[
            // Of 16 free GPUs 8 are in a block, and 4 in a rack; then 8 and 4 of 14.
            ("topology_hole.level_1.mean", Some(16.0 / 30.0)),
            ("topology_hole.level_1.end", Some(8.0 / 14.0)),
            ("topology_hole.level_2.mean", Some(8.0 / 30.0)),
            ("topology_hole.level_2.end", Some(4.0 / 14.0)),
            ("topology_hole.level_3.end", None),
        ],
    );
}

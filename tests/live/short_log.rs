//! A log that snapshots made short: it still predicts from the last one on, and with its archive tells
//! the whole run.

use crate::cluster::{Cluster, EXPERIMENT, Shape};
use crate::table::Test;
use crate::wait::{seconds, wait_calmly};
use crate::web::Web;

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "S",
    name: "a short log is predicted from its snapshot on, and whole with its archive",
    needs: &["pidfd"],
    run: short_log,
}];

fn short_log() {
    let shape = Shape {
        name: "short",
        node_count: 2,
        pace: 20,
        is_networked: false,
    };
    let short = ["--snapshot-after", "2Ki", "--archive", "kept"];
    let mut cluster = Cluster::with(shape, EXPERIMENT, &short);
    for node in 0..2 {
        cluster.start_agent(node);
    }
    cluster.await_nodes();
    cluster.apply(Web::of(3));
    cluster.agrees(3);
    let mut replicas = 3;
    wait_calmly("a snapshot is taken", seconds(60), || {
        replicas = if replicas == 3 { 6 } else { 3 };
        cluster.scale(replicas);
        let count = std::fs::read_dir(cluster.folder.join("kept")).map_or(0, Iterator::count);
        (count < 2).then_some(count)
    });
    cluster.scale(5);
    cluster.agrees(5);
    cluster.run(&["record", "--out", "run.log", "--state", "state"]);
    let from_snapshot = cluster.run(&["predict", "run.log", "walk.yaml"]);
    let whole = cluster.run(&["predict", "run.log", "walk.yaml", "--archive", "kept"]);
    // Pods that the whole run has and its end has not.
    let lines = |text: &str| text.lines().count();
    assert!(
        lines(&whole) > lines(&from_snapshot),
        "{whole}\n{from_snapshot}"
    );
    assert!(!from_snapshot.contains("Registered"), "{from_snapshot}");
    assert!(whole.contains("Registered"), "{whole}");
    let calibrated = cluster.run(&["calibrate", "run.log", "walk.yaml", "--archive", "kept"]);
    assert!(calibrated.contains("containerStart"), "{calibrated}");
    let replayed = cluster.run(&["replay", "run.log", "walk.yaml", "--archive", "kept"]);
    assert!(replayed.contains("to the same commands"), "{replayed}");
    // An archive without its first log is none of the whole run, and one with a hole is refused.
    let mut kept: Vec<_> = std::fs::read_dir(cluster.folder.join("kept"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    kept.sort();
    std::fs::remove_file(&kept[kept.len() - 1]).expect("a file");
    let holed = cluster.output(&["replay", "run.log", "walk.yaml", "--archive", "kept"]);
    let words = String::from_utf8_lossy(&holed.stderr);
    assert!(words.contains("run.log does not begin where"), "{words}");
}

//! Nodes that are short of what all their pods share: no new pods come to them, and users learn why.

use super::bench::{Bench, deployment, plane};
use crate::driver::conditions::Condition;
use crate::journal::MemoryJournal;
use crate::record::Log;
use crate::story::{Fitted, Story};
use crate::wire::pressure::{Pressure, PressureKind};
use crate::wire::request::Request;

/// The condition of the first node that says whether its disk is full.
fn condition(bench: &Bench) -> Condition {
    let control = bench.control.as_ref().expect("a control server");
    let rows = control.driver().node_rows();
    let mut conditions = rows[0].conditions.iter();
    let found = conditions.find(|own| own.kind == "DiskPressure");
    found.expect("a condition").clone()
}

fn press(bench: &mut Bench, why: &[&str]) {
    let pressures = why.iter().map(|why| Pressure {
        kind: PressureKind::Disk,
        why: (*why).to_owned(),
    });
    bench.hosts[0].core.press(pressures.collect());
    bench.turns(2);
}

fn scale(bench: &mut Bench, replicas: i32) {
    let object = "Deployment/default/web".to_owned();
    drop(bench.ask(Request::Scale { object, replicas }));
    bench.turns(10);
}

fn on_first(bench: &Bench) -> usize {
    let pods = bench.pods();
    let on_it = pods.iter().filter(|pod| pod.node.as_deref() == Some("n0"));
    on_it.count()
}

#[test]
fn a_node_with_a_full_disk_takes_no_new_pods_and_keeps_those_it_has() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(2, &journal);
    bench.turns(2);
    bench.apply(&deployment(2));
    bench.turns(10);
    assert_eq!((on_first(&bench), bench.running()), (1, 2));
    let before = condition(&bench);
    assert_eq!(
        (&*before.status, &*before.reason),
        ("False", "AgentHasNoDiskPressure")
    );
    press(&mut bench, &["1Mi of 4Mi are free"]);
    let full = condition(&bench);
    assert_eq!(
        (&*full.status, &*full.message),
        ("True", "1Mi of 4Mi are free")
    );
    assert!(full.changed_ns > before.changed_ns);
    scale(&mut bench, 6);
    assert_eq!((on_first(&bench), bench.running()), (1, 6));
    // Other words for the same shortage are no news, and the next control server knows it.
    bench.turns(3);
    let written = |bench: &Bench| {
        let control = bench.control.as_ref().expect("a control server");
        let text = control.log().expect("a log");
        String::from_utf8_lossy(&text).matches("are free").count()
    };
    let before = written(&bench);
    press(&mut bench, &["2Mi of 4Mi are free"]);
    assert_eq!(written(&bench), before);
    bench.open(journal.clone());
    bench.turns(3);
    assert_eq!(condition(&bench).changed_ns, full.changed_ns);
    press(&mut bench, &[]);
    assert_eq!(condition(&bench).status, "False");
    scale(&mut bench, 8);
    assert_eq!((on_first(&bench), bench.running()), (3, 8));
    bench.audit();
    // An agent that is started again says so before anything is placed on its node.
    bench.hosts[0].restart();
    press(&mut bench, &["3Mi of 4Mi are free"]);
    assert_eq!(condition(&bench).message, "3Mi of 4Mi are free");
    let control = bench.control.take().expect("a control server");
    let text = control.log().expect("a log");
    let log = Log::read(&text).expect("a whole log");
    assert_eq!(
        log.replay(plane()).expect("the same run").digest(),
        control.driver().digest()
    );
    let story = Story::of(&log, plane()).expect("a story");
    let reasons: Vec<&str> = story.events.iter().map(|event| &*event.reason).collect();
    for reason in ["NodeHasDiskPressure", "NodeHasNoDiskPressure"] {
        assert!(reasons.contains(&reason), "{reason}");
    }
    let derived = story.experiment(&serde_json::json!({}), &Fitted::default());
    let operations = derived.document["operations"].as_array().expect("a list");
    let taints = operations.iter().filter(|own| own.get("taint").is_some());
    let untaints = operations.iter().filter(|own| own.get("untaint").is_some());
    assert_eq!((taints.count(), untaints.count()), (2, 1));
}

//! Machines of a provider: wishes stay until they are carried out, also over a restart, and what the
//! provider lists decides which nodes are gone.

use std::sync::Arc;

use cluster::{Conflict, Store};
use control::provider::{GROUP_LABEL, MachineOrder, OrderFailure, ProviderRequest};
use control::{Component, Outbox, Progress, Write};
use model::Node;
use units::{Instant, Revision};

use super::bench::{Bench, plane, registration};
use crate::control::Compaction;
use crate::driver::Plane;
use crate::driver::input::{Answer, Input};
use crate::journal::MemoryJournal;
use crate::record::Log;
use crate::wire::NodeAnswer;
use crate::wire::machine::{MachineNews, Wish};

/// Orders two machines, and another for each that fails.
#[derive(Clone, Default)]
struct Buyer {
    cursor: Revision,
    ordered: u32,
    failed: u32,
    /// Machines that an earlier one ordered.
    awaited: u32,
}

impl Component for Buyer {
    fn name(&self) -> &'static str {
        "buyer"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, _now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.cursor = view.revision();
        while self.ordered + self.awaited < 2 + self.failed {
            let mut node = Node {
                name: format!("small-{}", self.ordered).as_str().into(),
                ..Node::default()
            };
            node.labels.insert(GROUP_LABEL.into(), "small".into());
            out.requests.push(ProviderRequest::Launch(MachineOrder {
                node: Arc::new(node),
                group: "small".into(),
                instance_type: "t".into(),
                is_spot: false,
            }));
            self.ordered += 1;
        }
        Progress::Idle
    }

    fn order_failed(&mut self, _now: Instant, _failed: &OrderFailure) {
        self.failed += 1;
    }

    fn awaits(&mut self, _now: Instant, order: &MachineOrder) {
        assert_eq!(&*order.group, "small");
        self.awaited += 1;
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

fn buying_plane() -> Plane {
    let mut plane = plane();
    plane.components.push(Box::new(Buyer::default()));
    plane
}

/// Wishes in words, with their numbers.
fn wishes(bench: &Bench) -> Vec<String> {
    let control = bench.control.as_ref().expect("a control server");
    let wishes = control.driver().machine_wishes().into_iter();
    let words = wishes.map(|wish| match wish.wish {
        Wish::Add(spec) => format!("{} add {} {}", wish.number, spec.group, spec.node),
        Wish::Remove { node } => format!("{} remove {node}", wish.number),
    });
    words.collect()
}

fn nodes(bench: &Bench) -> Vec<String> {
    let control = bench.control.as_ref().expect("a control server");
    let rows = control.driver().node_rows().into_iter();
    rows.map(|row| row.name).collect()
}

#[test]
fn machines_come_go_and_are_found_out_and_the_record_replays() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::with_plane(1, &journal, buying_plane());
    let tell = |bench: &mut Bench, news: MachineNews| {
        bench.send(Input::Machines { news });
    };
    let listed = |nodes: &[&str]| MachineNews::Listed {
        nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
    };
    bench.turns(2);
    assert_eq!(
        wishes(&bench),
        ["1 add small small-0", "2 add small small-1"]
    );
    // One comes, one fails and is ordered anew.
    tell(&mut bench, MachineNews::Done { number: 1 });
    let why = "no stock".to_owned();
    tell(&mut bench, MachineNews::Failed { number: 2, why });
    bench.turn();
    assert_eq!(wishes(&bench), ["3 add small small-2"]);
    let message = registration("small-0", 1);
    let joined = bench.send(Input::Register { message });
    assert!(matches!(
        joined,
        Some(Answer::Node(NodeAnswer::Welcome { .. }))
    ));
    let control = bench.control.as_ref().expect("a control server");
    let store = control.driver().store();
    let node = store.nodes().by_name("small-0").expect("a node");
    let object = store.nodes().object(node).expect("a node");
    assert_eq!(
        object.labels.get(GROUP_LABEL).map(|label| &**label),
        Some("small")
    );
    assert_eq!(
        object.allocatable.get("cpu").to_string(),
        "4",
        "what it has"
    );
    // A list without it takes the node away; a machine that nobody ordered goes.
    tell(&mut bench, listed(&["small-0"]));
    assert_eq!(nodes(&bench), ["n0", "small-0"]);
    tell(&mut bench, listed(&["stray"]));
    assert_eq!(nodes(&bench), ["n0"]);
    assert_eq!(wishes(&bench), ["3 add small small-2", "4 remove stray"]);
    let message = registration("stray", 1);
    match bench.send(Input::Register { message }) {
        Some(Answer::Node(NodeAnswer::Refused { why })) => {
            assert!(why.contains("was given back"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    // A successor wishes the same.
    let control = bench.control.take().expect("a control server");
    let before = control.driver().machine_wishes();
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    let replayed = log.replay(buying_plane()).expect("the same run");
    assert_eq!(replayed.digest(), control.driver().digest());
    assert_eq!(replayed.machine_wishes(), before);
}

#[test]
fn a_machine_that_was_ordered_joins_after_a_snapshot() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::with_plane(1, &journal, buying_plane());
    bench.turns(2);
    let ordered = ["1 add small small-0", "2 add small small-1"];
    assert_eq!(wishes(&bench), ordered);
    bench.compaction = Compaction {
        after_bytes: 1,
        snapshots: 0,
        archive: None,
    };
    for _ in 0..2 {
        // The log is made short, and the next server begins with that.
        bench.open_with(journal.clone(), buying_plane());
        bench.turns(3);
        assert_eq!(wishes(&bench), ordered, "nothing is ordered twice");
    }
    let control = bench.control.as_ref().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    assert!(log.snapshot.is_some());
    let message = registration("small-1", 1);
    let joined = bench.send(Input::Register { message });
    assert!(matches!(
        joined,
        Some(Answer::Node(NodeAnswer::Welcome { .. }))
    ));
    let control = bench.control.as_ref().expect("a control server");
    let nodes = control.driver().store().nodes();
    let node = nodes.by_name("small-1").expect("a node");
    let labels = &nodes.object(node).expect("a node").labels;
    assert_eq!(labels.get(GROUP_LABEL).map(|label| &**label), Some("small"));
}

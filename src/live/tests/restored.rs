//! A control server whose state was restored from a record that is older than what its nodes run.

use super::bench::{Bench, deployment, header, plane};
use crate::control::Control;
use crate::journal::{Journal as _, MemoryJournal};

#[test]
fn nodes_follow_a_server_whose_state_is_older_than_they() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(2, &journal);
    bench.turns(2);
    bench.apply(&deployment(2));
    bench.turns(20);
    let old = journal.records().expect("records");
    // What the record does not have: four pods more, and two servers.
    bench.apply(&deployment(6));
    bench.turns(20);
    bench.open(journal.clone());
    bench.turns(5);
    bench.open(journal);
    bench.turns(5);
    bench.agrees(6);
    let seen = bench.control.take().map(|control| control.driver().epoch());
    let old: Vec<&[u8]> = old.iter().map(Vec::as_slice).collect();
    let mut restored = MemoryJournal::default();
    restored.replace(&old).expect("room");
    let control = Control::open(header(), plane(), restored).expect("a state that opens");
    bench.control = Some(control);
    let control = bench.control.as_mut().expect("a control server");
    control.begin_restored(bench.now).expect("room");
    assert!(Some(control.driver().epoch()) > seen);
    // Its new pods have the numbers of the four.
    bench.apply(&deployment(3).replace("web", "api"));
    bench.turns(400);
    bench.agrees(5);
    let names: Vec<String> = bench.pods().into_iter().map(|pod| pod.name).collect();
    let of = |name: &str| names.iter().filter(|own| own.starts_with(name)).count();
    assert_eq!((of("web-"), of("api-")), (2, 3), "{names:?}");
}

//! The log of any run replays to the same commands, and a log that is cut at any byte to those of the
//! steps before the cut.

use proptest::prelude::*;

use super::bench::{Bench, deployment, plane};
use crate::control::{Compaction, Control};
use crate::journal::MemoryJournal;
use crate::record::{Log, RecordError};
use crate::wire::request::Request;

/// Something that happens to a cluster.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Wait(usize),
    Cut(usize),
    Heal(usize),
    RestartDaemon(usize),
    RestartControl,
    Exit(usize, i32),
    Apply(u32),
    Scale(i32),
    Drain(usize),
    Uncordon(usize),
    Delete,
}

fn deed() -> impl Strategy<Value = Deed> {
    let host = 0..3_usize;
    prop_oneof![
        4 => (1..30_usize).prop_map(Deed::Wait),
        1 => Just(Deed::Wait(120)),
        1 => host.clone().prop_map(Deed::Cut),
        2 => host.clone().prop_map(Deed::Heal),
        1 => host.clone().prop_map(Deed::RestartDaemon),
        1 => Just(Deed::RestartControl),
        2 => (host.clone(), 0..3).prop_map(|(host, code)| Deed::Exit(host, code)),
        2 => (0..8_u32).prop_map(Deed::Apply),
        1 => (0..8).prop_map(Deed::Scale),
        1 => host.clone().prop_map(Deed::Drain),
        1 => host.prop_map(Deed::Uncordon),
        1 => Just(Deed::Delete),
    ]
}

fn play(deeds: &[Deed], compaction: Compaction) -> Control<MemoryJournal> {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(3, &journal);
    bench.compaction = compaction;
    bench.open(journal.clone());
    bench.turns(2);
    bench.apply(&deployment(5));
    let object = || "Deployment/default/web".to_owned();
    for &deed in deeds {
        match deed {
            Deed::Wait(turns) => bench.turns(turns),
            Deed::Cut(host) => bench.hosts[host].is_cut = true,
            Deed::Heal(host) => bench.hosts[host].is_cut = false,
            Deed::RestartDaemon(host) => bench.hosts[host].restart(),
            Deed::RestartControl => {
                bench.control = None;
                bench.turns(2);
                bench.open(journal.clone());
            }
            Deed::Exit(host, code) => {
                let machine = &mut bench.hosts[host].machine;
                let first = machine.running.keys().next().copied();
                if let Some((pod, _)) = first {
                    machine.exit(pod, code);
                }
            }
            Deed::Apply(replicas) => bench.apply(&deployment(replicas)),
            Deed::Scale(replicas) => {
                let object = object();
                drop(bench.ask(Request::Scale { object, replicas }));
            }
            Deed::Drain(host) => {
                let node = format!("n{host}");
                drop(bench.ask(Request::Drain { node }));
            }
            Deed::Uncordon(host) => {
                let node = format!("n{host}");
                drop(bench.ask(Request::Uncordon { node }));
            }
            Deed::Delete => {
                let object = object();
                drop(bench.ask(Request::Delete { object }));
            }
        }
    }
    // Once everybody is back, the machines run what the cluster says and nothing else.
    for host in 0..3 {
        bench.hosts[host].is_cut = false;
        let node = format!("n{host}");
        drop(bench.ask(Request::Uncordon { node }));
    }
    bench.apply(&deployment(4));
    bench.turns(700);
    bench.agrees(4);
    bench.audit_hosts();
    bench.control.take().expect("a control server")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_run_replays_to_the_same_commands(deeds in prop::collection::vec(deed(), 0..25)) {
        let control = play(&deeds, Compaction::default());
        let text = control.log().expect("a log");
        let log = Log::read(&text).expect("a whole log");
        prop_assert_eq!(log.torn_bytes, 0);
        let replayed = log.replay(plane()).expect("the same run");
        prop_assert_eq!(replayed.digest(), control.driver().digest());
        prop_assert_eq!(replayed.pod_rows(), control.driver().pod_rows());
    }

    #[test]
    fn a_run_whose_log_is_made_short_replays_from_its_snapshot(
        deeds in prop::collection::vec(deed(), 0..25),
        after_bytes in prop_oneof![Just(1_u64), Just(3_000), Just(30_000)],
    ) {
        let compaction = Compaction { after_bytes, snapshots: 0, archive: None };
        let control = play(&deeds, compaction);
        let log = Log::read(&control.log().expect("a log")).expect("a whole log");
        prop_assert!(log.snapshot.is_some() || after_bytes > 1);
        let replayed = log.replay(plane()).expect("the same run");
        prop_assert_eq!(replayed.digest(), control.driver().digest());
        prop_assert_eq!(replayed.pod_rows(), control.driver().pod_rows());
        prop_assert_eq!(replayed.events_after(0), control.driver().events_after(0));
    }
}

#[test]
fn a_log_cut_at_any_byte_replays_up_to_the_cut() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(1, &journal);
    bench.turns(2);
    bench.apply(&deployment(2));
    bench.turns(4);
    let control = bench.control.take().expect("a control server");
    let text = control.log().expect("a log");
    let whole = Log::read(&text).expect("a whole log");
    let header = text.iter().position(|&byte| byte == b'\n').expect("a line") + 1;
    for cut in 0..text.len() {
        let read = Log::read(&text[..cut]);
        if cut < header {
            assert!(matches!(read, Err(RecordError::Damaged { number: 0, .. })));
            continue;
        }
        let log = read.expect("a log with a tail");
        let lines = text[..cut].split_inclusive(|&byte| byte == b'\n');
        let complete = lines.filter(|line| line.ends_with(b"\n")).count() - 1;
        assert_eq!(log.records, whole.records[..complete]);
        let tail = text[..cut].iter().rev().take_while(|&&byte| byte != b'\n');
        assert_eq!(log.torn_bytes, tail.count());
    }
    for length in 0..=whole.records.len() {
        let mut log = whole.clone();
        log.records.truncate(length);
        log.replay(plane()).expect("a run up to the cut");
    }
}

#[test]
fn damage_and_other_decisions_are_told_by_record() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(1, &journal);
    bench.turns(2);
    bench.apply(&deployment(2));
    let control = bench.control.take().expect("a control server");
    let text = control.log().expect("a log");
    for place in (0..text.len()).step_by(7) {
        let mut garbled = text.clone();
        garbled[place] ^= 1;
        match Log::read(&garbled) {
            Ok(log) => assert!(
                log.torn_bytes > 0,
                "a flipped bit at {place} went unnoticed"
            ),
            Err(error) => assert!(matches!(error, RecordError::Damaged { .. }), "{error}"),
        }
    }
    let mut log = Log::read(&text).expect("a whole log");
    let last = log.records.len() - 1;
    log.records[last].at_ns += 1;
    let diverged = log.replay(plane()).err().expect("another digest");
    assert!(
        diverged.to_string().contains("decides otherwise"),
        "{diverged}"
    );
}

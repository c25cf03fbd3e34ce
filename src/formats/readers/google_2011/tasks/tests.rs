//! Demands from events of tasks, and tables that are wrong.

use crate::tests::prelude::*;
use std::io;

use super::*;
use model::rules;

fn read(rows: &str, options: &ReadOptions) -> Result<Recorded, TraceError> {
    let input = Input::bytes("part-0.csv", rows.as_bytes());
    Recorded::collect(&mut *open(&input, options)?)
}

fn row(seconds: i64, index: i64, event: i64, request: &str) -> String {
    let micros = 1_000_000 * seconds;
    format!("{micros},,7,{index},,{event},ann,2,9,{request},0\n")
}

#[test]
fn the_last_attempt_gives_the_run_time_and_evictions_end_nothing() {
    let request = "0.5,0.25,0.1";
    let rows: String = [
        row(0, 0, 0, request),
        row(600, 1, 0, request),
        row(601, 1, 1, request),
        row(650, 1, 2, request),
        row(650, 1, 0, request),
        row(700, 1, 1, request),
        row(760, 1, 4, request),
        row(800, 1, 0, request),
        row(810, 1, 1, request),
        row(820, 1, 8, "0.25,0.25,0.1"),
        row(900, 2, 0, request),
        row(930, 2, 5, request),
    ]
    .concat();
    let recorded = read(&rows, &ReadOptions::default()).expect("good rows");
    let seen = recorded.each(|one| (one.name.to_string(), one.submit, one.run_time));
    let run = |seconds| Some(Duration::from_secs(seconds));
    seen.are([
        ("7-0".to_owned(), Instant::ZERO, None),
        ("7-1".to_owned(), Instant::from_secs(600), run(60)),
        ("7-1-2".to_owned(), Instant::from_secs(800), None),
        ("7-2".to_owned(), Instant::from_secs(900), run(30)),
    ]);
    assert_eq!(
        recorded.arrivals[1].historic_start,
        Some(Instant::from_secs(601))
    );
    assert_eq!(amounts(&recorded.classes[0]), (32_000, 64 << 30));
    assert_eq!(
        (recorded.classes[0].priority, recorded.classes.len()),
        (9, 1)
    );
    recorded.ledger.has_counts([
        ("task never ran; stays as long as it waited", 1),
        (
            "fewer cores requested while it ran; the first request stands",
            1,
        ),
    ]);
    let options = options_with(|own| own.ran_only = true);
    assert_eq!(read(&rows, &options).expect("good rows").arrivals.len(), 3);
}

#[test]
fn use_counts_from_the_start_of_the_attempt_that_ran() {
    let request = "0.5,0.25,0.1";
    let events: String = [(600, 0), (650, 1), (700, 2), (700, 0), (800, 1), (1_400, 4)]
        .iter()
        .chain(&[(2_000, 0), (2_100, 1), (2_300, 4), (3_000, 0), (3_010, 1)])
        .map(|&(at, event)| row(at, 0, event, request))
        .collect();
    let window = |from: i64, to: i64, cpu: &str| {
        let [from, to] = [from, to].map(|seconds| 1_000_000 * seconds);
        format!("{from},{to},7,0,5,{cpu},0.25,0,0,0,0,0,0,0,0,0,0,0,1,0\n")
    };
    let windows = [
        window(600, 700, "0.5"),
        window(700, 900, "0.25"),
        window(900, 1_500, "0.125"),
        window(2_100, 2_400, "0.5"),
    ]
    .concat();
    let bytes = archive(&[("task_events.csv", &events), ("task_usage.csv", &windows)]);
    let options = options_with(|own| own.usage = true);
    let recorded = collected(open(&Input::bytes("t.tar", bytes), &options));
    let used = recorded.arrivals.iter().map(|own| {
        let spec = &recorded.classes[own.class as usize];
        let behaviour = spec.behaviour.as_ref();
        behaviour.and_then(|own| Some(own.cpu_usage.as_ref()?.to_string()))
    });
    let used: Vec<Option<String>> = used.collect();
    let expected = [
        Some("recorded(0s: 16000m, 100s: 8000m)"),
        Some("recorded(0s: 32000m)"),
        None,
    ];
    assert_eq!(used, expected.map(|own| own.map(ToOwned::to_owned)));
    assert_eq!(recorded.classes.len(), 3);
}

#[test]
fn the_largest_request_stands_if_that_is_asked_for() {
    let rows: String = [
        row(600, 1, 0, "0.25,0.25,0.1"),
        row(601, 1, 7, "0.125,0.5,0.1"),
        row(602, 1, 1, "0.125,0.5,0.1"),
        row(603, 1, 8, "0.5,,0.1"),
        row(604, 1, 8, "0.5,0.125,0.1"),
    ]
    .concat();
    let asked = |largest_request| {
        let options = options_with(|own| own.largest_request = largest_request);
        let recorded = read(&rows, &options).expect("good rows");
        let class = recorded.arrivals[0].class as usize;
        let requests = recorded.classes[class].requests().expect("small");
        (
            requests.get("cpu").milli_ceil(),
            requests.get("memory").units_ceil(),
        )
    };
    assert_eq!(asked(false), (Ok(16_000), Ok(64 << 30)));
    assert_eq!(asked(true), (Ok(32_000), Ok(128 << 30)));
}

#[test]
fn requests_of_disk_space_are_told() {
    let rows = [
        row(600, 0, 0, "0.5,0.25,0.1"),
        row(600, 1, 0, "0.5,0.25,0"),
        row(600, 2, 0, "0.5,0.25,"),
    ];
    let recorded = read(&rows.concat(), &ReadOptions::default()).expect("good rows");
    let told = recorded.ledger.entries().iter().map(ToString::to_string);
    let kind = "disk space, not requested: the table of machines states none";
    let file = &recorded.ledger.entries()[0].file;
    assert_eq!(
        told.collect::<Vec<_>>(),
        [format!("waive 1 row: {kind} (first {file}:1)")]
    );
}

#[test]
fn events_happen_in_order_of_time() {
    let request = "0.5,0.25,0";
    let events = [(600, 0), (610, 1), (670, 4), (700, 0), (710, 1), (720, 5)];
    let table = |places: [usize; 6]| -> String {
        let rows = places.map(|place| events[place]);
        { rows.iter() }
            .map(|&(at, event)| row(at, 0, event, request))
            .collect()
    };
    let options = ReadOptions::default();
    let sorted = read(&table([0, 1, 2, 3, 4, 5]), &options).expect("good rows");
    let shuffled = table([5, 3, 4, 0, 2, 1]);
    // A stream that can be read only once says the same.
    let stream = io::Cursor::new(shuffled.clone());
    let stream = Input::once("standard input", stream).expect("readable");
    let streamed = Recorded::collect(&mut *open(&stream, &options).expect("good rows"));
    assert_eq!(streamed.expect("good rows").arrivals, sorted.arrivals);
    let shuffled = read(&shuffled, &options).expect("good rows");
    assert_eq!(shuffled.arrivals, sorted.arrivals);
    let kind = crate::parts::timeline::OUT_OF_ORDER;
    assert_eq!(shuffled.ledger.count(kind), 5);
    assert_eq!(shuffled.ledger.entries().len(), 1);
    assert!(sorted.ledger.is_empty());
}

#[test]
fn an_end_at_the_instant_of_the_next_submit_comes_first() {
    let request = "0.5,0.25,0.1";
    let events = [(1, 0), (2, 1), (9, 0), (9, 3), (10, 1), (15, 4)];
    let rows: String = { events.iter() }
        .map(|&(at, event)| row(at, 0, event, request))
        .collect();
    let recorded = read(&rows, &ReadOptions::default()).expect("good rows");
    let runs = recorded.each(|one| one.run_time);
    assert_eq!(
        runs,
        [7, 5].map(|seconds| Some(Duration::from_secs(seconds)))
    );
    recorded
        .ledger
        .has_once(["end after the SUBMIT of its instant; put before it"]);
}

#[test]
fn dirty_rows_are_named() {
    let rows = "# remark\n\
         600000000,,7,0,,0,ann,2,9,,0.1,0,1\n\
         600000000,2,8,0,,1,ann,2,9,0.1,0.1,0,0\n\
         650000000,,8,0,,1,ann,2,9,0.1,0.1,0,0\n\
         9223372036854775807,,8,0,,4,ann,2,9,0.1,0.1,0,0\n\
         600000000,,9,0,,9,ann,2,9,0.1,0.1,0,0\n\
         600000000,,9,0,,0,ann,2,9,-0.1,0.1,0,0\n\
         -5,,9,0,,0,ann,2,9,0.1,0.1,0,0\n\
         600000000,,9,0\n";
    let input = Input::bytes("part-0.csv", rows.as_bytes());
    let found = validate(&input, &ENTRY, &ReadOptions::default(), 10);
    found.has_bad_rows([
        "part-0.csv:6: column `event`: must be at most 8, found `9`",
        "part-0.csv:7: column `CPU request`: must be at least 0, found `-0.1`",
        "part-0.csv:8: column `time`: must be at least 0, found `-5`",
        "part-0.csv:9: column `machine id`: the row has 4 fields where the format has 13, \
             found `600000000,,9,0`",
    ]);
    found.ledger.has_once([
        "no request; counted as 0",
        "tasks on different machines, not enforced without `constraints`",
        "record made up by the publisher",
        "task without SUBMIT; arrives at its first event",
        "scheduled twice without an end; the first counts as lost",
        "event after the trace; the task has not ended",
    ]);
    assert_eq!(found.accepted, 2);
}

#[test]
fn tables_beside_the_events_say_more_about_tasks_and_machines() {
    let events = row(600, 0, 0, "0.5,0.25,0.1");
    let constraints = "600000000,7,0,0,arch,x86\n600000000,7,0,3,cores,8\n\
                       600000000,7,0,1,old,\n700000000,7,0,1,arch,arm\n";
    let usage = "600000000,900000000,7,0,5,0.125,0.25,0,0,0,0,0,0,0,0,0,0,0,1,0\n";
    let bytes = archive(&[
        ("task_constraints.csv", constraints),
        ("task_events.csv", &events),
        ("task_usage.csv", usage),
    ]);
    let input = Input::bytes("t.tar", bytes);
    let entry = crate::registry::recognize(&input).expect("known");
    assert_eq!(entry.name, ENTRY.name);
    let read = |usage| {
        let options = options_with(|own| own.usage = usage);
        collected(open(&input, &options))
    };
    let with = read(true);
    let used = with.classes[0]
        .behaviour
        .as_ref()
        .and_then(|own| own.cpu_usage.clone());
    assert_eq!(used.as_deref(), Some("recorded(0s: 8000m)"));
    let without = read(false);
    assert_eq!(without.ledger.count(USAGE_NOT_READ), 1);
    without
        .ledger
        .has_once(["constraint stated later; the first ones stand"]);

    let machines = "0,5,0,p,0.5,0.25\n0,6,0,p,0.5,0.25\n";
    let attributes = "0,5,arch,x86,0\n0,5,cores,16,0\n0,5,old,1,0\n0,6,arch,x86,0\n0,6,cores,4,0\n\
                      9,5,arch,arm,0\n";
    let bytes = archive(&[
        ("machine_attributes.csv", attributes),
        ("machine_events.csv", machines),
    ]);
    let input = Input::bytes("m.tar", bytes);
    let entry = crate::registry::recognize(&input).expect("known");
    let Constructor::Nodes(read) = entry.open else {
        panic!("machines");
    };
    let list = read(&input, &ReadOptions::default()).expect("good");
    let admits = |node| rules::affinity::admits(&without.classes[0], node);
    let admitting: Vec<bool> = list.nodes.iter().map(admits).collect();
    assert_eq!(admitting, [true, false]);
    list.ledger
        .has_once(["attribute changes later; the first value stands"]);
}

#[test]
fn all_tables_of_the_trace_are_read_or_listed() {
    let events = row(600, 0, 0, "0.5,0.25,0.1");
    let bytes = archive(&[
        ("README", "about"),
        (
            "job_events/part-0.csv",
            "600000000,,7,0,ann,2,name=,logical=\n",
        ),
        ("machine_attributes/part-0.csv", "0,5,arch,x86,0\n"),
        ("machine_events/part-0.csv", "0,5,0,p,0.5,0.25\n"),
        ("task_events/part-0.csv", &events),
    ]);
    let input = file_of(&ENTRY, "t.tar", bytes);
    let recorded = collected(open(&input, &ReadOptions::default()));
    assert_eq!(recorded.arrivals.len(), 1);
    recorded.ledger.has_once([
        "file about the trace, not read",
        "job events, not read; the events of their tasks say when, whose and how urgent",
        "attributes of machines, read by `google-2011-machines`",
        "machine events, read by `google-2011-machines`",
    ]);
}

#[test]
fn tasks_of_a_job_are_kept_apart_if_that_is_asked_for() {
    let apart = row(600, 1, 0, "0.5,0.25,0.1").replace(",0\n", ",1\n");
    let rows = format!("{apart}{}", row(600, 2, 0, "0.5,0.25,0.1"));
    let kind = "tasks on different machines, not enforced without `constraints`";
    for (constraints, waived, terms) in [(false, 1, 0), (true, 0, 1)] {
        let options = options_with(|own| own.constraints = constraints);
        let recorded = read(&rows, &options).expect("good rows");
        assert_eq!(recorded.ledger.count(kind), waived);
        let spec = &recorded.classes[recorded.arrivals[0].class as usize];
        let against = &spec.affinity.required_pod_anti_affinity;
        assert_eq!(against.len(), terms);
        for term in against {
            let others = term.selector.as_ref().expect("a selector");
            assert!(others.matches(&spec.labels));
            assert_eq!(&*term.topology_key, HOSTNAME_LABEL);
        }
        let other = &recorded.classes[recorded.arrivals[1].class as usize];
        assert!(other.labels.is_empty() && other.affinity == model::Affinity::default());
    }
}

#[test]
fn times_in_seconds_are_told() {
    let kind =
        "trace that ends before its window begins, at 600000000; its times must be in microseconds";
    let told = |name: &str, rows: &str| {
        let entry = crate::registry::find(name).expect("a format");
        let found = faults(entry, "part-0.csv", rows);
        assert_eq!((found.bad_row_count, found.stopped), (0, None));
        found.ledger.count(kind)
    };
    // 29 days in seconds, in order and not; the same in microseconds, and what was there before.
    let task = |time: &str| format!("{time},,7,{time},,0,ann,2,9,0.5,0.25,0.1,0\n");
    let tasks = |times: &[&str]| {
        let rows: String = times.iter().map(|time| task(time)).collect();
        told("google-2011-tasks", &rows)
    };
    assert_eq!(tasks(&["0", "600", "2506200"]), 1);
    assert_eq!(tasks(&["0", "2506200", "600"]), 1);
    assert_eq!(tasks(&["0", "600000000", "2506200000000"]), 0);
    assert_eq!(tasks(&["0"]), 0);
    let machines = "0,5,0,p,0.5,0.25\n2506200,5,1,p,,\n";
    assert_eq!(told("google-2011-machines", machines), 1);
    let usage = "600,900,7,0,5,0.5,0.25,0,0,0,0,0,0,0,0,0,0,0,1,0\n";
    assert_eq!(told("google-2011-usage", usage), 1);
    let instances = "time,type,collection_id,instance_index,priority\n600,0,7,0,9\n";
    assert_eq!(told("google-2019-instances", instances), 1);
}

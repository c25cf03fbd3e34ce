//! Tests of `arrivals::inspect` on real formats.

use crate::prelude::*;

use crate::registry;
use arrivals::inspect::*;

fn input(text: &str) -> Input {
    Input::bytes("file", text.as_bytes().to_vec())
}

fn inspected(text: &str) -> Content {
    let input = input(text);
    let entry = registry::recognize(&input).expect("known");
    let inspection = inspect(&input, entry, &ReadOptions::default()).expect("good rows");
    assert_eq!(inspection.format, entry.name);
    inspection.content
}

#[test]
fn nodes_are_grouped_by_shape() {
    let Content::Nodes(summary) =
        inspected("sn,cpu_milli,memory_mib,gpu,model\na,1000,1,0,\nb,2000,1,4,T4\nc,2000,1,4,T4\n")
    else {
        panic!("nodes");
    };
    assert_eq!(
        (summary.nodes, summary.gpus, summary.cpu_milli),
        (3, 8, 5_000)
    );
    assert_eq!((summary.groups.len(), summary.groups[0].count), (2, 2));
}

#[test]
fn a_workload_is_summarized() {
    let Content::Workload(summary) = inspected(
        "submit,run_time,cpu,members,tenant\n\
         10,5,1,1,ann\n20,,2,3,bob\n7200,15,1,1,bob\n",
    ) else {
        panic!("a workload");
    };
    assert_eq!((summary.arrivals, summary.pods, summary.classes), (3, 5, 2));
    assert_eq!(
        (
            summary.unknown_run_times,
            summary.profile.arrivals_per_hour.len()
        ),
        (1, 2)
    );
    assert_eq!(summary.tenants, 2);
    assert_eq!(summary.most_by, [("bob".into(), 2), ("ann".into(), 1)]);
    let run_time = summary.run_time.expect("two known");
    assert_eq!(
        (run_time.min, run_time.max),
        (5_000_000_000, 15_000_000_000)
    );
    assert_eq!(summary.last_submit, Instant::from_secs(7_200));
}

#[test]
fn outcomes_are_counted_and_tell_no_classes_apart() {
    let Content::Workload(summary) = inspected(
        "submit,cpu,outcome\n0,1,failed\n1,1,completed\n2,1,completed\n3,2,\n4,1,evicted\n",
    ) else {
        panic!("a workload");
    };
    assert_eq!((summary.arrivals, summary.classes), (5, 2));
    let expected = [("completed", 2), ("failed", 1), ("evicted", 1)];
    let expected = expected.map(|(word, count)| (word.into(), count));
    assert_eq!(summary.outcomes, expected);
}

#[test]
fn validation_lists_bad_rows_up_to_a_limit() {
    let input = input("submit,cpu\n-1,1\n0,x\n1,1\n2,y\n");
    let entry = registry::find("csv").expect("known");
    let validation = validate(&input, entry, &ReadOptions::default(), 2);
    assert!(!validation.is_valid());
    assert_eq!((validation.accepted, validation.bad_row_count), (1, 3));
    assert_eq!(validation.bad_rows.len(), 2);
    assert_eq!(
        validation.bad_rows[0].to_string(),
        "file:2: column `submit`: must be at least 0, found `-1`"
    );
}

#[test]
fn validation_tells_of_names_that_are_there_twice() {
    let input = input("submit,name\n0,a\n1,b\n2,a\n");
    let entry = registry::find("csv").expect("known");
    let found = validate(&input, entry, &ReadOptions::default(), 9);
    let told: Vec<String> = { found.ledger.entries().iter() }
        .map(ToString::to_string)
        .collect();
    let expected = "keep 1 row: name that a record above has; both are kept (first file:4)";
    assert_eq!(told, [expected]);
}

#[test]
fn validation_says_what_stopped_it() {
    let entry = registry::find("openb-nodes").expect("known");
    let validation = validate(&input("a,b\n"), entry, &ReadOptions::default(), 10);
    assert!(validation.stopped.is_some() && !validation.is_valid());
}

#[test]
fn validation_finds_two_nodes_of_one_name() {
    let entry = registry::find("openb-nodes").expect("known");
    let nodes = "sn,cpu_milli,memory_mib,gpu,model\nb,1,1,0,\na,1,1,0,\nb,2,2,0,\n";
    let validation = validate(&input(nodes), entry, &ReadOptions::default(), 10);
    let stopped = validation.stopped.map(|error| error.to_string());
    let expected = "file: two nodes have the name `b`; rename or remove one";
    assert_eq!(stopped.as_deref(), Some(expected));
}

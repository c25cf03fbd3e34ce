//! Tests of `arrivals::inspect` on real formats.

use crate::registry;
use crate::tests::prelude::*;
use arrivals::inspect::*;

fn records_of(input: &Input, name: &str) -> Vec<(String, Option<String>)> {
    let entry = registry::recognize(input).expect("known");
    let records = records(input, entry, &ReadOptions::default(), name).expect("readable");
    let found = records.found.into_iter();
    found.map(|own| (own.place(), own.text)).collect()
}

#[test]
fn records_are_found_with_their_file_and_line() {
    let rows = "submit,name,cpu,members\n5,b,1,2\n0,a,1,1\n";
    let table = Input::bytes("jobs.csv", rows.as_bytes());
    assert_eq!(
        records_of(&table, "a"),
        [("jobs.csv:3".to_owned(), Some("0,a,1,1".to_owned()))]
    );
    assert_eq!(records_of(&table, "b-1").len(), 1);
    assert_eq!(records_of(&table, "b-2"), []);
    let log = "; MaxProcs: 8\n7 0 -1 5 2 -1 -1 2 -1 -1 1 1 1 1 1 1 -1 -1\n";
    let log = Input::bytes("log.swf", log.as_bytes());
    assert_eq!(records_of(&log, "7")[0].0, "log.swf:2");
    assert_eq!(records_of(&log, "job-7-1").len(), 1);
    let tasks = |index| format!("600000000,,7,{index},,0,ann,2,9,0.5,0.25,0.1,0\n");
    let bytes = archive(&[("a.csv", &tasks(0)), ("b.csv", &tasks(1))]);
    let shards = Input::bytes("g.tar", bytes);
    let (place, text) = records_of(&shards, "7-1").remove(0);
    assert!(place.ends_with("b.csv:1"), "{place}");
    assert_eq!(text.as_deref(), Some(tasks(1).trim_end()));
}

#[test]
fn elements_of_lists_are_found_where_they_begin() {
    let task = |name: &str| {
        format!(
            "{{\n  \"taskArn\": \"c/{name}\", \"lastStatus\":\n  \"RUNNING\", \"containers\": []}}"
        )
    };
    let list = [task("t1").replace("taskArn", "x"), task("t2"), task("t3")];
    let text = format!("{{\"tasks\": [\n{}\n]}}", list.join(",\n"));
    let input = Input::bytes("ecs.json", text.as_bytes());
    let entry = registry::find("ecs").expect("known");
    let options = options_with(|own| own.rows = intake::RowPolicy::REPORT);
    let of = |input: &Input, name: &str| {
        let mut records = records(input, entry, &options, name).expect("readable");
        let own = records.found.remove(0);
        (own.place(), own.text)
    };
    let shown = list[1].replace("\n ", "").replace("  ", " ");
    let expected = ("ecs.json:5".to_owned(), Some(shown));
    assert_eq!(of(&input, "t2"), expected);
    // In one line nothing tells which element it is.
    let inline = Input::bytes("ecs.json", text.replace('\n', "").into_bytes());
    assert_eq!(of(&inline, "t3"), ("ecs.json:1".to_owned(), None));
    let nomad = "[{\"ID\": \"1\", \"Name\": \"a\", \"JobID\": \"j\", \"TaskGroup\": \"g\", \"ClientStatus\": \
                 \"running\"}, {\"Name\": 5, \"JobID\": \"j\", \"ClientStatus\": \"running\"}]";
    let nomad = Input::bytes("n.json", nomad.as_bytes());
    let entry = registry::find("nomad").expect("known");
    let found = arrivals::inspect::validate(&nomad, entry, &options, 9);
    let expected = "n.json:1: column `1.Name`: must be the name of an allocation, found `5`";
    assert_eq!(found.bad_rows[0].to_string(), expected);
}

#[test]
fn nodes_have_no_records_of_jobs() {
    let rows = "sn,cpu_milli,memory_mib,gpu,model\na,1000,1,0,\n";
    let input = Input::bytes("nodes.csv", rows.as_bytes());
    let entry = registry::recognize(&input).expect("known");
    let refused = records(&input, entry, &ReadOptions::default(), "a").expect_err("nodes");
    assert!(refused.to_string().contains("holds nodes"), "{refused}");
}

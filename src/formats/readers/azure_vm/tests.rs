//! Machines of both years, dirty rows, and readings beside machines or alone.

use super::*;
use crate::tests::prelude::*;

const ROWS: &str = "a,s1,d,0,2591700,99,3.424,10,Delay-insensitive,1,1.75\n\
                    b,s1,d,300,1500,10,10.01,10,Unkown,>24,>64\n";

#[test]
fn machines_of_both_years_are_read() {
    let input = Input::bytes("vmtable.csv", ROWS.as_bytes());
    let options = options_with(|own| own.usage = true);
    let recorded = collected(open(&input, &options));
    let runs = recorded.each(|one| one.run_time);
    assert_eq!(runs, [None, Some(Duration::from_secs(1_200))]);
    let amounts: Vec<_> = { recorded.classes.iter() }
        .map(|spec| {
            let requests = spec.requests().expect("small");
            (
                requests.get("cpu").milli_ceil(),
                requests.get("memory").units_ceil(),
            )
        })
        .collect();
    assert_eq!(
        amounts,
        [(Ok(1_000), Ok(7 << 28)), (Ok(30_000), Ok(70 << 30))]
    );
    let usage = recorded.classes[0].behaviour.as_ref();
    let usage = usage.and_then(|behaviour| behaviour.cpu_usage.clone());
    assert_eq!(usage, Some("3.42%".into()));
    recorded.ledger.has_once([
        "open bucket of a size; 30 cores, 70 GiB",
        "average use above the maximum",
        "created at 0, perhaps before",
        "there at the end of the trace; run time not known",
    ]);
}

#[test]
fn open_buckets_count_as_options_say() {
    let input = Input::bytes("vmtable.csv", ROWS.as_bytes());
    let options =
        options_with(|own| (own.open_cpu_milli, own.open_memory_bytes) = (48_000, 112 << 30));
    let recorded = collected(open(&input, &options));
    assert_eq!(amounts(&recorded.classes[1]), (48_000, 112 << 30));
    recorded
        .ledger
        .has_once(["open bucket of a size; 48 cores, 112 GiB"]);
}

#[test]
fn dirty_rows_are_named() {
    let rows = "a,s,d,9,5,1,1,1,Unknown,1,1\na,s,d,0,5,1,1,1,Unknown,0,1\n\
                a,s,d,0,5,1,1,1,Unknown,1,>24\n,s,d,0,5,1,1,1,Unknown,1,1\n";
    faults(&ENTRY, "v.csv", rows).has_bad_rows([
        "v.csv:1: column `deleted`: must be no earlier than `created`, found `5`",
        "v.csv:2: column `cores`: must be more than 0, or the bucket `>24`, found `0`",
        "v.csv:3: column `memory`: must be a number, found `>24`",
        "v.csv:4: column `vm id`: must be the name of a machine, found ``",
    ]);
}

#[test]
fn readings_are_usage_of_machines_or_a_workload_alone() {
    let second = "600,b,0,4,2.5\n0,a,1,2,1.25\n";
    let first = "300,b,0,2,1.5\n300,c,9,9,1.5\n300,c,x,9,1.5\n";
    let bytes = archive(&[
        ("deployments.csv", "d,2\n"),
        ("readings-1.csv", second),
        ("subscriptions.csv", "s1,0,2\n"),
        ("vmtable.csv", ROWS),
    ]);
    let input = Input::bytes("v.tar", bytes);
    let read = |input: &Input, usage| {
        let options = ReadOptions {
            usage,
            rows: intake::ledger::RowPolicy::REPORT,
            ..ReadOptions::default()
        };
        let entry = crate::registry::recognize(input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        collected(open(input, &options))
    };
    let with = read(&input, true);
    let used = with.classes[1]
        .behaviour
        .as_ref()
        .and_then(|own| own.cpu_usage.clone());
    assert_eq!(used.as_deref(), Some("recorded(300s: 2.50%)"));
    assert_eq!(read(&input, false).ledger.count(USAGE_NOT_READ), 1);
    let bytes = archive(&[("readings-10.csv", second), ("readings-2.csv", first)]);
    let alone = read(&Input::bytes("r.tar", bytes), false);
    let seen: Vec<_> = { alone.arrivals.iter() }
        .map(|one| (one.name.to_string(), one.submit, one.run_time))
        .collect();
    let run = |seconds| Some(Duration::from_secs(seconds));
    seen.are([
        ("a".to_owned(), Instant::ZERO, run(300)),
        ("b".to_owned(), Instant::from_secs(300), run(600)),
        ("c".to_owned(), Instant::from_secs(300), run(300)),
    ]);
    alone
        .ledger
        .has_once(["average use beyond minimum or maximum"]);
    let bad = alone.ledger.bad_rows()[0].to_string();
    assert_eq!(
        bad,
        "r.tar: readings-2.csv:3: column `min cpu`: must be a number, found `x`"
    );
}

#[test]
fn copies_with_names_and_quotes_say_the_same() {
    let header = "vmid,subscriptionid,deploymentid,vmcreated,vmdeleted,maxcpu,avgcpu,p95maxcpu,vmcategory,\
                  vmcorecount,vmmemory\n";
    let quoted = ROWS.replace(',', "\",\"").replace('\n', "\"\n\"");
    let quoted = format!("\"{}", quoted.trim_end_matches('"'));
    let read = |text: String| {
        let input = file_of(&ENTRY, "v.csv", text);
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let names = found
            .ledger
            .count("line with the names of columns, not read");
        (found.accepted, found.bad_row_count, names)
    };
    let (accepted, bad, _) = read(ROWS.to_owned());
    assert_eq!(read(format!("{header}{ROWS}")), (accepted, bad, 0));
    let others = header.replace("vm", "machine_");
    assert_eq!(read(format!("{others}{ROWS}")), (accepted, bad, 1));
    assert_eq!(read(quoted), (accepted, bad, 0));
    let readings = "timestamp,vm id,min cpu,max cpu,avg cpu\n0,a,1,2,1.25\n";
    assert_eq!(read(readings.to_owned()), (1, 0, 0));
    assert_eq!(read(readings.replace(" cpu", "imum")), (1, 0, 1));
}

#[test]
fn columns_of_a_copy_with_a_header_may_stand_in_any_order() {
    let own = "a,s,d,300,900,99.4,3.42,10.19,Interactive,4,7\n";
    let other = "vmmemory,vmcorecount,vmdeleted,vmcreated,vmid,subscriptionid,deploymentid,maxcpu,avgcpu,p95maxcpu,\
                 vmcategory\n7,4,900,300,a,s,d,99.4,3.42,10.19,Interactive\n";
    let readings = "300,a,1,5,2\n";
    let named = "avgcpu,maxcpu,mincpu,vmid,timestamp\r\n2,5,1,a,300\r\n";
    let read = |machines: &str, readings: &str| {
        let files = [
            ("vmtable.csv", machines),
            ("vm_cpu_readings-1.csv", readings),
        ];
        let input = file_of(&ENTRY, "t.tar", crate::packed::archive(&files));
        let options = options_with(|own| own.usage = true);
        collected(open(&input, &options))
    };
    let whole = read(own, readings);
    assert_eq!(whole.arrivals.len(), 1);
    assert_eq!(read(other, named), whole);
    let of_2019 = other
        .replace("vmmemory", "vmmemorybucket")
        .replace("vmcorecount", "vmcorecountbucket");
    assert_eq!(read(&of_2019, named), whole);
}

#[test]
fn other_tables_of_five_columns_are_no_readings() {
    let name = |text: &str| {
        let input = Input::bytes("t.csv", text.as_bytes());
        let found = crate::registry::recognize(&input);
        found.ok().map(|entry| entry.name)
    };
    assert_eq!(name("300,a,1,5,2\n600,a,1,5,2.5\n"), Some("azure-vm"));
    for other in [
        "time,host,load1,load5,load15\n1,a,0.5,0.25,0.1\n2,a,0.5,0.25,0.1\n",
        "17,a,1,5,2\n18,a,1,5,2\n",
        "300,a,4096,5,2\n600,a,4096,5,2\n",
    ] {
        assert_eq!(name(other), None, "{other}");
    }
}

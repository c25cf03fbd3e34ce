//! Tasks with their fragments, and tables that are wrong.

use crate::tests::prelude::*;
use proptest::prelude::*;

use super::*;

const HEADER: &str = "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity";

fn recorded(input: &Input, usage: bool) -> Recorded {
    let options = options_with(|own| own.usage = usage);
    collected(open(input, &options))
}

#[test]
fn use_of_gpus_is_told() {
    let tasks = format!("{HEADER}\n1,1704067200000,30000,1,2000,512\n");
    let fragments =
        "id,duration,cpu_usage,gpu_usage\n1,10000,500,70\n1,10000,500,0\n1,10000,500,\n";
    let bytes = archive(&[("fragments.csv", fragments), ("tasks.csv", &tasks)]);
    let recorded = recorded(&Input::bytes("w.tar", bytes), false);
    assert_eq!(recorded.ledger.count("use of GPUs, not read"), 1);
}

#[test]
fn tasks_use_what_their_fragments_say() {
    let tasks = format!(
        "{HEADER},gpu_count,parents,deferrable,deadline\n\
         2,1704067260000,60000,2,4000,1024,1,[1],1,1704067320000\n\
         1,1704067200000,30000,1,2000,512,,[],false,-1\n"
    );
    let fragments = "id,duration,cpu_usage\n1,10000,500\n2,400,200\n2,0,800\n2,59600,4000.5\n1,10000,0\n3,5000,1\n";
    let bytes = archive(&[("fragments.csv", fragments), ("tasks.csv", &tasks)]);
    let input = file_of(&ENTRY, "w.tar", bytes);
    let recorded = recorded(&input, true);
    let seen = recorded.each(|one| {
        let spec = &recorded.classes[one.class as usize];
        let usage = spec
            .behaviour
            .as_ref()
            .and_then(|own| own.cpu_usage.clone());
        (one.name.to_string(), one.submit, spec.gpu.devices, usage)
    });
    let first = "recorded(0s: 25.00%, 10s: 0.00%)".into();
    let second = "recorded(0s: 100.01%)".into();
    seen.are([
        ("1".to_owned(), Instant::ZERO, 0, Some(first)),
        ("2".to_owned(), Instant::from_secs(60), 1, Some(second)),
    ]);
    assert_eq!(recorded.arrivals[1].after(), ["1".into()]);
    recorded.ledger.has_once([
        "task may be put off, not heeded",
        "deadline of a task, not enforced",
        "submitted before the row above; sorted",
        "fragment of a task that is not there",
        "use above the capacity of the task",
        "fragments don't add up to the duration of their task; that of the task holds",
    ]);
    let kind = "fragment below a second; the last one of a second stands";
    assert_eq!(recorded.ledger.count(kind), 2);
}

#[test]
fn dirty_rows_and_tables_are_named() {
    let rows = format!(
        "{HEADER}\n1,-1,5,1,1,1\n2,0,5,0,1,1\n3,0,1.5,1,1,1\n4,0,5,1,,1\n5,0,5,1,1,1\n\
         5,0,5,1,1,1\n6,0,5\n"
    );
    faults(&ENTRY, "t.csv", rows).has_bad_rows([
        "t.csv:2: column `submission_time`: must be at least 0, found `-1`",
        "t.csv:3: column `cpu_count`: must be at least 1, found `0`",
        "t.csv:4: column `duration`: must be a whole number, found `1.5`",
        "t.csv:5: column `cpu_capacity`: must be a number of MHz, found ``",
        "t.csv:7: column `id`: must be the only task of its number, found `5`",
        "t.csv:8: column `cpu_count`: the row has 3 fields where the header has 6, found \
             `6,0,5`",
    ]);
    let stopped = faults(&ENTRY, "f.csv", "id,duration,cpu_usage\n1,5,1\n").stopped;
    assert_eq!(
        stopped.map(|error| error.to_string()),
        Some(
            "f.csv: has fragments and no tasks; name the folder or archive that has both"
                .to_owned()
        )
    );
}

#[test]
fn the_unit_of_memory_is_that_of_most_tasks() {
    let kind = "memory in KiB, as half of the tasks would have hundreds of GiB, or TiB";
    for (memory, unit, bad) in [
        // One wrong value beside two of 1 and 2 GiB.
        (["1024", "2048", "130465792"], 20, 1),
        (["4194304", "178258", "130465792"], 10, 0),
        (["1048576", "2097152", "4194304"], 10, 0),
        (["100000", "100000", "0"], 20, 0),
    ] {
        let row = |place: usize| format!("{place},0,5,1,1,{}\n", memory[place]);
        let rows: String = (0..3).map(row).collect();
        let input = Input::bytes("t.csv", format!("{HEADER}\n{rows}").into_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        assert_eq!(found.bad_row_count, bad, "{memory:?}");
        assert_eq!(found.ledger.count(kind), if unit == 10 { 3 } else { 0 });
        let options = options_with(|own| own.rows = RowPolicy::REPORT);
        let recorded = collected(open(&input, &options));
        let requests = recorded.classes[0].requests().expect("small");
        let expected = memory[0].parse::<i64>().expect("a number") << unit;
        assert_eq!(requests.get("memory").units_ceil(), Ok(expected));
    }
}

#[test]
fn a_task_requests_its_capacity_where_the_speed_of_a_core_is_known() {
    let rows = format!("{HEADER}\n1,0,5,16,33600,1\n2,0,5,2,0,1\n3,0,5,1,1400,1\n");
    let input = Input::bytes("t.csv", rows.into_bytes());
    for (core_mhz, expected) in [
        (None, [16_000, 2_000, 1_000]),
        (Some(2_800), [12_000, 2_000, 500]),
    ] {
        let options = options_with(|own| own.core_mhz = core_mhz);
        let recorded = collected(open(&input, &options));
        let milli = recorded.each(|own| {
            let requests = recorded.classes[own.class as usize].requests();
            requests
                .expect("small")
                .get("cpu")
                .milli_ceil()
                .expect("small")
        });
        assert_eq!(milli, expected);
    }
}

#[test]
fn a_task_waits_for_those_that_name_it_as_a_child() {
    let tasks = format!(
        "{HEADER},parents,children\n1,0,5,1,1,1,[],\"[2, 3, 9]\"\n2,0,5,1,1,1,[1],[]\n\
         3,0,5,1,1,1,[2],[]\n4,0,5,1,1,1,[],[]\n5,0,5,1,1,1,,[4]\n"
    );
    let recorded = recorded(&Input::bytes("t.csv", tasks.into_bytes()), false);
    let after = recorded.each(|own| {
        let names = own.after().iter().map(ToString::to_string);
        names.collect::<Vec<_>>().join("+")
    });
    assert_eq!(after, ["", "1", "2+1", "5", ""]);
    recorded.ledger.has_once([
        "names a child that is not there; ignored",
        "`children` names a task whose `parents` don't; it waits all the same",
    ]);
}

#[test]
fn lists_of_children_alone_differ_from_none() {
    let tasks = format!("{HEADER},children\n1,0,5,1,1,1,[3]\n2,0,5,1,1,1,[3]\n3,0,5,1,1,1,[]\n");
    let recorded = recorded(&Input::bytes("t.csv", tasks.into_bytes()), false);
    assert_eq!(recorded.arrivals[2].after(), ["1".into(), "2".into()]);
    assert!(recorded.ledger.entries().is_empty());
}

/// What the task of an arrival uses.
fn usage(one: &Recorded, place: usize) -> Option<String> {
    let spec = &one.classes[one.arrivals[place].class as usize];
    let behaviour = spec.behaviour.as_ref();
    behaviour.and_then(|own| Some(own.cpu_usage.as_ref()?.to_string()))
}

#[test]
fn tables_of_older_versions_state_ends_and_times() {
    let tasks = "id,start_time,stop_time,cpu_count,cpu_capacity,mem_capacity\n\
                 b-1,1000000,1060000,2,4000,1024\na,1030000,1040000,1,2000,512\n\
                 c,1040000,1030000,1,1,1\n";
    let fragments = "id,timestamp,duration,cpu_count,cpu_usage\nb-1,1000000,10000,2,1000\n\
                     a,1029000,1000,1,500\nb-1,1020000,40000,2,4000\n";
    let interference = "[{\"vms\": [\"a\"], \"minServerLoad\": 0.5, \"performanceScore\": 0.9}]";
    let files = [
        ("README.md", "words"),
        (
            "failures.csv",
            "failure_interval,failure_duration,failure_intensity\n1,1,1\n",
        ),
        ("interference-model.json", interference),
        ("meta.csv", tasks),
        ("trace.csv", fragments),
    ];
    let input = file_of(&ENTRY, "w.tar", archive(&files));
    let options = options_with(|own| (own.usage, own.rows) = (true, RowPolicy::REPORT));
    let recorded = collected(open(&input, &options));
    let seen = recorded.each(|own| (own.name.to_string(), own.submit, own.run_time));
    let (at, span) = (Instant::from_secs, |seconds| {
        Some(Duration::from_secs(seconds))
    });
    let expected = [("b-1", at(0), span(60)), ("a", at(30), span(10))];
    assert_eq!(
        seen,
        expected.map(|(name, at, run)| (name.to_owned(), at, run))
    );
    let used = "recorded(0s: 25.00%, 10s: 0.00%, 20s: 100.00%)";
    assert_eq!(usage(&recorded, 0).as_deref(), Some(used));
    recorded.ledger.has_counts([
        ("file about the trace, not read", 1),
        (
            "fragment before the begin of its task; used from the begin on",
            1,
        ),
        (
            "failures of machines, which a `failure-log` of the same file brings into a run",
            1,
        ),
        (
            "bad row: column `stop_time`: must be no earlier than the begin",
            1,
        ),
    ]);
    assert_eq!(recorded.ledger.entries().len(), 6);
}

#[test]
fn use_counts_where_the_capacity_is_known() {
    let first = "id,submissionTime,endTime,maxCores,requiredMemory\nb-1,1000000,1060000,2,1024\n";
    let states = "id,time,duration,cores,cpuUsage\nb-1,1000000,60000,2,1000\n";
    let input = Input::bytes(
        "w.tar",
        archive(&[("meta.csv", first), ("trace.csv", states)]),
    );
    for (core_mhz, expected) in [(None, None), (Some(1_000), Some("recorded(0s: 50.00%)"))] {
        let options = ReadOptions {
            core_mhz,
            usage: true,
            ..ReadOptions::default()
        };
        let recorded = collected(open(&input, &options));
        assert_eq!(recorded.arrivals[0].run_time, Some(Duration::from_secs(60)));
        assert_eq!(usage(&recorded, 0).as_deref(), expected);
    }
}

proptest! {
    #[test]
    fn workloads_on_disk_are_those_in_memory(
        tasks in prop::collection::vec(
            (prop::collection::vec(0..9_u8, 0..3), prop::collection::vec(0..9_u8, 0..3), 0..9_u8),
            1..9,
        ),
        fragments in prop::collection::vec((0..9_u8, 0..3_u8), 0..30),
        most_held in 1_usize..6,
    ) {
        // Names are there twice, or not at all.
        let list = |names: &[u8]| names.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        let tasks = tasks.iter().map(|(parents, children, name)| {
            let (parents, children) = (list(parents), list(children));
            format!("{name},{name}000,4000,1,1000,1024,{parents},{children}\n")
        });
        let tasks = format!("{HEADER},parents,children\n{}", tasks.collect::<String>());
        let fragments = fragments.iter().map(|(name, used)| format!("{name},2000,{used}00\n"));
        let fragments = format!("id,duration,cpu_usage\n{}", fragments.collect::<String>());
        let files = [("fragments.csv", &*fragments), ("tasks.csv", &tasks)];
        let input = Input::bytes("w.tar", archive(&files));
        let options = options_with(|own| (own.usage, own.rows) = (true, RowPolicy::REPORT));
        let all = |workload| {
            let mut source = read(&input, &options, workload).expect("good tables");
            let recorded = Recorded::collect(&mut *source).expect("good tables");
            let ledger = recorded.ledger.to_string();
            (recorded, ledger)
        };
        prop_assert_eq!(all(Workload::holding(most_held)), all(Workload::default()));
    }
}

//! Jobs with their nodes, limits and GPUs, and rows that are wrong.

use super::*;
use crate::tests::prelude::*;

const HEADER: &str = "JobID|User|Partition|State|Submit|Start|End|Timelimit|NNodes|AllocCPUS|\
                      ReqMem|AllocTRES|\n";

#[test]
fn states_and_partitions_are_kept_where_they_are_asked_for() {
    let row = |job: u32, state: &str| {
        let times = "2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T10:03:00";
        format!("{job}|ann|gpu|{state}|{times}||1|1|||\n")
    };
    let states = ["COMPLETED", "CANCELLED by 7", "TIMEOUT", "RUNNING"];
    let rows: String = (0..)
        .zip(states)
        .map(|(job, state)| row(job, state))
        .collect();
    let input = Input::bytes("s.txt", format!("{HEADER}{rows}").into_bytes());
    let options = options_with(|own| own.recorded = true);
    let mut source = open(&input, &options).expect("good rows");
    assert_eq!(source.header().fields.len(), 3);
    let recorded = Recorded::collect(&mut *source).expect("good rows");
    let stated = recorded.each(|one| {
        let labels = &recorded.classes[one.class as usize].labels;
        let fields = [&job_fields::PARTITION, &job_fields::OUTCOME];
        fields.map(|field| field.of(labels))
    });
    let expected = ["completed", "cancelled", "failed", ""].map(|own| ["gpu", own]);
    assert_eq!(stated, expected);
}

#[test]
fn fields_may_have_another_delimiter_and_quotes() {
    let lines = "JobID|Submit|Start|End|State|AllocTRES|NCPUS\n\
                 71|2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T10:03:00|COMPLETED|\"cpu=4,gres/gpu=2\"|4\n";
    let read = |text: &str| {
        let input = file_of(&ENTRY, "s.txt", text);
        collected(open(&input, &ReadOptions::default()))
    };
    let expected = read(lines);
    assert_eq!(expected.classes[0].gpu.devices, 2);
    for other in [
        lines.replace('|', ","),
        lines.replace('|', "\t"),
        lines.replace('|', ";"),
        lines.replace("JobID|", "\"JobID\"|"),
    ] {
        assert_eq!(read(&other), expected, "{other}");
    }
}

#[test]
fn generic_resources_of_older_versions_state_gpus() {
    let gpus = |column: &str, cells: &str| {
        let day = "2018-05-01T10:00:00";
        let text = format!(
            "JobID|Submit|Start|End|AllocCPUS|AllocTRES|{column}\n1|{day}|{day}|{day}|4|{cells}\n"
        );
        let recorded = collected_of(open, "s.txt", text);
        let kind =
            "GPUs in AllocGRES or ReqGRES other than those of AllocTRES or ReqTRES, which count";
        let class = &recorded.classes[0].gpu;
        (
            class.devices,
            class.models.first().map_or("", |own| &**own).to_owned(),
            recorded.ledger.count(kind),
        )
    };
    let of = |devices, model: &str, disputed| (devices, model.to_owned(), disputed);
    assert_eq!(gpus("AllocGRES", "|gpu:2"), of(2, "", 0));
    assert_eq!(gpus("AllocGRES", "cpu=4|gpu=2,nic:1"), of(2, "", 0));
    assert_eq!(gpus("ReqGRES", "|gpu:v100:2(S:0-1)"), of(2, "v100", 0));
    assert_eq!(gpus("AllocGRES", "|7696487:3"), of(3, "", 0));
    assert_eq!(gpus("AllocGRES", "gres/gpu=1|gpu:2"), of(1, "", 1));
    assert_eq!(gpus("AllocGRES", "|(null)"), of(0, "", 0));
}

#[test]
fn raw_columns_stand_for_those_that_are_printed() {
    let text = "JobIDRaw|Submit|Start|ElapsedRaw|State|TimelimitRaw|NCPUS\n\
                71|2024-03-01T10:00:00|2024-03-01T10:01:00|120|COMPLETED|1440|4\n\
                71.batch|2024-03-01T10:00:00|2024-03-01T10:01:00|120|COMPLETED||4\n\
                72|2024-03-01T10:00:00|2024-03-01T10:01:00|0|FAILED|Partition_Limit|4\n\
                73|2024-03-01T10:00:00|2024-03-01T10:01:00|x|FAILED|5|4\n\
                74|2024-03-01T10:00:00|2024-03-01T10:01:00|9|FAILED|1:00|4\n\
                |2024-03-01T10:00:00|2024-03-01T10:01:00|9|FAILED|1|4\n";
    let input = file_of(&ENTRY, "s.txt", text);
    let options = options_with(|own| own.rows = intake::RowPolicy::REPORT);
    let recorded = collected(open(&input, &options));
    let seen = recorded.each(|one| (one.name.to_string(), one.run_time, one.time_limit));
    let of = |name: &str, run, limit: Option<i64>| {
        let run = Some(Duration::from_secs(run));
        (name.to_owned(), run, limit.map(Duration::from_secs))
    };
    assert_eq!(seen, [of("71", 120, Some(86_400)), of("72", 0, None)]);
    let bad = recorded.ledger.bad_rows().iter().map(ToString::to_string);
    bad.collect::<Vec<_>>().are([
        "s.txt:5: column `ElapsedRaw`: must be a whole number, found `x`",
        "s.txt:6: column `TimelimitRaw`: must be a whole number, found `1:00`",
        "s.txt:7: column `JobID`: must be the number of a job (or that of `JobIDRaw`), found ``",
    ]);
}

#[test]
fn jobs_are_gangs_of_a_pod_a_node() {
    let rows = "7|ann|gpu|COMPLETED|2024-03-01T10:00:00|2024-03-01T10:01:00|\
                2024-03-01T10:03:00|1-02:00:00|2|16|8Gn|cpu=16,gres/gpu:a100=3,gres/gpu:t4=1|\n\
                7.batch||||2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T10:03:00|||8|||\n\
                8_1|bob|cpu|CANCELLED by 0|2024-03-01T09:59:00|Unknown|Unknown|UNLIMITED|1|1|4G||\n\
                9|bob|cpu|RUNNING|2024-03-01T09:59:50|2024-03-01T10:00:00|Unknown|30:00|1|3|1000Mc||\n\
                10|bob|cpu|TIMEOUT|2024-03-01T10:05:00|2024-03-01T10:06:00|2024-03-01T10:06:00||3|5|||\n";
    let input = file_of(&ENTRY, "s.txt", format!("{HEADER}{rows}"));
    let recorded = collected(open(&input, &ReadOptions::default()));
    let seen = recorded.each(|one| {
        let spec = &recorded.classes[one.class as usize];
        let list = spec.requests().expect("small");
        let memory = list.get("memory").units_ceil().map(|bytes| bytes >> 20);
        (one.name.to_string(), one.members, memory, spec.gpu.devices)
    });
    seen.are([
        ("9".to_owned(), 1, Ok(3_000), 0),
        ("7".to_owned(), 2, Ok(8_192), 2),
        ("10".to_owned(), 3, Ok(0), 0),
    ]);
    let first = &recorded.arrivals[0];
    assert_eq!((first.submit, first.run_time), (Instant::ZERO, None));
    assert_eq!(first.time_limit, Some(Duration::from_secs(1_800)));
    let second = &recorded.arrivals[1];
    assert_eq!(second.run_time, Some(Duration::from_secs(120)));
    assert_eq!(second.time_limit, Some(Duration::from_secs(93_600)));
    recorded.ledger.has_once([
        "step of a job",
        "job never ran",
        "still running; run time not known",
        "GPUs or processors don't divide by the nodes; rounded up",
    ]);
}

#[test]
fn nodes_have_other_columns_too() {
    let row = |nodes: &str| {
        format!(
            "1|2024-03-01T10:00:00|2024-03-01T10:00:05|2024-03-01T11:00:05|48|{nodes}|100Gn|RUNNING\n"
        )
    };
    for (columns, nodes, expected) in [
        ("AllocNodes", "2", 2),
        ("ReqNodes", "3", 3),
        ("ReqNodes|AllocNodes", "3|2", 2),
        ("ReqNodes|AllocNodes", "3|0", 3),
        ("AllocNodes|ReqNodes|NNodes", "2|3|4", 4),
        // Those that stand for it are not looked at where it is there.
        ("AllocNodes|ReqNodes|NNodes", "2|1-3|4", 4),
        ("AllocNodes|ReqNodes|NNodes", "|3|0", 3),
    ] {
        let header = format!("JobID|Submit|Start|End|AllocCPUS|{columns}|ReqMem|State\n");
        let recorded = collected_of(open, "s.txt", format!("{header}{}", row(nodes)));
        assert_eq!(recorded.arrivals[0].members, expected, "{columns}: {nodes}");
        assert_eq!(recorded.ledger.total(), 0, "{}", recorded.ledger);
        let memory = recorded.classes[0].requests().expect("small");
        assert_eq!(memory.get("memory").units_ceil(), Ok(100 << 30));
    }
}

#[test]
fn models_of_gpus_are_demanded() {
    let row = |job: u32, requested: &str, allocated: &str| {
        let at = "2024-03-01T10:00:00|2024-03-01T10:00:00|2024-03-01T10:03:00";
        format!("{job}|{at}|8|{allocated}|{requested}\n")
    };
    let rows = [
        row(
            1,
            "cpu=8,gres/gpu:a100=4,gres/gpu=4",
            "gres/gpu=4,gres/gpu:a100=4",
        ),
        row(2, "cpu=8,gres/gpu=4", "gres/gpu=4,gres/gpu:a100=4"),
        row(3, "", "cpu=8,gres/gpu:a100=4"),
        row(4, "", "gres/gpu:a100=3,gres/gpu:t4=1"),
        row(5, "", "cpu=8"),
    ];
    let header = "JobID|Submit|Start|End|AllocCPUS|AllocTRES|ReqTRES\n";
    let recorded = collected_of(open, "s.txt", format!("{header}{}", rows.concat()));
    let seen = recorded.each(|one| {
        let gpu = &recorded.classes[one.class as usize].gpu;
        let models: Vec<&str> = gpu.models.iter().map(|model| &**model).collect();
        (gpu.devices, models.join("|"))
    });
    let expected = [(4, "a100"), (4, ""), (4, "a100"), (4, ""), (0, "")];
    assert_eq!(
        seen,
        expected.map(|(count, model)| (count, model.to_owned()))
    );
    recorded.ledger.has_once([
        "GPU model of the allocation, demanded: what was requested is not stated",
        "GPUs of several models; any model will do",
    ]);
}

#[test]
fn dirty_rows_are_named() {
    let row = |job: &str, state: &str, submit: &str, end: &str, limit: &str, memory: &str| {
        let start = "2024-03-01T10:01:00";
        format!("{job}|a|p|{state}|{submit}|{start}|{end}|{limit}|1|1|{memory}||\n")
    };
    let (at, end) = ("2024-03-01T10:00:00", "2024-03-01T10:03:00");
    let rows = [
        row("2", "FAILED", "2024-03-01T10:00:00+02:00", end, "", ""),
        row("3", "FAILED", at, "2024-03-01T09:00:59", "", ""),
        row("4", "FAILED", at, end, "1h", ""),
        row("5", "FAILED", at, end, "", "4Q"),
        row("", "FAILED", at, end, "", ""),
    ];
    let found = faults(&ENTRY, "s.txt", format!("{HEADER}{}", rows.concat()));
    let columns: Vec<&str> = { found.bad_rows.iter() }
        .filter_map(|bad| match bad {
            TraceError::BadRow { column, .. } => Some(column.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(columns, ["Submit", "End", "Timelimit", "ReqMem", "JobID"]);
    assert_eq!(
        found.bad_rows[0].to_string(),
        "s.txt:2: column `Submit`: must be a date without a zone of its own, as the others are, \
         found `2024-03-01T10:00:00+02:00`"
    );
}

fn read_text(text: &str) -> Recorded {
    let input = file_of(&ENTRY, "s", text);
    collected(open(&input, &ReadOptions::default()))
}

/// Name, pods, 1/1000 cores, MiB, GPUs, seconds of submission and run time.
type Seen = (String, u32, i64, i64, u8, i64, Option<i64>);

fn seen(recorded: &Recorded) -> Vec<Seen> {
    let seconds = |span: Duration| span.as_nanos() / 1_000_000_000;
    let arrivals = recorded.arrivals.iter().map(|one| {
        let spec = &recorded.classes[one.class as usize];
        let list = spec.requests().expect("small");
        (
            one.name.to_string(),
            one.members,
            list.get("cpu").milli_ceil().expect("small"),
            list.get("memory").units_ceil().expect("small") >> 20,
            spec.gpu.devices,
            seconds(one.submit.since(Instant::ZERO)),
            one.run_time.map(seconds),
        )
    });
    arrivals.collect()
}

#[test]
fn lists_of_resources_stand_in_for_columns() {
    let at = "1709287200|1709287260|1709290860";
    let text = format!(
        "JobID|Submit|Start|End|ReqTRES|AllocTRES\n\
         1|{at}|billing=8,cpu=8,mem=64G,node=2,gres/gpu=2,license/matlab=1|billing=8,cpu=8,mem=65G,node=2,\
         gres/gpu=2,gres/gpumem=40G,gres/gpuutil=0\n\
         2|{at}||cpu=2,mem=1.50T,node=1,energy=77\n\
         JobID|Submit|Start|End|ReqTRES|AllocTRES\n\
         3+0|{at}|cpu=1|cpu=1,mem=500M\n"
    );
    let recorded = read_text(&text);
    let run = Some(3_600);
    seen(&recorded).are([
        ("1".to_owned(), 2, 4_000, 32_768, 1, 0, run),
        ("2".to_owned(), 1, 2_000, 1_572_864, 0, 0, run),
        ("3+0".to_owned(), 1, 1_000, 500, 0, 0, run),
    ]);
    recorded.ledger.has_counts([
        (
            "licenses, burst buffers or generic resources other than GPUs, not requested",
            1,
        ),
        ("header again", 1),
    ]);
    for (list, expected) in [
        ("cpu=x", "must be a list with a number of processors after"),
        ("mem=4Q", "must be a list with an amount such as 16G"),
        ("cpu", "must be a list with a number of processors"),
        ("gres/gpu:a100=", "must be a list with a number of GPUs"),
    ] {
        let text = format!("JobID|Submit|Start|End|AllocTRES\n1|{at}|{list}\n");
        let found = faults(&ENTRY, "s", text);
        let bad = found.bad_rows[0].to_string();
        let start = format!("s:2: column `AllocTRES`: {expected}");
        assert!(bad.starts_with(&start), "{bad}");
    }
}

#[test]
fn attempts_of_a_job_are_one_and_records_of_overlapping_dumps_count_once() {
    let row = |job: &str, state: &str, submit: u32, start: u32, end: &str| {
        format!("{job}|{state}|1709280{submit}|1709280{start}|{end}|1\n")
    };
    let header = "JobID|State|Submit|Start|End|AllocCPUS\n";
    let january = [
        row("1", "REQUEUED", 100, 110, "1709280200"),
        row("1", "COMPLETED", 201, 220, "1709280300"),
        row("2_1", "COMPLETED", 300, 310, "1709280400"),
        row("2_2", "COMPLETED", 300, 310, "1709280400"),
        row("3", "RUNNING", 310, 320, "Unknown"),
        row("4", "RUNNING", 315, 320, "Unknown"),
    ];
    let february = [
        row("2_2", "COMPLETED", 300, 310, "1709280400"),
        row("3", "COMPLETED", 310, 320, "1709280500"),
        row("5", "COMPLETED", 600, 620, "1709280700"),
        row("2_1", "COMPLETED", 900, 910, "1709280990"),
    ];
    let text = [header, &january.concat(), header, &february.concat()].concat();
    let recorded = read_text(&text);
    let jobs: Vec<_> = { seen(&recorded).into_iter() }
        .map(|(name, .., submit, run)| (name, submit, run))
        .collect();
    jobs.are([
        ("1".to_owned(), 0, Some(80)),
        ("2_1".to_owned(), 200, Some(90)),
        ("2_2".to_owned(), 200, Some(90)),
        ("3".to_owned(), 210, Some(180)),
        ("4".to_owned(), 215, None),
        ("5".to_owned(), 500, Some(80)),
        ("2_1".to_owned(), 800, Some(80)),
    ]);
    recorded.ledger.has_once([
        "attempts of one job; it arrives and waits from its first submission on, and runs as its last attempt",
        "record of a job that stands above already",
        "job that still ran in a record above; this one stands",
        "still running; run time not known",
        "name that a record above has; both are kept",
    ]);
}

#[test]
fn a_job_arrives_when_it_is_eligible_and_attempts_when_the_first_was() {
    let row = |job: &str, times: [u32; 4]| {
        let [submit, eligible, start, end] = times.map(|own| 1_709_280_000 + own);
        format!("{job}|{submit}|{eligible}|{start}|{end}|1\n")
    };
    let rows = [
        row("1", [0, 0, 10, 20]),
        row("2", [5, 100, 110, 150]),
        row("2", [151, 271, 280, 300]),
        row("3", [7, 90, 80, 95]),
        row("4", [120, 120, 120, 130]).replace("4|1709280120|1709280120", "4|1709280120|Unknown"),
    ];
    let recorded = read_text(&format!(
        "JobID|Submit|Eligible|Start|End|AllocCPUS\n{}",
        rows.concat()
    ));
    let jobs = seen(&recorded).into_iter();
    let jobs: Vec<_> = jobs
        .map(|(name, .., submit, run)| (name, submit, run))
        .collect();
    jobs.are([
        ("1".to_owned(), 0, Some(10)),
        ("3".to_owned(), 7, Some(15)),
        ("2".to_owned(), 100, Some(20)),
        ("4".to_owned(), 120, Some(10)),
    ]);
    let later =
        "eligible later than submitted (dependency, hold or begin time); arrives when it is";
    recorded.ledger.has_counts([
        (later, 2),
        ("eligible after its start; arrives at its submission", 1),
    ]);
}

#[test]
fn components_of_a_job_start_together() {
    let at = "2024-03-01T10:00:00|2024-03-01T10:10:00|2024-03-01T11:10:00";
    let rows = format!("9|{at}|1|1\n7+0|{at}|512|8\n8|{at}|4|1\n7+1|{at}|1|1\n6+0|{at}|2|1\n");
    let recorded = read_text(&format!("JobID|Submit|Start|End|AllocCPUS|NNodes\n{rows}"));
    let gangs = recorded.each(|one| {
        (
            one.name.to_string(),
            one.members,
            one.gang().map(ToString::to_string),
        )
    });
    let seven = || Some("7".to_owned());
    gangs.are([
        ("9".to_owned(), 1, None),
        ("7+0".to_owned(), 8, seven()),
        ("7+1".to_owned(), 1, seven()),
        ("8".to_owned(), 1, None),
        ("6+0".to_owned(), 1, None),
    ]);
}

#[test]
fn two_jobs_of_one_number_that_still_run_are_both_kept() {
    let text = "JobID|State|Submit|Start|End|AllocCPUS\n\
                5|RUNNING|1709280100|1709280110|Unknown|1\n\
                6|COMPLETED|1709280200|1709280210|1709280300|1\n\
                5|RUNNING|1709280400|1709280410|Unknown|2\n";
    let recorded = read_text(text);
    let jobs: Vec<_> = { seen(&recorded).into_iter() }
        .map(|(name, .., submit, run)| (name, submit, run))
        .collect();
    let expected = [("5", 0, None), ("6", 100, Some(90)), ("5", 300, None)];
    assert_eq!(
        jobs,
        expected.map(|(name, submit, run)| (name.to_owned(), submit, run))
    );
    recorded
        .ledger
        .has_counts([("still running; run time not known", 2)]);
}

#[test]
fn times_may_have_a_zone_and_a_length_stands_in_for_an_end() {
    let text = "\u{feff}JobID|State|Submit|Start|Elapsed|NCPUS\r\n\
                1|COMPLETED|2024-03-01T10:00:00+0100|2024-03-01T10:00:00+0100|1-00:00:01|1\r\n\
                2|RUNNING|2024-03-01T09:00:10+0000|2024-03-01T09:00:10+0000|00:30:00|1\r\n\
                3|COMPLETED|2024-03-01T09:00:10|2024-03-01T09:00:10|00:30:00|1\r\n\
                4|COMPLETED|2024-03-01T09:00:10Z|2024-03-01T09:00:10Z|1 hour|1\r\n";
    faults(&ENTRY, "s", text).has_bad_rows([
            "s:4: column `Submit`: must be a date with a zone, such as `2024-03-01T10:00:00+0100`, as the \
             others are, found `2024-03-01T09:00:10`",
            "s:5: column `Elapsed`: must be [days-]hours:minutes:seconds, found `1 hour`",
        ]);
    let good: Vec<&str> = text.lines().take(3).collect();
    let recorded = read_text(&format!("{}\n", good.join("\n")));
    let runs: Vec<_> = { seen(&recorded).into_iter() }
        .map(|(.., submit, run)| (submit, run))
        .collect();
    assert_eq!(runs, [(0, Some(86_401)), (10, None)]);
}

#[test]
fn dates_across_a_change_of_summer_time_are_told_once() {
    let header = "JobID|State|Submit|Start|End|Elapsed|NCPUS\n1|COMPLETED|2024-03-01T10:00:00|";
    for (dates, run, expected) in [
        (
            "2024-10-27T02:50:00|2024-10-27T02:10:00|00:20:00",
            1_200,
            "end up to an hour before the start, as at the end of summer time; `Elapsed` holds",
        ),
        (
            "2024-10-27T02:50:00|2024-10-27T02:10:00|",
            0,
            "end up to an hour before the start, as at the end of summer time; counted as 0 s",
        ),
        (
            "2024-03-31T01:50:00|2024-03-31T03:10:00|00:20:00",
            1_200,
            "run time an hour off its dates, as where summer time begins or ends; `Elapsed` holds",
        ),
    ] {
        let recorded = read_text(&format!("{header}{dates}|4\n"));
        let found = recorded.each(|one| one.run_time);
        assert_eq!(found, [Some(Duration::from_secs(run))], "{dates}");
        let told: Vec<&str> = recorded
            .ledger
            .entries()
            .iter()
            .map(|own| &*own.kind)
            .collect();
        assert_eq!(told, [expected]);
    }
}

#[test]
fn time_of_a_suspension_is_no_run_time() {
    let text = "JobID|State|Submit|Start|End|Elapsed|Suspended|Timelimit|NCPUS\n\
                1|COMPLETED|2024-03-01T10:00:00|2024-03-01T10:00:00|2024-03-01T12:00:00|00:30:00|01:30:00|01:00:00|4\n\
                2|COMPLETED|2024-03-01T10:00:00|2024-03-01T10:00:00|2024-03-01T12:00:00||01:30:00|01:00:00|4\n\
                3|COMPLETED|2024-03-01T10:00:00|2024-03-01T10:00:00|2024-03-01T12:00:00|00:30:00||01:00:00|4\n\
                4|TIMEOUT|2024-03-01T10:00:00|2024-03-01T10:00:00|2024-03-01T12:00:00|02:00:00||01:00:00|4\n";
    let json = r#"{"jobs": [{"job_id": 1, "allocation_nodes": 1, "required": {"CPUs": 4}, "time": {"elapsed": 1800,
"end": 1709294400, "start": 1709287200, "submission": 1709287200, "suspended": 5400, "limit": 60}}]}"#;
    for (text, runs, expected) in [
        (
            text,
            &[1_800, 1_800, 1_800, 7_200][..],
            &[
                (
                    "suspended for a while; runs without a break for the rest of the time",
                    2,
                ),
                (
                    "run time that differs from End less Start and Suspended; it holds",
                    1,
                ),
                ("ran beyond its limit", 1),
            ][..],
        ),
        (
            json,
            &[1_800],
            &[(
                "suspended for a while; runs without a break for the rest of the time",
                1,
            )],
        ),
    ] {
        let recorded = read_text(text);
        let found = recorded.each(|one| one.run_time);
        let runs = runs.iter().map(|&run| Some(Duration::from_secs(run)));
        assert_eq!(found, runs.collect::<Vec<_>>());
        for &(kind, count) in expected {
            assert_eq!(recorded.ledger.count(kind), count, "{kind}");
        }
    }
}

#[test]
fn json_says_the_same_as_a_table() {
    let text = r#"{"meta": {"plugin": {"type": "openapi/slurmdbd"}}, "jobs": [
{"account": "x", "allocation_nodes": 2, "array": {"job_id": 0, "task_id": {"set": false, "infinite": false, "number": 0}},
 "association": {"user": "ann"}, "het": {"job_id": 0, "job_offset": {"set": false, "number": 0}}, "job_id": 7,
 "partition": "gpu", "required": {"CPUs": 16, "memory_per_cpu": {"set": false, "infinite": false, "number": 0},
 "memory_per_node": {"set": true, "infinite": false, "number": 8192}}, "state": {"current": ["COMPLETED"], "reason": "None"},
 "steps": [{"step": {"id": "7.batch"}}], "time": {"elapsed": 120, "start": 1709287260, "end": 1709287380,
 "submission": 1709287200, "limit": {"set": true, "infinite": false, "number": 60}},
 "tres": {"allocated": [{"type": "cpu", "name": "", "id": 1, "count": 16}, {"type": "mem", "name": "", "count": 16384},
 {"type": "gres", "name": "gpu", "count": 4}, {"type": "gres", "name": "gpu:a100", "count": 4},
 {"type": "energy", "name": "", "count": -2}], "requested": [{"type": "cpu", "count": 16},
 {"type": "gres", "name": "gpu:a100", "count": 4}]}, "user": "ann"},
{"allocation_nodes": 0, "array": {"job_id": 8, "task_id": 3}, "job_id": 11, "required": {"CPUs": 1},
 "state": {"current": "RUNNING"}, "time": {"start": 1709287300, "end": 0, "submission": 1709287300, "limit": null},
 "tres": {"allocated": [{"type": "cpu", "count": 1}, {"type": "mem", "count": 512}]}, "user": "bob"},
{"allocation_nodes": 0, "job_id": 12, "required": {"CPUs": 1}, "state": {"current": ["PENDING"]},
 "time": {"start": 0, "end": 0, "submission": 1709287300}, "tres": {}, "user": "bob"},
{"allocation_nodes": 0, "job_id": 13, "required": {"CPUs": 1}, "time": {"start": 5, "submission": "noon"}}],
"errors": []}"#;
    faults(&ENTRY, "s", text).has_bad_rows([
        "s:17: column `time.submission`: must be a number from 0 to 3200000000, found `\"noon\"`",
    ]);
    let recorded = read_text(&text.replace("\"noon\"", "1709287400"));
    let jobs = seen(&recorded);
    assert_eq!(jobs.len(), 3);
    assert_eq!(jobs[0], ("7".to_owned(), 2, 8_000, 8_192, 2, 0, Some(120)));
    assert_eq!(jobs[1], ("8_3".to_owned(), 1, 1_000, 512, 0, 100, None));
    assert_eq!(
        recorded.arrivals[0].time_limit,
        Some(Duration::from_secs(3_600))
    );
    assert_eq!(recorded.ledger.count("job never ran"), 1);
    assert_eq!(recorded.ledger.count("step of a job"), 1);
    assert_eq!(recorded.ledger.count("start before the submission"), 1);
    let stopped = faults(&ENTRY, "s", &text.as_bytes()[..900]).stopped;
    let stopped = stopped.map(|error| error.to_string()).unwrap_or_default();
    assert!(stopped.contains("the file is truncated"), "{stopped}");
}

#[test]
fn names_of_nodes_are_counted() {
    for (list, nodes) in [
        ("n1", Some(1)),
        ("n1,m2", Some(2)),
        ("n[01-03,7],m1", Some(5)),
        ("n[9-12]", Some(4)),
        ("None assigned", None),
        ("n[a-b]", None),
    ] {
        assert_eq!(hosts(list), nodes, "{list}");
    }
}

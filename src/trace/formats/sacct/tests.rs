//! Jobs with their nodes, limits and GPUs, and rows that are wrong.

use super::*;
use crate::inspect::validate;
use crate::memory::Recorded;

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
    let options = ReadOptions {
        recorded: true,
        ..ReadOptions::default()
    };
    let mut source = open(&input, &options).expect("good rows");
    assert_eq!(source.header().fields.len(), 2);
    let recorded = Recorded::collect(&mut *source).expect("good rows");
    let stated = recorded.arrivals.iter().map(|one| {
        let labels = &recorded.classes[one.class as usize].labels;
        let fields = [&job_fields::PARTITION, &job_fields::OUTCOME];
        fields.map(|field| field.of(labels))
    });
    let expected = ["completed", "cancelled", "failed", ""].map(|own| ["gpu", own]);
    assert_eq!(stated.collect::<Vec<_>>(), expected);
}

#[test]
fn jobs_are_gangs_of_a_pod_a_node() {
    let rows = "7|ann|gpu|COMPLETED|2024-03-01T10:00:00|2024-03-01T10:01:00|\
                2024-03-01T10:03:00|1-02:00:00|2|16|8Gn|cpu=16,gres/gpu:a100=3,gres/gpu:t4=1|\n\
                7.batch||||2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T10:03:00|||8|||\n\
                8_1|bob|cpu|CANCELLED by 0|2024-03-01T09:59:00|Unknown|Unknown|UNLIMITED|1|1|4G||\n\
                9|bob|cpu|RUNNING|2024-03-01T09:59:50|2024-03-01T10:00:00|Unknown|30:00|1|3|1000Mc||\n\
                10|bob|cpu|TIMEOUT|2024-03-01T10:05:00|2024-03-01T10:06:00|2024-03-01T10:06:00||3|5|||\n";
    let input = Input::bytes("s.txt", format!("{HEADER}{rows}").into_bytes());
    let entry = crate::registry::recognize(&input).expect("known");
    assert_eq!(entry.name, ENTRY.name);
    let mut source = open(&input, &ReadOptions::default()).expect("good rows");
    let recorded = Recorded::collect(&mut *source).expect("good rows");
    let seen: Vec<_> = { recorded.arrivals.iter() }
        .map(|one| {
            let spec = &recorded.classes[one.class as usize];
            let list = spec.requests().expect("small");
            let memory = list.get("memory").units_ceil().map(|bytes| bytes >> 20);
            (one.name.to_string(), one.members, memory, spec.gpu.devices)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("9".to_owned(), 1, Ok(3_000), 0),
            ("7".to_owned(), 2, Ok(8_192), 2),
            ("10".to_owned(), 3, Ok(0), 0),
        ]
    );
    let first = &recorded.arrivals[0];
    assert_eq!((first.submit, first.run_time), (Instant::ZERO, None));
    assert_eq!(first.time_limit, Some(Duration::from_secs(1_800)));
    let second = &recorded.arrivals[1];
    assert_eq!(second.run_time, Some(Duration::from_secs(120)));
    assert_eq!(second.time_limit, Some(Duration::from_secs(93_600)));
    for kind in [
        "step of a job",
        "job never ran",
        "still running; run time not known",
        "GPUs or processors don't divide by the nodes; rounded up",
    ] {
        assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
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
    let input = Input::bytes("s.txt", format!("{header}{}", rows.concat()).into_bytes());
    let mut source = open(&input, &ReadOptions::default()).expect("good rows");
    let recorded = Recorded::collect(&mut *source).expect("good rows");
    let seen: Vec<_> = { recorded.arrivals.iter() }
        .map(|one| {
            let gpu = &recorded.classes[one.class as usize].gpu;
            let models: Vec<&str> = gpu.models.iter().map(|model| &**model).collect();
            (gpu.devices, models.join("|"))
        })
        .collect();
    let expected = [(4, "a100"), (4, ""), (4, "a100"), (4, ""), (0, "")];
    assert_eq!(
        seen,
        expected.map(|(count, model)| (count, model.to_owned()))
    );
    for kind in [
        "GPU model of the allocation, demanded: what was requested is not stated",
        "GPUs of several models; any model will do",
    ] {
        assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
    }
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
    let input = Input::bytes("s.txt", format!("{HEADER}{}", rows.concat()).into_bytes());
    let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
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

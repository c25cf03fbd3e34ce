//! Rows that are read, and rows that are refused.

use super::*;
use crate::tests::prelude::*;
use intake::parquet::{Kind, ParquetFile};

fn check(text: &str) -> Result<Recorded, TraceError> {
    let input = Input::bytes("jobs.csv", text.as_bytes().to_vec());
    Recorded::collect(&mut *open(&input, &ReadOptions::default())?)
}

#[test]
fn usage_is_read_if_it_is_asked_for() {
    let read = |text: &str, usage| {
        let input = Input::bytes("jobs.csv", text.as_bytes().to_vec());
        let options = options_with(|own| own.usage = usage);
        Recorded::collect(&mut *open(&input, &options)?)
    };
    let table = "submit,cpu,cpu_usage,memory_usage\n0,1,60%,\n1,1,,\"ramp(1Gi, 1Gi, 1h)\"\n2,1,,\n";
    let recorded = read(table, true).expect("good rows");
    let stated = |row: usize| {
        let class = recorded.arrivals[row].class as usize;
        let behaviour = recorded.classes[class].behaviour.clone()?;
        Some((behaviour.cpu_usage.clone(), behaviour.memory_usage.clone()))
    };
    assert_eq!(stated(0), Some((Some("60%".into()), None)));
    assert_eq!(stated(1), Some((None, Some("ramp(1Gi, 1Gi, 1h)".into()))));
    assert_eq!(stated(2), None);
    let plain = read(table, false).expect("good rows");
    assert_eq!(plain.classes.len(), 1);
    assert!(read("submit,cpu\n0,1\n", true).is_err());
    let error = read("submit,cpu_usage\n0,fast\n", true).expect_err("no amount");
    assert!(error.to_string().contains("cpu_usage"), "{error}");
}

#[test]
fn every_column_is_read() {
    let recorded = check(
        "tenant,note,members,submit,run_time,cpu,memory,gpus,gpu_milli,gpu_models,time_limit,\
         priority,name,namespace,ephemeral_storage,job_type\n\
         lab,x,4,1m,90.5,500m,4Gi,1,250,T4|A10,2h,7,train,prod,1Gi,image\n\
         ,,,30,,,,,,,,,,,,\n",
    )
    .expect("good rows");
    let (small, train) = (&recorded.arrivals[0], &recorded.arrivals[1]);
    assert_eq!(
        (small.name.to_string().as_str(), small.members),
        ("job-2", 1)
    );
    assert_eq!(
        (small.run_time, small.submit),
        (None, Instant::from_secs(30))
    );
    assert_eq!(train.name.to_string(), "train");
    assert_eq!(train.run_time, Some(Duration::from_millis(90_500)));
    assert_eq!(train.time_limit, Some(Duration::from_secs(7_200)));
    assert_eq!(recorded.tenants, ["default".into(), "lab".into()]);
    let spec = &recorded.classes[train.class as usize];
    assert_eq!((spec.priority, &*spec.namespace), (7, "prod"));
    let requests = spec.requests().expect("small");
    assert_eq!(requests.get("cpu").milli_ceil(), Ok(500));
    assert_eq!(requests.get("memory").units_ceil(), Ok(4 << 30));
    assert_eq!(requests.get("ephemeral-storage").units_ceil(), Ok(1 << 30));
    assert_eq!((spec.gpu.devices, spec.gpu.milli_per_device), (1, 250));
    assert_eq!(spec.gpu.models, ["A10".into(), "T4".into()]);
    let job_type = spec.labels.get(model::JOB_TYPE_LABEL);
    assert_eq!(job_type.map(|own| &**own), Some("image"));
    assert_eq!(recorded.ledger.count("column `note`, not used"), 1);
    recorded
        .ledger
        .has_once(["submitted before a row above; moved"]);
}

#[test]
fn a_submission_since_1970_is_refused_with_the_mapping() {
    for table in ["submit\n1700000000\n", "submit_ns\n1700000000000000000\n"] {
        let error = check(table).expect_err("an epoch").to_string();
        assert!(error.contains("submit=submit as unix-seconds"), "{error}");
    }
    // A table of many years that begins at its zero has none.
    assert!(check("submit\n0\n1700000000\n").is_ok());
}

#[test]
fn outcomes_are_known_words_or_told() {
    let table = "submit,outcome\n0,COMPLETED\n1,weird\n2,Timeout\n3,\n4,weird\n";
    let input = Input::bytes("jobs.csv", table.as_bytes().to_vec());
    let options = options_with(|own| own.outcomes = true);
    let source = open(&input, &options).map(|mut own| Recorded::collect(&mut *own));
    let recorded = source.expect("a table").expect("good rows");
    let kind = "outcome that is no word for completed, failed or cancelled; kept as it stands";
    assert_eq!(recorded.ledger.count(kind), 2);
    let outcome = |row: usize| {
        let class = &recorded.classes[recorded.arrivals[row].class as usize];
        class
            .labels
            .get("windtunnel/outcome")
            .map(ToString::to_string)
    };
    let words = ["completed", "weird", "failed"].map(|own| Some(own.to_owned()));
    assert_eq!([outcome(0), outcome(1), outcome(2)], words);
}

#[test]
fn time_limits_below_run_times_are_counted() {
    let table = "submit,run_time,time_limit\n0,60,60\n1,61,1m\n2,61,\n3,,10\n";
    let recorded = check(table).expect("good rows");
    let kind = "time limit below the run time; plans reckon with the limit";
    assert_eq!(recorded.ledger.count(kind), 1);
    assert_eq!(recorded.arrivals[1].run_time, Some(Duration::from_secs(61)));
}

#[test]
fn wrong_cells_say_what_was_expected() {
    for (header, cell, message) in [
        (
            "cpu",
            "1..5",
            "must be a quantity such as `500m`, `2` or `4Gi`, found `1..5`",
        ),
        ("cpu", "-1", "must be at least 0, found `-1`"),
        ("run_time", "-5", "must be at least 0, found `-5`"),
        (
            "run_time",
            "5 apples",
            "must be seconds, or a time with unit such as `90s` or `2h30m`, found `5 apples`",
        ),
        ("members", "0", "must be at least 1, found `0`"),
        ("gpus", "65", "must be at most 64, found `65`"),
        ("gpus", "1.5", "must be a whole number, found `1.5`"),
        ("priority", "high", "must be a whole number, found `high`"),
    ] {
        let error = check(&format!("submit,{header}\n0,{cell}\n")).expect_err(cell);
        assert_eq!(
            error.to_string(),
            format!("jobs.csv:2: column `{header}`: {message}")
        );
    }
    let error = check("submit,cpu\n,1\n").expect_err("no time").to_string();
    assert!(
        error.contains("`submit`: must be a time such as"),
        "{error}"
    );
}

#[test]
fn a_fork_goes_on_where_its_origin_stands() {
    let input = Input::bytes("jobs.csv", b"submit\n1\n2\n3\n".to_vec());
    let mut source = open(&input, &ReadOptions::default()).expect("a table");
    source.next().expect("no error");
    let mut fork = source.fork().expect("memory");
    for _ in 0..3 {
        assert_eq!(fork.next(), source.next());
    }
}

#[test]
fn columns_of_whole_units_say_the_same() {
    let text = "submit,run_time,cpu,memory,ephemeral_storage,time_limit,start\n\
                1.5,90,500m,4Gi,1k,2h,3\n2,,,,,,\n";
    let whole = "submit_ns,run_time_ns,cpu_milli,memory_bytes,ephemeral_storage_bytes,time_limit_ns,\
                 start_ns\n\
                 1500000000,90000000000,500,4294967296,1000,7200000000000,3000000000\n\
                 2000000000,,,,,,\n";
    assert_eq!(check(whole), check(text));
    let exponents = "submit,run_time,cpu,memory,members\n1e+05,1.5e+02,1e+1,1e+09,2e0\n";
    let plain = "submit,run_time,cpu,memory,members\n100000,150,10,1000000000,2\n";
    assert_eq!(check(exponents), check(plain));
    for (table, expected) in [
        (
            "submit_ns\n-1\n",
            "jobs.csv:2: column `submit_ns`: must be at least 0, found `-1`",
        ),
        (
            "submit,cpu_milli\n0,1.5\n",
            "jobs.csv:2: column `cpu_milli`: must be a whole number, found `1.5`",
        ),
        (
            "submit,submit_ns\n0,0\n",
            "jobs.csv: the header has both `submit` and `submit_ns`; keep one of them",
        ),
        (
            "cpu\n1\n",
            "jobs.csv: the header has no column `submit`; it has: cpu",
        ),
    ] {
        let error = check(table).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn only_the_columns_of_the_table_are_read_of_a_parquet_file() {
    let columns = [
        ("note", Kind::Text),
        ("submit_ns", Kind::Integer),
        ("cpu", Kind::Text),
    ];
    let mut bytes = Vec::new();
    let mut file = ParquetFile::begin(columns, &mut bytes).expect("memory");
    for (submit, cpu) in [(7, "500m"), (9, "")] {
        file.text(0, "a remark");
        file.integer(1, Some(submit));
        file.text(2, cpu);
        file.end_row().expect("memory");
    }
    file.finish().expect("memory");
    let read = |bytes: &[u8]| {
        let input = Input::bytes("jobs.parquet", bytes);
        let entry = crate::registry::recognize(&input)?;
        assert_eq!(entry.name, "csv");
        Recorded::collect(&mut *open(&input, &ReadOptions::default())?)
    };
    let whole = read(&bytes).expect("good rows");
    let submits: Vec<i64> = { whole.arrivals.iter() }
        .map(|one| one.submit.as_nanos())
        .collect();
    assert_eq!((submits, whole.classes.len()), (vec![7, 9], 2));
    assert_eq!(whole.ledger.count("column `note`, not used"), 1);
    // The first page is that of the remarks: damage to it shows to no reader that leaves them out.
    bytes[4..8].fill(0xff);
    assert_eq!(read(&bytes), Ok(whole));
}

/// Test of the table in `docs/manual/csv.md`: one row documents each column of the format.
#[test]
fn the_manual_documents_every_column() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/csv.md");
    let page = Input::path(std::path::Path::new(page));
    let page = page.read_to_string().expect("the page");
    for column in ENTRY.columns {
        let needed = if column.required { "yes" } else { "no" };
        let meaning = column.meaning.replace('|', "\\|");
        let row = format!("| `{}` | {needed} | {meaning} |\n", column.name);
        assert!(page.contains(&row), "docs/manual/csv.md lacks {row}");
    }
    let (table, _) = page.split_once("<!-- end -->").expect("the table's end");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), ENTRY.columns.len());
}

#[test]
fn a_last_line_without_an_end_is_told() {
    let ledger = |text: &str| {
        let input = Input::bytes("jobs.csv", text.as_bytes());
        let mut source = CsvSource::open(&input, &ReadOptions::default()).expect("a table");
        while source.next().expect("good rows").is_some() {}
        let entries = source.ledger().entries().iter();
        let told = entries.map(|own| (own.kind.to_string(), own.line));
        told.collect::<Vec<_>>()
    };
    assert_eq!(ledger("submit,cpu\n1,12\n"), []);
    let kind = "last line without an end of line; it is cut off if the file is";
    assert_eq!(ledger("submit,cpu\n1,1"), [(kind.to_owned(), 2)]);
}

#[test]
fn what_is_too_large_is_told_so() {
    for (column, value, rule) in [
        ("cpu", "1e300", "at most 9007199254740992m, found `1e300`"),
        ("cpu", "1e13", "at most 9007199254740992m, found `1e13`"),
        ("cpu_milli", "9007199254740993", "at most 9007199254740992"),
        ("memory", "1e300", "at most 8Pi, found `1e300`"),
        ("memory", "1Ei", "at most 8Pi, found `1Ei`"),
        ("cpu", "1..5", "a quantity such as `500m`, `2` or `4Gi`"),
        ("run_time", "1e300", "at most 9223372036 s"),
        ("run_time", "soon", "seconds, or a time with unit"),
    ] {
        let text = format!("submit,{column}\n0,{value}\n");
        let found = faults(&ENTRY, "t.csv", text);
        let bad = found.bad_rows[0].to_string();
        let expected = format!("t.csv:2: column `{column}`: must be {rule}");
        assert!(bad.starts_with(&expected), "{bad}");
    }
}

#[test]
fn rows_of_a_gang_come_together_and_are_submitted_with_the_first() {
    let table = "submit,name,gang,after\n0,a,,\n1,b,g,a\n2,c,,\n2,d,h,\n5,e,g,\n5,f,,\n";
    let recorded = check(table).expect("good rows");
    let seen = recorded.each(|own| {
        let gang = own.gang().map(ToString::to_string).unwrap_or_default();
        let seconds = own.submit.as_nanos() / 1_000_000_000;
        format!("{seconds} {} {gang} {}", own.name, own.after().len())
    });
    let expected = [
        "0 a  0", "1 b g 1", "1 e g 0", "2 c  0", "2 d h 0", "5 f  0",
    ];
    assert_eq!(seen, expected);
    let entries = recorded.ledger.entries().iter();
    let told: Vec<_> = entries
        .map(|own| (&*own.kind, own.count, own.line))
        .collect();
    assert_eq!(told, [(crate::shards::LATER, 1, 6)]);
}

#[test]
fn settings_and_resizes_of_pods_are_read() {
    let table = "submit,cpu,pod,resizes\n\
                 0,2,\"{\"\"metadata\"\": {\"\"labels\"\": {\"\"app\"\": \"\"web\"\"}}}\",30s cpu=3 | 60s cpu=1\n\
                 1,2,\"{\"\"metadata\"\": {\"\"labels\"\": {\"\"app\"\": \"\"web\"\"}}}\",30s cpu=3 | 60s cpu=1\n\
                 2,2,\"{\"\"kind\"\": \"\"Pod\"\"}\",\n\
                 3,2,,soon\n";
    let recorded = |resizes: bool| {
        let options =
            options_with(|own| (own.rows, own.resizes) = (intake::RowPolicy::REPORT, resizes));
        collected(open(&Input::bytes("t.csv", table.as_bytes()), &options))
    };
    let resized = recorded(true);
    let (spec, classes) = (&resized.classes[0], resized.classes.len());
    assert_eq!(
        (spec.labels.get("app").map(|own| &**own), classes),
        (Some("web"), 1)
    );
    let behaviour = spec.behaviour.as_ref().expect("resized");
    let after: Vec<Duration> = behaviour.resizes.iter().map(|own| own.after).collect();
    assert_eq!(after, [30, 60].map(Duration::from_secs));
    for (column, rule) in [("pod", "members"), ("resizes", "since the start")] {
        let is_told = |bad: &TraceError| {
            let told = bad.to_string();
            told.contains(&format!("column `{column}`")) && told.contains(rule)
        };
        assert!(resized.ledger.bad_rows().iter().any(is_told), "{column}");
    }
    let first = recorded(false);
    assert_eq!(first.classes[0].behaviour, None);
    first.ledger.has_counts([
        (
            "more cores requested while it ran; the first request stands",
            2,
        ),
        (
            "fewer cores requested while it ran; the first request stands",
            2,
        ),
    ]);
}

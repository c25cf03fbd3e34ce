//! Tables of others, as the own one.

use std::sync::Arc;

use super::*;
use crate::readers::prelude::*;
use intake::ledger::RowPolicy;
use units::{Duration, Instant};

type Found = (Vec<Arrival>, Vec<Arc<PodSpec>>);

fn of_bytes(text: &[u8], columns: &[&str], rows: RowPolicy) -> Result<Found, TraceError> {
    let columns: Vec<String> = columns.iter().map(|&own| own.to_owned()).collect();
    let columns = ColumnMapping::of_arguments(&columns).expect("a mapping");
    let options = ReadOptions {
        columns: Arc::new(columns),
        rows,
        ..ReadOptions::default()
    };
    let Constructor::Workload(open) = ENTRY.open else {
        unreachable!("a workload")
    };
    let mut source = open(&Input::bytes("their.csv", text), &options)?;
    let mut arrivals = Vec::new();
    while let Some(arrival) = source.next()? {
        arrivals.push(arrival);
    }
    let classes = source.classes().since(0).collect::<Result<_, _>>()?;
    Ok((arrivals, classes))
}

fn read(text: &str, columns: &[&str]) -> Result<Vec<Arrival>, TraceError> {
    Ok(of_bytes(text.as_bytes(), columns, RowPolicy::default())?.0)
}

fn read_leniently(text: &str, columns: &[&str]) -> Result<Vec<Arrival>, TraceError> {
    Ok(of_bytes(text.as_bytes(), columns, RowPolicy::REPORT)?.0)
}

#[test]
fn instants_count_from_the_earliest() {
    let text = "id;when;took\na;1700000060;1.5\nb;1700000000.25;2\n";
    let found = read(
        text,
        &[
            "submit=when as unix-seconds",
            "run_time=took as minutes",
            "name=id",
        ],
    );
    let found = found.expect("arrivals");
    assert_eq!(found[0].submit, Instant::ZERO);
    assert_eq!(found[1].submit, Instant::from_nanos(59_750_000_000));
    assert_eq!(found[1].run_time, Some(Duration::from_secs(90)));
}

#[test]
fn a_run_time_may_be_a_difference() {
    let text = "submitted\tstarted\tended\n2024-03-01T10:00:00Z\t2024-03-01 10:01:00\t2024-03-01 11:01:00\n\
                2024-03-01T10:00:30Z\tNone\tNone\n2024-03-01T10:00:40Z\t2024-03-01 10:02:00\t\n";
    let columns = [
        "submit=submitted as date-time",
        "run_time=ended - started as date-time",
    ];
    let found = read(text, &columns).expect("arrivals");
    assert_eq!(found[0].run_time, Some(Duration::from_secs(3_600)));
    // What never started is left out, and what has no end runs on.
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[1].submit, found[1].run_time),
        (Instant::from_secs(40), None)
    );
}

#[test]
fn what_is_wrong_has_its_line_and_its_words() {
    let text = "t,c\n0,1\n\n5,x\n";
    let error = read(text, &["submit=t", "cpu=c as percent"]).expect_err("a bad cell");
    let words = error.to_string();
    assert!(
        words.contains("their.csv:4: column `c`: must be a number of percent")
            && words.contains("found `x`"),
        "{words}"
    );
    let error = read("a,b\n1,2\n", &["submit=c"]).expect_err("no such column");
    assert!(
        error.to_string().contains("no column `c`; it has: a, b"),
        "{error}"
    );
    let error = read("a,b\n1\n", &["submit=a"]).expect_err("a short row");
    assert!(error.to_string().contains("field"), "{error}");
    let error = read(
        "a,b\n1,2\n",
        &["submit=a as unix-seconds", "start=b as seconds"],
    );
    let error = error.expect_err("two zeros");
    assert!(error.to_string().contains("must both count"), "{error}");
}

#[test]
fn rows_that_are_left_out_set_no_zero() {
    let text = "when,cores,began,ended\n1700000100,1,1700000100,1700000200\n1600000000,x,1700000100,1700000200\n\
                1500000000,1,,\n1700000040,1,1700000050,1700000100\n";
    let columns = [
        "submit=when as unix-seconds",
        "cpu=cores",
        "start=began as unix-seconds",
        "run_time=ended - began as unix-seconds",
    ];
    let found = read_leniently(text, &columns).expect("arrivals");
    let submits: Vec<Instant> = found.iter().map(|own| own.submit).collect();
    assert_eq!(submits, [0, 60].map(Instant::from_secs));
    assert_eq!(found[0].historic_start, Some(Instant::from_secs(10)));
}

#[test]
fn rows_stand_in_any_order() {
    let rows = (0..10_000).rev();
    let rows = rows.map(|number| format!("{},n{number}\n", 1_700_000_000 + number));
    let text = format!("when,id\n{}", rows.collect::<String>());
    for columns in [
        ["submit=when as unix-seconds", "name=id"],
        ["submit=when as milliseconds", "name=id"],
    ] {
        let found = read(&text, &columns).expect("arrivals");
        assert_eq!(found.len(), 10_000);
        assert!(found.is_sorted_by_key(|own| own.submit));
        assert_eq!(found[0].name.to_string(), "n0");
    }
}

#[test]
fn refusals_name_the_file_s_own_column_value_and_rule() {
    for (text, columns, words) in [
        (
            "a,b\n1\n",
            ["submit=a as unix-seconds", "name=b"],
            "their.csv:2: column `b`: the row has 1 field where the header has 2",
        ),
        (
            "a,b\n1,x\n",
            ["submit=a", "cpu=b"],
            "their.csv:2: column `b`: must be a quantity such as `500m`, `2` or `4Gi`, found `x`",
        ),
        (
            "a,b\n1,x\n",
            ["submit=a", "memory=b as MiB"],
            "column `b`: must be a number of MiB, or one with its unit such as `512mb` or `4G`, found `x`",
        ),
        ("a,b\n1,4g\n", ["submit=a", "memory=b as MiB"], "found `4g`"),
        (
            "a,b\n1,x\n",
            ["submit=a", "run_time=b as minutes"],
            "column `b`: must be a number of minutes, or a time such as `1:30:00` or `90s`, found `x`",
        ),
    ] {
        let error = read(text, &columns).expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    }
    let text = b"a,b\n1,M\xfcller\n";
    let error = of_bytes(text, &["submit=a", "tenant=b"], RowPolicy::default());
    let error = error.map(drop).expect_err("Latin-1").to_string();
    let words = "their.csv:2: column `b`: a row must be UTF-8 text; convert the file (`iconv -f latin1 -t utf-8`)";
    assert!(error.contains(words), "{error}");
}

#[test]
fn cells_may_say_their_own_unit() {
    let text = "t,m,r\n0,8gb,1:30:00\n0,512mb,90\n0,4G,2h30m\n0,1.5 GiB,1-00:00:01\n0,100,1.5\n";
    let columns = ["submit=t", "memory=m as MiB", "run_time=r as minutes"];
    let (arrivals, classes) =
        of_bytes(text.as_bytes(), &columns, RowPolicy::default()).expect("arrivals");
    let memory = |own: &Arrival| {
        let requests = classes[own.class as usize].requests().expect("requests");
        requests.get("memory").units_ceil().expect("bytes") >> 20
    };
    let found: Vec<i64> = arrivals.iter().map(memory).collect();
    assert_eq!(found, [8_192, 512, 4_096, 1_536, 100]);
    let times = { arrivals.iter() }.map(|own| own.run_time.map(Duration::as_nanos));
    let seconds = [5_400, 5_400, 9_000, 86_401, 90].map(|own| Some(own * 1_000_000_000));
    assert!(times.eq(seconds));
}

#[test]
fn columns_that_no_entry_names_are_told() {
    let text = "when,start,cpu,note\n1700000000,1700000010,2,x\n";
    let input = Input::bytes("their.csv", text.as_bytes());
    let columns = ["submit=when as unix-seconds".to_owned()];
    let columns = ColumnMapping::of_arguments(&columns).expect("a mapping");
    let mapped = rewritten(&input, &columns).expect("a table");
    assert_eq!(mapped.adopted, ["cpu"]);
    // An instant that no entry names counts from another zero.
    let found = read(text, &["submit=when as unix-seconds"]).expect("arrivals");
    assert_eq!(found[0].historic_start, None);
}

//! Failure logs with faults.

use super::observed::observed;
use super::*;
use crate::tests::prelude::*;
use arrivals::inspect::validate_log;
use intake::ledger::OnBadRow;

const HEADER: &str = "System,machine type,nodenumz,Prob Started,Prob Fixed\n";

fn read_text(text: &str, options: &LogOptions) -> Result<FailureLog, String> {
    let input = Input::bytes("log.csv", text.as_bytes().to_vec());
    read(&input, options, &["a", "b", "c"]).map_err(|error| error.to_string())
}

fn spans(log: &FailureLog) -> Vec<(usize, i64, Option<i64>)> {
    let secs = |at: Instant| at.as_nanos() / 1_000_000_000;
    let spans = log.outages.iter();
    spans
        .map(|own| (own.node, secs(own.down), own.up.map(secs)))
        .collect()
}

#[test]
fn our_table_has_names_and_times_with_or_without_units() {
    let text = "node,down,up,cause\nc,0,5,fan\nb,10,2m,\na,90s,,\nb,5m,6m,\n";
    let log = read_text(text, &LogOptions::default()).expect("a log");
    assert_eq!(log.ledger.count("column `cause`, not used"), 1);
    spans(&log).are([
        (2, 0, Some(5)),
        (1, 10, Some(120)),
        (0, 90, None),
        (1, 300, Some(360)),
    ]);
}

#[test]
fn what_is_out_of_order_or_overlaps_is_told_with_its_line() {
    let check = |rows: &str, expected: &str| {
        let text = format!("node,down,up\n{rows}");
        let error = read_text(&text, &LogOptions::default()).expect_err("it is wrong");
        assert!(error.contains(expected), "{error}");
    };
    check(
        "a,50,60\nb,10,20\n",
        "log.csv:3: column `down`: must be at or after 50s",
    );
    check(
        "a,10,60\na,30,90\n",
        "log.csv:3: column `node`: must be up before it goes down",
    );
    check("a,10,\na,30,90\n", "in line 2 it is still down, found `a`");
    check(
        "z,10,20\n",
        "log.csv:2: column `node`: must be the name of a node",
    );
    check("a,10,10\n", "column `up`: must be after 10s");
    check("a,soon,10\n", "column `down`: must be a time such as");
}

#[test]
fn copies_of_spreadsheets_and_several_files_are_one_log() {
    let los_alamos = [
        "nodenumz,Prob Fixed (mm/dd/yy hh:mm),System,Prob Started (mm/dd/yy hh:mm),Cause\r\n\
         \"1\",6/21/05 11:00,2,6/21/05 10:54,\"MPI, arrays\"\r\n",
        "System;nodenumz;Prob Started;Prob Fixed\n2;0;2005-06-21 10:55;2005-06-21 10:58\n",
    ];
    let plain = [
        "up,node,cause,down\r\n\"360\",b,\"x, y\",0\r\n",
        "node\tdown\tup\na\t60\t4m\n",
    ];
    for (names, files) in [(["2005", "2006"], los_alamos), (["log-1", "log-2"], plain)] {
        let files = [
            (names[0], files[0]),
            (names[1], files[1]),
            ("README.txt", "about"),
        ];
        let bytes = crate::packed::archive(&files);
        let input = Input::bytes("logs.tar", bytes);
        assert_eq!(is_log(&input), Ok(true));
        let options = LogOptions::default();
        let log = read(&input, &options, &["a", "b", "c"]).expect("a log");
        assert_eq!(spans(&log), [(1, 0, Some(360)), (0, 60, Some(240))]);
        let found = validate_log(
            &input,
            observed(&input, None, RowPolicy::REPORT),
            &ReadOptions::default(),
            9,
        );
        assert_eq!((found.accepted, found.bad_row_count), (2, 0));
        found
            .ledger
            .has_once(["file of a failure log without a row of it, not read"]);
    }
}

#[test]
fn bad_rows_are_left_out_and_counted_if_that_is_asked_for() {
    let skipping = LogOptions {
        rows: RowPolicy {
            on_bad_row: OnBadRow::Skip,
            strict: false,
        },
        ..LogOptions::default()
    };
    // The outage that is refused in line 3 leaves the node up at 70 s.
    let text = "node,down,up\na,10,60\na,30,90\nz,40,50\na,70,80\nb,5,6\nc,soon,\n";
    let log = read_text(text, &skipping).expect("a log");
    assert_eq!(spans(&log), [(0, 10, Some(60)), (0, 70, Some(80))]);
    assert_eq!(log.ledger.bad_row_count(), 4);
    let first = log.ledger.entries()[0].to_string();
    let expected = "drop 1 row: bad row: column `node`: must be up before it goes down again: in line 2 it is \
                    still down (first log.csv:3)";
    assert_eq!(first, expected);
    let text =
        format!("{HEADER}2,x,1,6/21/2005 10:54,6/21/2005 11:00\n2,x,1,soon,6/21/2005 11:10\n");
    let log = read_text(&text, &skipping).expect("a log");
    assert_eq!((log.outages.len(), log.ledger.bad_row_count()), (1, 1));
    let text = "failure_interval,failure_duration,failure_intensity\n1000,1000,1\n1000,x,1\n";
    let log = read_text(text, &skipping).expect("a log");
    assert_eq!((log.outages.len(), log.ledger.bad_row_count()), (3, 1));
    let text = "0,1,0,p,0.5,0.2\n9000000,1,9,p,0.5,0.2\n";
    let log = read_text(text, &skipping).expect("a log");
    assert_eq!(log.ledger.bad_row_count(), 1);
}

#[test]
fn the_log_of_los_alamos_is_mended_and_counted() {
    let text = format!(
        "{HEADER}2,x,1,6/21/2005 10:54,6/21/2005 11:00\n2,x,1,6/21/2005 10:58,6/21/2005 11:10\n\
         2,x,0,6/21/2005 12:00,6/21/2005 12:00\n2,x,9,6/21/2005 12:00,6/21/2005 12:30\n\
         3,x,0,6/21/2004 12:00,6/21/2004 12:30\n2,x,,6/22/2005 12:00,6/22/2005 12:30\n\
         3,x,,none,none\n"
    );
    let of = |system, from: Option<&str>| LogOptions {
        rows: RowPolicy::default(),
        system,
        from: from.map(str::to_owned),
        ..LogOptions::default()
    };
    let log = read_text(&text, &of(Some(2), None)).expect("a log");
    assert_eq!(spans(&log), [(1, 0, Some(960)), (0, 3_960, Some(4_020))]);
    let kinds: Vec<(&str, u64)> = { log.ledger.entries().iter() }
        .map(|entry| (&*entry.kind, entry.count))
        .collect();
    kinds.are([
        ("outages of zero length, counted as one minute", 1),
        ("outages of nodes that are not in the cluster", 1),
        ("outages without a node", 1),
        ("overlapping outages, merged", 1),
    ]);
    let later = read_text(&text, &of(Some(2), Some("2005-06-21T11:05"))).expect("a log");
    assert_eq!(spans(&later), [(1, 0, Some(300)), (0, 3_300, Some(3_360))]);
    for (options, expected) in [
        (of(None, None), "choose one with `system`: 2, 3"),
        (
            of(Some(7), None),
            "the log has no system 7; its systems are 2, 3",
        ),
        (of(Some(2), Some("May")), "`from` is `May`, expected a date"),
    ] {
        let error = read_text(&text, &options).expect_err("it is wrong");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn failure_logs_are_validated_by_the_rules_of_their_format() {
    let found = |text: &str| {
        let input = Input::bytes("log.csv", text.as_bytes());
        validate_log(
            &input,
            observed(&input, None, RowPolicy::REPORT),
            &ReadOptions::default(),
            9,
        )
    };
    let rows = "System,nodenumz,Prob Started,Prob Fixed,Down Time\n\
                2,1,6/21/2005 10:54,6/21/2005 11:00,6\n2,1,6/21/2005 10:58,6/21/2005 11:10,99\n\
                3,1,soon,6/21/2005 11:10,6\n3,,6/21/2005 10:58,6/21/2005 11:10,12\n\
                3,2,6/21/2005 10:58,6/21/2005 10:57,-1\n";
    for (text, accepted, bad) in [
        // Two outages of one node are one, as they overlap.
        (rows, 1, 2),
        ("node,down,up\na,0,5\nb,9,7\na,3,9\n", 1, 2),
        (
            "failure_interval,failure_duration,failure_intensity\n1000,1000,1\n1000,1000,1.5\n",
            1,
            1,
        ),
        (
            "0,1,0,p,0.5,0.2\n0,2,0,p,0.5,0.2\n9000000,1,1,p,,\n9000000,2,7,p,,\n",
            1,
            1,
        ),
    ] {
        let found = found(text);
        let counts = (found.accepted, found.bad_row_count, &found.stopped);
        assert_eq!(counts, (accepted, bad, &None), "{text}");
        assert!(!found.is_valid() && !found.is_empty());
    }
    for (kind, count) in [
        (
            "outages whose stated length is not that between their times, which hold",
            1,
        ),
        ("outages without a node", 1),
        ("overlapping outages, merged", 1),
    ] {
        assert_eq!(found(rows).ledger.count(kind), count, "{kind}");
    }
    assert!(found("node,down,up\n").is_empty());
}

/// Published in the specification, `traces.md` 13.
#[test]
fn los_alamos_has_its_published_dirt() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/traces");
    let path = format!("{folder}/lanl-failures/failure-data-1996-2005.csv.gz");
    if !std::path::Path::new(&path).exists() {
        println!("skipped: needs {path}");
        return;
    }
    let strict = ReadOptions {
        rows: RowPolicy {
            strict: true,
            ..RowPolicy::REPORT
        },
        ..ReadOptions::default()
    };
    let found = validate_log(
        &Input::path(&path),
        observed(&Input::path(&path), None, RowPolicy::REPORT),
        &strict,
        9,
    );
    println!("{found:#?}");
    assert_eq!((found.bad_row_count, &found.stopped), (0, &None));
    found.ledger.has_counts([
        ("outages of zero length, counted as one minute", 89),
        (
            "outages whose stated length is not that between their times, which hold",
            320,
        ),
    ]);
    assert!(!found.is_valid(), "strict");
}

#[test]
fn a_last_line_without_an_end_is_told() {
    let kind = "last line without an end of line; it is cut off if the file is";
    let lanl = format!("{HEADER}2,smp,0,4/1/2005 00:00,4/1/2005 00:10");
    for text in ["node,down,up\na,1,2", &lanl] {
        for (end, expected) in [("", 1), ("\n", 0)] {
            let log = read_text(&format!("{text}{end}"), &LogOptions::default()).expect("a log");
            assert_eq!(log.ledger.count(kind), expected, "{text}");
        }
    }
}

#[test]
fn dates_of_spreadsheets_are_dates() {
    let minute = |text: &str| {
        lanl::minute(text).map(|own| own - lanl::minute("6/21/2005 10:54").expect("a date"))
    };
    for (text, expected) in [
        ("06/21/05 10:55", Some(1)),
        ("6/21/2005  10:54:59", Some(0)),
        ("6/21/2005 10:54:61", None),
        ("6/21/98 10:54", Some(-60 * 24 * 2_557)),
        ("21/6/2005 10:54", None),
        ("6/21/2005", None),
        ("6/21/2005 10:54 AM", Some(0)),
        ("6/21/2005 10:54:59 PM", Some(720)),
        ("6/21/2005 12:01 AM", Some(-653)),
        ("6/21/2005 13:01 PM", None),
        ("2005-06-21 10:55", Some(1)),
        ("2005-06-21T10:55:30", Some(1)),
        ("2005-06-21", None),
    ] {
        assert_eq!(minute(text), expected, "{text}");
    }
}

#[test]
fn a_log_without_a_row_is_refused() {
    let header = "failure_interval,failure_duration,failure_intensity\n";
    for text in ["node,down,up\n", HEADER, header] {
        let error = read_text(text, &LogOptions::default()).expect_err("no outage");
        assert!(error.contains("has no outage of a node"), "{error}");
    }
}

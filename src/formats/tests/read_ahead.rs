//! Tests of `arrivals::read_ahead` on real formats.

use crate::prelude::*;
use arrivals::read_ahead::CHUNK_ARRIVALS;
use std::fmt::Write as _;

use crate::readers::csv::CsvSource;
use crate::readers::swf::SwfSource;
use arrivals::read_ahead::*;

/// A log of more than a chunk: some jobs left out, some late, some of a kind met late.
fn log(bad_row: Option<usize>) -> String {
    let mut text = String::from("; MaxProcs: 8\n");
    for number in 0..3 * CHUNK_ARRIVALS {
        let run = if number % 7 == 0 { 0 } else { 60 };
        let wait = if number < 5_000 { 3 } else { -1 };
        let submit = 10 * number - 15 * usize::from(number % 50 == 30);
        let size = if Some(number) == bad_row { "x" } else { "2" };
        let user = number / 1_000;
        let _ = writeln!(
            text,
            "{number} {submit} {wait} {run} {size} -1 -1 2 90 -1 1 {user} 1 1 1 1 -1 -1"
        );
    }
    text
}

/// A table with rows that are late, or too late, or whose limit is below the run time.
fn table() -> String {
    let mut text = String::from("submit,run_time,time_limit,tenant,cpu\n");
    for number in 0..5 * CHUNK_ARRIVALS / 2 {
        let late = match number % 997 {
            30 => 15,
            31 if number > CHUNK_ARRIVALS => 1_000_000,
            _ => 0,
        };
        let submit = (10 * number).saturating_sub(late);
        let limit = if number % 1_301 == 5 { 30 } else { 90 };
        let (tenant, cpu) = (number / 2_000, 1 + number / 5_000);
        let _ = writeln!(text, "{submit},60,{limit},u{tenant},{cpu}");
    }
    text
}

fn open(text: &str) -> Box<dyn ArrivalSource> {
    let input = Input::bytes("log", text.as_bytes().to_vec());
    let options = ReadOptions::default();
    // Not by the registry, which reads ahead.
    if text.starts_with("submit") {
        return Box::new(CsvSource::open(&input, &options).expect("a table"));
    }
    Box::new(SwfSource::open(&input, &options).expect("a log"))
}

fn compare(text: &str, stop_after: usize) {
    let mut plain = open(text);
    let mut ahead = Ahead::new(open(text));
    for taken in 0..stop_after {
        assert_eq!(plain.ledger(), ahead.ledger(), "before {taken}");
        let (expected, found) = (plain.next(), ahead.next());
        assert_eq!(found, expected, "{taken}");
        assert!(ahead.tenants().starts_with(plain.tenants()));
        assert!(ahead.classes().held().starts_with(plain.classes().held()));
        if !matches!(expected, Ok(Some(_))) {
            assert_eq!(plain.ledger(), ahead.ledger());
            assert_eq!(ahead.next(), expected, "it stays at its end");
            return;
        }
    }
}

#[test]
fn what_is_read_ahead_is_what_the_source_delivers() {
    compare(&log(None), usize::MAX);
    compare(&log(Some(6_000)), usize::MAX);
    compare(&log(None), 4_000);
    compare(&table(), usize::MAX);
    compare("1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n", usize::MAX);
}

#[test]
fn a_fork_goes_on_where_its_origin_stands() {
    let text = log(None);
    let mut ahead = Ahead::new(open(&text));
    for _ in 0..5_000 {
        ahead.next().expect("a good log");
    }
    let mut fork = ahead.fork().expect("memory");
    for _ in 0..5_000 {
        assert_eq!(fork.next(), ahead.next());
        assert_eq!(fork.ledger(), ahead.ledger());
    }
}

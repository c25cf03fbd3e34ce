//! Every reader under every policy for bad rows. A small clean file of each format is dirtied in each field of each
//! record, in the ways that rows are: no number, a negative one, nothing, a field too many or too few. One dirty record
//! costs no more than itself, and all policies find the same fault.

pub(crate) mod clean;
mod parquet;

use crate::tests::prelude::*;
use serde_json::Value;

use clean::CLEAN;

use crate::cut_file::WHOLE;
use crate::registry::{FORMATS, find, recognize};
use intake::{Ledger, OnBadRow};

/// How the records of a clean file stand in it.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Lines of fields with a byte between, below this number of lines of a header.
    Table(char, usize),
    /// JSON objects, one a line.
    Lines,
    /// Elements of the list at a path of a JSON text.
    List(&'static str),
    /// Numbers, one a line, as the file of a machine among others.
    Day,
    /// A comma-separated table with a header, beside other files in an archive.
    Beside(&'static [(&'static str, &'static str)]),
}

use Shape::{Beside, Day, Lines, List, Table};

/// The text of a clean file; a day's functions are too wide to be written.
fn clean(name: &str, text: &str) -> String {
    if name != "azure-functions-2019" {
        return text.to_owned();
    }
    let minutes: Vec<String> = (1..=1_440).map(|minute| minute.to_string()).collect();
    let mut counts = vec!["0"; 1_440];
    counts[..20].fill("1");
    let counts = counts.join(",");
    let header = minutes.join(",");
    format!(
        "HashOwner,HashApp,HashFunction,Trigger,{header}\no,a,f,http,{counts}\no,a,g,http,{counts}\n"
    )
}

/// A clean file of a text.
pub(crate) fn file(name: &str, shape: Shape, text: &str) -> Input {
    let bytes = match shape {
        Day => archive(&[("day/a", text), ("day/b", text)]),
        Beside(others) => archive(&[others, &[("own", text)]].concat()),
        _ => text.as_bytes().to_vec(),
    };
    Input::bytes(name, bytes)
}

/// A file of a format in which the first, or second, … record is dirty, or away.
struct Dirty {
    what: String,
    with: Input,
    without: Input,
}

/// The most fields of a row that are dirtied.
const DIRTIED: usize = 24;

fn dirty(name: &str, shape: Shape, text: &str) -> Vec<Dirty> {
    let input = |bytes: Vec<u8>| Input::bytes(name, bytes);
    match shape {
        Table(between, header) => {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let rows = |line: &str| dirty_rows(line, between);
            of_lines(&lines, header, rows, |lines| input(lines.into_bytes()))
        }
        Lines => {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let rows = |line: &str| {
                let object = serde_json::from_str(line).expect("an object");
                let mut rows: Vec<String> =
                    dirty_values(&object).map(|own| own.to_string()).collect();
                rows.push("{\"cut\": ".to_owned());
                rows
            };
            of_lines(&lines, 0, rows, |lines| input(lines.into_bytes()))
        }
        Day => {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let rows = |_: &str| ["x", "-5", "", "5 5"].map(str::to_owned).to_vec();
            let day = |lines: String| input(archive(&[("day/a", text), ("day/b", &*lines)]));
            of_lines(&lines, 0, rows, day)
        }
        List(path) => of_list(name, path, text),
        Beside(_) => {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let rows = |line: &str| dirty_rows(line, ',');
            of_lines(&lines, 1, rows, |lines| file(name, shape, &lines))
        }
    }
}

fn of_lines(
    lines: &[String],
    header: usize,
    rows: impl Fn(&str) -> Vec<String>,
    file: impl Fn(String) -> Input,
) -> Vec<Dirty> {
    let mut all = Vec::new();
    for (place, line) in lines.iter().enumerate().skip(header) {
        let mut without = lines.to_vec();
        without.remove(place);
        for row in rows(line) {
            let mut with = lines.to_vec();
            with[place].clone_from(&row);
            all.push(Dirty {
                what: row.chars().take(200).collect(),
                with: file(with.join("\n") + "\n"),
                without: file(without.join("\n") + "\n"),
            });
        }
    }
    all
}

/// The row with each field in turn no number, negative or empty, with one field less and with one more.
fn dirty_rows(line: &str, between: char) -> Vec<String> {
    let fields: Vec<&str> = line.split(between).collect();
    let written = |fields: &[&str]| fields.join(&between.to_string());
    let mut rows = Vec::new();
    for place in 0..fields.len().min(DIRTIED) {
        for value in ["x", "-5", ""] {
            let mut fields = fields.clone();
            fields[place] = value;
            rows.push(written(&fields));
        }
    }
    rows.push(written(&fields[..fields.len() - 1]));
    rows.push(written(&[&fields[..], &["9"]].concat()));
    rows
}

/// The value with each of its members in turn of another kind.
fn dirty_values(value: &Value) -> impl Iterator<Item = Value> {
    let mut all = Vec::new();
    let mut paths = vec![String::new()];
    while let Some(path) = paths.pop() {
        let found = value.pointer(&path).expect("a member");
        match found {
            Value::Object(members) => {
                paths.extend(members.keys().map(|key| format!("{path}/{key}")));
            }
            Value::Array(list) => paths.extend((0..list.len()).map(|at| format!("{path}/{at}"))),
            _ => {}
        }
        let others = [
            Value::from("x"),
            Value::from(-5),
            Value::Null,
            Value::from(vec![1]),
        ];
        // A text that begins with a list is one list.
        let count = others.len() - usize::from(path.is_empty());
        for other in others.into_iter().take(count) {
            let mut value = value.clone();
            *value.pointer_mut(&path).expect("a member") = other;
            all.push(value);
        }
    }
    all.into_iter()
}

fn of_list(name: &str, path: &str, text: &str) -> Vec<Dirty> {
    let whole: Value = serde_json::from_str(text).expect("JSON");
    let file = |list: &[Value]| {
        let mut whole = whole.clone();
        *whole.pointer_mut(path).expect("a list") = Value::from(list.to_vec());
        Input::bytes(name, whole.to_string().into_bytes())
    };
    let list = whole
        .pointer(path)
        .and_then(Value::as_array)
        .expect("a list");
    let mut all = Vec::new();
    for (place, own) in list.iter().enumerate() {
        let mut without = list.clone();
        without.remove(place);
        for other in dirty_values(own) {
            let mut with = list.clone();
            with[place] = other;
            all.push(Dirty {
                what: with[place].to_string(),
                with: file(&with),
                without: file(&without),
            });
        }
    }
    all
}

/// The number of nodes or arrivals that a policy has accepted, and the ledger.
fn read(
    entry: &FormatEntry,
    input: &Input,
    on_bad_row: OnBadRow,
) -> Result<(u64, Ledger), TraceError> {
    let options = ReadOptions {
        rows: RowPolicy {
            on_bad_row,
            strict: false,
        },
        ..ReadOptions::default()
    };
    match entry.open {
        Constructor::Nodes(read) => {
            let list = read(input, &options)?;
            Ok((list.nodes.len() as u64, list.ledger))
        }
        Constructor::Workload(open) => {
            let mut source: Box<dyn ArrivalSource> = open(input, &options)?;
            let mut accepted = 0;
            while source.next()?.is_some() {
                accepted += 1;
            }
            Ok((accepted, source.ledger().clone()))
        }
    }
}

#[test]
fn every_reader_heeds_the_policy_for_bad_rows() {
    for entry in FORMATS {
        let own = CLEAN.iter().find(|own| own.0 == entry.name);
        let &(name, shape, text) = own.unwrap_or_else(|| panic!("no clean file of {}", entry.name));
        let text = clean(name, text);
        let input = file(name, shape, &text);
        let (accepted, ledger) = read(entry, &input, OnBadRow::Fail).expect(name);
        assert!(
            accepted > 0 && ledger.bad_row_count() == 0,
            "{name}: {ledger}"
        );
        let mut bad = 0;
        for dirty in dirty(name, shape, &text) {
            bad += u64::from(heeds(entry, &dirty));
        }
        assert!(bad > 0, "{name}: no row is bad");
    }
}

/// Checks a dirty file under each policy; whether a row of it is bad.
fn heeds(entry: &FormatEntry, dirty: &Dirty) -> bool {
    let Dirty {
        what,
        with,
        without,
    } = dirty;
    let told = format!("{}: {what}", entry.name);
    let reported = read(entry, with, OnBadRow::Report);
    let (accepted, ledger) = reported.unwrap_or_else(|error| panic!("{told}: {error}"));
    let (others, _) = read(entry, without, OnBadRow::Report).expect("the others");
    assert!(accepted >= others, "{told}: {accepted} of {others} others");
    let (skipped, counted) = read(entry, with, OnBadRow::Skip).expect(&told);
    assert_eq!(
        (skipped, counted.entries(), counted.bad_rows().len()),
        (accepted, ledger.entries(), 0),
        "{told}"
    );
    let failed = read(entry, with, OnBadRow::Fail);
    match ledger.bad_rows().first() {
        Some(first) => assert_eq!(failed, Err(first.clone()), "{told}"),
        None => assert_eq!(failed, Ok((accepted, ledger)), "{told}"),
    }
    counted.bad_row_count() > 0
}

/// The names of the arrivals that are read, each with its line, and whether a row is bad.
fn named(entry: &FormatEntry, input: &Input) -> Option<(Vec<(String, u32)>, bool)> {
    let Constructor::Workload(open) = entry.open else {
        return None;
    };
    let options = options_with(|own| own.rows = RowPolicy::REPORT);
    let mut source = open(input, &options).ok()?;
    let mut names = Vec::new();
    while let Some(arrival) = source.next().ok()? {
        names.push((arrival.name.to_string(), arrival.origin.line));
    }
    Some((names, source.ledger().bad_row_count() > 0))
}

#[test]
fn a_bad_row_that_is_left_out_renames_no_other() {
    for &(name, shape, text) in CLEAN {
        if matches!(shape, Day) {
            continue;
        }
        let entry = find(name).expect("known");
        let text = crate::tests::dirty_rows::clean(name, text);
        let Some((clean, _)) = named(entry, &file(name, shape, &text)) else {
            continue;
        };
        for dirty in dirty(name, shape, &text) {
            let Some((names, true)) = named(entry, &dirty.with) else {
                continue;
            };
            for (own, line) in names {
                // Of a record of several rows, another row may be the first that is good.
                let mut of_line = clean.iter().filter(|known| known.1 == line).peekable();
                let has_lines = !matches!(shape, List(_));
                let is_kept = match of_line.peek().filter(|_| has_lines) {
                    Some(_) => of_line.any(|known| known.0 == own),
                    None => clean.iter().any(|known| known.0 == own),
                };
                assert!(
                    is_kept,
                    "{name}: {own} of line {line} with {}, of {clean:?}",
                    dirty.what
                );
            }
        }
    }
}

#[test]
fn blank_lines_before_a_header_hide_no_format() {
    for &(name, shape, text) in CLEAN {
        if !matches!(shape, Table(_, 1)) {
            continue;
        }
        let text = clean(name, text);
        let plain = Input::bytes(name, text.clone().into_bytes());
        let blank = Input::bytes(name, format!("\n \r\n{text}").into_bytes());
        let entry = recognize(&blank).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(entry.name, name);
        let count = |input| read(entry, input, OnBadRow::Fail).expect(name).0;
        assert_eq!(count(&blank), count(&plain), "{name}");
    }
}

#[test]
fn formats_without_lines_are_those_that_are_not_read_when_cut_off() {
    for &(name, shape, _) in CLEAN {
        // Samples of Prometheus may be lines, too.
        let is_whole = matches!(shape, List(_)) && name != "prometheus";
        assert_eq!(WHOLE.contains(&name), is_whole, "{name}");
    }
}

#[test]
fn clean_files_are_of_known_formats() {
    assert!(CLEAN.iter().all(|own| find(own.0).is_some()));
}

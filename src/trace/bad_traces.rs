//! Traces that are wrong, each in a way that readers meet: what is said about them, and where.

use crate::archive::packed::archive;
use crate::inspect::validate;
use crate::{Input, ReadOptions, registry};

/// The first complaint about a file of a format: of a row, else of the file as a whole.
fn complaint(format: &str, name: &str, bytes: &[u8]) -> String {
    let entry = registry::find(format).expect("a format");
    let found = validate(
        &Input::bytes(name, bytes),
        entry,
        &ReadOptions::default(),
        1,
    );
    let mut complaints = found.bad_rows.iter().chain(&found.stopped);
    complaints
        .next()
        .map(ToString::to_string)
        .unwrap_or_default()
}

const PARQUET: &[u8] = include_bytes!("parquet/tests/tasks.parquet");

/// A gzip member that ends within its data.
const CUT_GZIP: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 0x4a, 0x4e, 0x49,
];

#[test]
fn bad_traces_are_named_by_file_line_column_and_rule() {
    let bad: &[(&str, &[u8], &str, &str)] = &[
        // A wrong number of columns.
        ("google-2011-tasks", b"600000000,,9,0\n", "part-0.csv", "part-0.csv:1: column `machine id`: the row has 4 fields where the header has 13, found `600000000,,9,0`"),
        // A column that is not there.
        ("azure-llm-2023", b"TIMESTAMP,ContextTokens\n", "requests.csv", "requests.csv: the header has no column `GeneratedTokens`; it has: TIMESTAMP, ContextTokens"),
        // A column that is there twice.
        ("azure-functions-2021", b"app,app,func,end_timestamp,duration\n", "f.csv", "f.csv: the header names column `app` twice; rename one"),
        // Swapped units: microseconds where seconds are meant.
        ("azure-vm", b"a,s,d,0,1583000000000000,9,3,9,Unknown,1,1\n", "vmtable.csv", "vmtable.csv:1: column `deleted`: must be at most 3200000000, found `1583000000000000`"),
        // A negative time.
        ("azure-vm", b"a,s,d,-300,900,9,3,9,Unknown,1,1\n", "vmtable.csv", "vmtable.csv:1: column `created`: must be at least 0, found `-300`"),
        // An end before the start.
        ("google-2011-usage", b"9,5,7,0,5,1,1,0,0,0,0,0,0,0,0,0,0,0,1,0\n", "usage.csv", "usage.csv:1: column `end time`: must be no earlier than the start, found `5`"),
        // Zones that are mixed.
        (
            "azure-llm-2023",
            b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,1\n\
              2023-11-16 19:17:03+01:00,1,1\n",
            "requests.csv",
            "requests.csv:3: column `TIMESTAMP`: must be a date without a zone of its own, as the others are, found `2023-11-16 19:17:03+01:00`",
        ),
        // A date that no calendar has.
        (
            "sacct",
            b"JobID|Submit|Start|End|AllocCPUS\n1|2023-02-29T10:00:00|Unknown|Unknown|1\n",
            "jobs.txt",
            "jobs.txt:2: column `Submit`: must be a date such as `2020-04-01 07:01:55`, found `2023-02-29T10:00:00`",
        ),
        // No number.
        ("opendc", b"id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,0,5,1,NaN,1\n", "tasks.csv", "tasks.csv:2: column `cpu_capacity`: must be a number, found `NaN`"),
        // The same task twice.
        ("opendc", b"id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,0,5,1,1,1\n1,0,5,1,1,1\n", "tasks.csv", "tasks.csv:3: column `id`: must be the only task of its number, found `1`"),
        // A quote that is never closed.
        ("azure-functions-2021", b"app,func,end_timestamp,duration\n\"a,f,1,1\n", "f.csv", "f.csv:2: column `func`: a row must close its quotes on the same line, found `a,f,1,1`"),
        // Another encoding.
        ("azure-functions-2021", b"app,func,end_timestamp,duration\na,\xff,1,1\n", "f.csv", "f.csv:2: column `app`: a row must be UTF-8 text, found ``"),
        // A Parquet file without its footer, and one with a damaged page.
        ("opendc", PARQUET.split_at(600).0, "tasks.parquet", "tasks.parquet: ends after 600 bytes without the footer of Parquet: the file is truncated; download or copy it again"),
        // A list that is cut off.
        ("philly", b"[{\"jobid\": \"a\", \"submitted_time\": \"2017-10-09 07:00:00\",", "log.json", "log.json: is no such JSON text: EOF while parsing a value at line 1 column 56"),
        // A map that is cut off.
        ("simkube", b"\x82\xa7version\x02\xa6events\xdd\xff\xff\xff\xff", "t.sktrace", "t.sktrace: byte 22: the file ends too early: it is truncated"),
        // Tasks that wait for each other.
        (
            "wfformat",
            b"{\"workflow\": {\"tasks\": [{\"name\": \"a\", \"runtime\": 1, \"parents\": [\"a\"]}]}}",
            "w.json",
            "w.json:1: column `parents`: must be free of circles, found `a`",
        ),
        // Half of a trace.
        ("opendc", b"id,duration,cpu_usage\n1,5,1\n", "fragments.csv", "fragments.csv: has fragments and no tasks; name the folder or archive that has both"),
        // An answer that is none.
        ("prometheus", b"{\"status\": \"error\", \"error\": \"query timed out\"}", "answer.json", "answer.json: Prometheus answered with an error: query timed out"),
        // A compressed file that is cut off, and one of a compression that is not read.
        ("azure-functions-2021", CUT_GZIP, "f.csv.gz", "f.csv.gz: the compressed data ends too early: the file is truncated; download or copy it again"),
        ("helios", b"PK\x03\x04\x14\x00", "helios.zip", "helios.zip: is compressed with ZIP, which is not read; unpack it (`unzip`) or pack it with gzip, xz or zstd"),
        // Nothing.
        ("helios", b"", "cluster_log.csv", "cluster_log.csv: is empty; a header with column names is expected"),
    ];
    let found = bad
        .iter()
        .map(|(format, bytes, name, _)| complaint(format, name, bytes));
    let found: Vec<String> = found.collect();
    let expected: Vec<String> = bad.iter().map(|one| one.3.to_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn shards_that_are_not_in_order_are_sorted() {
    let row = |second: u32, task: u32| format!("{second}000000,,7,{task},,0,ann,2,9,0.1,0.1,0,0\n");
    let bytes = archive(&[
        ("part-00000.csv", &(row(900, 1) + &row(950, 2))),
        ("part-00001.csv", &(row(600, 3) + &row(920, 4))),
    ]);
    let input = Input::bytes("shards.tar", bytes);
    let entry = registry::recognize(&input).expect("known");
    let crate::format::Constructor::Workload(open) = entry.open else {
        panic!("a workload");
    };
    let mut source = open(&input, &ReadOptions::default()).expect("good rows");
    let mut names = Vec::new();
    while let Some(arrival) = source.next().expect("good rows") {
        names.push(arrival.name.to_string());
    }
    assert_eq!(names, ["7-3", "7-1", "7-4", "7-2"]);
}

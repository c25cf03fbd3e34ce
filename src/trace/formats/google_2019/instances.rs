//! Instance events of Google's traces of 2019.
//!
//! The rules are those of the trace of 2011: a demand opens with SUBMIT and ends with FINISH, FAIL,
//! KILL or LOST, and an EVICT doesn't end it. An instance of an alloc set is a reservation, which takes
//! room on a machine as a task does; a task that runs inside one takes nothing besides and is left
//! out. QUEUE and ENABLE move a task within the queue that it arrived at. `instance_usage` beside the
//! events, in one folder or archive, is what tasks use.

use super::MOST;
use crate::archive::{beginning, parts};
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::formats::google_2011::events::{TaskEvent, Tasks};
use crate::formats::google_2011::time;
use crate::formats::google_2011::usage::{Usage, WindowPlaces};
use crate::gather::requests;
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::records::{each_record, record_has, show_records};
use crate::rows::{Fields, Refused, USAGE_NOT_READ, show_text};
use crate::stream::ArrivalSource;
use model::PodSpec;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "google-2019-instances",
    summary: "instance events of Google's cluster traces of 2019 (CSV with header, or JSON lines)",
    columns: COLUMNS,
    names: &["collection_id", "instance_index", "machine_id"],
    cells,
    options: &["ran-only", "full-cpu", "full-memory", "usage"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("time", "µs since 600 s before the trace; 0 is before it"),
    ColumnDoc::required(
        "type",
        "0 submit, 1 queue, 2 enable, 3 schedule, 4 evict, 5 fail, 6 finish, 7 kill, 8 lost, 9 and \
         10 update",
    ),
    ColumnDoc::required("collection_id", "job or alloc set"),
    ColumnDoc::required("instance_index", "instance within its collection"),
    ColumnDoc::optional("scheduling_class", "0 to 3; read, not used"),
    ColumnDoc::optional("missing_type", "kind of a record that was made up; counted"),
    ColumnDoc::optional("collection_type", "0 job, 1 alloc set (reservation)"),
    ColumnDoc::required("priority", "0 to 1000, higher first"),
    ColumnDoc::optional(
        "alloc_collection_id",
        "alloc set that the task runs in, 0: none",
    ),
    ColumnDoc::optional("machine_id", "machine, 0: none, -1: dedicated"),
    ColumnDoc::optional("resource_request.cpus", "share of the largest machine"),
    ColumnDoc::optional("resource_request.memory", "share of the largest machine"),
    ColumnDoc::optional("constraint", "constraints on attributes; not enforced"),
];

const USAGE_COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("start_time", "µs since 600 s before the trace"),
    ColumnDoc::required("end_time", "µs"),
    ColumnDoc::required("collection_id", "job or alloc set"),
    ColumnDoc::required("instance_index", "instance within its collection"),
    ColumnDoc::optional("average_usage.cpus", "share of the largest machine"),
    ColumnDoc::optional("average_usage.memory", "share of the largest machine"),
];

const WINDOW: WindowPlaces = WindowPlaces {
    start: 0,
    end: 1,
    job: 2,
    index: 3,
    cpu: 4,
    memory: 5,
};

const TIME: usize = 0;
const TYPE: usize = 1;
const COLLECTION: usize = 2;
const INDEX: usize = 3;
const CLASS: usize = 4;
const MISSING: usize = 5;
const COLLECTION_TYPE: usize = 6;
const PRIORITY: usize = 7;
const ALLOC: usize = 8;
const MACHINE: usize = 9;
const CPU: usize = 10;
const MEMORY: usize = 11;
const CONSTRAINT: usize = 12;

/// The kinds of 2011, by those of 2019; QUEUE and ENABLE have none.
const KINDS: [Option<i64>; 11] = [
    Some(0),
    None,
    None,
    Some(1),
    Some(2),
    Some(3),
    Some(4),
    Some(5),
    Some(6),
    Some(7),
    Some(8),
];

fn sniff(first: &[u8]) -> Confidence {
    record_has(
        first,
        &[
            "time",
            "type",
            "collection_id",
            "instance_index",
            "priority",
        ],
    )
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut tasks = Tasks::new(options.ran_only);
    let mut usage = Usage::default();
    let (events, windows) = tables(input)?;
    for part in &windows {
        if options.usage {
            each_record(part, USAGE_COLUMNS, &mut journal, |journal, fields| {
                usage.take_window(journal, fields, options, WINDOW)
            })?;
        } else {
            journal.file = part.name.clone();
            journal.dirt(USAGE_NOT_READ, Action::Keep, 1)?;
        }
    }
    for part in &events {
        each_record(part, COLUMNS, &mut journal, |journal, fields| {
            take(&mut tasks, journal, fields, options, &usage)
        })?;
    }
    Ok(tasks.finish(journal))
}

/// The tables of events and those of usage.
fn tables(input: &Input) -> Result<(Vec<Input>, Vec<Input>), TraceError> {
    let (mut events, mut usage) = (Vec::new(), Vec::new());
    for part in parts(input)? {
        let names = ["start_time", "end_time", "collection_id", "instance_index"];
        match record_has(&beginning(&part)?, &names) {
            Confidence::Certain => usage.push(part),
            _ => events.push(part),
        }
    }
    Ok((events, usage))
}

fn cells(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let (events, usage) = tables(input)?;
    for part in events {
        show_records(format, &part, show)?;
    }
    for part in usage {
        show_text(format, &part, show)?;
    }
    Ok(())
}

fn take(
    tasks: &mut Tasks,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
    usage: &Usage,
) -> Result<(), Refused> {
    let line = fields.line();
    let kind = fields.number(TYPE, 0, 10)?;
    let key = (
        fields.number(COLLECTION, 0, i64::MAX)?,
        fields.number(INDEX, 0, i64::MAX)?,
    );
    let time = time(fields, TIME)?;
    fields.integer(CLASS, 0, 3)?;
    let is_reservation = fields.integer(COLLECTION_TYPE, 0, 1)? == Some(1);
    let priority = fields.number(PRIORITY, 0, 1_000)?;
    let alloc = fields.integer(ALLOC, 0, i64::MAX)?.unwrap_or_default();
    let machine = fields.integer(MACHINE, -1, i64::MAX)?;
    let cpu = fields.scaled(CPU, options.full_cpu_milli, MOST)?;
    let memory = fields.scaled(MEMORY, options.full_memory_bytes, MOST)?;
    if fields.integer(MISSING, 0, 5)?.unwrap_or_default() > 0 {
        journal.dirt("record made up by the publisher", Action::Keep, line)?;
    }
    if alloc > 0 && !is_reservation {
        let kind = "event of a task inside a reservation; takes nothing besides";
        return Ok(journal.dirt(kind, Action::Drop, line)?);
    }
    let Some(time) = time else {
        let kind = "event after the trace; the task has not ended";
        return Ok(journal.dirt(kind, Action::Drop, line)?);
    };
    let Some(kind) = KINDS[kind as usize] else {
        return Ok(());
    };
    let event = TaskEvent { key, kind, time };
    if tasks.opens(event) {
        let is_constrained = !matches!(fields.text(CONSTRAINT), "" | "[]");
        for (is_so, kind) in [
            (
                cpu.is_none() || memory.is_none(),
                "no request; counted as 0",
            ),
            (is_constrained, "constraint on attributes, not enforced"),
            (machine == Some(-1), "dedicated machine, not enforced"),
        ] {
            if is_so {
                journal.dirt(kind, Action::Keep, line)?;
            }
        }
    }
    let spec = || PodSpec {
        priority: priority as i32,
        behaviour: usage.of(key).map(Into::into),
        ..PodSpec::with_requests(requests(cpu, memory))
    };
    tasks.take(journal, line, event, "", spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::packed::archive;
    use crate::inspect::validate;
    use crate::memory::Recorded;
    use units::{Duration, Instant};

    const HEADER: &str = "time,type,collection_id,instance_index,collection_type,priority,\
                          alloc_collection_id,machine_id,resource_request_cpus,\
                          resource_request.memory,constraint\n";

    fn read(text: String) -> Recorded {
        let input = Input::bytes("i", text.into_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        Recorded::collect(&mut *source).expect("good rows")
    }

    /// Type, time in seconds, collection, and alloc set of a few events.
    const EVENTS: [(i64, i64, i64, i64); 9] = [
        (0, 600, 7, 0),
        (1, 600, 7, 0),
        (2, 605, 7, 0),
        (3, 610, 7, 0),
        (6, 670, 7, 0),
        (0, 620, 8, 0),
        (3, 630, 8, 0),
        (0, 640, 9, 8),
        (3, 650, 9, 8),
    ];

    #[test]
    fn tables_and_objects_give_the_same_demands() {
        let row = |(kind, seconds, collection, alloc): (i64, i64, i64, i64)| {
            let set = i64::from(collection == 8);
            format!("{seconds}000000,{kind},{collection},0,{set},200,{alloc},0,0.5,0.25,[]\n")
        };
        let object = |(kind, seconds, collection, alloc): (i64, i64, i64, i64)| {
            let set = i64::from(collection == 8);
            format!(
                "{{\"time\": \"{seconds}000000\", \"type\": {kind}, \"instance_index\": 0, \
                 \"collection_id\": \"{collection}\", \"collection_type\": {set}, \
                 \"priority\": 200, \"alloc_collection_id\": \"{alloc}\", \
                 \"resource_request\": {{\"cpus\": 0.5, \"memory\": 0.25}}, \"constraint\": []}}\n"
            )
        };
        let rows: String = EVENTS.map(row).concat();
        let table = format!("{HEADER}{rows}");
        let objects: String = EVENTS.map(object).concat();
        for text in [&table, &objects] {
            let input = Input::bytes("i", text.as_bytes());
            let entry = crate::registry::recognize(&input).expect("known");
            assert_eq!(entry.name, ENTRY.name);
        }
        let (one, other) = (read(table), read(objects));
        assert_eq!(one.arrivals, other.arrivals);
        assert_eq!(one.classes, other.classes);
        let seen: Vec<_> = { one.arrivals.iter() }
            .map(|one| (one.name.to_string(), one.submit, one.run_time))
            .collect();
        let at = Instant::from_secs;
        assert_eq!(
            seen,
            [
                ("7-0".to_owned(), at(600), Some(Duration::from_secs(60))),
                ("8-0".to_owned(), at(620), None),
            ]
        );
        let requests = one.classes[0].requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(32_000));
        let kind = "event of a task inside a reservation; takes nothing besides";
        assert_eq!(one.ledger.count(kind), 2);
    }

    #[test]
    fn dirty_records_are_named() {
        let rows = "1,11,7,0,0,1,0,0,0.5,0.5,\n1,0,7,0,2,1,0,0,0.5,0.5,\n1,0,7,0,0,1,0,0,-1,1,\n\
                    1,0,8,0,0,1,0,-1,,1,a\n9223372036854775807,6,8,0,0,1,0,-1,,1,\n";
        let input = Input::bytes("i.csv", format!("{HEADER}{rows}").into_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "i.csv:2: column `type`: must be at most 10, found `11`",
                "i.csv:3: column `collection_type`: must be at most 1, found `2`",
                "i.csv:4: column `resource_request_cpus`: must be at least 0, found `-1`",
            ]
        );
        for kind in [
            "no request; counted as 0",
            "constraint on attributes, not enforced",
            "dedicated machine, not enforced",
            "event after the trace; the task has not ended",
        ] {
            assert_eq!(found.ledger.count(kind), 1, "{kind}");
        }
    }

    #[test]
    fn usage_beside_the_events_is_what_tasks_use() {
        let events = format!("{HEADER}600000000,0,7,0,0,200,0,0,0.5,0.25,\n");
        let usage = "{\"start_time\": \"600000000\", \"end_time\": \"900000000\", \"collection_id\": \"7\", \
                     \"instance_index\": 0, \"average_usage\": {\"cpus\": 0.125, \"memory\": 0.25}}\n";
        let bytes = archive(&[
            ("instance_events.csv", &events),
            ("instance_usage.json", usage),
        ]);
        let input = Input::bytes("g.tar", bytes);
        let options = ReadOptions {
            usage: true,
            ..ReadOptions::default()
        };
        let mut source = open(&input, &options).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let used = recorded.classes[0]
            .behaviour
            .as_ref()
            .and_then(|own| own.cpu_usage.clone());
        assert_eq!(used.as_deref(), Some("steps(600s: 8000m)"));
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        assert_eq!(recorded.ledger.count(USAGE_NOT_READ), 1);
    }
}

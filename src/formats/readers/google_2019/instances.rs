//! Instance events of Google's traces of 2019.
//!
//! The rules are those of the trace of 2011: a demand opens with SUBMIT and ends with FINISH, FAIL,
//! KILL or LOST, and an EVICT doesn't end it. An instance of an alloc set is a reservation, which takes
//! room on a machine as a task does; a task that runs inside one takes nothing besides and is left
//! out. QUEUE and ENABLE move a task within the queue that it arrived at. `instance_usage` beside the
//! events, in one folder or archive, is what tasks use; `collection_events` there say whose they are and
//! which collections they start after.

use std::rc::Rc;

use super::MOST;
use super::attributes::constraints;
use super::collections::{Collection, Collections, is_collections};
use crate::parts::measurements::each_usage_table;
use crate::readers::google_2011::attributes::{demands, keep_apart};
use crate::readers::google_2011::events::{Asked, TaskEvent, Tasks, opening_dirt};
use crate::readers::google_2011::presence::{Presence, SCHEDULE};
use crate::readers::google_2011::usage::{WindowPlaces, Windows};
use crate::readers::google_2011::{time, unsorted};
use crate::readers::prelude::*;
use intake::records::{each_record, object_has, record_has};
use model::Requirement;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "google-2019-instances",
    summary: "instance events of Google's cluster traces of 2019 (CSV with header, or JSON lines)",
    columns: COLUMNS,
    relations: &[],
    names: &["collection_id", "instance_index", "machine_id"],
    cells: |format, input, show| super::show(&tables(input)?.without(3), format, show),
    options: &[
        "ran-only",
        "full-cpu",
        "full-memory",
        "usage",
        "largest-request",
        "constraints",
        "recorded",
    ],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    TIME: or_zero("time", "µs since 600 s before the trace; 0 is before it"),
    TYPE: or_zero("type", "0 submit, 1 queue, 2 enable, 3 schedule, 4 evict, 5 fail, 6 finish, 7 kill, 8 lost, 9 and \
         10 update"),
    COLLECTION: required("collection_id", "job or alloc set"),
    INDEX: or_zero("instance_index", "instance within its collection"),
    CLASS: optional("scheduling_class", "0 to 3; read, not used"),
    MISSING: optional("missing_type", "kind of a record that was made up; counted"),
    COLLECTION_TYPE: optional("collection_type", "0 job, 1 alloc set (reservation)"),
    PRIORITY: or_zero("priority", "0 to 1000, higher first; empty is that of the collection"),
    ALLOC: optional("alloc_collection_id", "alloc set that the task runs in, 0: none"),
    MACHINE: optional("machine_id", "machine, 0: none, -1: dedicated"),
    CPU: optional("resource_request.cpus", "share of the largest machine"),
    MEMORY: optional("resource_request.memory", "share of the largest machine"),
    CONSTRAINT: optional("constraint", "constraints on attributes of machines, with the option `constraints`"),
}

/// The publisher's columns that are not read.
const OTHERS: &[&str] = &["alloc_instance_index"];

columns! { USAGE_COLUMNS;
    _: or_zero("start_time", "µs since 600 s before the trace"),
    _: required("end_time", "µs"),
    _: required("collection_id", "job or alloc set"),
    _: or_zero("instance_index", "instance within its collection"),
    _: optional("average_usage.cpus", "share of the largest machine"),
    _: optional("average_usage.memory", "share of the largest machine"),
}

/// The publisher's columns of usage that are not read.
const USAGE_OTHERS: &[&str] = &[
    "machine_id",
    "collection_type",
    "alloc_collection_id",
    "alloc_instance_index",
    "maximum_usage.cpus",
    "maximum_usage.memory",
    "random_sample_usage.cpus",
    "random_sample_usage.memory",
    "assigned_memory",
    "page_cache_memory",
    "cycles_per_instruction",
    "memory_accesses_per_instruction",
    "sample_rate",
    "cpu_usage_distribution",
    "tail_cpu_usage_distribution",
];

const WINDOW: WindowPlaces = WindowPlaces {
    start: 0,
    end: 1,
    job: 2,
    index: 3,
    cpu: 4,
    memory: 5,
};

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
    let others = is_collections(first).max(super::is_usage(first));
    is_events(first).max(others)
}

/// Whether a table that begins with these bytes is one of instance events.
pub(super) fn is_events(first: &[u8]) -> Confidence {
    if super::is_joined(first) {
        return Confidence::No;
    }
    let own = [
        "time",
        "type",
        "collection_id",
        "instance_index",
        "priority",
    ];
    // Objects leave out what is 0; these keys are those of no other table.
    let objects = object_has(first, &["collection_id", "resource_request"]);
    record_has(first, &own).max(objects)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut tasks = Tasks::new(options);
    let mut usage = Windows::default();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [events, of_collections, windows, machines] = &tables.read;
    let (unread, each) = (super::MACHINES_UNREAD, super::machines::each_event);
    let presence = Presence::read(machines, &mut journal, unread, each)?;
    let mut collections = Collections::default();
    for part in of_collections {
        collections.read(part, &mut journal, options)?;
    }
    collections.tell(&mut journal)?;
    let collections = Rc::new(collections);
    tasks.links = Some(Rc::<Collections>::clone(&collections));
    each_usage_table(windows, options, &mut journal, |part, journal| {
        each_record(
            part,
            USAGE_COLUMNS,
            USAGE_OTHERS,
            journal,
            |journal, fields| usage.take_window(journal, fields, options, WINDOW),
        )
    })?;
    let beside = Beside {
        options,
        collections: &collections,
        presence: &presence,
    };
    let tasks = tasks.with_usage(usage.usage(&mut journal)?);
    unsorted::demands(tasks, journal, options, events, |tasks, journal| {
        for part in events {
            each_record(part, COLUMNS, OTHERS, journal, |journal, fields| {
                take(tasks, journal, fields, &beside)
            })?;
        }
        Ok(())
    })
}

/// The tables of events, of collections, of usage and of machines.
fn tables(input: &Input) -> Result<Tables<4>, TraceError> {
    super::refuse_joined(input)?;
    Tables::with_first(
        input,
        super::TABLES,
        [
            "instance_events",
            "collection_events",
            "instance_usage",
            "machine_events",
        ],
    )
}

/// The options, and the tables beside the events.
struct Beside<'b> {
    options: &'b ReadOptions,
    collections: &'b Collections,
    presence: &'b Presence,
}

/// An event as its record states it.
struct Record {
    event: TaskEvent,
    priority: i32,
    cpu: Option<i64>,
    memory: Option<i64>,
    /// Constraints on attributes of machines.
    demands: Vec<Requirement>,
}

fn take(
    tasks: &mut Tasks,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    beside: &Beside<'_>,
) -> Result<(), Refused> {
    let (line, options) = (fields.line(), beside.options);
    let kind = fields.number(TYPE, 0, 10)?;
    let key = (
        fields.number(COLLECTION, 0, i64::MAX)?,
        fields.number(INDEX, 0, i64::MAX)?,
    );
    let time = time(fields, TIME)?;
    fields.integer(CLASS, 0, 3)?;
    let collection = beside.collections.get(key.0)?;
    let collection = collection.as_deref();
    let is_reservation = fields.integer(COLLECTION_TYPE, 0, 1)?;
    let is_reservation = is_reservation.map_or_else(
        || collection.is_some_and(|own| own.is_alloc_set),
        |kind| kind == 1,
    );
    let priority = fields.integer(PRIORITY, 0, 1_000)?;
    let priority = priority.or_else(|| collection.and_then(|own| own.priority));
    let priority = priority.ok_or_else(|| fields.bad(PRIORITY, "a whole number"))?;
    let alloc = fields.integer(ALLOC, 0, i64::MAX)?;
    let alloc = alloc.or_else(|| collection.and_then(|own| own.alloc_set));
    let cpu = fields.scaled(CPU, options.full_cpu_milli, MOST)?;
    let memory = fields.scaled(MEMORY, options.full_memory_bytes, MOST)?;
    let demands = constraints(fields, CONSTRAINT, options.constraints)?;
    fields.integer(MACHINE, -1, i64::MAX)?;
    if fields.integer(MISSING, 0, 5)?.unwrap_or_default() > 0 {
        journal.dirt("record made up by the publisher", Action::Keep, line)?;
    }
    if alloc.is_some_and(|set| set > 0) && !is_reservation {
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
    if kind == SCHEDULE {
        beside.presence.check(journal, fields, MACHINE, time)?;
    }
    let record = Record {
        event: TaskEvent { key, kind, time },
        priority: priority as i32,
        cpu,
        memory,
        demands,
    };
    happen(tasks, journal, fields, record, beside)
}

/// Takes an event that is one of a task, or of a reservation.
fn happen(
    tasks: &mut Tasks,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    record: Record,
    beside: &Beside<'_>,
) -> Result<(), Refused> {
    let (line, event) = (fields.line(), record.event);
    let is_heeded = beside.options.constraints;
    let collection = beside.collections.get(event.key.0)?;
    let collection = collection.as_deref();
    let dirt = opening_dirt([
        record.cpu.is_none() || record.memory.is_none(),
        false,
        !record.demands.is_empty() && !is_heeded,
        fields.integer(MACHINE, -1, i64::MAX)? == Some(-1),
        false,
    ]);
    let labels = collection.map(Collection::labels).unwrap_or_default();
    let apart = collection.map(Collection::apart).filter(|_| is_heeded);
    let apart = apart.unwrap_or_default();
    let is_free = apart.is_empty() && record.demands.is_empty();
    let is_plain = labels.is_empty() && (!is_heeded || is_free);
    let plain = (record.priority, record.cpu, record.memory);
    let asked = Asked {
        user: collection.map_or(b"", |own| own.user.as_bytes()),
        plain: is_plain.then_some(plain),
        dirt,
        spec: || {
            let heeded = is_heeded.then_some(record.demands);
            let mut spec = PodSpec {
                priority: record.priority,
                labels,
                affinity: demands(heeded.unwrap_or_default()),
                ..PodSpec::with_requests(requests(record.cpu, record.memory))
            };
            for domain in apart {
                keep_apart(&mut spec, event.key.0, domain);
            }
            Ok(spec)
        },
    };
    tasks.take(journal, line, event, asked)
}

#[cfg(test)]
mod tests;

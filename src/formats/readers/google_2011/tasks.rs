//! Task events of Google's trace of 2011.
//!
//! A demand opens with the SUBMIT of a task and ends with its FINISH, FAIL, KILL or LOST; an EVICT
//! doesn't end it. Its run time is that of the last attempt, from SCHEDULE to the end. A task that
//! ends without having run stays, once placed, as long as it waited, or is left out with `ran-only`.
//! A task that doesn't end within the trace has no run time. Requests are those of the SUBMIT. The
//! scheduling class changes no placement here and is read over; requests of disk space are counted, as no machine states
//! how much it has. Constraints
//! of tasks and usage are read with the events if a folder or an archive has their tables, too.

use super::attributes::{Constraints, is_constraints, keep_apart};
use super::events::{Asked, TaskEvent, Tasks, opening_dirt};
use super::presence::{Presence, SCHEDULE};
use super::unsorted;
use super::usage::Windows;
use crate::parts::class_keys::ClassKeys;
use crate::parts::measurements::each_usage_table;
use crate::readers::prelude::*;
use model::node::HOSTNAME_LABEL;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "google-2011-tasks",
    summary: "task events of Google's cluster trace of 2011 (CSV without header)",
    columns: COLUMNS,
    relations: &[],
    names: &["job id", "task index", "machine id", "user"],
    cells: |format, input, show| tables(input)?.without(3).show(format, &LAYOUT, show),
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
    TIME: required("time", "µs since 600 s before the trace; 0 is before it") => is_whole,
    MISSING: required("missing info", "kind of a record that was made up; counted"),
    JOB: required("job id", "job") => is_whole,
    INDEX: required("task index", "task within its job") => is_whole,
    MACHINE: required("machine id", "machine; where a task ran is not used"),
    EVENT: required("event", "0 submit, 1 schedule, 2 evict, 3 fail, 4 finish, 5 kill, 6 lost, 7 and 8 update")
        => is_whole,
    USER: required("user", "user; becomes the tenant"),
    CLASS: required("scheduling class", "0 to 3; read, not used"),
    PRIORITY: required("priority", "0 to 12, higher first"),
    CPU: required("CPU request", "share of the largest machine"),
    MEMORY: required("memory request", "share of the largest machine"),
    DISK: required("disk request", "share of the largest machine; counted, not requested, as machines state none"),
    APART: required("different machines", "1: tasks of a job apart, with the option `constraints`"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// The most that a task may ask for, in largest machines.
const MOST: f64 = 100.0;

fn sniff(first: &[u8]) -> Confidence {
    let others = is_constraints(first).max(super::is_jobs(first));
    LAYOUT.confidence(first).max(others)
}

/// The tables of events, of constraints, of usage and of machines.
fn tables(input: &Input) -> Result<Tables<4>, TraceError> {
    Tables::with_first(
        input,
        super::TABLES,
        [
            "task_events",
            "task_constraints",
            "task_usage",
            "machine_events",
        ],
    )
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [events, of_constraints, windows, machines] = &tables.read;
    let unread = super::MACHINES_UNREAD;
    let presence = Presence::read(machines, &mut journal, unread, super::machines::each_event)?;
    let (mut constraints, mut usage) = (Constraints::default(), Windows::default());
    for part in of_constraints {
        constraints.add(part, &mut journal)?;
    }
    each_usage_table(windows, options, &mut journal, |part, journal| {
        usage.add(part, journal, options)
    })?;
    let tasks = Tasks::new(options).with_usage(usage.usage(&mut journal)?);
    let mut beside = Beside {
        options,
        constraints,
        presence,
        requests: ClassKeys::new(&LAYOUT.between(CLASS..=APART)),
    };
    unsorted::demands(tasks, journal, options, events, |tasks, journal| {
        each_row_of_all(events, &LAYOUT, journal, |journal, fields| {
            take(tasks, journal, fields, &mut beside)
        })
    })
}

/// The request of a task.
#[derive(Clone, Copy, Debug)]
struct Request {
    priority: i32,
    /// 1/1000 cores.
    cpu: Option<i64>,
    /// Bytes.
    memory: Option<i64>,
    has_disk: bool,
    is_apart: bool,
}

impl Request {
    fn of(fields: &Fields<'_, '_>, options: &ReadOptions) -> Result<Self, BadRow> {
        fields.integer(CLASS, 0, 3)?;
        let priority = fields.number(PRIORITY, 0, 12)?;
        let cpu = fields.scaled(CPU, options.full_cpu_milli, MOST)?;
        let memory = fields.scaled(MEMORY, options.full_memory_bytes, MOST)?;
        Ok(Self {
            priority: priority as i32,
            cpu,
            memory,
            has_disk: fields.decimal(DISK, MOST)?.is_some_and(|share| share > 0.0),
            is_apart: fields.integer(APART, 0, 1)? == Some(1),
        })
    }
}

/// The options, the tables beside the events, and the requests that were met.
struct Beside<'b> {
    options: &'b ReadOptions,
    constraints: Constraints,
    presence: Presence,
    requests: ClassKeys<Request>,
}

impl Beside<'_> {
    /// The request of an event's task, which is parsed once for all rows of the same text.
    fn request(&mut self, fields: &Fields<'_, '_>) -> Result<Request, BadRow> {
        if let Some(known) = self.requests.find(fields.row()) {
            return Ok(known);
        }
        let request = Request::of(fields, self.options)?;
        self.requests.learn(fields.row(), request);
        Ok(request)
    }
}

fn take(
    tasks: &mut Tasks,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    beside: &mut Beside<'_>,
) -> Result<(), Refused> {
    let (line, options) = (fields.line(), beside.options);
    let kind = fields.number(EVENT, 0, 8)?;
    let key = (
        fields.number(JOB, 0, i64::MAX)?,
        fields.number(INDEX, 0, i64::MAX)?,
    );
    let time = super::time(fields, TIME)?;
    let asks = beside.request(fields)?;
    if fields.integer(MISSING, 0, 2)?.is_some() {
        journal.dirt("record made up by the publisher", Action::Keep, line)?;
    }
    let Some(time) = time else {
        let kind = "event after the trace; the task has not ended";
        return Ok(journal.dirt(kind, Action::Drop, line)?);
    };
    if kind == SCHEDULE {
        beside.presence.check(journal, fields, MACHINE, time)?;
    }
    let event = TaskEvent { key, kind, time };
    let Request {
        priority,
        cpu,
        memory,
        ..
    } = asks;
    let is_heeded = asks.is_apart && options.constraints;
    let asked = Asked {
        user: fields.bytes(USER),
        plain: (beside.constraints.is_empty() && !is_heeded).then_some((priority, cpu, memory)),
        dirt: opening_dirt([
            cpu.is_none() || memory.is_none(),
            asks.is_apart && !is_heeded,
            false,
            false,
            asks.has_disk,
        ]),
        spec: || {
            let mut spec = PodSpec {
                priority,
                affinity: beside.constraints.of(key)?,
                ..PodSpec::with_requests(requests(cpu, memory))
            };
            if is_heeded {
                keep_apart(&mut spec, key.0, HOSTNAME_LABEL);
            }
            Ok(spec)
        },
    };
    tasks.take(journal, line, event, asked)
}

#[cfg(test)]
mod tests;

//! Batch tasks of Alibaba's trace of 2017. The instances of a task are pods of their own. The trace
//! says when a task was created and when its state changed last, not when it started: the run time
//! of its instances includes the wait. Processors are in 1/100 core: values of 50 and 100 an instance
//! on machines of 64 cores.

use crate::budget::MEMBERS;
use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, is_whole, row_has,
};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::rows::{Fields, Layout, Refused, each_row, show_rows};
use crate::stream::ArrivalSource;
use crate::unfold::Unfold;
use model::{PodName, PodSpec};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2017-tasks",
    summary: "batch tasks of Alibaba's cluster trace of 2017 (CSV without header)",
    columns: COLUMNS,
    names: &["job id", "task id"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["full-memory"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("create time", "s from the trace's start"),
    ColumnDoc::required("end time", "s, of the last change of state"),
    ColumnDoc::required("job id", "job; becomes part of the name"),
    ColumnDoc::required("task id", "task; becomes part of the name"),
    ColumnDoc::required("instances", "number of instances; each is a pod"),
    ColumnDoc::required("status", "state at the end; only Terminated is a success"),
    ColumnDoc::required("cpus", "1/100 core per instance"),
    ColumnDoc::required("memory", "share of the largest machine per instance"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const CREATED: usize = 0;
const END: usize = 1;
const JOB: usize = 2;
const TASK: usize = 3;
const INSTANCES: usize = 4;
const STATUS: usize = 5;
const CPU: usize = 6;
const MEMORY: usize = 7;

/// The states of a task.
const STATES: [&str; 7] = [
    "Ready",
    "Waiting",
    "Running",
    "Terminated",
    "Failed",
    "Cancelled",
    "Interrupted",
];

fn sniff(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 3] = [
        (CREATED, is_whole),
        (END, is_whole),
        (STATUS, |field| STATES.contains(&field)),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        take(&mut gather, journal, fields, options)
    })?;
    Ok(Box::new(Unfold::new(gather.finish(journal))))
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let line = fields.line();
    let status = fields.text(STATUS);
    if !STATES.contains(&status) {
        return Err(fields
            .bad(STATUS, &format!("one of {}", STATES.join(", ")))
            .into());
    }
    let instances = fields.integer(INSTANCES, 0, MEMBERS)?;
    let cpu = fields.scaled(CPU, 10, 1e6)?;
    let memory = super::share_of(fields, MEMORY, options.full_memory_bytes)?;
    let created = super::time(journal, fields, CREATED)?;
    let end = super::time(journal, fields, END)?;
    let Some(instances) = instances.filter(|&instances| instances > 0) else {
        return Ok(journal.dirt("task without an instance", Action::Drop, line)?);
    };
    let has_ended = matches!(status, "Terminated" | "Failed" | "Cancelled");
    let run_time = (has_ended && end >= created).then(|| end.since(created));
    if run_time.is_none() {
        let kind = "no end after the creation; run time not known";
        journal.dirt(kind, Action::Repair, line)?;
    }
    if cpu.is_none() || memory.is_none() {
        journal.dirt("no request; counted as 0", Action::Keep, line)?;
    }
    let (job, task) = (fields.text(JOB), fields.text(TASK));
    gather.push(
        journal.origin(line),
        Demand {
            submit: created,
            name: PodName::Text(format!("{job}-{task}").into()),
            spec: PodSpec::with_requests(requests(cpu, memory)),
            members: instances as u32,
            run_time,
            ..Demand::default()
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;
    use units::{Duration, Instant};

    #[test]
    fn instances_run_from_creation_to_end() {
        let rows = "41562,41618,120,686,2,Terminated,50,0.004\n-5,41618,120,687,1,Failed,,\n\
                    10,9,121,1,1,Terminated,50,0.1\n10,90,121,2,1,Running,50,0.1\n";
        let input = Input::bytes("t.csv", rows.as_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        assert_eq!(recorded.arrivals.len(), 5);
        let last = &recorded.arrivals[4];
        assert_eq!(last.name.to_string(), "120-686-2");
        assert_eq!(last.submit, Instant::from_secs(41_562));
        assert_eq!(last.run_time, Some(Duration::from_secs(56)));
        let requests = recorded.classes[0].requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(500));
        for (kind, count) in [
            ("time before the trace's start; counted as 0", 1),
            ("no end after the creation; run time not known", 2),
            ("no request; counted as 0", 1),
        ] {
            assert_eq!(recorded.ledger.count(kind), count, "{kind}");
        }
        let rows = "1,2,1,1,1,Terminated,50,1.5\n1,2,1,1,1,Done,50,1\n1,2,1,1\n";
        let found = validate(
            &Input::bytes("t.csv", rows.as_bytes()),
            &ENTRY,
            &ReadOptions::default(),
            9,
        );
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "t.csv:1: column `memory`: must be at most 1, found `1.5`",
                "t.csv:2: column `status`: must be one of Ready, Waiting, Running, Terminated, \
                 Failed, Cancelled, Interrupted, found `Done`",
                "t.csv:3: column `instances`: the row has 4 fields where the header has 8, found \
                 `1,2,1,1`",
            ]
        );
    }
}

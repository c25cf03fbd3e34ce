//! Batch tasks of Alibaba's trace of 2018. The instances of a task are pods of their own: they start
//! one by one. A task arrives when it began in the origin. A run holds it back until all instances of the
//! tasks have ended that it waits for, which its name states (`R3_1_2` waits for 1 and 2).

use crate::budget::MEMBERS;
use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, is_whole, row_has,
};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::known_tasks::KnownTasks;
use crate::ledger::{Action, Journal};
use crate::links::Links;
use crate::options::ReadOptions;
use crate::rows::{Fields, LAST_SECOND, Layout, Refused, each_row, show_rows};
use crate::stream::ArrivalSource;
use crate::unfold::Unfold;
use model::{PodName, PodSpec};
use units::{Duration, Instant};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2018-tasks",
    summary: "batch tasks of Alibaba's cluster trace of 2018 (CSV without header)",
    columns: COLUMNS,
    names: &["task_name", "job_name", "task_type"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["ran-only", "full-memory"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("task_name", "name, with the tasks that it waits for"),
    ColumnDoc::required("instance_num", "number of instances; each is a pod"),
    ColumnDoc::required("job_name", "job; becomes part of the name"),
    ColumnDoc::required("task_type", "type; becomes the tenant"),
    ColumnDoc::required("status", "state at the end; only Terminated is a success"),
    ColumnDoc::required("start_time", "s from the trace's start"),
    ColumnDoc::required("end_time", "s; 0 while it runs"),
    ColumnDoc::required("plan_cpu", "1/100 core per instance"),
    ColumnDoc::required("plan_mem", "percent of the largest machine per instance"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const NAME: usize = 0;
const INSTANCES: usize = 1;
const JOB: usize = 2;
const TYPE: usize = 3;
const STATUS: usize = 4;
const START: usize = 5;
const END: usize = 6;
const CPU: usize = 7;
const MEMORY: usize = 8;

/// The states of a task.
const STATES: [&str; 6] = [
    "Running",
    "Terminated",
    "Failed",
    "Waiting",
    "Interrupted",
    "Ready",
];

fn sniff(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 3] = [
        (INSTANCES, |field| field.is_empty() || is_whole(field)),
        (STATUS, |field| STATES.contains(&field)),
        (START, is_whole),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let (mut gather, mut known) = (Gather::default(), KnownTasks::default());
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        take(&mut gather, &mut known, journal, fields, options)
    })?;
    let whole = known.only(gather.finish(journal), &input.name);
    Ok(Box::new(Unfold::new(whole)))
}

fn take(
    gather: &mut Gather,
    known: &mut KnownTasks,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let line = fields.line();
    let name = fields.name(NAME, "the name of a task")?;
    let status = fields.name(STATUS, "the state of a task")?;
    if !STATES.contains(&status) {
        return Err(fields
            .bad(STATUS, &format!("one of {}", STATES.join(", ")))
            .into());
    }
    let instances = fields.integer(INSTANCES, 0, MEMBERS)?;
    let start = fields.number(START, 0, LAST_SECOND)?;
    let end = fields.integer(END, 0, LAST_SECOND)?.unwrap_or(0);
    let cpu = super::centi_cores(fields, CPU)?;
    let memory = super::percent_of(fields, MEMORY, options.full_memory_bytes)?;
    let Some(instances) = instances.filter(|&instances| instances > 0) else {
        return Ok(journal.dirt("task without an instance", Action::Drop, line)?);
    };
    if start == 0 && options.ran_only {
        return Ok(journal.dirt("task never began", Action::Drop, line)?);
    }
    if start == 0 {
        let kind = "task without a start; arrives at 0";
        journal.dirt(kind, Action::Keep, line)?;
    }
    let run_time = (start > 0 && end >= start).then(|| Duration::from_secs(end - start));
    if run_time.is_none() {
        let kind = "no end after a start; run time not known";
        journal.dirt(kind, Action::Repair, line)?;
    }
    if cpu.is_none() || memory.is_none() {
        journal.dirt("no request; counted as 0", Action::Keep, line)?;
    }
    let (own, mut others) = numbers(name);
    if own.is_some_and(|own| others.contains(&own)) {
        journal.dirt("task that waits for itself", Action::Repair, line)?;
    }
    others.retain(|&other| Some(other) != own);
    let job = fields.text(JOB);
    let task = |number: u32| PodName::Text(format!("{job}/{number}").into());
    let part_of = own.map(task);
    if let Some(own) = &part_of {
        known.add(own);
    }
    let links = Links::of(part_of, others.into_iter().map(task).collect());
    gather.push(
        journal.origin(line),
        Demand {
            submit: Instant::from_secs(start),
            name: PodName::Text(format!("{job}-{name}").into()),
            tenant: fields.text(TYPE).into(),
            spec: PodSpec::with_requests(requests(cpu, memory)),
            members: instances as u32,
            run_time,
            historic_start: (start > 0).then(|| Instant::from_secs(start)),
            links,
            ..Demand::default()
        },
    );
    Ok(())
}

/// The number of a task and those of the tasks that it waits for, as its name states them: a letter,
/// its own number, then the others.
fn numbers(name: &str) -> (Option<u32>, Vec<u32>) {
    let Some(rest) = name.strip_prefix(|first: char| first.is_ascii_uppercase()) else {
        return (None, Vec::new());
    };
    let mut numbers = rest.split('_');
    let own = numbers.next().and_then(|own| own.parse::<u32>().ok());
    let others = numbers.map_while(|other| other.parse::<u32>().ok());
    match own {
        Some(_) => (own, others.collect()),
        None => (None, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    const ROWS: &str = "M1,2,j_1,1,Terminated,100,160,50,0.39\n\
                        R2_1,1,j_1,1,Terminated,160,170,100,0.5\n\
                        task_Nzg3,1,j_2,1,Failed,90,0,100,\n\
                        R3_3,1,j_3,1,Waiting,0,0,100,0.5\n";

    fn read(options: &ReadOptions) -> Recorded {
        let input = Input::bytes("batch_task.csv", ROWS.as_bytes());
        let mut source = open(&input, options).expect("good rows");
        Recorded::collect(&mut *source).expect("good rows")
    }

    #[test]
    fn instances_are_pods_of_their_own() {
        let recorded = read(&ReadOptions::default());
        let seen: Vec<_> = { recorded.arrivals.iter() }
            .map(|one| (one.name.to_string(), one.submit.as_nanos() / 1_000_000_000))
            .collect();
        let expected = [
            ("j_3-R3_3", 0),
            ("j_2-task_Nzg3", 90),
            ("j_1-M1-1", 100),
            ("j_1-M1-2", 100),
            ("j_1-R2_1", 160),
        ];
        assert_eq!(seen, expected.map(|(name, at)| (name.to_owned(), at)));
        assert_eq!(recorded.arrivals[2].run_time, Some(Duration::from_secs(60)));
        assert_eq!(recorded.arrivals[1].run_time, None);
        let requests = recorded.classes[0].requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(500));
        assert_eq!(requests.get("memory").units_ceil(), Ok(1_072_023_837));
        for (kind, count) in [
            ("no end after a start; run time not known", 2),
            ("no request; counted as 0", 1),
            (
                "waits for a task that is not in the trace; not waited for",
                0,
            ),
            ("task that waits for itself", 1),
            ("task without a start; arrives at 0", 1),
        ] {
            assert_eq!(recorded.ledger.count(kind), count, "{kind}");
        }
        let options = ReadOptions {
            ran_only: true,
            ..ReadOptions::default()
        };
        assert_eq!(read(&options).arrivals.len(), 4);
    }

    #[test]
    fn dirty_rows_are_named() {
        let rows = "M1,2,j_1,1,Terminated,100,160,50,0.39\nM1,2,j_1,1,Done,1,2,50,1\n\
                    M1,2,j_1,1,Failed,-1,2,50,1\nM1,2,j_1,1,Failed,1,2,50,120\nM1,0,j,1,Failed,1,2,,\n";
        let input = Input::bytes("t.csv", rows.as_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "t.csv:2: column `status`: must be one of Running, Terminated, Failed, Waiting, \
                 Interrupted, Ready, found `Done`",
                "t.csv:3: column `start_time`: must be at least 0, found `-1`",
                "t.csv:4: column `plan_mem`: must be at most 100, found `120`",
            ]
        );
        assert_eq!(found.ledger.count("task without an instance"), 1);
    }

    #[test]
    fn names_state_what_a_task_waits_for() {
        for (name, own, others) in [
            ("M1", Some(1), &[][..]),
            ("J5_3_4", Some(5), &[3, 4]),
            ("R2_2", Some(2), &[2]),
            ("task_Nzg3", None, &[]),
            ("M1_Stg2", Some(1), &[]),
        ] {
            assert_eq!(numbers(name), (own, others.to_vec()), "{name}");
        }
        let recorded = read(&ReadOptions::default());
        let waiting: Vec<_> = { recorded.arrivals.iter() }
            .map(|one| (one.task().to_string(), one.after().len()))
            .collect();
        let expected = [
            ("j_3/3", 0),
            ("j_2-task_Nzg3", 0),
            ("j_1/1", 0),
            ("j_1/1", 0),
            ("j_1/2", 1),
        ];
        assert_eq!(
            waiting,
            expected.map(|(task, after)| (task.to_owned(), after))
        );
    }
}

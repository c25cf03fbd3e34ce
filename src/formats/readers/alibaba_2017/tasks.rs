//! Batch tasks of Alibaba's trace of 2017. The instances of a task are pods of their own. The trace
//! says when a task was created and when its state changed last, not when it started: the run time
//! of its instances includes the wait, unless the table of instances lies beside that of tasks: then each runs from its
//! start to its end. Processors are in 1/100 core: values of 50 and 100 an instance
//! on machines of 64 cores.

use super::instances::{self, Instances};
use crate::parts::batch_plans::{Plan, Plans};
use crate::parts::instances::Unfold;
use crate::parts::joined_name::JoinedName;
use crate::readers::alibaba_2018::outcome;
use crate::readers::prelude::*;
use intake::ledger::RowPolicy;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2017-tasks",
    summary: "batch tasks of Alibaba's cluster trace of 2017 (CSV without header)",
    columns: COLUMNS,
    relations: &[Relation::recorded(
        &["create time", "end time"],
        "no end after the creation",
    )],
    names: &["job id", "task id"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["full-memory", "usage", "recorded"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    CREATED: required("create time", "s from the trace's start; 0 is before it") => is_whole,
    END: required("end time", "s, of the last change of state") => is_whole,
    JOB: required("job id", "job; becomes part of the name"),
    TASK: required("task id", "task; becomes part of the name"),
    INSTANCES: required("instances", "number of instances; each is a pod"),
    STATUS: required("status", "state at the end, written again as the outcome; only Terminated is a success")
        => |field| STATES.contains(&field),
    CPU: required("cpus", "1/100 core per instance"),
    MEMORY: required("memory", "share of the largest machine per instance"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// The states of a task.
pub(super) const STATES: [&str; 7] = [
    "Ready",
    "Waiting",
    "Running",
    "Terminated",
    "Failed",
    "Cancelled",
    "Interrupted",
];

fn sniff(first: &[u8]) -> Confidence {
    LAYOUT
        .confidence(first)
        .max(instances::LAYOUT.confidence(first))
}

fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    Tables::of(input, super::TABLES, ["batch_task", "batch_instance"])
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut gather = Gather::default();
    gather.header.fields = outcome_alone(options);
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [tasks, instances] = &tables.read;
    let (mut plans, mut names) = (Plans::default(), JoinedName::default());
    if !instances.is_empty() {
        plans = planned(tasks, options)?;
    }
    let mut beside = Instances {
        gather: &mut gather,
        plans: &mut plans,
        options,
        unlisted: Places::default(),
    };
    for part in instances {
        beside.read(part, &mut journal)?;
    }
    each_row_of_all(tasks, &LAYOUT, &mut journal, |journal, fields| {
        take(
            &mut gather,
            &mut plans,
            &mut names,
            journal,
            fields,
            options,
        )
    })?;
    Ok(Box::new(Unfold::new(gather.finish(journal)?)))
}

/// The tasks, as their instances need them. Their faults are found when their turn comes.
fn planned(tasks: &[Input], options: &ReadOptions) -> Result<Plans, TraceError> {
    let mut plans = Plans::default();
    for part in tasks {
        let mut unheard = Journal::new(part.name.clone(), RowPolicy::REPORT);
        let parts = std::slice::from_ref(part);
        each_row_of_all(parts, &LAYOUT, &mut unheard, |journal, fields| {
            let (cpu, memory) = amounts(fields, options)?;
            let plan = Plan {
                submit: Some(super::time(journal, fields, CREATED)?),
                cpu,
                memory,
            };
            Ok(plans.add(fields.text(JOB), fields.text(TASK), plan)?)
        })?;
    }
    Ok(plans)
}

/// The request of an instance, in 1/1000 core and bytes.
fn amounts(
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
) -> Result<(Option<i64>, Option<i64>), BadRow> {
    let cpu = fields.scaled(CPU, 10, 1e6)?;
    let memory = super::share_of(fields, MEMORY, options.full_memory_bytes)?;
    Ok((cpu, memory))
}

/// Refuses a state that is none of a task's or instance's.
pub(super) fn state(fields: &Fields<'_, '_>, place: usize) -> Result<(), BadRow> {
    let status = fields.bytes(place);
    if STATES.iter().any(|state| state.as_bytes() == status) {
        return Ok(());
    }
    Err(fields.bad(place, &format!("one of {}", STATES.join(", "))))
}

fn take(
    gather: &mut Gather,
    plans: &mut Plans,
    names: &mut JoinedName,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let line = fields.line();
    state(fields, STATUS)?;
    let instances = fields.integer(INSTANCES, 0, MEMBERS)?;
    let (cpu, memory) = amounts(fields, options)?;
    let created = super::creation(journal, fields, CREATED)?;
    let end = super::time(journal, fields, END)?;
    let Some(instances) = instances.filter(|&instances| instances > 0) else {
        return Ok(journal.dirt("task without an instance", Action::Drop, line)?);
    };
    if cpu.is_none() || memory.is_none() {
        journal.dirt("no request; counted as 0", Action::Keep, line)?;
    }
    if is_covered(plans, journal, fields, instances)? {
        return Ok(());
    }
    let run_time = run_time(journal, fields, created, end)?;
    let name = names.of([fields.bytes(JOB), b"-", fields.bytes(TASK)]);
    gather.met.meet(journal, line, name);
    gather.push_plain(
        journal.origin(line),
        PlainDemand {
            submit: created,
            name: FlatName::Text(name),
            amounts: Amounts {
                cpu_milli: cpu,
                memory,
                outcome: outcome(fields.bytes(STATUS)).filter(|_| options.keeps_outcomes()),
                ..Amounts::default()
            },
            members: instances as u32,
            run_time,
            ..PlainDemand::default()
        },
    );
    Ok(())
}

/// Whether the instances of a task stand in their own table.
fn is_covered(
    plans: &mut Plans,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    instances: i64,
) -> Result<bool, TraceError> {
    if plans.is_empty() {
        return Ok(false);
    }
    let met = plans.met(fields.text(JOB), fields.text(TASK))?;
    let kind = match i64::from(met) {
        0 => "task without instances in their table; they run as long as it was there",
        met if met == instances => return Ok(true),
        _ => "task with another number of instances than it states; those listed count",
    };
    journal.dirt(kind, Action::Keep, fields.line())?;
    Ok(met > 0)
}

/// The note about a task whose start is not stated (spec: traces.md, section 0).
const WITH_WAIT: &str = "run time from the creation to the end, which includes the wait";

/// The time from the creation of a task to its end, if it has ended.
fn run_time(
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    created: Instant,
    end: Instant,
) -> Result<Option<Duration>, TraceError> {
    let has_ended = outcome(fields.bytes(STATUS)).is_some();
    let run_time = (has_ended && end >= created).then(|| end.since(created));
    let (kind, action) = match run_time {
        Some(_) => (WITH_WAIT, Action::Keep),
        None => (
            "no end after the creation; run time not known",
            Action::Repair,
        ),
    };
    journal.dirt(kind, action, fields.line())?;
    Ok(run_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn instances_run_from_creation_to_end() {
        let rows = "41562,41618,120,686,2,Terminated,50,0.004\n-5,41618,120,687,1,Failed,,\n\
                    10,9,121,1,1,Terminated,50,0.1\n10,90,121,2,1,Running,50,0.1\n\
                    20,95,121,3,1,Interrupted,50,0.1\n0,95,121,4,0,Terminated,50,0.1\n";
        let recorded = collected_of(open, "t.csv", rows);
        assert_eq!(recorded.arrivals.len(), 6);
        let interrupted = &recorded.arrivals[3];
        assert_eq!(interrupted.run_time, Some(Duration::from_secs(75)));
        let last = &recorded.arrivals[5];
        assert_eq!(last.name.to_string(), "120-686-2");
        assert_eq!(last.submit, Instant::from_secs(41_562));
        assert_eq!(last.run_time, Some(Duration::from_secs(56)));
        let requests = recorded.classes[last.class as usize]
            .requests()
            .expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(500));
        recorded.ledger.has_counts([
            ("time before the trace's start; counted as 0", 1),
            ("created at 0, perhaps before", 1),
            ("no end after the creation; run time not known", 2),
            ("no request; counted as 0", 1),
            (WITH_WAIT, 3),
        ]);
        let rows = "1,2,1,1,1,Terminated,50,1.5\n1,2,1,1,1,Done,50,1\n1,2,1,1\n";
        faults(&ENTRY, "t.csv", rows).has_bad_rows([
            "t.csv:1: column `memory`: must be at most 1, found `1.5`",
            "t.csv:2: column `status`: must be one of Ready, Waiting, Running, Terminated, \
                 Failed, Cancelled, Interrupted, found `Done`",
            "t.csv:3: column `instances`: the row has 4 fields where the format has 8, found \
                 `1,2,1,1`",
        ]);
    }
}

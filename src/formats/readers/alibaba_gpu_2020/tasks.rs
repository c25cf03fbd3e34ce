//! Tasks of Alibaba's GPU trace of 2020: the instances of all tasks of a job are a gang, whose members differ in
//! what they request. The table of tasks says when a task was launched, not when its job was submitted; that of
//! jobs, beside it in a folder or an archive, does. Where the tasks of a job began apart, all arrive with the first
//! of them. The GPU model of a task is the one that it was given: with tags of jobs beside it, the one that was
//! asked for stands.

use super::beside::{self, About, Beside};
use crate::parts::gangs::{Gangs, MOST_HELD};
use crate::parts::joined_name::JoinedName;
use crate::readers::alibaba_2018::outcome;
use crate::readers::prelude::*;
use arrivals::spill::{FlatLinks, Order};
use intake::rows::USAGE_NOT_READ;
use model::JOB_TYPE_LABEL;
use model::gpu::DEVICE_MILLI;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-gpu-2020-tasks",
    summary: "tasks of Alibaba's GPU trace of 2020 (`pai_task_table`, CSV without header)",
    columns: COLUMNS,
    relations: &[Relation::recorded(
        &["start_time", "end_time"],
        "no end after a start",
    )],
    names: &["job_name", "task_name"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["usage", "recorded"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    JOB: required("job_name", "job; becomes part of the name, and the gang of all its tasks"),
    TASK: required("task_name", "role of the task; becomes part of the name, and the tenant"),
    INSTANCES: required("inst_num", "number of instances, which are members of the gang") => is_number_or_empty,
    STATUS: required("status", "state at the end, written again as the outcome; only Terminated is a success")
        => |field| STATES.contains(&field),
    START: required("start_time", "s; empty while it waits") => is_number_or_empty,
    END: required("end_time", "s; empty while it runs"),
    CPU: required("plan_cpu", "1/100 core per instance"),
    MEMORY: required("plan_mem", "GiB per instance"),
    GPU: required("plan_gpu", "1/100 GPU per instance") => is_number_or_empty,
    MODEL: required("gpu_type", "GPU model; empty or CPU: any"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// The states of a task.
pub(super) const STATES: [&str; 5] = ["Running", "Terminated", "Failed", "Waiting", "Interrupted"];

fn sniff(first: &[u8]) -> Confidence {
    let own = [LAYOUT, beside::JOBS, beside::TAGS, beside::SENSORS];
    let own = own.iter().map(|layout| layout.confidence(first)).max();
    own.max(Some(super::is_instances(first)))
        .unwrap_or(Confidence::No)
}

fn tables(input: &Input) -> Result<Tables<4>, TraceError> {
    Tables::with_first(
        input,
        super::TABLES,
        [
            "pai_task_table",
            "pai_job_table",
            "pai_group_tag_table",
            "pai_sensor_table",
        ],
    )
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [tasks, jobs, tags, sensors] = &tables.read;
    let mut beside = Beside::default();
    beside.read_tags(tags, &mut journal)?;
    beside.read_jobs(jobs, &mut journal)?;
    if options.usage {
        beside.read_sensors(sensors, &mut journal)?;
    } else if let Some(part) = sensors.first() {
        journal.file = part.name.clone();
        journal.dirt(USAGE_NOT_READ, Action::Keep, 1)?;
    }
    let mut gather = Gather::holding(MOST_HELD).in_order(Order::Place);
    gather.header.fields = outcome_alone(options);
    let (mut gangs, mut names) = (Gangs::new(LATER), JoinedName::default());
    each_row_of_all(tasks, &LAYOUT, &mut journal, |journal, fields| {
        beside.meet(fields.text(JOB))?;
        let ended = outcome(fields.bytes(STATUS)).filter(|_| options.keeps_outcomes());
        let mut sources = Tasks {
            gather: &mut gather,
            gangs: &mut gangs,
            beside: &beside,
            names: &mut names,
        };
        sources.take(journal, fields, ended)
    })?;
    gangs.finish(&mut journal, |tasks| {
        if let [only] = tasks {
            only.leave_gang();
        }
        gather.add_gang(tasks);
    })?;
    if let Some(part) = jobs.first() {
        journal.file = part.name.clone();
        for _ in 0..beside.without_tasks() {
            journal.dirt("job without a task; makes no demand", Action::Drop, 1)?;
        }
    }
    gather.finish_from_first(journal)
}

/// The note about a task that arrives with another of its job.
const LATER: &str =
    "began after another task of its job; arrives with that, as all of a job begin together";

/// The arrivals that tasks become, and the tables beside them.
struct Tasks<'t> {
    gather: &'t mut Gather,
    gangs: &'t mut Gangs,
    beside: &'t Beside,
    names: &'t mut JoinedName,
}

impl Tasks<'_> {
    /// Takes a task with its outcome, where that is asked for.
    fn take(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        outcome: Option<Outcome>,
    ) -> Result<(), Refused> {
        let line = fields.line();
        let Some(stated) = Stated::of(journal, fields)? else {
            return Ok(());
        };
        let (job, task) = (fields.text(JOB), fields.text(TASK));
        let about = about(journal, line, self.beside, job)?;
        let mut model = model_of(fields.text(MODEL));
        if let Some(known) = { about.model.as_deref() }.filter(|_| stated.gpu_milli > 0) {
            model = model_of(known);
        }
        let name = self.names.of([job, "-", task].map(str::as_bytes));
        let demand = PlainDemand {
            submit: submit(journal, line, about.submit, stated.start)?,
            name: FlatName::Text(name),
            tenant: match &*about.user {
                "" => task.as_bytes(),
                user => user.as_bytes(),
            },
            amounts: Amounts {
                cpu_milli: stated.cpu,
                memory: stated.memory,
                gpu_milli: stated.gpu_milli,
                model,
                outcome,
                ..Amounts::default()
            },
            members: stated.instances,
            run_time: stated.run_time,
            historic_start: Some(stated.start),
            links: Some(FlatLinks::of_gang(job.as_bytes())),
            ..PlainDemand::default()
        };
        let used = self.beside.used(job, task)?;
        self.gather.met.meet(journal, line, name);
        let origin = journal.origin(line);
        let arrival = if used.is_none() && about.workload.is_empty() {
            self.gather.plain_arrival(origin, demand)
        } else {
            self.gather.changed_arrival(origin, demand, |spec| {
                spec.behaviour = used.map(Into::into);
                if !about.workload.is_empty() {
                    let workload = about.workload.as_str().into();
                    spec.labels.insert(JOB_TYPE_LABEL.into(), workload);
                }
            })
        };
        self.gangs.push(&arrival);
        Ok(())
    }
}

/// A task as its row states it.
struct Stated {
    instances: u32,
    start: Instant,
    run_time: Option<Duration>,
    cpu: Option<i64>,
    memory: Option<i64>,
    gpu_milli: i64,
}

impl Stated {
    /// The task of a row; `None` if it never began or has no instance.
    fn of(journal: &mut Journal, fields: &Fields<'_, '_>) -> Result<Option<Self>, Refused> {
        let line = fields.line();
        let status = fields.bytes(STATUS);
        if !STATES.iter().any(|state| state.as_bytes() == status) {
            return Err(fields
                .bad(STATUS, &format!("one of {}", STATES.join(", ")))
                .into());
        }
        let instances = fields.decimal(INSTANCES, MEMBERS as f64)?;
        let (start, end) = (fields.seconds(START)?, fields.seconds(END)?);
        let cpu = fields.scaled(CPU, 10, 1e7)?;
        let memory = fields.scaled(MEMORY, 1 << 30, 1e6)?;
        let (gpu_milli, is_rounded) = gpus(fields)?;
        let Some(start) = start else {
            journal.dirt("task never began", Action::Drop, line)?;
            return Ok(None);
        };
        let kind = "no number of instances; counted as 1";
        journal.repair_if(instances.is_none(), kind, line)?;
        let instances = instances.unwrap_or(1.0);
        if instances < 1.0 {
            journal.dirt("task without an instance", Action::Drop, line)?;
            return Ok(None);
        }
        if cpu.is_none() || memory.is_none() {
            journal.dirt("no request; counted as 0", Action::Keep, line)?;
        }
        let kind = "GPUs that are no whole number above one; rounded up";
        journal.repair_if(is_rounded, kind, line)?;
        Ok(Some(Self {
            instances: instances as u32,
            start,
            run_time: run_time(journal, line, start, end)?,
            cpu,
            memory,
            gpu_milli,
        }))
    }
}

/// The time from the start of a task to its end, if it has ended.
fn run_time(
    journal: &mut Journal,
    line: u64,
    start: Instant,
    end: Option<Instant>,
) -> Result<Option<Duration>, TraceError> {
    let run_time = end.filter(|&end| end >= start).map(|end| end.since(start));
    let kind = "no end after a start; run time not known";
    journal.repair_if(run_time.is_none(), kind, line)?;
    Ok(run_time)
}

/// The facts about a task in other tables.
fn about(
    journal: &mut Journal,
    line: u64,
    beside: &Beside,
    job: &str,
) -> Result<About, TraceError> {
    let about = beside.about(job)?;
    let kind = "task of a job that is not listed; arrives at its start";
    journal.keep_if(about.is_none() && beside.has_jobs(), kind, line)?;
    Ok(about.unwrap_or_default())
}

/// The submission of a task that started then.
fn submit(
    journal: &mut Journal,
    line: u64,
    submitted: Option<Instant>,
    start: Instant,
) -> Result<Instant, TraceError> {
    match submitted {
        Some(at) if at <= start => Ok(at),
        Some(_) => {
            let kind = "start before the job's submission; arrives at its start";
            journal.dirt(kind, Action::Repair, line)?;
            Ok(start)
        }
        None => Ok(start),
    }
}

/// The GPU model of a name; empty for any.
fn model_of(name: &str) -> &str {
    if name == "CPU" { "" } else { name }
}

/// The 1/1000 GPUs of an instance, and whether they had to be rounded.
fn gpus(fields: &Fields<'_, '_>) -> Result<(i64, bool), BadRow> {
    let milli = fields
        .scaled(GPU, 10, 100.0 * MAX_DEVICES as f64)?
        .unwrap_or_default();
    let whole = i64::from(DEVICE_MILLI);
    if milli <= whole || milli % whole == 0 {
        return Ok((milli, false));
    }
    Ok(((milli / whole + 1) * whole, true))
}

#[cfg(test)]
mod tests;

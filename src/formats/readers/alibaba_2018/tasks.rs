//! Batch tasks of Alibaba's trace of 2018. The instances of a task are pods of their own: they start
//! one by one. A task arrives when it began in the origin. A run holds it back until all instances of the
//! tasks have ended that it waits for, which its name states (`R3_1_2` waits for 1 and 2). Where the table of instances
//! lies beside that of tasks, each instance runs as long as it did; else as long as its task.

use super::instances::{self, Instances, LastTask};
use crate::parts::batch_plans::{Plan, Plans};
use crate::parts::instances::Unfold;
use crate::parts::joined_name::JoinedName;
use crate::parts::task_names::KnownTasks;
use crate::readers::prelude::*;
use arrivals::links::Links;
use arrivals::spill::FlatLinks;
use intake::ledger::RowPolicy;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2018-tasks",
    summary: "batch tasks of Alibaba's cluster trace of 2018 (CSV without header)",
    columns: COLUMNS,
    relations: &[Relation::recorded(
        &["start_time", "end_time"],
        "no end after a start",
    )],
    names: &["task_name", "job_name", "task_type"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["ran-only", "full-memory", "usage", "recorded"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    NAME: required("task_name", "name, with the tasks that it waits for"),
    INSTANCES: required("instance_num", "number of instances; each is a pod")
        => |field| field.is_empty() || is_whole(field),
    JOB: required("job_name", "job; becomes part of the name"),
    TYPE: required("task_type", "type; becomes the tenant"),
    STATUS: required("status", "state at the end, written again as the outcome; only Terminated is a success")
        => |field| STATES.contains(&field),
    START: required("start_time", "s from the trace's start") => is_whole,
    END: required("end_time", "s; 0 while it runs"),
    CPU: required("plan_cpu", "1/100 core per instance"),
    MEMORY: required("plan_mem", "percent of the largest machine per instance"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// The states of a task.
pub(super) const STATES: [&str; 6] = [
    "Running",
    "Terminated",
    "Failed",
    "Waiting",
    "Interrupted",
    "Ready",
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
    let (mut gather, mut known) = (Gather::default(), KnownTasks::default());
    gather.header.fields = outcome_alone(options);
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [tasks, instances] = &tables.read;
    let mut plans = Plans::default();
    if !instances.is_empty() {
        plans = planned(tasks, options)?;
    }
    let mut beside = Instances {
        gather: &mut gather,
        known: &mut known,
        plans: &mut plans,
        options,
        last: LastTask::default(),
        names: JoinedName::default(),
    };
    for part in instances {
        beside.read(part, &mut journal)?;
    }
    let mut own = Own {
        gather,
        known,
        plans,
        options,
        names: JoinedName::default(),
    };
    each_row_of_all(tasks, &LAYOUT, &mut journal, |journal, fields| {
        own.take(journal, fields)
    })?;
    let whole = own.known.only(own.gather.finish(journal)?, &input.name)?;
    Ok(Box::new(Unfold::new(whole)))
}

/// The tasks, as their instances need them. Their faults are found when their turn comes.
fn planned(tasks: &[Input], options: &ReadOptions) -> Result<Plans, TraceError> {
    let mut plans = Plans::default();
    for part in tasks {
        let mut unheard = Journal::new(part.name.clone(), RowPolicy::REPORT);
        each_row_of(part, &LAYOUT, &mut unheard, &mut |_, fields| {
            let task = Task::of(fields, options)?;
            let plan = Plan {
                submit: (task.start > 0).then(|| Instant::from_secs(task.start)),
                cpu: task.cpu,
                memory: task.memory,
            };
            Ok(plans.add(fields.text(JOB), task.name, plan)?)
        })?;
    }
    Ok(plans)
}

/// A task as its row states it.
struct Task<'r> {
    name: &'r str,
    instances: Option<i64>,
    /// Seconds.
    start: i64,
    /// Seconds.
    end: i64,
    cpu: Option<i64>,
    memory: Option<i64>,
}

impl<'r> Task<'r> {
    fn of(fields: &Fields<'_, 'r>, options: &ReadOptions) -> Result<Self, BadRow> {
        let name = fields.name(NAME, "the name of a task")?;
        state(fields, STATUS)?;
        Ok(Self {
            name,
            instances: fields.integer(INSTANCES, 0, MEMBERS)?,
            start: fields.number(START, 0, LAST_SECOND)?,
            end: fields.integer(END, 0, LAST_SECOND)?.unwrap_or(0),
            cpu: super::centi_cores(fields, CPU)?,
            memory: super::percent_of(fields, MEMORY, options.full_memory_bytes)?,
        })
    }
}

/// Refuses a state that is none of a task's or instance's.
pub(super) fn state(fields: &Fields<'_, '_>, place: usize) -> Result<(), BadRow> {
    let status = fields.bytes(place);
    if STATES.iter().any(|state| state.as_bytes() == status) {
        return Ok(());
    }
    fields.name(place, "the state of a task")?;
    Err(fields.bad(place, &format!("one of {}", STATES.join(", "))))
}

/// The tasks up to now.
struct Own<'o> {
    gather: Gather,
    known: KnownTasks,
    plans: Plans,
    options: &'o ReadOptions,
    names: JoinedName,
}

impl Own<'_> {
    fn take(&mut self, journal: &mut Journal, fields: &Fields<'_, '_>) -> Result<(), Refused> {
        let line = fields.line();
        let task = Task::of(fields, self.options)?;
        let job = fields.text(JOB);
        let Some(instances) = task.instances.filter(|&instances| instances > 0) else {
            return Ok(journal.dirt("task without an instance", Action::Drop, line)?);
        };
        if task.cpu.is_none() || task.memory.is_none() {
            journal.dirt("no request; counted as 0", Action::Keep, line)?;
        }
        let (own, others) = numbers(task.name);
        if own.is_some_and(|own| others.contains(&own)) {
            journal.dirt("task that waits for itself", Action::Repair, line)?;
        }
        let links = links(job, task.name);
        self.known.add_task(links.as_deref());
        if self.plans.is_empty() {
            return self.push(journal, fields, &task, links.as_deref());
        }
        let met = self.plans.met(job, task.name)?;
        if met > 0 {
            let kind = "task with another number of instances than it states; those listed count";
            journal.keep_if(i64::from(met) != instances, kind, line)?;
            return Ok(());
        }
        let kind = "task without instances in their table; they run as long as it did";
        journal.dirt(kind, Action::Keep, line)?;
        self.push(journal, fields, &task, links.as_deref())
    }

    /// Adds a task whose instances are not listed.
    fn push(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        task: &Task<'_>,
        links: Option<&Links>,
    ) -> Result<(), Refused> {
        let line = fields.line();
        let Task { start, end, .. } = *task;
        if start == 0 && self.options.ran_only {
            return Ok(journal.dirt("task never began", Action::Drop, line)?);
        }
        journal.keep_if(start == 0, "task without a start; arrives at 0", line)?;
        let run_time = (start > 0 && end >= start).then(|| Duration::from_secs(end - start));
        let kind = "no end after a start; run time not known";
        journal.repair_if(run_time.is_none(), kind, line)?;
        self.known.want(links.map(FlatLinks::from).as_ref());
        let parts = [fields.bytes(JOB), b"-", task.name.as_bytes()];
        let name = self.names.of(parts);
        self.gather.met.meet(journal, line, name);
        let outcome = super::outcome(fields.bytes(STATUS));
        self.gather.push_plain(
            journal.origin(line),
            PlainDemand {
                submit: Instant::from_secs(start),
                name: FlatName::Text(name),
                tenant: fields.bytes(TYPE),
                amounts: Amounts {
                    cpu_milli: task.cpu,
                    memory: task.memory,
                    outcome: outcome.filter(|_| self.options.keeps_outcomes()),
                    ..Amounts::default()
                },
                members: task.instances.unwrap_or(1) as u32,
                run_time,
                historic_start: (start > 0).then(|| Instant::from_secs(start)),
                links: links.map(Into::into),
                ..PlainDemand::default()
            },
        );
        Ok(())
    }
}

/// The links of a task, as its name states them.
pub(super) fn links(job: &str, name: &str) -> Option<Box<Links>> {
    let (own, mut others) = numbers(name);
    others.retain(|&other| Some(other) != own);
    let task = |number: u32| PodName::Text(format!("{job}/{number}").into());
    Links::of(own.map(task), others.into_iter().map(task).collect())
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
    use crate::tests::prelude::*;

    const ROWS: &str = "M1,2,j_1,1,Terminated,100,160,50,0.39\n\
                        R2_1,1,j_1,1,Terminated,160,170,100,0.5\n\
                        task_Nzg3,1,j_2,1,Failed,90,0,100,\n\
                        R3_3,1,j_3,1,Waiting,0,0,100,0.5\n";

    fn read(options: &ReadOptions) -> Recorded {
        let input = Input::bytes("batch_task.csv", ROWS.as_bytes());
        collected(open(&input, options))
    }

    #[test]
    fn instances_are_pods_of_their_own() {
        let recorded = read(&ReadOptions::default());
        let seen =
            recorded.each(|one| (one.name.to_string(), one.submit.as_nanos() / 1_000_000_000));
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
        let class = recorded.arrivals[2].class as usize;
        assert_eq!(amounts(&recorded.classes[class]), (500, 1_072_023_837));
        recorded.ledger.has_counts([
            ("no end after a start; run time not known", 2),
            ("no request; counted as 0", 1),
            (
                "waits for a task that is not in the trace; not waited for",
                0,
            ),
            ("task that waits for itself", 1),
            ("task without a start; arrives at 0", 1),
        ]);
        let options = options_with(|own| own.ran_only = true);
        assert_eq!(read(&options).arrivals.len(), 4);
    }

    #[test]
    fn dirty_rows_are_named() {
        let rows = "M1,2,j_1,1,Terminated,100,160,50,0.39\nM1,2,j_1,1,Done,1,2,50,1\n\
                    M1,2,j_1,1,Failed,-1,2,50,1\nM1,2,j_1,1,Failed,1,2,50,120\nM1,0,j,1,Failed,1,2,,\n";
        let found = faults(&ENTRY, "t.csv", rows);
        found.has_bad_rows([
            "t.csv:2: column `status`: must be one of Running, Terminated, Failed, Waiting, \
                 Interrupted, Ready, found `Done`",
            "t.csv:3: column `start_time`: must be at least 0, found `-1`",
            "t.csv:4: column `plan_mem`: must be at most 100, found `120`",
        ]);
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
        let waiting = recorded.each(|one| (one.task().to_string(), one.after().len()));
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

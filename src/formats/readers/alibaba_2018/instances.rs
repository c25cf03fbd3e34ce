//! Instances of batch tasks in Alibaba's trace of 2018 (`batch_instance`): beside the tasks, in one folder or archive,
//! each runs as long as it did, for what its task requests; alone they are a workload that requests nothing.

use super::tasks::{STATES, links, state};
use crate::parts::batch_plans::Plans;
use crate::parts::joined_name::JoinedName;
use crate::parts::task_names::KnownTasks;
use crate::readers::prelude::*;
use arrivals::links::Links;
use arrivals::spill::FlatLinks;

columns! { COLUMNS;
    NAME: required("instance_name", "instance; becomes part of the name"),
    TASK: required("task_name", "task, with the tasks that it waits for"),
    JOB: required("job_name", "job; becomes part of the name"),
    TYPE: required("task_type", "type; becomes the tenant"),
    STATUS: required("status", "state at the end; written again as the outcome") => |field| STATES.contains(&field),
    START: required("start_time", "s from the trace's start") => is_whole,
    END: required("end_time", "s; 0 while it runs"),
    _: required("machine_id", "machine; read, not used"),
    ATTEMPT: required("seq_no", "number of the attempt") => is_number_or_empty,
    ATTEMPTS: required("total_seq_no", "number of attempts"),
    CPU: required("cpu_avg", "1/100 core; with the option `usage`, what it uses") => is_number_or_empty,
    MOST_CPU: required("cpu_max", "1/100 core; read, not used"),
    MEMORY: required("mem_avg", "percent of the largest machine; with `usage`, what it uses"),
    MOST_MEMORY: required("mem_max", "percent of the largest machine; read, not used"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// The reading of instances: the tables that it needs and those that it adds to.
pub(super) struct Instances<'i> {
    pub(super) gather: &'i mut Gather,
    pub(super) known: &'i mut KnownTasks,
    pub(super) plans: &'i mut Plans,
    pub(super) options: &'i ReadOptions,
    pub(super) last: LastTask,
    pub(super) names: JoinedName,
}

/// The task of the instance above, of which most have the next one as well.
#[derive(Debug, Default)]
pub(super) struct LastTask {
    job: String,
    name: String,
    links: Option<Box<Links>>,
}

impl LastTask {
    /// Makes a task the one of the instance that is read.
    fn become_task(&mut self, job: &str, name: &str) {
        if self.job == job && self.name == name {
            return;
        }
        job.clone_into(&mut self.job);
        name.clone_into(&mut self.name);
        self.links = links(job, name);
    }
}

impl Instances<'_> {
    /// Takes the instances of a table.
    pub(super) fn read(&mut self, part: &Input, journal: &mut Journal) -> Result<(), TraceError> {
        journal.file = part.name.clone();
        each_row_of(part, &LAYOUT, journal, &mut |journal, fields| {
            self.take(journal, fields)
        })
    }

    fn take(&mut self, journal: &mut Journal, fields: &Fields<'_, '_>) -> Result<(), Refused> {
        let line = fields.line();
        let name = fields.name(NAME, "the name of an instance")?;
        let task = fields.name(TASK, "the name of a task")?;
        state(fields, STATUS)?;
        let start = fields.integer(START, 0, LAST_SECOND)?.unwrap_or(0);
        let end = fields.integer(END, 0, LAST_SECOND)?.unwrap_or(0);
        let [attempt, attempts] = [
            fields.integer(ATTEMPT, 0, i64::from(u32::MAX))?,
            fields.integer(ATTEMPTS, 0, i64::from(u32::MAX))?,
        ];
        let behaviour = self.behaviour(fields)?;
        if attempt.zip(attempts).is_some_and(|(own, all)| own < all) {
            let kind = "earlier attempt of an instance; the last one counts";
            return Ok(journal.dirt(kind, Action::Drop, line)?);
        }
        let job = fields.text(JOB);
        let plan = self.plans.meet(job, task)?;
        self.last.become_task(job, task);
        let links = self.last.links.as_deref();
        if plan.is_none() {
            self.known.add_task(links);
            let kind = "instance of a task that is not listed; requests nothing";
            journal.dirt(kind, Action::Keep, line)?;
        }
        if start == 0 && self.options.ran_only {
            return Ok(journal.dirt("instance never began", Action::Drop, line)?);
        }
        let kind = "instance without a start; arrives with its task";
        journal.keep_if(start == 0, kind, line)?;
        let run_time = (start > 0 && end >= start).then(|| Duration::from_secs(end - start));
        let kind = "no end after a start; run time not known";
        journal.repair_if(run_time.is_none(), kind, line)?;
        let historic_start = (start > 0).then(|| Instant::from_secs(start));
        let submit = plan.and_then(|plan| plan.submit);
        // The first instance of a task begins when the task does.
        let submit = submit.into_iter().chain(historic_start).min();
        let links = links.map(FlatLinks::from);
        self.known.want(links.as_ref());
        let parts = [job, "-", task, "-", name].map(str::as_bytes);
        let name = self.names.of(parts);
        self.gather.met.meet(journal, line, name);
        let outcome = super::outcome(fields.bytes(STATUS));
        let amounts = Amounts {
            cpu_milli: plan.and_then(|plan| plan.cpu),
            memory: plan.and_then(|plan| plan.memory),
            outcome: outcome.filter(|_| self.options.keeps_outcomes()),
            ..Amounts::default()
        };
        let plain = PlainDemand {
            submit: submit.unwrap_or_default(),
            name: FlatName::Text(name),
            tenant: fields.bytes(TYPE),
            amounts,
            run_time,
            historic_start,
            links,
            ..PlainDemand::default()
        };
        let origin = journal.origin(line);
        match behaviour {
            None => self.gather.push_plain(origin, plain),
            Some(used) => self.gather.push_changed(origin, plain, |spec| {
                spec.behaviour = Some(used.into());
            }),
        }
        Ok(())
    }

    /// The use of an instance, if it is asked for and stated.
    fn behaviour(&self, fields: &Fields<'_, '_>) -> Result<Option<Behaviour>, Refused> {
        let cpu = super::centi_cores(fields, CPU)?;
        super::centi_cores(fields, MOST_CPU)?;
        let full = self.options.full_memory_bytes;
        let memory = super::percent_of(fields, MEMORY, full)?;
        super::percent_of(fields, MOST_MEMORY, full)?;
        if !self.options.usage {
            return Ok(None);
        }
        Ok(Behaviour::using(cpu, memory))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tasks::ENTRY;
    use crate::registry;
    use crate::tests::prelude::*;

    const TASKS: &str = "M1,2,j_1,1,Terminated,100,190,50,0.39\n\
                         R2_1,1,j_1,1,Terminated,190,200,100,0.5\n\
                         M1,3,j_2,1,Failed,90,95,100,0.5\n";
    const INSTANCES: &str = "ins_1,M1,j_1,1,Terminated,100,160,m_1,1,1,43,50,0.02,0.03\n\
                             ins_2,M1,j_1,1,Failed,110,120,m_1,1,2,,,,\n\
                             ins_2,M1,j_1,1,Terminated,120,190,m_2,2,2,7,9,-1,101\n\
                             ins_3,M1,j_2,1,Waiting,0,0,,1,1,,,,\n\
                             ins_4,M9,j_9,1,Terminated,300,310,m_1,,1,1,1,0.1,0.1\n";

    fn input() -> Input {
        let files = [("batch_instance.csv", INSTANCES), ("batch_task.csv", TASKS)];
        Input::bytes("t.tar", archive(&files))
    }

    fn read(input: &Input, options: &ReadOptions) -> Recorded {
        let entry = registry::recognize(input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let open = opener(entry);
        collected(open(input, options))
    }

    #[test]
    fn instances_run_as_long_as_they_did_for_what_their_tasks_request() {
        let options = options_with(|own| own.usage = true);
        let recorded = read(&input(), &options);
        let seen = recorded.each(|one| {
            let spec = &recorded.classes[one.class as usize];
            let cpu = spec.requests().expect("small").get("cpu").milli_ceil();
            let used = spec
                .behaviour
                .as_ref()
                .and_then(|own| own.cpu_usage.clone());
            let second = one.submit.as_nanos() / 1_000_000_000;
            (
                one.name.to_string(),
                second,
                one.run_time,
                cpu.expect("small"),
                used,
            )
        });
        let run = |seconds| Some(Duration::from_secs(seconds));
        let text = |text: &str| Some(text.into());
        let own = |name: &str, at, run, cpu, used| (name.to_owned(), at, run, cpu, used);
        seen.are([
            own("j_2-M1-ins_3", 90, None, 1_000, None),
            own("j_1-M1-ins_1", 100, run(60), 500, text("430m")),
            own("j_1-M1-ins_2", 100, run(70), 500, text("70m")),
            own("j_1-R2_1", 190, run(10), 1_000, None),
            own("j_9-M9-ins_4", 300, run(10), 0, text("10m")),
        ]);
        assert_eq!(
            recorded.arrivals[2].historic_start,
            Some(Instant::from_secs(120))
        );
        assert_eq!(recorded.arrivals[3].after().len(), 1);
        recorded.ledger.has_once([
            "earlier attempt of an instance; the last one counts",
            "instance of a task that is not listed; requests nothing",
            "instance without a start; arrives with its task",
            "no end after a start; run time not known",
            "task with another number of instances than it states; those listed count",
        ]);
        let options = options_with(|own| own.ran_only = true);
        let ran = read(&input(), &options);
        assert_eq!(ran.arrivals.len(), 4);
        assert!(ran.classes.iter().all(|spec| spec.behaviour.is_none()));
    }

    #[test]
    fn states_are_outcomes_where_they_are_asked_for() {
        let options = options_with(|own| own.recorded = true);
        let recorded = read(&input(), &options);
        let expected = ["", "completed", "completed", "completed", "completed"];
        assert_eq!(crate::tests::outcomes(&recorded), expected);
        assert_eq!(recorded.header.fields.len(), 1);
        let tasks = "M1,1,j_1,1,Interrupted,1,2,50,1\nM1,2,j_2,1,Failed,2,3,50,1\nM1,1,j_3,1,Running,3,0,50,1\n";
        let recorded = read(&Input::bytes("t.csv", tasks.as_bytes()), &options);
        assert_eq!(
            crate::tests::outcomes(&recorded),
            ["failed", "failed", "failed", ""]
        );
    }

    #[test]
    fn instances_alone_request_nothing_and_dirty_rows_are_named() {
        let alone = Input::bytes("i.csv", INSTANCES.as_bytes());
        assert_eq!(read(&alone, &ReadOptions::default()).arrivals.len(), 4);
        let rows = "i,M1,j_1,1,Done,100,160,m_1,1,1,43,50,0.02,0.03\n\
                    i,M1,j_1,1,Failed,x,160,m_1,1,1,43,50,0.02,0.03\n\
                    i,M1,j_1,1,Failed,1,160,m_1,1,1,-4,50,0.02,0.03\n";
        let found = faults(&ENTRY, "i.csv", rows);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        bad[1..].are([
            "i.csv:2: column `start_time`: must be a whole number, found `x`",
            "i.csv:3: column `cpu_avg`: must be at least 0, found `-4`",
        ]);
    }
}

//! Instances of batch tasks in Alibaba's trace of 2017 (`batch_instance`): beside the tasks, in one folder or archive,
//! each runs from its start to its end, for what its task requests; alone they are a workload that requests nothing.

use super::tasks::{STATES, state};
use crate::parts::batch_plans::Plans;
use crate::readers::alibaba_2018::outcome;
use crate::readers::prelude::*;
use arrivals::spill::Hashed as _;

columns! { COLUMNS;
    START: required("start time", "s from the trace's start; 0 and less: before it"),
    END: required("end time", "s"),
    JOB: required("job id", "job; becomes part of the name") => is_whole,
    TASK: required("task id", "task; becomes part of the name"),
    _: required("machine id", "machine; read, not used"),
    STATUS: required("status", "state at the end; written again as the outcome") => |field| STATES.contains(&field),
    ATTEMPT: required("sequence number", "number of the attempt") => is_number_or_empty,
    ATTEMPTS: required("total sequence number", "number of attempts"),
    MOST_CPU: required("maximum cpus", "cores; read, not used"),
    CPU: required("average cpus", "cores; with the option `usage`, what it uses") => is_number_or_empty,
    MOST_MEMORY: required("maximum memory", "share of the largest machine; read, not used"),
    MEMORY: required("average memory", "share of the largest machine; with the option `usage`, what it uses"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// The reading of instances: the tables that it needs and those that it adds to.
pub(super) struct Instances<'i> {
    pub(super) gather: &'i mut Gather,
    pub(super) plans: &'i mut Plans,
    pub(super) options: &'i ReadOptions,
    /// Numbers of instances of tasks that are not listed: the table names none.
    pub(super) unlisted: Places,
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
        state(fields, STATUS)?;
        let key = (
            fields.number(JOB, 0, i64::MAX)?,
            fields.number(TASK, 0, i64::MAX)?,
        );
        let has_start = !fields.text(START).is_empty();
        let start = has_start
            .then(|| super::time(journal, fields, START))
            .transpose()?;
        let has_end = !fields.text(END).is_empty();
        let end = has_end
            .then(|| super::time(journal, fields, END))
            .transpose()?;
        let [attempt, attempts] = [
            fields.integer(ATTEMPT, 0, i64::from(u32::MAX))?,
            fields.integer(ATTEMPTS, 0, i64::from(u32::MAX))?,
        ];
        let behaviour = self.behaviour(fields)?;
        if attempt.zip(attempts).is_some_and(|(own, all)| own < all) {
            let kind = "earlier attempt of an instance; the last one counts";
            return Ok(journal.dirt(kind, Action::Drop, line)?);
        }
        let (job, task) = (fields.text(JOB), fields.text(TASK));
        let plan = self.plans.meet(job, task)?;
        let number = if plan.is_some() {
            self.plans.met(job, task)?
        } else {
            let kind = "instance of a task that is not listed; requests nothing";
            journal.dirt(kind, Action::Keep, line)?;
            let number = self.unlisted.get(key.hashed())?.unwrap_or_default() + 1;
            self.unlisted.put(key.hashed(), number)?;
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        let has_ended = outcome(fields.bytes(STATUS)).is_some();
        let whole = start
            .zip(end)
            .filter(|&(start, end)| has_ended && start <= end);
        let run_time = whole.map(|(start, end)| end.since(start));
        let kind = "no end after a start; run time not known";
        journal.repair_if(run_time.is_none(), kind, line)?;
        let historic_start = start.filter(|&start| start > Instant::ZERO);
        let submit = plan.and_then(|plan| plan.submit);
        let submit = submit.into_iter().chain(historic_start).min();
        let amounts = plan.map(|plan| requests(plan.cpu, plan.memory));
        self.gather.push(
            journal.origin(line),
            Demand {
                submit: submit.unwrap_or_default(),
                name: PodName::Text(format!("{job}-{task}-{number}").into()),
                spec: PodSpec {
                    labels: Outcome::labels(outcome(fields.bytes(STATUS)), self.options),
                    behaviour: behaviour.map(Into::into),
                    ..PodSpec::with_requests(amounts.unwrap_or_default())
                },
                run_time,
                historic_start,
                ..Demand::default()
            },
        );
        Ok(())
    }

    /// The use of an instance, if it is asked for and stated.
    fn behaviour(&self, fields: &Fields<'_, '_>) -> Result<Option<Behaviour>, Refused> {
        let full = self.options.full_memory_bytes;
        fields.decimal(MOST_CPU, 1e5)?;
        super::share_of(fields, MOST_MEMORY, full)?;
        let cpu = fields.scaled(CPU, 1_000, 1e5)?;
        let memory = super::share_of(fields, MEMORY, full)?;
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

    const TASKS: &str = "100,190,1,1,2,Terminated,50,0.25\n150,200,1,2,1,Terminated,100,0.5\n";
    const INSTANCES: &str = "120,160,1,1,7,Terminated,1,1,0.5,0.25,0.1,0.125\n\
                             110,115,1,1,7,Failed,1,2,,,,\n\
                             130,190,1,1,7,Terminated,2,2,,,,\n\
                             300,310,9,9,7,Terminated,1,1,1,1,0.1,0.1\n\
                             300,310,9,9,7,Running,,1,1,1,0.1,0.1\n\
                             300,310,9,9,7,Ended,1,1,1,1,0.1,0.1\n";

    #[test]
    fn instances_run_from_their_starts_to_their_ends() {
        let files = [("batch_instance.csv", INSTANCES), ("batch_task.csv", TASKS)];
        let input = Input::bytes("t.tar", archive(&files));
        let entry = registry::recognize(&input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let open = opener(entry);
        let options = options_with(|own| (own.usage, own.rows) = (true, RowPolicy::REPORT));
        let read = |input: &Input| collected(open(input, &options));
        let recorded = read(&input);
        let seen = recorded.each(|one| {
            let second = |at: Instant| at.as_nanos() / 1_000_000_000;
            let start = one.historic_start.map(second);
            (
                one.name.to_string(),
                second(one.submit),
                start,
                one.run_time,
            )
        });
        let run = |seconds| Some(Duration::from_secs(seconds));
        seen.are([
            ("1-1-1".to_owned(), 100, Some(120), run(40)),
            ("1-1-2".to_owned(), 100, Some(130), run(60)),
            ("1-2".to_owned(), 150, None, run(50)),
            ("9-9-1".to_owned(), 300, Some(300), run(10)),
            ("9-9-2".to_owned(), 300, Some(300), None),
        ]);
        let first = recorded.classes[0].behaviour.as_ref().expect("measured");
        assert_eq!(first.cpu_usage.as_deref(), Some("250m"));
        assert_eq!(first.memory_usage.as_deref(), Some("34359738368"));
        recorded.ledger.has_counts([
            ("earlier attempt of an instance; the last one counts", 1),
            ("instance of a task that is not listed; requests nothing", 2),
            (
                "task without instances in their table; they run as long as it was there",
                1,
            ),
        ]);
        assert_eq!(
            recorded.ledger.bad_rows()[0].to_string(),
            "t.tar: batch_instance.csv:6: column `status`: must be one of Ready, Waiting, Running, \
             Terminated, Failed, Cancelled, Interrupted, found `Ended`"
        );
        let alone = Input::bytes("i.csv", INSTANCES.as_bytes());
        assert_eq!(read(&alone).arrivals.len(), 4);
    }

    #[test]
    fn states_are_outcomes_where_they_are_asked_for() {
        let files = [("batch_instance.csv", INSTANCES), ("batch_task.csv", TASKS)];
        let options = options_with(|own| (own.outcomes, own.rows) = (true, RowPolicy::REPORT));
        let open = opener(&ENTRY);
        let input = Input::bytes("t.tar", archive(&files));
        let mut source = open(&input, &options).expect("good");
        let recorded = Recorded::collect(&mut *source).expect("good");
        let expected = ["completed", "completed", "completed", "completed", ""];
        assert_eq!(crate::tests::outcomes(&recorded), expected);
        let tasks = "1,2,1,1,1,Cancelled,50,0.5\n2,3,1,2,1,Failed,50,0.5\n3,4,1,3,1,Ready,50,0.5\n";
        let recorded = collected(open(&file("t.csv", tasks), &options));
        assert_eq!(
            crate::tests::outcomes(&recorded),
            ["cancelled", "failed", ""]
        );
    }
}

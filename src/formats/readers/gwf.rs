//! The Grid Workload Format: tasks of workflows. A task is a gang of pods of one core each, as a job
//! of a log in the Standard Workload Format is. Format: `traces.md`, section 11.

use super::swf;
use crate::parts::task_names::KnownTasks;
use crate::readers::prelude::*;
use arrivals::spill::FlatLinks;
use intake::archive::first_bytes;
use intake::number::digits;
use smallvec::SmallVec;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "gwf",
    summary: "tasks of workflows in the Grid Workload Format (CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["WorkflowID", "JobID"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    WORKFLOW: required("WorkflowID", "workflow; becomes part of the name, and the tenant") => is_any,
    JOB: required("JobID", "task; becomes part of the name") => is_any,
    SUBMIT: required("SubmitTime", "s from the trace's zero, also with a fraction") => is_any,
    RUN: required("RunTime", "s, also with a fraction; -1: not known"),
    PROCESSORS: required("NProcs", "processors that it had"),
    REQUESTED: required("ReqNProcs", "processors that it asked for; -1: as many as it had") => is_any,
    WAITS_FOR: optional("Dependencies", "tasks of the workflow that it waits for; -1 or nothing: none"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    if swf::sniff(&first_bytes(input)?) == Confidence::Certain {
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: "is a job log, not a table of tasks of workflows; name the format `swf`, which reads those of the \
                     Grid Workloads Archive, too"
                .to_owned(),
        });
    }
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let mut known = KnownTasks::default();
    let mut names = Names::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let line = fields.line();
        let job = fields.bytes(JOB);
        if job.is_empty() {
            return Err(fields.bad(JOB, "the number of a task").into());
        }
        let submit = fields.seconds(SUBMIT)?;
        let submit = submit.ok_or_else(|| fields.bad(SUBMIT, "a number of seconds"))?;
        let run = run_time(fields)?;
        let had = fields.number(PROCESSORS, -1, MEMBERS)?;
        let processors = match fields.integer(REQUESTED, -1, MEMBERS)? {
            None | Some(-1 | 0) => had,
            Some(asked) => asked,
        };
        if processors < 1 {
            return Ok(journal.dirt("task without a processor", Action::Drop, line)?);
        }
        let Some(run) = run else {
            return Ok(journal.dirt("run time not known", Action::Drop, line)?);
        };
        let workflow = fields.bytes(WORKFLOW);
        let are_numbers = names.take(workflow, job, fields.bytes(WAITS_FOR));
        for _ in 0..names.of_itself {
            journal.dirt("task that waits for itself", Action::Repair, line)?;
        }
        if !are_numbers {
            let expected = "numbers of tasks with blanks between";
            return Err(fields.bad(WAITS_FOR, expected).into());
        }
        let (name, others) = names.all();
        let links = FlatLinks::after(&others);
        known.add(FlatName::Text(name));
        known.want(links.as_ref());
        gather.met.meet(journal, line, name);
        gather.push_plain(
            journal.origin(line),
            PlainDemand {
                submit,
                name: FlatName::Text(name),
                tenant: workflow,
                amounts: Amounts {
                    cpu_milli: Some(1_000),
                    ..Amounts::default()
                },
                members: processors as u32,
                run_time: Some(run),
                links,
                ..PlainDemand::default()
            },
        );
        Ok(())
    })?;
    known.only(gather.finish(journal)?, &input.name)
}

/// The run time of a task; `None` if it is not known.
fn run_time(fields: &Fields<'_, '_>) -> Result<Option<Duration>, BadRow> {
    match fields.seconds(RUN) {
        Ok(Some(run)) => Ok(Some(run.since(Instant::ZERO))),
        _ if fields.text(RUN).parse::<f64>() == Ok(-1.0) => Ok(None),
        Ok(None) => Err(fields.bad(RUN, "a number of seconds, or -1")),
        Err(bad) => Err(bad),
    }
}

/// The names of a task and of those that it waits for, in memory that is used again for the next task.
#[derive(Default)]
struct Names {
    /// All names, that of the task first.
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// How often the task says that it waits for itself.
    of_itself: u32,
}

impl Names {
    /// Takes the names of a task of a workflow and of its other tasks that it waits for; whether these are numbers.
    fn take(&mut self, workflow: &[u8], job: &[u8], others: &[u8]) -> bool {
        self.bytes.clear();
        self.ends.clear();
        self.of_itself = 0;
        self.push(workflow, job);
        if digits(others).is_some() {
            self.push_other(workflow, job, others);
            return true;
        }
        if matches!(others, b"" | b"-1") {
            return true;
        }
        let others = str::from_utf8(others).unwrap_or_default();
        for other in others.split_whitespace() {
            if other.parse::<i64>().is_err() {
                return false;
            }
            self.push_other(workflow, job, other.as_bytes());
        }
        true
    }

    fn push(&mut self, workflow: &[u8], task: &[u8]) {
        for part in [workflow, b"-", task] {
            self.bytes.extend_from_slice(part);
        }
        self.ends.push(self.bytes.len());
    }

    fn push_other(&mut self, workflow: &[u8], job: &[u8], other: &[u8]) {
        if other == job {
            self.of_itself += 1;
        } else {
            self.push(workflow, other);
        }
    }

    /// The name of the task, and those of the others.
    fn all(&self) -> (&[u8], SmallVec<[FlatName<'_>; 4]>) {
        let between = self.ends.windows(2);
        let others = between.map(|ends| FlatName::Text(&self.bytes[ends[0]..ends[1]]));
        (&self.bytes[..self.ends[0]], others.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const HEADER: &str = "WorkflowID, JobID     , SubmitTime, RunTime   , NProcs    , ReqNProcs , \
                          Dependencies\n";

    #[test]
    fn fractions_of_seconds_and_tables_without_dependencies_are_read() {
        let header = "WorkflowID,JobID,SubmitTime,RunTime,NProcs,ReqNProcs";
        let rows =
            "0,1,0.5,11.25,1,1\n0,2,3,-1.0,1,1\n0,3,4.000,2,1,-1\n0,4,5,-2,1,1\n0,5,5,,1,1\n";
        let with = rows.replace('\n', ",-1\r\n");
        for text in [
            format!("{header}\n{rows}"),
            format!("{header},Dependencies\r\n{with}"),
        ] {
            let input = file_of(&ENTRY, "t.gwf", text);
            let options = options_with(|own| own.rows = intake::ledger::RowPolicy::REPORT);
            let recorded = collected(open(&input, &options));
            let seen = recorded.each(|one| (one.submit, one.run_time, one.after().len()));
            let millis = Duration::from_millis;
            let at = |own| Instant::ZERO + millis(own);
            let expected = [
                (at(500), Some(millis(11_250)), 0),
                (at(4_000), Some(millis(2_000)), 0),
            ];
            assert_eq!(seen, expected);
            let bad = recorded.ledger.bad_rows().iter().map(ToString::to_string);
            let expected = [
                "t.gwf:5: column `RunTime`: must be at least 0, found `-2`",
                "t.gwf:6: column `RunTime`: must be a number of seconds, or -1, found ``",
            ];
            assert_eq!(bad.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn tasks_are_gangs_of_processors() {
        let rows = "0 , 1 , 16 , 11 , 1 , 1 ,   \n0 , 2 , 40 , 11 , 4 , -1 , 1 \n\
                    0,3,40,-1,1,1,\n0,4,40,1,-1,-1,\n0,5,x,1,1,1,\n0,6,1,1,1,1,a\n";
        let found = faults(&ENTRY, "t.gwf", format!("{HEADER}{rows}"));
        found.has_bad_rows([
            "t.gwf:6: column `SubmitTime`: must be a number, found `x`",
            "t.gwf:7: column `Dependencies`: must be numbers of tasks with blanks between, \
                 found `a`",
        ]);
        found
            .ledger
            .has_once(["run time not known", "task without a processor"]);
        let good = format!("{HEADER}{}", &rows[..rows.find("0,5").expect("there")]);
        let recorded = collected(open(
            &Input::bytes("t.gwf", good.into_bytes()),
            &ReadOptions::default(),
        ));
        let seen = recorded.each(|one| (one.name.to_string(), one.members));
        assert_eq!(seen, [("0-1".to_owned(), 1), ("0-2".to_owned(), 4)]);
        assert_eq!(recorded.arrivals[1].after(), ["0-1".into()]);
    }
}

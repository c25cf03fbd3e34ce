//! Which machines are there at a time, by their events beside those of tasks: a task that is scheduled on a machine that
//! is not there is told of. Where a task ran in the trace is not imposed on a run, so that it changes none.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::machines::TakeEvent;
use crate::readers::prelude::*;
use intake::ledger::RowPolicy;

/// The kind of the event with which a task begins, by its number in 2011.
pub(crate) const SCHEDULE: i64 = 1;

/// The note about a task on a machine that is not there.
const ABSENT: &str = "scheduled on a machine that is not there then; where it ran is not used";

/// The times at which each machine comes and goes.
type Courses = IndexMap<i64, Vec<(Instant, bool)>, FxBuildHasher>;

/// Machines that come and go; `None` if no table of them lies beside the tasks.
#[derive(Debug, Default)]
pub(crate) struct Presence(Option<Courses>);

/// What reads the events of machines of a file.
pub(crate) type EachEvent = fn(&Input, &mut Journal, &mut TakeEvent<'_>) -> Result<(), TraceError>;

impl Presence {
    /// Reads the events of machines, of which the journal says that others read them. Their bad rows are theirs to tell.
    pub(crate) fn read(
        parts: &[Input],
        journal: &mut Journal,
        unread: &str,
        each: EachEvent,
    ) -> Result<Self, TraceError> {
        let mut courses = Courses::default();
        for part in parts {
            journal.file = part.name.clone();
            journal.dirt(unread, Action::Keep, 1)?;
            let mut own = Journal::new(part.name.clone(), RowPolicy::REPORT);
            each(part, &mut own, &mut |_, _, event| {
                let Some(time) = event.time else {
                    return Ok(());
                };
                let course = courses.entry(event.machine).or_default();
                // A machine that goes or changes first was there before.
                if course.is_empty() && event.kind != 0 {
                    course.push((Instant::from_nanos(i64::MIN), true));
                }
                if event.kind < 2 {
                    course.push((time, event.kind == 0));
                }
                Ok(())
            })?;
        }
        for course in courses.values_mut() {
            course.sort_by_key(|own| own.0);
        }
        Ok(Self((!parts.is_empty()).then_some(courses)))
    }

    /// Notes a task that begins at a time on the machine that a field names, if that is not there.
    pub(crate) fn check(
        &self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        place: usize,
        time: Instant,
    ) -> Result<(), TraceError> {
        let Some(courses) = &self.0 else {
            return Ok(());
        };
        // 0 and -1 stand for machines without a number.
        let machine = fields.integer(place, 1, i64::MAX).ok().flatten();
        let Some(machine) = machine else {
            return Ok(());
        };
        let is_there = courses.get(&machine).is_some_and(|course| {
            let passed = course.partition_point(|own| own.0 <= time);
            passed > 0 && course[passed - 1].1
        });
        if is_there {
            return Ok(());
        }
        journal.dirt(ABSENT, Action::Keep, fields.line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::archive;
    use crate::readers::google_2011::tasks;
    use crate::readers::google_2019::instances;

    /// The lines of tasks on machines that are not there.
    fn absent(entry: &FormatEntry, files: &[(&str, &str)]) -> Vec<String> {
        let input = Input::bytes("t.tar", archive(files));
        let Constructor::Workload(open) = entry.open else {
            panic!("{} is no workload", entry.name);
        };
        let source = open(&input, &ReadOptions::default()).expect("good rows");
        let told = source.ledger().entries().iter();
        told.filter(|own| own.kind.contains("that is not there then"))
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn tasks_on_machines_that_are_not_there_are_told() {
        let machines = "0,5,0,p,1,1\n9,5,1,p,1,1\n9,6,1,p,1,1\n20,5,0,p,1,1\n20,7,2,p,1,1\n";
        let row = |time: i64, machine: &str, event: u8| {
            format!("{time},,{time},0,{machine},{event},ann,2,9,0.1,0.1,0,0\n")
        };
        let tasks = [
            row(0, "5", 1),
            row(8, "6", 1),
            row(9, "5", 1),
            row(9, "5", 4),
            row(10, "6", 1),
            row(11, "", 1),
            row(12, "8", 1),
            row(20, "5", 1),
            row(21, "7", 1),
        ];
        let found = absent(
            &tasks::ENTRY,
            &[
                ("machine_events.csv", machines),
                ("task_events.csv", &tasks.concat()),
            ],
        );
        let expected = format!("keep 3 rows: {ABSENT} (first t.tar: task_events.csv:3)");
        assert_eq!(found, [expected]);
        assert!(absent(&tasks::ENTRY, &[("task_events.csv", &tasks.concat())]).is_empty());
    }

    #[test]
    fn instances_on_machines_that_are_not_there_are_told() {
        let machines =
            "time,machine_id,type,platform_id,capacity.cpus,capacity.memory\n5,7,1,p,1,1\n";
        let tasks = "time,type,collection_id,instance_index,priority,machine_id\n\
                     4,3,1,0,9,7\n5,3,2,0,9,7\n6,3,3,0,9,-1\n7,3,4,0,9,0\n";
        let found = absent(
            &instances::ENTRY,
            &[("machine_events.csv", machines), ("tasks.csv", tasks)],
        );
        let expected = format!("keep 1 row: {ABSENT} (first t.tar: tasks.csv:2)");
        assert_eq!(found, [expected]);
    }
}

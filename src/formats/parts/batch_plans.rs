//! The plans of batch tasks for their instances, where these stand in a table of their own, by the hash of their names:
//! in a table on disk where there are many, so that memory grows neither with the tasks nor with the instances, which
//! are joined to them row by row.

use crate::prelude::*;

/// The plan of a task for its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The submission; `None` if it is not known.
    pub(crate) submit: Option<Instant>,
    /// The request of an instance, in 1/1000 core.
    pub(crate) cpu: Option<i64>,
    /// The request of an instance, in bytes.
    pub(crate) memory: Option<i64>,
}

/// Tasks by their names.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    /// The words of tasks.
    tasks: Places<3>,
    has_tasks: bool,
    /// The task that was asked for last, if it is there, and whether it was met since it was read: instances of a task stand one
    /// below the other as a rule.
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    key: [u64; 2],
    task: Option<Task>,
    is_changed: bool,
}

/// A task: what is absent is the largest or smallest number.
#[derive(Clone, Copy, Debug)]
struct Task {
    memory: i64,
    /// Seconds.
    submit: u32,
    /// 1/1000 core.
    cpu: u32,
    /// Number of instances that were met.
    met: u32,
}

const NONE: u32 = u32::MAX;

impl Task {
    fn words(self) -> [u64; 3] {
        let Self {
            memory,
            submit,
            cpu,
            met,
        } = self;
        [
            met.into(),
            memory as u64,
            u64::from(submit) << 32 | u64::from(cpu),
        ]
    }

    fn of_words([met, memory, submit_and_cpu]: [u64; 3]) -> Self {
        Self {
            memory: memory as i64,
            submit: (submit_and_cpu >> 32) as u32,
            cpu: submit_and_cpu as u32,
            met: met as u32,
        }
    }
}

fn key(job: &str, task: &str) -> [u64; 2] {
    Places::key([job, task])
}

impl Plans {
    /// Whether there are no tasks.
    pub(crate) const fn is_empty(&self) -> bool {
        !self.has_tasks
    }

    /// Adds a task; of several of a name the first stands.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub(crate) fn add(&mut self, job: &str, task: &str, plan: Plan) -> Result<(), TraceError> {
        let small = |number: Option<i64>| number.and_then(|own| u32::try_from(own).ok());
        let seconds = plan.submit.map(|at| at.as_nanos() / 1_000_000_000);
        let own = Task {
            memory: plan.memory.unwrap_or(i64::MIN),
            submit: small(seconds).unwrap_or(NONE),
            cpu: small(plan.cpu).unwrap_or(NONE),
            met: 0,
        };
        let key = key(job, task);
        self.has_tasks = true;
        if self.tasks.all(key)?.is_none() {
            self.tasks.put_all(key, own.words())?;
        }
        Ok(())
    }

    /// The plan of a task of which an instance is met.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub(crate) fn meet(&mut self, job: &str, task: &str) -> Result<Option<Plan>, TraceError> {
        let last = self.find(job, task)?;
        let Some(own) = &mut last.task else {
            return Ok(None);
        };
        own.met += 1;
        last.is_changed = true;
        Ok(Some(Plan {
            submit: (own.submit != NONE).then(|| Instant::from_secs(i64::from(own.submit))),
            cpu: (own.cpu != NONE).then_some(i64::from(own.cpu)),
            memory: (own.memory != i64::MIN).then_some(own.memory),
        }))
    }

    /// Number of instances of a task that were met.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub(crate) fn met(&mut self, job: &str, task: &str) -> Result<u32, TraceError> {
        let last = self.find(job, task)?;
        Ok(last.task.map_or(0, |task| task.met))
    }

    fn find(&mut self, job: &str, task: &str) -> Result<&mut Last, TraceError> {
        if !self.has_tasks {
            return Ok(self.last.insert(Last {
                key: [0; 2],
                task: None,
                is_changed: false,
            }));
        }
        let key = key(job, task);
        if let Some(last) = self.last.take_if(|last| last.key != key)
            && let (Some(task), true) = (last.task, last.is_changed)
        {
            self.tasks.put_all(last.key, task.words())?;
        }
        let last = match self.last.take() {
            Some(last) => last,
            None => Last {
                key,
                task: self.tasks.all(key)?.map(Task::of_words),
                is_changed: false,
            },
        };
        Ok(self.last.insert(last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plans() -> impl Strategy<Value = Plan> {
        let amount = || prop::option::of(0_i64..100_000_000);
        (amount(), amount(), amount()).prop_map(|(submit, cpu, memory)| Plan {
            submit: submit.map(Instant::from_secs),
            cpu,
            memory: memory.map(|own| own << 20),
        })
    }

    proptest! {
        #[test]
        fn tasks_are_found_by_their_names(
            tasks in prop::collection::vec(("[ab]{0,2}", "[ab]{0,2}", plans()), 0..40),
            looked_up in prop::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..40),
            most_held in 1_usize..50,
        ) {
            let mut plans = Plans {
                tasks: Places::holding(most_held),
                ..Plans::default()
            };
            for (job, task, plan) in &tasks {
                plans.add(job, task, *plan).expect("readable");
            }
            for (place, (job, task)) in looked_up.iter().enumerate() {
                let first = tasks.iter().find(|own| (&own.0, &own.1) == (job, task));
                prop_assert_eq!(plans.meet(job, task), Ok(first.map(|own| own.2)));
                if first.is_some() {
                    let own = &(job.clone(), task.clone());
                    let met = looked_up[..=place].iter().filter(|one| *one == own).count();
                    prop_assert_eq!(plans.met(job, task), Ok(met as u32));
                }
            }
        }
    }
}

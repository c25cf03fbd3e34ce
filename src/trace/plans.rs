//! The plans of batch tasks for their instances, where these stand in a table of their own. Tasks are kept by the
//! hash of their names, 40 bytes each, so that memory grows with the tasks and not with the instances, which are joined
//! to them row by row.

use units::Instant;

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
pub(crate) struct Plans(Vec<Task>);

/// A task, packed: what is absent is the largest or smallest number.
#[derive(Clone, Copy, Debug)]
struct Task {
    key: [u8; 16],
    memory: i64,
    /// Seconds.
    submit: u32,
    /// 1/1000 core.
    cpu: u32,
    /// Number of instances that were met.
    met: u32,
}

const NONE: u32 = u32::MAX;

fn key(job: &str, task: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(job.as_bytes());
    // No name has a line break.
    hasher.update(b"\n");
    hasher.update(task.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

impl Plans {
    /// Whether there are no tasks.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a task.
    pub(crate) fn add(&mut self, job: &str, task: &str, plan: Plan) {
        let small = |number: Option<i64>| number.and_then(|own| u32::try_from(own).ok());
        let seconds = plan.submit.map(|at| at.as_nanos() / 1_000_000_000);
        self.0.push(Task {
            key: key(job, task),
            memory: plan.memory.unwrap_or(i64::MIN),
            submit: small(seconds).unwrap_or(NONE),
            cpu: small(plan.cpu).unwrap_or(NONE),
            met: 0,
        });
    }

    /// Brings the tasks into order, after which they are found; of several of a name the first stands.
    pub(crate) fn seal(&mut self) {
        self.0.sort_by_key(|task| task.key);
        self.0.dedup_by_key(|task| task.key);
        self.0.shrink_to_fit();
    }

    /// The plan of a task of which an instance is met.
    pub(crate) fn meet(&mut self, job: &str, task: &str) -> Option<Plan> {
        let place = self.place(job, task)?;
        let own = &mut self.0[place];
        own.met += 1;
        Some(Plan {
            submit: (own.submit != NONE).then(|| Instant::from_secs(i64::from(own.submit))),
            cpu: (own.cpu != NONE).then_some(i64::from(own.cpu)),
            memory: (own.memory != i64::MIN).then_some(own.memory),
        })
    }

    /// Number of instances of a task that were met.
    pub(crate) fn met(&self, job: &str, task: &str) -> u32 {
        self.place(job, task).map_or(0, |place| self.0[place].met)
    }

    fn place(&self, job: &str, task: &str) -> Option<usize> {
        let key = key(job, task);
        self.0.binary_search_by_key(&key, |task| task.key).ok()
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
        ) {
            let mut plans = Plans::default();
            for (job, task, plan) in &tasks {
                plans.add(job, task, *plan);
            }
            plans.seal();
            for (place, (job, task)) in looked_up.iter().enumerate() {
                let first = tasks.iter().find(|own| (&own.0, &own.1) == (job, task));
                prop_assert_eq!(plans.meet(job, task), first.map(|own| own.2));
                if first.is_some() {
                    let own = &(job.clone(), task.clone());
                    let met = looked_up[..=place].iter().filter(|one| *one == own).count();
                    prop_assert_eq!(plans.met(job, task) as usize, met);
                }
            }
        }
    }
}

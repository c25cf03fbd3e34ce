//! Tasks that have ended, for what will wait for them: when each did, and whether it failed. A run over a workload with
//! precedence needs that of each to its end, so those beyond a number are in a temporary file.

use crate::precedence::{TaskHash, hash_of_task};
use crate::spill::Places;
use intake::TraceError;
use model::PodName;
use units::Instant;

/// Tasks that are held in memory. They take about 50 bytes each.
const MOST_HELD: usize = 1 << 19;

/// The name of a task in a part of a workload, as a hash that no two tasks share by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskKey(TaskHash);

impl TaskKey {
    /// Returns the key of a task.
    pub fn of(part: u16, name: &PodName) -> Self {
        Self(hash_of_task(part, name))
    }
}

/// The end of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskEnd {
    /// The instant at which the last of its members ended.
    pub at: Instant,
    /// Whether one of them failed.
    pub has_failed: bool,
}

/// The ends of tasks.
#[derive(Debug)]
pub struct EndedTasks {
    ends: Places<2>,
    /// The first failure of the temporary file: from then on, nothing is known.
    failed: Option<TraceError>,
}

impl Default for EndedTasks {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl Clone for EndedTasks {
    fn clone(&self) -> Self {
        let (ends, failed) = match self.ends.copy() {
            Ok(ends) => (ends, self.failed.clone()),
            Err(error) => (Places::default(), Some(error)),
        };
        Self { ends, failed }
    }
}

impl EndedTasks {
    /// Creates a list of no tasks, a number of which will be held in memory.
    pub fn holding(most_held: usize) -> Self {
        Self {
            ends: Places::holding(most_held),
            failed: None,
        }
    }

    /// Returns the end of a task, if it has ended.
    ///
    /// # Errors
    /// A temporary file could not be read, now or before.
    pub fn get(&self, task: TaskKey) -> Result<Option<TaskEnd>, TraceError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let known = self.ends.all(task.0)?;
        Ok(known.map(|[has_failed, at]| TaskEnd {
            at: Instant::from_nanos(at as i64),
            has_failed: has_failed != 0,
        }))
    }

    /// Adds the end of a task. One that has ended before, as more of it came later, has failed if it had; returns whether
    /// it has. If the temporary file can't be read, whoever asks from then on is told.
    pub fn put(&mut self, task: TaskKey, end: TaskEnd) -> bool {
        let put = self.get(task).and_then(|earlier| {
            let has_failed = end.has_failed || earlier.is_some_and(|own| own.has_failed);
            let numbers = [u64::from(has_failed), end.at.as_nanos() as u64];
            self.ends.put_all(task.0, numbers)?;
            Ok(has_failed)
        });
        put.unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            end.has_failed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_known_wherever_they_are_held() {
        let end = |secs, has_failed| TaskEnd {
            at: Instant::from_secs(secs),
            has_failed,
        };
        for most_held in [2, 100] {
            let task = |number: i64| TaskKey::of(number as u16 % 3, &format!("t{number}").into());
            let mut ended = EndedTasks::holding(most_held);
            for number in 0..20 {
                assert_eq!(ended.get(task(number)), Ok(None));
                assert_eq!(
                    ended.put(task(number), end(number, number == 7)),
                    number == 7
                );
            }
            let copy = ended.clone();
            assert!(ended.put(task(7), end(90, false)), "it has failed before");
            assert!(!ended.put(task(8), end(91, false)));
            assert_eq!(ended.get(task(7)), Ok(Some(end(90, true))));
            assert_eq!(ended.get(task(8)), Ok(Some(end(91, false))));
            assert_eq!(copy.get(task(8)), Ok(Some(end(8, false))));
            assert_eq!(copy.get(task(19)), Ok(Some(end(19, false))));
        }
    }
}

//! Services that state no more than how many tasks they want, and the tasks that were taken of each: they are counted by the
//! hashes of names and stand in temporary files where there are many, as a service may be listed before its tasks.

use crate::readers::prelude::*;
use arrivals::spill::{FixedSort, FixedSorted, TextLog};

/// The words of a service: its number, the place of its name, its file, its line, the number of tasks that it wants, and whether they
/// are apart.
const WORDS: usize = 6;

/// Services and tasks up to now.
#[derive(Default)]
pub(super) struct Services {
    wanted: FixedSort<WORDS>,
    names: TextLog<1>,
    files: Vec<Arc<str>>,
    count: u64,
    /// The number of tasks that were taken of each service.
    tasks: Places,
    /// The services no two tasks of which stand on one machine.
    apart: Places,
}

/// A service as its element states it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'name> {
    pub(super) line: u64,
    pub(super) name: &'name str,
    /// The number of its tasks.
    pub(super) tasks: i64,
    /// Whether no two of its tasks stand on one machine.
    pub(super) is_apart: bool,
}

/// A service with what is known of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) file: Arc<str>,
    pub(super) line: u64,
    pub(super) name: String,
    pub(super) wanted: i64,
    /// The number of its tasks that were taken.
    pub(super) taken: i64,
    /// Whether no two of its tasks stand on one machine.
    pub(super) is_apart: bool,
}

impl Services {
    /// Nothing yet; a number of services is held in memory.
    #[cfg(test)]
    fn holding(most_held: usize) -> Self {
        Self {
            wanted: FixedSort::holding(most_held),
            tasks: Places::holding(most_held),
            apart: Places::holding(most_held),
            ..Self::default()
        }
    }

    /// Adds a service of a file.
    pub(super) fn want(&mut self, file: &Arc<str>, service: Wanted<'_>) -> Result<(), TraceError> {
        if self.files.last() != Some(file) {
            self.files.push(file.clone());
        }
        let Wanted {
            line,
            name,
            tasks,
            is_apart,
        } = service;
        let place = self.names.push([name]);
        let file = self.files.len() as u64 - 1;
        let words = [self.count, place, file, line, tasks as u64, is_apart.into()];
        self.wanted.push(words);
        self.count += 1;
        if is_apart {
            self.apart.put(Places::key([name]), 1)?;
        }
        Ok(())
    }

    /// Whether a task of a service was taken.
    pub(super) fn has_tasks(&mut self, service: &str) -> Result<bool, TraceError> {
        Ok(self.tasks.get(Places::key([service]))?.is_some())
    }

    /// Whether no two tasks of a service that came before stand on one machine.
    pub(super) fn is_apart(&mut self, service: &str) -> Result<bool, TraceError> {
        Ok(self.apart.get(Places::key([service]))?.is_some())
    }

    /// Counts a task of a service.
    pub(super) fn take_task(&mut self, service: &str) -> Result<(), TraceError> {
        let key = Places::key([service]);
        let taken = self.tasks.get(key)?.unwrap_or_default();
        self.tasks.put(key, taken + 1)
    }

    /// The services as they came, once all tasks are known.
    pub(super) fn all(self) -> All {
        All {
            sorted: self.wanted.sorted(),
            names: self.names,
            files: self.files,
            tasks: self.tasks,
        }
    }
}

/// Services as they came.
pub(super) struct All {
    sorted: FixedSorted<WORDS>,
    names: TextLog<1>,
    files: Vec<Arc<str>>,
    tasks: Places,
}

impl All {
    /// Returns the next service.
    pub(super) fn next(&mut self) -> Result<Option<Service>, TraceError> {
        let Some([_, place, file, line, wanted, is_apart]) = self.sorted.next()? else {
            return Ok(None);
        };
        let [name] = self.names.get(place)?;
        let taken = self.tasks.get(Places::key([&*name]))?;
        Ok(Some(Service {
            file: self.files[file as usize].clone(),
            line,
            name,
            wanted: wanted as i64,
            taken: taken.unwrap_or_default() as i64,
            is_apart: is_apart != 0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn services_come_back_with_their_tasks(
            steps in prop::collection::vec((any::<bool>(), "[ab]{0,2}", 0..5_i64, 0..4_u8), 0..60),
            most_held in 1_usize..20,
        ) {
            let mut services = Services::holding(most_held);
            let mut expected = Vec::new();
            for (line, (is_task, name, tasks, bits)) in (1..).zip(&steps) {
                if *is_task {
                    services.take_task(name).expect("readable");
                    continue;
                }
                let file: Arc<str> = format!("file-{}", bits % 2).into();
                let is_apart = *bits > 1;
                let (tasks, service) = (*tasks, name);
                let wanted = Wanted { line, name, tasks, is_apart };
                services.want(&file, wanted).expect("writable");
                let earlier: &[Service] = &expected;
                let is_known = is_apart || earlier.iter().any(|own| own.is_apart && own.name == *service);
                prop_assert_eq!(services.is_apart(service), Ok(is_known));
                let taken = steps.iter().filter(|own| own.0 && own.1 == *name);
                expected.push(Service {
                    file,
                    line,
                    name: name.clone(),
                    wanted: tasks,
                    taken: taken.count() as i64,
                    is_apart,
                });
            }
            let (mut all, mut seen) = (services.all(), Vec::new());
            while let Some(service) = all.next().expect("readable") {
                seen.push(service);
            }
            prop_assert_eq!(seen, expected);
        }
    }
}

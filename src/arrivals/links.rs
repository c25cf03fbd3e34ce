//! Links between arrivals: what one waits for before it is submitted, as workflows and job logs state it, and
//! which ones start together. A run holds an arrival back until what it waits for has ended.

use intake::TraceError;
use model::PodName;
use units::{Duration, SortedMap, SortedSet};

/// The place of an arrival among others: in a graph of precedence, and in a gang.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The task that the arrival is a part of, by the name that others wait for; `None` is a task of
    /// its own, with the name of the arrival. A task has ended when all its parts have.
    pub part_of: Option<PodName>,
    /// The tasks that must have ended before the arrival is submitted.
    pub after: Vec<PodName>,
    /// The time from the last of these ends to the submission (think time).
    pub delay: Duration,
    /// The gang that the arrival is a member of, with others of its part of the workload; `None` is a gang of
    /// its own pods alone. All pods of all members start together or not at all, whatever they request.
    ///
    /// The members of a gang are submitted at one instant and stand one after the other in their stream. So a
    /// gang is complete with the first arrival behind it that is no member, and its size is known before a pod
    /// of it is created. A later arrival with the name of a gang begins another one.
    pub gang: Option<PodName>,
}

impl Links {
    /// Returns the links of a part of a task that waits for others; `None` if there is nothing to
    /// say.
    pub fn of(part_of: Option<PodName>, after: Vec<PodName>) -> Option<Box<Self>> {
        let says_something = part_of.is_some() || !after.is_empty();
        says_something.then(|| {
            Box::new(Self {
                part_of,
                after,
                ..Self::default()
            })
        })
    }

    /// Returns the links of a member of a gang that says nothing else.
    pub fn of_gang(gang: PodName) -> Box<Self> {
        Box::new(Self {
            gang: Some(gang),
            ..Self::default()
        })
    }

    /// Returns whether the arrival has a place in a graph of precedence.
    pub fn has_precedence(&self) -> bool {
        self.part_of.is_some() || !self.after.is_empty()
    }
}

/// The links that a trace states for all tasks of a job.
pub trait LinksOfJobs {
    /// Returns the links of the tasks of a job, if it has any.
    ///
    /// # Errors
    /// They can't be read back.
    fn of_job(&self, job: i64) -> Result<Option<Box<Links>>, TraceError>;
}

/// Names of tasks: job numbers as ranges, so that those of a log take hardly any memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskNames {
    /// Ranges of numbers: the first of each, and the last.
    numbers: SortedMap<u64, u64>,
    others: SortedSet<PodName>,
}

impl TaskNames {
    /// Adds a name.
    pub fn insert(&mut self, name: &PodName) {
        let &PodName::Job(number) = name else {
            self.others.insert(name.clone());
            return;
        };
        // Those of a log follow each other as a rule.
        if let Some((&first, &last)) = self.numbers.last_key_value()
            && last.checked_add(1) == Some(number)
            && let Some(last) = self.numbers.get_mut(&first)
        {
            *last = number;
            return;
        }
        if self.has_number(number) {
            return;
        }
        let mut last = number;
        if let Some(next) = number.checked_add(1)
            && let Some(end) = self.numbers.remove(&next)
        {
            last = end;
        }
        let before = self.numbers.range(..number).next_back();
        let before = before.filter(|&(_, &end)| end.checked_add(1) == Some(number));
        let first = before.map_or(number, |(&first, _)| first);
        self.numbers.insert(first, last);
    }

    /// Returns whether a name was added.
    pub fn contains(&self, name: &PodName) -> bool {
        match name {
            PodName::Job(number) => self.has_number(*number),
            other => self.others.contains(other),
        }
    }

    fn has_number(&self, number: u64) -> bool {
        let latest = self.numbers.last_key_value();
        if latest.is_none_or(|(_, &last)| last < number) {
            return false;
        }
        let range = self.numbers.range(..=number).next_back();
        range.is_some_and(|(_, &last)| number <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_of_numbers_are_a_set(numbers in prop::collection::vec(0_u64..40, 0..60)) {
            let mut names = TaskNames::default();
            let mut plain = SortedSet::new();
            for number in numbers {
                names.insert(&PodName::Job(number));
                plain.insert(number);
                let mut ranges = names.numbers.iter().peekable();
                while let Some((first, last)) = ranges.next() {
                    prop_assert!(first <= last);
                    prop_assert!(ranges.peek().is_none_or(|(next, _)| **next > last + 1));
                }
            }
            for number in 0..42 {
                prop_assert_eq!(names.contains(&PodName::Job(number)), plain.contains(&number));
            }
        }
    }

    #[test]
    fn names_that_are_no_numbers_are_told_apart() {
        let mut names = TaskNames::default();
        names.insert(&"a".into());
        names.insert(&PodName::Job(u64::MAX));
        names.insert(&PodName::Job(u64::MAX - 1));
        assert!(names.contains(&"a".into()) && !names.contains(&"b".into()));
        assert!(names.contains(&PodName::Job(u64::MAX)));
        assert!(!names.contains(&PodName::Job(3)));
    }
}

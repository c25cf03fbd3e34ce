//! Tasks that are alive, and the ends of their demands.

use crate::readers::prelude::*;
use arrivals::spill::{NONE, Stored};

use super::Key;

/// The number of words of a task.
pub(super) const WORDS: usize = 9;

/// A task that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) key: Key,
    /// The instant of the submission of its demand.
    pub(super) submit: Instant,
    /// The place of the event that opened the demand.
    pub(super) origin: Origin,
    /// The start of its first attempt.
    pub(super) start: Option<Instant>,
    /// The instant from which it runs; `None` while it is pending.
    pub(super) began: Option<Instant>,
    /// Instant of a SUBMIT that came before the end of the demand before it.
    pub(super) early: Option<Instant>,
    /// The place of the spec that it asks for now.
    pub(super) asked: u32,
    /// The place of the spec with which it arrives.
    pub(super) first: u32,
    /// The class of its demand, or the place of its spec until that is known.
    pub(super) class: u32,
    /// The number of its user.
    pub(super) tenant: u32,
}

impl Stored<WORDS> for Task {
    fn words(&self) -> [u64; WORDS] {
        let time = |at: Option<Instant>| at.map_or(NONE, Instant::as_nanos) as u64;
        let both = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let (job, index) = self.key;
        [
            job as u64,
            index as u64,
            self.submit.as_nanos() as u64,
            self.origin.number(),
            time(self.start),
            time(self.began),
            time(self.early),
            both(self.asked, self.first),
            both(self.class, self.tenant),
        ]
    }

    fn of_words(words: [u64; WORDS]) -> Self {
        let [
            job,
            index,
            submit,
            origin,
            start,
            began,
            early,
            asked,
            class,
        ] = words;
        let instant = |word: u64| Instant::from_nanos(word as i64);
        let time = |word: u64| (word as i64 != NONE).then(|| instant(word));
        let both = |word: u64| ((word >> 32) as u32, word as u32);
        let ((asked, first), (class, tenant)) = (both(asked), both(class));
        Self {
            key: (job as i64, index as i64),
            submit: instant(submit),
            origin: Origin::of_number(origin),
            start: time(start),
            began: time(began),
            early: time(early),
            asked,
            first,
            class,
            tenant,
        }
    }
}

/// The end of a demand; by default, it is not within the trace.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// The time from the start of its last attempt to its end.
    pub(super) run_time: Option<Duration>,
    /// The outcome, if it is known.
    pub(super) outcome: Option<Outcome>,
    /// Whether the demand is left out.
    pub(super) is_left_out: bool,
}

impl Task {
    /// The task begins to run.
    pub(super) fn schedule(
        &mut self,
        journal: &mut Journal,
        line: u64,
        time: Instant,
    ) -> Result<(), TraceError> {
        let kind = "scheduled twice without an end; the first counts as lost";
        journal.repair_if(self.began.is_some(), kind, line)?;
        self.start.get_or_insert(time);
        self.began = Some(time);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tasks_come_back_from_their_words(
            key in any::<Key>(),
            times in any::<[Option<i32>; 4]>(),
            numbers in any::<[u32; 5]>(),
        ) {
            let [submit, start, began, early] =
                times.map(|own| own.map(|second| Instant::from_secs(second.into())));
            let [asked, first, class, tenant, line] = numbers;
            let task = Task {
                key,
                submit: submit.unwrap_or_default(),
                origin: Origin::of_number(line.into()),
                start,
                began,
                early,
                asked,
                first,
                class,
                tenant,
            };
            let again = Task::of_words(task.words());
            prop_assert_eq!(again.origin.number(), task.origin.number());
            prop_assert_eq!(again, task);
        }
    }
}

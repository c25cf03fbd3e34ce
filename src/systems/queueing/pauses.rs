//! Pauses before writes that the API server refused are made again: as Kueue's work queues, which wait
//! 5 ms after the first refusal and twice as long after each further one, at most 1,000 s.

use model::Text;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Pause after the first refusal.
const FIRST: Duration = Duration::from_millis(5);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(1_000);

/// Namespace and name of a workload, or of a queue, which has no namespace.
pub(super) type Key = (Text, Text);

/// A pause of a workload or queue whose last write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause {
    /// Time of the next attempt; `None` while the answer to one is awaited.
    due: Option<Instant>,
    /// Length of the pause.
    length: Duration,
}

/// The pauses of workloads and queues, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Pauses(SortedMap<Key, Pause>);

impl Pauses {
    /// Begins the pause of a name whose write was refused; several writes of one attempt count once.
    pub(super) fn refused(&mut self, now: Instant, key: Key) {
        let begun = |length: Duration| Pause {
            due: Some(now.saturating_add(length)),
            length,
        };
        match self.0.get_mut(&key) {
            None => {
                self.0.insert(key, begun(FIRST));
            }
            Some(own) if own.due.is_none() => {
                *own = begun(own.length.saturating_add(own.length).min(LONGEST));
            }
            Some(_) => {}
        }
    }

    /// Ends the pause of a name, of which there is news.
    pub(super) fn end(&mut self, key: &Key) -> bool {
        self.0.remove(key).is_some()
    }

    /// Forgets names whose last attempt was not refused, and returns those that are due.
    pub(super) fn take_due(&mut self, now: Instant) -> SortedSet<Key> {
        self.0.retain(|_, own| own.due.is_some());
        let mut due = SortedSet::new();
        for (key, own) in &mut self.0 {
            if own.due.is_some_and(|at| at <= now) {
                own.due = None;
                due.insert(key.clone());
            }
        }
        due
    }

    /// Time of the next attempt.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.values().filter_map(|own| own.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::ZERO.saturating_add(Duration::from_millis(millis))
    }

    #[test]
    fn pauses_double_until_an_attempt_succeeds() {
        let key: Key = ("default".into(), "job-a".into());
        let mut pauses = Pauses::default();
        pauses.refused(at(0), key.clone());
        pauses.refused(at(0), key.clone());
        assert_eq!(pauses.next_due(), Some(at(5)));
        assert!(pauses.take_due(at(4)).is_empty());
        assert!(pauses.take_due(at(5)).contains(&key));
        pauses.refused(at(5), key.clone());
        assert_eq!(pauses.next_due(), Some(at(15)));
        assert_eq!(pauses.take_due(at(15)).len(), 1);
        assert!(pauses.take_due(at(16)).is_empty());
        pauses.refused(at(20), key.clone());
        assert_eq!(pauses.next_due(), Some(at(25)));
        assert!(pauses.end(&key) && !pauses.end(&key));
        assert_eq!(pauses.next_due(), None);
    }

    #[test]
    fn pauses_have_a_longest() {
        let key: Key = ("".into(), "queue".into());
        let (mut pauses, mut now) = (Pauses::default(), Instant::ZERO);
        for _ in 0..40 {
            pauses.refused(now, key.clone());
            now = pauses.next_due().unwrap_or(now);
            pauses.take_due(now);
        }
        pauses.refused(now, key);
        assert_eq!(pauses.next_due(), Some(now.saturating_add(LONGEST)));
    }
}

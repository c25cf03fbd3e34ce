//! Copies of slow tasks: the one that is expected to take longest is run a second time
//! (spec: orchestrators-b.md 10.3, after LATE).

/// Progress of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Share of the task's work that is done, above 0 and at most 1.
    pub share: f64,
    /// Time for which the task has run, in seconds.
    pub elapsed: f64,
}

impl Progress {
    /// Expected time until the end of the task, in seconds, if it goes on as it did.
    pub fn left(&self) -> f64 {
        (1.0 - self.share) / (self.share / self.elapsed)
    }
}

/// The task that a copy of is made: the one that is expected to take longest, of equals the first;
/// `None` without tasks.
pub fn copied(tasks: &[Progress]) -> Option<usize> {
    let mut longest: Option<(usize, f64)> = None;
    for (place, left) in tasks.iter().map(Progress::left).enumerate() {
        if longest.is_none_or(|(_, most)| left > most) {
            longest = Some((place, left));
        }
    }
    longest.map(|(place, _)| place)
}

//! Bounds of the reservations that are still to be made, from those that were made.

use scheduler::batch::Candidate;
use units::{Duration, Instant, SortedMap};

/// The latest reservation of each width by length: a job that is as wide and no shorter finds
/// nothing before it, as every reservation since made the profile poorer.
#[derive(Clone, Debug, Default)]
pub(super) struct ReservationBounds {
    by_width: SortedMap<u32, SortedMap<Duration, Instant>>,
}

impl ReservationBounds {
    /// The instant before which a job finds nothing.
    pub(super) fn bound(&self, job: &Candidate) -> Instant {
        let lengths = self.by_width.get(&job.facts.members);
        let shorter = lengths.and_then(|lengths| lengths.range(..=job.facts.requested).next_back());
        shorter.map_or(Instant::ZERO, |(_, &from)| from)
    }

    /// Takes note of what a job found.
    pub(super) fn note(&mut self, job: &Candidate, from: Instant) {
        let lengths = self.by_width.entry(job.facts.members).or_default();
        lengths.insert(job.facts.requested, from);
        // Longer jobs start no earlier.
        let longer = lengths.range(job.facts.requested..);
        let stale: Vec<Duration> = longer
            .filter(|&(&length, &other)| length > job.facts.requested && other < from)
            .map(|(&length, _)| length)
            .collect();
        for length in stale {
            lengths.remove(&length);
        }
    }
}

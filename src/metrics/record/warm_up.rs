//! End of the warm-up of a run, by MSER-5 (White 1997; Spratt's batches of 5; metrics.md 5.6).
//!
//! Means of five observations each; the cut is where the standard error of the mean of what remains
//! is smallest. A cut in the last half of the run says that the run is too short: then there is no
//! answer. It is asked of two series, the first waits of jobs in order of submission and the
//! number of pending pods over time, and the later cut counts.

use cluster::{Observer, Store};
use model::{Event, Pod};
use units::Instant;

use crate::record::change_batch::pod_of;
use crate::record::jobs::{JobRecord, JobTracker};
use crate::record::window::{MeasuredWindow, Window};
use crate::statistics::bins::Bins;
use crate::statistics::span::Span;

/// Observations in a batch.
pub const BATCH: usize = 5;

/// Batches below which nothing can be said.
const LEAST_BATCHES: usize = 10;

/// Batches of waits that are kept; then each stands for twice as many jobs.
const MOST_BATCHES: usize = 1 << 16;

/// Bins of the queue length.
const MOST_BINS: usize = 2_000;

/// Part of a series that is warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUpCut {
    /// A number of batches.
    Batches(usize),
    /// At the limit of half of the series, or beyond: the run is too short to tell.
    TooShort,
}

/// The cut of a series of batch means: the number of batches, at most half of them, without which
/// the rest has the smallest `sum of squared deviations ÷ number²`.
pub fn mser(batches: &[f64]) -> WarmUpCut {
    let count = batches.len();
    if count < LEAST_BATCHES {
        return WarmUpCut::TooShort;
    }
    // From the back, so that every remainder is one step from the one before.
    let (mut mean, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for (kept, &value) in (1_usize..).zip(batches.iter().rev()) {
        let apart = value - mean;
        mean += apart / kept as f64;
        squares += apart * (value - mean);
        let cut = count - kept;
        let error = squares / (kept as f64 * kept as f64);
        if cut <= count / 2 && error <= best.0 {
            best = (error, cut);
        }
    }
    if best.1 >= count / 2 {
        WarmUpCut::TooShort
    } else {
        WarmUpCut::Batches(best.1)
    }
}

/// The cut of plain observations, in observations.
pub fn mser_5(observations: &[f64]) -> WarmUpCut {
    let (batches, _) = observations.as_chunks::<BATCH>();
    let means: Vec<f64> = batches
        .iter()
        .map(|batch| batch.iter().sum::<f64>() / BATCH as f64)
        .collect();
    match mser(&means) {
        WarmUpCut::Batches(batches) => WarmUpCut::Batches(batches * BATCH),
        WarmUpCut::TooShort => WarmUpCut::TooShort,
    }
}

/// Waits of jobs in batches by order of submission.
#[derive(Clone, Debug)]
struct Waits {
    per_batch: u64,
    /// Sum of waits in nanoseconds, how many, when the first of the batch was submitted.
    batches: Vec<(i128, u64, Option<Instant>)>,
}

impl Waits {
    fn add(&mut self, job: &JobRecord) {
        let wait = job
            .first_wait()
            .or(job.outcome.is_open().then(|| job.age()));
        while job.number / self.per_batch >= MOST_BATCHES as u64 {
            self.double();
        }
        let index = (job.number / self.per_batch) as usize;
        if self.batches.len() <= index {
            self.batches.resize(index + 1, (0, 0, None));
        }
        let (sum, count, first) = &mut self.batches[index];
        *first = Some(first.map_or(job.submit, |first| first.min(job.submit)));
        if let Some(wait) = wait {
            *sum += i128::from(wait.as_nanos());
            *count += 1;
        }
    }

    fn double(&mut self) {
        let merge = |pair: &[(i128, u64, Option<Instant>)]| {
            let first = pair.iter().filter_map(|batch| batch.2).min();
            (
                pair.iter().map(|batch| batch.0).sum(),
                pair.iter().map(|batch| batch.1).sum(),
                first,
            )
        };
        self.batches = self.batches.chunks(2).map(merge).collect();
        self.per_batch *= 2;
    }

    /// End of the warm-up: the instant, and the number of jobs before it.
    fn cut(&self) -> Option<(Instant, u64)> {
        let known: Vec<(f64, Instant, u64)> = (0..)
            .zip(&self.batches)
            .filter(|(_, batch)| batch.1 > 0)
            .filter_map(|(index, batch)| {
                let mean = batch.0 as f64 / batch.1 as f64;
                Some((mean, batch.2?, index * self.per_batch))
            })
            .collect();
        let means: Vec<f64> = known.iter().map(|batch| batch.0).collect();
        match mser(&means) {
            WarmUpCut::Batches(0) => Some((Instant::ZERO, 0)),
            WarmUpCut::Batches(cut) => known.get(cut).map(|batch| (batch.1, batch.2)),
            WarmUpCut::TooShort => None,
        }
    }
}

/// Watches a run to find out where its warm-up ends.
#[derive(Clone, Debug)]
pub struct WarmUpFinder {
    jobs: JobTracker,
    measured: MeasuredWindow,
    waits: Waits,
    pending: i64,
    queue: Bins,
    since: Instant,
}

impl Default for WarmUpFinder {
    fn default() -> Self {
        Self {
            jobs: JobTracker::default(),
            measured: MeasuredWindow::new(Window::FULL),
            waits: Waits {
                per_batch: BATCH as u64,
                batches: Vec::new(),
            },
            pending: 0,
            queue: Bins::new(MOST_BINS),
            since: Instant::ZERO,
        }
    }
}

impl WarmUpFinder {
    /// End of the warm-up, at the end of the run.
    ///
    /// # Errors
    /// Why nothing can be said.
    pub fn finish(mut self, at: Instant, store: &Store) -> Result<Instant, String> {
        self.hold_until(at);
        let open: Vec<JobRecord> = self.jobs.open(at, store, &self.measured).collect();
        for job in &open {
            self.waits.add(job);
        }
        let too_short = |series: &str| {
            format!(
                "run too short: MSER-5 places the end of the warm-up of {series} in its second \
                 half, or finds none"
            )
        };
        let (jobs, _) = self
            .waits
            .cut()
            .ok_or_else(|| too_short("the first waits of the jobs"))?;
        let means = self.queue.means();
        let queue = match mser_5(&means) {
            WarmUpCut::Batches(bins) => self.queue.start(bins),
            WarmUpCut::TooShort => return Err(too_short("the queue length")),
        };
        Ok(jobs.max(queue))
    }

    /// Number of jobs, in order of submission, that the warm-up of the first waits takes; `None`
    /// where the run is too short to tell.
    pub fn jobs_cut(&self) -> Option<u64> {
        self.waits.cut().map(|(_, jobs)| jobs)
    }

    fn hold_until(&mut self, at: Instant) {
        if at > self.since {
            let span = Span {
                from: self.since,
                to: at,
            };
            self.queue.add(i128::from(self.pending), span);
            self.since = at;
        }
    }
}

impl Observer for WarmUpFinder {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.hold_until(at);
        match event {
            Event::PodCreated(_) => self.pending += 1,
            Event::PodBound { .. } => self.pending -= 1,
            Event::PodEnded { .. } => {
                let unbound = ended.is_some_and(|pod| !pod.phase.holds_node());
                self.pending -= i64::from(unbound);
            }
            _ => {}
        }
        let (jobs, measured) = (&mut self.jobs, &mut self.measured);
        match event {
            Event::Object(change) => jobs.object_changed(at, change, measured),
            _ => {
                if let Some(pod) = pod_of(event, ended, store) {
                    jobs.apply(at, event, pod, store, measured);
                }
            }
        }
        while let Some(job) = jobs.next_ended(at) {
            self.waits.add(&job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_is_where_the_rest_varies_least() {
        let noise = |n: usize| (n * 7_919 % 13) as f64 / 100.0;
        let steady: Vec<f64> = (0..200).map(|n| 5.0 + noise(n)).collect();
        let warming: Vec<f64> = (0..200)
            .map(|n| {
                if n < 40 {
                    n as f64 / 8.0
                } else {
                    5.0 + noise(n)
                }
            })
            .collect();
        let drifting: Vec<f64> = (0..200).map(f64::from).collect();
        for (name, batches, expected) in [
            ("steady", &steady, WarmUpCut::Batches(0)),
            ("warming", &warming, WarmUpCut::Batches(40)),
            ("drifting", &drifting, WarmUpCut::TooShort),
            ("constant", &vec![3.0; 50], WarmUpCut::Batches(0)),
            ("short", &vec![3.0; 9], WarmUpCut::TooShort),
        ] {
            let found = mser(batches);
            match (found, expected) {
                // Noise may move a cut by a few.
                (WarmUpCut::Batches(found), WarmUpCut::Batches(cut)) => {
                    assert!(found.abs_diff(cut) <= 12, "{name}: {found}");
                }
                (found, expected) => assert_eq!(found, expected, "{name}"),
            }
        }
        let observations: Vec<f64> = warming.iter().flat_map(|&mean| [mean; 5]).collect();
        let WarmUpCut::Batches(jobs) = mser_5(&observations) else {
            panic!("long enough");
        };
        assert!((200..=260).contains(&jobs), "{jobs}");
    }
}

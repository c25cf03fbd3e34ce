//! Backfilling: which jobs may start while the chosen one waits for room.

use cluster::Store;
use units::{Duration, Instant};

use super::free_amounts::FutureRoom;
use super::job::{Job, JobFacts};
use super::running_jobs::RunningJobs;

/// A rule that lets jobs start before the chosen one.
///
/// A rule that lets short jobs pass whatever waits:
///
/// ```
/// use scheduler::batch::{Backfill, JobFacts, JobNumber, PartitionNumber};
/// use units::{Duration, Instant, TenantId};
///
/// #[derive(Clone, Copy)]
/// struct ShortJobs {
///     most: Duration,
/// }
///
/// impl Backfill for ShortJobs {
///     fn name(&self) -> &'static str {
///         "short-jobs"
///     }
///
///     fn admits(&self, _now: Instant, job: &JobFacts) -> bool {
///         job.requested <= self.most
///     }
///
///     fn longest(&self, _now: Instant) -> Duration {
///         self.most
///     }
///
///     fn clone_backfill(&self) -> Box<dyn Backfill> {
///         Box::new(*self)
///     }
/// }
///
/// let rule = ShortJobs { most: Duration::from_secs(60) };
/// let job = |seconds| JobFacts {
///     number: JobNumber::default(),
///     submitted: Instant::ZERO,
///     requested: Duration::from_secs(seconds),
///     processors: 4,
///     members: 4,
///     tenant: TenantId(0),
///     partition: PartitionNumber::default(),
///     memory: 0,
///     gpu_milli: 0,
/// };
/// assert!(rule.admits(Instant::ZERO, &job(30)));
/// assert!(!rule.admits(Instant::ZERO, &job(90)));
/// ```
pub trait Backfill: Send {
    /// The rule's name in the registry.
    fn name(&self) -> &'static str;

    /// `true` if the policy ever lets a job start before the chosen one.
    fn is_active(&self) -> bool {
        true
    }

    /// The chosen job does not fit; asked once for every chosen job, when that is found.
    fn blocked(&mut self, outlook: &BackfillContext<'_>) {
        let _ = outlook;
    }

    /// Whether a job that fits may start before the chosen one. The waiting jobs are gone through
    /// in the order of submission: all of them when room was freed, new ones otherwise. So a job
    /// that was refused once must not become admissible merely because time passes.
    fn admits(&self, now: Instant, job: &JobFacts) -> bool;

    /// The longest requested time with which a job can be admitted now: none that requests more is
    /// asked about.
    fn longest(&self, now: Instant) -> Duration {
        let _ = now;
        Duration::MAX
    }

    /// An equal rule in the same state.
    fn clone_backfill(&self) -> Box<dyn Backfill>;
}

impl Clone for Box<dyn Backfill> {
    fn clone(&self) -> Self {
        self.clone_backfill()
    }
}

/// Information for a backfilling rule when the chosen job does not fit.
pub struct BackfillContext<'a> {
    /// The present.
    pub now: Instant,
    pub(super) store: &'a Store,
    pub(super) running: &'a RunningJobs,
    pub(super) chosen: &'a Job,
    /// Number of members of the chosen job that fit now.
    pub(super) room: u64,
    /// Whether members of all jobs take each other's places.
    pub(super) is_counted: bool,
}

impl BackfillContext<'_> {
    /// The chosen job.
    pub fn chosen(&self) -> &JobFacts {
        &self.chosen.facts
    }

    /// Instant at which the chosen job has room if every running job ends at its start plus
    /// requested time: the expected end of the job whose end makes it fit. If even the last one
    /// does not, that one's; if nothing runs, now.
    pub fn earliest_start(&self) -> Instant {
        if self.is_counted {
            return self.earliest_by_count();
        }
        let mut growing = FutureRoom::new(self.store, self.chosen, self.room);
        let mut earliest = self.now;
        for job in self.running.by_end() {
            earliest = job.expected_end;
            growing.end(job);
            if growing.fits() {
                break;
            }
        }
        earliest
    }

    /// The earliest start of the job by its number of members: those of one class take each other's places one for one.
    fn earliest_by_count(&self) -> Instant {
        let wanted = self.chosen.members.len() as u64;
        let (mut room, mut earliest) = (self.room, self.now);
        for job in self.running.by_end() {
            earliest = job.expected_end;
            room += job.members as u64;
            if room >= wanted {
                break;
            }
        }
        earliest
    }
}

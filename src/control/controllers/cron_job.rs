//! Cron jobs: jobs by the clock (spec: kubernetes.md 2.6). Of several start times missed only the
//! latest is made up, and that by an estimate that uneven schedules can defeat.

use super::ControllerEvent;
use model::Text;
use model::workload::cron_job::CronStatus;
use model::workload::{ConcurrencyPolicy, CronJob, CronSchedule, UnixSeconds};
use units::{Duration, Instant};

/// Time after a start time at which the next sync is due.
const NEXT_DELTA: Duration = Duration::from_millis(100);

/// Number of missed start times from which a warning is given.
const MANY_MISSED: i64 = 100;

/// The controller's view of one cron job.
#[derive(Clone, Copy, Debug)]
pub struct CronJobView<'a> {
    /// The cron job.
    pub cron_job: &'a CronJob,
    /// Instant of the cron job's creation.
    pub created: Instant,
    /// The date of the instant zero.
    pub zero: UnixSeconds,
    /// The cron job's jobs.
    pub jobs: &'a [CronChild],
    /// Last reported status.
    pub status: &'a CronStatus,
    /// Marks a cron job that is being deleted.
    pub is_terminating: bool,
}

/// A job of a cron job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CronChild {
    /// The job's name.
    pub name: Text,
    /// Instant of the job's start.
    pub started: Option<Instant>,
    /// `true` if the job succeeded, `false` if it failed; `None` while it has not finished.
    pub succeeded: Option<bool>,
    /// Instant of the job's completion.
    pub completed: Option<Instant>,
}

/// Changes that the controller requests for one cron job: deletions, then the creation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CronWrites {
    /// Jobs to be deleted.
    pub delete: Vec<Text>,
    /// The job to be made.
    pub create: Option<Text>,
    /// Status to report.
    pub status: CronStatus,
    /// Whether that is written.
    pub is_status_updated: bool,
    /// Events to record.
    pub events: Vec<ControllerEvent>,
    /// Time until the next look.
    pub requeue: Option<Duration>,
}

/// One sync.
pub fn sync(now: Instant, view: &CronJobView<'_>) -> CronWrites {
    let mut sync = Sync {
        now,
        view,
        writes: CronWrites {
            status: view.status.clone(),
            ..CronWrites::default()
        },
    };
    sync.trim_history();
    sync.note_children();
    if !view.is_terminating {
        sync.start();
    }
    sync.writes
}

/// The name of the job of a start time.
pub fn job_name(cron_job: &CronJob, scheduled: UnixSeconds) -> Text {
    format!("{}-{}", cron_job.name, scheduled.div_euclid(60)).into()
}

/// Missed start times.
struct MissedStarts {
    /// Earliest time for which start times were sought.
    earliest: UnixSeconds,
    /// The latest, if the estimate found it.
    latest: Option<UnixSeconds>,
    /// Estimated number of missed start times; 0 if it was plain.
    count: i64,
}

struct Sync<'a> {
    now: Instant,
    view: &'a CronJobView<'a>,
    writes: CronWrites,
}

impl Sync<'_> {
    fn tell(&mut self, reason: &'static str, message: String) {
        self.writes
            .events
            .push(ControllerEvent::normal(reason, message));
    }

    fn warn(&mut self, reason: &'static str, message: String) {
        self.writes
            .events
            .push(ControllerEvent::warning(reason, message));
    }

    /// Deletes finished jobs beyond the limits of history, oldest first.
    fn trim_history(&mut self) {
        let cron_job = self.view.cron_job;
        for (succeeded, limit) in [
            (true, cron_job.successful_history),
            (false, cron_job.failed_history),
        ] {
            let Some(limit) = limit else { continue };
            let jobs = self.view.jobs.iter();
            let mut jobs: Vec<&CronChild> = jobs
                .filter(|job| job.succeeded == Some(succeeded))
                .collect();
            jobs.sort_by_key(|job| (job.started.is_none(), job.started, job.name.clone()));
            let surplus = jobs.len().saturating_sub(limit.max(0) as usize);
            for job in jobs.into_iter().take(surplus) {
                self.delete(&job.name);
            }
        }
    }

    fn delete(&mut self, name: &Text) {
        self.writes.delete.push(name.clone());
        self.writes.status.active.retain(|known| known != name);
        self.writes.is_status_updated = true;
        self.tell("SuccessfulDelete", format!("Deleted job {name}"));
    }

    /// Takes in how the jobs are.
    fn note_children(&mut self) {
        for job in self.view.jobs {
            let is_active = self.writes.status.active.contains(&job.name);
            if !is_active && job.succeeded.is_none() {
                let message = "Saw a job that the controller did not create or forgot";
                self.warn("UnexpectedJob", format!("{message}: {}", job.name));
            } else if let (true, Some(succeeded)) = (is_active, job.succeeded) {
                self.writes.status.active.retain(|known| *known != job.name);
                self.writes.is_status_updated = true;
                let condition = if succeeded { "Complete" } else { "Failed" };
                let message = format!("Saw completed job: {}, condition: {condition}", job.name);
                self.tell("SawCompletedJob", message);
            }
            let is_later = job.completed > self.writes.status.last_success;
            if job.succeeded == Some(true) && is_later {
                self.writes.status.last_success = job.completed;
                self.writes.is_status_updated = true;
            }
        }
        let is_there = |name: &Text| self.view.jobs.iter().any(|job| job.name == *name);
        let gone = self.writes.status.active.iter();
        let gone: Vec<Text> = gone.filter(|name| !is_there(name)).cloned().collect();
        for name in gone {
            self.writes.status.active.retain(|known| *known != name);
            self.writes.is_status_updated = true;
            self.tell("MissingJob", format!("Active job went missing: {name}"));
        }
    }

    /// Starts the job that is due, if one is.
    fn start(&mut self) {
        let cron_job = self.view.cron_job;
        if cron_job.suspend {
            return;
        }
        let schedule = match CronSchedule::parse(&cron_job.schedule, cron_job.time_zone.as_deref())
        {
            Ok(schedule) => schedule,
            Err(error) => {
                let message = format!("unparseable schedule: {:?} : {error}", cron_job.schedule);
                return self.warn("UnparseableSchedule", message);
            }
        };
        let Some(missed) = self.missed(&schedule, true) else {
            let message = format!(
                "invalid schedule: {} : time difference between two schedules is less than 1 second",
                cron_job.schedule
            );
            return self.warn("InvalidSchedule", message);
        };
        if let Some(scheduled) = missed.latest {
            if missed.count > MANY_MISSED {
                let message = "too many missed start times. Set or decrease \
                               .spec.startingDeadlineSeconds or check clock skew";
                self.warn("TooManyMissedTimes", message.to_owned());
            }
            self.start_at(scheduled);
        }
        self.writes.requeue = Some(self.until_next(&schedule));
    }

    fn start_at(&mut self, scheduled: UnixSeconds) {
        let cron_job = self.view.cron_job;
        let at = self.instant(scheduled);
        let name = job_name(cron_job, scheduled);
        let is_too_late = cron_job
            .starting_deadline
            .is_some_and(|deadline| at.saturating_add(deadline) < self.now);
        let status = &self.writes.status;
        let is_started = status.active.contains(&name) || status.last_schedule == Some(at);
        let is_busy = !status.active.is_empty();
        if is_too_late {
            let message = format!("Missed scheduled time to start a job: {at}");
            return self.warn("MissSchedule", message);
        }
        if is_started {
            return;
        }
        match cron_job.concurrency {
            ConcurrencyPolicy::Forbid if is_busy => {
                let message = "Not starting job because prior execution is running and \
                               concurrency policy is Forbid";
                return self.tell("JobAlreadyActive", message.to_owned());
            }
            ConcurrencyPolicy::Replace => {
                for active in self.writes.status.active.clone() {
                    self.delete(&active);
                }
            }
            _ => {}
        }
        self.tell("SuccessfulCreate", format!("Created job {name}"));
        self.writes.status.active.push(name.clone());
        self.writes.status.last_schedule = Some(at);
        self.writes.is_status_updated = true;
        self.writes.create = Some(name);
    }

    fn instant(&self, unix: UnixSeconds) -> Instant {
        let seconds = unix.saturating_sub(self.view.zero);
        Duration::checked_from_secs(seconds)
            .map_or(Instant::MAX, |span| Instant::ZERO.saturating_add(span))
    }

    /// The date of an instant, fractions of a second dropped.
    fn unix(&self, at: Instant) -> UnixSeconds {
        let second = Duration::from_secs(1).as_nanos();
        self.view.zero + at.as_nanos().div_euclid(second)
    }

    /// The start times between the last one and now; `None` if the schedule is never due.
    fn missed(&self, schedule: &CronSchedule, with_deadline: bool) -> Option<MissedStarts> {
        let last = self.writes.status.last_schedule;
        let mut earliest = self.unix(last.unwrap_or(self.view.created));
        let deadline = self.view.cron_job.starting_deadline;
        if let Some(deadline) = deadline.filter(|_| with_deadline) {
            let back = Duration::from_nanos(-deadline.as_nanos());
            earliest = earliest.max(self.unix(self.now.saturating_add(back)));
        }
        let now = self.unix(self.now);
        let none = MissedStarts {
            earliest,
            latest: None,
            count: 0,
        };
        let first = schedule.next(earliest)?;
        if now < first {
            return Some(none);
        }
        let second = schedule.next(first)?;
        if now < second {
            let latest = Some(first);
            return Some(MissedStarts { latest, ..none });
        }
        let between = second - first;
        let count = (now - first) / between + 1;
        let mut latest = None;
        let mut at = first + (count - 2) * between;
        while let Some(next) = schedule.next(at).filter(|&next| next <= now) {
            latest = Some(next);
            at = next;
        }
        Some(MissedStarts {
            earliest,
            latest,
            count,
        })
    }

    /// Time until just after the next start time.
    fn until_next(&self, schedule: &CronSchedule) -> Duration {
        let from = match self.missed(schedule, false) {
            Some(MissedStarts {
                latest: Some(latest),
                ..
            }) => latest,
            Some(MissedStarts {
                earliest, count: 0, ..
            }) => earliest,
            _ => self.unix(self.now),
        };
        let next = schedule
            .next(from)
            .map_or(Instant::MAX, |next| self.instant(next));
        next.saturating_add(NEXT_DELTA).since(self.now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn every_five_minutes() -> CronJob {
        CronJob {
            name: "backup".into(),
            schedule: "*/5 * * * *".into(),
            ..CronJob::default()
        }
    }

    fn step(cron_job: &CronJob, status: &CronStatus, jobs: &[CronChild], now: i64) -> CronWrites {
        let view = CronJobView {
            cron_job,
            created: Instant::ZERO,
            zero: 0,
            jobs,
            status,
            is_terminating: false,
        };
        sync(Instant::from_secs(now), &view)
    }

    #[test]
    fn after_an_outage_only_the_latest_start_is_made_up() {
        let status = CronStatus {
            last_schedule: Some(Instant::from_secs(36_000)),
            ..CronStatus::default()
        };
        let writes = step(&every_five_minutes(), &status, &[], 37_020);
        assert_eq!(writes.create.as_deref(), Some("backup-615"));
        assert_eq!(writes.requeue, Some(Duration::from_millis(180_100)));
        assert_eq!(
            writes.status.last_schedule,
            Some(Instant::from_secs(36_900))
        );
    }

    #[test]
    fn an_uneven_schedule_can_miss_its_start() {
        let cron_job = CronJob {
            schedule: "0,20,50 * * * *".into(),
            ..every_five_minutes()
        };
        let status = CronStatus {
            last_schedule: Some(Instant::from_secs(50 * 60)),
            ..CronStatus::default()
        };
        let writes = step(&cron_job, &status, &[], (60 + 49) * 60);
        assert_eq!(writes.create, None);
    }

    #[test]
    fn forbid_waits_and_replace_deletes() {
        let running = CronChild {
            name: "backup-0".into(),
            ..CronChild::default()
        };
        let status = CronStatus {
            active: vec!["backup-0".into()],
            ..CronStatus::default()
        };
        let mut cron_job = every_five_minutes();
        cron_job.concurrency = ConcurrencyPolicy::Forbid;
        let writes = step(&cron_job, &status, std::slice::from_ref(&running), 301);
        assert_eq!(writes.create, None);
        cron_job.concurrency = ConcurrencyPolicy::Replace;
        let writes = step(&cron_job, &status, &[running], 301);
        assert_eq!(writes.delete, ["backup-0".into()]);
        assert_eq!(writes.create.as_deref(), Some("backup-5"));
    }

    #[test]
    fn a_wrong_schedule_is_told_and_not_tried_again() {
        let cron_job = CronJob {
            schedule: "61 * * * *".into(),
            ..every_five_minutes()
        };
        let writes = step(&cron_job, &CronStatus::default(), &[], 301);
        assert_eq!(
            writes.events[0].message,
            "unparseable schedule: \"61 * * * *\" : end of range (61) above maximum (59): 61"
        );
        assert_eq!(writes.requeue, None);
    }

    proptest! {
        /// No start time leads to two jobs, and with `Forbid` no two run at once.
        #[test]
        fn starts_are_single(gaps in proptest::collection::vec((1..900_i64, any::<bool>()), 1..60)) {
            let mut cron_job = every_five_minutes();
            cron_job.concurrency = ConcurrencyPolicy::Forbid;
            let (mut status, mut jobs) = (CronStatus::default(), Vec::<CronChild>::new());
            let mut seen = units::SortedSet::new();
            let mut now = 0;
            for (gap, ends) in gaps {
                now += gap;
                for job in jobs.iter_mut().filter(|_| ends) {
                    job.succeeded = Some(true);
                    job.completed.get_or_insert(Instant::from_secs(now));
                }
                let writes = step(&cron_job, &status, &jobs, now);
                jobs.retain(|job| !writes.delete.contains(&job.name));
                if let Some(name) = writes.create {
                    prop_assert!(jobs.iter().all(|job| job.succeeded.is_some()));
                    prop_assert!(seen.insert(name.clone()));
                    let started = Some(Instant::from_secs(now));
                    jobs.push(CronChild { name, started, ..CronChild::default() });
                }
                status = writes.status;
                prop_assert!(jobs.len() <= 5);
            }
        }
    }
}

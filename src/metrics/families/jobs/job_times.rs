//! A time of every measured job: the collector of families that differ only in which time they take.

use units::Duration;

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::jobs::JobRecord;
use crate::statistics::distribution::{Distribution, RMST};
use crate::values::Values;

/// A time of a job, as far as the run shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ObservedTime {
    /// The time, seen to its end.
    Whole(Duration),
    /// The least that the time can be.
    AtLeast(Duration),
    /// The job has no such time.
    None,
}

/// Collects a time of every job that was submitted in the measured window.
#[derive(Clone, Debug)]
pub(crate) struct JobTimes {
    of: fn(&JobRecord) -> ObservedTime,
    times: Distribution,
}

impl JobTimes {
    /// A collector of one time.
    pub(crate) fn boxed(of: fn(&JobRecord) -> ObservedTime) -> Box<dyn Collector> {
        Box::new(Self {
            of,
            times: Distribution::default(),
        })
    }
}

impl Collector for JobTimes {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        match (self.of)(job) {
            ObservedTime::Whole(time) => self.times.add(time),
            ObservedTime::AtLeast(time) => self.times.add_at_least(time),
            ObservedTime::None => {}
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        self.times.put(values);
        values.put(RMST, self.times.restricted_mean());
    }
}

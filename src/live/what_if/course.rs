//! The course of a recorded run as far as it is no decision: how long processes took, and when nodes were
//! silent.

use units::{Duration, Instant, SortedMap};

use crate::driver::input::Input;
use crate::driver::{Driver, Plane};
use crate::record::silence::Silences;
use crate::record::{self, Log, RecordError};
use crate::wire::report::News;

/// The life of a pod's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// Time from the start to the end.
    pub(super) runs: Duration,
    /// Exit code.
    pub(super) code: i32,
}

/// The course of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// First end of a pod by itself, by namespace and name.
    lives: SortedMap<String, Life>,
    silences: Silences,
}

impl Course {
    /// The course of a record, by replaying it.
    ///
    /// # Errors
    /// The record does not replay.
    pub(super) fn of(log: &Log, plane: Plane) -> Result<Self, RecordError> {
        let mut course = Self::default();
        let mut driver = log.begin(plane)?;
        let mut started: SortedMap<u32, Instant> = SortedMap::new();
        for (number, record) in log.records.iter().enumerate() {
            for input in &record.inputs {
                if let Input::Update { message } = input {
                    for report in &message.reports {
                        let at = Instant::from_nanos(record.at_ns);
                        course.take(&driver, &mut started, at, report.pod, &report.news);
                    }
                }
            }
            record::replay(&mut driver, log.first() + number as u64, record)?;
            course.silences.listen(&driver);
        }
        Ok(course)
    }

    fn take(
        &mut self,
        driver: &Driver,
        started: &mut SortedMap<u32, Instant>,
        at: Instant,
        pod: u32,
        news: &News,
    ) {
        let code = match *news {
            News::Running => {
                started.entry(pod).or_insert(at);
                return;
            }
            News::Exited { code, .. } => code,
            News::Ended {
                reason: model::EndReason::Completed,
            } => 0,
            News::Ended {
                reason: model::EndReason::Error,
            } => 1,
            _ => return,
        };
        if let (Some(name), Some(&start)) = (driver.pod_name(pod), started.get(&pod)) {
            let runs = at.since(start);
            self.lives.entry(name).or_insert(Life { runs, code });
        }
    }

    /// The life of a pod's processes; `None` if they did not end by themselves.
    pub(super) fn life(&self, name: &str) -> Option<Life> {
        self.lives.get(name).copied()
    }

    /// Whether a node was silent at an instant.
    pub(super) fn is_silent(&self, node: &str, at: Instant) -> bool {
        self.silences.is_silent(node, at)
    }
}

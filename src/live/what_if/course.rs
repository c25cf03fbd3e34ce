//! The course of a recorded run as far as it is no decision: how long processes took, and when nodes were
//! silent.

use units::Instant;

use crate::driver::Plane;
use crate::record::life::{Life, Lives};
use crate::record::silence::Silences;
use crate::record::{self, Log, RecordError};

/// The course of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    lives: Lives,
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
        for (number, record) in log.records.iter().enumerate() {
            course.lives.listen(&driver, record);
            record::replay(&mut driver, log.first() + number as u64, record)?;
            course.silences.listen(&driver);
        }
        Ok(course)
    }

    /// The life of a pod's processes; `None` if they did not end by themselves.
    pub(super) fn life(&self, name: &str) -> Option<Life> {
        self.lives.of(name)
    }

    /// Whether a node was silent at an instant.
    pub(super) fn is_silent(&self, node: &str, at: Instant) -> bool {
        self.silences.is_silent(node, at)
    }
}

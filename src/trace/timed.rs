//! Rows of events in order of time. A table of machines or containers is small, so its rows are kept until all are
//! there; rows of one instant stay in the order of their files. Logs of tasks are larger and are sorted on disk.

use std::sync::Arc;

use super::error::TraceError;
use super::ledger::{Action, Journal};
use super::rows::{Refused, heed};
use units::Instant;

/// The note about a row that is earlier than one above it.
pub(crate) const OUT_OF_ORDER: &str = "events out of order; sorted";

/// Rows up to now.
pub(crate) struct Timed<T> {
    rows: Vec<TimedRow<T>>,
    latest: Instant,
}

/// A row with its place.
struct TimedRow<T> {
    at: Instant,
    file: Arc<str>,
    line: u64,
    row: T,
}

impl<T> Default for Timed<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            latest: Instant::ZERO,
        }
    }
}

impl<T> Timed<T> {
    /// Adds a row of a log in order of time; one without a time stays where it stands.
    pub(crate) fn push(
        &mut self,
        journal: &mut Journal,
        line: u64,
        at: Option<Instant>,
        row: T,
    ) -> Result<(), TraceError> {
        let at = at.unwrap_or(self.latest);
        if at < self.latest {
            journal.dirt(OUT_OF_ORDER, Action::Repair, line)?;
        }
        self.latest = self.latest.max(at);
        self.push_any(journal, line, at, row);
        Ok(())
    }

    /// Adds a row of a log that is in another order.
    pub(crate) fn push_any(&mut self, journal: &Journal, line: u64, at: Instant, row: T) {
        let file = journal.file.clone();
        self.rows.push(TimedRow {
            at,
            file,
            line,
            row,
        });
    }

    /// Takes each row with its line in order of time.
    pub(crate) fn each(
        mut self,
        journal: &mut Journal,
        mut take: impl FnMut(&mut Journal, u64, T) -> Result<(), Refused>,
    ) -> Result<(), TraceError> {
        self.rows.sort_by_key(|own| own.at);
        for own in self.rows {
            journal.file = own.file;
            heed(journal, |journal| take(journal, own.line, own.row))?;
        }
        Ok(())
    }
}

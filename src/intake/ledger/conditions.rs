//! Irregularities that are noted under a condition.

use super::{Action, Journal};
use crate::TraceError;

impl Journal {
    /// Counts an irregularity of a line that is kept, if it is there.
    ///
    /// # Errors
    /// As for [`Self::dirt`].
    pub fn keep_if(&mut self, is_there: bool, kind: &str, line: u64) -> Result<(), TraceError> {
        self.dirt_if(is_there, kind, Action::Keep, line)
    }

    /// Counts an irregularity of a line that is repaired, if it is there.
    ///
    /// # Errors
    /// As for [`Self::dirt`].
    pub fn repair_if(&mut self, is_there: bool, kind: &str, line: u64) -> Result<(), TraceError> {
        self.dirt_if(is_there, kind, Action::Repair, line)
    }

    /// Counts an irregularity of a line of which something is dropped, if it is there.
    ///
    /// # Errors
    /// As for [`Self::dirt`].
    pub fn drop_if(&mut self, is_there: bool, kind: &str, line: u64) -> Result<(), TraceError> {
        self.dirt_if(is_there, kind, Action::Drop, line)
    }

    /// Counts a demand of a line that is waived, if it is there.
    ///
    /// # Errors
    /// As for [`Self::dirt`].
    pub fn waive_if(&mut self, is_there: bool, kind: &str, line: u64) -> Result<(), TraceError> {
        self.dirt_if(is_there, kind, Action::Waive, line)
    }

    fn dirt_if(
        &mut self,
        is_there: bool,
        kind: &str,
        action: Action,
        line: u64,
    ) -> Result<(), TraceError> {
        if is_there {
            self.dirt(kind, action, line)?;
        }
        Ok(())
    }
}

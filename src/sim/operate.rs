//! Operations of users, carried out when they are due.

use crate::control::operation::{Operation, OperationError, carry_out};
use crate::units::Instant;

use super::SimError;
use super::cell::Cell;
use super::engine::Engine;
use super::queue::Upcoming;

impl Engine<'_> {
    /// A user does something; what can't be done at once is carried on later.
    pub(super) fn operate(&mut self, cell: &mut Cell, number: u32) -> Result<(), SimError> {
        let Some(operation) = cell.operations.get(number as usize).cloned() else {
            return Ok(());
        };
        let now = self.now;
        let steps = carry_out(now, &operation, &cell.store);
        let steps = steps.map_err(|why| wrong(&operation, now, &why))?;
        for event in steps.events {
            // What was decided on one state together is not stale.
            if let Err(conflict) = self.carry_out(cell, event)? {
                let why = OperationError::Refused(conflict);
                return Err(wrong(&operation, now, &why));
            }
        }
        for creation in &steps.creations {
            if let Err(conflict) = self.create(cell, creation)? {
                let why = OperationError::Refused(conflict);
                return Err(wrong(&operation, now, &why));
            }
        }
        match steps.again {
            Some(at) => {
                let event = Upcoming::Operation(number).of(cell.number);
                self.queue.push(at.max(self.now), event);
            }
            None => cell.operations_left -= 1,
        }
        Ok(())
    }
}

fn wrong(operation: &Operation, at: Instant, why: &OperationError) -> SimError {
    SimError::Declaration {
        what: format!("operation `{operation}` at {at}"),
        why: why.to_string(),
    }
}

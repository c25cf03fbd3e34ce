//! Reading the logs of a node's containers.

use super::Containers;
use crate::runtime::{AttemptId, LogPart, LogPosition, Runtime};
use crate::wire::errand::{Errand, LOG_PART_BYTES, LogText, NO_CONTAINER};

impl<R: Runtime> Containers<R> {
    /// Reads a part of a log for a user: of the last attempt of a container, or of the one before.
    pub(in crate::daemon) fn read(&self, errand: &Errand) -> Result<LogText, String> {
        let id = self.id(errand.pod);
        let mut attempts: Vec<AttemptId> =
            self.runtime.list().into_iter().map(|l| l.attempt).collect();
        attempts.retain(|attempt| attempt.pod() == id);
        let mut names: Vec<&str> = attempts.iter().map(AttemptId::container).collect();
        names.sort_unstable();
        names.dedup();
        let wanted = match (&errand.container, names.as_slice()) {
            (_, []) if self.retained.contains(errand.pod) => {
                return Err("the pod ended before any of its containers started".to_owned());
            }
            (_, []) => return Err(NO_CONTAINER.to_owned()),
            (Some(name), _) => name.as_str(),
            (None, [only]) => only,
            (None, several) => {
                let several = several.join(", ");
                return Err(format!(
                    "the pod has several containers; choose one of {several}"
                ));
            }
        };
        let mut own: Vec<&AttemptId> = attempts.iter().collect();
        own.retain(|attempt| attempt.container() == wanted);
        own.sort_unstable_by_key(|attempt| attempt.number());
        let Some(last) = own.pop() else {
            let known = names.join(", ");
            return Err(format!(
                "there is no such container; those of the pod are {known}"
            ));
        };
        let before = own.pop();
        let from = errand.from.as_ref();
        let part = match (errand.is_previous, before) {
            (true, Some(before)) => self.part(before, from)?,
            (true, None) => {
                return Err(format!(
                    "container `{wanted}` has not been started again, so it has no log of before"
                ));
            }
            (false, before) => self.next_part(before, last, from)?,
        };
        Ok(LogText {
            records: String::from_utf8_lossy(&part.records).into_owned(),
            next: part.next,
            is_gap: part.is_gap,
            is_over: self.retained.contains(errand.pod),
        })
    }

    /// A part of the log of a container: of the attempt before the last one while the place is in that and
    /// there is more of it.
    fn next_part(
        &self,
        before: Option<&AttemptId>,
        last: &AttemptId,
        from: Option<&LogPosition>,
    ) -> Result<LogPart, String> {
        let part = self.part(last, from)?;
        let (Some(before), true) = (before, part.is_gap) else {
            return Ok(part);
        };
        let rest = self.part(before, from)?;
        match (rest.is_gap, rest.records.is_empty()) {
            (true, _) => Ok(part),
            (false, false) => Ok(rest),
            (false, true) => Ok(LogPart {
                is_gap: false,
                ..part
            }),
        }
    }

    fn part(&self, attempt: &AttemptId, from: Option<&LogPosition>) -> Result<LogPart, String> {
        let part = self.runtime.log(attempt, from, LOG_PART_BYTES);
        part.map_err(|error| format!("the log can't be read: {error}"))
    }
}

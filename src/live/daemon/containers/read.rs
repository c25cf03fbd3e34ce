//! Reading the logs of a node's containers.

use super::Containers;
use crate::runtime::{AttemptId, Runtime};
use crate::wire::errand::{Errand, LOG_PART_BYTES, LogText};

impl<R: Runtime> Containers<R> {
    /// Reads a part of a log for a user: of the last attempt of a container.
    pub(in crate::daemon) fn read(&self, errand: &Errand) -> Result<LogText, String> {
        let id = self.id(errand.pod);
        let mut attempts: Vec<AttemptId> =
            self.runtime.list().into_iter().map(|l| l.attempt).collect();
        attempts.retain(|attempt| attempt.pod() == id);
        let mut names: Vec<&str> = attempts.iter().map(AttemptId::container).collect();
        names.sort_unstable();
        names.dedup();
        let wanted = match (&errand.container, names.as_slice()) {
            (Some(name), _) => name.as_str(),
            (None, [only]) => only,
            (None, []) => return Err("the pod has no container here yet".to_owned()),
            (None, several) => {
                let several = several.join(", ");
                return Err(format!(
                    "the pod has several containers; choose one of {several}"
                ));
            }
        };
        let own = attempts
            .iter()
            .filter(|attempt| attempt.container() == wanted);
        let Some(last) = own.max_by_key(|attempt| attempt.number()) else {
            let known = names.join(", ");
            return Err(format!(
                "there is no such container; those of the pod are {known}"
            ));
        };
        let part = self.runtime.log(last, errand.from.as_ref(), LOG_PART_BYTES);
        let part = part.map_err(|error| format!("the log can't be read: {error}"))?;
        Ok(LogText {
            records: String::from_utf8_lossy(&part.records).into_owned(),
            next: part.next,
            is_gap: part.is_gap,
        })
    }
}

//! Arrivals of several pods as that many arrivals of one: the instances of a task that need not
//! start together. They are unfolded while they are read.

use super::error::TraceError;
use super::header_record::HeaderRecord;
use super::ledger::Ledger;
use super::stream::{Arrival, ArrivalSource, Classes};
use model::{PodName, Text};

/// A source whose arrivals are all of one pod.
pub(crate) struct Unfold {
    source: Box<dyn ArrivalSource>,
    /// The arrival that is being unfolded, and the number of its pods that were delivered.
    present: Option<(Arrival, u32)>,
}

impl Unfold {
    /// A source of the pods of another.
    pub(crate) fn new(source: Box<dyn ArrivalSource>) -> Self {
        Self {
            source,
            present: None,
        }
    }
}

impl ArrivalSource for Unfold {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some((arrival, delivered)) = &mut self.present else {
            let Some(arrival) = self.source.next()? else {
                return Ok(None);
            };
            if arrival.members <= 1 {
                return Ok(Some(arrival));
            }
            self.present = Some((arrival, 0));
            return self.next();
        };
        *delivered += 1;
        let pod = Arrival {
            name: PodName::Text(format!("{}-{delivered}", arrival.name).into()),
            members: 1,
            ..arrival.clone()
        };
        if *delivered == arrival.members {
            self.present = None;
        }
        Ok(Some(pod))
    }

    fn may_wait(&self) -> bool {
        self.source.may_wait()
    }

    fn has_gangs(&self) -> bool {
        self.source.has_gangs()
    }

    fn classes(&self) -> &Classes {
        self.source.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            source: self.source.fork()?,
            present: self.present.clone(),
        }))
    }

    fn header(&self) -> &HeaderRecord {
        self.source.header()
    }

    fn ledger(&self) -> &Ledger {
        self.source.ledger()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }

    fn files(&self) -> &[std::sync::Arc<str>] {
        self.source.files()
    }

    fn tenants(&self) -> &[Text] {
        self.source.tenants()
    }
}

//! Arrivals of several pods as that many arrivals of one: the instances of a task that need not
//! start together. They are unfolded while they are read.

use crate::prelude::*;
use arrivals::stream::Classes;

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

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.source)
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
}

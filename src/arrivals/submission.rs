//! Arrivals that are submitted as one: an arrival alone, or all members of a gang.

use crate::stream::{Arrival, ArrivalSource};
use intake::TraceError;

/// An arrival alone, or all members of a gang in the order of their stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The arrival, or the first member.
    pub first: Arrival,
    /// The other members.
    pub mates: Vec<Arrival>,
}

impl From<Arrival> for Submission {
    fn from(first: Arrival) -> Self {
        let mates = Vec::new();
        Self { first, mates }
    }
}

impl Submission {
    /// Returns all members.
    pub fn members(&self) -> impl Iterator<Item = &Arrival> {
        std::iter::once(&self.first).chain(&self.mates)
    }

    /// Returns the number of pods.
    pub fn pods(&self) -> u64 {
        self.members().map(|own| u64::from(own.members)).sum()
    }

    /// Reads the next submission of a source, of which the next arrival may have been read ahead already.
    ///
    /// # Errors
    /// The source can't be read on.
    pub fn next(
        source: &mut dyn ArrivalSource,
        ahead: &mut Option<Arrival>,
    ) -> Result<Option<Self>, TraceError> {
        if ahead.is_none() {
            *ahead = source.next()?;
        }
        let Some(first) = ahead.take() else {
            return Ok(None);
        };
        let mut own = Self::from(first);
        if own.first.gang().is_some() {
            loop {
                *ahead = source.next()?;
                match ahead.take_if(|next| next.is_mate_of(&own.first)) {
                    Some(mate) => own.mates.push(mate),
                    None => break,
                }
            }
        }
        Ok(Some(own))
    }
}

//! Orders in which arrivals are sorted.

use std::cmp::Ordering;

use crate::stream::Arrival;
use model::PodName;
use units::Instant;

/// An order of arrivals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// By submission.
    #[default]
    Submission,
    /// By submission, then by place in the trace.
    Place,
    /// By name, then by submission and by place in the trace.
    Name,
}

impl Order {
    /// Compares two arrivals.
    fn compare(self, one: &Arrival, other: &Arrival) -> Ordering {
        let place = |own: &Arrival| own.origin.number();
        match self {
            Self::Submission => one.submit.cmp(&other.submit),
            Self::Place => (one.submit, place(one)).cmp(&(other.submit, place(other))),
            Self::Name => {
                let rank = |own: &Arrival| (own.submit, place(own));
                one.name.cmp(&other.name).then(rank(one).cmp(&rank(other)))
            }
        }
    }

    /// Sorts arrivals.
    pub(crate) fn sort(self, arrivals: &mut [Arrival]) {
        arrivals.sort_by(|one, other| self.compare(one, other));
    }

    /// The rank of an arrival among others.
    pub(super) fn rank(self, own: &Arrival) -> Rank {
        let name = (self == Self::Name).then(|| own.name.clone());
        let place = if self == Self::Submission {
            0
        } else {
            own.origin.number()
        };
        (name, own.submit, place)
    }
}

/// The rank of an arrival: a name, a submission and a place, as far as they count.
pub(super) type Rank = (Option<PodName>, Instant, u64);

//! Orders in which arrivals are sorted.

use super::Flat;
use super::encode::gang_key;
use intake::origin::Origin;
use model::PodName;
use units::Instant;

/// An order of arrivals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By submission.
    #[default]
    Submission,
    /// By submission, then by place in the trace.
    Place,
    /// By name, then by submission and by place in the trace.
    Name,
    /// By the gang that each is a member of: those of one gang come together, as they came.
    Gang,
}

impl Order {
    /// The rank of an arrival among others.
    pub(super) fn rank(self, own: &Flat<'_>) -> Rank {
        if self == Self::Gang {
            return Self::rank_of_gang(gang_key(own));
        }
        let name = (self == Self::Name).then(|| own.name.into());
        self.rank_of(name, own.submit, own.origin)
    }

    /// The rank of a member of a gang with this key.
    pub(super) fn rank_of_gang(key: [u64; 2]) -> Rank {
        (None, Instant::from_nanos(key[0] as i64), key[1])
    }

    /// The rank of an arrival of this name, which is stated if arrivals are sorted by it.
    #[inline]
    pub(super) fn rank_of(self, name: Option<PodName>, submit: Instant, origin: Origin) -> Rank {
        let place = match self {
            Self::Submission | Self::Gang => 0,
            Self::Place | Self::Name => origin.number(),
        };
        (name, submit, place)
    }

    /// Makes a rank that of an arrival; whether the arrival follows in order.
    #[inline]
    pub(super) fn follow(self, last: &mut Rank, own: &Flat<'_>) -> bool {
        if matches!(self, Self::Name | Self::Gang) {
            let rank = self.rank(own);
            let follows = *last <= rank;
            *last = rank;
            return follows;
        }
        let (_, submit, place) = self.rank_of(None, own.submit, own.origin);
        let follows = (last.1, last.2) <= (submit, place);
        (last.1, last.2) = (submit, place);
        follows
    }
}

/// The rank of an arrival: a name, a submission and a place, as far as they count; the key of a gang in the place
/// of the last two.
pub(super) type Rank = (Option<PodName>, Instant, u64);

#[cfg(test)]
impl Order {
    /// Sorts arrivals.
    pub(super) fn sort(self, arrivals: &mut [crate::stream::Arrival]) {
        arrivals.sort_by_key(|own| self.rank(&own.into()));
    }
}

//! The smallest difference that matters.

/// The smallest difference that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// A share of the baseline's mean.
    Relative(f64),
    /// A share of the baseline's mean, and no less than an amount in the metric's unit.
    Usual {
        /// The share.
        share: f64,
        /// The amount.
        floor: f64,
    },
    /// An amount in the metric's unit.
    Absolute(f64),
}

impl Threshold {
    /// The threshold with another share of the baseline's mean. A share of 0 allows nothing.
    #[must_use]
    pub fn with_share(self, share: f64) -> Self {
        match self {
            Self::Usual { floor, .. } if share > 0.0 => Self::Usual { share, floor },
            _ => Self::Relative(share),
        }
    }

    /// The share of the baseline that rules at a level of it; `None` where an amount does.
    pub(super) fn share_at(self, level: f64) -> Option<f64> {
        match self {
            Self::Relative(share) => Some(share),
            Self::Usual { share, floor } => (share * level.abs() > floor).then_some(share),
            Self::Absolute(_) => None,
        }
        .filter(|share| *share > 0.0)
    }

    /// The amount at a level of the baseline.
    pub fn at(self, level: f64) -> f64 {
        match self {
            Self::Relative(share) => share * level.abs(),
            Self::Usual { share, floor } => (share * level.abs()).max(floor),
            Self::Absolute(amount) => amount,
        }
    }
}

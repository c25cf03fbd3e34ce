//! Tiers of priority, after the bands of Borg's trace of 2019, as its documentation of August 2020 (v3) has
//! them (spec: orchestrators-b.md sections 5.1 and 5.5): what a task may expect of its place follows from the band that its priority is in.

/// A tier, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Below 100: runs on what is left.
    Free,
    /// 100 to 115: batch work at best effort.
    Batch,
    /// 116 to 119: between batch and production.
    Mid,
    /// 120 to 359: services; no task of it preempts another.
    Production,
    /// From 360 on: what keeps watch over the others.
    Monitoring,
}

impl Tier {
    /// All tiers, the lowest first.
    pub const ALL: [Self; 5] = [
        Self::Free,
        Self::Batch,
        Self::Mid,
        Self::Production,
        Self::Monitoring,
    ];

    /// The tier of a priority.
    ///
    /// ```
    /// use model::Tier;
    ///
    /// assert_eq!([99, 100, 116, 120, 360].map(Tier::of), Tier::ALL);
    /// ```
    pub const fn of(priority: i32) -> Self {
        match priority {
            ..100 => Self::Free,
            100..116 => Self::Batch,
            116..120 => Self::Mid,
            120..360 => Self::Production,
            360.. => Self::Monitoring,
        }
    }

    /// The name of the tier in experiment files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Batch => "batch",
            Self::Mid => "mid",
            Self::Production => "production",
            Self::Monitoring => "monitoring",
        }
    }

    /// Whether tasks of the tier are promised what they ask for ("prod": production and monitoring).
    pub const fn is_prod(self) -> bool {
        matches!(self, Self::Production | Self::Monitoring)
    }
}

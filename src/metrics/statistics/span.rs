//! A stretch of time.

use units::Instant;

/// A stretch of time in which nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The instant after whose changes the state holds.
    pub from: Instant,
    /// The instant at which something changes again.
    pub to: Instant,
}

impl Span {
    /// The length in nanoseconds.
    #[inline]
    pub const fn nanos(self) -> i64 {
        self.to.since(self.from).as_nanos()
    }
}

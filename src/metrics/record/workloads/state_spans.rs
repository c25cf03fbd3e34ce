//! States that workloads were in for a time, if requested.

use super::Row;
use crate::statistics::span::Span;
use units::Instant;

/// A workload's state that held for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSpan {
    /// The workload's place among all.
    pub row: usize,
    /// Time span.
    pub span: Span,
    /// Pods that it wanted.
    pub desired: i64,
    /// Pods that were ready.
    pub ready: i64,
}

/// Keeps the state of a workload that held until an instant, where states are kept.
pub(super) fn keep(spans: &mut Option<Vec<StateSpan>>, place: usize, row: &Row, to: Instant) {
    if let Some(spans) = spans
        && to > row.since()
    {
        let from = row.since();
        spans.push(StateSpan {
            row: place,
            span: Span { from, to },
            desired: row.desired,
            ready: row.ready,
        });
    }
}

//! Tests of the mean of differences, and of counts where values are rare events.

use super::{Judgement, noise};
use crate::statistics::{LoneEvents, above, not_above};

/// Remark on differences that are few events.
pub(super) const FEW: &str =
    "values apart from the usual one are so few that their counts decide, too";

impl Judgement {
    /// Pairs in which one side alone has an event; `None` where the values are no events, or none that
    /// matters.
    pub(super) fn events(&self) -> Option<LoneEvents> {
        let differences = || self.points.iter().flatten();
        if self.blocks > 0 || differences().all(|own| own.abs() < self.threshold) {
            return None;
        }
        let all = |values: &[Option<f64>]| values.iter().copied().collect::<Option<Vec<f64>>>();
        LoneEvents::count(&all(&self.base_points)?, &all(&self.head_points)?)
    }

    /// Events of the candidate over those of the baseline that still don't matter.
    pub(super) fn event_ratio(&self) -> f64 {
        let level = self.base.unwrap_or(0.0).abs();
        if level > 0.0 {
            1.0 + self.threshold / level
        } else {
            1.0
        }
    }

    /// The one-sided p, by counts of events, that the candidate has no fewer than would matter, above the
    /// baseline's values or, with a sign of −1, below them.
    pub(super) fn events_not_above(&self, sign: f64) -> Option<f64> {
        let events = self.events()?;
        let events = if sign < 0.0 {
            events.reversed()
        } else {
            events
        };
        Some(events.not_above(self.event_ratio()))
    }

    /// The one-sided p, by counts of events, that the candidate has no more than don't matter, above the
    /// baseline's values or, with a sign of −1, below them.
    pub(crate) fn events_above(&self, sign: f64) -> Option<f64> {
        let events = self.events()?;
        let events = if sign < 0.0 {
            events
        } else {
            events.reversed()
        };
        Some(events.not_above(1.0 / self.event_ratio()))
    }
}

/// The p that a difference is chance.
pub(super) fn two_sided(judgement: &Judgement, differences: &[f64]) -> Option<f64> {
    let by_mean = not_above(differences, 0.0)?.min(above(differences, 0.0)?);
    let by_events = judgement.events().map_or(0.0, |events| {
        events.not_above(1.0).min(events.reversed().not_above(1.0))
    });
    Some((2.0 * by_mean.max(by_events)).min(1.0))
}

/// The one-sided p that the mean of differences, times a sign, is what matters or more.
pub(super) fn not_beyond(judgement: &Judgement, sign: f64) -> Option<f64> {
    let beyond = judgement.beyond(sign)?;
    let slack = noise(judgement.base_points.iter().flatten());
    if judgement.threshold > 0.0 && beyond.iter().all(|own| own.abs() <= slack) {
        return Some(1.0);
    }
    let by_mean = not_above(&beyond, 0.0)?;
    Some(by_mean.max(judgement.events_not_above(sign).unwrap_or(0.0)))
}

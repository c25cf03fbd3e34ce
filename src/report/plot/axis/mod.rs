//! Axes: where they end, where their ticks are and what stands there.

use super::scene::{Anchor, Area, Paint, Scene, text_width};
use crate::clock::Clock;
use crate::format;
use metrics::registry;
use rng::math;

/// Scale by which values become positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    /// Equal factors take equal lengths; what is not above the axis' beginning stands there.
    Log,
}

/// An axis from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) scale: Scale,
    /// Label of the axis, with the unit.
    pub(super) label: String,
    pub(super) ticks: Vec<(f64, String)>,
}

/// Seconds between ticks of a time axis, with the unit that its ticks are counted in.
const TIME_STEPS: [(f64, f64, &str); 26] = [
    (0.001, 0.001, "ms"),
    (0.01, 0.001, "ms"),
    (0.1, 0.001, "ms"),
    (1.0, 1.0, "s"),
    (5.0, 1.0, "s"),
    (10.0, 1.0, "s"),
    (30.0, 1.0, "s"),
    (60.0, 60.0, "min"),
    (300.0, 60.0, "min"),
    (600.0, 60.0, "min"),
    (1_800.0, 60.0, "min"),
    (3_600.0, 3_600.0, "h"),
    (7_200.0, 3_600.0, "h"),
    (21_600.0, 3_600.0, "h"),
    (43_200.0, 3_600.0, "h"),
    (86_400.0, 86_400.0, "d"),
    (2.0 * 86_400.0, 86_400.0, "d"),
    (5.0 * 86_400.0, 86_400.0, "d"),
    (10.0 * 86_400.0, 86_400.0, "d"),
    (20.0 * 86_400.0, 86_400.0, "d"),
    (50.0 * 86_400.0, 86_400.0, "d"),
    (100.0 * 86_400.0, 86_400.0, "d"),
    (200.0 * 86_400.0, 86_400.0, "d"),
    (500.0 * 86_400.0, 86_400.0, "d"),
    (1_000.0 * 86_400.0, 86_400.0, "d"),
    (10_000.0 * 86_400.0, 86_400.0, "d"),
];

/// Durations that stand at the ticks of a logarithmic axis, in seconds.
const LOG_TICKS: [f64; 14] = [
    0.001,
    0.01,
    0.1,
    1.0,
    10.0,
    60.0,
    600.0,
    3_600.0,
    36_000.0,
    86_400.0,
    864_000.0,
    8_640_000.0,
    86_400_000.0,
    864_000_000.0,
];

impl Axis {
    /// Draws its ticks, from one height to another, its words and its label below an area.
    pub(super) fn below(&self, scene: &mut Scene, area: Area, from: f64, to: f64, paint: Paint) {
        let style = scene.style;
        let words = area.y + area.height + style.scaled(13.0);
        let width = |text: &str| text_width(text, style.text());
        let label_from = area.x + area.width - width(&self.label) - style.scaled(6.0);
        for (value, label) in &self.ticks {
            let at = area.x + self.position(*value) * area.width;
            scene.line(vec![(at, from), (at, to)], paint, style.scaled(1.0));
            let anchor = if at - area.x < 1.0 {
                Anchor::Start
            } else {
                Anchor::Middle
            };
            // The label stands where the last words would.
            if at + width(label) / 2.0 < label_from {
                scene.text((at, words), label, Paint::Quiet, anchor);
            }
        }
        let end = (area.x + area.width, words);
        scene.text(end, &self.label, Paint::Quiet, Anchor::End);
    }

    /// An axis over these values with about this many ticks.
    pub(super) fn linear(label: &str, from: f64, to: f64, count: usize) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        let step = step((to - from) / count as f64);
        let (first, last) = (
            (from / step).ceil() as i64,
            (to / step + 1e-9).floor() as i64,
        );
        let decimals = decimals(step);
        let ticks = (first..=last).map(|index| {
            let value = index as f64 * step;
            (value, format::fixed(value, decimals))
        });
        Self {
            from,
            to,
            scale: Scale::Linear,
            label: label.to_owned(),
            ticks: ticks.collect(),
        }
    }

    /// An axis from zero to the round number above a value.
    pub(super) fn up_to(label: &str, value: f64, count: usize) -> Self {
        Self::linear(label, 0.0, rounded_up(value), count)
    }

    /// Time from zero on, in seconds; on the clock of a fill-up, in steps.
    pub(super) fn time(clock: Clock, to: f64, count: usize) -> Self {
        let to = if to > 0.0 { to } else { 1.0 };
        if clock == Clock::Steps {
            return Self::linear("time, steps", 0.0, to, count);
        }
        let least = to / count as f64;
        let last = TIME_STEPS[TIME_STEPS.len() - 1];
        let (step, unit, name) = (TIME_STEPS.into_iter())
            .find(|&(step, ..)| step >= least)
            .unwrap_or((rounded_up(least / last.1) * last.1, last.1, last.2));
        let last = (to / step + 1e-9).floor() as i64;
        let ticks = (0..=last).map(|index| {
            let value = index as f64 * step;
            (value, format::fixed(value / unit, 0))
        });
        Self {
            from: 0.0,
            to,
            scale: Scale::Linear,
            label: format!("time, {name}"),
            ticks: ticks.collect(),
        }
    }

    /// Durations over factors of ten, in seconds or steps; the axis begins with `0`.
    pub(super) fn durations(clock: Clock, label: &str, least: f64, to: f64) -> Self {
        let below = (LOG_TICKS.into_iter().rev()).find(|&tick| tick < least);
        let from = below.unwrap_or(LOG_TICKS[0] / 10.0);
        let to = to.max(from * 10.0);
        let words = |tick: f64| match clock {
            Clock::Time => format::brief_duration(tick),
            Clock::Steps => clock.duration(tick),
        };
        let ticks = std::iter::once((from, "0".to_owned())).chain(
            (LOG_TICKS.into_iter())
                .filter(|&tick| tick > from && tick <= to * 1.000_001)
                .map(|tick| (tick, words(tick))),
        );
        Self {
            from,
            to,
            scale: Scale::Log,
            label: label.to_owned(),
            ticks: ticks.collect(),
        }
    }

    /// Amounts over factors of ten; the axis begins with `0` and ends at the most.
    pub(super) fn amounts(label: &str, least: f64, most: f64) -> Self {
        /// Powers of ten, up to which ones, twos and fives have room.
        const FEW: f64 = 1_000.0;
        let ticks = || {
            // Amounts are stated in thousandths at most.
            let powers = (0..18).scan(0.001, |power, digits: usize| {
                let own = *power;
                *power *= 10.0;
                Some((own, 3_usize.saturating_sub(digits)))
            });
            powers.flat_map(|(power, decimals)| {
                [1.0, 2.0, 5.0].map(|part| (part * power, part, decimals))
            })
        };
        let below = ticks().map(|own| own.0).filter(|tick| *tick < least);
        let from = below.last().unwrap_or(0.0005);
        let is_few = most <= from * FEW;
        let above = ticks().filter(|&(tick, part, _)| {
            tick > from && tick <= most * 1.000_001 && (is_few || part <= 1.0)
        });
        let above = above.map(|(tick, _, decimals)| (tick, format::fixed(tick, decimals)));
        Self {
            from,
            to: most,
            scale: Scale::Log,
            label: label.to_owned(),
            ticks: std::iter::once((from, "0".to_owned()))
                .chain(above)
                .collect(),
        }
    }

    /// Counts over factors of ten, from the power of ten below the least to the one above the most.
    pub(super) fn powers(label: &str, least: f64, most: f64) -> Self {
        /// Amounts are stated in thousandths at most.
        const DECIMALS: usize = 3;
        let power = |digits: usize| (0..digits).fold(1.0, |power, _| power * 10.0);
        let (mut from, mut to) = (1.0, 10.0);
        while from * 10.0 <= least {
            from *= 10.0;
        }
        let mut decimals = 0;
        while least > 0.0 && least < from && decimals < DECIMALS {
            decimals += 1;
            from = 1.0 / power(decimals);
        }
        while to < most || to <= from {
            to *= 10.0;
        }
        let below = (1..=decimals).rev();
        let below = below.map(|digits| (1.0 / power(digits), digits));
        let below = below.map(|(tick, digits)| (tick, format::fixed(tick, digits)));
        let mut ticks: Vec<(f64, String)> = below.collect();
        let mut tick = from.max(1.0);
        while tick <= to {
            ticks.push((tick, format::fixed(tick, 0)));
            tick *= 10.0;
        }
        Self {
            from,
            to,
            scale: Scale::Log,
            label: label.to_owned(),
            ticks,
        }
    }

    /// Position of a value between the beginning (0) and the end (1).
    pub(super) fn position(&self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Log => math::ln(value / self.from) / math::ln(self.to / self.from),
        }
    }
}

/// The values that a metric can have: its axis reaches no further, so that a share ends at 100 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    least: f64,
    most: f64,
}

impl Limits {
    /// Limits of a metric. A metric that is not known is taken for an amount if none of its values
    /// is negative.
    pub(super) fn of(id: &str, values: &[f64]) -> Self {
        let known = registry::find(id).map(|(_, statistic)| statistic);
        let is_share = known.is_some_and(|statistic| statistic.unit == "ratio")
            && values.iter().all(|&value| value <= 1.0);
        let known = known.map(|statistic| statistic.range);
        let is_amount = values.iter().all(|&value| value >= 0.0);
        let from = if is_amount { 0.0 } else { f64::NEG_INFINITY };
        Self {
            least: known.map_or(from, |range| range.least.max(from)),
            // Some shares can exceed the whole, as requests of an overcommitted cluster do.
            most: if is_share {
                1.0
            } else {
                known.map_or(f64::INFINITY, |range| range.most)
            },
        }
    }

    /// The ends of an axis from `low` to `high`, moved within the limits.
    pub(super) fn within(self, low: f64, high: f64) -> (f64, f64) {
        let (from, to) = (low.max(self.least), high.min(self.most));
        if from < to { (from, to) } else { (low, high) }
    }
}

/// Round values between two ends, about as many as said, with their words.
pub(super) fn round_values(unit: &str, low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let least = (high - low) / count as f64;
    let step = match unit {
        "s" => (TIME_STEPS.into_iter())
            .map(|(step, ..)| step)
            .find(|&step| step >= least)
            .filter(|&step| step <= least * 3.0)
            .unwrap_or_else(|| step(least)),
        "bytes" => {
            let mut prefix = 1.0;
            while prefix * 1024.0 <= least {
                prefix *= 1024.0;
            }
            step(least / prefix) * prefix
        }
        _ => step(least),
    };
    let (first, last) = (
        (low / step - 1e-9).ceil() as i64,
        (high / step + 1e-9).floor() as i64,
    );
    let words = |value: f64| match unit {
        "ratio" => format!("{} %", format::fixed(value * 100.0, decimals(step * 100.0))),
        _ => format::value(value, unit),
    };
    let values = (first..=last).map(|index| index as f64 * step);
    values.map(|value| (value, words(value))).collect()
}

/// Decimals that multiples of a step need.
fn decimals(step: f64) -> usize {
    (0..12)
        .find(|&decimals| {
            let scaled = step * (0..decimals).fold(1.0, |power, _| power * 10.0);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0) && scaled > 0.5
        })
        .unwrap_or(12)
}

/// The least of 1, 2, 2.5 and 5 with a power of ten that is not below `value`.
fn step(value: f64) -> f64 {
    if !(value > 1e-12 && value < 1e300) {
        return 1.0;
    }
    let power = power_above(value * 0.999_999_999);
    [0.1, 0.2, 0.25, 0.5]
        .into_iter()
        .map(|part| part * power)
        .find(|&step| step >= value * 0.999_999)
        .unwrap_or(power)
}

fn power_above(value: f64) -> f64 {
    let mut power = 1.0;
    while power < value {
        power *= 10.0;
    }
    while power / 10.0 >= value {
        power /= 10.0;
    }
    power
}

/// The least round number that is not below `value`, but for the rounding of floats: where an axis
/// ends.
pub(super) fn rounded_up(value: f64) -> f64 {
    if !(value > 0.0 && value < 1e300) {
        return 1.0;
    }
    let power = power_above(value * 0.999_999_999);
    [0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8]
        .into_iter()
        .map(|step| step * power)
        .find(|&step| step >= value * 0.999_999_999)
        .unwrap_or(power)
}

#[cfg(test)]
mod tests;

//! Axes: where they end, where their ticks are and what stands there, for plotters to draw.

use std::ops::Range;

use plotters::coord::ranged1d::{
    KeyPointHint, KeyPointWeight, NoDefaultFormatting, Ranged, ValueFormatter,
};

use super::scene::Style;
use crate::clock::Clock;
use crate::format;
use metrics::registry;
use rng::math;

/// An axis from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Whether equal factors take equal lengths; what is not above the axis' beginning stands there then.
    pub(super) is_logarithmic: bool,
    /// Label of the axis, with the unit.
    pub(super) label: String,
    pub(super) ticks: Vec<(f64, String)>,
}

/// Units that a time axis is counted in, in seconds, and how many of them can be between ticks.
const TIME_UNITS: [(f64, &str, &[f64]); 5] = [
    (0.001, "ms", &[1.0, 10.0, 100.0]),
    (1.0, "s", &[1.0, 5.0, 10.0, 30.0]),
    (60.0, "min", &[1.0, 5.0, 10.0, 30.0]),
    (3_600.0, "h", &[1.0, 2.0, 6.0, 12.0]),
    (86_400.0, "d", &DAYS),
];

const DAYS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 1e2, 2e2, 5e2, 1e3, 1e4];

/// Durations that stand at the ticks of a logarithmic axis, in seconds.
const LOG_TICKS: [f64; 14] = [
    0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 36_000.0, 86_400.0, 8.64e5, 8.64e6, 8.64e7,
    8.64e8,
];

/// The steps of a time axis in seconds, each with its unit.
fn time_steps() -> impl Iterator<Item = (f64, f64, &'static str)> {
    let units = TIME_UNITS.into_iter();
    units.flat_map(|(unit, name, counts)| counts.iter().map(move |own| (own * unit, unit, name)))
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let (from, to) = limit;
        from + (self.position(*value) * f64::from(to - from)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        match hint.weight() {
            KeyPointWeight::Bold => self.ticks.iter().map(|own| own.0).collect(),
            KeyPointWeight::Any => Vec::new(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = (self.ticks.iter()).find(|own| own.0.total_cmp(value).is_eq());
        tick.map(|own| own.1.clone()).unwrap_or_default()
    }
}

impl Axis {
    fn new(label: &str, from: f64, to: f64, ticks: Vec<(f64, String)>) -> Self {
        Self {
            from,
            to,
            is_logarithmic: false,
            label: label.to_owned(),
            ticks,
        }
    }

    /// An axis without ticks.
    pub(super) fn bare(from: f64, to: f64) -> Self {
        Self::new("", from, to, Vec::new())
    }

    /// Names with equal room, the first at the end: at the top of an upright axis. [`Self::row`] is their
    /// place.
    pub(super) fn names(names: impl IntoIterator<Item = String>) -> Self {
        let mut axis = Self::bare(0.0, 0.0);
        axis.ticks = names.into_iter().map(|name| (0.0, name)).collect();
        axis.to = axis.ticks.len() as f64;
        for row in 0..axis.ticks.len() {
            axis.ticks[row].0 = axis.row(row) + 0.5;
        }
        axis
    }

    /// Beginning of the room of a name, which is one long.
    pub(super) fn row(&self, row: usize) -> f64 {
        self.to - 1.0 - row as f64
    }

    /// An axis over these values with about this many ticks.
    pub(super) fn linear(label: &str, from: f64, to: f64, count: usize) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        let step = step((to - from) / count as f64);
        let decimals = decimals(step);
        let words = |value| format::fixed(value, decimals);
        Self::new(label, from, to, multiples(step, from, to, words))
    }

    /// An axis from zero to the round number above a value.
    pub(super) fn up_to(value: f64, count: usize) -> Self {
        Self::linear("", 0.0, rounded_up(value), count)
    }

    /// Time from zero on, in seconds; on the clock of a fill-up, in steps.
    pub(super) fn time(clock: Clock, to: f64, count: usize) -> Self {
        let to = if to > 0.0 { to } else { 1.0 };
        if clock == Clock::Steps {
            return Self::linear("time, steps", 0.0, to, count);
        }
        let least = to / count as f64;
        let (day, days) = (86_400.0, "d");
        let (step, unit, name) = (time_steps().find(|own| own.0 >= least)).unwrap_or((
            rounded_up(least / day) * day,
            day,
            days,
        ));
        let words = |value: f64| format::fixed(value / unit, 0);
        let ticks = multiples(step, 0.0, to, words);
        Self::new(&format!("time, {name}"), 0.0, to, ticks)
    }

    /// An axis of a metric's values, with about as many round ones as said.
    pub(super) fn metric(unit: &str, from: f64, to: f64, count: usize) -> Self {
        Self::new("", from, to, round_values(unit, from, to, count))
    }

    /// A logarithmic axis that begins with `0`, at the tick below the least, and ends at the most.
    fn factors(label: &str, from: f64, to: f64, ticks: Vec<(f64, String)>) -> Self {
        let inside = |tick: &(f64, String)| tick.0 > from && tick.0 <= to * 1.000_001;
        let ticks = ticks.into_iter().filter(inside);
        let ticks = std::iter::once((from, "0".to_owned())).chain(ticks);
        Self {
            is_logarithmic: true,
            ..Self::new(label, from, to, ticks.collect())
        }
    }

    /// Durations over factors of ten, in seconds or steps; the axis begins with `0`.
    pub(super) fn durations(clock: Clock, label: &str, least: f64, to: f64) -> Self {
        let below = (LOG_TICKS.into_iter().rev()).find(|&tick| tick < least);
        let from = below.unwrap_or(LOG_TICKS[0] / 10.0);
        let words = |tick: f64| match clock {
            Clock::Time => format::brief_duration(tick),
            Clock::Steps => clock.duration(tick),
        };
        let ticks = LOG_TICKS.map(|tick| (tick, words(tick)));
        Self::factors(label, from, to.max(from * 10.0), ticks.to_vec())
    }

    /// Amounts over factors of ten; the axis begins with `0` and ends at the most.
    pub(super) fn amounts(label: &str, least: f64, most: f64) -> Self {
        /// Powers of ten, up to which ones, twos and fives have room.
        const FEW: f64 = 1_000.0;
        // Amounts are stated in thousandths at most.
        let powers = (0..18).scan(0.001, |power, digits: usize| {
            let own = *power;
            *power *= 10.0;
            Some((own, 3_usize.saturating_sub(digits)))
        });
        let ticks = powers.flat_map(|(power, decimals)| {
            [1.0, 2.0, 5.0].map(|part| (part * power, part, decimals))
        });
        let ticks: Vec<(f64, f64, usize)> = ticks.collect();
        let mut below = ticks.iter().map(|own| own.0).filter(|tick| *tick < least);
        let from = below.next_back().unwrap_or(0.0005);
        let is_few = most <= from * FEW;
        let kept = ticks.iter().filter(|own| is_few || own.1 <= 1.0);
        let kept = kept.map(|&(tick, _, decimals)| (tick, format::fixed(tick, decimals)));
        Self::factors(label, from, most, kept.collect())
    }

    /// Counts over factors of ten, from the power of ten below the least to the one above the most.
    pub(super) fn powers(label: &str, least: f64, most: f64) -> Self {
        /// Amounts are stated in thousandths at most.
        const DECIMALS: i32 = 3;
        let power = |digits: i32| {
            let power = (0..digits.abs()).fold(1.0, |power, _| power * 10.0);
            if digits < 0 { 1.0 / power } else { power }
        };
        let mut first = 0;
        while power(first + 1) <= least {
            first += 1;
        }
        while least > 0.0 && least < power(first) && first > -DECIMALS {
            first -= 1;
        }
        let mut last = first.max(0) + 1;
        while power(last) < most {
            last += 1;
        }
        let words = |digits: i32| format::fixed(power(digits), (-digits).max(0) as usize);
        let ticks = (first..=last).map(|digits| (power(digits), words(digits)));
        Self {
            is_logarithmic: true,
            ..Self::new(label, power(first), power(last), ticks.collect())
        }
    }

    /// The axis as it stands below a plane of a width: words that would run into their neighbours are left
    /// out. Their ticks stay.
    pub(super) fn thinned(&self, width: f64, style: Style) -> Self {
        let mut axis = self.clone();
        let mut order: Vec<usize> = (0..axis.ticks.len()).collect();
        order.sort_by(|&a, &b| axis.ticks[a].0.total_cmp(&axis.ticks[b].0));
        let mut free = f64::MIN;
        for index in order {
            let at = axis.position(axis.ticks[index].0) * width;
            let words = &mut axis.ticks[index].1;
            let half = style.text_width(words) / 2.0;
            if at - half >= free {
                free = at + half + style.scaled(4.0);
            } else {
                words.clear();
            }
        }
        axis
    }

    /// Room for the words of its ticks beside a plane.
    pub(super) fn width(&self, style: Style) -> f64 {
        let widths = self.ticks.iter().map(|own| style.text_width(&own.1));
        widths.fold(0.0, f64::max)
    }

    /// The room that it takes below a plane, of that for ticks and that for a label as well.
    pub(super) fn room(&self, ticks: f64, label: f64) -> f64 {
        match (self.ticks.is_empty(), self.label.is_empty()) {
            (true, true) => 0.0,
            (false, true) => ticks,
            (_, false) => label,
        }
    }

    /// Position of a value between the beginning (0) and the end (1).
    pub(super) fn position(&self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        if self.is_logarithmic {
            math::ln(value / self.from) / math::ln(self.to / self.from)
        } else {
            (value - self.from) / (self.to - self.from)
        }
    }
}

/// The multiples of a step from one value to another, with their words.
fn multiples(step: f64, from: f64, to: f64, words: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    let values = (first..=last).map(|index| index as f64 * step);
    values.map(|value| (value, words(value))).collect()
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
fn round_values(unit: &str, low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let least = (high - low) / count as f64;
    let step = match unit {
        "s" => time_steps()
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
    let words = |value: f64| match unit {
        "ratio" => format!("{} %", format::fixed(value * 100.0, decimals(step * 100.0))),
        "s" => whole(&format::value(value, unit)),
        _ => format::value(value, unit),
    };
    multiples(step, low, high, words)
}

/// A duration without the zeros behind its point: round ones need none.
fn whole(words: &str) -> String {
    let (number, unit) = words.split_once(' ').unwrap_or((words, ""));
    let number = match number.split_once('.') {
        Some(_) => number.trim_end_matches('0').trim_end_matches('.'),
        None => number,
    };
    format!("{number} {unit}").trim_end().to_owned()
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

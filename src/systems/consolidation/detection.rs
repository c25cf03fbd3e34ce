//! Rules by which a host counts as overloaded.

use super::host::{Host, add_history};
use super::statistics::{interquartile_range, line, median_absolute_deviation};
use super::vm::{HISTORY, Vm};

/// The rule by which a host counts as overloaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detection {
    /// Above a fixed share of the host (THR).
    Threshold(f64),
    /// Above 1 less the interquartile range of the host's use times this (IQR).
    InterquartileRange(f64),
    /// Above 1 less the median absolute deviation of the host's use times this (MAD).
    MedianAbsoluteDeviation(f64),
    /// When the line through the last uses of the host, times this, reaches 1 by the time that a
    /// machine could have moved (LR).
    LocalRegression(f64),
    /// The same, robust against outliers (LRR). `CloudSim` weighs values only where two in five of the
    /// weights are nothing, which they never are: both are the plain line.
    RobustLocalRegression(f64),
}

/// Threshold until there is history enough.
const FALLBACK: f64 = 0.7;
/// Length of the history that spreads are taken of.
const FOR_SPREAD: usize = 12;
/// Length of the history that lines are drawn through.
const FOR_LINE: usize = 10;

impl Detection {
    /// `true` if a host is overloaded with the machines it has, and one more if one is given.
    /// `move_intervals` is the greatest number of intervals that moving one takes.
    pub fn is_overloaded(
        self,
        host: &Host,
        extra: Option<&Vm>,
        move_intervals: impl FnOnce() -> f64,
    ) -> bool {
        let asked = host.asked + extra.map_or(0.0, Vm::asked);
        let share = asked / host.kind.mips();
        let history = || {
            let mut sums = host.history;
            if let Some(vm) = extra {
                add_history(&mut sums, vm, &host.kind);
            }
            let known = sums
                .iter()
                .rposition(|&sum| sum != 0.0)
                .map_or(1, |last| last + 1);
            (sums, known)
        };
        let beyond = |factor: f64, spread: fn(&[f64]) -> f64| {
            let (sums, known) = history();
            if known < FOR_SPREAD {
                share > FALLBACK
            } else {
                share > 1.0 - factor * spread(&sums[..known])
            }
        };
        match self {
            Self::Threshold(threshold) => share > threshold,
            Self::InterquartileRange(factor) => beyond(factor, interquartile_range),
            Self::MedianAbsoluteDeviation(factor) => beyond(factor, median_absolute_deviation),
            Self::LocalRegression(factor) | Self::RobustLocalRegression(factor) => {
                let (sums, known) = history();
                if known < FOR_LINE {
                    return share > FALLBACK;
                }
                let mut last: [f64; FOR_LINE] = [0.0; FOR_LINE];
                last.copy_from_slice(&sums[..FOR_LINE]);
                last.reverse();
                let (intercept, slope) = line(&last);
                let at = FOR_LINE as f64 + move_intervals();
                (intercept + slope * at) * factor >= 1.0
            }
        }
    }
}

const _: () = assert!(HISTORY >= FOR_SPREAD && HISTORY >= FOR_LINE);

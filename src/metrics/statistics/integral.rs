//! Exact integrals over time: sums of integer × nanoseconds in 128 bits, so that a result does not
//! depend on the order of changes within an instant (metrics.md 5.0). Division to floating point
//! happens once, when a value is asked for.

use rng::math;

/// `∫ amount dt` in amount × nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Integral {
    sum: i128,
    overflowed: bool,
}

/// The reason given where an exact sum left 128 bits.
const TOO_LARGE: &str = "amount x time is beyond 2^127";

impl Integral {
    /// Adds an amount that held for a span. A zero-length span adds nothing.
    #[inline]
    pub fn add(&mut self, amount: i128, nanos: i64) {
        // The product of two machine words always fits, and needs one instruction.
        match i64::try_from(amount) {
            Ok(amount) => self.add_product(amount, nanos),
            Err(_) => match amount.checked_mul(i128::from(nanos)) {
                Some(area) => self.add_area(area),
                None => self.overflowed = true,
            },
        }
    }

    /// Adds an amount of one machine word that held for a span.
    #[inline]
    pub fn add_product(&mut self, amount: i64, nanos: i64) {
        self.add_area(product(amount, nanos));
    }

    #[inline]
    fn add_area(&mut self, area: i128) {
        match self.sum.checked_add(area) {
            Some(sum) => self.sum = sum,
            None => self.overflowed = true,
        }
    }

    /// Adds another integral.
    pub fn join(&mut self, other: &Self) {
        match other.value().and_then(|sum| self.sum.checked_add(sum)) {
            Some(sum) => self.sum = sum,
            None => self.overflowed = true,
        }
    }

    /// Takes another integral off.
    pub fn take(&mut self, other: &Self) {
        match other.value().and_then(|sum| self.sum.checked_sub(sum)) {
            Some(sum) => self.sum = sum,
            None => self.overflowed = true,
        }
    }

    /// The exact sum; `None` if it left 128 bits.
    pub const fn value(&self) -> Option<i128> {
        if self.overflowed {
            None
        } else {
            Some(self.sum)
        }
    }

    /// The time average `∫ amount dt ÷ nanos`.
    ///
    /// # Errors
    /// Why it is undefined.
    pub fn mean(&self, nanos: i64) -> Result<f64, String> {
        let sum = self.value().ok_or(TOO_LARGE)?;
        if nanos <= 0 {
            return Err("the measured window has no length".to_owned());
        }
        Ok(sum as f64 / nanos as f64)
    }

    /// The ratio of integrals `∫ self dt ÷ ∫ denominator dt`.
    ///
    /// # Errors
    /// Why it is undefined; `denominator_is` names the denominator.
    pub fn ratio(&self, denominator: &Self, denominator_is: &str) -> Result<f64, String> {
        let over = self.value().ok_or(TOO_LARGE)?;
        let under = denominator.value().ok_or(TOO_LARGE)?;
        ratio(over, under, denominator_is)
    }
}

/// An amount that changes now and then, with its integral over the measured time: added up when the
/// amount changes and when it is asked for, not span by span. A clock tells how much measured time
/// has passed; it only goes forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    amount: i128,
    /// Reading of the clock up to which the area is added up.
    since: i64,
    area: Integral,
    /// The amount that held last before `since`.
    last: Option<i128>,
}

impl Level {
    /// The present amount.
    #[inline]
    pub const fn amount(&self) -> i128 {
        self.amount
    }

    /// The amount is another from a reading of the clock on.
    #[inline]
    pub fn set(&mut self, amount: i128, clock: i64) {
        if amount != self.amount {
            self.settle(clock);
            self.amount = amount;
        }
    }

    /// The integral up to a reading of the clock.
    pub fn area(&self, clock: i64) -> Integral {
        let mut closed = *self;
        closed.settle(clock);
        closed.area
    }

    /// The amount that held last for a time before a reading of the clock.
    pub const fn last(&self, clock: i64) -> Option<i128> {
        if clock > self.since {
            Some(self.amount)
        } else {
            self.last
        }
    }

    #[inline]
    fn settle(&mut self, clock: i64) {
        if clock > self.since {
            self.area.add(self.amount, clock - self.since);
            self.last = Some(self.amount);
            self.since = clock;
        }
    }
}

/// The product of two machine words, which always fits.
#[inline]
pub const fn product(a: i64, b: i64) -> i128 {
    (a as i128).wrapping_mul(b as i128)
}

/// The nearest floating-point number, as `as` gives it: that of a machine word is much cheaper.
#[inline]
pub fn float(amount: i128) -> f64 {
    if let Ok(amount) = i64::try_from(amount) {
        return amount as f64;
    }
    // The upper 63 bits, the last of which stands for all below: they round as the whole does.
    let size = amount.unsigned_abs();
    let shift = 65 - size.leading_zeros();
    let upper = (size >> shift) as i64;
    let is_cut = (upper as u128) << shift != size;
    let power = f64::from_bits(u64::from(1_023 + shift) << 52);
    let value = (upper | i64::from(is_cut)) as f64 * power;
    if amount < 0 { -value } else { value }
}

/// The nearest whole number, halves to even, as `as` casts it.
#[inline]
pub fn nearest(value: f64) -> i128 {
    // Adding and subtracting it leaves no place for a fraction, and rounds halves to even.
    const WHOLE: f64 = 1.5 * (1_u64 << 52) as f64;
    if value.abs() < (1_u64 << 51) as f64 {
        i128::from(((value + WHOLE) - WHOLE) as i64)
    } else {
        math::round_half_even(value) as i128
    }
}

/// `over ÷ under` in floating point.
///
/// # Errors
/// Why it is undefined; `under_is` names the denominator.
pub fn ratio(over: i128, under: i128, under_is: &str) -> Result<f64, String> {
    if under == 0 {
        Err(if over == 0 {
            format!("0/0: {under_is} is zero")
        } else {
            format!("x/0: {under_is} is zero and the numerator is not")
        })
    } else {
        Ok(over as f64 / under as f64)
    }
}

/// The largest of the ratios it was shown, compared exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    best: Option<(i128, i128)>,
}

impl Peak {
    /// Shows a ratio; one without a positive denominator is passed over.
    #[inline]
    pub fn offer(&mut self, over: i128, under: i128) {
        if under <= 0 {
            return;
        }
        let larger = match self.best {
            None => true,
            // The usual case: nothing was added to the denominator since.
            Some((best_over, best_under)) if under == best_under => over > best_over,
            Some((best_over, best_under)) => {
                match (over.checked_mul(best_under), best_over.checked_mul(under)) {
                    (Some(new), Some(known)) => new > known,
                    _ => over as f64 / under as f64 > best_over as f64 / best_under as f64,
                }
            }
        };
        if larger {
            self.best = Some((over, under));
        }
    }

    /// The largest ratio.
    ///
    /// # Errors
    /// If none had a positive denominator; `under_is` names it.
    pub fn value(&self, under_is: &str) -> Result<f64, String> {
        self.best
            .map(|(over, under)| over as f64 / under as f64)
            .ok_or_else(|| format!("{under_is} is zero throughout"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ratios_and_means_are_undefined_with_a_reason() {
        let mut area = Integral::default();
        area.add(3, 10);
        area.add(5, 0);
        assert_eq!(area.value(), Some(30));
        assert_eq!(area.mean(20), Ok(1.5));
        assert!(area.mean(0).is_err());
        let none = Integral::default();
        assert_eq!(
            none.ratio(&none, "capacity"),
            Err("0/0: capacity is zero".to_owned())
        );
        assert_eq!(
            area.ratio(&none, "capacity"),
            Err("x/0: capacity is zero and the numerator is not".to_owned())
        );
        area.add(i128::MAX, 2);
        assert_eq!(area.value(), None);
        assert!(area.mean(1).is_err());
    }

    proptest! {
        #[test]
        fn levels_equal_the_sum_over_spans(
            steps in prop::collection::vec((-3_i128..4, 0_i64..3), 0..40),
            scale in prop::sample::select(vec![1, i128::from(i64::MAX), i128::MAX / 64]),
        ) {
            let (mut level, mut plain) = (Level::default(), Integral::default());
            let (mut last, mut clock) = (None, 0);
            for (step, nanos) in steps {
                // A change in no time, which leaves no trace.
                level.set(step - 1, clock);
                let amount = step * scale;
                level.set(amount, clock);
                plain.add(amount, nanos);
                last = if nanos > 0 { Some(amount) } else { last };
                clock += nanos;
                prop_assert_eq!(level.area(clock).value(), plain.value());
                prop_assert_eq!((level.last(clock), level.amount()), (last, amount));
            }
        }

        #[test]
        fn the_peak_equals_plain_comparisons(
            ratios in prop::collection::vec((-20_i128..60, -1_i128..6), 0..30),
            wide in any::<bool>(),
        ) {
            let scale = if wide { i128::MAX / 64 } else { 1 };
            let (mut peak, mut best) = (Peak::default(), None::<f64>);
            for (over, under) in ratios {
                let (over, under) = (over * scale, under * scale);
                peak.offer(over, under);
                if under > 0 {
                    let ratio = over as f64 / under as f64;
                    best = Some(best.map_or(ratio, |best: f64| best.max(ratio)));
                }
            }
            prop_assert_eq!(peak.value("capacity").ok(), best);
        }

        #[test]
        fn the_nearest_whole_number_is_that_of_rounding(
            value in any::<f64>(),
            near in -(1_i64 << 54)..(1 << 54),
            shift in 0_u32..54,
        ) {
            let halves = (near >> shift) as f64 / 2.0;
            for value in [value, halves, halves + 1e-7, halves * 1e-3] {
                prop_assert_eq!(nearest(value), math::round_half_even(value) as i128);
            }
        }

        #[test]
        fn floats_are_those_of_a_cast(amount in any::<i128>(), shift in 0_u32..128) {
            let amount = amount >> shift;
            prop_assert_eq!(float(amount).to_bits(), (amount as f64).to_bits());
        }
    }

    #[test]
    fn the_peak_is_compared_exactly() {
        let mut peak = Peak::default();
        assert!(peak.value("capacity").is_err());
        peak.offer(5, 0);
        assert!(peak.value("capacity").is_err());
        peak.offer(1, 3);
        peak.offer(i128::MAX / 4, i128::MAX);
        assert_eq!(peak.value("capacity"), Ok(1.0 / 3.0));
        peak.offer(2, 5);
        assert_eq!(peak.value("capacity"), Ok(0.4));
    }
}

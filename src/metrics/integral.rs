//! Exact integrals over time: sums of integer × nanoseconds in 128 bits, so that a result does not
//! depend on the order of changes within an instant (metrics.md 5.0). Division to floating point
//! happens once, when a value is asked for.

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
        let area = match i64::try_from(amount) {
            Ok(amount) => Some(i128::from(amount).wrapping_mul(i128::from(nanos))),
            Err(_) => amount.checked_mul(i128::from(nanos)),
        };
        match area.and_then(|area| self.sum.checked_add(area)) {
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

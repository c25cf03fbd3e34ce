//! Exact numbers of expressions: quotients of integers, so that `memory * 1.2` is what it says.

use std::cmp::Ordering;

/// A quotient in lowest terms, with a denominator above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    numerator: i128,
    denominator: i128,
}

/// Numerators and denominators stay below this, so that a product of two fits 128 bits.
const MOST: i128 = 1 << 62;

fn common(mut one: i128, mut other: i128) -> i128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one.abs()
}

impl Exact {
    /// The quotient of two numbers; `None` for one by zero, or one beyond 62 bits.
    pub(super) fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let shared = common(numerator, denominator).max(1) * denominator.signum();
        let own = Self {
            numerator: numerator / shared,
            denominator: denominator / shared,
        };
        (own.numerator.abs() < MOST && own.denominator < MOST).then_some(own)
    }

    /// A whole number; `None` beyond 62 bits.
    pub(super) fn whole(number: i128) -> Option<Self> {
        Self::new(number, 1)
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        Self::new(
            self.numerator * other.denominator + other.numerator * self.denominator,
            self.denominator * other.denominator,
        )
    }

    pub(super) fn subtract(self, other: Self) -> Option<Self> {
        self.add(other.negated())
    }

    pub(super) fn multiply(self, other: Self) -> Option<Self> {
        Self::new(
            self.numerator * other.numerator,
            self.denominator * other.denominator,
        )
    }

    /// The quotient; `None` for a division by zero, too.
    pub(super) fn divide(self, other: Self) -> Option<Self> {
        Self::new(
            self.numerator * other.denominator,
            self.denominator * other.numerator,
        )
    }

    /// The rest of a division to the whole number below it.
    pub(super) fn rest(self, other: Self) -> Option<Self> {
        let whole = Self::whole(self.divide(other)?.floor())?;
        self.subtract(other.multiply(whole)?)
    }

    pub(super) const fn negated(self) -> Self {
        Self {
            numerator: -self.numerator,
            denominator: self.denominator,
        }
    }

    pub(super) const fn is_zero(self) -> bool {
        self.numerator == 0
    }

    pub(super) const fn floor(self) -> i128 {
        self.numerator.div_euclid(self.denominator)
    }

    pub(super) const fn ceiling(self) -> i128 {
        -(-self.numerator).div_euclid(self.denominator)
    }

    /// The nearest whole number, halves up.
    pub(super) const fn rounded(self) -> i128 {
        (2 * self.numerator + self.denominator).div_euclid(2 * self.denominator)
    }

    /// The nearest number of units, of which one has this many parts; `None` beyond 64 bits.
    pub(super) fn in_parts(self, of_one: i64) -> Option<i64> {
        let parts = self.numerator.checked_mul(i128::from(of_one))?;
        let own = (2 * parts + self.denominator).div_euclid(2 * self.denominator);
        i64::try_from(own).ok()
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.numerator * other.denominator).cmp(&(other.numerator * self.denominator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(numerator: i32, denominator: i32) -> Exact {
        Exact::new(i128::from(numerator), i128::from(denominator)).expect("small")
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_quotients(
            a in -9_999..9_999_i32, b in 1..999_i32, c in -9_999..9_999_i32, d in 1..999_i32,
        ) {
            let (one, other) = (exact(a, b), exact(c, d));
            let sum = one.add(other).expect("small");
            prop_assert_eq!(sum.subtract(other), Some(one));
            prop_assert_eq!(one.cmp(&other), (a * d).cmp(&(c * b)));
            if c != 0 {
                let quotient = one.divide(other).expect("small");
                prop_assert_eq!(quotient.multiply(other), Some(one));
                let rest = one.rest(other).expect("small");
                let bound = if c > 0 { other } else { other.negated() };
                let size = if rest < exact(0, 1) { rest.negated() } else { rest };
                prop_assert!(size < bound);
            } else {
                prop_assert_eq!(one.divide(other), None);
            }
            let floor = one.floor();
            prop_assert!(floor <= one.rounded() && one.rounded() <= one.ceiling());
            prop_assert!(one.ceiling() - floor <= 1);
        }
    }

    #[test]
    fn halves_go_up() {
        for (number, rounded) in [((1, 2), 1), ((-1, 2), 0), ((7, 3), 2), ((-5, 3), -2)] {
            assert_eq!(exact(number.0, number.1).rounded(), rounded);
        }
        assert_eq!(exact(6, 5).in_parts(1_000), Some(1_200));
        assert_eq!(Exact::whole(MOST), None);
    }
}

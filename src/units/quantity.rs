//! Exact quantities in the Kubernetes `resource.Quantity` grammar: `500m`, `1.5Gi`, `12e6`.
//!
//! An amount is an `i128` count of nano units (10^-9), so sums are exact and each use rounds once,
//! at its end ([`Quantity::milli_ceil`], [`Quantity::units_ceil`]). Beside its amount a quantity
//! remembers the family of suffixes it was written in, which only [`Display`](fmt::Display)
//! looks at: equality, order and hash are those of the amount.
//!
//! Follows apimachinery's `quantity.go`. It departs in three places: a text without any digit
//! (`.`, `-`, `Ki`) is an error, where the original reads 0; amounts beyond 1.7e29 units are an
//! error; and a binary amount above 2^63 - 1 (a sum can reach it) prints in the decimal family,
//! as reading it back in the binary one would cut it to 2^63 - 1.

mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

pub use parse::QuantityError;

/// Nano units in one unit.
const NANOS_PER_UNIT: i128 = 1_000_000_000;
/// Nano units in one thousandth of a unit.
const NANOS_PER_MILLI: i128 = 1_000_000;
/// The cap on amounts written with a binary suffix: 2^63 - 1 units.
const BINARY_CAP_NANOS: i128 = i64::MAX as i128 * NANOS_PER_UNIT;

/// An exact amount of a resource, in nano units (10^-9).
///
/// ```
/// use units::Quantity;
///
/// let half: Quantity = "500m".parse()?;
/// assert_eq!(half, Quantity::from_milli(500));
/// assert_eq!(half.checked_mul(3)?.to_string(), "1500m");
/// let memory: Quantity = "1.5Gi".parse()?;
/// assert_eq!(memory.units_ceil()?, 1_610_612_736);
/// assert!("1.5 Gi".parse::<Quantity>().is_err());
/// # Ok::<(), units::QuantityError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    family: SuffixFamily,
}

/// The family of suffixes a quantity was written in and prints in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SuffixFamily {
    /// Powers of 1000: `n u m`, none, `k M G T P E`.
    #[default]
    Decimal,
    /// Powers of 1024: `Ki Mi Gi Ti Pi Ei`.
    Binary,
    /// A decimal exponent: `e3`, `E-6`.
    Exponent,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self::from_nanos(0);

    /// Billionths of a unit.
    pub const fn from_nanos(nanos: i128) -> Self {
        Self {
            nanos,
            family: SuffixFamily::Decimal,
        }
    }

    /// Thousandths of a unit.
    pub const fn from_milli(milli: i64) -> Self {
        Self::from_nanos(milli as i128 * NANOS_PER_MILLI)
    }

    /// A whole number of units.
    pub const fn from_units(units: i64) -> Self {
        Self::from_nanos(units as i128 * NANOS_PER_UNIT)
    }

    /// Returns an equal amount that prints in another family of suffixes.
    pub const fn with_family(self, family: SuffixFamily) -> Self {
        Self {
            nanos: self.nanos,
            family,
        }
    }

    /// The family of suffixes this quantity prints in.
    pub const fn family(self) -> SuffixFamily {
        self.family
    }

    /// The exact amount in billionths of a unit.
    pub const fn nanos(self) -> i128 {
        self.nanos
    }

    /// The amount in thousandths, rounded up (away from zero), as `MilliValue` of Kubernetes.
    pub fn milli_ceil(self) -> Result<i64, QuantityError> {
        self.scaled(divide_away_from_zero(self.nanos, NANOS_PER_MILLI))
    }

    /// The amount in thousandths, rounded down (towards zero).
    pub fn milli_floor(self) -> Result<i64, QuantityError> {
        self.scaled(self.nanos / NANOS_PER_MILLI)
    }

    /// The amount in whole units, rounded up (away from zero), as `Value` of Kubernetes.
    pub fn units_ceil(self) -> Result<i64, QuantityError> {
        self.scaled(divide_away_from_zero(self.nanos, NANOS_PER_UNIT))
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// Whether the amount is exactly zero.
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// The sum, or an error on overflow. It keeps the family of `self`, or takes that of `other`
    /// if `self` is zero.
    pub fn checked_add(self, other: Self) -> Result<Self, QuantityError> {
        self.combined(self.nanos.checked_add(other.nanos), other)
    }

    /// The difference, or an error on overflow. The family is that of [`Quantity::checked_add`].
    pub fn checked_sub(self, other: Self) -> Result<Self, QuantityError> {
        self.combined(self.nanos.checked_sub(other.nanos), other)
    }

    /// The product with a count, in the same family, or an error on overflow.
    pub fn checked_mul(self, count: i64) -> Result<Self, QuantityError> {
        self.combined(self.nanos.checked_mul(i128::from(count)), self)
    }

    fn combined(self, nanos: Option<i128>, other: Self) -> Result<Self, QuantityError> {
        let family = if self.is_zero() {
            other.family
        } else {
            self.family
        };
        nanos
            .map(|nanos| Self { nanos, family })
            .ok_or(QuantityError::Overflow)
    }

    fn scaled(self, amount: i128) -> Result<i64, QuantityError> {
        i64::try_from(amount).map_err(|_| QuantityError::DoesNotFit(self.to_string()))
    }

    /// Whether the binary family can print this amount: whole, of at least 1024 units (smaller
    /// ones look the same in the decimal family) and small enough to be read back.
    fn prints_binary(self) -> bool {
        self.family == SuffixFamily::Binary
            && self.nanos % NANOS_PER_UNIT == 0
            && (1024 * NANOS_PER_UNIT..=BINARY_CAP_NANOS).contains(&self.nanos.saturating_abs())
    }
}

/// `amount / divisor`, rounded away from zero; `divisor` is positive.
const fn divide_away_from_zero(amount: i128, divisor: i128) -> i128 {
    amount / divisor + (amount % divisor).signum()
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    /// Reads the whole text; blanks are not allowed. Digits below a nano unit round up (away from
    /// zero), amounts with a binary suffix are capped at 2^63 - 1 units.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse::quantity(text)
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix that loses nothing, in the family the
    /// quantity was written in. The decimal family goes on with exponents above `E`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        if self.prints_binary() {
            let mut amount = self.nanos / NANOS_PER_UNIT;
            let mut power = 0;
            while amount % 1024 == 0 {
                amount /= 1024;
                power += 1;
            }
            let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power];
            return write!(f, "{amount}{suffix}");
        }
        let mut amount = self.nanos;
        let mut power = 0;
        while amount % 1000 == 0 {
            amount /= 1000;
            power += 1;
        }
        let exponent = 3 * power as i32 - 9;
        let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].get(power);
        match suffix {
            Some(suffix) if self.family != SuffixFamily::Exponent => write!(f, "{amount}{suffix}"),
            _ if exponent == 0 => write!(f, "{amount}"),
            _ => write!(f, "{amount}e{exponent}"),
        }
    }
}

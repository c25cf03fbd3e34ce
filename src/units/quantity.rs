//! Exact quantities in the Kubernetes `resource.Quantity` grammar.

use std::fmt;

use thiserror::Error;

/// An exact amount of a resource, in nano units (10^-9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    nanos: i128,
}

/// Why a text is not a quantity, or why an amount does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Not a quantity.
    #[error("`{0}` is not a quantity")]
    Syntax(String),
    /// Does not fit.
    #[error("quantity does not fit")]
    Overflow,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nanos: 0 };

    /// A whole number of units.
    pub const fn from_units(units: i64) -> Self {
        Self {
            nanos: units as i128 * 1_000_000_000,
        }
    }

    /// Thousandths of a unit.
    pub const fn from_milli(milli: i64) -> Self {
        Self {
            nanos: milli as i128 * 1_000_000,
        }
    }

    /// The amount in thousandths, rounded up (away from zero).
    pub fn milli_ceil(self) -> Result<i64, QuantityError> {
        i64::try_from(self.nanos / 1_000_000).map_err(|_| QuantityError::Overflow)
    }

    /// The amount in whole units, rounded up (away from zero).
    pub fn units_ceil(self) -> Result<i64, QuantityError> {
        i64::try_from(self.nanos / 1_000_000_000).map_err(|_| QuantityError::Overflow)
    }

    /// The sum, or an error on overflow.
    pub fn checked_add(self, other: Self) -> Result<Self, QuantityError> {
        self.nanos
            .checked_add(other.nanos)
            .map(|nanos| Self { nanos })
            .ok_or(QuantityError::Overflow)
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        text.parse::<i64>()
            .map(Self::from_units)
            .map_err(|_| QuantityError::Syntax(text.to_owned()))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}n", self.nanos)
    }
}

//! Answers of a program as text.

use control::exchange::question::PodPlace;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};

/// Answer to the greeting.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    pub(super) protocol: u32,
    /// Encoding of what follows, which whoever carries the exchange agrees on.
    #[serde(default, rename = "encoding")]
    _encoding: Option<String>,
}

/// Answer of a filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filtered {
    pub(super) accept: Vec<bool>,
}

/// Answer of a score.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scored {
    #[serde(deserialize_with = "whole_numbers")]
    pub(super) points: Vec<i64>,
}

/// Answer of an order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ordered {
    #[serde(deserialize_with = "whole_numbers")]
    pub(super) keys: Vec<i64>,
}

/// Answer of a whole scheduler. It is carried out in the order of the fields.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Pods whose holds are given up.
    pub releases: Vec<u32>,
    /// Pods that are to end.
    pub evicts: Vec<u32>,
    /// Pods for which room is held.
    pub holds: Vec<PodPlace>,
    /// Pods that are bound.
    pub binds: Vec<PodPlace>,
    /// Nanoseconds since the run began at which it is asked again, whatever happens.
    pub wake: Option<i64>,
}

/// Whole numbers, of which a zero may have a sign: JSON reads `-0` as a fraction, and a program that
/// puts a minus before a number writes it.
fn whole_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Whole {
        Number(i64),
        Fraction(f64),
    }
    let read = Vec::<Whole>::deserialize(deserializer)?;
    let numbers = read.into_iter().map(|own| match own {
        Whole::Number(number) => Ok(number),
        Whole::Fraction(0.0) => Ok(0),
        Whole::Fraction(fraction) => {
            let found = Unexpected::Float(fraction);
            Err(D::Error::invalid_value(found, &"a whole number"))
        }
    });
    numbers.collect()
}

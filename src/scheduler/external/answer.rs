//! Answers of a program as text.

use std::fmt;

use control::exchange::question::PodPlace;
use serde::de::{Error, Unexpected, Visitor};
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

/// A whole number, of which a zero may have a sign: JSON reads `-0` as a fraction, and a program that
/// puts a minus before a number writes it.
struct Whole(i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor).map(Self)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        let refused = |_| E::invalid_value(Unexpected::Unsigned(number), &self);
        i64::try_from(number).map_err(refused)
    }

    fn visit_f64<E: Error>(self, fraction: f64) -> Result<i64, E> {
        match fraction {
            0.0 => Ok(0),
            _ => Err(E::invalid_value(Unexpected::Float(fraction), &self)),
        }
    }
}

fn whole_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    let read = Vec::<Whole>::deserialize(deserializer)?;
    Ok(read.into_iter().map(|own| own.0).collect())
}

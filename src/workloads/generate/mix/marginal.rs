//! Marginal distributions of a mix: times by a law or by quantiles, amounts by values and weights.

use std::fmt;
use std::marker::PhantomData;

use intake::budget::MEMBERS;
use model::gpu::{DEVICE_MILLI, MAX_DEVICES};
use rng::distribution::Distribution;
use rng::math;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use units::text::TextVisitor;
use units::{Duration, Quantity};

/// A distribution of times.
#[derive(Clone, Debug, PartialEq)]
pub enum Times {
    /// A law, such as `lognormal(10m, 1.5)`.
    Law(Distribution),
    /// Probabilities, in percent, and the times below which they lie; both ascend, two or more.
    Quantiles(Vec<(f64, Duration)>),
}

impl Times {
    /// The time below which lies a probability. Between two quantiles above zero it follows their
    /// logarithms, else a line; beyond the outer ones it is theirs.
    pub fn at(&self, probability: f64) -> Duration {
        let points = match self {
            Self::Law(law) => return duration(law.value_at(probability)),
            Self::Quantiles(points) => points,
        };
        let percent = probability * 100.0;
        let above = points.partition_point(|(place, _)| *place <= percent);
        let above = above.clamp(1, points.len() - 1);
        let [(low, from), (high, to)] = [points[above - 1], points[above]];
        let [from, to] = [from, to].map(|value| value.as_nanos() as f64);
        let share = ((percent - low) / (high - low)).clamp(0.0, 1.0);
        if from > 0.0 {
            duration(from * math::pow(to / from, share))
        } else {
            duration(share * to)
        }
    }

    /// The mean; `None` where it is infinite. That of quantiles is taken at a thousand places.
    pub fn mean(&self) -> Option<Duration> {
        const PLACES: u32 = 1_000;
        match self {
            Self::Law(law) => law.mean(),
            Self::Quantiles(_) => {
                let places = (0..PLACES).map(|place| (f64::from(place) + 0.5) / f64::from(PLACES));
                let sum: f64 = places.map(|p| self.at(p).as_nanos() as f64).sum();
                Some(duration(sum / f64::from(PLACES)))
            }
        }
    }
}

fn duration(nanos: f64) -> Duration {
    Duration::from_nanos(math::round_half_even(nanos) as i64)
}

/// Values with weights, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<T> {
    values: Vec<T>,
    /// Share of all weights up to and with each value.
    ends: Vec<f64>,
}

impl<T> Choice<T> {
    /// Values in their order, with weights; `None` where no weight is above zero, or one is none.
    pub fn new(weighted: Vec<(T, f64)>) -> Option<Self> {
        let sum: f64 = weighted.iter().map(|(_, weight)| *weight).sum();
        let is_weight = |weight: &f64| weight.is_finite() && *weight >= 0.0;
        let is_whole = weighted.iter().all(|(_, weight)| is_weight(weight));
        if !is_whole || !sum.is_finite() || sum <= 0.0 {
            return None;
        }
        let mut before = 0.0;
        let mut ends = Vec::with_capacity(weighted.len());
        let mut values = Vec::with_capacity(weighted.len());
        for (value, weight) in weighted {
            before += weight;
            ends.push(before / sum);
            values.push(value);
        }
        Some(Self { values, ends })
    }

    /// Position of the value below which lies a probability.
    pub fn at(&self, probability: f64) -> usize {
        let place = self.ends.partition_point(|end| *end <= probability);
        place.min(self.values.len() - 1)
    }

    /// The values.
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

/// An amount that stands in a file as a number or a text.
pub trait Amount: Sized + Ord {
    /// Words for what is expected.
    const EXPECTED: &str;

    /// The amount of a text; `None` of another one.
    fn parse(text: &str) -> Option<Self>;
}

impl Amount for Quantity {
    const EXPECTED: &str = "a quantity of at least 0, such as `500m` or `8Gi`";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|amount| *amount >= Self::ZERO)
    }
}

impl Amount for u32 {
    const EXPECTED: &str = "a whole number from 1 to 1048576";

    fn parse(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .filter(|&count| (1..=MEMBERS).contains(&i64::from(count)))
    }
}

/// GPU devices: a share of one, or a number of whole ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Devices {
    /// Thousandths of a device.
    pub milli: u32,
}

impl Amount for Devices {
    const EXPECTED: &str = "0 to 64 devices, or a share of one such as `500m`";

    fn parse(text: &str) -> Option<Self> {
        let milli = text.parse::<Quantity>().ok()?.milli_floor().ok()?;
        let device = i64::from(DEVICE_MILLI);
        let most = MAX_DEVICES as i64 * device;
        let is_amount = (0..=most).contains(&milli) && (milli < device || milli % device == 0);
        is_amount.then_some(Self {
            milli: milli as u32,
        })
    }
}

impl<'de, T: Amount> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoiceVisitor(PhantomData))
    }
}

struct ChoiceVisitor<T>(PhantomData<T>);

impl<'de, T: Amount> Visitor<'de> for ChoiceVisitor<T> {
    type Value = Choice<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or values with their weights", T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Choice<T>, E> {
        let value = amount(text)?;
        Choice::new(vec![(value, 1.0)]).ok_or_else(|| E::custom("expected a value"))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Choice<T>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Choice<T>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Choice<T>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Choice<T>, A::Error> {
        let mut weighted: Vec<(T, f64)> = Vec::new();
        while let Some((Scalar(text), weight)) = map.next_entry()? {
            weighted.push((amount(&text)?, weight));
        }
        weighted.sort_by(|(one, _), (other, _)| one.cmp(other));
        if weighted.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(de::Error::custom(
                "a value stands twice; add its weights up",
            ));
        }
        Choice::new(weighted)
            .ok_or_else(|| de::Error::custom("expected weights of at least 0, one of them above 0"))
    }
}

fn amount<T: Amount, E: de::Error>(text: &str) -> Result<T, E> {
    T::parse(text).ok_or_else(|| E::custom(format!("`{text}`: expected {}", T::EXPECTED)))
}

/// A text, or a number as a text.
pub(super) struct Scalar(pub(super) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = TextVisitor::<String>::new("a text or a number");
        deserializer.deserialize_any(visitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimesVisitor)
    }
}

struct TimesVisitor;

impl<'de> Visitor<'de> for TimesVisitor {
    type Value = Times;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a distribution such as `lognormal(10m, 1.5)`, or `quantiles: {0: 1s, 50: 5m, 100: 2h}`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Times, E> {
        let law: Distribution = text.parse().map_err(E::custom)?;
        if let Some(file) = law.missing_file() {
            let message =
                format!("`{file}`: a mix reads no other file; write `quantiles: {{...}}`");
            return Err(E::custom(message));
        }
        Ok(Times::Law(law))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Times, A::Error> {
        let mut points: Option<Points> = None;
        while let Some(Scalar(field)) = map.next_key()? {
            if field != "quantiles" {
                return Err(de::Error::unknown_field(&field, &["quantiles"]));
            }
            points = Some(map.next_value()?);
        }
        let Points(points) = points.ok_or_else(|| de::Error::missing_field("quantiles"))?;
        Ok(Times::Quantiles(points))
    }
}

/// Quantiles as they are written: times by percent.
struct Points(Vec<(f64, Duration)>);

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PointsVisitor)
    }
}

struct PointsVisitor;

impl<'de> Visitor<'de> for PointsVisitor {
    type Value = Points;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("times by percent, such as `{0: 1s, 50: 5m, 100: 2h}`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Points, A::Error> {
        let mut points: Vec<(f64, Duration)> = Vec::new();
        while let Some((Scalar(text), time)) = map.next_entry::<Scalar, Duration>()? {
            let percent = text.parse().ok().filter(|own| (0.0..=100.0).contains(own));
            let percent = percent.ok_or_else(|| {
                de::Error::custom(format!("`{text}`: expected a percentage from 0 to 100"))
            })?;
            points.push((percent, time));
        }
        let ascends = |two: &[(f64, Duration)]| two[0].0 < two[1].0 && two[0].1 <= two[1].1;
        if points.len() < 2 || !points.windows(2).all(ascends) || points[0].1 < Duration::ZERO {
            return Err(de::Error::custom(
                "expected two or more quantiles, whose percentages and times (of at least 0) ascend",
            ));
        }
        Ok(Points(points))
    }
}

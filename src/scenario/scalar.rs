//! Texts with their own grammar (durations, quantities, distributions, patterns, bounds) as serde
//! and JSON Schema types.
//!
//! Each is a text or a number in the file. Its schema carries a `format`, by which `check` selects
//! the grammar and reports all invalid values at once.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::pattern::Pattern;
use super::share::Share;
use super::watts::Watts;
use crate::rng::Distribution;
use crate::units::{Duration, Quantity};

/// Bound of an objective: a plain number in the metric's unit, or a duration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Number in the metric's own unit; shares are from 0 to 1.
    Number(f64),
    /// Duration, for metrics that are times.
    Duration(Duration),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => value.fmt(f),
            Self::Duration(value) => value.fmt(f),
        }
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Self::Number(value)),
            _ => text
                .parse()
                .map(Self::Duration)
                .map_err(|_| format!("`{text}` is neither a number nor a duration such as `30s`")),
        }
    }
}

struct TextVisitor<T> {
    expecting: &'static str,
    value: std::marker::PhantomData<T>,
}

impl<T> Visitor<'_> for TextVisitor<T>
where
    T: FromStr<Err: fmt::Display>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }
}

/// Serializes a text, or a number if the text is one, so that `cpu: 32` is written without quotes.
fn serialize_text<S: Serializer>(value: &impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    let text = value.to_string();
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => to.serialize_i64(number),
        _ => to.serialize_str(&text),
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_text(self, serializer)
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(value) => serializer.serialize_f64(*value),
            Self::Duration(value) => serializer.collect_str(value),
        }
    }
}

macro_rules! serialize_as_text {
    ($($type:ty)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

serialize_as_text! { Duration Pattern Distribution Watts Share }

macro_rules! text_type {
    ($type:ty, $format:literal, $kinds:tt, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = std::marker::PhantomData;
                deserializer.deserialize_str(TextVisitor { expecting: $expecting, value })
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $format.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": $kinds, "format": $format})
            }
        }
    };
}

text_type!(
    Duration,
    "duration",
    ["string", "number"],
    "a duration such as `1h30m`"
);
text_type!(
    Quantity,
    "quantity",
    ["string", "number"],
    "a quantity such as `8Gi` or `500m`"
);
text_type!(
    Pattern,
    "pattern",
    ["string"],
    "a text, maybe with an index such as `{:04}`"
);
text_type!(
    Bound,
    "bound",
    ["string", "number"],
    "a number or a duration"
);
text_type!(
    Share,
    "share",
    ["string", "number"],
    "a share such as `5%` or `0.05`"
);
text_type!(
    Watts,
    "power",
    ["string", "number"],
    "a power such as `100W`"
);
text_type!(
    Distribution,
    "distribution",
    ["string"],
    "a distribution such as `lognormal(400ms, 0.5)`"
);

/// Word `none` or a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum NoneOr<T> {
    /// Word `none`, which disables the model.
    #[default]
    None,
    /// Fields of the map.
    Some(T),
}

/// Word of [`NoneOr::None`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NoneWord {
    /// Model disabled, the word `none`.
    None,
}

impl<T: Serialize> Serialize for NoneOr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => NoneWord::None.serialize(serializer),
            Self::Some(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NoneOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match WordOr::<NoneWord, T>::deserialize(deserializer)? {
            WordOr::Word(NoneWord::None) => Self::None,
            WordOr::Fields(value) => Self::Some(value),
        })
    }
}

impl<T: JsonSchema> JsonSchema for NoneOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NoneOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WordOr::<NoneWord, T>::json_schema(generator)
    }
}

/// Single word or a map: `arrivals: trace`, `arrivals: {order: shuffled}`.
pub(super) enum WordOr<W, F> {
    Word(W),
    Fields(F),
}

impl<W: Serialize, F: Serialize> Serialize for WordOr<W, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Word(word) => word.serialize(serializer),
            Self::Fields(fields) => fields.serialize(serializer),
        }
    }
}

impl<'de, W: Deserialize<'de>, F: Deserialize<'de>> Deserialize<'de> for WordOr<W, F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrVisitor<W, F>(std::marker::PhantomData<(W, F)>);

        impl<'de, W: Deserialize<'de>, F: Deserialize<'de>> Visitor<'de> for WordOrVisitor<W, F> {
            type Value = WordOr<W, F>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a map")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                W::deserialize(de::value::StrDeserializer::new(text)).map(WordOr::Word)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                F::deserialize(de::value::MapAccessDeserializer::new(map)).map(WordOr::Fields)
            }
        }

        deserializer.deserialize_any(WordOrVisitor(std::marker::PhantomData))
    }
}

impl<W: JsonSchema, F: JsonSchema> JsonSchema for WordOr<W, F> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Or{}", W::schema_name(), F::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<W>();
        let fields = generator.subschema_for::<F>();
        json_schema!({"anyOf": [word, fields]})
    }
}

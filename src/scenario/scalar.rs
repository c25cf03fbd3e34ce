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
use super::watts::Watts;
use units::{Duration, serialize_as_text, text_type};

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
                .map_err(|_| not_a_bound(text)),
        }
    }
}

/// The reason a text is no bound. A percentage would mean anything for a metric that is no share.
fn not_a_bound(text: &str) -> String {
    let percent = text
        .strip_suffix('%')
        .and_then(|number| number.trim().parse::<f64>().ok());
    match percent.filter(|percent| percent.is_finite()) {
        Some(percent) => format!(
            "`{text}` is a percentage, and bounds are in the metric's own unit; a share goes from 0 \
             to 1: write `{}`",
            percent / 100.0
        ),
        None => format!("`{text}` is neither a number nor a duration such as `30s`"),
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

serialize_as_text! { Pattern Watts }

text_type!(
    Pattern,
    "pattern",
    ["string"],
    "a text, optionally with an index such as `{:04}`"
);
text_type!(
    Bound,
    "bound",
    ["string", "number"],
    "a number or a duration"
);
text_type!(
    Watts,
    "power",
    ["string", "number"],
    "a power such as `100W`"
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

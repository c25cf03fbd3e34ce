//! Texts with a grammar of their own as serde and JSON Schema types (feature `serde`).
//!
//! A value is a text or a number in a file. Its schema carries a `format` that names the grammar.
//! The macros live here because a type's own crate has to implement foreign traits for it.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use ::serde::de::{self, Visitor};
use ::serde::{Serialize, Serializer};

use crate::{Duration, Quantity};

#[doc(hidden)]
pub use {::schemars, ::serde};

/// The visitor behind [`text_type!`](crate::text_type): reads a value from a text or from a number
/// written without quotes.
pub struct TextVisitor<T> {
    expecting: &'static str,
    value: PhantomData<T>,
}

impl<T> TextVisitor<T> {
    /// A visitor whose error messages name what was expected.
    pub fn new(expecting: &'static str) -> Self {
        let value = PhantomData;
        Self { expecting, value }
    }
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

/// A text, or a number where the text is one, so that `cpu: 32` is written without quotes.
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

/// Writes types as the text that their `Display` gives.
#[macro_export]
macro_rules! serialize_as_text {
    ($($type:ty)*) => {$(
        impl $crate::text::serde::Serialize for $type {
            fn serialize<S: $crate::text::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

/// Reads a type with `FromStr` from a text, and gives it a JSON Schema whose `format` names its
/// grammar.
#[macro_export]
macro_rules! text_type {
    ($type:ty, $format:literal, $kinds:tt, $expecting:literal) => {
        impl<'de> $crate::text::serde::Deserialize<'de> for $type {
            fn deserialize<D: $crate::text::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::text::TextVisitor::new($expecting))
            }
        }

        impl $crate::text::schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $format.into()
            }

            fn json_schema(
                _: &mut $crate::text::schemars::SchemaGenerator,
            ) -> $crate::text::schemars::Schema {
                $crate::text::schemars::json_schema!({"type": $kinds, "format": $format})
            }
        }
    };
}

serialize_as_text! { Duration }
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

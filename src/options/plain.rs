//! Values without source positions, for fields whose type is decided elsewhere (the arguments of a
//! policy, the options of a trace format).
//!
//! Numbers keep the user's characters until a type asks for them, so a quantity sees `0.1` and
//! never a rounded binary fraction.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Serialize, Serializer};

use serde_json::Value;

/// Name of the newtype by which [`Plain`] asks a deserializer for numbers as texts.
pub(super) const PLAIN: &str = "$windtunnel::Plain";

/// Value without its source position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Plain {
    /// Null, or no value.
    #[default]
    Null,
    /// Boolean value, `true` or `false`.
    Bool(bool),
    /// Number in the user's characters.
    Number(String),
    /// Text, quoted or plain.
    String(String),
    /// List of values.
    List(Vec<Self>),
    /// Map in written order.
    Map(Vec<(String, Self)>),
}

/// Named values that their consumer checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(pub Vec<(String, Plain)>);

impl Plain {
    /// Value of a type that serializes to plain data; null of any other.
    pub fn of<T: Serialize>(value: &T) -> Self {
        serde_json::to_value(value).map_or(Self::Null, Self::from)
    }

    /// Value of a field, if the value is a map that has it.
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                let mut entries = entries.iter();
                entries.find(|(key, _)| key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Value at a path of fields.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |own, field| own.field(field))
    }
}

impl From<Value> for Plain {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::String(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(map) => {
                let entries = map.into_iter().map(|(key, value)| (key, value.into()));
                Self::Map(entries.collect())
            }
        }
    }
}

impl Arguments {
    /// Value of a name.
    pub fn get(&self, name: &str) -> Option<&Plain> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// Returns whether there are no arguments.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(text) => match (text.parse(), text.parse(), text.parse()) {
                (Ok(value), _, _) => serializer.serialize_u64(value),
                (_, Ok(value), _) => serializer.serialize_i64(value),
                (_, _, Ok(value)) => serializer.serialize_f64(value),
                _ => Err(S::Error::custom(format!("`{text}` is not a number"))),
            },
            Self::String(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => serialize_entries(entries, serializer),
        }
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_entries(&self.0, serializer)
    }
}

fn serialize_entries<S: Serializer>(
    entries: &[(String, Plain)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(entries.len()))?;
    for (key, value) in entries {
        map.serialize_entry(key, value)?;
    }
    map.end()
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(PLAIN, PlainVisitor)
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_map(PlainVisitor)? {
            Plain::Map(entries) => Ok(Self(entries)),
            _ => Ok(Self::default()),
        }
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    /// Receives numbers from our own deserializer as their texts.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, number: D) -> Result<Plain, D::Error> {
        String::deserialize(number).map(Plain::Number)
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
        Ok(Plain::Bool(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Plain, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Plain::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Plain, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Plain::Map(entries))
    }
}

impl JsonSchema for Plain {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Plain".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

impl JsonSchema for Arguments {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Arguments".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

//! Serde deserializer for [`Plain`] values.
//!
//! Numbers stay texts until a type asks for one, and a struct whose last field is called [`REST`]
//! receives there all fields it does not name itself. This puts the arguments of a policy beside
//! its weight without serde's `flatten` (which would turn numbers into floats).

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::plain::{Arguments, PLAIN, Plain};

/// Serde name of a struct's field that takes all fields the struct does not name.
pub const REST: &str = "$rest";

/// Error for a value that does not fit its type; the schema is checked first, so the remaining
/// rules are those that a schema cannot express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Path of the value, from the outside in.
    pub path: Vec<String>,
    /// Error message for the value.
    pub message: String,
}

impl DecodeError {
    /// Error of the value around this one.
    #[must_use]
    pub fn inside(mut self, step: impl Into<String>) -> Self {
        self.path.insert(0, step.into());
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path.join("."), self.message)
        }
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: Vec::new(),
            message: message.to_string(),
        }
    }
}

impl Plain {
    /// Decodes the value as a type.
    ///
    /// # Errors
    /// The value does not fit the type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        T::deserialize(self)
    }
}

impl Arguments {
    /// Decodes all arguments as one type, usually a struct of parameters with defaults.
    ///
    /// ```
    /// use options::{Arguments, Plain};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Parameters {
    ///     weight: u32,
    ///     #[serde(default)]
    ///     label: Option<String>,
    /// }
    ///
    /// let given = Arguments(vec![("weight".into(), Plain::Number("3".into()))]);
    /// let decoded: Parameters = given.decode()?;
    /// assert_eq!((decoded.weight, decoded.label), (3, None));
    /// let wrong = Arguments(vec![("weight".into(), Plain::String("heavy".into()))]);
    /// let error = wrong.decode::<Parameters>().err().map(|error| error.path);
    /// assert_eq!(error, Some(vec!["weight".to_owned()]));
    /// # Ok::<(), options::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// A value does not fit its field; the error names the field.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        T::deserialize(MapDeserializer::new(&self.0))
    }
}

macro_rules! number {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            match self {
                Plain::Number(text) => match text.parse::<$type>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => self.deserialize_any(visitor),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Plain {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self {
            Plain::Null => visitor.visit_unit(),
            Plain::Bool(value) => visitor.visit_bool(*value),
            Plain::Number(text) => match (text.parse::<u64>(), text.parse::<i64>()) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => match text.parse::<f64>() {
                    // `1e3` is a whole number too.
                    Ok(value)
                        if value.abs() < 9e15 && libm::trunc(value).total_cmp(&value).is_eq() =>
                    {
                        visitor.visit_i64(value as i64)
                    }
                    Ok(value) => visitor.visit_f64(value),
                    Err(_) => visitor.visit_borrowed_str(text),
                },
            },
            Plain::String(text) => visitor.visit_borrowed_str(text),
            Plain::List(items) => visitor.visit_seq(Items {
                items: items.iter(),
                position: 0,
            }),
            Plain::Map(entries) => MapDeserializer::new(entries).deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self {
            Plain::Map(entries) => {
                MapDeserializer::new(entries).deserialize_struct(name, fields, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    number! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self {
            Plain::Number(text) => visitor.visit_borrowed_str(text),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self {
            Plain::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self {
            Plain::Number(text) if name == PLAIN => {
                visitor.visit_newtype_struct(StrDeserializer::new(text))
            }
            _ if name == PLAIN => self.deserialize_any(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self {
            Plain::String(text) | Plain::Number(text) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            Plain::Map(entries) => match entries.as_slice() {
                [(name, content)] => visitor.visit_enum(Choice { name, content }),
                _ => Err(de::Error::custom("expected a map with one key")),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i128 u128 char bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
        ignored_any
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Plain>,
    position: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let position = self.position;
        self.position += 1;
        seed.deserialize(item)
            .map(Some)
            .map_err(|error| error.inside(position.to_string()))
    }
}

/// A map on its own.
struct MapDeserializer<'de>(Vec<&'de (String, Plain)>);

impl<'de> MapDeserializer<'de> {
    fn new(entries: &'de [(String, Plain)]) -> Self {
        Self(entries.iter().collect())
    }
}

impl<'de> Deserializer<'de> for MapDeserializer<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let named = self.0.into_iter();
        visitor.visit_map(Entries {
            named,
            rest: Vec::new(),
            current: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if !fields.contains(&REST) {
            return self.deserialize_any(visitor);
        }
        let (known, rest): (Vec<_>, Vec<_>) = self
            .0
            .into_iter()
            .partition(|(key, _)| fields.contains(&key.as_str()));
        visitor.visit_map(Entries {
            named: known.into_iter(),
            rest,
            current: None,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The entries of a map, and then those a struct does not name as one map under [`REST`].
struct Entries<'de> {
    named: std::vec::IntoIter<&'de (String, Plain)>,
    rest: Vec<&'de (String, Plain)>,
    current: Option<&'de (String, Plain)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        self.current = self.named.next();
        let key = match self.current {
            Some((key, _)) => key,
            None if self.rest.is_empty() => return Ok(None),
            None => REST,
        };
        seed.deserialize(StrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        match self.current {
            Some((key, value)) => seed
                .deserialize(value)
                .map_err(|error| error.inside(key.as_str())),
            None => seed.deserialize(MapDeserializer(std::mem::take(&mut self.rest))),
        }
    }
}

struct Choice<'de> {
    name: &'de str,
    content: &'de Plain,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = DecodeError;
    type Variant = &'de Plain;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, &'de Plain), DecodeError> {
        Ok((
            seed.deserialize(StrDeserializer::new(self.name))?,
            self.content,
        ))
    }
}

impl<'de> VariantAccess<'de> for &'de Plain {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self {
            Plain::Null => Ok(()),
            _ => Err(de::Error::custom("this word takes no value")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_any(visitor)
    }
}

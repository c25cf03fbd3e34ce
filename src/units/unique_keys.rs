//! Texts in whose maps no key stands twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::SortedSet;
use crate::line::brief;

/// A value of any kind in whose maps no key stands twice: readers that take the last of such fields lose the
/// others in silence.
///
/// ```
/// use units::UniqueKeys;
///
/// let read = |text: &str| serde_json::from_str::<UniqueKeys>(text);
/// assert!(read(r#"[{"a": {"b": 1}, "b": 2}]"#).is_ok());
/// let refused = read(r#"{"a": {"b": 1, "b": 2}}"#).err().map(|error| error.to_string());
/// assert_eq!(refused.as_deref(), Some("`b` stands there twice at line 1 column 18"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(Self)
    }
}

/// Visits of scalars, which have no keys.
macro_rules! scalars {
    ($($visit:ident: $kind:ty),*) => {
        $(fn $visit<E: Error>(self, _: $kind) -> Result<Self, E> {
            Ok(self)
        })*
    };
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Self;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    scalars!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        while access.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        let mut keys = SortedSet::new();
        while let Some(key) = access.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format!(
                    "`{}` stands there twice",
                    brief(&key)
                )));
            }
            keys.insert(key);
            access.next_value::<Self>()?;
        }
        Ok(self)
    }
}

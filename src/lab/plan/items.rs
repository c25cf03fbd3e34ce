//! Items of a list of objects, one at a time: a list of a large cluster has no room in memory as
//! parsed values.

use std::fmt;
use std::io::Read;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

/// Function that takes an item, or says why it can't.
pub(super) type Take<'t> = dyn FnMut(Value) -> std::io::Result<()> + 't;

/// Hands over the items of a list, in order.
///
/// # Errors
/// If the text can't be read or is no list of JSON, or if the taker fails.
pub(super) fn each_item(text: impl Read, take: &mut Take<'_>) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_reader(text);
    List(take).deserialize(&mut reader)
}

/// List of the API: an object with `items`.
struct List<'a, 't>(&'a mut Take<'t>);

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            if name == "items" {
                fields.next_value_seed(Items(&mut *self.0))?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Items of a list.
struct Items<'a, 't>(&'a mut Take<'t>);

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

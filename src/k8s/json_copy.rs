//! Copying the part of an object that placements and controllers look at, and nothing else: fields that
//! are not listed as kept (`fields`) are passed over without being stored. What is passed over is
//! counted by kind and field.

use std::fmt;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::Retention;

/// Number of times that fields were left out, by kind and path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OmittedFields(IndexMap<String, IndexMap<String, u64, FxBuildHasher>, FxBuildHasher>);

impl OmittedFields {
    /// Kinds with their fields and how often each was met, sorted by name.
    pub fn sorted(&self) -> Vec<(&str, Vec<(&str, u64)>)> {
        let mut kinds: Vec<(&str, Vec<(&str, u64)>)> = self
            .0
            .iter()
            .map(|(kind, fields)| {
                let mut list: Vec<(&str, u64)> = fields
                    .iter()
                    .map(|(path, &count)| (path.as_str(), count))
                    .collect();
                list.sort_unstable();
                (kind.as_str(), list)
            })
            .filter(|(_, fields)| !fields.is_empty())
            .collect();
        kinds.sort_unstable();
        kinds
    }
}

/// Copies objects of a kind as JSON.
pub(super) struct JsonCopier<'a> {
    out: &'a mut Vec<u8>,
    path: String,
    fields: &'a mut IndexMap<String, u64, FxBuildHasher>,
}

impl<'a> JsonCopier<'a> {
    /// A copier of one object of a kind.
    pub(super) fn new(
        out: &'a mut Vec<u8>,
        kind: &str,
        passed_over: &'a mut OmittedFields,
    ) -> Self {
        if !passed_over.0.contains_key(kind) {
            passed_over.0.insert(kind.to_owned(), IndexMap::default());
        }
        Self {
            out,
            path: String::new(),
            fields: &mut passed_over.0[kind],
        }
    }

    /// Seed for the kept part of the next value.
    pub(super) fn seed<'k>(&'k mut self, keep: Retention) -> CopySeed<'k, 'a> {
        CopySeed { keeper: self, keep }
    }

    fn pass_over(&mut self, key: &str) {
        let length = self.path.len();
        self.enter(key);
        if let Some(count) = self.fields.get_mut(&self.path) {
            *count += 1;
        } else {
            self.fields.insert(self.path.clone(), 1);
        }
        self.path.truncate(length);
    }

    fn enter(&mut self, key: &str) {
        if !self.path.is_empty() && !self.path.ends_with('.') {
            self.path.push('.');
        }
        self.path.push_str(key);
    }

    fn write<T: serde::Serialize, E: Error>(&mut self, value: T) -> Result<(), E> {
        serde_json::to_writer(&mut *self.out, &value).map_err(E::custom)
    }
}

/// Copies one value; the value of the seed is whether anything was written.
pub(super) struct CopySeed<'k, 'a> {
    keeper: &'k mut JsonCopier<'a>,
    keep: Retention,
}

impl<'de> DeserializeSeed<'de> for CopySeed<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if matches!(self.keep, Retention::Presence) {
            let is_there = deserializer.deserialize_any(PresenceSeed)?;
            if is_there {
                self.keeper.out.extend_from_slice(b"{}");
            }
            return Ok(is_there);
        }
        deserializer.deserialize_any(self)
    }
}

/// Whether there is anything but `null`.
struct PresenceSeed;

impl<'de> Visitor<'de> for PresenceSeed {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_i64<E: Error>(self, _value: i64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_u64<E: Error>(self, _value: u64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_str<E: Error>(self, _value: &str) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(true)
    }
}

/// Takes a key: what is kept of its value, the key itself being written by then.
struct KeySeed<'k, 'a> {
    is_first: bool,
    keeper: &'k mut JsonCopier<'a>,
    keep: Retention,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = Option<Retention>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_, '_> {
    type Value = Option<Retention>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let keep = self.keep.of_field(key);
        if keep.is_unkept() {
            // Keys of annotations are as many as there are programs that write them.
            let is_annotation = matches!(self.keep, Retention::Annotations);
            self.keeper.pass_over(if is_annotation { "*" } else { key });
            return Ok(None);
        }
        if !self.is_first {
            self.keeper.out.push(b',');
        }
        self.keeper.write(key)?;
        self.keeper.out.push(b':');
        if !matches!(self.keep, Retention::All) {
            self.keeper.enter(key);
        }
        Ok(Some(keep))
    }
}

impl<'de> Visitor<'de> for CopySeed<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a Kubernetes object")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        self.keeper.write(value).map(|()| true)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        self.keeper.write(value).map(|()| true)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        self.keeper.write(value).map(|()| true)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        self.keeper.write(value).map(|()| true)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
        self.keeper.write(value).map(|()| true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let element = match self.keep {
            Retention::Fields(_) | Retention::All => self.keep,
            // The reader will say that a list is wrong here.
            _ => Retention::Presence,
        };
        let length = self.keeper.path.len();
        self.keeper.path.push_str("[]");
        self.keeper.out.push(b'[');
        let begun = self.keeper.out.len();
        loop {
            let before = self.keeper.out.len();
            if before > begun {
                self.keeper.out.push(b',');
            }
            match seq.next_element_seed(self.keeper.seed(element))? {
                Some(true) => {}
                Some(false) => self.keeper.out.extend_from_slice(b"null"),
                None => {
                    self.keeper.out.truncate(before);
                    break;
                }
            }
        }
        self.keeper.out.push(b']');
        self.keeper.path.truncate(length);
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        self.keeper.out.push(b'{');
        let begun = self.keeper.out.len();
        loop {
            let before = self.keeper.out.len();
            let length = self.keeper.path.len();
            let key = KeySeed {
                is_first: before == begun,
                keeper: &mut *self.keeper,
                keep: self.keep,
            };
            match map.next_key_seed(key)? {
                None => break,
                Some(None) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(Some(keep)) => {
                    if !map.next_value_seed(self.keeper.seed(keep))? {
                        self.keeper.out.truncate(before);
                    }
                    self.keeper.path.truncate(length);
                }
            }
        }
        self.keeper.out.push(b'}');
        // Most objects have no annotation that is read.
        let is_empty = self.keeper.out.len() == begun + 1;
        Ok(!(is_empty && matches!(self.keep, Retention::Annotations)))
    }
}

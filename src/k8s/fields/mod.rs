//! The fields of the objects that are read, as the Kubernetes API has them, and what becomes of each:
//! it is read, it bears on no answer, or it is left out with an effect. Nothing that an object states
//! goes by unseen: fields that are left out become findings, and so do fields that the API does not
//! have, which are mostly misspelt.

mod annotations;
mod cluster;
mod devices;
mod node_pools;
mod pods;
mod queueing;
mod scheduler;
mod storage;
mod workloads;

use std::fmt::Write as _;

use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::Value;

use super::findings::NO_SUCH_FIELD;

pub(super) use annotations::{unread_of_object, unread_of_pod};
pub(super) use cluster::METADATA;
pub(super) use cluster::NODE_SPEC;
pub(super) use pods::POD_SPEC;
pub(super) use scheduler::left_out_settings;

/// Fields by name.
pub(super) type List = &'static [(&'static str, Use)];

/// Fate of a field: modelled, refused or listed.
#[derive(Debug)]
pub(super) enum Use {
    /// A reader looks at it and at all that is in it.
    Read,
    /// It bears on nothing that a run or a placement answers: names of files, rights, addresses,
    /// records of other programs.
    Silent,
    /// It is left out; the effect on the answer.
    LeftOut(&'static str),
    /// It is left out where it says something else than this; the effect.
    Unless(&'static str, &'static str),
    /// It has these fields; of a list, every element has them.
    Fields(List),
}

/// Fields that every object has, beside those of its kind.
const OF_EVERY_KIND: List = &[
    ("apiVersion", Use::Read),
    ("kind", Use::Read),
    ("metadata", Use::Fields(METADATA)),
];

/// A field that an object states and that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stray {
    /// The field's path.
    pub(super) field: String,
    /// Effect on the answer; `None` if there is no such field.
    effect: Option<&'static str>,
}

impl Stray {
    pub(super) fn what(&self) -> &'static str {
        match self.effect {
            Some(_) => "the field is left out",
            None => NO_SUCH_FIELD,
        }
    }

    pub(super) fn effect(&self) -> &'static str {
        const UNKNOWN: &str = "it has no effect; mind its spelling and its place";
        self.effect.unwrap_or(UNKNOWN)
    }
}

/// Most fields of one object that are told; an object has no more of them but by accident.
const MOST: usize = 64;

/// Fields of an object that are left out, as they are met.
#[derive(Default)]
pub(super) struct Strays(Vec<Stray>);

impl Strays {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Stray> {
        self.0.iter()
    }

    fn add(&mut self, field: String, effect: Option<&'static str>) {
        let stray = Stray { field, effect };
        if self.0.len() < MOST && !self.0.contains(&stray) {
            self.0.push(stray);
        }
    }

    /// Notes a field beside `spec` and `metadata`.
    pub(super) fn add_beside(&mut self, field: String) {
        self.add(field, None);
    }

    /// Removes fields that an object of a kind has beside `metadata`, `spec` and `status`, and gives
    /// those that are left out their effect.
    pub(super) fn settle_beside(&mut self, kind: &str) {
        let Some(kind) = Kind::find(kind) else {
            self.0.clear();
            return;
        };
        self.0.retain_mut(|stray| {
            if stray.effect.is_some() || stray.field.contains(['.', '[']) {
                return true;
            }
            match kind.field(&stray.field) {
                None => true,
                Some(Use::LeftOut(effect)) => {
                    stray.effect = Some(effect);
                    true
                }
                Some(_) => false,
            }
        });
    }

    /// Notes the fields of a value that are left out; `path` is where it stands.
    pub(super) fn walk(&mut self, value: &Value, list: List, path: &str) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(item, list, &format!("{path}[{index}]"));
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields.iter().filter(|(_, value)| is_stated(value)) {
                    let path = format!("{path}.{name}");
                    match list.iter().find(|(known, _)| known == name) {
                        None => self.add(path, None),
                        Some((_, Use::LeftOut(effect))) => self.add(path, Some(effect)),
                        Some((_, Use::Fields(list))) => self.walk(value, list, &path),
                        Some((_, Use::Unless(usual, effect))) if !is_usual(value, usual) => {
                            self.add(path, Some(effect));
                        }
                        Some((_, Use::Read | Use::Silent | Use::Unless(..))) => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether a field says anything: the API takes what is empty for absent.
fn is_stated(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// Top-level fields of a kind that is read.
#[derive(Clone, Copy)]
struct Kind {
    own: List,
}

impl Kind {
    fn find(kind: &str) -> Option<Self> {
        let lists = [
            pods::KINDS,
            cluster::KINDS,
            workloads::KINDS,
            storage::KINDS,
            queueing::KINDS,
            devices::KINDS,
            node_pools::KINDS,
        ];
        let mut kinds = lists.into_iter().flatten();
        let (_, own) = kinds.find(|(name, _)| *name == kind)?;
        Some(Self { own })
    }

    fn field(self, name: &str) -> Option<&'static Use> {
        let mut fields = OF_EVERY_KIND.iter().chain(self.own);
        let (_, found) = fields.find(|(known, _)| *known == name)?;
        Some(found)
    }
}

/// Fields of a kind's `spec`.
pub(super) fn spec_of(kind: &str) -> Option<List> {
    match Kind::find(kind)?.field("spec")? {
        Use::Fields(list) => Some(list),
        _ => None,
    }
}

/// A field of a kind that a snapshot does not keep, by its path as `spec.containers[].tty`; `None` if it
/// bears on nothing.
pub(super) fn unkept(kind: &str, path: &str) -> Option<Stray> {
    let mut keys = path.split('.').map(|key| key.trim_end_matches("[]"));
    let kind = Kind::find(kind)?;
    let first = keys.next().and_then(|name| kind.field(name));
    let effect = match first.and_then(|field| below(field, keys)) {
        Some(Use::LeftOut(effect)) => Some(*effect),
        None => None,
        Some(_) => return None,
    };
    Some(Stray {
        field: path.to_owned(),
        effect,
    })
}

/// Fate of a field of a list by its path; `None` if there is none.
fn find<'k>(list: List, keys: impl Iterator<Item = &'k str>) -> Option<&'static Use> {
    let mut keys = keys.filter(|key| !key.is_empty());
    let first = keys.next()?;
    let (_, field) = list.iter().find(|(name, _)| *name == first)?;
    below(field, keys)
}

/// Fate of what a path leads to from a field on; `None` if there is no such field.
fn below<'k>(field: &'static Use, keys: impl Iterator<Item = &'k str>) -> Option<&'static Use> {
    let mut field = field;
    for key in keys.filter(|key| !key.is_empty()) {
        let Use::Fields(list) = field else {
            return Some(field);
        };
        let (_, inner) = list.iter().find(|(name, _)| *name == key)?;
        field = inner;
    }
    Some(field)
}

/// Reads a value and notes the fields that no reader looks at.
pub(super) struct Watched<'a> {
    pub(super) list: List,
    /// Place of the value in its object.
    pub(super) root: &'static str,
    pub(super) strays: &'a mut Strays,
}

/// [`Watched`] as a seed for a type.
pub(super) struct WatchedAs<'a, T>(
    pub(super) Watched<'a>,
    pub(super) std::marker::PhantomData<T>,
);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for WatchedAs<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let Watched { list, root, strays } = self.0;
        // One type of function for all types that are read, so that parts they share, such as pod
        // templates, are compiled once.
        let mut note: &mut dyn FnMut(serde_ignored::Path<'_>) = &mut |path| {
            let mut keys = Vec::new();
            collect(&path, &mut keys);
            let found = find(list, keys.iter().map(Step::key));
            let effect = match found {
                Some(Use::LeftOut(effect)) => Some(*effect),
                None => None,
                Some(_) => return,
            };
            let mut field = root.to_owned();
            for step in &keys {
                match step {
                    Step::Key(key) => {
                        field.push('.');
                        field.push_str(key);
                    }
                    Step::Index(index) => {
                        let _ = write!(field, "[{index}]");
                    }
                }
            }
            strays.add(field, effect);
        };
        T::deserialize(serde_ignored::Deserializer::new(deserializer, &mut note))
    }
}

enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

impl Step<'_> {
    /// The name of the field; empty in a list.
    fn key(&self) -> &str {
        match self {
            Self::Key(key) => key,
            Self::Index(_) => "",
        }
    }
}

/// The steps of a path from its root on.
fn collect<'p>(path: &'p serde_ignored::Path<'_>, steps: &mut Vec<Step<'p>>) {
    use serde_ignored::Path::{Map, NewtypeStruct, NewtypeVariant, Root, Seq, Some as Inside};
    match path {
        Root => {}
        Seq { parent, index } => {
            collect(parent, steps);
            steps.push(Step::Index(*index));
        }
        Map { parent, key } => {
            collect(parent, steps);
            steps.push(Step::Key(key));
        }
        Inside { parent } | NewtypeStruct { parent } | NewtypeVariant { parent } => {
            collect(parent, steps);
        }
    }
}
/// Whether a value is a usual one, as text or as `true` or `false`.
fn is_usual(value: &Value, usual: &str) -> bool {
    match value {
        Value::Bool(own) => usual == if *own { "true" } else { "false" },
        other => *other == *usual,
    }
}

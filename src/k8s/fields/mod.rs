//! The fields of the objects that are read, as the Kubernetes API has them, and what becomes of each:
//! it is read, it bears on no answer, or it is left out with an effect; and what a snapshot keeps of it.
//! Nothing that an object states goes by unseen: fields that are left out become findings, and so do
//! fields that the API does not have, which are mostly misspelt. Nothing is kept that is not listed so,
//! so that secrets, literal environment values, managed fields and the like never leave the file they
//! are in.

/// Names, each with what is said of all names of its row.
macro_rules! table {
    ($($($name:ident)+: $said:expr),+ $(,)?) => {
        &[$($((stringify!($name), $said),)+)+]
    };
}

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
use super::raw::Annotations;

pub(super) use annotations::{unread_of_object, unread_of_pod};
pub(super) use cluster::METADATA;
pub(super) use cluster::NODE_SPEC;
pub(super) use pods::POD_SPEC;
pub(super) use scheduler::left_out_settings;

/// Fields by name.
pub(super) type List = &'static [(&'static str, Fate)];

/// What becomes of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    used: Use,
    keep: Retention,
}

/// Use of a field: modelled, refused or listed.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// A reader looks at it and at all that is in it, or it bears on no answer.
    Settled,
    /// It is left out; the effect on the answer.
    LeftOut(&'static str),
    /// It is left out where it says something else than this; the effect.
    Unless(&'static str, &'static str),
    /// It has these fields; of a list, every element has them.
    Fields(List),
    /// Like kinds have the field, and this one has not.
    Misplaced,
}

/// Part of a value that a snapshot keeps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Retention {
    /// All of it.
    All,
    /// That it is there.
    Presence,
    /// Of annotations, those that are read.
    Annotations,
    /// What these fields say of themselves; of a list, in every element.
    Fields(List),
    /// The same of an object, which has the fields of every kind as well.
    Object(List),
    /// Nothing in a snapshot; all of it where manifests are compared.
    Aside,
    /// Nothing in a snapshot; names of secrets and configs where manifests are compared.
    References,
    /// Nothing.
    Nothing,
}

impl Retention {
    /// Whether a snapshot keeps nothing of it.
    pub(super) const fn is_unkept(self) -> bool {
        matches!(self, Self::Aside | Self::References | Self::Nothing)
    }

    /// What is kept of a field of an object of which this is kept.
    pub(super) fn of_field(self, name: &str) -> Self {
        match self {
            Self::All => Self::All,
            Self::Annotations if Annotations::is_read(name) => Self::All,
            Self::Fields(list) => find(list, name).map_or(Self::Nothing, |found| found.keep),
            Self::Object(own) => of_kind(own, name).map_or(Self::Nothing, |found| found.keep),
            Self::Presence | Self::Annotations | Self::Aside | Self::References | Self::Nothing => {
                Self::Nothing
            }
        }
    }
}

const fn settled(keep: Retention) -> Fate {
    let used = Use::Settled;
    Fate { used, keep }
}

/// It is read and kept.
const KEPT: Fate = settled(Retention::All);

/// It is read, and that it is there is all that counts.
const PRESENCE: Fate = settled(Retention::Presence);

/// Annotations, of which some are read.
const ANNOTATIONS: Fate = settled(Retention::Annotations);

/// It is read where it is at hand, and not kept.
const READ: Fate = settled(Retention::Aside);

/// The secrets and configs that it names are read where they are at hand, and nothing else of it ever.
const REFERENCES: Fate = settled(Retention::References);

/// It bears on nothing that a run or a placement answers: names of files, rights, addresses, records of
/// other programs.
const SILENT: Fate = settled(Retention::Nothing);

/// It is reported where it is found, for like kinds have it.
const MISPLACED: Fate = Fate {
    used: Use::Misplaced,
    keep: Retention::All,
};

/// It is left out, with this effect.
const fn left_out(effect: &'static str) -> Fate {
    let (used, keep) = (Use::LeftOut(effect), Retention::Nothing);
    Fate { used, keep }
}

/// It is left out where it says something else than what is usual, with this effect.
const fn unless(usual: &'static str, effect: &'static str) -> Fate {
    let (used, keep) = (Use::Unless(usual, effect), Retention::Nothing);
    Fate { used, keep }
}

/// Its fields say what becomes of them.
const fn fields(list: List) -> Fate {
    let (used, keep) = (Use::Fields(list), Retention::Fields(list));
    Fate { used, keep }
}

/// Its fields say what is read of them; all are kept.
const fn whole(list: List) -> Fate {
    let (used, keep) = (Use::Fields(list), Retention::All);
    Fate { used, keep }
}

/// It is read, whatever its fields are; these are kept.
const fn part(list: List) -> Fate {
    settled(Retention::Fields(list))
}

/// Fields that every object has, beside those of its kind.
const OF_EVERY_KIND: List = table! {
    apiVersion kind: KEPT,
    metadata: fields(METADATA),
};

/// A field that an object states and that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnreadField {
    /// The field's path.
    pub(super) field: String,
    /// Effect on the answer; `None` if there is no such field.
    effect: Option<&'static str>,
}

impl UnreadField {
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

/// Maximum number of unread fields reported per object.
const MOST: usize = 64;

/// Fields of an object that are left out, as they are met.
#[derive(Default)]
pub(super) struct UnreadFields(Vec<UnreadField>);

impl UnreadFields {
    pub(super) fn iter(&self) -> impl Iterator<Item = &UnreadField> {
        self.0.iter()
    }

    fn add(&mut self, field: String, effect: Option<&'static str>) {
        let stray = UnreadField { field, effect };
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
        let Some(own) = kind_of(kind) else {
            self.0.clear();
            return;
        };
        self.0.retain_mut(|stray| {
            if stray.effect.is_some() || stray.field.contains(['.', '[']) {
                return true;
            }
            match of_kind(own, &stray.field).map(|found| found.used) {
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
                    match find(list, name).map(|found| found.used) {
                        None | Some(Use::Misplaced) => self.add(path, None),
                        Some(Use::LeftOut(effect)) => self.add(path, Some(effect)),
                        Some(Use::Fields(list)) => self.walk(value, list, &path),
                        Some(Use::Unless(usual, effect)) if !is_usual(value, usual) => {
                            self.add(path, Some(effect));
                        }
                        Some(Use::Settled | Use::Unless(..)) => {}
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

/// Fields of a kind that is read, but for those of every kind.
fn kind_of(kind: &str) -> Option<List> {
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
    kinds.find(|(name, _)| *name == kind).map(|(_, own)| *own)
}

/// Fate of a field of a kind with these fields of its own.
fn of_kind(own: List, name: &str) -> Option<&'static Fate> {
    find(own, name).or_else(|| find(OF_EVERY_KIND, name))
}

fn find(list: List, name: &str) -> Option<&'static Fate> {
    let found = list.iter().find(|(known, _)| *known == name);
    found.map(|(_, fate)| fate)
}

/// Fields of a kind's `spec`.
pub(super) fn spec_of(kind: &str) -> Option<List> {
    match of_kind(kind_of(kind)?, "spec")?.used {
        Use::Fields(list) => Some(list),
        _ => None,
    }
}

/// Kept part of an object; `None` if nothing of its kind is.
pub(super) fn kept_of(kind: &str) -> Option<Retention> {
    let own = kind_of(kind)?;
    let mut fates = own.iter().map(|(_, fate)| fate.keep);
    let is_kept = fates.any(|keep| !keep.is_unkept());
    is_kept.then_some(Retention::Object(own))
}

/// Read part of an object; `None` if nothing of its kind is.
pub(super) fn read_of(kind: &str) -> Option<Retention> {
    kind_of(kind).map(Retention::Object)
}

/// A field of a kind that a snapshot does not keep, by its path as `spec.containers[].tty`; `None` if it
/// bears on nothing.
pub(super) fn unkept(kind: &str, path: &str) -> Option<UnreadField> {
    let mut keys = path.split('.').map(|key| key.trim_end_matches("[]"));
    let own = kind_of(kind)?;
    let first = keys.next().and_then(|name| of_kind(own, name));
    let effect = match first.and_then(|field| below(field, keys)) {
        Some(Use::LeftOut(effect)) => Some(effect),
        None | Some(Use::Misplaced) => None,
        Some(_) => return None,
    };
    Some(UnreadField {
        field: path.to_owned(),
        effect,
    })
}

/// Use of what a path leads to from a field on; `None` if there is no such field.
fn below<'k>(field: &'static Fate, keys: impl Iterator<Item = &'k str>) -> Option<Use> {
    let mut field = field;
    for key in keys.filter(|key| !key.is_empty()) {
        let Use::Fields(list) = field.used else {
            break;
        };
        field = find(list, key)?;
    }
    Some(field.used)
}

/// Reads a value and notes the fields that no reader looks at.
pub(super) struct FieldWatch<'a> {
    pub(super) list: List,
    /// Place of the value in its object.
    pub(super) root: &'static str,
    pub(super) strays: &'a mut UnreadFields,
}

/// [`FieldWatch`] as a seed for a type.
pub(super) struct FieldWatchSeed<'a, T>(
    pub(super) FieldWatch<'a>,
    pub(super) std::marker::PhantomData<T>,
);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for FieldWatchSeed<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let FieldWatch { list, root, strays } = self.0;
        // One type of function for all types that are read, so that parts they share, such as pod
        // templates, are compiled once.
        let mut note: &mut dyn FnMut(serde_ignored::Path<'_>) = &mut |path| {
            let mut keys = Vec::new();
            collect(&path, &mut keys);
            let mut names = keys.iter().map(Step::key).filter(|key| !key.is_empty());
            let first = names.next().and_then(|name| find(list, name));
            let effect = match first.and_then(|field| below(field, names)) {
                Some(Use::LeftOut(effect)) => Some(effect),
                None | Some(Use::Misplaced) => None,
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

//! Fields that differ between the objects of two sides, as a user names them.

use serde::Serialize;
use serde_json::Value as Json;

use super::{Object, ObjectKey};
use crate::difference::{Difference, Step, differences, shown};
use units::{SortedMap, SortedSet};

/// The most changes in the report of an entry.
const CHANGES_MAX: usize = 1_000;

/// A field that another side has otherwise, or an object that one side lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The object.
    #[serde(serialize_with = "super::words")]
    pub object: ObjectKey,
    /// The field; empty of an object that one side lacks.
    pub field: String,
    /// Value in the baseline, cut where it is long; none if there is none.
    pub base: Option<String>,
    /// Value now, cut where it is long; none if there is none.
    pub head: Option<String>,
    /// File that states it now, or stated it.
    pub file: String,
    /// The line there, from 1, where the file is at hand.
    pub line: Option<u64>,
    /// Entries of the suite that it concerns.
    pub entries: Vec<String>,
}

impl FieldChange {
    /// The change in words, such as `Deployment shop/web requests.cpu 1 → 2`.
    pub fn words(&self) -> String {
        let Self { object, field, .. } = self;
        let value = |side: &Option<String>| side.clone().unwrap_or_else(|| "unset".to_owned());
        match (&self.base, &self.head) {
            (None, _) if field.is_empty() => format!("{object} added"),
            (_, None) if field.is_empty() => format!("{object} removed"),
            (base, head) if field.is_empty() => {
                format!("{object} {} → {}", value(base), value(head))
            }
            (base, head) => format!("{object} {field} {} → {}", value(base), value(head)),
        }
    }

    /// Whether it is the same change of another entry.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let parts = |own: &Self| (own.object.clone(), own.field.clone(), own.base.clone());
        parts(self) == parts(other) && (&self.head, &self.file) == (&other.head, &other.file)
    }

    /// The file, with the line where it is known.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }

    /// Whether it is a change of the system, which is what is compared.
    pub(crate) fn is_policy(&self) -> bool {
        matches!(&*self.object.kind, "system" | "KubeSchedulerConfiguration")
    }
}

/// The fields in which the objects of two sides differ, in the order of their names.
pub fn field_changes(base: &[Object], head: &[Object]) -> Vec<FieldChange> {
    let (base, head) = (by_turn(base), by_turn(head));
    let keys: SortedSet<&(&ObjectKey, usize)> = base.keys().chain(head.keys()).collect();
    let content = |object: &Object| (object.key.kind == "file").then(|| object.hash.clone());
    let contents = |side: &SortedMap<(&ObjectKey, usize), &Object>| -> SortedSet<String> {
        side.values().filter_map(|own| content(own)).collect()
    };
    let (were, are) = (contents(&base), contents(&head));
    let mut found = Vec::new();
    for key in keys {
        match (base.get(key), head.get(key)) {
            (Some(base), Some(head)) if base.hash != head.hash => fields(base, head, &mut found),
            // A file of the same content has another name.
            (Some(own), None) if content(own).is_some_and(|own| are.contains(&own)) => {}
            (None, Some(own)) if content(own).is_some_and(|own| were.contains(&own)) => {}
            (Some(own), None) => found.push(change(own, "", Some("there".to_owned()), None, "")),
            (None, Some(own)) => found.push(change(own, "", None, Some("there".to_owned()), "")),
            _ => {}
        }
    }
    found.truncate(CHANGES_MAX);
    found
}

/// Objects by their names, those that stand there twice by their turn.
fn by_turn(objects: &[Object]) -> SortedMap<(&ObjectKey, usize), &Object> {
    let mut turns: SortedMap<&ObjectKey, usize> = SortedMap::new();
    let mut found = SortedMap::new();
    for object in objects {
        let turn = turns.entry(&object.key).or_default();
        found.insert((&object.key, *turn), object);
        *turn += 1;
    }
    found
}

fn change(
    at: &Object,
    field: &str,
    base: Option<String>,
    head: Option<String>,
    pointer: &str,
) -> FieldChange {
    FieldChange {
        object: at.key.clone(),
        field: field.to_owned(),
        base,
        head,
        file: at.file.clone(),
        line: at.lines.line(pointer),
        entries: Vec::new(),
    }
}

fn fields(base: &Object, head: &Object, found: &mut Vec<FieldChange>) {
    let (Some(one), Some(other)) = (&base.fields, &head.fields) else {
        let hashes = (Some(base.hash.clone()), Some(head.hash.clone()));
        found.push(change(head, "", hashes.0, hashes.1, ""));
        return;
    };
    for difference in differences(one, other, k8s::settled) {
        let value = |side: Option<&Json>| side.map(|value| shown(Some(value)));
        let pointer = match difference.head {
            Some(_) => difference.pointer(),
            None => parent(&difference),
        };
        let field = field(&difference.steps);
        let (base, now) = (value(difference.base), value(difference.head));
        found.push(change(head, &field, base, now, &pointer));
    }
}

/// Pointer to what is around a place.
fn parent(difference: &Difference<'_>) -> String {
    let pointer = difference.pointer();
    let cut = pointer.rfind('/').unwrap_or_default();
    pointer[..cut].to_owned()
}

/// Fields that a user does not name: what is in them is unique without them.
const UNNAMED: &[&str] = &["spec", "metadata", "template", "jobTemplate", "resources"];

/// The field that steps lead to, as a user names it: `requests.cpu`, and `containers[log].requests.cpu`
/// where there are several containers.
fn field(steps: &[Step]) -> String {
    let mut text = String::new();
    let is_last = |at: usize| at + 1 == steps.len();
    let mut at = 0;
    while let Some(step) = steps.get(at) {
        let item = steps.get(at + 1).filter(|next| next.item.is_some());
        let is_alone = item.is_some_and(|item| item.is_alone);
        let is_unnamed = UNNAMED.contains(&&*step.name) && !is_last(at);
        let is_container = step.name == "containers" && is_alone && !is_last(at + 1);
        if !is_unnamed && !is_container {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(match &*step.name {
                "requiredDuringSchedulingIgnoredDuringExecution" => "required",
                "preferredDuringSchedulingIgnoredDuringExecution" => "preferred",
                name => name,
            });
        }
        if let Some(item) = item {
            if !is_alone {
                text.push('[');
                text.push_str(&item.name);
                text.push(']');
            }
            at += 1;
        }
        at += 1;
    }
    text
}

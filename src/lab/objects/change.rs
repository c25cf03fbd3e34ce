//! Fields that differ between the objects of two sides, as a user names them.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::matched::{Match, matched};
use super::{Lines, Object, ObjectKey};
use crate::difference::{Difference, Step, differences, shown};
use units::{SortedMap, SortedSet, plural};

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
    /// Places in the lists of both sides of an item that has no name.
    #[serde(skip)]
    pub item: Option<[Option<usize>; 2]>,
}

impl FieldChange {
    /// The change in words, such as `Deployment shop/web requests.cpu 1 → 2`.
    pub fn words(&self) -> String {
        format!("{} {}", self.object, self.values())
    }

    /// The change without its object.
    fn values(&self) -> String {
        let field = &self.field;
        let value = |side: &Option<String>| side.clone().unwrap_or_else(|| "unset".to_owned());
        match (&self.base, &self.head) {
            (None, _) if field.is_empty() => "added".to_owned(),
            (_, None) if field.is_empty() => "removed".to_owned(),
            (base, head) if field.is_empty() => format!("{} → {}", value(base), value(head)),
            (base, head) => format!("{field} {} → {}", value(base), value(head)),
        }
    }

    /// Whether it is one of an object of a manifest, and not of a part of a scenario.
    pub(crate) fn is_in_manifest(&self) -> bool {
        let kind = &*self.object.kind;
        kind.starts_with(|first: char| first.is_ascii_uppercase()) && !self.is_policy()
    }

    /// Whether it is one of a label or an annotation.
    pub(crate) fn is_of_label(&self) -> bool {
        self.rank() == Rank::Last
    }

    fn rank(&self) -> Rank {
        let has = |names: &[&str]| {
            let mut parts = self.field.split(['.', '[', ']']);
            parts.any(|part| names.contains(&part))
        };
        if !self.is_in_manifest() || self.field.is_empty() || has(READ_FIRST) {
            Rank::First
        } else if has(READ_LAST) {
            Rank::Last
        } else {
            Rank::Middle
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

/// Fields that decide where pods run, and how many of them.
const READ_FIRST: &[&str] = &[
    "affinity",
    "allocatable",
    "capacity",
    "completions",
    "hard",
    "hostPort",
    "limits",
    "maxReplicas",
    "maxUnavailable",
    "minAvailable",
    "minReplicas",
    "nodeName",
    "nodeSelector",
    "parallelism",
    "preemptionPolicy",
    "priorityClassName",
    "replicas",
    "requests",
    "schedule",
    "schedulerName",
    "selector",
    "strategy",
    "suspend",
    "taints",
    "tolerations",
    "topologySpreadConstraints",
    "updateStrategy",
    "value",
];
/// Fields that mean nothing unless something refers to them.
const READ_LAST: &[&str] = &["annotations", "labels"];

/// Number of objects from which equal changes count as one.
const ALIKE_MIN: usize = 4;

/// Changes that are one for whoever made them, by their places: the same change of a field of many objects,
/// and of labels and annotations of several; each other change alone.
pub fn alike(changes: &[FieldChange]) -> Vec<Vec<usize>> {
    type Values<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
    let mut groups: SortedMap<Values<'_>, Vec<usize>> = SortedMap::new();
    let of_objects = changes
        .iter()
        .enumerate()
        .filter(|(_, own)| own.is_in_manifest());
    for (place, own) in of_objects.filter(|(_, own)| !own.field.is_empty()) {
        groups
            .entry((&*own.field, own.base.as_deref(), own.head.as_deref()))
            .or_default()
            .push(place);
    }
    groups.retain(|_, places| {
        let is_last = changes[places[0]].rank() == Rank::Last;
        places.len() >= if is_last { 2 } else { ALIKE_MIN }
    });
    let grouped: SortedSet<usize> = groups.values().flatten().copied().collect();
    let alone = (0..changes.len()).filter(|place| !grouped.contains(place));
    let mut all: Vec<Vec<usize>> = groups
        .into_values()
        .chain(alone.map(|place| vec![place]))
        .collect();
    all.sort_unstable();
    all
}

/// Changes in words that are one change, or were taken back together, with the first place.
pub fn words_of_all(changes: &[&FieldChange]) -> String {
    const TOLD_MAX: usize = 3;
    let Some((first, others)) = changes.split_first() else {
        return String::new();
    };
    let place = first.place();
    if others.is_empty() {
        return format!("{} ({place})", first.words());
    }
    let is_alike = others.iter().all(|own| own.values() == first.values());
    if is_alike {
        let objects: SortedSet<String> = changes.iter().map(|own| own.object.to_string()).collect();
        let count = plural::count(objects.len(), "object");
        let names = plural::first_of(objects, TOLD_MAX);
        return format!("{} of {count}: {names} ({place})", first.values());
    }
    let fields = plural::first_of(changes.iter().map(|own| own.values()), TOLD_MAX);
    format!("{} {fields} ({place})", first.object)
}

/// Turn in which changes are told, and tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Scheduling reads it.
    First,
    /// It may matter.
    Middle,
    /// It means nothing unless something refers to it.
    Last,
}

/// The fields in which the objects of two sides differ: those first that scheduling reads, labels and
/// annotations last, and by their names.
pub fn field_changes(base: &[Object], head: &[Object]) -> Vec<FieldChange> {
    let content = |object: &Object| (object.key.kind == "file").then(|| object.hash.clone());
    let contents =
        |side: &[Object]| -> SortedSet<String> { side.iter().filter_map(content).collect() };
    let (were, are) = (contents(base), contents(head));
    let mut found = Vec::new();
    for Match { base, head, item } in matched(base, head) {
        let start = found.len();
        match (base, head) {
            (Some(base), Some(head)) if base.hash != head.hash => fields(base, head, &mut found),
            // A file of the same content has another name.
            (Some(own), None) if content(own).is_some_and(|own| are.contains(&own)) => {}
            (None, Some(own)) if content(own).is_some_and(|own| were.contains(&own)) => {}
            (Some(own), None) => found.push(change(own, "", Some("there".to_owned()), None, "")),
            (None, Some(own)) => found.push(change(own, "", None, Some("there".to_owned()), "")),
            _ => {}
        }
        found[start..].iter_mut().for_each(|own| own.item = item);
    }
    found.sort_by_key(FieldChange::rank);
    found.truncate(CHANGES_MAX);
    found
}

/// The first of the objects that both sides have which stands at another place among them: pods that come at
/// the same time are decided on in that order.
pub(crate) fn order_change(base: &[Object], head: &[Object]) -> Option<FieldChange> {
    let of_manifest = |own: &&Object| matches!(own.lines, Lines::Manifest(_));
    let head: Vec<&Object> = head.iter().filter(of_manifest).collect();
    let keys = |side: &[&Object]| -> SortedSet<ObjectKey> {
        side.iter().map(|own| own.key.clone()).collect()
    };
    let are = keys(&head);
    let base: Vec<&Object> = base.iter().filter(|own| are.contains(&own.key)).collect();
    let were = keys(&base);
    let mut pairs = base
        .iter()
        .zip(head.iter().filter(|own| were.contains(&own.key)));
    let (was, is) = pairs.find(|(was, is)| was.key != is.key)?;
    let words = |own: &Object| Some(own.key.to_string());
    let mut found = change(is, "", words(was), words(is), "");
    found.object = ObjectKey::parse("order");
    Some(found)
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
        item: None,
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

/// An object of a manifest with some of its fields, by the names that changes give them, as another side has
/// them; all of it where nothing is read of it.
pub(super) fn with_fields(own: &Json, base: &Json, fields: &SortedSet<String>) -> Json {
    let (Some(were), Some(are)) = (k8s::read_part(base), k8s::read_part(own)) else {
        return base.clone();
    };
    let mut mixed = own.clone();
    let found = differences(&were, &are, k8s::settled);
    // The last first: what goes or comes back in a list moves those behind it.
    for difference in found.iter().rev() {
        if fields.contains(&field(&difference.steps)) {
            put(&mut mixed, Some(base), &difference.steps);
        }
    }
    mixed
}

/// Puts what another side has at the end of some steps.
fn put(own: &mut Json, base: Option<&Json>, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    let theirs = base.and_then(|base| match step.item {
        Some(item) => base.get(item.places[0]?),
        None => base.get(&step.name),
    });
    match (own, step.item) {
        (Json::Object(fields), None) if rest.is_empty() => {
            match theirs {
                Some(theirs) => fields.insert(step.name.clone(), theirs.clone()),
                None => fields.remove(&step.name),
            };
        }
        (Json::Object(fields), None) => {
            let inside = fields.entry(step.name.clone());
            let inside = inside.or_insert_with(|| Json::Object(Map::new()));
            put(inside, theirs, rest);
            let is_empty = inside.as_object().is_some_and(Map::is_empty);
            if is_empty && theirs.is_none() {
                fields.remove(&step.name);
            }
        }
        (Json::Array(items), Some(item)) => {
            let is_there = item.places[1].is_some();
            match theirs {
                _ if is_there && item.at >= items.len() => {}
                _ if is_there && !rest.is_empty() => put(&mut items[item.at], theirs, rest),
                Some(theirs) if is_there => items[item.at] = theirs.clone(),
                Some(theirs) => items.insert(item.at.min(items.len()), theirs.clone()),
                None if is_there => drop(items.remove(item.at)),
                None => {}
            }
        }
        _ => {}
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

//! Parts of a change that can be taken back one by one: objects of manifests, items of the lists of a scenario,
//! parts of its other fields, files.

use serde::Serialize;
use serde_json::Value as Json;

use scenario::Scenario;
use scenario::schema::NodeGroup;
use units::{SortedMap, SortedSet};

use crate::alignment::Places;
use crate::objects::{FieldChange, ObjectKey, item_name};

/// Copies a part of another scenario.
type PartCopy = fn(&mut Scenario, &Scenario);
/// Puts items of another scenario in the place of those that a list has.
type ItemCopy = fn(&mut Scenario, &Scenario, &SortedSet<&Item>);

/// Parts of a scenario, each with the field of the scenario and its own; empty for all of the field.
macro_rules! parts {
    ($(($field:literal, $part:literal, $($path:ident).+)),+ $(,)?) => {
        &[$(($field, $part, |own, base| own.$($path).+.clone_from(&base.$($path).+))),+]
    };
}

const PARTS: &[(&str, &str, PartCopy)] = parts![
    ("cluster", "domains", cluster.domains),
    ("cluster", "ignore", cluster.ignore),
    ("system", "scheduler", system.scheduler),
    ("system", "schedulers", system.schedulers),
    ("system", "controllers", system.controllers),
    ("system", "autoscaling", system.autoscaling),
    ("system", "descheduling", system.descheduling),
    ("system", "federation", system.federation),
    ("system", "", system),
    ("models", "startup", models.startup),
    ("models", "decisionTime", models.decision_time),
    ("models", "usage", models.usage),
    ("models", "images", models.images),
    ("models", "services", models.services),
    ("models", "contention", models.contention),
    ("models", "checkpoints", models.checkpoints),
    ("models", "throughputs", models.throughputs),
    ("models", "volumes", models.volumes),
    ("models", "kubelet", models.kubelet),
    ("models", "nodeLife", models.node_life),
    ("models", "", models),
    ("delivery", "", delivery),
    ("storage", "", storage),
    ("stop", "", stop),
    ("metrics", "", metrics),
];

/// The lists of a scenario, by the kind of their items.
const LISTS: &[(&str, ItemCopy)] = &[
    ("nodes", |own, base, items| {
        put_items(&mut own.cluster.nodes, &base.cluster.nodes, items);
    }),
    ("group", |own, base, items| {
        let theirs = base.cluster.provider.as_ref();
        let theirs: &[NodeGroup] = theirs.map_or(&[], |provider| &provider.groups);
        match &mut own.cluster.provider {
            Some(provider) => put_items(&mut provider.groups, theirs, items),
            None => own.cluster.provider.clone_from(&base.cluster.provider),
        }
    }),
    ("workload", |own, base, items| {
        put_items(&mut own.workload, &base.workload, items);
    }),
    ("failure", |own, base, items| {
        put_items(&mut own.failures, &base.failures, items);
    }),
    ("operation", |own, base, items| {
        put_items(&mut own.operations, &base.operations, items);
    }),
    ("function", |own, base, items| {
        put_items(&mut own.functions, &base.functions, items);
    }),
    ("traffic", |own, base, items| {
        put_items(&mut own.traffic, &base.traffic, items);
    }),
];

/// A change that is taken back as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// An object of a manifest.
    Object(ObjectKey),
    /// An item of a list of the scenario, with its kind.
    Item(&'static str, Item),
    /// A field of the scenario, and the part of it, if not all.
    Part(&'static str, &'static str),
    /// A file that is read as a whole, by its path as written.
    File(String),
}

/// An item of a list of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// The one of a name.
    Named(String),
    /// The one at some places in the lists of both sides.
    Placed(Places),
}

impl Item {
    /// Its places in two lists of items with some names.
    fn places(&self, base: &[String], head: &[String]) -> Places {
        match self {
            Self::Named(name) => [base, head].map(|names| names.iter().position(|own| own == name)),
            Self::Placed(places) => *places,
        }
    }
}

impl Unit {
    /// The unit that a change belongs to; none where it can't be taken back.
    pub(super) fn of(change: &FieldChange) -> Option<Self> {
        let ObjectKey { kind, name, .. } = &change.object;
        let (field, part) = match kind.as_str() {
            "file" => return Some(Self::File(name.clone())),
            "KubeSchedulerConfiguration" => ("system", "scheduler"),
            kind if kind.starts_with(|first: char| first.is_ascii_uppercase()) => {
                return Some(Self::Object(change.object.clone()));
            }
            kind => (
                kind,
                change.field.split(['.', '[']).next().unwrap_or_default(),
            ),
        };
        if let Some((kind, _)) = LISTS.iter().find(|(kind, _)| *kind == field) {
            let named = || Item::Named(name.clone());
            return Some(Self::Item(
                kind,
                change.item.map_or_else(named, Item::Placed),
            ));
        }
        if field == "cluster" && part != "domains" && part != "ignore" {
            return Some(Self::Part("cluster", "provider"));
        }
        let of_field = |wanted: &str| {
            let mut all = PARTS.iter();
            all.find(|(own, part, _)| *own == field && *part == wanted)
        };
        let (field, part, _) = of_field(part).or_else(|| of_field(""))?;
        Some(Self::Part(field, part))
    }

    /// Whether the scheduler's configuration is in it.
    pub(super) fn has_scheduler(&self) -> bool {
        matches!(self, Self::Part("system", "" | "scheduler"))
    }
}

/// Takes the parts and items of a scenario among some units back to another's.
pub(super) fn put<'a>(own: &mut Scenario, base: &Scenario, units: impl Iterator<Item = &'a Unit>) {
    let mut items: SortedMap<&str, SortedSet<&Item>> = SortedMap::new();
    for unit in units {
        match unit {
            Unit::Item(kind, item) => {
                items.entry(kind).or_default().insert(item);
            }
            Unit::Part("cluster", "provider") => put_provider(own, base),
            Unit::Part(field, part) => {
                let mut all = PARTS.iter();
                let known = all.find(|(a, b, _)| (a, b) == (field, part));
                if let Some((_, _, copy)) = known {
                    copy(own, base);
                }
            }
            Unit::Object(_) | Unit::File(_) => {}
        }
    }
    for (kind, copy) in LISTS {
        if let Some(items) = items.get(kind) {
            copy(own, base, items);
        }
    }
}

/// The provider of another scenario, but for the groups of nodes, which are items.
fn put_provider(own: &mut Scenario, base: &Scenario) {
    let mut provider = base.cluster.provider.clone();
    if let (Some(new), Some(old)) = (&mut provider, &own.cluster.provider) {
        new.groups.clone_from(&old.groups);
    }
    own.cluster.provider = provider;
}

fn put_items<T: Clone + Serialize>(own: &mut Vec<T>, base: &[T], items: &SortedSet<&Item>) {
    let names = |items: &[T]| -> Vec<String> {
        let numbered = items.iter().enumerate();
        let all = numbered.map(|(number, item)| {
            let plain = serde_json::to_value(item).unwrap_or(Json::Null);
            item_name(&plain, number, items.len() == 1)
        });
        all.collect()
    };
    let (were, are) = (names(base), names(own));
    let places: Vec<Places> = { items.iter() }
        .map(|item| item.places(&were, &are))
        .collect();
    let mut all: Vec<Option<T>> = own.drain(..).map(Some).collect();
    let mut back: SortedMap<usize, &T> = SortedMap::new();
    for [there, at] in places {
        let theirs = there.and_then(|there| Some((there, base.get(there)?)));
        match at.and_then(|at| all.get_mut(at)) {
            Some(item) => *item = theirs.map(|(_, item)| item.clone()),
            None => back.extend(theirs),
        }
    }
    own.extend(all.into_iter().flatten());
    for (there, item) in back {
        own.insert(there.min(own.len()), item.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::experiment;

    fn change(kind: &str, name: &str, field: &str) -> FieldChange {
        FieldChange {
            object: ObjectKey {
                kind: kind.to_owned(),
                namespace: String::new(),
                name: name.to_owned(),
            },
            field: field.to_owned(),
            base: None,
            head: None,
            file: String::new(),
            line: None,
            entries: Vec::new(),
            item: None,
        }
    }

    #[test]
    fn every_change_belongs_to_what_is_taken_back() {
        let unit = |kind: &str, field: &str| Unit::of(&change(kind, "a", field));
        let item = |kind| Some(Unit::Item(kind, Item::Named("a".to_owned())));
        assert_eq!(unit("nodes", "count"), item("nodes"));
        assert_eq!(unit("failure", ""), item("failure"));
        assert_eq!(
            unit("KubeSchedulerConfiguration", "profiles[a].plugins"),
            Some(Unit::Part("system", "scheduler"))
        );
        assert_eq!(
            unit("models", "images.layers.web"),
            Some(Unit::Part("models", "images"))
        );
        assert_eq!(unit("models", "set"), Some(Unit::Part("models", "")));
        assert_eq!(
            unit("cluster", "provider.boot"),
            Some(Unit::Part("cluster", "provider"))
        );
        assert_eq!(unit("file", ""), Some(Unit::File("a".to_owned())));
        assert!(matches!(unit("Deployment", ""), Some(Unit::Object(_))));
        assert_eq!(unit("alert", ""), None);
    }

    #[test]
    fn parts_are_taken_back_one_by_one() {
        let side = |a: u32, b: u32, boot: &str| {
            let node = "template: {allocatable: {cpu: 1, memory: 1Gi, pods: 4}}";
            let text = format!(
                "windtunnel: v1\nname: a\ncluster:\n  nodes: [{{name: \"a-{{}}\", count: {a}, {node}}}, \
                 {{name: \"b-{{}}\", count: {b}, {node}}}]\n  provider: {{boot: {boot}, groups: [{{name: g, \
                 max: {a}, {node}}}]}}\nworkload: [{{generate: {{model: lublin99, jobs: 3, processors: 8}}}}]\n\
                 system: {{name: batch}}\nstop: {{at: 1h}}\n"
            );
            experiment(&text, "s.yaml", &[]).variants.remove(0).scenario
        };
        let (mut own, base) = (side(2, 3, "10s"), side(4, 5, "20s"));
        let unit = |kind, name: &str| Unit::Item(kind, Item::Named(name.to_owned()));
        put(&mut own, &base, [&unit("nodes", "b-{}")].into_iter());
        assert_eq!(own.cluster.nodes[0], side(2, 3, "10s").cluster.nodes[0]);
        assert_eq!(own.cluster.nodes[1], base.cluster.nodes[1]);
        put(
            &mut own,
            &base,
            [&Unit::Part("cluster", "provider")].into_iter(),
        );
        let provider = |side: &Scenario| side.cluster.provider.clone().expect("a provider");
        assert_eq!(provider(&own).boot, provider(&base).boot);
        assert_ne!(provider(&own).groups, provider(&base).groups);
        put(&mut own, &base, [&unit("group", "g")].into_iter());
        assert_eq!(provider(&own).groups, provider(&base).groups);
        // Items without names are those at their places, whichever of them are taken back together.
        let put = |places: &[Places]| {
            let items: Vec<Item> = places.iter().map(|own| Item::Placed(*own)).collect();
            let mut own = vec![7, 8, 3];
            put_items(&mut own, &[8, 9, 4], &items.iter().collect());
            own
        };
        assert_eq!(put(&[[None, Some(0)]]), [8, 3]);
        assert_eq!(put(&[[None, Some(0)], [Some(1), None]]), [8, 9, 3]);
        assert_eq!(put(&[[Some(2), Some(2)]]), [7, 8, 4]);
    }
}

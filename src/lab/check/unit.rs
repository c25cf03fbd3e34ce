//! Parts of a change that can be taken back one by one: objects of manifests, items of the lists of a scenario,
//! parts of its other fields, files.

use serde::Serialize;
use serde_json::Value as Json;

use scenario::Scenario;
use scenario::schema::NodeGroup;
use units::{SortedMap, SortedSet};

use crate::objects::{FieldChange, ObjectKey, item_name};

/// Copies a part of another scenario.
type PartCopy = fn(&mut Scenario, &Scenario);
/// Puts items of another scenario, by their names, in the place of those that a list has.
type ItemCopy = fn(&mut Scenario, &Scenario, &SortedSet<&str>);

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
    ("nodes", |own, base, names| {
        put_items(&mut own.cluster.nodes, &base.cluster.nodes, names);
    }),
    ("group", |own, base, names| {
        let theirs = base.cluster.provider.as_ref();
        let theirs: &[NodeGroup] = theirs.map_or(&[], |provider| &provider.groups);
        match &mut own.cluster.provider {
            Some(provider) => put_items(&mut provider.groups, theirs, names),
            None => own.cluster.provider.clone_from(&base.cluster.provider),
        }
    }),
    ("workload", |own, base, names| {
        put_items(&mut own.workload, &base.workload, names);
    }),
    ("failure", |own, base, names| {
        put_items(&mut own.failures, &base.failures, names);
    }),
    ("operation", |own, base, names| {
        put_items(&mut own.operations, &base.operations, names);
    }),
    ("function", |own, base, names| {
        put_items(&mut own.functions, &base.functions, names);
    }),
    ("traffic", |own, base, names| {
        put_items(&mut own.traffic, &base.traffic, names);
    }),
];

/// A change that is taken back as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// An object of a manifest.
    Object(ObjectKey),
    /// An item of a list of the scenario: the kind and the name.
    Item(&'static str, String),
    /// A field of the scenario, and the part of it, if not all.
    Part(&'static str, &'static str),
    /// A file that is read as a whole, by its path as written.
    File(String),
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
            return Some(Self::Item(kind, name.clone()));
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
    let mut items: SortedMap<&str, SortedSet<&str>> = SortedMap::new();
    for unit in units {
        match unit {
            Unit::Item(kind, name) => {
                items.entry(kind).or_default().insert(name);
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
        if let Some(names) = items.get(kind) {
            copy(own, base, names);
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

fn put_items<T: Clone + Serialize>(own: &mut Vec<T>, base: &[T], names: &SortedSet<&str>) {
    let named = |items: &[T]| -> Vec<(String, T)> {
        let numbered = items.iter().enumerate();
        let all = numbered.map(|(number, item)| {
            let plain = serde_json::to_value(item).unwrap_or(Json::Null);
            (item_name(&plain, number, items.len() == 1), item.clone())
        });
        all.collect()
    };
    let (mut all, theirs) = (named(own), named(base));
    let find = |items: &[(String, T)], name: &str| items.iter().position(|(own, _)| own == name);
    for name in names {
        match (find(&all, name), find(&theirs, name)) {
            (Some(at), Some(there)) => all[at].1 = theirs[there].1.clone(),
            (Some(at), None) => drop(all.remove(at)),
            (None, Some(there)) => all.insert(there.min(all.len()), theirs[there].clone()),
            (None, None) => {}
        }
    }
    *own = all.into_iter().map(|(_, item)| item).collect();
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
        }
    }

    #[test]
    fn every_change_belongs_to_what_is_taken_back() {
        let unit = |kind: &str, field: &str| Unit::of(&change(kind, "a", field));
        let item = |kind| Some(Unit::Item(kind, "a".to_owned()));
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
        let unit = |kind, name: &str| Unit::Item(kind, name.to_owned());
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
        let (mut items, names) = (vec![7, 8], SortedSet::from(["", "0", "1"]));
        put_items(&mut items, &[9], &names);
        assert_eq!(items, [9]);
    }
}

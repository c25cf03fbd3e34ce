//! Nodes that are lost, by name, pattern or label, at once or each in turn.

use std::str::FromStr;

use crate::snapshot::{Snapshot, SnapshotError};
use model::Text;
use model::node::{ZONE_LABEL, label_of};
use scheduler::kube::NodeInfo;
use systems::parts::pattern::glob_matches;
use units::{SortedMap, SortedSet};

/// Number of values that an error names.
const NAMED: usize = 5;

/// Choice of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Nodes whose names match a pattern.
    Name(String),
    /// Nodes with a label whose value matches a pattern.
    Label {
        /// Key of the label.
        key: Text,
        /// Pattern of its value.
        glob: String,
    },
    /// Each node in turn.
    Each,
    /// Each value of a label in turn.
    EachOf(Text),
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = |name: &str| match name {
            "zone" => ZONE_LABEL.into(),
            name => name.into(),
        };
        match text.split_once('=') {
            _ if text.is_empty() => Err("expected a node, a pattern such as `worker-*`, \
                                         `LABEL=VALUE`, `zone=NAME`, `each` or `each=LABEL`"
                .to_owned()),
            None if text == "each" => Ok(Self::Each),
            None => Ok(Self::Name(text.to_owned())),
            Some((name, value)) if name.is_empty() || value.is_empty() => Err(format!(
                "`{text}` names no label and value; write `LABEL=VALUE`, such as `zone=a`"
            )),
            Some(("each", name) | (name, "each")) => Ok(Self::EachOf(key(name))),
            Some((name, glob)) => Ok(Self::Label {
                key: key(name),
                glob: glob.to_owned(),
            }),
        }
    }
}

/// Nodes that are lost together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Name of the domain: that of its node, or `LABEL=VALUE`.
    pub name: String,
    /// The nodes.
    pub nodes: Vec<Text>,
}

/// Selected nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Nodes that are lost together, in the order of the selectors.
    pub always: Vec<Text>,
    /// Domains of which each is lost in turn beside these; `None` if no selector asks for turns.
    pub turns: Option<Vec<Domain>>,
}

/// Nodes of a snapshot by selectors.
///
/// # Errors
/// If a selector selects no node.
pub fn select(snapshot: &Snapshot, selectors: &[Selector]) -> Result<Selected, SnapshotError> {
    let mut selected = Selected::default();
    for selector in selectors {
        match selector {
            Selector::Name(glob) => {
                for name in named(snapshot, glob)? {
                    selected.add(name);
                }
            }
            Selector::Label { key, glob } => {
                for name in labelled(snapshot, key, glob)? {
                    selected.add(name);
                }
            }
            Selector::Each | Selector::EachOf(_) => {}
        }
    }
    for selector in selectors {
        let turns = match selector {
            Selector::Each => each(snapshot),
            Selector::EachOf(key) => each_of(snapshot, key)?,
            Selector::Name(_) | Selector::Label { .. } => continue,
        };
        let is_left = |own: &Domain| own.nodes.iter().any(|node| !selected.always.contains(node));
        let turns: Vec<Domain> = turns.into_iter().filter(is_left).collect();
        selected.turns.get_or_insert_default().extend(turns);
    }
    Ok(selected)
}

impl Selected {
    fn add(&mut self, name: Text) {
        if !self.always.contains(&name) {
            self.always.push(name);
        }
    }
}

fn nodes(snapshot: &Snapshot) -> impl Iterator<Item = &NodeInfo> {
    snapshot.cache.nodes()
}

/// Nodes by name; a text without a pattern is one node.
fn named(snapshot: &Snapshot, glob: &str) -> Result<Vec<Text>, SnapshotError> {
    if !glob.contains(['*', '?', '[']) {
        return Ok(vec![snapshot.node_name(glob)?]);
    }
    let names = nodes(snapshot).map(NodeInfo::name);
    let mut found: Vec<Text> = { names }
        .filter(|name| glob_matches(glob, name))
        .cloned()
        .collect();
    found.sort_unstable();
    if found.is_empty() {
        let names: SortedSet<&str> = nodes(snapshot).map(|node| &**node.name()).collect();
        return Err(none(&format!("a name like `{glob}`"), names.into_iter()));
    }
    Ok(found)
}

fn labelled(snapshot: &Snapshot, key: &str, glob: &str) -> Result<Vec<Text>, SnapshotError> {
    let has = |node: &&NodeInfo| {
        let value = label_of(&node.object.labels, key);
        value.is_some_and(|value| glob_matches(glob, value))
    };
    let mut found: Vec<Text> = { nodes(snapshot).filter(has) }
        .map(|node| node.name().clone())
        .collect();
    found.sort_unstable();
    if found.is_empty() {
        let values: SortedSet<&str> =
            { nodes(snapshot).filter_map(|node| label_of(&node.object.labels, key)) }
                .map(|value| &**value)
                .collect();
        let label = format!("the label `{key}` with a value like `{glob}`");
        return Err(none(&label, values.into_iter()));
    }
    Ok(found)
}

fn none<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> SnapshotError {
    let known: Vec<&str> = known.take(NAMED).collect();
    let there = match known.as_slice() {
        [] => "none has it at all".to_owned(),
        known => format!("there is `{}`", known.join("`, `")),
    };
    SnapshotError::Input(format!("no node has {wanted}; {there}"))
}

/// Nodes that are lost in turn: what a service runs is made anew by it, wherever it has room.
fn machines(snapshot: &Snapshot) -> impl Iterator<Item = &NodeInfo> {
    nodes(snapshot).filter(|node| !node.object.is_virtual())
}

fn each(snapshot: &Snapshot) -> Vec<Domain> {
    let mut names: Vec<&Text> = machines(snapshot).map(NodeInfo::name).collect();
    names.sort_unstable();
    let domains = names.into_iter().map(|name| Domain {
        name: name.to_string(),
        nodes: vec![name.clone()],
    });
    domains.collect()
}

fn each_of(snapshot: &Snapshot, key: &Text) -> Result<Vec<Domain>, SnapshotError> {
    let mut groups: SortedMap<&Text, Vec<Text>> = SortedMap::new();
    for node in machines(snapshot) {
        if let Some(value) = label_of(&node.object.labels, key) {
            groups.entry(value).or_default().push(node.name().clone());
        }
    }
    if groups.is_empty() {
        return Err(none(&format!("the label `{key}`"), std::iter::empty()));
    }
    let short = if **key == *ZONE_LABEL { "zone" } else { key };
    let domains = groups.into_iter().map(|(value, mut nodes)| {
        nodes.sort_unstable();
        Domain {
            name: format!("{short}={value}"),
            nodes,
        }
    });
    Ok(domains.collect())
}

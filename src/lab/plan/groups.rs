//! Groups of nodes, as a provider knows them, and what a node of a type that joins one is like.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::demand::{group_of, is_passing, is_troubled, selected_keys};
use super::places::OF_PLACE;
use crate::snapshot::CLUSTER_LABEL;
use k8s::ManifestPod;
use model::node::{INSTANCE_TYPE_LABEL, PLATFORM, is_spot, label_of};
use model::resource_list::EPHEMERAL_STORAGE;
use model::{Node, Taint, Text};
use scheduler::kube::NodeInfo;
use units::{Quantity, SortedMap, SortedSet};

/// A group of nodes, with its name.
pub(super) type Group<'n> = (Text, Vec<&'n NodeInfo>);

/// Traits that tell a group of nodes from others.
#[derive(PartialEq, Eq, Hash)]
struct Traits<'n> {
    /// Name of the pool; empty if no label names one.
    pool: Text,
    taints: Vec<Taint>,
    /// Values of the labels that pods select nodes by.
    labels: Vec<Option<&'n Text>>,
    is_spot: bool,
    cluster: Option<&'n Text>,
}

/// Groups of nodes by their names: nodes of one pool with the same taints and the same labels that pods
/// select nodes by, paid for in the same way, and of one cluster.
pub(super) fn groups<'n>(nodes: &'n [NodeInfo], pods: &[ManifestPod]) -> Vec<Group<'n>> {
    let keys = selected_keys(pods.iter().map(|pod| &*pod.spec));
    let mut groups: IndexMap<Traits<'n>, Vec<&NodeInfo>, FxBuildHasher> = IndexMap::default();
    for node in nodes {
        let labels = keys.iter().map(|key| label_of(&node.object.labels, key));
        let traits = Traits {
            pool: group_of(node),
            taints: taints_of(node),
            labels: labels.collect(),
            is_spot: is_spot(&node.object.labels),
            cluster: node.object.labels.get(CLUSTER_LABEL),
        };
        groups.entry(traits).or_default().push(node);
    }
    let stems: Vec<String> = groups.keys().map(Traits::stem).collect();
    let traits: Vec<&Traits<'_>> = groups.keys().collect();
    let mut named: SortedMap<String, usize> = SortedMap::new();
    let names = stems.iter().zip(&traits).map(|(stem, own)| {
        let peers = stems
            .iter()
            .zip(&traits)
            .filter(|(other, _)| *other == stem);
        let peers: Vec<&Traits<'_>> = peers.map(|(_, own)| *own).collect();
        let name = own.apart(stem, &peers, &keys);
        let number = named.entry(name.clone()).or_default();
        *number += 1;
        match *number {
            1 => name.into(),
            number => format!("{name}-{number}").into(),
        }
    });
    let names: Vec<Text> = names.collect();
    names.into_iter().zip(groups.into_values()).collect()
}

impl Traits<'_> {
    /// Name of the pool, of a label's value or of a taint, whichever there is.
    fn stem(&self) -> String {
        let selected = self.labels.iter().flatten().next().copied();
        let tainted = self.taints.last().map(|own| &own.key);
        let own = Some(&self.pool).filter(|own| !own.is_empty());
        let own = own.or(selected).or(tainted);
        let own = own.map_or_else(|| "other".into(), |own| own.replace('/', "-"));
        self.cluster
            .map_or(own.clone(), |cluster| format!("{cluster}-{own}"))
    }

    /// A name with what tells the group apart from others of the same name.
    fn apart(&self, stem: &str, peers: &[&Self], keys: &SortedSet<&Text>) -> String {
        let mut words: Vec<String> = Vec::new();
        if peers.iter().any(|own| own.is_spot != self.is_spot) {
            words.push(if self.is_spot { "spot" } else { "on-demand" }.to_owned());
        }
        for (place, key) in keys.iter().enumerate() {
            let value = self.labels[place].filter(|_| !is_of_option(key));
            if let Some(value) = value
                && peers.iter().any(|own| own.labels[place] != Some(value))
            {
                words.push(word(key, value));
            }
        }
        for taint in &self.taints {
            if peers.iter().any(|own| !own.taints.contains(taint)) {
                words.push(word(&taint.key, &taint.value));
            }
        }
        let mut name = stem.to_owned();
        for word in words {
            if !name.split('-').any(|own| own == word) {
                name = format!("{name}-{word}");
            }
        }
        name
    }
}

/// Whether a label says how a node is paid for.
fn is_of_option(key: &str) -> bool {
    let option = |value: &str| is_spot(&[(key.into(), value.into())].into_iter().collect());
    ["spot", "SPOT", "true"].into_iter().any(option)
}

/// A label or taint in one word: its value, or its key where that says no more than yes.
fn word(key: &str, value: &str) -> String {
    let key = key.rsplit('/').next().unwrap_or(key);
    let is_name = value.contains(|letter: char| letter.is_ascii_alphabetic());
    let own = match value {
        "" | "true" | "present" => key.to_owned(),
        _ if is_name => value.to_owned(),
        _ => format!("{key}-{value}"),
    };
    own.replace('/', "-")
}

/// A node of a type that joins a group: with the taints of its nodes and the labels that all of them share, those
/// of their type too if it is that of the node.
pub(super) fn as_joined(kind: &Node, group: &[&NodeInfo], is_of_type: bool) -> Node {
    let mut node = kind.clone();
    let Some((first, others)) = group.split_first() else {
        return node;
    };
    for (key, value) in &first.object.labels {
        let is_shared =
            { others.iter() }.all(|other| label_of(&other.object.labels, key) == Some(value));
        let is_own = key.contains("instance") && !is_of_type;
        let is_own = is_own || OF_PLACE.contains(&&**key);
        if is_shared && !is_own && (is_of_type || !node.labels.contains_key(key)) {
            node.labels.insert(key.clone(), value.clone());
        }
    }
    node.taints = taints_of(first);
    // Disks are those of the pool, and no property of the type.
    if !node.allocatable.contains(EPHEMERAL_STORAGE) {
        let amounts = group.iter().map(|own| &own.object.allocatable);
        let disks = amounts.map(|own| {
            own.contains(EPHEMERAL_STORAGE)
                .then(|| own.get(EPHEMERAL_STORAGE))
        });
        let disks: Option<Vec<Quantity>> = disks.collect();
        if let Some(least) = disks.and_then(|own| own.into_iter().min()) {
            node.allocatable.set(EPHEMERAL_STORAGE, least);
        }
    }
    node
}

/// The taints of a node that are its pool's: none that tells a state which passes.
fn taints_of(node: &NodeInfo) -> Vec<Taint> {
    let taints = node.object.taints.iter();
    taints.filter(|own| !is_passing(own)).cloned().collect()
}

/// Whether a type that a label of the platform tells apart can't join a group.
pub(super) fn is_foreign(kind: &Node, group: &[&NodeInfo]) -> bool {
    PLATFORM.iter().any(|(key, _)| {
        let own = label_of(&kind.labels, key);
        let mut others = group.iter().map(|node| label_of(&node.object.labels, key));
        own.is_some() && others.all(|other| other.is_some() && other != own)
    })
}

/// A node of a type, with the least amounts of those that are there.
pub(super) fn as_shown(listed: &Node, name: &str, seen: &[&NodeInfo]) -> Node {
    let mut node = listed.clone();
    // What nodes offer that are out of order may be less.
    let ready: Vec<&NodeInfo> = seen
        .iter()
        .filter(|own| !is_troubled(own))
        .copied()
        .collect();
    let seen = if ready.is_empty() { seen } else { &ready };
    if let Some(first) = seen.first() {
        node.gpu.clone_from(&first.object.gpu);
        for (key, _) in PLATFORM {
            if let Some(value) = label_of(&first.object.labels, key) {
                node.labels.insert(key.into(), value.clone());
            }
        }
        node.allocatable.clone_from(&first.object.allocatable);
        for other in &seen[1..] {
            for (resource, amount) in other.object.allocatable.iter() {
                if amount < node.allocatable.get(resource) {
                    node.allocatable.set(resource, amount);
                }
            }
        }
    }
    node.labels.insert(INSTANCE_TYPE_LABEL.into(), name.into());
    node
}

//! The sorter: clients (roles, or frameworks of a role) in the order in which they are served, over
//! a tree of paths (spec: orchestrators-b.md section 1.2; mesos `allocator/mesos/sorter/drf`,
//! `sorter/random`).
//!
//! The definition that the sorter of runs ([`crate::mesos::fast::tree`]) is judged against.

use std::cmp::Ordering;

use crate::parts::weighted::weighted_order;
use model::Text;
use rng::Stream;

use super::resources::Quantities;
use units::{SortedMap, SortedSet};

/// Order in which siblings are served.
#[derive(Clone, Debug)]
pub(in crate::mesos) enum Fairness {
    /// The smallest dominant share over weight first.
    DominantResource,
    /// A random order by weights, drawn anew for every sort.
    Random(Box<Stream>),
    /// Whoever came first.
    FirstCome,
}

/// A node of the tree.
#[derive(Clone, Debug, Default)]
struct Node {
    allocation: Quantities,
    /// Number of allocations to the node or to any below it.
    count: u64,
    /// Place of the node in the order of additions.
    added: u64,
    /// Whether the client of this very path is there, and whether it is served.
    client: Option<Client>,
    children: SortedMap<Text, Node>,
}

#[derive(Clone, Debug, Default)]
struct Client {
    is_active: bool,
    allocation: Quantities,
    count: u64,
    added: u64,
}

/// The clients of a sorter.
#[derive(Clone, Debug)]
pub(in crate::mesos) struct Sorter {
    fairness: Fairness,
    root: Node,
    weights: SortedMap<Text, f64>,
    total: Quantities,
    excluded: SortedSet<Text>,
    added: u64,
}

/// Key by which siblings are compared.
struct Key<'a> {
    share: f64,
    count: u64,
    added: u64,
    weight: f64,
    name: &'a str,
    path: String,
    child: Option<&'a Node>,
}

impl Sorter {
    /// A sorter without clients. Resources of the names in `excluded` do not count.
    pub(in crate::mesos) fn new(fairness: Fairness, excluded: SortedSet<Text>) -> Self {
        Self {
            fairness,
            root: Node::default(),
            weights: SortedMap::new(),
            total: Quantities::default(),
            excluded,
            added: 0,
        }
    }

    /// Sets the total of the cluster, of which shares are computed.
    pub(in crate::mesos) fn set_total(&mut self, total: Quantities) {
        self.total = total;
    }

    /// Sets the weight of a path, where it competes with its siblings.
    pub(in crate::mesos) fn set_weight(&mut self, path: Text, weight: f64) {
        self.weights.insert(path, weight);
    }

    /// Adds a client, active.
    pub(in crate::mesos) fn add(&mut self, path: &str) {
        self.added += 1;
        let added = self.added;
        let mut node = &mut self.root;
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            node = node.children.entry(segment.into()).or_insert_with(|| Node {
                added,
                ..Node::default()
            });
            if is_last && node.client.is_none() {
                node.client = Some(Client {
                    is_active: true,
                    added,
                    ..Client::default()
                });
            }
        }
    }

    /// Takes a client away, and what is allocated to it.
    pub(in crate::mesos) fn remove(&mut self, path: &str) {
        let segments: Vec<&str> = path.split('/').collect();
        remove_below(&mut self.root, &segments);
    }

    /// Whether a client is there.
    pub(in crate::mesos) fn contains(&self, path: &str) -> bool {
        self.node(path).is_some_and(|node| node.client.is_some())
    }

    /// Serves a client, or passes it over; it keeps its allocation and its count.
    pub(in crate::mesos) fn set_active(&mut self, path: &str, is_active: bool) {
        if let Some(client) = self.client_mut(path) {
            client.is_active = is_active;
        }
    }

    /// Whether any client is served.
    pub(in crate::mesos) fn has_active(&self) -> bool {
        has_active(&self.root)
    }

    /// Something was allocated to a client, or offered to it.
    pub(in crate::mesos) fn allocated(&mut self, path: &str, amount: &Quantities) {
        self.along(path, |allocation, count| {
            allocation.add(amount);
            *count += 1;
        });
    }

    /// Something came back from a client; its count stays.
    pub(in crate::mesos) fn unallocated(&mut self, path: &str, amount: &Quantities) {
        self.along(path, |allocation, _| allocation.subtract(amount));
    }

    /// Allocation of a client.
    pub(in crate::mesos) fn allocation(&self, path: &str) -> Quantities {
        let client = self.node(path).and_then(|node| node.client.as_ref());
        client.map_or_else(Quantities::default, |client| client.allocation.clone())
    }

    /// The active clients in the order in which they are served: before what is below a node comes
    /// whatever its siblings' order says.
    pub(in crate::mesos) fn sort(&mut self) -> Vec<Text> {
        let mut order = Vec::new();
        let mut fairness = self.fairness.clone();
        self.walk(&self.root, "", &mut fairness, &mut order);
        self.fairness = fairness;
        order
    }

    fn walk(&self, node: &Node, path: &str, fairness: &mut Fairness, order: &mut Vec<Text>) {
        // A client that has others below it competes with them as the virtual child `.`.
        let own = node.client.as_ref().filter(|_| !node.children.is_empty());
        let own = own.map(|client| self.virtual_key(client, path));
        let below = node
            .children
            .iter()
            .map(|(name, child)| self.key(name, child, path));
        let mut keys: Vec<Key<'_>> = own.into_iter().chain(below).collect();
        arrange(&mut keys, fairness);
        for key in keys {
            match key.child {
                Some(child) if !child.children.is_empty() => {
                    self.walk(child, &key.path, fairness, order);
                }
                Some(child) => {
                    if child.client.as_ref().is_some_and(|client| client.is_active) {
                        order.push(key.path.into());
                    }
                }
                None => {
                    if node.client.as_ref().is_some_and(|client| client.is_active) {
                        order.push(path.into());
                    }
                }
            }
        }
    }

    fn key<'a>(&self, name: &'a str, child: &'a Node, parent: &str) -> Key<'a> {
        let path = join(parent, name);
        let weight = self.weight(&path);
        Key {
            share: self.share(&child.allocation) / weight,
            count: child.count,
            added: child.added,
            weight,
            name,
            path,
            child: Some(child),
        }
    }

    fn virtual_key(&self, client: &Client, path: &str) -> Key<'static> {
        let path = join(path, VIRTUAL);
        let weight = self.weight(&path);
        Key {
            share: self.share(&client.allocation) / weight,
            count: client.count,
            added: client.added,
            weight,
            name: VIRTUAL,
            path,
            child: None,
        }
    }

    fn weight(&self, path: &str) -> f64 {
        self.weights.get(path).copied().unwrap_or(1.0)
    }

    /// The greatest share of any resource.
    fn share(&self, allocation: &Quantities) -> f64 {
        let mut dominant = 0.0_f64;
        for (name, amount) in allocation.iter() {
            let total = self.total.get(name);
            if total > 0 && !self.excluded.contains(name) {
                dominant = dominant.max(amount as f64 / total as f64);
            }
        }
        dominant
    }

    fn node(&self, path: &str) -> Option<&Node> {
        let mut segments = path.split('/');
        segments.try_fold(&self.root, |node, segment| node.children.get(segment))
    }

    fn client_mut(&mut self, path: &str) -> Option<&mut Client> {
        let mut segments = path.split('/');
        let node = segments.try_fold(&mut self.root, |node, segment| {
            node.children.get_mut(segment)
        });
        node?.client.as_mut()
    }

    /// Changes the allocation and the count of a client and of every node above it.
    fn along(&mut self, path: &str, mut change: impl FnMut(&mut Quantities, &mut u64)) {
        if !self.contains(path) {
            return;
        }
        let mut node = &mut self.root;
        for segment in path.split('/') {
            let Some(child) = node.children.get_mut(segment) else {
                return;
            };
            change(&mut child.allocation, &mut child.count);
            node = child;
        }
        if let Some(client) = &mut node.client {
            change(&mut client.allocation, &mut client.count);
        }
    }
}

fn has_active(node: &Node) -> bool {
    node.client.as_ref().is_some_and(|client| client.is_active)
        || node.children.values().any(has_active)
}

/// The name of the virtual child that a client with others below it competes as.
const VIRTUAL: &str = ".";

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}/{name}")
    }
}

fn arrange(keys: &mut Vec<Key<'_>>, fairness: &mut Fairness) {
    match fairness {
        Fairness::DominantResource => keys.sort_by(|one, other| {
            let by_share = one.share.total_cmp(&other.share);
            by_share
                .then(one.count.cmp(&other.count))
                .then_with(|| one.name.cmp(other.name))
        }),
        Fairness::FirstCome => keys.sort_by(|one, other| match one.added.cmp(&other.added) {
            Ordering::Equal => one.name.cmp(other.name),
            by_arrival => by_arrival,
        }),
        Fairness::Random(rng) => {
            let weights: Vec<f64> = keys.iter().map(|key| key.weight).collect();
            let order = weighted_order(&weights, rng);
            let mut ordered: Vec<Option<Key<'_>>> =
                std::mem::take(keys).into_iter().map(Some).collect();
            keys.extend(order.into_iter().filter_map(|item| ordered[item].take()));
        }
    }
}

/// Removes a client; what it had goes from every node above it, and nodes without clients go too.
/// What the client had, if it was there.
fn remove_below(node: &mut Node, segments: &[&str]) -> Option<Quantities> {
    let (&first, rest) = segments.split_first()?;
    let child = node.children.get_mut(first)?;
    let gone = if rest.is_empty() {
        child.client.take()?.allocation
    } else {
        remove_below(child, rest)?
    };
    child.allocation.subtract(&gone);
    // A client that is alone again is the whole node, with the node's count.
    if let (Some(client), true) = (&mut child.client, child.children.is_empty()) {
        client.count = child.count;
    }
    if child.client.is_none() && child.children.is_empty() {
        node.children.remove(first);
    }
    Some(gone)
}

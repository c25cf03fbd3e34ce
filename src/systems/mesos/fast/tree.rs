//! The sorter of the fast form: children stand in order all the time, and a change moves the nodes on
//! its path alone (spec: orchestrators-b.md section 1.2; mesos `allocator/mesos/sorter/drf`,
//! `sorter/random`).

use std::cmp::Ordering;

use super::amounts::{Amounts, add, subtract};
use crate::parts::weighted::weighted_order;
use model::Text;
use rng::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sorter that orders roles and frameworks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "MesosSorter")]
pub enum Order {
    /// Dominant-resource fairness: the smallest dominant share over weight first.
    #[default]
    #[serde(rename = "drf")]
    DominantResource,
    /// Random order, weighted by the weights.
    Random,
    /// First subscribed, first served; not in the original.
    #[serde(rename = "fifo")]
    FirstCome,
}

/// The name of the virtual child that a client with others below it competes as.
const VIRTUAL: &str = ".";

/// A node of the tree.
#[derive(Clone, Debug, Default)]
struct Node {
    parent: usize,
    name: Text,
    path: Text,
    weight: f64,
    allocation: Amounts,
    count: u64,
    added: u64,
    share: f64,
    /// In order; where the order is not drawn, those with nobody active come after all others.
    children: Vec<usize>,
    client: Option<u32>,
    /// Active clients at the node and below it.
    active: u32,
    is_active: bool,
}

/// Clients by number, over a tree of paths.
#[derive(Clone, Debug)]
pub struct Tree {
    order: Order,
    nodes: Vec<Node>,
    /// The node of each client.
    leaves: Vec<usize>,
    total: Amounts,
    is_excluded: Vec<bool>,
    weights: Vec<(Text, f64)>,
    added: u64,
}

impl Tree {
    /// A tree without clients.
    pub fn new(order: Order, is_excluded: Vec<bool>) -> Self {
        let columns = is_excluded.len();
        let root = Node {
            weight: 1.0,
            allocation: Amounts::from_elem(0, columns),
            share: 0.0,
            ..Node::default()
        };
        Self {
            order,
            nodes: vec![root],
            leaves: Vec::new(),
            total: Amounts::from_elem(0, columns),
            is_excluded,
            weights: Vec::new(),
            added: 0,
        }
    }

    /// Sets the total of the cluster, of which shares are computed.
    pub fn set_total(&mut self, total: Amounts) {
        if self.total == total {
            return;
        }
        self.total = total;
        for node in 0..self.nodes.len() {
            self.nodes[node].share = self.share(node);
        }
        for node in 0..self.nodes.len() {
            let mut children = std::mem::take(&mut self.nodes[node].children);
            children.sort_by(|&one, &other| self.compare(one, other));
            self.nodes[node].children = children;
        }
    }

    /// Sets the weight of a path, whoever is there; weights are above 0.
    pub fn set_weight(&mut self, path: &Text, weight: f64) {
        self.weights.retain(|(known, _)| known != path);
        self.weights.push((path.clone(), weight));
        if let Some(node) = self.nodes.iter().position(|node| node.path == *path) {
            self.nodes[node].weight = weight;
            self.refresh(node);
        }
    }

    /// Adds the next client, active; returns its number.
    pub fn push(&mut self, path: &str) -> u32 {
        let client = self.leaves.len() as u32;
        self.added += 1;
        let mut node = 0;
        for segment in path.split('/') {
            let children = self.nodes[node].children.iter().copied();
            let known = { children }.find(|&child| &*self.nodes[child].name == segment);
            node = known.unwrap_or_else(|| {
                self.make_inner(node);
                self.child(node, segment, self.added)
            });
        }
        if self.nodes[node].children.is_empty() {
            self.nodes[node].client = Some(client);
        } else {
            node = self.child(node, VIRTUAL, self.added);
            self.nodes[node].client = Some(client);
        }
        self.leaves.push(node);
        self.set_active(client, true);
        client
    }

    /// A client whose path is about to have others below it competes with them from now on.
    fn make_inner(&mut self, node: usize) {
        let Some(client) = self.nodes[node].client.take() else {
            return;
        };
        let own = self.nodes[node].clone();
        let leaf = self.child(node, VIRTUAL, own.added);
        let virtual_child = &mut self.nodes[leaf];
        virtual_child.client = Some(client);
        virtual_child.allocation = own.allocation;
        virtual_child.count = own.count;
        virtual_child.active = own.active;
        virtual_child.is_active = own.is_active;
        self.nodes[node].is_active = false;
        self.leaves[client as usize] = leaf;
        self.refresh(leaf);
    }

    fn child(&mut self, parent: usize, name: &str, added: u64) -> usize {
        let above = &self.nodes[parent].path;
        let path: Text = if above.is_empty() {
            name.into()
        } else {
            format!("{above}/{name}").into()
        };
        let weight = self.weights.iter().find(|(known, _)| *known == path);
        let weight = weight.map_or(1.0, |&(_, weight)| weight);
        let node = self.nodes.len();
        let columns = self.is_excluded.len();
        self.nodes.push(Node {
            parent,
            name: name.into(),
            path,
            weight,
            allocation: Amounts::from_elem(0, columns),
            added,
            share: 0.0,
            ..Node::default()
        });
        self.insert(parent, node);
        node
    }

    /// Serves a client, or passes it over.
    pub fn set_active(&mut self, client: u32, is_active: bool) {
        let mut node = self.leaves[client as usize];
        if self.nodes[node].is_active == is_active {
            return;
        }
        self.nodes[node].is_active = is_active;
        loop {
            let known = self.nodes[node].active;
            let active = if is_active { known + 1 } else { known - 1 };
            if node == 0 {
                self.nodes[node].active = active;
                return;
            }
            let parent = self.nodes[node].parent;
            if known == 0 || active == 0 {
                let place = self.place(node);
                self.nodes[node].active = active;
                self.shift(parent, place);
            } else {
                self.nodes[node].active = active;
            }
            node = parent;
        }
    }

    /// A client leaves with what it has; its number is not given again. Counts of what is above it stay.
    pub fn remove(&mut self, client: u32) {
        let mut node = self.leaves[client as usize];
        let held = self.nodes[node].allocation.clone();
        self.unallocated(client, &held);
        self.set_active(client, false);
        self.nodes[node].client = None;
        while node != 0 && self.nodes[node].children.is_empty() {
            let parent = self.nodes[node].parent;
            self.nodes[parent].children.retain(|&child| child != node);
            // Nobody finds it by its path any more.
            self.nodes[node].path = Text::default();
            node = parent;
        }
        self.make_leaf(node);
    }

    /// A client that is alone again where others were below it is the whole node, with the node's count.
    fn make_leaf(&mut self, node: usize) {
        let &[child] = &*self.nodes[node].children else {
            return;
        };
        if &*self.nodes[child].name != VIRTUAL {
            return;
        }
        if let Some(client) = self.nodes[child].client.take() {
            self.leaves[client as usize] = node;
            self.nodes[node].client = Some(client);
            self.nodes[node].is_active = self.nodes[child].is_active;
            self.nodes[node].children.clear();
            self.nodes[child].path = Text::default();
        }
    }

    /// Number of clients served.
    pub fn active(&self) -> u32 {
        self.nodes[0].active
    }

    /// Something was allocated to a client, or offered to it.
    pub fn allocated(&mut self, client: u32, amounts: &Amounts) {
        self.along(client, |node| {
            add(&mut node.allocation, amounts);
            node.count += 1;
        });
    }

    /// Something came back from a client; its count stays.
    pub fn unallocated(&mut self, client: u32, amounts: &Amounts) {
        self.along(client, |node| subtract(&mut node.allocation, amounts));
    }

    fn along(&mut self, client: u32, change: impl Fn(&mut Node)) {
        let mut node = self.leaves[client as usize];
        while node != 0 {
            let parent = self.nodes[node].parent;
            if self.nodes[parent].children.len() == 1 {
                change(&mut self.nodes[node]);
                self.nodes[node].share = self.share(node);
            } else {
                let place = self.place(node);
                change(&mut self.nodes[node]);
                self.nodes[node].share = self.share(node);
                self.shift(parent, place);
            }
            node = parent;
        }
    }

    /// Puts a node whose key changed where it belongs.
    fn refresh(&mut self, node: usize) {
        let parent = self.nodes[node].parent;
        self.nodes[parent].children.retain(|&child| child != node);
        self.nodes[node].share = self.share(node);
        self.insert(parent, node);
    }

    fn place(&self, node: usize) -> usize {
        const FEW: usize = 4;
        let siblings = &self.nodes[self.nodes[node].parent].children;
        // Mostly it is one of the few that are served.
        let first = siblings.iter().take(FEW).position(|&other| other == node);
        if let Some(place) = first {
            return place;
        }
        let found = siblings.binary_search_by(|&other| self.compare(other, node));
        // Keys are unique: names are.
        found.unwrap_or_else(|_| {
            let same = |&other: &usize| other == node;
            siblings.iter().position(same).unwrap_or(0)
        })
    }

    /// Puts a child whose key changed where it belongs, by moving those between alone.
    fn shift(&mut self, parent: usize, place: usize) {
        let mut siblings = std::mem::take(&mut self.nodes[parent].children);
        let node = siblings[place];
        let is_after = |&other: &usize| self.compare(other, node).is_lt();
        let is_before = |&other: &usize| self.compare(node, other).is_lt();
        let stays = (place == 0 || is_after(&siblings[place - 1]))
            && siblings.get(place + 1).is_none_or(is_before);
        if stays {
            self.nodes[parent].children = siblings;
            return;
        }
        let (before, after) = (&siblings[..place], &siblings[place + 1..]);
        let earlier = before.partition_point(|&other| self.compare(other, node).is_lt());
        if earlier < place {
            siblings[earlier..=place].rotate_right(1);
        } else {
            let later = after.partition_point(|&other| self.compare(other, node).is_lt());
            siblings[place..=place + later].rotate_left(1);
        }
        self.nodes[parent].children = siblings;
    }

    fn insert(&mut self, parent: usize, node: usize) {
        let siblings = &self.nodes[parent].children;
        let found = siblings.binary_search_by(|&other| self.compare(other, node));
        let place = found.unwrap_or_else(|place| place);
        self.nodes[parent].children.insert(place, node);
    }

    fn compare(&self, one: usize, other: usize) -> Ordering {
        let (one, other) = (&self.nodes[one], &self.nodes[other]);
        let is_idle = |node: &Node| node.active == 0;
        let first = match self.order {
            Order::DominantResource => is_idle(one)
                .cmp(&is_idle(other))
                .then_with(|| one.share.total_cmp(&other.share))
                .then(one.count.cmp(&other.count)),
            Order::FirstCome => is_idle(one)
                .cmp(&is_idle(other))
                .then(one.added.cmp(&other.added)),
            Order::Random => Ordering::Equal,
        };
        first.then_with(|| one.name.cmp(&other.name))
    }

    fn share(&self, node: usize) -> f64 {
        let node = &self.nodes[node];
        let mut dominant = 0.0_f64;
        let both = node.allocation.iter().zip(&self.total);
        for ((&amount, &total), is_excluded) in both.zip(&self.is_excluded) {
            if total > 0 && amount > 0 && !is_excluded {
                dominant = dominant.max(amount as f64 / total as f64);
            }
        }
        dominant / node.weight
    }

    /// The active clients in the order in which they are served.
    pub fn sorted(&self, rng: &mut Option<Stream>, clients: &mut Vec<u32>) {
        clients.clear();
        self.walk(0, rng, clients);
    }

    /// Finds the first match among the active clients in serving order, for orders that are not
    /// random.
    pub fn find<T>(&self, look: &mut impl FnMut(u32) -> Option<T>) -> Option<T> {
        self.find_at(0, look)
    }

    fn find_at<T>(&self, node: usize, look: &mut impl FnMut(u32) -> Option<T>) -> Option<T> {
        let node = &self.nodes[node];
        if node.active == 0 {
            return None;
        }
        if let (true, Some(client)) = (node.is_active, node.client)
            && let Some(found) = look(client)
        {
            return Some(found);
        }
        let served = node.children.iter();
        let mut served = served.take_while(|&&child| self.nodes[child].active > 0);
        served.find_map(|&child| self.find_at(child, look))
    }

    fn walk(&self, node: usize, rng: &mut Option<Stream>, clients: &mut Vec<u32>) {
        let node = &self.nodes[node];
        if node.active == 0 {
            return;
        }
        if let (true, Some(client)) = (node.is_active, node.client) {
            clients.push(client);
        }
        if let (Order::Random, Some(stream)) = (self.order, rng.as_mut()) {
            let weights: Vec<f64> = (node.children.iter())
                .map(|&child| self.nodes[child].weight)
                .collect();
            for place in weighted_order(&weights, stream) {
                self.walk(node.children[place], rng, clients);
            }
        } else {
            for &child in &node.children {
                self.walk(child, rng, clients);
            }
        }
    }
}

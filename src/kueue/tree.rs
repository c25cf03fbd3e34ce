//! The tree of quotas: queues below cohorts, what each owns, uses, may borrow and lend (spec:
//! batch-on-kubernetes.md 1.2).

use model::Text;

use super::names::FlavorResource;

/// A queue or a cohort of the tree, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// Quota of a node for a resource of a flavor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Amount that the node owns.
    pub nominal: i64,
    /// Amount that it may use beyond that; `None` is any.
    pub borrowing_limit: Option<i64>,
    /// Amount of its own that others may use; `None` is all.
    pub lending_limit: Option<i64>,
}

/// A queue or a cohort.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The node's name.
    pub name: Text,
    /// Cohort above.
    pub parent: Option<NodeId>,
    /// Cohorts below, in order of name.
    pub cohorts: Vec<NodeId>,
    /// Queues below, in order of name.
    pub queues: Vec<NodeId>,
    /// Mark of a queue.
    pub is_queue: bool,
    /// Weight under fair sharing.
    pub weight: f64,
    /// Number of levels below the node.
    pub height: usize,
    quotas: Vec<Quota>,
    subtree: Vec<i64>,
    usage: Vec<i64>,
}

/// All trees.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// Adds a node without quota.
    pub fn add_node(&mut self, name: Text, is_queue: bool, weight: f64) -> NodeId {
        self.nodes.push(Node {
            name,
            is_queue,
            weight,
            ..Node::default()
        });
        NodeId(self.nodes.len() - 1)
    }

    /// Puts a node below a cohort.
    pub fn connect(&mut self, child: NodeId, parent: NodeId) {
        self.nodes[child.0].parent = Some(parent);
        if self.nodes[child.0].is_queue {
            self.nodes[parent.0].queues.push(child);
        } else {
            self.nodes[parent.0].cohorts.push(child);
        }
    }

    /// Sets the quota of a node, of so many pairs that there are.
    pub fn set_quota(&mut self, node: NodeId, pair: FlavorResource, quota: Quota) {
        let quotas = &mut self.nodes[node.0].quotas;
        if quotas.len() <= pair.0 {
            quotas.resize(pair.0 + 1, Quota::default());
        }
        quotas[pair.0] = quota;
    }

    /// Computes what follows from quotas and connections, for this number of pairs. Usage is kept.
    pub fn settle(&mut self, pairs: usize) {
        for node in &mut self.nodes {
            node.quotas.resize(pairs, Quota::default());
            node.usage.resize(pairs, 0);
            node.subtree = vec![0; pairs];
        }
        let roots: Vec<NodeId> = self
            .ids()
            .filter(|id| self.node(*id).parent.is_none())
            .collect();
        for root in roots {
            self.settle_below(root);
        }
    }

    fn settle_below(&mut self, id: NodeId) {
        let cohorts = self.node(id).cohorts.clone();
        for below in &cohorts {
            self.settle_below(*below);
        }
        for queue in self.node(id).queues.clone() {
            self.settle_below(queue);
        }
        let node = &self.nodes[id.0];
        let deepest = cohorts
            .iter()
            .map(|below| self.node(*below).height + 1)
            .max();
        let has_children = !(cohorts.is_empty() && node.queues.is_empty());
        let height = if has_children {
            deepest.unwrap_or(0).max(1)
        } else {
            0
        };
        let subtree: Vec<i64> = (0..node.quotas.len())
            .map(|pair| {
                let children = node.cohorts.iter().chain(&node.queues);
                children.fold(node.quotas[pair].nominal, |sum, child| {
                    let pair = FlavorResource(pair);
                    let lent = self.subtree(*child, pair) - self.local(*child, pair);
                    sum.saturating_add(lent)
                })
            })
            .collect();
        let node = &mut self.nodes[id.0];
        node.subtree = subtree;
        node.height = height;
    }

    /// Every node.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The cohort above a node.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.nodes[id.0].parent
    }

    /// The root of the tree that a node is in.
    pub fn root(&self, id: NodeId) -> NodeId {
        let mut root = id;
        while let Some(parent) = self.parent(root) {
            root = parent;
        }
        root
    }

    /// Cohorts above a node, the nearest first.
    pub fn ancestors(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.parent(id), |above| self.parent(*above))
    }

    /// Quota of a node.
    pub fn quota(&self, id: NodeId, pair: FlavorResource) -> Quota {
        self.nodes[id.0].quotas[pair.0]
    }

    /// Amount that a node and what is below it own, as far as the node sees it.
    pub fn subtree(&self, id: NodeId, pair: FlavorResource) -> i64 {
        self.nodes[id.0].subtree[pair.0]
    }

    /// Amount that a node uses, of its own and of others'.
    pub fn usage(&self, id: NodeId, pair: FlavorResource) -> i64 {
        self.nodes[id.0].usage[pair.0]
    }

    /// Amount that a node never shows to the cohort above.
    pub fn local(&self, id: NodeId, pair: FlavorResource) -> i64 {
        match self.quota(id, pair).lending_limit {
            Some(limit) => (self.subtree(id, pair) - limit).max(0),
            None => 0,
        }
    }

    /// Amount of [`Tree::local`] that is free.
    pub fn local_available(&self, id: NodeId, pair: FlavorResource) -> i64 {
        (self.local(id, pair) - self.usage(id, pair)).max(0)
    }

    /// Amount that a node may still use; below 0 where more is used than limits allow.
    pub fn available(&self, id: NodeId, pair: FlavorResource) -> i64 {
        let Some(parent) = self.parent(id) else {
            return self.subtree(id, pair).saturating_sub(self.usage(id, pair));
        };
        let mut above = self.available(parent, pair);
        if let Some(limit) = self.quota(id, pair).borrowing_limit {
            let local = self.local(id, pair);
            let lent = self.subtree(id, pair) - local;
            let taken = (self.usage(id, pair) - local).max(0);
            above = above.min((lent - taken).saturating_add(limit));
        }
        self.local_available(id, pair).saturating_add(above)
    }

    /// Amount that a node may use when nothing else is used.
    pub fn potential(&self, id: NodeId, pair: FlavorResource) -> i64 {
        let Some(parent) = self.parent(id) else {
            return self.subtree(id, pair);
        };
        let above = self.potential(parent, pair);
        let amount = self.local(id, pair).saturating_add(above);
        match self.quota(id, pair).borrowing_limit {
            Some(limit) => amount.min(self.subtree(id, pair).saturating_add(limit)),
            None => amount,
        }
    }

    /// Adds usage to a node and to those above that lend it.
    pub fn add(&mut self, id: NodeId, pair: FlavorResource, amount: i64) {
        let local = self.local_available(id, pair);
        let usage = &mut self.nodes[id.0].usage[pair.0];
        *usage = usage.saturating_add(amount);
        if let Some(parent) = self.parent(id)
            && amount > local
        {
            self.add(parent, pair, amount - local);
        }
    }

    /// Takes usage away from a node and from those above that lend it.
    pub fn remove(&mut self, id: NodeId, pair: FlavorResource, amount: i64) {
        let stored = self.usage(id, pair) - self.local(id, pair);
        let usage = &mut self.nodes[id.0].usage[pair.0];
        *usage = usage.saturating_sub(amount);
        if let Some(parent) = self.parent(id)
            && stored > 0
        {
            self.remove(parent, pair, amount.min(stored));
        }
    }

    /// Whether a node uses more than it owns once an amount is added.
    pub fn borrows_with(&self, id: NodeId, pair: FlavorResource, amount: i64) -> bool {
        self.subtree(id, pair) < self.usage(id, pair).saturating_add(amount)
    }

    /// Whether a node uses at most what it owns of each pair.
    pub fn is_within_nominal(&self, id: NodeId, pairs: &[FlavorResource]) -> bool {
        pairs.iter().all(|pair| !self.borrows_with(id, *pair, 0))
    }

    /// Level to which a queue borrows with an amount: 0 without borrowing, else the height of the
    /// lowest cohort whose own quota suffices; and whether that cohort has another above it.
    pub fn borrowing_level(&self, id: NodeId, pair: FlavorResource, amount: i64) -> (usize, bool) {
        if !self.borrows_with(id, pair, amount) || self.parent(id).is_none() {
            return (0, self.parent(id).is_some());
        }
        let mut rest = amount - self.local_available(id, pair);
        let mut height = 0;
        for above in self.ancestors(id) {
            height = self.node(above).height;
            if self.subtree(above, pair) >= self.usage(above, pair).saturating_add(rest) {
                return (height, self.parent(above).is_some());
            }
            rest -= self.local_available(above, pair);
        }
        (height, false)
    }
}

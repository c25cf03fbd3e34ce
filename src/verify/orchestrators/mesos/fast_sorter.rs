//! The sorter of the fast form, a tree over clients by number, through the operations of a case.
//!
//! In runs no client leaves. One that leaves in a case is passed over from then on and holds
//! nothing, which serves the others in the same order until somebody comes back where it was. From
//! there on the case is none of the fast form's, and its sorts are those of the plain form.

use super::super::{Case, Trouble, read};
use super::sorter::{Form, Operation};
use super::{Amounts, thousandths};
use model::Text;
use rng::Stream;
use systems::mesos::fast::amounts::Amounts as Row;
use systems::mesos::fast::tree::{Order, Tree};
use systems::mesos::sorter::Sorter;
use units::{SortedMap, SortedSet};

/// A client of the tree.
struct Client {
    number: u32,
    held: Row,
}

/// The fast form, beside the plain one.
pub(super) struct FastSorter {
    tree: Tree,
    columns: Vec<Text>,
    clients: SortedMap<Text, Client>,
    /// The paths of all clients there ever were, by number.
    paths: Vec<Text>,
    /// The first segments of paths from which clients left.
    left: SortedSet<Text>,
    /// Whether somebody came back to where a client had left.
    is_beyond: bool,
    plain: Sorter,
}

impl FastSorter {
    /// A tree without clients, over the resources that the case names.
    pub(super) fn new(case: &Case, plain: Sorter) -> Result<Self, Trouble> {
        let total: Amounts = read(&case.nodes)?;
        let mut names: SortedSet<Text> = total.keys().cloned().collect();
        for operation in read::<Vec<Operation>>(&case.request)? {
            match operation {
                Operation::Allocated { res, .. }
                | Operation::Unallocated { res, .. }
                | Operation::SetTotal { res } => names.extend(res.into_keys()),
                Operation::Update { old, new, .. } => {
                    names.extend(old.into_keys().chain(new.into_keys()));
                }
                _ => {}
            }
        }
        let mut sorter = Self {
            tree: Tree::new(Order::DominantResource, vec![false; names.len()]),
            columns: names.into_iter().collect(),
            clients: SortedMap::new(),
            paths: Vec::new(),
            left: SortedSet::new(),
            is_beyond: false,
            plain,
        };
        sorter.tree.set_total(sorter.row(&total));
        Ok(sorter)
    }

    fn row(&self, amounts: &Amounts) -> Row {
        let columns = self.columns.iter();
        columns
            .map(|name| amounts.get(name).map_or(0, |&amount| thousandths(amount)))
            .collect()
    }

    fn add(&mut self, path: &Text) {
        if self.clients.contains_key(path) {
            return;
        }
        self.is_beyond |= self.left.contains(first_segment(path));
        let client = Client {
            number: self.tree.push(path),
            held: Row::from_elem(0, self.columns.len()),
        };
        self.clients.insert(path.clone(), client);
        self.paths.push(path.clone());
    }

    fn remove(&mut self, path: &Text) {
        if let Some(client) = self.clients.remove(path) {
            self.tree.set_active(client.number, false);
            self.tree.unallocated(client.number, &client.held);
            self.left.insert(first_segment(path).into());
        }
    }

    fn set_active(&mut self, path: &Text, is_active: bool) {
        if let Some(client) = self.clients.get(path) {
            self.tree.set_active(client.number, is_active);
        }
    }

    /// A client has more, of which the count of its allocations is told.
    fn allocated(&mut self, path: &Text, amounts: &Row) {
        if let Some(client) = self.clients.get_mut(path) {
            for (held, amount) in client.held.iter_mut().zip(amounts) {
                *held += amount;
            }
            self.tree.allocated(client.number, amounts);
        }
    }

    /// A client has less, but never less than nothing; or more, uncounted, where an amount is
    /// below 0.
    fn unallocated(&mut self, path: &Text, amounts: &Row) {
        if let Some(client) = self.clients.get_mut(path) {
            let both = client.held.iter().zip(amounts);
            let less: Row = both.map(|(held, amount)| *amount.min(held)).collect();
            for (held, amount) in client.held.iter_mut().zip(&less) {
                *held -= amount;
            }
            self.tree.unallocated(client.number, &less);
        }
    }
}

impl Form for FastSorter {
    fn apply(&mut self, operation: &Operation) -> Result<(), Trouble> {
        self.plain.apply(operation)?;
        if self.is_beyond {
            return Ok(());
        }
        match operation {
            Operation::Add { client } => self.add(client),
            Operation::Remove { client } => self.remove(client),
            Operation::Activate { client } => self.set_active(client, true),
            Operation::Deactivate { client } => self.set_active(client, false),
            Operation::Allocated { client, res } => self.allocated(client, &self.row(res)),
            Operation::Unallocated { client, res } => self.unallocated(client, &self.row(res)),
            Operation::Update { client, old, new } => {
                let both = self.row(old).into_iter().zip(self.row(new));
                let less: Row = both.map(|(old, new)| old - new).collect();
                self.unallocated(client, &less);
            }
            Operation::Weight { client, w } => self.tree.set_weight(client, *w),
            Operation::SetTotal { res } => self.tree.set_total(self.row(res)),
            Operation::Sort => {}
        }
        Ok(())
    }

    fn order(&mut self) -> Vec<Text> {
        if self.is_beyond {
            return self.plain.order();
        }
        named(&self.tree, &mut None, &self.paths)
    }
}

/// Draws orders from a tree of clients with weights.
pub(super) fn random_tree(weights: &SortedMap<Text, f64>) -> Box<dyn FnMut() -> Vec<Text>> {
    let mut tree = Tree::new(Order::Random, Vec::new());
    for (client, &weight) in weights {
        tree.push(client);
        tree.set_weight(client, weight);
    }
    let paths: Vec<Text> = weights.keys().cloned().collect();
    let mut stream = Some(Stream::new(1, "mesos.random-sorter", 0));
    Box::new(move || named(&tree, &mut stream, &paths))
}

fn named(tree: &Tree, stream: &mut Option<Stream>, paths: &[Text]) -> Vec<Text> {
    let mut clients = Vec::new();
    tree.sorted(stream, &mut clients);
    let paths = clients.iter().map(|&client| &paths[client as usize]);
    paths.cloned().collect()
}

fn first_segment(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

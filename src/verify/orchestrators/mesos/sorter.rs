//! The sorter, operation by operation: the order of every sort, or how likely each position is. It is a
//! tree over clients by number.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{Case, Trouble, read};
use super::{Amounts, thousandths};
use model::Text;
use rng::Stream;
use systems::mesos::fast::amounts::Amounts as Row;
use systems::mesos::fast::tree::{Order, Tree};
use units::{SortedMap, SortedSet};

/// Operation on a sorter.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Operation {
    Add {
        client: Text,
    },
    Remove {
        client: Text,
    },
    Activate {
        client: Text,
    },
    Deactivate {
        client: Text,
    },
    Allocated {
        client: Text,
        res: Amounts,
    },
    Unallocated {
        client: Text,
        res: Amounts,
    },
    Update {
        client: Text,
        old: Amounts,
        new: Amounts,
    },
    Weight {
        client: Text,
        w: f64,
    },
    SetTotal {
        res: Amounts,
    },
    Sort,
}

/// A client of the tree.
struct Client {
    number: u32,
    held: Row,
}

/// The sorter.
struct Sorter {
    tree: Tree,
    columns: Vec<Text>,
    clients: SortedMap<Text, Client>,
    /// The paths of all clients there ever were, by number.
    paths: Vec<Text>,
}

/// The orders of every sort.
pub(super) fn sorts(case: &Case) -> Result<Value, Trouble> {
    let operations: Vec<Operation> = read(&case.request)?;
    let mut sorter = Sorter::new(case, &operations)?;
    let mut sorts = Vec::new();
    for operation in &operations {
        match operation {
            Operation::Sort => sorts.push(named(&sorter.tree, &mut None, &sorter.paths)),
            other => sorter.apply(other),
        }
    }
    Ok(json!({ "sorts": sorts }))
}

impl Sorter {
    /// A tree without clients, over the resources that the case names.
    fn new(case: &Case, operations: &[Operation]) -> Result<Self, Trouble> {
        let total: Amounts = read(&case.nodes)?;
        let mut names: SortedSet<Text> = total.keys().cloned().collect();
        for operation in operations {
            match operation {
                Operation::Allocated { res, .. }
                | Operation::Unallocated { res, .. }
                | Operation::SetTotal { res } => names.extend(res.keys().cloned()),
                Operation::Update { old, new, .. } => {
                    names.extend(old.keys().chain(new.keys()).cloned());
                }
                _ => {}
            }
        }
        let mut sorter = Self {
            tree: Tree::new(Order::DominantResource, vec![false; names.len()]),
            columns: names.into_iter().collect(),
            clients: SortedMap::new(),
            paths: Vec::new(),
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
        let client = Client {
            number: self.tree.push(path),
            held: Row::from_elem(0, self.columns.len()),
        };
        self.clients.insert(path.clone(), client);
        self.paths.push(path.clone());
    }

    fn remove(&mut self, path: &Text) {
        if let Some(client) = self.clients.remove(path) {
            self.tree.remove(client.number);
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

    /// Does what an operation other than a sort says.
    fn apply(&mut self, operation: &Operation) {
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
    }
}

/// Number of orders drawn to find how likely each position is.
const DRAWS: u32 = 20_000;

/// How likely each client is to be at each position.
pub(super) fn positions(case: &Case) -> Result<Value, Trouble> {
    let weights: SortedMap<Text, f64> = read(&case.request["weights"])?;
    let mut sort = random_tree(&weights);
    let none = || vec![0_u32; weights.len()];
    let mut counts: SortedMap<Text, Vec<u32>> = weights
        .keys()
        .map(|client| (client.clone(), none()))
        .collect();
    for _ in 0..DRAWS {
        for (position, client) in sort().into_iter().enumerate() {
            if let Some(counts) = counts.get_mut(&client) {
                counts[position] += 1;
            }
        }
    }
    let shares = counts.into_iter().map(|(client, counts)| {
        let shares = counts
            .into_iter()
            .map(|one| f64::from(one) / f64::from(DRAWS));
        (client.to_string(), json!(shares.collect::<Vec<_>>()))
    });
    Ok(json!({"position_probability": shares.collect::<Map<_, _>>()}))
}

/// Draws orders from a tree of clients with weights.
fn random_tree(weights: &SortedMap<Text, f64>) -> Box<dyn FnMut() -> Vec<Text>> {
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

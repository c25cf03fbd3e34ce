//! The sorters, operation by operation: the order of every sort, or how likely each position is.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{Case, Forms, Trouble, read};
use super::fast_sorter::{FastSorter, random_tree};
use super::{Amounts, quantities};
use model::Text;
use rng::Stream;
use systems::mesos::sorter::{Fairness, Sorter};
use units::{SortedMap, SortedSet};

/// Both forms of the sorter by dominant shares.
pub(super) const SORTER: Forms = Forms::Both {
    plain: |case| sort_all(case, dominant_resource(case)?),
    fast: |case| sort_all(case, FastSorter::new(case, dominant_resource(case)?)?),
};

/// Both forms of the sorter that draws.
pub(super) const RANDOM_SORTER: Forms = Forms::Both {
    plain: |case| {
        let mut sorter = random_sorter(&weights(case)?)?;
        positions(case, || sorter.sort())
    },
    fast: |case| {
        let mut sort = random_tree(&weights(case)?);
        positions(case, &mut *sort)
    },
};

/// Operation on a sorter.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Operation {
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

/// A form of the sorter.
pub(super) trait Form {
    /// Does what an operation other than a sort says.
    fn apply(&mut self, operation: &Operation) -> Result<(), Trouble>;

    /// The active clients in the order in which they are served.
    fn order(&mut self) -> Vec<Text>;
}

impl Form for Sorter {
    fn apply(&mut self, operation: &Operation) -> Result<(), Trouble> {
        match operation {
            Operation::Add { client } => self.add(client),
            Operation::Remove { client } => self.remove(client),
            Operation::Activate { client } => self.set_active(client, true),
            Operation::Deactivate { client } => self.set_active(client, false),
            Operation::Allocated { client, res } => self.allocated(client, &quantities(res)),
            Operation::Unallocated { client, res } => self.unallocated(client, &quantities(res)),
            Operation::Update { client, old, new } => {
                self.update(client, &quantities(old), &quantities(new));
            }
            Operation::Weight { client, w } => {
                let set = self.set_weight(client.clone(), *w);
                set.map_err(|error| Trouble::Malformed(error.to_string()))?;
            }
            Operation::SetTotal { res } => self.set_total(quantities(res)),
            Operation::Sort => {}
        }
        Ok(())
    }

    fn order(&mut self) -> Vec<Text> {
        self.sort()
    }
}

fn dominant_resource(case: &Case) -> Result<Sorter, Trouble> {
    let mut sorter = Sorter::new(Fairness::DominantResource, SortedSet::new());
    sorter.set_total(quantities(&read(&case.nodes)?));
    Ok(sorter)
}

fn sort_all(case: &Case, mut sorter: impl Form) -> Result<Value, Trouble> {
    let operations: Vec<Operation> = read(&case.request)?;
    let mut sorts = Vec::new();
    for operation in &operations {
        match operation {
            Operation::Sort => sorts.push(sorter.order()),
            other => sorter.apply(other)?,
        }
    }
    Ok(json!({ "sorts": sorts }))
}

/// Number of orders drawn to find how likely each position is.
const DRAWS: u32 = 20_000;

type Weights = SortedMap<Text, f64>;

fn weights(case: &Case) -> Result<Weights, Trouble> {
    read(&case.request["weights"])
}

fn random_sorter(weights: &Weights) -> Result<Sorter, Trouble> {
    let random = Fairness::Random(Box::new(Stream::new(1, "mesos.random-sorter", 0)));
    let mut sorter = Sorter::new(random, SortedSet::new());
    for (client, &weight) in weights {
        sorter.add(client);
        let set = sorter.set_weight(client.clone(), weight);
        set.map_err(|error| Trouble::Malformed(error.to_string()))?;
    }
    Ok(sorter)
}

fn positions(case: &Case, mut sort: impl FnMut() -> Vec<Text>) -> Result<Value, Trouble> {
    let weights = weights(case)?;
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

//! Prices of the nodes that are there, by a list, and what the list leaves open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use intake::Input;
use model::node::{INSTANCE_TYPE_LABEL, is_spot, label_of};
use model::{Node, Text};
use units::{SortedMap, plural};
use world::offers::offers;
use world::{node_prices, unread_prices};

use crate::snapshot::SnapshotError;

/// Prices of existing nodes.
#[derive(Debug, Default)]
pub(super) struct Prices {
    /// Currency of the list.
    pub(super) currency: String,
    /// Prices of nodes by name, in millionths an hour.
    pub(super) of: SortedMap<Text, i64>,
    /// Nodes without a price, and those of spot capacity, in words.
    pub(super) notes: Vec<String>,
}

/// Columns of price lists that nothing reads, in words. Lists that are no tables have none.
pub(super) fn unread(lists: [&Option<PathBuf>; 2]) -> impl Iterator<Item = String> {
    lists.into_iter().flatten().filter_map(|path| {
        let columns = unread_prices(&Input::path(path)).ok()?;
        let named: Vec<String> = { columns.iter() }.map(|own| format!("`{own}`")).collect();
        (!named.is_empty()).then(|| {
            format!(
                "{} of {} {} not read: nodes cost what they do on demand, or as spot capacity",
                named.join(", "),
                path.display(),
                plural::either(named.len(), "is", "are")
            )
        })
    })
}

/// Prices of nodes by a list: of their own, of their type and zone, as spot capacity or on demand.
pub(super) fn prices(path: &Path, nodes: &[Arc<Node>]) -> Result<Prices, SnapshotError> {
    let input = Input::path(path);
    let kind = |node: &Node| label_of(&node.labels, INSTANCE_TYPE_LABEL).cloned();
    let (currency, found) = match node_prices(nodes, &input) {
        Ok(own) => (own.currency, own.micro_per_hour),
        Err(error) => {
            // A list of types, as a provisioner has it, says what they cost on demand.
            let Ok(list) = offers(&input, &[]) else {
                return Err(SnapshotError::Input(error.to_string()));
            };
            let price = |node: &Arc<Node>| {
                let kind = kind(node)?;
                let mut all = list.offers.iter();
                all.find(|own| *own.name == *kind).map(|own| own.price)
            };
            let found = nodes.iter().map(price).collect();
            (list.currency, found)
        }
    };
    let mut prices = Prices {
        currency,
        ..Prices::default()
    };
    let mut unpriced: SortedMap<Text, usize> = SortedMap::new();
    for (node, price) in nodes.iter().zip(found) {
        match price {
            Some(price) => {
                prices.of.insert(node.name.clone(), price);
            }
            None => *unpriced.entry(kind(node).unwrap_or_default()).or_default() += 1,
        }
    }
    for (kind, count) in unpriced {
        let kind = match &*kind {
            "" => "no type".to_owned(),
            kind => format!("`{kind}`"),
        };
        prices.notes.push(format!(
            "{} of {kind} {} no price in {}: {} for nothing",
            plural::count(count, "node"),
            plural::either(count, "has", "have"),
            path.display(),
            plural::either(count, "it counts", "they count")
        ));
    }
    let spot = nodes.iter().filter(|node| is_spot(&node.labels)).count();
    if spot > 0 {
        prices.notes.push(format!(
            "{} spot capacity, priced as such where {} has a price of it",
            format_args!(
                "{} {}",
                plural::count(spot, "node"),
                plural::either(spot, "is", "are")
            ),
            path.display()
        ));
    }
    Ok(prices)
}

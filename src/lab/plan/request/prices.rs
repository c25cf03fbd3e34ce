//! Prices of the nodes that are there, by a list, and what the list leaves open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use intake::Input;
use model::node::{INSTANCE_TYPE_LABEL, is_spot, label_of};
use model::{Node, Text};
use units::{SortedMap, plural};
use world::offers::offers;
use world::{Committed, committed, node_prices, unread_prices};

use crate::snapshot::SnapshotError;

/// Prices of existing nodes.
#[derive(Debug, Default)]
pub(super) struct Prices {
    /// Currency of the list.
    pub(super) currency: String,
    /// Prices of nodes by name, in millionths an hour.
    pub(super) of: SortedMap<Text, i64>,
    /// Nodes that are paid for in any case.
    pub(super) committed: Vec<Committed>,
    /// Nodes without a price, those of spot capacity and commitments, in words.
    pub(super) notes: Vec<String>,
}

impl Prices {
    /// Notes nodes without a price, by type.
    fn note_unpriced(&mut self, unpriced: SortedMap<Text, usize>, path: &Path) {
        for (kind, count) in unpriced {
            let kind = match &*kind {
                "" => "no type".to_owned(),
                kind => format!("`{kind}`"),
            };
            self.notes.push(format!(
                "{} of {kind} {} no price in {}: {} for nothing",
                plural::count(count, "node"),
                plural::either(count, "has", "have"),
                path.display(),
                plural::either(count, "it counts", "they count")
            ));
        }
    }

    /// Notes nodes of spot capacity.
    fn note_spot(&mut self, spot: usize, path: &Path) {
        if spot > 0 {
            self.notes.push(format!(
                "{} spot capacity, priced as such where {} has a price of it",
                format_args!(
                    "{} {}",
                    plural::count(spot, "node"),
                    plural::either(spot, "is", "are")
                ),
                path.display()
            ));
        }
    }
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
    // A list of types says what they cost on demand, and where.
    let list = offers(&input, &[]);
    let (currency, found) = match (node_prices(nodes, &input), &list) {
        (Ok(own), _) => (own.currency, own.micro_per_hour),
        (Err(_), Ok(list)) => (list.currency.clone(), vec![None; nodes.len()]),
        (Err(error), Err(_)) => return Err(SnapshotError::Input(error.to_string())),
    };
    let of_type = |node: &Node| {
        let kind = kind(node)?;
        let mut all = list.as_ref().ok()?.offers.iter();
        let own = all.find(|own| *own.name == *kind)?;
        Some((own.price_as(is_spot(&node.labels)), !own.prices.is_empty()))
    };
    let mut prices = Prices {
        currency,
        ..Prices::default()
    };
    let mut unpriced: SortedMap<Text, usize> = SortedMap::new();
    let mut elsewhere: SortedMap<Text, usize> = SortedMap::new();
    for (node, price) in nodes.iter().zip(found) {
        let kind = || kind(node).unwrap_or_default();
        let price = price.or_else(|| {
            let (price, is_of_zones) = of_type(node)?;
            if is_of_zones {
                *elsewhere.entry(kind()).or_default() += 1;
            }
            Some(price)
        });
        if let Some(price) = price {
            prices.of.insert(node.name.clone(), price);
        } else if !node.is_virtual() {
            *unpriced.entry(kind()).or_default() += 1;
        }
    }
    for (kind, count) in elsewhere {
        prices.notes.push(format!(
            "{} of `{kind}` {} no price of {} zone in {}: the dearest of the type counts",
            plural::count(count, "node"),
            plural::either(count, "has", "have"),
            plural::either(count, "its", "their"),
            path.display(),
        ));
    }
    prices.note_unpriced(unpriced, path);
    let spot = nodes.iter().filter(|node| is_spot(&node.labels)).count();
    prices.note_spot(spot, path);
    // Lists that are no tables have none.
    if unread_prices(&input).is_ok() {
        prices.committed =
            committed(&input).map_err(|error| SnapshotError::Input(error.to_string()))?;
    }
    if !prices.committed.is_empty() {
        let nodes: u64 = prices.committed.iter().map(|own| own.nodes).sum();
        prices.notes.push(format!(
            "{} of {} {} paid for, used or not: bills and the search take that, bounds are of list prices",
            plural::count(nodes, "node"),
            path.display(),
            plural::either(nodes, "is", "are")
        ));
    }
    Ok(prices)
}

//! Spending on nodes by the hour, as they come and go and prices change.

use std::sync::Arc;

use cluster::Store;
use metrics::Economics;
use model::{Event, Text};
use units::{NodeId, SortedMap};

/// Present cost of the nodes; `None` where none has a price.
#[derive(Clone, Debug, Default)]
pub(super) struct Spending {
    economics: Option<Arc<Economics>>,
    /// Cost of each node, in millionths an hour, and what that is the price of if it changes.
    nodes: SortedMap<NodeId, (i64, Option<Text>)>,
    /// Prices that changed.
    prices: SortedMap<Text, i64>,
    rate: i64,
}

impl Spending {
    /// Spending of a run with these prices.
    pub(super) fn new(economics: &Arc<Economics>) -> Self {
        Self {
            economics: economics.has_prices().then(|| Arc::clone(economics)),
            ..Self::default()
        }
    }

    /// The currency, where any node has a price.
    pub(super) fn currency(&self) -> Option<&Text> {
        self.economics.as_ref().map(|own| &own.currency)
    }

    /// Present cost of all nodes, in millionths an hour.
    pub(super) const fn rate(&self) -> i64 {
        self.rate
    }

    pub(super) fn apply(&mut self, event: &Event, store: &Store) {
        let Some(economics) = &self.economics else {
            return;
        };
        match event {
            Event::NodeAdded { node, .. } => {
                let own = economics.of(*node, store);
                let changed = own
                    .changes_as
                    .as_ref()
                    .and_then(|kind| self.prices.get(kind));
                let price = changed.copied().or(own.price_micro_per_hour).unwrap_or(0);
                self.rate = self.rate.saturating_add(price);
                self.nodes.insert(*node, (price, own.changes_as));
            }
            Event::NodeRemoved { node } => {
                if let Some((price, _)) = self.nodes.remove(node) {
                    self.rate -= price;
                }
            }
            Event::PriceChanged(new) => {
                self.prices
                    .insert(new.kind.clone(), new.price_micro_per_hour);
                for (price, kind) in self.nodes.values_mut() {
                    if kind.as_ref() == Some(&new.kind) {
                        self.rate += new.price_micro_per_hour - *price;
                        *price = new.price_micro_per_hour;
                    }
                }
            }
            _ => {}
        }
    }
}

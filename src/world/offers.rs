//! Types of nodes that a price list offers, for questions about clusters that no scenario describes.

use intake::Input;
use model::Node;
use units::nearest::hint;

use super::BuildError;
use super::catalogue::{Listed, listed, matches};
use super::price_list::in_zone;

pub use super::price_list::Price;

/// A type of node with a price.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Name of the type.
    pub name: String,
    /// A node of the type, as its list has it.
    pub node: Node,
    /// Price on demand, in millionths an hour: the dearest of those that the list has.
    pub price: i64,
    /// Price of spot capacity, where the list has one.
    pub spot: Option<i64>,
    /// Prices by zone, and that of everywhere.
    pub prices: Vec<Price>,
    /// Whether the list says how many pods a node takes.
    pub states_pods: bool,
}

impl Offer {
    /// Price of a node in a zone by the way in which it is paid for; `None` if the list has prices of other zones
    /// alone.
    pub fn price_in(&self, zone: &str, is_spot: bool) -> Option<i64> {
        if self.prices.is_empty() || zone.is_empty() {
            return Some(self.price_as(is_spot));
        }
        let price = in_zone(&self.prices, Some(zone))?;
        price.spot.filter(|_| is_spot).or(price.on_demand)
    }

    /// Price of a node by the way in which it is paid for; without a price of spot capacity the one on
    /// demand.
    pub fn price_as(&self, is_spot: bool) -> i64 {
        self.spot.filter(|_| is_spot).unwrap_or(self.price)
    }
}

/// Offers of one list, in one currency.
#[derive(Clone, Debug)]
pub struct Offers {
    /// The offers, in order of name.
    pub offers: Vec<Offer>,
    /// Currency of the prices.
    pub currency: String,
}

/// The types of a list whose names are among some patterns; without patterns all.
///
/// # Errors
/// The list can't be read, a pattern matches nothing, or a type has no price.
pub fn offers(list: &Input, only: &[String]) -> Result<Offers, BuildError> {
    let (types, currency) = listed(list)?;
    for pattern in only {
        if !types.iter().any(|own| matches(pattern, &own.name)) {
            let names = types.iter().map(|own| own.name.as_str());
            let hint = hint(pattern, names);
            return Err(BuildError::Experiment(format!(
                "{}: no instance type is called `{pattern}`; {hint}",
                list.name
            )));
        }
    }
    let is_wanted =
        |name: &str| only.is_empty() || only.iter().any(|pattern| matches(pattern, name));
    let mut offers = Vec::new();
    for own in types {
        let Listed {
            name,
            node,
            states_pods,
            prices,
            line,
        } = own;
        if !is_wanted(&name) {
            continue;
        }
        let dearest = |of: fn(&Price) -> Option<i64>| {
            let everywhere = in_zone(&prices, None).and_then(of);
            everywhere.or_else(|| prices.iter().filter_map(of).max())
        };
        let Some(price) = dearest(|own| own.on_demand) else {
            let line = line.map_or(String::new(), |line| format!(":{line}"));
            return Err(BuildError::Experiment(format!(
                "{}{line}: `{name}` has no price on demand; give one, or leave the type out with \
                 `--only`",
                list.name
            )));
        };
        offers.push(Offer {
            name,
            node,
            price,
            spot: dearest(|own| own.spot),
            prices,
            states_pods,
        });
    }
    if offers.is_empty() {
        return Err(BuildError::Experiment(format!(
            "{}: the list has no instance type; expected rows with `instance_type`, `vcpu`, \
             `memory_mib` and a price",
            list.name
        )));
    }
    Ok(Offers { offers, currency })
}

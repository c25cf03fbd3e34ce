//! Spot machines whose price or lifetime nothing states: what is taken from the list of prices, and what is told.

use scenario::Scenario;
use scenario::schema::{self, SpotMarket};
use units::{SortedMap, plural};

use super::instance_type::InstanceType;
use super::{BuildError, ProviderPlan};

/// The market, if it states no share of the on-demand price.
fn without_share(written: &schema::Provider) -> Option<&SpotMarket> {
    written.spot.as_ref().filter(|own| own.price.is_none())
}

fn has_price(own: &InstanceType) -> bool {
    own.prices.iter().any(|price| price.spot.is_some())
}

/// Refuses a market that no spot price is known for.
pub(super) fn check(
    written: &schema::Provider,
    list: &str,
    types: &SortedMap<String, InstanceType>,
) -> Result<(), BuildError> {
    let is_known = written.price_history.is_some() || types.values().any(has_price);
    if without_share(written).is_some() && !types.is_empty() && !is_known {
        return Err(BuildError::Experiment(format!(
            "cluster.provider.spot: {list} has no spot prices; state the share of the on-demand price as `price`"
        )));
    }
    Ok(())
}

/// Notes about types that are not sold as spot machines, and about machines that are never reclaimed.
pub(super) fn notes(scenario: &Scenario, plan: Option<&ProviderPlan>) -> Vec<String> {
    let Some(written) = &scenario.cluster.provider else {
        return Vec::new();
    };
    let types = plan.iter().flat_map(|plan| &plan.types);
    let mut unpriced = types.filter(|own| !has_price(own.1)).map(|own| own.0);
    let unsold = without_share(written)
        .filter(|_| written.price_history.is_none())
        .and_then(|_| {
            let first = unpriced.next()?;
            let count = unpriced.count() + 1;
            Some(format!(
                "{} (such as `{first}`) {} no spot price and {} not sold as spot machines; state the share of the \
                 on-demand price as `cluster.provider.spot.price`",
                plural::count(count, "instance type"),
                plural::either(count, "has", "have"),
                plural::either(count, "is", "are")
            ))
        });
    let kept = written.spot.as_ref().filter(|own| own.kept.is_none());
    let kept = kept.map(|_| {
        "spot machines are never reclaimed; state their lifetime as `cluster.provider.spot.kept`"
            .to_owned()
    });
    unsold.into_iter().chain(kept).collect()
}

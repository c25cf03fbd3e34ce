//! Options of the consolidation of virtual machines, with the power of the nodes.

use scenario::Scenario;
use systems::consolidation::{Consolidation, ConsolidationOptions};
use units::SortedMap;

use super::BuildError;
use super::economics::of_templates;

/// The options of a scenario.
pub(super) fn consolidation_options(
    scenario: &Scenario,
    written: &Consolidation,
) -> Result<ConsolidationOptions, BuildError> {
    let mut watts = SortedMap::new();
    for (name, node) in of_templates(scenario)? {
        if let Some(power) = node.power {
            let at = |tenths: usize| power.curve.drawn(tenths as f64 / 10.0) as f64 / 1e6;
            watts.insert(name.as_str().into(), std::array::from_fn(at));
        }
    }
    Ok(ConsolidationOptions {
        rules: written.rules(),
        interval: written.interval,
        cores: written.cores,
        bandwidth_mbit: i64::from(written.bandwidth_mbit),
        watts,
        ..ConsolidationOptions::default()
    })
}

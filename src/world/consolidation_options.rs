//! Options of the consolidation of virtual machines, with the power of the nodes.

use scenario::Scenario;
use scenario::schema::{OverloadDetection, VmSelection};
use systems::consolidation::{ConsolidationOptions, Detection, Rules, Selection};
use units::{Duration, SortedMap};

use super::BuildError;
use super::economics::of_templates;

/// The options of a scenario.
pub(super) fn consolidation_options(
    scenario: &Scenario,
) -> Result<ConsolidationOptions, BuildError> {
    let written = scenario.system.consolidation.unwrap_or_default();
    let wrong = |field: &str, expected: &str| {
        BuildError::Experiment(format!("system.consolidation.{field}: expected {expected}"))
    };
    if written.interval <= Duration::ZERO {
        return Err(wrong("interval", "more than 0s, such as 5m"));
    }
    if written.cores == 0 {
        return Err(wrong("cores", "at least 1"));
    }
    if written.bandwidth_mbit == 0 {
        return Err(wrong("bandwidthMbit", "at least 1"));
    }
    if let Some(parameter) = written.parameter
        && !(parameter.is_finite() && parameter > 0.0)
    {
        return Err(wrong("parameter", "a finite number above 0"));
    }
    let or = |default: f64| written.parameter.unwrap_or(default);
    let detection = match written.detection {
        OverloadDetection::Never => None,
        OverloadDetection::Threshold => Some(Detection::Threshold(or(0.8))),
        OverloadDetection::InterquartileRange => Some(Detection::InterquartileRange(or(1.5))),
        OverloadDetection::MedianAbsoluteDeviation => {
            Some(Detection::MedianAbsoluteDeviation(or(2.5)))
        }
        OverloadDetection::LocalRegression => Some(Detection::LocalRegression(or(1.2))),
        OverloadDetection::RobustLocalRegression => Some(Detection::RobustLocalRegression(or(1.2))),
    };
    let selection = match written.selection {
        VmSelection::MinimumMigrationTime => Selection::MinimumMigrationTime,
        VmSelection::MaximumCorrelation => Selection::MaximumCorrelation,
        VmSelection::MinimumUtilization => Selection::MinimumUtilization,
        VmSelection::Random => Selection::Random,
    };
    let interval_s = written.interval.as_nanos() as f64 / 1e9;
    let mut watts = SortedMap::new();
    for (name, node) in of_templates(scenario)? {
        if let Some(power) = node.power {
            let at = |tenths: usize| power.curve.drawn(tenths as f64 / 10.0) as f64 / 1e6;
            watts.insert(name.as_str().into(), std::array::from_fn(at));
        }
    }
    Ok(ConsolidationOptions {
        rules: detection.map(|detection| Rules {
            detection,
            selection,
            interval_s,
        }),
        interval: written.interval,
        cores: written.cores,
        bandwidth_mbit: i64::from(written.bandwidth_mbit),
        watts,
        ..ConsolidationOptions::default()
    })
}

//! The alert rules of a scenario.

use std::sync::Arc;

use crate::metrics::alerts::Rule;
use crate::scenario::Scenario;
use crate::scenario::scalar::Bound;

/// The rules, in written order.
pub fn alerts(scenario: &Scenario) -> Arc<[Rule]> {
    let bound = |bound: &Bound| match bound {
        Bound::Number(number) => *number,
        Bound::Duration(span) => span.as_secs_f64(),
    };
    let rules = scenario.alerts.iter().map(|own| Rule {
        name: own.name.as_str().into(),
        series: own.metric.as_str().into(),
        service: own.service.as_deref().map(Into::into),
        above: own.above.as_ref().map(bound),
        below: own.below.as_ref().map(bound),
        lasts: own.lasts,
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use crate::metrics::alerts::series_names;
    use crate::scenario::alerts::{CLUSTER_SERIES, SERVICE_SERIES};

    #[test]
    fn experiments_can_name_every_series_there_is() {
        let written: Vec<&str> = CLUSTER_SERIES
            .iter()
            .chain(SERVICE_SERIES)
            .copied()
            .collect();
        assert_eq!(written, series_names());
    }
}

//! Figures of the seven functions of a platform: the metrics by which a run shows how well each was done.

use report::comparison::Comparison;
use systems::functions::Function;

/// Metrics of each function, the most telling first.
const FIGURES: [(Function, &[&str]); Function::ALL.len()] = [
    (Function::Orchestration, &["availability.time"]),
    (
        Function::Deployment,
        &["deliveries.delivered", "deliveries.max"],
    ),
    (Function::Discovery, &["requests.error_rate"]),
    (Function::Scaling, &["latency.p99"]),
    (
        Function::Recovery,
        &["time_to_recover.max", "missing_replicas.pod_hours"],
    ),
    (Function::Metrics, &["alerts.fired", "alerts.time_to_alert"]),
    (
        Function::Storage,
        &["storage.data_loss.max", "storage.restore_time.max"],
    ),
];

/// The rows of a comparison that show the seven functions, by function; those that a run did not measure
/// are left out.
pub(super) fn of_functions(mut all: Comparison) -> Comparison {
    let mut rows = Vec::new();
    for (function, ids) in FIGURES {
        for id in ids {
            let known = all.rows.iter().find(|row| row.id == *id);
            rows.extend(known.cloned().map(|mut row| {
                row.label = format!("{function}: {}", row.label);
                row
            }));
        }
    }
    all.rows = rows;
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::registry::find;

    #[test]
    fn every_figure_is_a_metric_and_every_function_has_one() {
        for ((function, ids), expected) in FIGURES.iter().zip(Function::ALL) {
            assert_eq!(*function, expected);
            assert!(!ids.is_empty());
            for id in *ids {
                assert!(find(id).is_some(), "{id}");
            }
        }
    }
}

//! Output formats of the agreement of a run with a recorded one.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::format;
use lab::validate::{Distance, Validation};
use units::{Instant, plural};

/// Agreement with its context.
pub struct ValidationReport<'a> {
    /// Label of the experiment.
    pub experiment: &'a str,
    /// Path of the recording.
    pub recording: &'a str,
    /// The agreement.
    pub validation: &'a Validation,
}

impl ValidationReport<'_> {
    fn headline(&self) -> String {
        let own = self.validation;
        format!(
            "{} against {}: {:.1} % of {} are on a node equal to the recorded one ({} on the very same)",
            format::clean(self.experiment),
            format::clean(self.recording),
            own.agreement_percent(),
            plural::count(own.placed, "matched placement"),
            own.same_node,
        )
    }

    /// Text for people.
    pub fn text(&self) -> String {
        let own = self.validation;
        let mut text = format!("{}\n\n", self.headline());
        let _ = writeln!(
            text,
            "pods         {} recorded, {} simulated, {} matched, {} of these by workload and order",
            own.recorded, own.simulated, own.matched, own.by_order
        );
        let _ = writeln!(text, "waits        {}", distance(own.waits));
        let _ = writeln!(text, "lifetimes    {}", distance(own.lifetimes));
        for error in &own.allocation {
            let _ = writeln!(
                text,
                "{:12} {:.2} % of the cluster off in the mean over time, {:.2} % at most",
                format!("{} given", error.resource),
                error.mean_percent,
                error.most_percent
            );
        }
        match &own.parting {
            None => text.push_str("divergence   none: every recorded pod is on an equal node\n"),
            Some(parting) => {
                let simulated = parting.simulated.as_deref();
                let _ = writeln!(
                    text,
                    "divergence   after {}, at {}: {} on {} as recorded, {}",
                    plural::count(parting.equal_before, "equal placement"),
                    Instant::from_nanos(parting.at_ns),
                    parting.pod,
                    parting.recorded,
                    simulated.map_or_else(
                        || "without a node here".to_owned(),
                        |node| { format!("on {node} here") }
                    )
                );
            }
        }
        text
    }

    /// JSON for programs, and for reports on the same cluster.
    pub fn json(&self) -> Value {
        let own = self.validation;
        json!({
            "windtunnelValidation": 1,
            "experiment": self.experiment,
            "recording": self.recording,
            "nodes": own.nodes,
            "recorded": own.recorded,
            "simulated": own.simulated,
            "matched": own.matched,
            "matchedByOrder": own.by_order,
            "placed": own.placed,
            "sameNode": own.same_node,
            "equalNode": own.equal_node,
            "agreementPercent": own.agreement_percent(),
            "waits": own.waits,
            "lifetimes": own.lifetimes,
            "allocation": own.allocation,
            "divergence": own.parting,
        })
    }
}

fn distance(own: Distance) -> String {
    match own.distance {
        None => format!(
            "not comparable: {} recorded and {} simulated",
            own.recorded, own.simulated
        ),
        Some(distance) => format!(
            "Kolmogorov–Smirnov distance {distance:.3} ({} and {}); mean {:.2} s recorded, {:.2} s simulated",
            own.recorded, own.simulated, own.recorded_mean_secs, own.simulated_mean_secs
        ),
    }
}

/// Words about a validation of the same cluster, for the reports of its runs; `None` if the text is no
/// validation.
pub fn error_bar(text: &str) -> Option<ErrorBar> {
    let value: Value = serde_json::from_str(text).ok()?;
    value.get("windtunnelValidation")?;
    let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_f64);
    let mut parts = vec![format!(
        "{:.1} % of placements agree",
        number("/agreementPercent")?
    )];
    for (name, pointer) in [
        ("waits", "/waits/distance"),
        ("lifetimes", "/lifetimes/distance"),
    ] {
        if let Some(distance) = number(pointer) {
            parts.push(format!(
                "{name} differ by {distance:.3} (Kolmogorov–Smirnov)"
            ));
        }
    }
    for error in value.get("allocation").and_then(Value::as_array)? {
        let resource = error.get("resource").and_then(Value::as_str)?;
        let mean = error.get("meanPercent").and_then(Value::as_f64)?;
        parts.push(format!(
            "{resource} allocation is off by {mean:.2} % of the cluster"
        ));
    }
    let recording = value.get("recording").and_then(Value::as_str)?;
    Some(ErrorBar {
        nodes: value.get("nodes").and_then(Value::as_u64)?,
        words: format!(
            "error bar, by {}: {}",
            format::clean(recording),
            parts.join("; ")
        ),
    })
}

/// Error bar of the runs of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBar {
    /// Number of nodes of the cluster.
    pub nodes: u64,
    /// The figures in words.
    pub words: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::validate::AllocationError;

    #[test]
    fn an_error_bar_is_read_back_from_what_was_written() {
        let distance = Distance {
            distance: Some(0.25),
            recorded: 4,
            simulated: 4,
            recorded_mean_secs: 1.0,
            simulated_mean_secs: 2.0,
        };
        let validation = Validation {
            nodes: 3,
            recorded: 4,
            simulated: 5,
            matched: 4,
            by_order: 1,
            placed: 4,
            same_node: 2,
            equal_node: 3,
            waits: distance,
            lifetimes: Distance::default(),
            allocation: vec![AllocationError {
                resource: "cpu",
                mean_percent: 1.5,
                most_percent: 3.0,
            }],
            parting: None,
        };
        let report = ValidationReport {
            experiment: "shop.yaml",
            recording: "events.json",
            validation: &validation,
        };
        let bar = error_bar(&report.json().to_string()).expect("an error bar");
        assert_eq!(bar.nodes, 3);
        assert_eq!(
            bar.words,
            "error bar, by events.json: 75.0 % of placements agree; waits differ by 0.250 \
             (Kolmogorov–Smirnov); cpu allocation is off by 1.50 % of the cluster"
        );
        assert_eq!(error_bar("{}"), None);
    }
}

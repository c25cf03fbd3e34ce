//! Output formats of the answer of `upgrade` for an experiment that is run in both releases.

use std::fmt::Write;

use serde_json::{Value, json};

use super::upgrade::escaped;
use lab::statistics::Interval;
use lab::upgrade::runs::ComparedRuns;
use model::Release;
use units::plural;

/// Comparison of two releases by runs, with its context.
pub struct RunsReport<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// Release of the cluster.
    pub from: Release,
    /// Release that it is to have.
    pub to: Release,
    /// The comparison.
    pub runs: &'a ComparedRuns,
}

impl RunsReport<'_> {
    /// Table for the terminal.
    pub fn table(&self) -> String {
        let (seeds, differing) = (self.runs.seeds, self.runs.differing);
        let mut text = format!(
            "upgrade {} -> {}: {}; pods are placed otherwise with {differing} of {}\n",
            self.from,
            self.to,
            self.experiment,
            plural::count(seeds, "seed"),
        );
        if self.runs.effects.is_empty() {
            text.push_str("  no metric differs\n");
        }
        let names = self.runs.effects.iter().map(|own| own.metric.len());
        let width = names.max().unwrap_or(0);
        for own in &self.runs.effects {
            let interval = own
                .interval
                .map_or_else(String::new, |Interval { low, high }| {
                    format!("  difference {low:+.4} to {high:+.4} (95 %)")
                });
            let _ = writeln!(
                text,
                "  {:width$}  {:>12.4} -> {:>12.4} {}{interval}",
                own.metric, own.from, own.to, own.unit
            );
        }
        text
    }

    /// JSON, one object.
    pub fn json(&self) -> Value {
        let effects = self.runs.effects.iter().map(|own| {
            json!({
                "metric": own.metric,
                "unit": own.unit,
                "from": own.from,
                "to": own.to,
                "low": own.interval.map(|own| own.low),
                "high": own.interval.map(|own| own.high),
            })
        });
        json!({
            "from": self.from.name(),
            "to": self.to.name(),
            "experiment": self.experiment,
            "seeds": self.runs.seeds,
            "seedsThatDiffer": self.runs.differing,
            "effects": effects.collect::<Vec<Value>>(),
        })
    }

    /// Page for a browser, in one file.
    pub fn html(&self) -> String {
        let table = escaped(&self.table());
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n<title>upgrade</title>\n\
             <pre>{table}</pre>\n</html>\n"
        )
    }
}

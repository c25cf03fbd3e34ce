//! Output formats of the answer of `upgrade` for an experiment that is run in both releases.

use std::fmt::Write;

use serde_json::{Value, json};

use super::effects;
use super::switches::Between;
use super::words;
use crate::format::html as escaped;

use crate::grid::object;
use lab::upgrade::runs::{ComparedRuns, OF_RUNS};
use model::{Changes, Release};
use units::plural;

/// Comparison of two releases by runs, with its context.
pub struct RunsReport<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// Release of the cluster.
    pub from: Release,
    /// Release that it is to have.
    pub to: Release,
    /// Switches that are on before.
    pub before: Changes,
    /// Switches that are on after.
    pub after: Changes,
    /// The comparison.
    pub runs: &'a ComparedRuns,
}

impl RunsReport<'_> {
    fn between(&self) -> Between {
        Between {
            from: self.from,
            to: self.to,
            before: self.before,
            after: self.after,
        }
    }

    /// Table for the terminal.
    pub fn table(&self) -> String {
        let runs = self.runs;
        let mut text = format!(
            "upgrade {} -> {}: {}; pods are placed otherwise with {} of {}\n\n",
            self.from,
            self.to,
            self.experiment,
            runs.differing,
            plural::count(runs.seeds, "seed"),
        );
        for (difference, percent) in OF_RUNS.iter().zip(runs.shares) {
            let count = runs.pods * percent / 100.0;
            let words = words(*difference);
            let _ = writeln!(text, "  {words:27} {count:>9.1}  {percent:>5.1} %");
        }
        let pods = plural::count(runs.pods.round() as u64, "pod");
        let _ = writeln!(text, "  of {pods} of a run\n");
        text.push_str(&self.between().lines());
        text.push('\n');
        if runs.effects.is_empty() {
            text.push_str("  no metric differs\n");
        }
        text.push_str(&effects::lines(&runs.effects, 4, 2));
        text
    }

    /// JSON, one object.
    pub fn json(&self) -> Value {
        let shares = OF_RUNS.iter().zip(self.runs.shares);
        let shares = shares.map(|(own, percent)| (own.name(), json!({"percent": percent})));
        json!({
            "from": self.from.name(),
            "to": self.to.name(),
            "switches": self.between().json(),
            "experiment": self.experiment,
            "seeds": self.runs.seeds,
            "seedsThatDiffer": self.runs.differing,
            "pods": self.runs.pods,
            "counts": object(shares),
            "effects": effects::json(&self.runs.effects),
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

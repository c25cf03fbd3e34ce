//! Output formats of the losses of nodes or zones, each in turn.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::format;
use crate::formats::Formats;
use lab::place::lost::DomainLoss;
use model::Text;
use units::plural;

/// Number of losses that the table shows.
const LOSSES_SHOWN: usize = 40;
const HEADS: [&str; 8] = [
    "lost",
    "nodes",
    "requeued",
    "waiting",
    "gone",
    "of node",
    "evicted",
    "first that waits",
];

/// Losses with their context.
pub struct LossesReport<'a> {
    /// Contents of the snapshot before a loss, in one line.
    pub snapshot: &'a str,
    /// Nodes that are lost in any case.
    pub always: &'a [Text],
    /// The losses.
    pub losses: &'a [DomainLoss],
    /// Warnings about input that was ignored or looks wrong.
    pub warnings: &'a [String],
}

impl LossesReport<'_> {
    /// Number of losses that leave pods waiting.
    pub fn fatal(&self) -> usize {
        let losses = self.losses.iter();
        losses.filter(|own| !own.loss.waiting.is_empty()).count()
    }

    fn headline(&self) -> String {
        let all = self.losses.len();
        let beside = match self.always {
            [] => String::new(),
            nodes => format!("beside {}, ", nodes.join(", ")),
        };
        let worst = { self.losses.iter().rev() }.max_by_key(|own| own.loss.waiting.len());
        match (self.fatal(), worst) {
            (0, _) => format!("{beside}any 1 of {all} may be lost: no pod stays pending"),
            (fatal, Some(worst)) => format!(
                "{beside}pods stay pending after {fatal} of {}; the worst is {} with {}",
                plural::count(all, "loss"),
                worst.domain.name,
                worst.loss.waiting.len()
            ),
            (_, None) => "nothing to lose".to_owned(),
        }
    }

    /// Losses that leave the most pods waiting first, then by number of pods that move.
    fn sorted(&self) -> Vec<&DomainLoss> {
        let mut losses: Vec<&DomainLoss> = self.losses.iter().collect();
        losses.sort_by_key(|own| {
            let loss = &own.loss;
            std::cmp::Reverse((loss.waiting.len(), loss.evicted.len(), loss.requeued()))
        });
        losses
    }

    fn rows(&self, most: usize) -> Vec<[String; 8]> {
        let losses = self.sorted().into_iter().take(most);
        losses.map(cells).collect()
    }
}

impl Formats for LossesReport<'_> {
    fn table(&self) -> String {
        let rows = self.rows(LOSSES_SHOWN);
        let widths: Vec<usize> = (0..HEADS.len())
            .map(|column| {
                let cells = rows.iter().map(|row| row[column].chars().count());
                format::column_width(cells).max(HEADS[column].len())
            })
            .collect();
        let mut text = format!("{}\n{}\n\n", self.snapshot, self.headline());
        let mut line = |cells: &[String]| {
            let mut line = format!("{:width$}", cells[0], width = widths[0]);
            for column in 1..HEADS.len() - 1 {
                let _ = write!(line, "  {:>width$}", cells[column], width = widths[column]);
            }
            let _ = write!(line, "  {}", cells[HEADS.len() - 1]);
            let _ = writeln!(text, "{}", line.trim_end());
        };
        line(&HEADS.map(str::to_owned));
        for row in &rows {
            line(row);
        }
        if self.losses.len() > LOSSES_SHOWN {
            let more = self.losses.len() - LOSSES_SHOWN;
            let _ = writeln!(text, "and {more} more; --format csv has all");
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("**{}** ({})\n\n", self.headline(), self.snapshot);
        let _ = writeln!(text, "| {} |", HEADS.join(" | "));
        text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n");
        for row in self.rows(usize::MAX) {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }

    /// CSV, one line per loss.
    fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        // Writing to memory does not fail.
        let _ = writer.write_record([
            "lost", "nodes", "requeued", "waiting", "gone", "of_node", "evicted", "first", "reason",
        ]);
        for own in self.losses {
            let mut row = cells(own).to_vec();
            let (pod, message) = own.loss.waiting.first().cloned().unwrap_or_default();
            row.pop();
            row.extend([pod, message]);
            let _ = writer.write_record(&row);
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn json(&self) -> Value {
        let losses = self.losses.iter().map(|own| {
            let (domain, loss) = (&own.domain, &own.loss);
            let waiting = loss.waiting.iter();
            let waiting: Vec<Value> = waiting
                .map(|(pod, message)| json!({"pod": pod, "message": message}))
                .collect();
            json!({
                "lost": domain.name,
                "nodes": domain.nodes.iter().map(|node| &**node).collect::<Vec<&str>>(),
                "requeued": loss.requeued(),
                "waiting": waiting,
                "gone": loss.gone,
                "ofNode": loss.of_node.len(),
                "evicted": super::lost::evicted_json(&loss.evicted),
            })
        });
        json!({
            "snapshot": self.snapshot,
            "lostNodes": self.always.iter().map(|node| &**node).collect::<Vec<&str>>(),
            "losses": losses.collect::<Vec<Value>>(),
            "leavePodsWaiting": self.fatal(),
            "warnings": self.warnings,
        })
    }
}

fn cells(own: &DomainLoss) -> [String; 8] {
    let loss = &own.loss;
    let first = loss.waiting.first();
    [
        own.domain.name.clone(),
        own.domain.nodes.len().to_string(),
        loss.requeued().to_string(),
        loss.waiting.len().to_string(),
        loss.gone.len().to_string(),
        loss.of_node.len().to_string(),
        loss.evicted.len().to_string(),
        first.map_or_else(String::new, |(pod, message)| {
            format!("{pod}: {}", reason(message))
        }),
    ]
}

/// The part of a scheduler's message that says why no node takes the pod.
fn reason(message: &str) -> &str {
    let rest = message
        .split_once("are available: ")
        .map_or(message, |(_, rest)| rest);
    rest.split(". ")
        .next()
        .unwrap_or(rest)
        .trim_end_matches('.')
}

//! Output formats of the losses of nodes or zones, each in turn.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::formats::Formats;
use crate::grid::{Grid, csv};
use lab::place::lost::DomainLoss;
use lab::place::turns::Range;
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
                "{beside}pods stay pending after {fatal} of {}; the worst is {} with {}{}",
                plural::count(all, "loss"),
                worst.domain.name,
                worst.loss.waiting.len(),
                ranged(worst.loss.range)
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

    fn grid(&self, most: usize) -> Grid {
        let losses = self.sorted().into_iter().take(most);
        Grid::new("lrrrrrrl", HEADS).with(losses.map(cells))
    }
}

impl Formats for LossesReport<'_> {
    fn table(&self) -> String {
        let table = self.grid(LOSSES_SHOWN).text();
        let mut text = format!("{}\n{}\n\n{table}", self.snapshot, self.headline());
        if self.losses.len() > LOSSES_SHOWN {
            let more = self.losses.len() - LOSSES_SHOWN;
            let _ = writeln!(text, "and {more} more; --format csv has all");
        }
        text
    }

    fn markdown(&self) -> String {
        let table = self.grid(usize::MAX).markdown();
        format!("**{}** ({})\n\n{table}", self.headline(), self.snapshot)
    }

    /// CSV, one line per loss.
    fn csv(&self) -> String {
        let heads = [
            "lost", "nodes", "requeued", "waiting", "gone", "of_node", "evicted", "first", "reason",
        ];
        let rows = self.losses.iter().map(|own| {
            let (pod, message) = own.loss.waiting.first().cloned().unwrap_or_default();
            let mut row = cells(own).to_vec();
            row.pop();
            row.extend([pod, message]);
            row
        });
        csv(std::iter::once(heads.map(str::to_owned).to_vec()).chain(rows))
    }

    fn json(&self) -> Value {
        let losses = self.losses.iter().map(|own| {
            let (domain, loss) = (&own.domain, &own.loss);
            let waiting = loss.waiting.iter().map(|(pod, message)| match &**message {
                "" => json!({"pod": pod}),
                message => json!({"pod": pod, "message": message}),
            });
            json!({
                "lost": domain.name,
                "nodes": domain.nodes,
                "requeued": loss.requeued(),
                "waiting": waiting.collect::<Vec<Value>>(),
                "waitingRange": loss.range,
                "gone": loss.gone,
                "ofNode": loss.of_node.len(),
                "evicted": loss.evicted,
            })
        });
        json!({
            "snapshot": self.snapshot,
            "lostNodes": self.always,
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

/// The range of waiting pods, where it is more than a number.
pub(crate) fn ranged(range: Range) -> String {
    let (least, most) = range;
    if least == most {
        return String::new();
    }
    format!(" ({least} to {most} by other orders and ties)")
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

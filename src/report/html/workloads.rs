//! The table of workloads: what became of each, in a line per variant.

use minijinja::{Value, context};
use serde::Serialize;

use crate::format;
use lab::summary::{Summary, WorkloadSummary};

/// Most lines shown.
const ROWS_MAX: usize = 100;

/// The table.
#[derive(Serialize)]
pub(super) struct PageWorkloads {
    rows: Vec<Value>,
    /// Lines that are not shown.
    hidden: usize,
}

impl PageWorkloads {
    /// The workloads of all variants, a workload's variants one below the other; where there are too
    /// many, those that missed most.
    pub(super) fn new(summary: &Summary, columns: &[&str]) -> Self {
        let variants = summary.variants.iter().zip(columns);
        let mut all: Vec<(&WorkloadSummary, &str)> = variants
            .flat_map(|(variant, &column)| variant.workloads.iter().map(move |one| (one, column)))
            .collect();
        let count = all.len();
        let missed = |one: &WorkloadSummary| one.missing_pod_hours.unwrap_or(0.0);
        all.sort_by(|a, b| missed(b.0).total_cmp(&missed(a.0)));
        all.truncate(ROWS_MAX);
        let first = |one: &WorkloadSummary| {
            let named = |known: &WorkloadSummary| {
                (&known.kind, &known.namespace, &known.name)
                    == (&one.kind, &one.namespace, &one.name)
            };
            let mut lists = summary.variants.iter().map(|variant| &variant.workloads);
            lists.find_map(|list| list.iter().position(named))
        };
        let place = |column: &str| columns.iter().position(|known| *known == column);
        all.sort_by_key(|(one, column)| (first(one), place(column)));
        Self {
            rows: all
                .into_iter()
                .map(|(one, column)| row(one, column))
                .collect(),
            hidden: count.saturating_sub(ROWS_MAX),
        }
    }
}

fn row(one: &WorkloadSummary, column: &str) -> Value {
    let none = || format::UNDEFINED.to_owned();
    let share = |value: Option<f64>| value.map_or_else(none, fine);
    let duration = |value: Option<f64>| value.map_or_else(none, format::duration);
    let count = format::count;
    let unplanned = one.unplanned_loss.filter(|&share| share > 0.0);
    let recovered = match (one.losses, one.losses - one.unrepaired.min(one.losses)) {
        (0, _) => none(),
        (losses, repaired) => format!(
            "{} of {}: {}, {}",
            count(repaired),
            count(losses),
            duration(one.recovery_mean_s),
            duration(one.recovery_max_s)
        ),
    };
    let rollouts = match one.rollouts {
        0 => none(),
        begun => format!(
            "{}{}: {}, {}",
            count(begun),
            match one.rollouts_unfinished {
                0 => String::new(),
                open => format!(" ({} unfinished)", count(open)),
            },
            duration(one.rollout_max_s),
            share(one.lowest_ready)
        ),
    };
    let evictions = one.evictions.iter();
    let evictions: Vec<String> = evictions
        .map(|(cause, number)| format!("{} {}", count(*number), cause.replace('_', " ")))
        .collect();
    context! {
        name => format::clean(&format!("{}/{}/{}", one.kind, one.namespace, one.name)),
        variant => column.to_owned(),
        wanted => one.desired.to_string(),
        available => match unplanned {
                    Some(lost) => format!("{} ({})", share(one.availability), fine(lost)),
                    None => share(one.availability),
                },
        replicas => share(one.replica_availability),
        missing => format!(
                    "{}, {}",
                    one.missing_pod_hours
                        .map_or_else(none, |hours| format!("{hours:.2} h")),
                    one.worst_missing
                ),
        recovered,
        rollouts,
        evicted => if evictions.is_empty() {
                    none()
                } else {
                    evictions.join(", ")
                },
        restarts => count(one.restarts),
        moves => count(one.moves),
        blast => share(one.blast_radius),
    }
}

/// A share in percent to a thousandth, as nines need it.
fn fine(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

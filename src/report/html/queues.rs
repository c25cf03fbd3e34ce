//! The table of Kueue's queues: use of quotas, waits and evictions.

use serde::Serialize;

use crate::format;
use lab::summary::{QueueSummary, QueueUseSummary, Summary};

/// Most lines shown.
const ROWS_MAX: usize = 200;

/// The table.
#[derive(Serialize)]
pub(super) struct PageQueues<'a> {
    rows: Vec<PageQueue<'a>>,
    /// Lines that are not shown.
    hidden: usize,
}

#[derive(Serialize)]
struct PageQueue<'a> {
    queue: String,
    variant: &'a str,
    admitted: String,
    waits: String,
    evicted: String,
    pending: String,
    uses: Vec<PageUse>,
}

#[derive(Serialize)]
struct PageUse {
    what: String,
    used: String,
    share: String,
    borrowed: String,
}

impl<'a> PageQueues<'a> {
    /// The queues of all variants, a queue's variants one below the other; where there are too many,
    /// the first by name.
    pub(super) fn new(summary: &'a Summary, columns: &[&'a str]) -> Self {
        let variants = summary.variants.iter().zip(columns);
        let mut all: Vec<(&QueueSummary, &'a str)> = variants
            .flat_map(|(variant, &column)| variant.queues.iter().map(move |one| (one, column)))
            .collect();
        // Stable: variants stay in their order.
        all.sort_by(|one, other| one.0.queue.cmp(&other.0.queue));
        let hidden = all.len().saturating_sub(ROWS_MAX);
        all.truncate(ROWS_MAX);
        Self {
            rows: all
                .into_iter()
                .map(|(one, column)| row(one, column))
                .collect(),
            hidden,
        }
    }
}

fn row<'a>(one: &QueueSummary, variant: &'a str) -> PageQueue<'a> {
    let waits = match (one.wait_mean_s, one.wait_max_s) {
        (Some(mean), Some(most)) => {
            format!("{}, {}", format::duration(mean), format::duration(most))
        }
        _ => format::UNDEFINED.to_owned(),
    };
    PageQueue {
        queue: format::clean(&one.queue),
        variant,
        admitted: format::count(one.admitted),
        waits,
        evicted: format::count(one.evicted),
        pending: format::count(one.pending),
        uses: one.uses.iter().map(used).collect(),
    }
}

fn used(own: &QueueUseSummary) -> PageUse {
    let share = |part: f64, whole: f64| {
        if whole > 0.0 {
            format!("{:.1} %", part / whole * 100.0)
        } else {
            format::UNDEFINED.to_owned()
        }
    };
    PageUse {
        what: format::clean(&format!("{} of {}", own.resource, own.flavor)),
        used: format!("{:.1} h", own.used_hours),
        share: share(own.used_hours, own.nominal_hours),
        borrowed: share(own.borrowed_hours, own.used_hours),
    }
}

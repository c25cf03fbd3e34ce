//! Kueue's queues: a table of all with use of quotas, waits and evictions, and a page for each.

use minijinja::{Value, context};
use serde::Serialize;

use crate::clock::Clock;
use crate::format;
use crate::plot::queue as plot;
use lab::summary::{QueueSummary, QueueUseSummary, Summary};

/// Most lines shown.
const ROWS_MAX: usize = 200;

/// Most queues that have a page.
const PAGES_MAX: usize = 60;

/// The table.
#[derive(Serialize)]
pub(super) struct PageQueues {
    rows: Vec<Value>,
    /// Lines that are not shown.
    hidden: usize,
    pages: Vec<Value>,
    /// Queues without a page.
    unpaged: usize,
}

impl PageQueues {
    /// The queues of all variants, a queue's variants one below the other; where there are too many,
    /// the first by name.
    pub(super) fn new(summary: &Summary, columns: &[&str]) -> Self {
        let variants = summary.variants.iter().zip(columns);
        let mut all: Vec<(&QueueSummary, &str)> = variants
            .flat_map(|(variant, &column)| variant.queues.iter().map(move |one| (one, column)))
            .collect();
        // Stable: variants stay in their order.
        all.sort_by(|one, other| one.0.queue.cmp(&other.0.queue));
        let mut names: Vec<&str> = all.iter().map(|(one, _)| one.queue.as_str()).collect();
        names.dedup();
        let paged = names.iter().take(PAGES_MAX).enumerate();
        let pages = paged.map(|(place, name)| page(place, name, summary, columns));
        let pages: Vec<Value> = pages.collect();
        let hidden = all.len().saturating_sub(ROWS_MAX);
        all.truncate(ROWS_MAX);
        let rows = all.into_iter().map(|(one, column)| {
            let place = names.iter().position(|name| *name == one.queue);
            row(one, column, place.filter(|place| *place < PAGES_MAX))
        });
        Self {
            rows: rows.collect(),
            hidden,
            unpaged: names.len() - pages.len(),
            pages,
        }
    }
}

/// Name of the page of a queue in links.
fn id(place: usize) -> String {
    format!("queue-{place}")
}

/// The page of a queue.
fn page<'a>(place: usize, name: &str, summary: &'a Summary, columns: &[&'a str]) -> Value {
    let variants = summary.variants.iter().zip(columns).enumerate();
    let own = variants.filter_map(|(index, (variant, column))| {
        let own = variant.queues.iter().find(|own| own.queue == name)?;
        Some((index, *column, own))
    });
    let own: Vec<plot::QueueOf<'a>> = own.collect();
    let priorities = own.iter().flat_map(|(_, variant, own)| {
        own.priorities.iter().rev().map(|own| {
            context! {
                variant => *variant,
                priority => own.priority,
                admitted => format::count(own.admitted),
                mean => format::duration(own.wait_mean_s),
                longest => format::duration(own.wait_max_s),
            }
        })
    });
    let evictions = own.iter().flat_map(|(_, variant, own)| {
        own.evictions.iter().map(|(reason, count)| {
            context! {
                variant => *variant,
                reason => format::clean(reason),
                count => format::count(*count),
            }
        })
    });
    context! {
        id => id(place),
        queue => format::clean(name),
        plot => plot::draw(place, name, &own, Clock::shared(summary)).map(Value::from_safe_string),
        priorities => priorities.collect::<Vec<Value>>(),
        evictions => evictions.collect::<Vec<Value>>(),
    }
}

fn row(one: &QueueSummary, variant: &str, page: Option<usize>) -> Value {
    let waits = match (one.wait_mean_s, one.wait_max_s) {
        (Some(mean), Some(most)) => {
            format!("{}, {}", format::duration(mean), format::duration(most))
        }
        _ => format::UNDEFINED.to_owned(),
    };
    context! {
        queue => format::clean(&one.queue),
        id => page.map(id),
        variant,
        admitted => format::count(one.admitted),
        waits,
        evicted => format::count(one.evicted),
        pending => format::count(one.pending),
        uses => one.uses.iter().map(used).collect::<Vec<Value>>(),
    }
}

fn used(own: &QueueUseSummary) -> Value {
    let share = |part: f64, whole: f64| {
        if whole > 0.0 {
            format!("{:.1} %", part / whole * 100.0)
        } else {
            format::UNDEFINED.to_owned()
        }
    };
    context! {
        what => format::clean(&format!("{} of {}", own.resource, own.flavor)),
        used => format!("{:.1} h", own.used_hours),
        share => share(own.used_hours, own.nominal_hours),
        borrowed => share(own.borrowed_hours, own.used_hours),
    }
}

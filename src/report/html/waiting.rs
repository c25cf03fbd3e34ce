//! The table of pods that wait for a node at the end.

use serde::Serialize;

use crate::format;
use crate::runs::Gathered;

/// Most rows.
const ROWS_MAX: usize = 100;

#[derive(Serialize)]
pub(super) struct PageWaiting<'a> {
    run: &'a str,
    first: String,
    pods: String,
    since: String,
    reason: String,
    filters: String,
}

/// Pods that wait, by variant, class and reason, most first.
pub(super) fn waiting(gathered: &Gathered) -> Vec<PageWaiting<'_>> {
    let variants = gathered.data.variants.iter();
    let listed = variants.flat_map(|variant| {
        let own = variant.waiting.listed.iter();
        own.map(|own| (variant.name.as_str(), own))
    });
    let rows = listed.take(ROWS_MAX).map(|(run, own)| PageWaiting {
        run,
        first: format::clean(&own.first),
        pods: format::count(own.pods),
        since: format::duration(own.since_ns as f64 / 1e9),
        reason: format::clean(&own.reason),
        filters: own.filters.join(", "),
    });
    rows.collect()
}

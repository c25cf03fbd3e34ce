//! The table of requests: who asked whom, and what became of it.

use serde::Serialize;

use crate::format;
use crate::runs::Gathered;

/// Most rows of the table.
const ROWS_MAX: usize = 200;

#[derive(Serialize)]
pub(super) struct PageTraffic<'a> {
    run: &'a str,
    group: &'a str,
    service: &'a str,
    offered: String,
    served: String,
    failed: String,
    errors: String,
    p50: String,
    p90: String,
    p99: String,
    burn: String,
}

/// The rows, by variant.
pub(super) fn rows(gathered: &Gathered) -> Vec<PageTraffic<'_>> {
    const NONE: &str = "–";
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let millis = |value: Option<f64>| or_none(value.map(|value| format::duration(value / 1e3)));
    let variants = gathered.data.variants.iter();
    let listed = variants.flat_map(|variant| {
        let traffic = variant.traffic.iter().flat_map(|data| &data.listed);
        traffic.map(|own| (variant.name.as_str(), own))
    });
    // Where clients could have gone and never did is no news.
    let asked = listed.filter(|(_, own)| own.offered > 0);
    let rows = asked.take(ROWS_MAX).map(|(run, own)| PageTraffic {
        run,
        group: &own.group,
        service: &own.service,
        offered: format::count(own.offered),
        served: format::count(own.served),
        failed: format::count(own.failed),
        errors: or_none(
            own.error_rate
                .map(|share| format!("{:.3}\u{a0}%", share * 100.0)),
        ),
        p50: millis(own.p50_ms),
        p90: millis(own.p90_ms),
        p99: millis(own.p99_ms),
        burn: or_none(own.burn.map(|burn| format!("{burn:.2}"))),
    });
    rows.collect()
}

//! The tables of alerts, of what was sent of them, and of failures against diagnoses.

use serde::Serialize;

use crate::format;
use crate::runs::Gathered;

/// Most rows of a table.
const ROWS_MAX: usize = 100;

#[derive(Serialize)]
pub(super) struct PageAlert<'a> {
    run: &'a str,
    at: String,
    alert: &'a str,
    service: &'a str,
    turn: &'a str,
    value: String,
}

#[derive(Serialize)]
pub(super) struct PageNotification<'a> {
    run: &'a str,
    at: String,
    group: &'a str,
    sentence: String,
}

fn time(nanos: i64) -> String {
    format::duration(nanos as f64 / 1e9)
}

/// Turns of alerts, by variant; those that came to nothing are left out.
pub(super) fn alerts(gathered: &Gathered) -> Vec<PageAlert<'_>> {
    let variants = gathered.data.variants.iter();
    let listed = variants.flat_map(|variant| {
        let own = variant.alarms.iter().flat_map(|data| &data.alerts);
        own.map(|own| (variant.name.as_str(), own))
    });
    let told = listed.filter(|(_, own)| matches!(own.turn.as_str(), "firing" | "resolved"));
    let rows = told.take(ROWS_MAX).map(|(run, own)| PageAlert {
        run,
        at: time(own.at_ns),
        alert: &own.alert,
        service: &own.service,
        turn: &own.turn,
        value: own
            .value
            .map_or("–".to_owned(), |value| format!("{value:.3}")),
    });
    rows.collect()
}

#[derive(Serialize)]
pub(super) struct PageConfusion<'a> {
    run: &'a str,
    injected: &'a str,
    diagnosed: &'a str,
    count: String,
    delay: String,
}

fn or<'a>(text: &'a str, none: &'static str) -> &'a str {
    if text.is_empty() { none } else { text }
}

/// Injected failures against diagnoses, by variant.
pub(super) fn confusion(gathered: &Gathered) -> Vec<PageConfusion<'_>> {
    let variants = gathered.data.variants.iter();
    let listed = variants.flat_map(|variant| {
        let own = variant.alarms.iter().flat_map(|data| &data.confusion);
        own.map(|own| (variant.name.as_str(), own))
    });
    let rows = listed.take(ROWS_MAX).map(|(run, own)| PageConfusion {
        run,
        injected: or(&own.injected, "nothing"),
        diagnosed: or(&own.diagnosed, "no fault"),
        count: format::count(own.count),
        delay: own.delay_s.map_or("–".to_owned(), format::duration),
    });
    rows.collect()
}

/// Notifications of alerts, by variant.
pub(super) fn notifications(gathered: &Gathered) -> Vec<PageNotification<'_>> {
    let variants = gathered.data.variants.iter();
    let listed = variants.flat_map(|variant| {
        let own = variant.alarms.iter().flat_map(|data| &data.notifications);
        own.map(|own| (variant.name.as_str(), own))
    });
    let rows = listed.take(ROWS_MAX).map(|(run, own)| PageNotification {
        run,
        at: time(own.at_ns),
        group: &own.group,
        sentence: own.sentence(),
    });
    rows.collect()
}

//! Tables of the page with entries of all runs: requests, alerts and what was sent of them, failures
//! against diagnoses, autoscalers of pods, conflicts between controllers, and pods that wait.

use minijinja::{Value, context};

use crate::format::{self, UNDEFINED};
use crate::runs::Gathered;
use history::VariantData;
use lab::summary::{AutoscalerSummary, Summary, VariantSummary};
use metrics::fights::DETECTORS;

/// Most rows of a table.
const ROWS_MAX: usize = 100;

/// Most requests, which take little room each.
const REQUESTS_MAX: usize = 200;

/// Most conflicts.
const FIGHTS_MAX: usize = 60;

pub(super) fn time(nanos: i64) -> String {
    format::duration(nanos as f64 / 1e9)
}

fn or_none<T>(value: Option<T>, words: impl Fn(T) -> String) -> String {
    value.map_or_else(|| UNDEFINED.to_owned(), words)
}

/// Rows for entries of the data of every run.
fn rows<'a, T: 'a, L: Iterator<Item = &'a T>>(
    gathered: &'a Gathered,
    list: impl Fn(&'a VariantData) -> L,
    row: impl Fn(&'a str, &'a T) -> Value,
) -> Vec<Value> {
    let variants = gathered.data.variants.iter();
    let row = &row;
    let rows = variants.flat_map(|variant| list(variant).map(|own| row(&variant.name, own)));
    rows.take(ROWS_MAX).collect()
}

/// Requests of clients: who asked whom, and what became of it.
pub(super) fn traffic(gathered: &Gathered) -> Vec<Value> {
    let millis = |value| or_none(value, |value: f64| format::duration(value / 1e3));
    let variants = gathered.data.variants.iter();
    let listed = variants.flat_map(|variant| {
        let traffic = variant.traffic.iter().flat_map(|data| &data.listed);
        traffic.map(|own| (&variant.name, own))
    });
    // Where clients could have gone and never did is no news.
    let asked = listed.filter(|(_, own)| own.offered > 0);
    let rows = asked.take(REQUESTS_MAX).map(|(run, own)| {
        context! {
            run,
            group => &own.group,
            service => &own.service,
            offered => format::count(own.offered),
            served => format::count(own.served),
            failed => format::count(own.failed),
            errors => or_none(own.error_rate, |share| format!("{:.3}\u{a0}%", share * 100.0)),
            p50 => millis(own.p50_ms),
            p90 => millis(own.p90_ms),
            p99 => millis(own.p99_ms),
            burn => or_none(own.burn, |burn| format!("{burn:.2}")),
        }
    });
    rows.collect()
}

/// Turns of alerts; those that came to nothing are left out.
pub(super) fn alerts(gathered: &Gathered) -> Vec<Value> {
    rows(
        gathered,
        |variant| {
            let all = variant.alarms.iter().flat_map(|data| &data.alerts);
            all.filter(|own| matches!(own.turn.as_str(), "firing" | "resolved"))
        },
        |run, own| {
            context! {
                run,
                at => time(own.at_ns),
                alert => &own.alert,
                service => &own.service,
                turn => &own.turn,
                value => or_none(own.value, |value| format!("{value:.3}")),
            }
        },
    )
}

/// Notifications of alerts.
pub(super) fn notifications(gathered: &Gathered) -> Vec<Value> {
    rows(
        gathered,
        |variant| variant.alarms.iter().flat_map(|data| &data.notifications),
        |run, own| {
            context! {
                run,
                at => time(own.at_ns),
                group => &own.group,
                sentence => own.sentence(),
            }
        },
    )
}

/// Injected failures against diagnoses.
pub(super) fn confusion(gathered: &Gathered) -> Vec<Value> {
    let or = |text: &str, none: &str| if text.is_empty() { none } else { text }.to_owned();
    rows(
        gathered,
        |variant| variant.alarms.iter().flat_map(|data| &data.confusion),
        |run, own| {
            context! {
                run,
                injected => or(&own.injected, "nothing"),
                diagnosed => or(&own.diagnosed, "no fault"),
                count => format::count(own.count),
                delay => or_none(own.delay_s, format::duration),
            }
        },
    )
}

/// Pods that wait for a node at the end, by class and reason, most first.
pub(super) fn waiting(gathered: &Gathered) -> Vec<Value> {
    rows(
        gathered,
        |variant| variant.waiting.listed.iter(),
        |run, own| {
            context! {
                run,
                first => format::clean(&own.first),
                pods => format::count(own.pods),
                since => time(own.since_ns),
                reason => format::clean(&own.reason),
                filters => own.filters.join(", "),
            }
        },
    )
}

/// Rows for entries of the summary of every run.
fn summarized<'a, T: 'a>(
    summary: &'a Summary,
    columns: &[&'a str],
    list: impl Fn(&'a VariantSummary) -> &'a [T],
    row: impl Fn(&'a str, &'a T) -> Value,
) -> impl Iterator<Item = Value> {
    let variants = summary.variants.iter().zip(columns);
    let listed =
        variants.flat_map(move |(variant, &run)| list(variant).iter().map(move |own| (run, own)));
    listed.map(move |(run, own)| row(run, own))
}

/// Autoscalers of pods: what each asked for and recommended.
pub(super) fn autoscalers(summary: &Summary, columns: &[&str]) -> Vec<Value> {
    let rows = summarized(summary, columns, |own| &own.autoscalers, autoscaler);
    rows.take(ROWS_MAX).collect()
}

fn autoscaler(run: &str, own: &AutoscalerSummary) -> Value {
    let range = own.replicas.as_ref();
    let recommended = own.recommended.iter().map(|known| {
        let name = match format::clean(&known.container) {
            name if name.is_empty() => "a container".to_owned(),
            name => name,
        };
        let (cpu, mebibytes) = (known.cpu, known.memory_bytes.unsigned_abs() >> 20);
        let (cpu, mebibytes) = (format::fixed(cpu, 3), format::count(mebibytes));
        format!("{name}: {cpu} cores, {mebibytes} MiB")
    });
    let recommended: Vec<String> = recommended.collect();
    let recommended = Some(recommended.join("; ")).filter(|own| !own.is_empty());
    context! {
        run,
        kind => &own.kind,
        object => format::clean(&own.object),
        target => format::clean(&own.target),
        bounds => or_none(range, |own| format!("{} to {}", own.min, own.max)),
        asked => or_none(range, |own| {
            format!("{} to {}, last {}", own.fewest, own.most, own.last)
        }),
        scaled => or_none(range, |own| format!("{} up, {} down", own.ups, own.downs)),
        recommended => or_none(recommended, |own| own),
    }
}

/// Controllers that undid each other's work, or their own, by detector, the busiest first.
pub(super) fn fights(summary: &Summary, columns: &[&str]) -> Vec<Value> {
    let rows = summarized(
        summary,
        columns,
        |own| &own.fights,
        |run, own| {
            let detector = DETECTORS.iter().find(|known| known.name() == own.detector);
            context! {
                run,
                what => detector.map_or(own.detector.as_str(), |known| known.words),
                object => format::clean(&own.object),
                times => format::count(own.times),
                first => time(own.first_ns),
                last => time(own.last_ns),
            }
        },
    );
    rows.take(FIGHTS_MAX).collect()
}

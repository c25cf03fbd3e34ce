//! The table of services: what became of the requests to each, in a line per variant.

use minijinja::{Value, context};
use serde::Serialize;

use crate::format;
use lab::summary::{ServiceSummary, Summary};

/// Most lines shown.
const ROWS_MAX: usize = 100;

/// The table.
#[derive(Serialize)]
pub(super) struct PageServices {
    rows: Vec<Value>,
    /// Lines that are not shown.
    hidden: usize,
}

impl PageServices {
    /// The services of all variants, a service's variants one below the other; where there are too
    /// many, those whose clients fared worst.
    pub(super) fn new(summary: &Summary, columns: &[&str]) -> Self {
        let variants = summary.variants.iter().zip(columns);
        let mut all: Vec<(&ServiceSummary, usize, &str)> = variants
            .enumerate()
            .flat_map(|(place, (variant, &column))| {
                let services = variant.services.iter();
                services.map(move |one| (one, place, column))
            })
            .collect();
        let count = all.len();
        let badness = |one: &ServiceSummary| {
            let burn = burns(one).map_or(0.0, |(_, burn)| burn);
            (burn, one.error_rate.unwrap_or(0.0))
        };
        all.sort_by(|one, other| {
            let ((burn, errors), (others_burn, others_errors)) = (badness(one.0), badness(other.0));
            let by_burn = others_burn.total_cmp(&burn);
            by_burn.then(others_errors.total_cmp(&errors))
        });
        all.truncate(ROWS_MAX);
        let mut lists = summary.variants.iter().flat_map(|own| &own.services);
        let mut names: Vec<&str> = Vec::new();
        if count <= ROWS_MAX {
            // As they are written.
            for own in &mut lists {
                if !names.contains(&own.service.as_str()) {
                    names.push(&own.service);
                }
            }
        } else {
            names.extend(all.iter().map(|(own, ..)| own.service.as_str()));
        }
        let order = |one: &ServiceSummary| names.iter().position(|name| *name == one.service);
        all.sort_by_key(|(one, place, _)| (order(one), *place));
        Self {
            rows: (all.into_iter())
                .map(|(one, _, column)| row(one, column))
                .collect(),
            hidden: count.saturating_sub(ROWS_MAX),
        }
    }
}

/// The objective whose budget burns fastest, in words, and how fast.
fn burns(one: &ServiceSummary) -> Option<(String, f64)> {
    let known = one
        .objectives
        .iter()
        .filter_map(|own| Some((own, own.burn?)));
    let (own, burn) = known.max_by(|one, other| one.1.total_cmp(&other.1))?;
    let within = format::duration(own.latency_s);
    Some((format!("{} in {within}", share(own.share)), burn))
}

/// In percent: of small shares three digits behind the point, of others one; objectives are written in
/// full.
fn rate(value: f64) -> String {
    if value >= 0.01 {
        format!("{:.1}\u{a0}%", value * 100.0)
    } else {
        share(value)
    }
}

fn share(value: f64) -> String {
    let text = format!("{:.3}", value * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}\u{a0}%")
}

fn row(one: &ServiceSummary, column: &str) -> Value {
    let none = || format::UNDEFINED.to_owned();
    let duration = |value: Option<f64>| value.map_or_else(none, format::duration);
    let causes: Vec<String> = (one.errors.iter())
        .map(|(cause, count)| format!("{} {}", cause.replace('_', " "), format::count(*count)))
        .collect();
    let percent = |value: f64| format!("{:.0}\u{a0}%", value * 100.0);
    let (objective, burn) = burns(one).unzip();
    context! {
        service => one.service.clone(),
        variant => column.to_owned(),
        offered => format::count(one.offered),
        errors => one.error_rate.map_or_else(none, rate),
        causes => if causes.is_empty() {
                    none()
                } else {
                    causes.join(", ")
                },
        p50 => duration(one.latency_p50_s),
        p95 => duration(one.latency_p95_s),
        p99 => duration(one.latency_p99_s),
        objective => objective.unwrap_or_else(none),
        burn => burn.map_or_else(none, |burn| format!("{burn:.2}")),
        saturation => match (one.saturation, one.saturation_peak) {
                    (Some(mean), Some(peak)) => format!("{}, {}", percent(mean), percent(peak)),
                    _ => none(),
                },
    }
}

//! The table of autoscalers of pods: what each asked for and recommended.

use serde::Serialize;

use crate::format;
use lab::summary::{AutoscalerSummary, Summary};

/// Most rows.
const ROWS_MAX: usize = 100;

#[derive(Serialize)]
pub(super) struct PageAutoscaler<'a> {
    run: &'a str,
    kind: &'a str,
    object: String,
    target: String,
    bounds: String,
    asked: String,
    scaled: String,
    recommended: String,
}

/// The autoscalers of all variants.
pub(super) fn autoscalers<'a>(
    summary: &'a Summary,
    columns: &[&'a str],
) -> Vec<PageAutoscaler<'a>> {
    let variants = summary.variants.iter().zip(columns);
    let listed =
        variants.flat_map(|(variant, &run)| variant.autoscalers.iter().map(move |own| (run, own)));
    listed
        .take(ROWS_MAX)
        .map(|(run, own)| row(run, own))
        .collect()
}

fn row<'a>(run: &'a str, own: &'a AutoscalerSummary) -> PageAutoscaler<'a> {
    let none = || format::UNDEFINED.to_owned();
    let range = own.replicas.as_ref();
    let recommended = own.recommended.iter().map(|known| {
        let name = format::clean(&known.container);
        let name = if name.is_empty() {
            "a container"
        } else {
            &name
        };
        format!(
            "{name}: {} cores, {} MiB",
            format::fixed(known.cpu, 3),
            format::count(known.memory_bytes.unsigned_abs() >> 20)
        )
    });
    let recommended: Vec<String> = recommended.collect();
    PageAutoscaler {
        run,
        kind: &own.kind,
        object: format::clean(&own.object),
        target: format::clean(&own.target),
        bounds: range.map_or_else(none, |own| format!("{} to {}", own.min, own.max)),
        asked: range.map_or_else(none, |own| {
            format!("{} to {}, last {}", own.fewest, own.most, own.last)
        }),
        scaled: range.map_or_else(none, |own| format!("{} up, {} down", own.ups, own.downs)),
        recommended: if recommended.is_empty() {
            none()
        } else {
            recommended.join("; ")
        },
    }
}

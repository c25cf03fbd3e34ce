//! Remarks on the figures of a report: definitions, reasons, irregularities of the input.

use serde::Serialize;

use crate::comparison::Comparison;
use crate::format;
use lab::summary::{MetricDefinition, Summary};
use metrics::registry;
use units::SortedMap;

/// Metrics that are defined together.
#[derive(Serialize)]
pub(super) struct PageDefinition<'a> {
    title: String,
    ids: Vec<&'a str>,
    definition: &'a str,
}

/// A remark and the variants it is about; no variants where it is about all.
#[derive(Serialize)]
pub(super) struct PageRemark<'a> {
    pub(super) text: String,
    pub(super) variants: Vec<&'a str>,
}

/// The definitions of the metrics in the main table, then of the others.
pub(super) fn definitions<'a>(
    summary: &'a Summary,
    headline: &Comparison,
    all: &'a Comparison,
) -> [Vec<PageDefinition<'a>>; 2] {
    let rows = all.rows.iter().enumerate();
    let places: SortedMap<&str, usize> = rows.map(|(place, row)| (&*row.id, place)).collect();
    let entries = summary.definitions.iter().filter_map(|own| {
        let places = own.titles.keys().filter_map(|id| places.get(&**id));
        let mut places: Vec<usize> = places.copied().collect();
        places.sort_unstable();
        let ids = places.iter().map(|place| all.rows[*place].id.as_str());
        let ids: Vec<&str> = ids.collect();
        (!ids.is_empty()).then(|| PageDefinition {
            title: family(own, &ids),
            ids,
            definition: &own.definition,
        })
    });
    let mut entries: Vec<PageDefinition<'a>> = entries.collect();
    entries.sort_by(|a, b| a.ids.cmp(&b.ids));
    let shown = |entry: &PageDefinition<'_>| {
        headline
            .rows
            .iter()
            .any(|row| entry.ids.contains(&row.id.as_str()))
    };
    let (first, others) = entries.into_iter().partition(shown);
    [first, others]
}

/// Family of metrics that are defined together: the beginning of their ids.
fn family(definition: &MetricDefinition, ids: &[&str]) -> String {
    match ids {
        [] => String::new(),
        [id] => definition.titles[*id].clone(),
        [first, others @ ..] => {
            let same = |parts: &[&str]| {
                let prefix = parts.join(".") + ".";
                others.iter().all(|id| id.starts_with(&prefix))
            };
            let parts: Vec<&str> = first.split('.').collect();
            let length = (1..parts.len())
                .rev()
                .find(|&length| same(&parts[..length]));
            registry::title(&parts[..length.unwrap_or(1)].join("."))
        }
    }
}

/// Every metric that has no value somewhere, with the reason; those with the same reason in the
/// same variants together.
pub(super) fn undefined(all: &Comparison) -> Vec<PageRemark<'_>> {
    let mut labels_by_reason: SortedMap<(String, Vec<&str>), Vec<&str>> = SortedMap::new();
    for row in &all.rows {
        let cells = row
            .cells
            .iter()
            .zip(&all.columns)
            .filter(|(cell, _)| cell.value.is_none());
        let reasons = cells.map(|(cell, column)| {
            let reason = cell.note.as_deref().unwrap_or("not measured");
            (reason.to_owned(), column.name.as_str())
        });
        for remark in gathered(reasons, all.columns.len()) {
            labels_by_reason
                .entry((remark.text, remark.variants))
                .or_default()
                .push(&row.label);
        }
    }
    labels_by_reason
        .into_iter()
        .map(|((reason, variants), labels)| PageRemark {
            text: format!("{}: {reason}", labels.join("; ")),
            variants,
        })
        .collect()
}

/// Faults of the input, each line once.
pub(super) fn ledger<'a>(summary: &'a Summary, columns: &[&'a str]) -> Vec<PageRemark<'a>> {
    let lines = summary
        .variants
        .iter()
        .zip(columns)
        .flat_map(|(variant, &name)| {
            variant
                .ledger
                .iter()
                .map(move |line| (format::clean(line), name))
        });
    gathered(lines, columns.len())
}

/// Puts equal remarks together; one about all variants names none.
pub(super) fn gathered<'a>(
    remarks: impl Iterator<Item = (String, &'a str)>,
    variant_count: usize,
) -> Vec<PageRemark<'a>> {
    let mut variants_by_text: SortedMap<String, Vec<&'a str>> = SortedMap::new();
    for (text, variant) in remarks {
        variants_by_text.entry(text).or_default().push(variant);
    }
    variants_by_text
        .into_iter()
        .map(|(text, variants)| {
            let about_all = variants.len() == variant_count;
            PageRemark {
                text,
                variants: if about_all { Vec::new() } else { variants },
            }
        })
        .collect()
}

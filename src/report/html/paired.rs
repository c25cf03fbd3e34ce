//! The section on a comparison of paired runs.

use serde::Serialize;

use crate::study::{StudyRow, counts, facts, front, heading, incomparable, rows};
use lab::compare::{Pair, Study, Verdict};

/// A comparison as the template takes it.
#[derive(Serialize)]
pub(super) struct PageStudy {
    baseline: String,
    facts: Vec<String>,
    pairs: Vec<PagePair>,
    gated: String,
    others: String,
    front: Option<String>,
}

#[derive(Serialize)]
struct PagePair {
    candidate: String,
    heading: String,
    /// Statement of what makes the two not comparable; none if nothing does.
    incomparable: Option<String>,
    gated: Vec<PageStudyRow>,
    others: Vec<PageStudyRow>,
}

#[derive(Serialize)]
struct PageStudyRow {
    label: String,
    base: String,
    head: String,
    change: String,
    verdict: String,
    /// Whether the difference is beyond chance.
    strong: bool,
}

impl PageStudy {
    pub(super) fn new(study: &Study) -> Self {
        let page = |pair: &Pair, is_gated: bool| -> Vec<PageStudyRow> {
            let rows = rows(pair, is_gated).into_iter();
            rows.map(|row| page_row(row, pair)).collect()
        };
        let pairs = study.pairs.iter().map(|pair| PagePair {
            candidate: pair.candidate.clone(),
            heading: heading(study, pair),
            incomparable: incomparable(pair),
            gated: page(pair, true),
            others: page(pair, false),
        });
        Self {
            baseline: study.baseline.clone(),
            facts: facts(study),
            pairs: pairs.collect(),
            gated: counts(study, true),
            others: counts(study, false),
            front: front(study),
        }
    }
}

fn page_row(row: StudyRow, pair: &Pair) -> PageStudyRow {
    PageStudyRow {
        strong: pair.is_comparable()
            && matches!(row.word, Some(Verdict::Improved | Verdict::Regressed)),
        label: row.label,
        base: row.base,
        head: row.head,
        change: row.change,
        verdict: row.verdict,
    }
}

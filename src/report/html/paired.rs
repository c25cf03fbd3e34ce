//! The section on a comparison of paired runs.

use serde::Serialize;

use crate::study::{StudyRow, counts, facts, front, rows};
use lab::compare::{Study, Verdict};

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
        let page = |rows: Vec<StudyRow>| rows.into_iter().map(page_row).collect();
        let pairs = study.pairs.iter().map(|pair| PagePair {
            candidate: pair.candidate.clone(),
            gated: page(rows(pair, true)),
            others: page(rows(pair, false)),
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

fn page_row(row: StudyRow) -> PageStudyRow {
    PageStudyRow {
        strong: matches!(row.word, Some(Verdict::Improved | Verdict::Regressed)),
        label: row.label,
        base: row.base,
        head: row.head,
        change: row.change,
        verdict: row.verdict,
    }
}

//! The section on a comparison of paired runs.

use minijinja::{Value, context};
use serde::Serialize;

use crate::sense::Sense;
use crate::study::all_pairs::{self, MetricPairs};
use crate::study::{StudyRow, counts, facts, front, heading, incomparable, rows};
use lab::compare::{Pair, Study};

/// A comparison as the template takes it.
#[derive(Serialize)]
pub(super) struct PageStudy {
    baseline: String,
    facts: Vec<String>,
    pairs: Vec<Value>,
    /// The gated metrics over all pairs of candidates, if that was asked for.
    blocks: Vec<Value>,
    gated: String,
    others: String,
    front: Option<String>,
}

impl PageStudy {
    pub(super) fn new(study: &Study) -> Self {
        let page = |pair: &Pair, is_gated: bool| -> Vec<Value> {
            let rows = rows(pair, is_gated).into_iter();
            rows.map(|row| page_row(row, pair)).collect()
        };
        let pairs = study.pairs.iter().map(|pair| {
            context! {
                candidate => pair.candidate.clone(),
                heading => heading(study, pair),
                incomparable => incomparable(pair),
                gated => page(pair, true),
                others => page(pair, false),
            }
        });
        Self {
            baseline: study.baseline.clone(),
            facts: facts(study),
            pairs: pairs.collect(),
            blocks: all_pairs::blocks(study).iter().map(page_block).collect(),
            gated: counts(study, true),
            others: counts(study, false),
            front: front(study),
        }
    }
}

/// Ranks and pairs of a gated metric.
fn page_block(block: &MetricPairs) -> Value {
    let ranks = block.ranks.iter().flat_map(|own| &own.rows).map(|row| {
        context! {
            rank => row.rank.clone(),
            // A browser keeps no plain spaces, and the letters stand below each other.
            letters => row.letters.replace(' ', "\u{a0}"),
            candidate => row.candidate.clone(),
        }
    });
    let pairs = block.pairs.iter().map(|row| {
        context! {
            names => row.names.clone(),
            change => row.change.clone(),
            p => row.p.clone(),
            verdict => row.verdict.clone(),
            sense => row.sense.class(),
            sign => row.sense.sign(),
        }
    });
    context! {
        label => block.label.clone(),
        facts => block.ranks.as_ref().map(|own| own.facts.clone()),
        ranks => ranks.collect::<Vec<Value>>(),
        pairs => pairs.collect::<Vec<Value>>(),
    }
}

/// The sense of a comparison: that of its most severe gated change.
pub(super) fn sense(study: &Study) -> Sense {
    let of_pair = |pair: &Pair| -> Vec<Sense> {
        let rows = rows(pair, true).into_iter();
        rows.map(|row| row.sense(pair)).collect()
    };
    let senses: Vec<Sense> = study.pairs.iter().flat_map(of_pair).collect();
    let order = [Sense::Bad, Sense::Good];
    let found = order.into_iter().find(|sense| senses.contains(sense));
    found.unwrap_or(Sense::Neither)
}

fn page_row(row: StudyRow, pair: &Pair) -> Value {
    let sense = row.sense(pair);
    context! {
        sense => sense.class(),
        sign => sense.sign(),
        label => row.label,
        base => row.base,
        head => row.head,
        change => row.change,
        verdict => row.verdict,
    }
}

//! Decisions that differ from those of the baseline, told whether or not a gate fails.

use serde::Serialize;

use super::FoundDivergence;
use super::run::Entry;
use super::{BaselineEntry, short};
use units::plural;

/// Difference of an entry's decisions from those of its baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// First digits of the baseline's digest.
    pub base: String,
    /// First digits of the digest now.
    pub head: String,
    /// The seeds whose decisions differ, of those that both have.
    pub seeds: Vec<u64>,
    /// The first decision that differs, where it can be found.
    pub first: Option<FoundDivergence>,
}

impl Changed {
    /// Compares an entry with its baseline; `None` if every common seed decides alike.
    pub(super) fn of(entry: &Entry, stored: &BaselineEntry) -> Option<Self> {
        let report = &entry.report;
        let seeds: Vec<u64> = (report.seeds.iter().zip(&report.digests))
            .filter(|(seed, digest)| {
                let place = stored.seeds.iter().position(|known| known == *seed);
                let base = place.and_then(|place| stored.digests.get(place));
                base.is_some_and(|base| base != *digest)
            })
            .map(|(seed, _)| *seed)
            .collect();
        (!seeds.is_empty()).then(|| Self {
            base: short(&stored.digest),
            head: short(&report.digest),
            seeds,
            first: None,
        })
    }

    /// The difference in words.
    pub fn words(&self, entry: &str) -> String {
        let seeds = plural::count(self.seeds.len(), "seed");
        let words = format!(
            "{entry}: decisions differ from the baseline's in {seeds} (digest {} → {})",
            self.base, self.head
        );
        match &self.first {
            Some(first) => format!("{words}, first at {}", first.words),
            None => words,
        }
    }
}

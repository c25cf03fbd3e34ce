//! A baseline defends itself: what was edited by hand, or united wrongly, is told and not compared with.

use serde::de::{Deserialize, Deserializer, Error};

use serde_json::{Map, Value as Json};

use super::BaselineEntry;
use crate::statistics::mean;
use scenario::schema::Objective;
use units::{SortedSet, plural};

/// Seeds that an entry may have: those of more would run for days.
const SEEDS_MAX: usize = 10_000;

/// Digest over hashes.
pub(super) fn over<'a>(hashes: impl Iterator<Item = &'a String>) -> String {
    let mut hasher = blake3::Hasher::new();
    hashes.for_each(|hash| {
        hasher.update(hash.as_bytes());
    });
    hasher.finalize().to_hex().to_string()
}

/// The field of an entry that does not fit to the others, and why.
pub(super) fn fault(entry: &BaselineEntry) -> Option<(String, String)> {
    let seeds: SortedSet<u64> = entry.seeds.iter().copied().collect();
    let found = |field: &str, why: String| Some((field.to_owned(), why));
    if seeds.len() != entry.seeds.len() {
        return found("seeds", "a seed stands there twice".to_owned());
    }
    if seeds.is_empty() || seeds.len() > SEEDS_MAX {
        return found("seeds", format!("expected 1 to {SEEDS_MAX} seeds"));
    }
    let count = |values: usize| {
        let seeds = plural::count(entry.seeds.len(), "seed");
        format!("{} of {seeds}", plural::count(values, "value"))
    };
    if entry.digests.len() != entry.seeds.len() {
        return found("digests", count(entry.digests.len()));
    }
    if entry.digest != over(entry.digests.iter()) {
        return found("digest", "it is not the hash over `digests`".to_owned());
    }
    for (id, metric) in &entry.metrics {
        if metric.values.len() != entry.seeds.len() {
            return found(&format!("{id}.values"), count(metric.values.len()));
        }
        let known: Option<Vec<f64>> = metric.values.iter().copied().collect();
        let expected = known.as_deref().and_then(mean);
        let is_right = match (metric.mean, expected) {
            (Some(found), Some(mean)) => (found - mean).abs() <= 1e-12 * mean.abs(),
            (found, mean) => found == mean,
        };
        if !is_right {
            let why = "it is not the mean of `values`".to_owned();
            return found(&format!("{id}.mean"), why);
        }
    }
    (entry.checksum != entry.sum()).then(|| {
        let why = "the entry was edited: it is not what was accepted".to_owned();
        ("checksum".to_owned(), why)
    })
}

/// Reads objectives, whose numbers are texts with a grammar of their own.
pub(super) fn objectives<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Objective>, D::Error> {
    let mut maps = Vec::<Map<String, Json>>::deserialize(source)?;
    let fields = maps.iter_mut().flat_map(Map::values_mut);
    for number in fields.filter(|value| value.is_number()) {
        *number = Json::String(number.to_string());
    }
    let read = maps
        .into_iter()
        .map(|map| serde_json::from_value(map.into()));
    read.collect::<Result<_, _>>().map_err(D::Error::custom)
}

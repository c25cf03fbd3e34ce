//! Cases of a file of JSON lines: which of them go through the door, and how many came out right.

use std::path::PathBuf;

use indexmap::IndexMap;
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::{DoorReport, Said, Share};
use crate::VerifyOptions;
use crate::cases::lines_of;

/// The names of a case, without the rest of it.
#[derive(Deserialize)]
struct Head {
    #[serde(default, alias = "case")]
    id: Option<String>,
    #[serde(default, alias = "system")]
    family: Option<String>,
}

/// A case that has not been read yet.
struct Candidate {
    id: String,
    row: String,
    text: String,
}

/// Judges lines of files of the family `whole`. `row` makes the row of the report of the family that a case
/// names, if it names one; `None` leaves the case out.
///
/// # Errors
/// A file can't be read.
pub(crate) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
    whole: &str,
    row: impl Fn(Option<&str>) -> Option<String>,
    judge: impl Fn(&Value) -> Result<Said, String> + Sync,
) -> Result<Vec<(String, DoorReport)>, String> {
    let mut candidates = Vec::new();
    for file in files {
        for (place, text) in lines_of(file)? {
            let head: Head =
                serde_json::from_str(&text).map_err(|error| format!("{place}: {error}"))?;
            let id = head.id.unwrap_or(place);
            let row = row(head.family.as_deref());
            let Some(row) = row.filter(|row| options.wants_row(whole, row)) else {
                continue;
            };
            if options.wants(&id) {
                candidates.push(Candidate { id, row, text });
            }
        }
    }
    let chosen = choose(candidates, share, |own| own.row.clone(), |own| &own.id);
    let judged: Vec<(String, Said)> = chosen
        .into_par_iter()
        .map(|own| {
            let id = &own.id;
            let case: Result<Value, _> = serde_json::from_str(&own.text);
            let said = match case {
                Ok(case) => judge(&case),
                Err(error) => Err(error.to_string()),
            };
            (own.row, said.unwrap_or_else(Said::Differs).of(id))
        })
        .collect();
    let mut rows: IndexMap<String, DoorReport> = IndexMap::new();
    for (row, said) in judged {
        rows.entry(row).or_default().count(said);
    }
    Ok(rows.into_iter().collect())
}

/// The cases that go through the door: of every row those whose names have the lowest hashes, in
/// written order.
pub(crate) fn choose<T>(
    candidates: Vec<T>,
    share: Share,
    row: impl Fn(&T) -> String,
    id: impl Fn(&T) -> &str,
) -> Vec<T> {
    let Share::Most(most) = share else {
        return candidates;
    };
    let mut rows: IndexMap<String, Vec<(u64, usize)>> = IndexMap::new();
    for (place, own) in candidates.iter().enumerate() {
        let key = (hash(id(own)), place);
        rows.entry(row(own)).or_default().push(key);
    }
    let mut is_chosen = vec![false; candidates.len()];
    for (_, mut keys) in rows {
        keys.sort_unstable();
        for (_, place) in keys.into_iter().take(most) {
            is_chosen[place] = true;
        }
    }
    let chosen = candidates.into_iter().zip(is_chosen);
    chosen
        .filter_map(|(own, is_chosen)| is_chosen.then_some(own))
        .collect()
}

/// FNV-1a, so that a case is chosen or not whatever cases stand beside it.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_same_whatever_order_cases_stand_in() {
        let names: Vec<String> = (0..100).map(|number| format!("case-{number}")).collect();
        let chosen = |names: Vec<String>| {
            let row = |_: &String| "row".to_owned();
            let mut chosen = choose(names, Share::Most(7), row, |own| own);
            chosen.sort();
            chosen
        };
        let forward = chosen(names.clone());
        assert_eq!(forward.len(), 7);
        assert_eq!(forward, chosen(names.into_iter().rev().collect()));
    }
}

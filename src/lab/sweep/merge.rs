//! From records to one table: of a folder, or of the folders of several shards.

use std::path::{Path, PathBuf};

use super::record::RunRecord;
use super::store::{self, read_sweep};
use super::{SweepError, SweepFile};
use units::SortedMap;

/// A whole sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Description of the sweep.
    pub file: SweepFile,
    /// The records by key.
    pub records: SortedMap<String, RunRecord>,
}

/// Reads every record of a sweep out of the folders of its shards.
///
/// # Errors
/// If the folders hold different sweeps or are of different programs, a record is damaged or
/// missing.
pub fn merge(folders: &[PathBuf]) -> Result<Merged, SweepError> {
    let [first, others @ ..] = folders else {
        return Err(SweepError::Design(
            "--merge needs the folders of a sweep".to_owned(),
        ));
    };
    let file = read_sweep(first)?;
    for path in others {
        let other = read_sweep(path)?;
        if other.program != file.program {
            return Err(SweepError::Program {
                path: path.clone(),
                found: other.program,
                expected: "every shard",
                wanted: file.program,
            });
        }
        if let Some(what) = other.difference(&file) {
            return Err(SweepError::Unlike {
                path: path.clone(),
                first: first.clone(),
                what,
            });
        }
    }
    let mut records = SortedMap::new();
    let mut missing: Vec<usize> = Vec::new();
    for (row, key) in file.runs.iter().enumerate() {
        if records.contains_key(key) {
            continue;
        }
        match find(folders, key, &file.program)? {
            Some(record) => {
                records.insert(key.clone(), record);
            }
            None => missing.push(row),
        }
    }
    let Some(&gap) = missing.first() else {
        return Ok(Merged { file, records });
    };
    let known: Vec<&String> = missing.iter().map(|&row| &file.runs[row]).collect();
    let mut distinct = known.clone();
    distinct.sort_unstable();
    distinct.dedup();
    Err(SweepError::Gap {
        missing: distinct.len(),
        runs: records.len() + distinct.len(),
        first: file.words(gap),
        cure: "run the shard that is missing, or the sweep without --shard".to_owned(),
    })
}

/// The first whole record of a key; damaged ones count only where there is no whole one.
fn find(folders: &[PathBuf], key: &str, program: &str) -> Result<Option<RunRecord>, SweepError> {
    let mut damaged: Option<(&Path, String)> = None;
    for folder in folders {
        match store::record(folder, key)? {
            Some(Ok(record)) if record.program == program => return Ok(Some(record)),
            Some(Ok(record)) => {
                let reason = format!("it was run by windtunnel {}", record.program);
                damaged = damaged.or(Some((folder, reason)));
            }
            Some(Err(reason)) => damaged = damaged.or(Some((folder, reason))),
            None => {}
        }
    }
    match damaged {
        None => Ok(None),
        Some((folder, reason)) => Err(SweepError::Damaged {
            path: store::record_path(folder, key),
            reason,
            cure: "run the sweep, or its shard, again: this record is replaced, the others are kept",
        }),
    }
}

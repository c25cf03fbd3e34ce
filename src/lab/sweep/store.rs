//! The folder of a sweep: `sweep.json`, one record a run, and the table.

use std::path::{Path, PathBuf};

use super::SweepError;
use super::plan::{FILE_NAME, SCHEMA_VERSION, SweepFile};
use super::record::RunRecord;
use super::shard::Shard;
use crate::folder::{KeptFolder, read_file};

/// Policy for a folder that holds another sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Refuse.
    SameSweep,
    /// Go on with the new one; its records are added.
    AnySweep,
}

/// The folder of a sweep, open for writing.
#[derive(Debug)]
pub struct SweepFolder {
    folder: KeptFolder,
}

impl SweepFolder {
    /// Opens the folder of a sweep, or makes it.
    ///
    /// # Errors
    /// If it holds another sweep, somebody else runs this shard there, or it can't be written.
    pub fn open(
        path: &Path,
        file: &SweepFile,
        shard: Shard,
        when: When,
    ) -> Result<Self, SweepError> {
        let folder = KeptFolder::open(path, &shard.writer())?;
        match read_sweep(path) {
            Ok(known) if known.is_same(file) => return Ok(Self { folder }),
            Ok(known) if when == When::SameSweep => return Err(other(path, &known, file)),
            Err(error @ SweepError::Damaged { .. }) if when == When::SameSweep => {
                return Err(error);
            }
            Ok(_) | Err(SweepError::Missing(..) | SweepError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut text = serde_json::to_string_pretty(file).expect("invariant: plain data");
        text.push('\n');
        folder.write(FILE_NAME, text.as_bytes())?;
        Ok(Self { folder })
    }

    /// The folder below.
    pub fn folder(&self) -> &KeptFolder {
        &self.folder
    }

    /// Keeps a record.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn keep(&self, record: &RunRecord) -> Result<(), SweepError> {
        let name = record_name(&record.key);
        Ok(self.folder.write(&name, &record.to_bytes())?)
    }

    /// Removes the record of a key, if there is one.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn forget(&self, key: &str) -> Result<(), SweepError> {
        Ok(self.folder.remove(&record_name(key))?)
    }

    /// The record of a key; the inner error says in words why what is there is no record.
    ///
    /// # Errors
    /// If the system refuses to read it.
    pub fn record(&self, key: &str) -> Result<Option<Result<RunRecord, String>>, SweepError> {
        record(self.folder.path(), key)
    }
}

fn other(path: &Path, known: &SweepFile, file: &SweepFile) -> SweepError {
    let path = path.to_path_buf();
    if known.program != file.program {
        return SweepError::Program {
            path,
            found: known.program.clone(),
            expected: "resuming it",
            wanted: file.program.clone(),
        };
    }
    SweepError::Other(
        path,
        known
            .difference(file)
            .unwrap_or_else(|| "its samples differ".to_owned()),
    )
}

/// Sweep of a folder.
///
/// # Errors
/// If there is none, or its file is damaged or of a newer program.
pub(super) fn read_sweep(path: &Path) -> Result<SweepFile, SweepError> {
    let file = path.join(FILE_NAME);
    let bytes = read_file(&file)?.ok_or_else(|| SweepError::Missing(path.to_path_buf()))?;
    let damaged = |reason: String| SweepError::Damaged {
        path: file.clone(),
        reason,
        cure: "run the sweep again with `--force`: intact records are kept",
    };
    let read: SweepFile =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if read.schema_version != SCHEMA_VERSION {
        let found = read.schema_version;
        return Err(damaged(format!(
            "`schemaVersion` is {found}, this program knows {SCHEMA_VERSION}"
        )));
    }
    let rows = read.points.len() as u128 * read.variants.len() as u128 * u128::from(read.seeds);
    let is_key = |key: &String| {
        key.len() == 64
            && key
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let width = read.parameters.len();
    if rows != read.runs.len() as u128
        || !read.runs.iter().all(is_key)
        || read.points.iter().any(|point| point.len() != width)
    {
        return Err(damaged("its lists don't fit together".to_owned()));
    }
    Ok(read)
}

/// The record of a key in a folder.
pub(super) fn record(
    folder: &Path,
    key: &str,
) -> Result<Option<Result<RunRecord, String>>, SweepError> {
    let bytes = read_file(&folder.join(record_name(key)))?;
    Ok(bytes.map(|bytes| RunRecord::from_bytes(&bytes, key)))
}

/// Path of the record of a key.
pub(super) fn record_path(folder: &Path, key: &str) -> PathBuf {
    folder.join(record_name(key))
}

fn record_name(key: &str) -> String {
    format!("runs/{}/{key}.run", &key[..2])
}

//! The log of a search: a line for the search and one for each candidate, with the values of its runs. What is
//! in it is not run again, and the answers follow from it, whenever the search was stopped.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::TuneError;
use super::run::Run;
use crate::folder::KeptFolder;
use units::SortedMap;

/// Name of the file.
pub const LOG_FILE: &str = "trials.jsonl";

/// First line: what all others depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Version and build of the program.
    pub(super) program: String,
    /// Hash over the experiment and its files.
    pub(super) experiment: String,
    /// Id of the metric.
    pub(super) metric: String,
    /// Unit of the metric.
    pub(super) unit: String,
    /// Better direction of the metric: `higher`, `lower` or `none`.
    pub(super) better: String,
    /// Whether inputs are perturbed, as no seed changes the base.
    pub(super) perturbed: bool,
}

/// Line of a candidate.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Line {
    /// Hash over all that decides its result.
    pub(super) key: String,
    /// Number of its first run.
    pub(super) first: usize,
    /// Id that the client gave it, and its settings, for readers.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub(super) id: Json,
    /// Settings of the candidate.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub(super) candidate: Json,
    /// Its runs.
    pub(super) runs: Vec<Run>,
    /// Seconds of CPU that its runs took.
    pub(super) cpu_seconds: f64,
    /// Hash of the best one before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) best: String,
    /// First decision that differs from the best one's.
    #[serde(default, skip_serializing_if = "Divergence::is_nothing")]
    pub(super) divergence: Divergence,
}

/// First decision that differs from the best one's; null where none does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Divergence {
    /// The decision of either side.
    pub(super) found: Json,
    /// Seconds of CPU that it took to find.
    pub(super) cpu_seconds: f64,
}

impl Divergence {
    /// Whether there was nothing to find.
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The log of a search.
pub(super) struct Log {
    folder: KeptFolder,
    head: Option<Head>,
    /// Candidates by their hash and the number of their first run.
    known: SortedMap<(String, usize), Line>,
    /// Divergences by the hashes of the candidate and the best one.
    divergences: SortedMap<[String; 2], Divergence>,
}

impl Log {
    /// Opens the log of a folder; what a kill left in the midst of a line is taken off.
    ///
    /// # Errors
    /// If the folder can't be read or written, or a line is none of a log.
    pub(super) fn open(folder: KeptFolder) -> Result<Self, TuneError> {
        let mut log = Self {
            folder,
            head: None,
            known: SortedMap::new(),
            divergences: SortedMap::new(),
        };
        let bytes = log.folder.read(LOG_FILE)?.unwrap_or_default();
        let end = bytes.iter().rposition(|own| *own == b'\n');
        let whole = &bytes[..end.map_or(0, |end| end + 1)];
        if whole.len() < bytes.len() {
            log.folder.write(LOG_FILE, whole)?;
        }
        let text = String::from_utf8_lossy(whole);
        for (number, line) in text.lines().enumerate() {
            let damaged = |error: serde_json::Error| TuneError::Damaged {
                path: log.folder.file(LOG_FILE),
                line: number + 1,
                reason: error.to_string(),
            };
            if number == 0 {
                log.head = Some(serde_json::from_str(line).map_err(damaged)?);
            } else {
                let line = serde_json::from_str(line).map_err(damaged)?;
                log.learn(line);
            }
        }
        Ok(log)
    }

    /// Folder of the log.
    pub(super) const fn folder(&self) -> &KeptFolder {
        &self.folder
    }

    /// First line, if there is one.
    pub(super) const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Writes the first line.
    pub(super) fn begin(&mut self, head: Head) -> Result<Head, TuneError> {
        self.append(&head)?;
        self.head = Some(head.clone());
        Ok(head)
    }

    /// Error of a log that is of another search.
    pub(super) fn other(&self, what: &'static str) -> TuneError {
        TuneError::Other {
            path: self.folder.file(LOG_FILE),
            what,
        }
    }

    /// Line of a candidate, if it is known.
    pub(super) fn line(&self, key: &str, first: usize) -> Option<&Line> {
        self.known.get(&(key.to_owned(), first))
    }

    /// Divergence of a candidate from a best one, if it is known.
    pub(super) fn divergence(&self, key: &str, best: &str) -> Option<&Divergence> {
        self.divergences.get(&[key.to_owned(), best.to_owned()])
    }

    /// Keeps a line, unless all of it is known.
    pub(super) fn keep(&mut self, line: Line) -> Result<(), TuneError> {
        let known = self.known.get(&(line.key.clone(), line.first));
        let is_known = known.is_some_and(|own| own.runs.len() >= line.runs.len())
            && (line.best.is_empty() || self.divergence(&line.key, &line.best).is_some());
        if !is_known {
            self.append(&line)?;
            self.learn(line);
        }
        Ok(())
    }

    fn learn(&mut self, line: Line) {
        if !line.best.is_empty() {
            let both = [line.key.clone(), line.best.clone()];
            self.divergences.insert(both, line.divergence.clone());
        }
        let key = (line.key.clone(), line.first);
        let known = self.known.get(&key).map_or(0, |own| own.runs.len());
        if line.runs.len() > known {
            self.known.insert(key, line);
        }
    }

    fn append<T: Serialize>(&self, line: &T) -> Result<(), TuneError> {
        let mut bytes = serde_json::to_vec(line).expect("invariant: plain data");
        bytes.push(b'\n');
        Ok(self.folder.append(LOG_FILE, &bytes)?)
    }
}

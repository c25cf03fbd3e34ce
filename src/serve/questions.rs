//! Questions to the program about runs and experiments.

use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::places::MOST_BYTES;
use super::program::{Answer, Program, of_page};
use super::refusal::Refusal;

/// Most bytes of a word of a question.
const MOST_WORD: usize = 1_024;

/// A variant of a result folder.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Side {
    /// Result folder, by its path below the results.
    pub(crate) run: String,
    /// Variant; none where there is one alone.
    #[serde(default)]
    pub(crate) variant: String,
}

/// A word that no command takes for an option.
fn word(text: &str) -> Result<&str, Refusal> {
    let is_plain = !text.is_empty()
        && text.len() <= MOST_WORD
        && !text.starts_with('-')
        && !text.chars().any(char::is_control);
    is_plain
        .then_some(text)
        .ok_or_else(|| Refusal::wrong("expected a name, without `-` in front"))
}

/// A variant of a result folder, as commands take it.
fn run_word(folder: &Path, variant: &str) -> Result<OsString, Refusal> {
    let mut own = folder.as_os_str().to_owned();
    if !variant.is_empty() {
        own.push(":");
        own.push(word(variant)?);
    }
    Ok(own)
}

/// JSON that a command answered with.
fn json_of(answer: &Answer) -> Result<Value, Refusal> {
    if answer.code != Some(0) {
        return Err(Refusal::failed(answer.complaint()));
    }
    serde_json::from_str(&answer.said)
        .map_err(|error| Refusal::failed(format!("windtunnel: {error}")))
}

impl Program {
    /// Reasons for a pod's node, or for its waiting, at an instant of a run.
    ///
    /// # Errors
    /// If the program can't tell.
    pub(crate) async fn explain(
        &self,
        folder: &Path,
        variant: &str,
        pod: &str,
        at_ns: Option<i64>,
    ) -> Result<Value, Refusal> {
        let mut words: Vec<OsString> = vec!["explain".into(), run_word(folder, variant)?];
        words.push(word(pod)?.into());
        words.extend(["--format", "json"].map(OsString::from));
        if let Some(at) = at_ns {
            words.push(format!("--at={}ns", at.max(0)).into());
        }
        json_of(&self.ask(&words).await?)
    }

    /// First decision at which two runs part.
    ///
    /// # Errors
    /// If the program can't tell.
    pub(crate) async fn diff(&self, sides: [(&Path, &str); 2]) -> Result<Value, Refusal> {
        let mut words: Vec<OsString> = vec!["diff".into()];
        for (folder, variant) in sides {
            words.push(run_word(folder, variant)?);
        }
        words.extend(["--format", "json"].map(OsString::from));
        json_of(&self.ask(&words).await?)
    }

    /// Metrics of runs side by side.
    ///
    /// # Errors
    /// If the program can't tell.
    pub(crate) async fn metrics(
        &self,
        folders: &[std::path::PathBuf],
        is_all: bool,
    ) -> Result<Value, Refusal> {
        let mut words: Vec<OsString> = vec!["report".into()];
        words.extend(folders.iter().map(OsString::from));
        words.extend(["--format", "json"].map(OsString::from));
        if is_all {
            words.push("--verbose".into());
        }
        json_of(&self.ask(&words).await?)
    }

    /// JSON Schema of the experiment file, as text.
    ///
    /// # Errors
    /// If the program can't tell.
    pub(crate) async fn schema(&self) -> Result<String, Refusal> {
        let answer = self.ask(&["schema".into()]).await?;
        if answer.code == Some(0) {
            Ok(answer.said)
        } else {
            Err(Refusal::failed(answer.complaint()))
        }
    }

    /// What is wrong with the text of an experiment in a folder.
    ///
    /// # Errors
    /// If the program can't tell.
    pub(crate) async fn check(&self, text: &str, folder: &Path) -> Result<Value, Refusal> {
        if text.len() as u64 > MOST_BYTES {
            return Err(Refusal::wrong("the experiment is longer than 1 MiB"));
        }
        let words = ["run", "-", "--dry-run", "--message-format", "json"].map(OsString::from);
        let answer = self.ask_about(&words, text, folder).await?;
        if answer.code == Some(0) {
            return Ok(json!({"findings": [], "words": answer.complaint()}));
        }
        let found: Option<Vec<Value>> = serde_json::from_str(&of_page(&answer.said)).ok();
        Ok(match found {
            Some(found) => json!({"findings": found, "words": ""}),
            None => json!({"findings": [], "failed": true, "words": answer.complaint()}),
        })
    }
}

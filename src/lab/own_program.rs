//! Programs of the user's own as inputs of a run, by the content of their files.

use std::path::{Path, PathBuf};

use scenario::Scenario;
use scenario::schema::{AnswerSource, External};
use thiserror::Error;
use world::inputs;

use intake::TraceError;

/// Reason why the content of a program isn't known.
#[derive(Debug, Error)]
pub(crate) enum ProgramError {
    /// It has no file that is known; what decides, in words.
    #[error(
        "{0}, which may change without a sign of it in a record; records need a `library`, or a `command` that \
         names a file"
    )]
    Unknown(String),
    /// A file can't be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// Whether a run asks a function, whose content nothing tells.
pub(crate) fn asks_function(scenario: &Scenario) -> bool {
    let external = scenario.system.scheduler.external.as_ref();
    external.is_some_and(|own| matches!(own.answers, AnswerSource::Function { .. }))
}

/// The files of the programs that take part in a run, as written, with the hashes of their content. What such a file
/// reads or starts in turn isn't known.
pub(crate) fn program_hashes(scenario: &Scenario) -> Result<Vec<(String, String)>, ProgramError> {
    let scheduler = &scenario.system.scheduler;
    if scheduler.config.is_some() && scheduler.extender_answers != AnswerSource::Refused {
        let what = "may ask extenders of kube-scheduler".to_owned();
        return Err(ProgramError::Unknown(what));
    }
    let Some(own) = &scheduler.external else {
        return Ok(Vec::new());
    };
    let folder = match &own.answers {
        // It is told when it is to run.
        AnswerSource::Refused | AnswerSource::Recorded(_) => return Ok(Vec::new()),
        AnswerSource::Program { folder, .. } => Path::new(".").join(folder),
        AnswerSource::Function { .. } => {
            return Err(ProgramError::Unknown("asks a function".to_owned()));
        }
    };
    let files = files(own, &folder);
    if files.is_empty() {
        let (does, name) = (
            if own.socket.is_some() { "asks" } else { "runs" },
            own.name(),
        );
        return Err(ProgramError::Unknown(format!("{does} `{name}`")));
    }
    let hashes = files.into_iter().map(|(written, path)| {
        let hash = intake::archive::blake3(&inputs::open(&path))?;
        Ok((written, hash))
    });
    hashes.collect()
}

/// The library, or the files that words of the command name.
fn files(own: &External, folder: &Path) -> Vec<(String, PathBuf)> {
    let library = own.library.as_ref().map(|own| own.display().to_string());
    let words = library.iter().chain(&own.command);
    let found = words.map(|word| (word.clone(), folder.join(word)));
    found.filter(|(_, path)| path.is_file()).collect()
}

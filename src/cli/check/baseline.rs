//! The stored baseline of a suite: where it is, and what is read of it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use intake::Input;
use lab::check::{Acknowledgement, Baseline, BaselineError};

use super::inside::Inside;
use super::{CheckArguments, Exit, Failure, relative, stem};

/// Bytes of a baseline: that of a thousand scenarios has fewer.
const BYTES_MAX: u64 = 256 << 20;

/// Place of the baseline of a suite.
pub(super) fn baseline_path(arguments: &CheckArguments) -> PathBuf {
    let beside = || {
        let name = format!("{}.baseline.json", stem(arguments));
        arguments.file.with_file_name(name)
    };
    relative(&arguments.baseline.clone().unwrap_or_else(beside))
}

/// Text of a baseline, which is read no further than a baseline is long; of the one beside a suite, only
/// inside of the repository.
fn text_of(path: &Path, arguments: &CheckArguments, inside: &Inside) -> Result<String, Failure> {
    if arguments.baseline.is_none() {
        inside.check(path)?;
    }
    let wrong = |why: &dyn std::fmt::Display| Failure::input(format!("{}: {why}", path.display()));
    let mut bytes = Vec::new();
    let opened = Input::path(path).open().map_err(Failure::input)?;
    let read = opened.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(&error))?;
    if bytes.len() as u64 > BYTES_MAX {
        let most = BYTES_MAX >> 20;
        return Err(wrong(&format!(
            "more than {most} MiB, which no baseline has"
        )));
    }
    String::from_utf8(bytes).map_err(|_| wrong(&"it is no text in UTF-8"))
}

/// Regressions that the stored baseline of a suite puts up with, whatever else it holds.
pub(super) fn acknowledgements(
    arguments: &CheckArguments,
    inside: &Inside,
) -> Result<Vec<Acknowledgement>, Failure> {
    let path = baseline_path(arguments);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = text_of(&path, arguments, inside)?;
    Baseline::acknowledgements_of(&text, &path).map_err(Failure::input)
}

/// Baseline of a suite, if there is one.
pub(super) fn read_baseline(
    path: &Path,
    arguments: &CheckArguments,
    inside: &Inside,
    single: Option<&Vec<String>>,
) -> Result<Option<Baseline>, Failure> {
    if !path.exists() {
        if arguments.baseline.is_some() && !arguments.accept {
            return Err(Failure::new(
                Exit::Incomparable,
                format!(
                    "{}: no such baseline; review and make one with `--accept`",
                    path.display()
                ),
            ));
        }
        return Ok(None);
    }
    let text = text_of(path, arguments, inside)?;
    match Baseline::parse(&text, path.to_path_buf(), &stem(arguments)) {
        Ok(baseline) => Ok(Some(baseline)),
        // What is accepted replaces it, but for what was acknowledged.
        Err(
            BaselineError::Version { .. }
            | BaselineError::Program { .. }
            | BaselineError::Damaged { .. }
            | BaselineError::Edited { .. },
        ) if arguments.accept => Ok(Some(Baseline::acknowledged(&text))),
        // A scenario of a suite is held to its part of the suite's baseline.
        Err(error @ BaselineError::OtherSuite { .. }) if !arguments.accept => {
            let whole = Baseline::parse_any(&text, path.to_path_buf()).ok();
            let names = single.into_iter().flatten();
            let mut names = names.peekable();
            let has_all = |held: &Baseline| {
                names.peek().is_some() && names.all(|name| held.entries.contains_key(name))
            };
            let whole = whole.filter(has_all);
            whole
                .map(Some)
                .ok_or_else(|| Failure::new(Exit::Incomparable, error))
        }
        Err(error) => Err(Failure::new(
            if error.exit_code() == 3 {
                Exit::Incomparable
            } else {
                Exit::Input
            },
            error.to_string(),
        )),
    }
}

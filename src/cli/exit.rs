//! Exit codes and the last line on stderr (interface: "Exit codes"). `worse` and `broken` never
//! share a code, and 1 is left to shells.

use std::fmt;
use std::process::ExitCode;

use super::terminal;

/// Outcome of the program, which decides its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success: done, and no gate failed.
    Done,
    /// Invalid user input: flag, file or trace.
    Input,
    /// Two things cannot be compared.
    Incomparable,
    /// No measurement was possible.
    NothingMeasured,
    /// Inconclusive results without a failure; only with `--strict`.
    Inconclusive,
    /// A gate or check failed.
    GateFailed,
    /// The work could not be completed.
    Incomplete,
    /// Interrupted by SIGINT (Ctrl-C).
    Interrupted,
    /// Terminated by SIGTERM.
    Terminated,
}

impl Exit {
    /// Every outcome, by exit code.
    const ALL: [Self; 9] = [
        Self::Done,
        Self::Input,
        Self::Incomparable,
        Self::NothingMeasured,
        Self::Inconclusive,
        Self::GateFailed,
        Self::Incomplete,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// Exit code of the outcome.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Input => 2,
            Self::Incomparable => 3,
            Self::NothingMeasured => 4,
            Self::Inconclusive => 10,
            Self::GateFailed => 100,
            Self::Incomplete => 101,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Whether the work was not done, other than by being stopped.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Input | Self::Incomparable | Self::NothingMeasured | Self::Incomplete
        )
    }

    /// Exit code in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Input => "the input is wrong",
            Self::Incomparable => "cannot compare",
            Self::NothingMeasured => "nothing was measured",
            Self::Inconclusive => "inconclusive",
            Self::GateFailed => "a check failed",
            Self::Incomplete => "could not complete",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

/// Exit codes as shown by `--help`.
pub(super) fn help() -> String {
    let codes = Exit::ALL.map(|exit| match exit {
        Exit::Inconclusive => format!("{} {} (with --strict)", exit.code(), exit.words()),
        _ => format!("{} {}", exit.code(), exit.words()),
    });
    format!("Exit codes: {}", codes.join(" · "))
}

/// Failure: an exit code and a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Outcome that decides the exit code.
    pub exit: Exit,
    /// Message to print; empty if it was printed already.
    pub message: String,
}

impl Failure {
    /// Failure with its outcome.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }

    /// Failure because of invalid user input.
    pub fn input(message: impl fmt::Display) -> Self {
        Self::new(Exit::Input, message)
    }

    /// Failure because the work could not be completed.
    pub fn incomplete(message: impl fmt::Display) -> Self {
        Self::new(Exit::Incomplete, message)
    }

    /// Failure whose message was printed already.
    pub const fn silent(exit: Exit) -> Self {
        Self {
            exit,
            message: String::new(),
        }
    }
}

/// Exits after arguments that cannot be parsed, or after requested help.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if let Err(failed) = printed
        && failed.kind() != std::io::ErrorKind::BrokenPipe
        && !error.use_stderr()
    {
        terminal::complain(&format!("error: can't write to stdout: {failed}"));
        terminal::complain(&last_words(Exit::Incomplete));
        return ExitCode::from(Exit::Incomplete.code());
    }
    if error.use_stderr() {
        terminal::complain(&last_words(Exit::Input));
        ExitCode::from(Exit::Input.code())
    } else {
        ExitCode::SUCCESS
    }
}

/// Prints the error, and the exit code in words on the last line.
pub(super) fn report(global: &super::Global, result: Result<Exit, Failure>) -> ExitCode {
    let exit = match result {
        Ok(exit) => match terminal::lost() {
            Some(words) => {
                terminal::complain(&format!("error: {words}"));
                Exit::Incomplete
            }
            None => exit,
        },
        Err(failure) => {
            complain(&failure.message);
            failure.exit
        }
    };
    if exit != Exit::Done || !global.quiet {
        terminal::complain(&last_words(exit));
    }
    ExitCode::from(exit.code())
}

/// Tells of an error, unless it was told before.
pub(super) fn complain(message: &str) {
    if message.is_empty() {
        return;
    }
    // What was found in a file is told as it is.
    let plain = anstream::adapter::strip_str(message).to_string();
    let lead = if plain.starts_with("error[") {
        ""
    } else {
        "error: "
    };
    terminal::complain(&format!("{lead}{message}"));
}

/// The last line on stderr.
pub(super) fn last_words(exit: Exit) -> String {
    format!("exit {}: {}", exit.code(), exit.words())
}

//! Exit codes and their last words (interface: "Exit codes"). `worse` and `broken` never share a
//! code, and 1 is left to shells.

use std::fmt;
use std::process::ExitCode;

use super::terminal;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, and no gate failed.
    Done,
    /// The user's input is wrong: flag, file, trace.
    Input,
    /// Two things can't be compared.
    Incomparable,
    /// Nothing was measured.
    NothingMeasured,
    /// Nothing failed, and something is inconclusive; only where that was asked for.
    Inconclusive,
    /// A gate failed.
    GateFailed,
    /// The work could not be completed.
    Incomplete,
    /// Interrupted by SIGINT.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

/// What `--help` says about exit codes.
pub(super) const HELP: &str = "Exit codes: 0 done · 2 the input is wrong · 3 cannot compare · \
4 nothing was measured · 10 inconclusive (with --strict) · 100 a gate or check failed · 101 could not complete · 130 interrupted · \
143 ended";

impl Exit {
    /// The code.
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

    /// The code in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Input => "the input is wrong",
            Self::Incomparable => "cannot compare",
            Self::NothingMeasured => "nothing was measured",
            Self::Inconclusive => "inconclusive",
            Self::GateFailed => "a check failed",
            Self::Incomplete => "could not complete",
            Self::Interrupted => "interrupted; what was finished is kept",
            Self::Terminated => "ended from outside; what was finished is kept",
        }
    }
}

/// A failure: how to exit and what to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How to exit.
    pub exit: Exit,
    /// What to say; empty if it was said already.
    pub message: String,
}

impl Failure {
    /// The user's input is wrong.
    pub fn input(message: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Input,
            message: message.to_string(),
        }
    }

    /// The work could not be completed.
    pub fn incomplete(message: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Incomplete,
            message: message.to_string(),
        }
    }

    /// An exit whose story is told already.
    pub const fn silent(exit: Exit) -> Self {
        Self {
            exit,
            message: String::new(),
        }
    }
}

/// Ends after arguments that can't be read, or after help that was asked for.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is no error.
    let _ = error.print();
    if error.use_stderr() {
        terminal::complain(&last_words(Exit::Input));
        ExitCode::from(Exit::Input.code())
    } else {
        ExitCode::SUCCESS
    }
}

/// Says what went wrong, and the code in words on the last line.
pub(super) fn report(global: &super::Global, result: Result<Exit, Failure>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(failure) => {
            if !failure.message.is_empty() {
                terminal::complain(&format!("error: {}", failure.message));
            }
            failure.exit
        }
    };
    if exit != Exit::Done || !global.quiet {
        terminal::complain(&last_words(exit));
    }
    ExitCode::from(exit.code())
}

fn last_words(exit: Exit) -> String {
    format!("exit {}: {}", exit.code(), exit.words())
}

//! Programs beside this one: commands that few users need, in binaries of their own. As git does with its commands,
//! `windtunnel NAME …` runs `windtunnel-NAME …` where it is installed, and else says how to get it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Args, FromArgMatches as _};

use super::{Exit, Failure, Global, exit, fault, interrupt, keep_traces};

/// Words that a command of another program gets.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Words {
    /// Options and files of the command; `--help` lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "WORDS"
    )]
    words: Vec<OsString>,
}

/// Becomes the program of a command, which gets the flags of every subcommand as well; returns only where it isn't installed.
///
/// # Errors
/// The program isn't there, or can't be run.
pub(super) fn call(global: &Global, name: &str, words: &Words) -> Result<Exit, Failure> {
    let program = format!("windtunnel-{name}");
    let beside = std::env::current_exe().ok();
    let beside = beside.and_then(|own| Some(own.parent()?.join(&program)));
    let path = beside.filter(|path| path.is_file());
    let error = Command::new(path.unwrap_or_else(|| PathBuf::from(&program)))
        .args(global.words())
        .args(&words.words)
        .exec();
    Err(Failure::input(match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "`windtunnel {name}` is a program of its own, `{program}`, which is not installed; in the sources, \
             `cargo run --release -p {program} -- …` builds and runs it"
        ),
        _ => format!("{program}: {error}"),
    }))
}

/// The main function of a program beside this one: flags, signals, exit codes and last words are those of every
/// subcommand. Some commands look at the flag that signals set, and so end by themselves.
pub fn companion<A: Args>(
    name: &'static str,
    about: &'static str,
    looks_at_signals: impl FnOnce(&A) -> bool,
    run: impl FnOnce(&Global, &A) -> Result<Exit, Failure>,
) -> ExitCode {
    interrupt::flag();
    let command = clap::Command::new(name)
        .bin_name(format!("windtunnel {name}"))
        .version(lab::program::VERSION)
        .disable_version_flag(true)
        .max_term_width(100);
    let command = Global::augment_args(A::augment_args(command)).about(about);
    let read = command.try_get_matches().and_then(|matches| {
        let global = Global::from_arg_matches(&matches)?;
        Ok((global, A::from_arg_matches(&matches)?))
    });
    let (global, arguments) = match read {
        Ok(read) => read,
        Err(error) => return exit::usage(&error),
    };
    keep_traces(&global);
    if !looks_at_signals(&arguments) {
        interrupt::end_at_once();
    }
    let result = fault::guarded(|| run(&global, &arguments));
    exit::report(&global, result)
}

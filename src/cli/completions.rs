//! `windtunnel completions`: what a shell needs to complete commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, Exit, Failure, output};

/// What `completions` is told.
#[derive(Clone, Debug, Args)]
pub(super) struct CompletionsArguments {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "windtunnel", &mut text);
    output::print(&text)?;
    Ok(Exit::Done)
}

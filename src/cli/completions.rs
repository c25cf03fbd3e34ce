//! `windtunnel completions`: completion scripts for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, Exit, Failure, output};

/// Arguments of `completions`.
#[derive(Clone, Debug, Args)]
pub(super) struct CompletionsArguments {
    /// Shell to complete for
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "windtunnel", &mut text);
    output::print(&text)?;
    Ok(Exit::Done)
}

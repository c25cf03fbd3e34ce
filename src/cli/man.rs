//! `windtunnel man`: manual pages, one for the program and one for each subcommand.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{Arguments, Exit, Failure, output, terminal};
use lab::folder::{Existing, write_file};

/// Arguments of `man`.
#[derive(Clone, Debug, Args)]
pub(super) struct ManArguments {
    /// Write `windtunnel.1`, `windtunnel-run.1` … to this folder instead of printing the first
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &ManArguments) -> Result<Exit, Failure> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &arguments.out else {
        output::print(&page(command)?)?;
        return Ok(Exit::Done);
    };
    let mut pages = vec![(command.get_name().to_owned(), command.clone())];
    gather(&command, "windtunnel", &mut pages);
    for (name, command) in pages {
        let path = folder.join(format!("{name}.1"));
        let page = page(command.display_name(name.clone()))?;
        // Pages of another version are what one wants to replace.
        write_file(&path, &page, Existing::Replace)?;
        terminal::print(&format!("{}\n", path.display()));
    }
    Ok(Exit::Done)
}

/// Collects the subcommands below a command, with the names of their pages.
fn gather(command: &clap::Command, prefix: &str, pages: &mut Vec<(String, clap::Command)>) {
    for below in command.get_subcommands() {
        let name = format!("{prefix}-{}", below.get_name());
        gather(below, &name, pages);
        pages.push((name, below.clone()));
    }
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(Failure::incomplete)?;
    Ok(text)
}

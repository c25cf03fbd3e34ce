//! `windtunnel new`: programs to begin with.

use clap::{Args, Subcommand, ValueEnum};

use super::{Exit, Failure, terminal};

/// Subject of `new`.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum NewCommand {
    /// Print a policy of your own that runs; its first lines say how
    Policy(PolicyArguments),
}

/// Arguments of `new policy`.
#[derive(Clone, Debug, Args)]
pub(super) struct PolicyArguments {
    /// Language of the program
    #[arg(long, value_enum, default_value_t = Language::Python)]
    lang: Language,
    /// Print a library that is asked by calls of C, in place of a program; in C
    #[arg(long)]
    library: bool,
}

/// Language of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// Python with its standard library.
    Python,
    /// C.
    C,
    /// Go with its standard library.
    Go,
    /// Rust with its standard library.
    Rust,
    /// Shell of POSIX.
    Sh,
}

pub(super) fn run(command: &NewCommand) -> Result<Exit, Failure> {
    let NewCommand::Policy(arguments) = command;
    if arguments.library {
        if arguments.lang != Language::C {
            let what = "--library: expected `--lang c`, whose functions are the interface for every language";
            return Err(Failure::input(what));
        }
        terminal::print(external::HEADER);
        terminal::print(include_str!("templates/library.c"));
        return Ok(Exit::Done);
    }
    terminal::print(match arguments.lang {
        Language::Python => include_str!("templates/policy.py"),
        Language::C => include_str!("templates/policy.c"),
        Language::Go => include_str!("templates/policy.go"),
        Language::Rust => include_str!("templates/policy.rs"),
        Language::Sh => include_str!("templates/policy.sh"),
    });
    Ok(Exit::Done)
}

//! `windtunnel new`: programs to begin with.

use clap::{Args, Subcommand, ValueEnum};

use super::{Exit, terminal};

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

pub(super) fn run(command: &NewCommand) -> Exit {
    let NewCommand::Policy(arguments) = command;
    terminal::print(match arguments.lang {
        Language::Python => include_str!("templates/policy.py"),
        Language::C => include_str!("templates/policy.c"),
        Language::Go => include_str!("templates/policy.go"),
        Language::Rust => include_str!("templates/policy.rs"),
        Language::Sh => include_str!("templates/policy.sh"),
    });
    Exit::Done
}

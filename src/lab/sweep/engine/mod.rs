//! Engines that start the shards of a study on many machines: scripts and objects for them.
//!
//! A shard is an ordinary process that keeps every run it finished, so a task that is requeued or
//! killed costs at most the runs it was at.

pub mod kubernetes;
pub mod slurm;

use std::path::PathBuf;

use crate::shell::quoted;

/// Study that shards make: a sweep, or a comparison whose runs have records.
#[derive(Clone, Debug)]
pub struct Study {
    /// Arguments of the program for every shard, but for the shard itself; first the command.
    pub shard: Vec<String>,
    /// Arguments of the program for what puts the runs together.
    pub end: Vec<String>,
    /// Folder that shards share.
    pub folder: PathBuf,
}

impl Study {
    fn is_sweep(&self) -> bool {
        self.shard.first().is_some_and(|own| own == "sweep")
    }

    /// The study in a word.
    pub fn word(&self) -> &'static str {
        if self.is_sweep() {
            "sweep"
        } else {
            "comparison"
        }
    }

    /// Word for the command that puts its runs together.
    pub fn end_word(&self) -> &'static str {
        if self.is_sweep() {
            "merge"
        } else {
            "comparison"
        }
    }

    /// Word for what that command does.
    pub fn end_verb(&self) -> &'static str {
        if self.is_sweep() {
            "merges"
        } else {
            "compares"
        }
    }

    /// The result, in a word.
    pub fn result_word(&self) -> &'static str {
        if self.is_sweep() { "table" } else { "folder" }
    }
}

/// A command as it would be typed.
pub fn command(program: &str, arguments: &[String]) -> String {
    let arguments = arguments.iter().map(|text| quoted(text));
    std::iter::once(quoted(program))
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Commands of all shards, one a line, for engines that take lines (GNU parallel, `HTCondor`, Snakemake).
pub fn lines(program: &str, study: &Study, shards: usize) -> Vec<String> {
    let shard = |number: usize| {
        let own = ["--shard", &format!("{number}/{shards}")].map(str::to_owned);
        command(program, &[study.shard.as_slice(), &own].concat())
    };
    (1..=shards).map(shard).collect()
}

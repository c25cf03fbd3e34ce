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

/// Words of a kind of study.
#[derive(Clone, Copy, Debug)]
pub struct StudyWords {
    /// Word for the study.
    pub study: &'static str,
    /// Word for the command that puts its runs together.
    pub end: &'static str,
    /// Word for what that command does.
    pub verb: &'static str,
    /// Word for the result.
    pub result: &'static str,
    /// Sentence about that command in a script.
    sentence: &'static str,
}

const SWEEP: StudyWords = StudyWords {
    study: "sweep",
    end: "merge",
    verb: "merges",
    result: "table",
    sentence: "Merges the table once all shards have ended; it reports missing runs",
};

const COMPARISON: StudyWords = StudyWords {
    study: "comparison",
    end: "comparison",
    verb: "compares",
    result: "folder",
    sentence: "Compares once all shards have ended; it makes missing runs",
};

impl Study {
    /// Words of the study.
    pub fn words(&self) -> &'static StudyWords {
        let is_sweep = self.shard.first().is_some_and(|own| own == SWEEP.study);
        if is_sweep { &SWEEP } else { &COMPARISON }
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

//! Engines that start the shards of a sweep on many machines: scripts and objects for them.
//!
//! A shard is an ordinary process that keeps every run it finished, so a task that is requeued or
//! killed costs at most the runs it was at.

pub mod kubernetes;
pub mod slurm;

use crate::shell::quoted;

/// A command as it would be typed.
pub fn command(program: &str, arguments: &[String]) -> String {
    let arguments = arguments.iter().map(|text| quoted(text));
    std::iter::once(quoted(program))
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Commands of all shards and of the merge behind them, one a line, for engines that take lines
/// (GNU parallel, `HTCondor`, Snakemake); `arguments` are those that every shard gets.
pub fn lines(program: &str, arguments: &[String], out: &str, shards: usize) -> Vec<String> {
    let shard = |number: usize| {
        let mut all = vec!["sweep".to_owned()];
        all.extend_from_slice(arguments);
        let last = ["--out", out, "--shard", &format!("{number}/{shards}")].map(str::to_owned);
        all.extend(last);
        command(program, &all)
    };
    (1..=shards).map(shard).collect()
}

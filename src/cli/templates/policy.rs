//! A policy of your own: points for the nodes that can take a pod. The node with the most gets it.
//!
//!     rustc -O policy.rs && windtunnel run --policy-command ./policy
//!
//! Each line of standard input is a question, each line of standard output its answer;
//! docs/manual/external.md has the protocol. This one reads the candidates alone; whoever wants to know the
//! nodes reads `nodes` with a library for JSON.

use std::io::{self, BufRead, Write};

/// Points of a node. Here: the lower its number, the better.
fn points(node: i64) -> i64 {
    -node
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Some((_, candidates)) = line.rsplit_once("\"candidates\":[") else {
            writeln!(out, "{{\"protocol\":1}}")?;
            out.flush()?;
            continue;
        };
        let candidates = candidates.split(']').next().unwrap_or_default();
        let nodes = candidates.split(',').filter_map(|node| node.parse().ok());
        let answer: Vec<String> = nodes.map(|node| points(node).to_string()).collect();
        writeln!(out, "{{\"points\":[{}]}}", answer.join(","))?;
        out.flush()?;
    }
    Ok(())
}

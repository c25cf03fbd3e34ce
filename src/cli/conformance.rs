//! `windtunnel conformance`: a program of one's own against the protocol.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use control::Exchange;
use external::{Library, Process, Program, Socket};
use lab::conformance::{Flaw, Point, Verdict, conformance};
use units::plural;

use super::{Exit, Global, terminal};

/// Arguments of `conformance`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 it conforms · 2 the input is wrong · 100 a case failed")]
pub(super) struct ConformanceArguments {
    /// Points at which the program is asked
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "score",
        value_name = "POINTS"
    )]
    points: Vec<PointName>,
    /// Real time that an answer may take, in seconds
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    answer_limit: u64,
    /// Library to try in place of a program
    #[arg(long, value_name = "FILE", conflicts_with_all = ["socket", "command"])]
    library: Option<PathBuf>,
    /// Socket of the program to try: a path, or host and port of this machine
    #[arg(long, value_name = "ADDRESS", conflicts_with = "command")]
    socket: Option<String>,
    /// Command of the program, behind `--`
    #[arg(last = true, required_unless_present_any = ["library", "socket"], value_name = "COMMAND")]
    command: Vec<String>,
}

/// Name of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PointName {
    /// Which nodes can take a pod.
    Filter,
    /// Points of nodes.
    Score,
    /// Order of jobs.
    Order,
    /// The whole scheduler.
    Schedule,
}

impl From<PointName> for Point {
    fn from(name: PointName) -> Self {
        match name {
            PointName::Filter => Self::Filter,
            PointName::Score => Self::Score,
            PointName::Order => Self::Order,
            PointName::Schedule => Self::Schedule,
        }
    }
}

pub(super) fn run(global: &Global, arguments: &ConformanceArguments) -> Exit {
    let mut points: Vec<Point> = Vec::new();
    for point in arguments.points.iter().map(|&own| Point::from(own)) {
        if !points.contains(&point) {
            points.push(point);
        }
    }
    let program = program(arguments);
    // One that can't be started is no matter of its cases.
    let verdicts = conformance(&*program, &points, |verdict| {
        if !global.quiet {
            terminal::print(&line(verdict));
        }
    });
    let failed: Vec<&Verdict> = verdicts.iter().filter(|own| own.flaw.is_some()).collect();
    if global.quiet {
        for verdict in &failed {
            terminal::print(&line(verdict));
        }
    }
    let cases = plural::count(verdicts.len(), "case");
    let count = failed.len();
    let sum = if failed.is_empty() {
        format!("{cases}: it conforms\n")
    } else {
        format!("{cases}, {count} failed\n")
    };
    terminal::print(&sum);
    if failed.is_empty() {
        Exit::Done
    } else {
        Exit::GateFailed
    }
}

fn program(arguments: &ConformanceArguments) -> Box<dyn Exchange> {
    let answer_limit = Duration::from_secs(arguments.answer_limit);
    let folder = PathBuf::new();
    match (&arguments.library, &arguments.socket) {
        (Some(library), _) => Box::new(Library::new(library.clone(), folder, answer_limit)),
        (None, Some(socket)) => Box::new(Socket::new(socket.clone(), folder, answer_limit)),
        (None, None) => Box::new(Process::new(Program {
            command: arguments.command.clone(),
            folder,
            answer_limit,
        })),
    }
}

/// A verdict, with the exchange where it failed.
fn line(verdict: &Verdict) -> String {
    let name = &verdict.name;
    let Some(Flaw { why, exchange }) = &verdict.flaw else {
        return format!("pass  {name}\n");
    };
    let mut text = format!("FAIL  {name}: {why}\n");
    for (asked, came) in exchange {
        let came = if came.is_empty() { "(nothing)" } else { came };
        let _ = writeln!(text, "      > {asked}\n      < {came}");
    }
    text
}

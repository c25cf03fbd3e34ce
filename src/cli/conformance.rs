//! `windtunnel conformance`: a program of one's own against the protocol.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use control::Exchange;
use external::Foreign;
use lab::conformance::{Flaw, Verdict, conformance};
use scenario::schema::ExternalPoint;
use units::plural;

use super::{Exit, Global, terminal};

/// Arguments of `conformance`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 it conforms · 2 the input is wrong · 100 a case failed")]
pub(super) struct ConformanceArguments {
    /// Points at which the program is asked
    #[arg(long, value_parser = point(),
        value_delimiter = ',',
        default_value = "score",
        value_name = "POINTS"
    )]
    points: Vec<ExternalPoint>,
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

/// Parser of the name of a point.
fn point() -> impl TypedValueParser<Value = ExternalPoint> {
    let names = ExternalPoint::ALL.map(ExternalPoint::name);
    PossibleValuesParser::new(names).try_map(|name| {
        let mut all = ExternalPoint::ALL.into_iter();
        all.find(|own| own.name() == name).ok_or("no point")
    })
}

pub(super) fn run(global: &Global, arguments: &ConformanceArguments) -> Exit {
    let mut points: Vec<ExternalPoint> = Vec::new();
    for &point in &arguments.points {
        if !points.contains(&point) {
            points.push(point);
        }
    }
    let program = program(arguments);
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
    let foreign = match (&arguments.library, &arguments.socket) {
        (Some(library), _) => Foreign::Library(library.clone()),
        (None, Some(socket)) => Foreign::Socket(socket.clone()),
        (None, None) => Foreign::Command(arguments.command.clone()),
    };
    foreign.exchange(PathBuf::new(), answer_limit)
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

//! `windtunnel tune`: the judge in an optimiser's loop, over lines of JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant as Clock;

use clap::{Args, ValueEnum};

use lab::folder::KeptFolder;
use lab::tune::{
    Answer, Ground, LINE_MAX, Request, SEEDS_MIN, Settings, Submission, Surroundings, TuneError,
    Tuner,
};
use metrics::Direction;
use serde_json::{Value as Json, json, to_string};
use units::Duration;

use super::run_count::counted;
use super::source::{self, Source};
use super::temporary::TemporaryFolder;
use super::{Exit, Failure, Global, output};

const EXAMPLES: &str = "\
Examples:
  windtunnel tune cluster.yaml --metric pending_time.mean --candidates candidates.jsonl
  windtunnel tune cluster.yaml --metric allocation.gpu.mean --seeds 20 --held-out 40 --out search
  windtunnel tune openb.yaml --base fgd --metric allocation.gpu.end --held-out-workload other.yaml
  windtunnel tune cluster.yaml --metric cost.total --budget 10m --allow-external

Lines that it reads, one candidate or several at once; each gets a line:
  {\"id\": 1, \"set\": {\"system.scheduler.profile\": \"fgd\"}}
  {\"id\": 2, \"policy\": {\"command\": [\"python3\", \"mine.py\"], \"points\": [\"score\"]}}
  {\"id\": 3, \"source\": \"…\", \"lang\": \"python\"}
  {\"batch\": [{\"id\": 4, \"set\": {}}, {\"id\": 5, \"set\": {}}]}
  {\"finish\": true}

At the end of the input, or at `finish`, runs that no candidate has seen decide.";

/// Arguments of `tune`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TuneArguments {
    /// Experiment file (YAML or JSON) [default: the bundled one]
    scenario: Option<PathBuf>,
    /// Metric that candidates are judged by (`windtunnel schema metrics` lists them)
    #[arg(long, value_name = "ID")]
    metric: String,
    /// Better direction [default: that of the metric]
    #[arg(long, value_enum)]
    goal: Option<Goal>,
    /// Most seeds of a candidate
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(SEEDS_MIN as i64..=10_000))]
    seeds: u32,
    /// Seeds before a candidate may be dropped
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(SEEDS_MIN as i64..=10_000))]
    first_seeds: u32,
    /// Seeds of each held-out workload, which decide at the end; 0 leaves the decision out
    #[arg(long, value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(0..=10_000))]
    held_out: u32,
    /// Experiment file that decides at the end, under the system of each finalist; may be repeated [default: the
    /// experiment with other seeds]
    #[arg(long, value_name = "FILE")]
    held_out_workload: Vec<PathBuf>,
    /// Number of the best candidates that the held-out runs decide between
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    finalists: u32,
    /// Seconds of CPU after which no further candidate is measured, such as `600s`
    #[arg(long, value_name = "DURATION")]
    budget: Option<Duration>,
    /// Variant of the experiment that candidates change and are compared with [default: the experiment as it
    /// stands, or its first variant]
    #[arg(long, value_name = "VARIANT")]
    base: Option<String>,
    /// Override a field of the experiment, and of the held-out ones; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Override the seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// File with the lines of the client [default: standard input]
    #[arg(long, value_name = "FILE")]
    candidates: Option<PathBuf>,
    /// Folder of the log, from which candidates that were measured are answered again [default: none is kept]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Better direction of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Goal {
    /// More is better.
    Maximize,
    /// Less is better.
    Minimize,
}

impl From<Goal> for Direction {
    fn from(goal: Goal) -> Self {
        match goal {
            Goal::Maximize => Self::Higher,
            Goal::Minimize => Self::Lower,
        }
    }
}

pub(super) fn run(global: &Global, arguments: &TuneArguments) -> Result<Exit, Failure> {
    let settings = Settings {
        metric: arguments.metric.clone(),
        goal: arguments.goal.map(Direction::from),
        seeds: arguments.seeds as usize,
        first_seeds: arguments.first_seeds as usize,
        held_out: arguments.held_out as usize,
        finalists: arguments.finalists as usize,
        budget_seconds: arguments.budget.map(|own| own.as_nanos() as f64 / 1e9),
    };
    let mut sets = arguments.sets.clone();
    sets.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    let base = arguments.base.as_deref();
    let ground = |path: Option<&Path>, base| -> Result<Ground, Failure> {
        Ok(Ground::of(Source::read(global, path)?, sets.clone(), base)?)
    };
    let held_out = arguments.held_out_workload.iter();
    let held_out: Vec<Ground> = held_out
        .map(|path| ground(Some(path), None))
        .collect::<Result<_, _>>()?;
    let ground = ground(arguments.scenario.as_deref(), base)?;
    let opened = |path: &PathBuf| {
        let failed = |error| Failure::input(format!("{}: {error}", path.display()));
        File::open(path).map(BufReader::new).map_err(failed)
    };
    let mut lines = arguments.candidates.as_ref().map(opened).transpose()?;
    let temporary = TemporaryFolder::new()?;
    let folder = arguments.out.as_deref().unwrap_or(temporary.path());
    let folder = KeptFolder::open(folder, "")?;
    let started = Clock::now();
    let clock = || cpu_seconds().unwrap_or_else(|| started.elapsed().as_secs_f64());
    counted(global, |workers| {
        let around = Surroundings {
            workers,
            clock: &clock,
        };
        let tuner = Tuner::open(ground, held_out, settings, folder, around)?;
        match &mut lines {
            Some(lines) => converse(tuner, lines),
            None => converse(tuner, &mut std::io::stdin().lock()),
        }
    })
}

/// Answers lines until the end.
fn converse(mut tuner: Tuner<'_>, input: &mut dyn BufRead) -> Result<Exit, Failure> {
    say(to_string(&json!({ "ready": tuner.ready() })))?;
    let mut number = 0_u64;
    while let Some(line) = next_line(input)? {
        number += 1;
        let request = match line {
            Line::Text(text) if text.trim().is_empty() => continue,
            Line::Text(text) => Request::read(&text),
            Line::Wrong(words) => Err(words),
        };
        match request {
            Ok(Request::Finish) => break,
            Ok(Request::Ask(asked)) => answer(&mut tuner, asked)?,
            Err(words) => {
                let words = format!("line {number}: {words}");
                say(to_string(&Answer::mistake(Json::Null, words)))?;
            }
        }
        if tuner.is_spent() {
            break;
        }
    }
    say(to_string(&json!({ "final": tuner.finish()? })))?;
    Ok(Exit::Done)
}

fn answer(tuner: &mut Tuner<'_>, asked: Vec<Submission>) -> Result<(), Failure> {
    for own in tuner.ask(asked)? {
        say(to_string(&own))?;
    }
    Ok(())
}

/// Prints a line at once.
fn say(line: serde_json::Result<String>) -> Result<(), Failure> {
    let text = line.map_err(Failure::incomplete)?;
    output::print(format!("{text}\n").as_bytes())
}

/// A line of the client.
enum Line {
    Text(String),
    /// Why it is none, in words.
    Wrong(String),
}

/// Next line; `None` at the end of the input.
fn next_line(input: &mut dyn BufRead) -> Result<Option<Line>, Failure> {
    let failed = |error| Failure::incomplete(format!("can't read the candidates: {error}"));
    let mut bytes = Vec::new();
    let mut most = { &mut *input }.take(LINE_MAX as u64 + 1);
    let read = most.read_until(b'\n', &mut bytes).map_err(failed)?;
    if read == 0 {
        return Ok(None);
    }
    if read <= LINE_MAX || bytes.ends_with(b"\n") {
        let text = String::from_utf8(bytes);
        let wrong = |_| Line::Wrong("not UTF-8; expected a line of JSON".to_owned());
        return Ok(Some(text.map_or_else(wrong, Line::Text)));
    }
    // The rest of the line goes unread into nothing.
    loop {
        let part = input.fill_buf().map_err(failed)?;
        let end = part.iter().position(|own| *own == b'\n');
        let length = end.map_or(part.len(), |end| end + 1);
        let is_over = end.is_some() || part.is_empty();
        input.consume(length);
        if is_over {
            let words = format!(
                "longer than {} MiB; name a file by `policy.command`",
                LINE_MAX >> 20
            );
            return Ok(Some(Line::Wrong(words)));
        }
    }
}

/// Seconds of CPU of this program and of those that it ran and that ended, where the system tells.
fn cpu_seconds() -> Option<f64> {
    /// Ticks of a second in `/proc`, on every Linux.
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in brackets and may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(4);
    let ticks: Vec<u64> = times.map(|own| own.parse().ok()).collect::<Option<_>>()?;
    Some(ticks.iter().sum::<u64>() as f64 / TICKS)
}

impl From<TuneError> for Failure {
    fn from(error: TuneError) -> Self {
        match error {
            TuneError::Rejected(rejected) => source::told(&rejected),
            TuneError::Compare(error) => error.into(),
            TuneError::Folder(error) => error.into(),
            TuneError::Experiment(error) => error.into(),
            TuneError::Diff(error) => error.into(),
            TuneError::Base(_) => Self::incomplete(error),
            TuneError::Input(_)
            | TuneError::Trace(_)
            | TuneError::Other { .. }
            | TuneError::Damaged { .. } => Self::input(error),
        }
    }
}

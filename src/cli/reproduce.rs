//! `windtunnel reproduce`: rerun a report or a result folder, and compare.

use std::path::{Path, PathBuf};

use clap::Args;

use intake::Input;
use lab::compare::{CandidateCheck, RecordedStudy, STUDY_FILE, StudyCheck};
use lab::program;
use lab::reproduce::{Repeat, Reproduction, VariantCheck, reproduce, reproduce_study};
use lab::summary::Summary;
use lab::travel::FORK_FILE;
use report::embedded;
use report::format::clean;
use report::result_files::fork_of;
use units::plural;

use super::named::before_fork;
use super::run_count::counted;
use super::source::Source;
use super::{Exit, Failure, Global, interrupt, named, terminal};

const EXAMPLES: &str = "\
Examples:
  windtunnel reproduce results/packing
  windtunnel reproduce report.html --traces ~/traces

Exit codes: 0 identical · 100 a run differs · 3 the input files differ (nothing was run).";

/// Arguments of `reproduce`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReproduceArguments {
    /// Report or result folder; inputs are searched beside it and under --traces
    #[arg(value_name = "REPORT|RUN")]
    target: PathBuf,
}

/// Maximum number of differing metrics that are listed.
const LISTED_MAX: usize = 5;

pub(super) fn run(global: &Global, arguments: &ReproduceArguments) -> Result<Exit, Failure> {
    let Claim {
        summary,
        repeats,
        study,
    } = claim(global, &arguments.target)?;
    let found = if let (Some(study), [repeat]) = (&study, repeats.as_slice()) {
        counted(global, |workers| {
            reproduce_study(&summary, repeat, study, workers)
        })?
    } else {
        reproduce(&summary, &repeats, global.threads(), interrupt::flag())?
    };
    let here = program::identity();
    let is_unknown = summary.build.is_empty() && summary.windtunnel == program::VERSION;
    let version = if is_unknown || summary.program() == here {
        format!("windtunnel {}", program::VERSION)
    } else {
        let recorded = clean(&summary.program());
        format!("recorded by windtunnel {recorded}, this is {here}")
    };
    if let Reproduction::OtherInputs { missing, found } = &found {
        return Err(other_inputs(missing, found));
    }
    let inputs = summary.inputs.len();
    let inputs = match inputs {
        0 => "no input files".to_owned(),
        1 => "1 input file: the same".to_owned(),
        inputs => format!("{inputs} input files: the same"),
    };
    let mut text = format!("{} · {version}\n{inputs}\n", clean(&summary.name));
    let is_same = match &found {
        Reproduction::OtherInputs { .. } => false,
        Reproduction::Run(checks) => {
            let widest = checks.iter().map(|check| check.name.chars().count()).max();
            for check in checks {
                text.push_str(&line(check, widest.unwrap_or(0)));
            }
            checks.iter().all(VariantCheck::is_same)
        }
        Reproduction::Compared(check) => {
            text.push_str(&of_study(check));
            check.is_same()
        }
    };
    terminal::print(&text);
    if is_same {
        return Ok(Exit::Done);
    }
    if summary.windtunnel != here {
        terminal::complain(&format!(
            "note: use windtunnel {} to get the same run again",
            clean(&summary.windtunnel)
        ));
    }
    Ok(Exit::GateFailed)
}

/// Failure if the input files are others.
fn other_inputs(missing: &[String], found: &[String]) -> Failure {
    let list = |files: &[String]| match files {
        [] => "none".to_owned(),
        files => files
            .iter()
            .map(|file| clean(file))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Failure::new(
        Exit::Incomparable,
        format!(
            "the input files differ from those of the run, so nothing was run\nrecorded but \
             missing here: {}\nhere but not recorded: {}\nhelp: name the folder of the recorded \
             files with --traces DIR",
            list(missing),
            list(found)
        ),
    )
}

/// A comparison that was made again, with one line per candidate and one for the verdicts.
fn of_study(check: &StudyCheck) -> String {
    let names = check.candidates.iter().map(|own| own.name.chars().count());
    let widest = names.max().unwrap_or(0);
    let told = |own: &CandidateCheck| {
        let (name, runs) = (clean(&own.name), plural::count(own.runs, "run"));
        let result = match own.differing.as_slice() {
            [] if own.more > 0 => format!("{} more now: DIFFERENT", own.more),
            [] => "the same".to_owned(),
            [first, ..] => {
                let shake = first.shake.map(|number| format!(", perturbation {number}"));
                format!(
                    "{} DIFFERENT, first with seed {}{}",
                    own.differing.len(),
                    first.seed,
                    shake.unwrap_or_default()
                )
            }
        };
        format!("{name:widest$}  {runs}  {result}\n")
    };
    let mut text: String = check.candidates.iter().map(told).collect();
    if let Some(judgements) = check.judgements {
        let judgements = plural::count(judgements, "judgement");
        let result = match check.differing.as_slice() {
            [] => "the same".to_owned(),
            [first, ..] => {
                format!(
                    "{} DIFFERENT, first {}",
                    check.differing.len(),
                    clean(first)
                )
            }
        };
        text.push_str(&judgements);
        text.push_str(": ");
        text.push_str(&result);
        text.push('\n');
    }
    text
}

fn line(check: &VariantCheck, widest: usize) -> String {
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    let name = clean(&check.name);
    let recorded = short(&check.recorded);
    let verdict = match &check.found {
        None => "no run has it now".to_owned(),
        Some(found) if *found != check.recorded => format!("now {}: DIFFERENT", short(found)),
        Some(_) => "the same".to_owned(),
    };
    let metrics = match check.differing.as_slice() {
        [] if check.found.is_none() => String::new(),
        [] => format!(", {} the same", plural::count(check.metrics, "metric")),
        differing => {
            let listed: Vec<&str> = differing
                .iter()
                .take(LISTED_MAX)
                .map(String::as_str)
                .collect();
            let more = if differing.len() > LISTED_MAX {
                " …"
            } else {
                ""
            };
            format!(
                ", {} of {} {} ({}{more})",
                differing.len(),
                plural::count(check.metrics, "metric"),
                plural::either(differing.len(), "differs", "differ"),
                listed.join(", ")
            )
        }
    };
    format!("{name:widest$}  digest {recorded}  {verdict}{metrics}\n")
}

/// Claimed results, and the runs needed to repeat them.
struct Claim {
    summary: Summary,
    repeats: Vec<Repeat>,
    /// Comparison that made the runs, if one did.
    study: Option<RecordedStudy>,
}

/// Comparison that a result folder holds.
fn study_of(folder: &Path) -> Result<Option<RecordedStudy>, Failure> {
    let path = folder.join(STUDY_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let text = Input::path(&path).read_to_string()?;
    let study = RecordedStudy::read(&text);
    study.map_err(|reason| Failure::input(format!("{}: {reason}", path.display())))
}

fn claim(global: &Global, target: &Path) -> Result<Claim, Failure> {
    let wrong = |reason: &str| Failure::input(format!("{}: {reason}", target.display()));
    if target.is_file() {
        let html = Input::path(target).read_to_string()?;
        let report = embedded::read(&html).map_err(|reason| wrong(&reason))?;
        let base = target.parent().map(Path::to_path_buf).unwrap_or_default();
        let repeats = report.scenarios.into_iter().map(|scenario| {
            let name = format!(
                "{} (scenario of {})",
                target.display(),
                clean(&scenario.run)
            );
            let source = Source::of(global, name, scenario.text, base.clone());
            Ok::<_, Failure>(Repeat {
                experiment: source.experiment(&[])?,
                before: before_fork(global, scenario.fork.as_ref(), target, &base)?,
            })
        });
        return Ok(Claim {
            summary: report.summary,
            repeats: repeats.collect::<Result<_, _>>()?,
            study: report.study,
        });
    }
    if !target.exists() && target.extension().is_none_or(|ending| ending != "partial") {
        return Err(wrong("no such report or result folder"));
    }
    match named::experiment(global, target, &[])? {
        (experiment, Some(summary)) => {
            let fork = fork_of(target)?;
            let before = before_fork(global, fork.as_ref(), &target.join(FORK_FILE), target)?;
            Ok(Claim {
                summary,
                repeats: vec![Repeat { experiment, before }],
                study: study_of(target)?,
            })
        }
        (_, None) => Err(wrong("is neither a report nor a result folder")),
    }
}

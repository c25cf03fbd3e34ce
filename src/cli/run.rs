//! `windtunnel run`: an experiment into a result folder and a summary on the terminal.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant as Clock;

use intake::ledger::{Action, ENDLESS, ESTIMATES};
use lab::experiment::{ExperimentError, Plan, run_journey, scenario_text};
use lab::folder::{EXTERNAL, Existing, ResultFolder, refuse_existing_file};
use lab::journey::Journey;
use lab::run::prepare;
use lab::source::external_variant;
use lab::summary::{Summary, VariantSummary};
use report::comparison::{Comparison, Rows};
use report::result_files::{REPORT, SUMMARY, write_report};
use report::run::ReportRun;
use report::runs::Gathered;
use report::table::TableOptions;
use scenario::schema::AnswerSource;
use scenario::{Experiment, NamedText, Rejected, load};
use serde_json::json;
use systems::SystemFact;
use systems::registry::SYSTEMS;
use units::plural;
use world::FileSource;

use super::failure::is_refusal;
use super::profile::{Profiler, VARIANTS};
use super::progress::Bars;
use super::run_arguments::{RunArguments, SchedulerForm};
use super::source::Source;
use super::trip::Trip;
use super::{Exit, Failure, Global, experiment_file, interrupt, terminal};

pub(super) fn run(global: &Global, arguments: &RunArguments) -> Result<Exit, Failure> {
    let started = Clock::now();
    let trip = Trip::new(global, arguments)?;
    let mut experiment = experiment_of(global, arguments, &trip)?;
    if arguments.dry_run {
        return check_inputs(global, &experiment);
    }
    let journey = trip.journey();
    let folder = result_folder(arguments, &trip, &experiment)?;
    experiment.record_external(&folder.partial().join(EXTERNAL));
    let mut profiler = Profiler::new(arguments.profile, experiment.variants.len(), started)?;
    profiler.ended("experiment file");
    let bars = Bars::new(global, &experiment);
    let plan = Plan {
        experiment: &experiment,
        form: arguments.form.into(),
        threads: global.threads(),
        interrupted: interrupt::flag(),
        progress: &bars,
        outputs: arguments
            .tables
            .outputs(arguments.decisions, arguments.records_events()),
        probes: &profiler.probes,
    };
    let result = run_journey(&plan, &folder, journey.as_ref());
    profiler.ended(VARIANTS);
    bars.clear();
    let (summary, data) = match result {
        Ok(made) => made,
        Err(error) => return Err(refused(error, folder, journey.as_ref())),
    };
    let fork = trip.keep_fork(&folder, &arguments.sets)?;
    let run = ReportRun {
        name: experiment.name.clone(),
        summary,
        data,
        scenario: scenario_text(&experiment, &folder),
        fork,
    };
    let gathered = Gathered::new(vec![run]);
    write_report(&gathered, &folder)?;
    let summary = &gathered.summary;
    if interrupt::flag().load(Ordering::Relaxed) {
        return Err(Failure::silent(interrupt::exit()));
    }
    if let Some(failure) = stopped(summary, &folder) {
        print_partial(global, arguments, summary, &folder);
        return Err(failure);
    }
    trip.keep_snapshot(&experiment, journey.as_ref())?;
    let out = arguments.finish(folder)?;
    profiler.ended("report");
    let report = out.join(REPORT).display().to_string();
    let wall_time = terminal::seconds(started.elapsed());
    let options = TableOptions {
        width: terminal::width(),
        wall_time: Some(&wall_time),
        report: Some(&report),
        ..TableOptions::default()
    };
    print(global, arguments, summary, options);
    if !global.quiet {
        for line in remarks(summary, global.verbose, &out) {
            terminal::complain(&line);
        }
    }
    if let Some(table) = profiler.table(bars.begun.get().copied()) {
        terminal::complain(&table);
    }
    Ok(Exit::Done)
}

/// Experiment to run, in the form that was asked for.
fn experiment_of(
    global: &Global,
    arguments: &RunArguments,
    trip: &Trip,
) -> Result<Experiment, Failure> {
    let experiment = match &trip.after {
        Some(after) => after.clone(),
        None => read(global, arguments)?,
    };
    check_form(&experiment, arguments.form)?;
    Ok(experiment)
}

/// Prints what happened up to the end of a run that could not go on.
fn print_partial(
    global: &Global,
    arguments: &RunArguments,
    summary: &Summary,
    folder: &ResultFolder,
) {
    let report = folder.partial().join(REPORT).display().to_string();
    let options = TableOptions {
        width: terminal::width(),
        report: Some(&report),
        ..TableOptions::default()
    };
    print(global, arguments, summary, options);
}

/// Failure of an experiment of which a variant could not go on.
fn stopped(summary: &Summary, folder: &ResultFolder) -> Option<Failure> {
    Some(Failure::incomplete(summary.stopped(folder.partial())?))
}

/// Reads what an experiment names, as a run would before it begins.
fn check_inputs(global: &Global, experiment: &Experiment) -> Result<Exit, Failure> {
    let files = FileSource::of(&experiment.files);
    for variant in &experiment.variants {
        prepare(&variant.scenario, &files).map_err(Failure::input)?;
        let external = variant.scenario.system.scheduler.external.as_ref();
        if let Some(own) = external.filter(|own| own.answers == AnswerSource::Refused) {
            return Err(Failure::input(format!(
                "system.scheduler.external: it names `{}`, which runs with `--allow-external` alone",
                own.name()
            )));
        }
    }
    if !global.quiet {
        let variants = plural::count(experiment.variants.len(), "variant");
        terminal::complain(&format!("{}: {variants}, nothing wrong", experiment.name));
    }
    Ok(Exit::Done)
}

/// Refuses the plain form where a system has none.
fn check_form(experiment: &Experiment, form: SchedulerForm) -> Result<(), Failure> {
    if form == SchedulerForm::Fast {
        return Ok(());
    }
    let with_one = SYSTEMS
        .iter()
        .filter(|own| own.has(SystemFact::HasPlainForm));
    let with_one: Vec<&str> = with_one.map(|own| own.name).collect();
    for variant in &experiment.variants {
        let name = variant.scenario.system.name.as_str();
        if !with_one.contains(&name) {
            return Err(Failure::input(format!(
                "--form plain: the system `{name}` (variant `{}`) has no plain form in runs\nhelp: \
                 these have one: {}",
                variant.name,
                with_one.join(", ")
            )));
        }
    }
    Ok(())
}

/// Failure of a run without results; a refused run leaves no folder behind.
fn refused(error: ExperimentError, folder: ResultFolder, journey: Option<&Journey<'_>>) -> Failure {
    if is_refusal(&error) {
        folder.withdraw();
    }
    Trip::failure(error.into(), journey)
}

/// Prints the results of a run.
fn print(global: &Global, arguments: &RunArguments, summary: &Summary, options: TableOptions<'_>) {
    let rows = if global.verbose {
        Rows::All
    } else {
        Rows::Headline
    };
    let comparison = Comparison::new(summary, rows);
    terminal::print_with(|out| report::write(out, &comparison, arguments.format.into(), options));
}

/// Result folder of a run, not yet complete.
fn result_folder(
    arguments: &RunArguments,
    trip: &Trip,
    experiment: &Experiment,
) -> Result<ResultFolder, Failure> {
    let is_default = arguments.out.is_none();
    let out = arguments
        .out
        .clone()
        .map_or_else(|| trip.default_folder(&experiment.name), Ok)?;
    // The folder named after the experiment is the program's own to renew; one that was named by
    // the user is not.
    let existing = Existing::forced(arguments.force || is_default);
    if let Some(file) = &arguments.perfetto {
        refuse_existing_file(file, Existing::forced(arguments.force))?;
    }
    Ok(ResultFolder::create(&out, existing)?)
}

/// Number of remarks printed without `-v`.
const MAX_REMARKS: usize = 5;

/// Remarks on the input. Rows that were kept unchanged are reported with `-v` only, but for jobs that run to the end
/// as nothing says how long, and for jobs that ran longer than they asked for where a planner reads what they asked
/// for. A demand that is not enforced is always told.
///
/// Those that are not printed stand in the result folder.
fn remarks(summary: &Summary, all: bool, folder: &Path) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // What is not run as it was written is always told.
    for variant in &summary.variants {
        for gap in &variant.unexpressed {
            let line = format!("note: the system `{}` {}", variant.system, gap.words());
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    for variant in &summary.variants {
        let remarks = variant.ledger.iter();
        for remark in remarks.filter(|remark| is_unheeded(remark)) {
            push_remark(&mut lines, summary, variant, remark);
        }
    }
    let told = lines.len();
    for variant in &summary.variants {
        let remarks = variant.ledger.iter();
        let is_planned = variant.system == systems::batch::ENTRY.name;
        let is_kept = |remark: &str| {
            let is_estimate = ESTIMATES.iter().any(|kind| remark.contains(kind));
            let is_told = (is_planned && is_estimate) || remark.contains(ENDLESS);
            remark.starts_with("keep ") && !is_told
        };
        for remark in remarks.filter(|remark| all || !is_kept(remark)) {
            push_remark(&mut lines, summary, variant, remark);
        }
    }
    let most = told + MAX_REMARKS;
    if !all && lines.len() > most {
        let left = lines.len() - most;
        lines.truncate(most);
        lines.push(format!(
            "note: {left} more {} in {} and in {} (`ledger`); -v prints all",
            plural::either(left, "is", "are"),
            folder.join(REPORT).display(),
            folder.join(SUMMARY).display(),
        ));
    }
    lines
}

/// Whether a remark says that rows were taken without what they demand of their placement.
fn is_unheeded(remark: &str) -> bool {
    remark
        .strip_prefix(&Action::Waive.to_string())
        .is_some_and(|rest| rest.starts_with(' '))
}

/// Adds a remark of a variant, which is named if others don't have the remark.
fn push_remark(
    lines: &mut Vec<String>,
    summary: &Summary,
    variant: &VariantSummary,
    remark: &String,
) {
    let is_of_all = { summary.variants.iter() }.all(|other| other.ledger.contains(remark));
    let line = if is_of_all {
        format!("note: {remark}")
    } else {
        format!("note: {}: {remark}", variant.name)
    };
    if !lines.contains(&line) {
        lines.push(line);
    }
}

/// Reads the experiment; prints its errors.
fn read(global: &Global, arguments: &RunArguments) -> Result<Experiment, Failure> {
    let mut sets = arguments.sets.clone();
    sets.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    let source = Source::read(global, arguments.scenario.as_deref())?;
    let told = |rejected: &Rejected| experiment_file::told(rejected, arguments.message_format);
    let loaded = load(&source.text, &source.name, source.options(&sets));
    let mut experiment = loaded.map_err(|rejected| told(&rejected))?;
    if let Some((option, external)) = own_policy(arguments) {
        let variants = external_variant("external", &external);
        let variants = NamedText {
            name: option,
            text: &variants,
        };
        let other = source.variants(variants, &sets);
        let mut other = other.map_err(|rejected| told(&rejected))?;
        other.answer_programs(&AnswerSource::Program {
            folder: PathBuf::from("."),
            record: None,
        });
        experiment.variants.extend(other.variants);
    }
    source.complete(&mut experiment);
    if let Some(on_bad_row) = arguments.on_bad_row {
        experiment.set_on_bad_row(on_bad_row.into());
    }
    Ok(experiment)
}

/// The policy of the user's own that an option names, as the experiment file would have it.
fn own_policy(arguments: &RunArguments) -> Option<(&'static str, serde_json::Value)> {
    let command = arguments.policy_command.as_ref().map(|line| {
        let command = ["sh", "-c", &format!("exec {line}")];
        ("--policy-command", json!({ "command": command }))
    });
    let library = arguments.policy_library.as_ref();
    command.or_else(|| Some(("--policy-library", json!({ "library": library? }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_that_are_not_enforced_are_told() {
        let constraint = "waive 2 rows: constraints of an application, not enforced (first m:2)";
        assert!(is_unheeded(constraint));
        assert!(!is_unheeded(
            "keep 2 rows: run time not known (first m.json:2)"
        ));
    }
}

//! `windtunnel upgrade`: what a release of Kubernetes changes for the pods of a cluster.

mod gate;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use intake::Input;
use lab::limits::Limits;
use lab::replicate::Workers;
use lab::snapshot::profile::read_config;
use lab::snapshot::{Gathered, Sources, is_experiment};
use lab::upgrade::fields::{FieldUse, used};
use lab::upgrade::runs::compare_runs;
use lab::upgrade::{UpgradePlan, compare};
use model::{Change, ChangeEntry, Release};
use report::upgrade::UpgradeReport;
use report::upgrade::runs::RunsReport;
use scenario::Scenario;
use scenario::schema::WorkloadSource;
use world::node_prices;

use super::snapshot::{ignored, tell};
use super::source::Source;
use super::{Exit, Failure, Global, interrupt, output, terminal};
use gate::Gate;

const EXAMPLES: &str = "Examples:
  kubectl get nodes,pods,pv,pvc,sc,pdb,priorityclass,deploy,rs,sts,svc,ns -A -o json > dump.json
  windtunnel upgrade dump.json --from 1.32 --to 1.34
  windtunnel upgrade dump.json --from 1.34 --to 1.36 --fail-on 'moved>2%'
  windtunnel upgrade dump.json --from 1.34 --to 1.36 --keep balanced-allocation-improvement
  windtunnel upgrade dump.json --from 1.32 --to 1.34 --prices prices.csv
  windtunnel upgrade dump.json --from 1.32 --to 1.34 --format html > upgrade.html

Every pod that lives is taken out of the cluster, scheduled again in both releases, and put back.
A pod would land elsewhere if none of the nodes that tie for the best in one release is among those
of the other. Switches are turned one at a time; a switch is named if it makes the whole difference
by itself (`or`), or if there is no such difference without it (`with`). `windtunnel systems
kubernetes --changes` lists the switches.";

/// Arguments of `upgrade`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct UpgradeArguments {
    /// Cluster: files of `kubectl get -o json|yaml`, folders of them, a snapshot scenario, or `-`
    #[arg(required = true, value_name = "DUMP")]
    paths: Vec<PathBuf>,
    /// Release of the cluster, 1.30 to 1.36
    #[arg(long, value_name = "RELEASE", value_parser = Release::find)]
    from: Release,
    /// Release that it is to have, 1.30 to 1.36
    #[arg(long, value_name = "RELEASE", value_parser = Release::find)]
    to: Release,
    /// Scheduler configuration, a `KubeSchedulerConfiguration` file [default: built-in defaults]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Leave this switch as it is in the earlier release; may be repeated
    #[arg(long, value_name = "SWITCH", value_parser = switch)]
    keep: Vec<Change>,
    /// Compare though the dump uses fields that the later release drops
    #[arg(long)]
    drop_unknown: bool,
    /// Compare though the dump's kubelets are not of the release `--from`
    #[arg(long)]
    despite_kubelets: bool,
    /// Number of pods to schedule again at most, drawn from those of the dump; 0 takes every pod
    /// [default: every pod, or 2500 from 20000 pods on]
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// List of prices by instance type, a CSV file, for the price of the nodes in use
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Seeds of the replay of the arrivals, paired; 0 leaves it out [default: 5, or 4 from 20000
    /// pods on]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    seeds: Option<u32>,
    /// Exit with 100 if so many pods differ, such as `moved>2%` or `waiting>0`, or if a metric of an
    /// experiment gets so much worse, such as `pending_time.p99>5%`; may be repeated
    #[arg(long, value_name = "GATE")]
    fail_on: Vec<Gate>,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = UpgradeFormat::Table)]
    format: UpgradeFormat,
}

/// Output format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum UpgradeFormat {
    /// Table for the terminal.
    Table,
    /// JSON, one object.
    Json,
    /// HTML, one file.
    Html,
}

/// Number of pods of which a part is scheduled again, and from which the replay has fewer seeds.
const MANY_PODS: usize = 20_000;
/// Number of pods that are scheduled again of so many: on 5,000 nodes, decisions on pods with volumes take
/// milliseconds each, and the whole answer less than a minute.
const SAMPLE: usize = 2500;
/// Number of releases by which a kubelet may be behind its API server.
const OLDEST_KUBELET: u32 = 3;

fn switch(name: &str) -> Result<Change, String> {
    ChangeEntry::find(name).map(|entry| entry.change)
}

pub(super) fn run(global: &Global, arguments: &UpgradeArguments) -> Result<Exit, Failure> {
    let (from, to) = (arguments.from, arguments.to);
    if from == to {
        return Err(Failure::input(format!(
            "--from and --to are both {from}; give the release of the cluster and the one that it \
             is to have"
        )));
    }
    if let [path] = arguments.paths.as_slice()
        && path.is_file()
        && is_experiment(path)?
        && let Some(exit) = of_runs(global, arguments, path)?
    {
        return Ok(exit);
    }
    for gate in &arguments.fail_on {
        gate.check_for_dump().map_err(Failure::input)?;
    }
    let gathered = gather(global, arguments)?;
    check_kubelets(arguments, &gathered)?;
    let input = arguments.config.as_ref().map(Input::path);
    let (config, doubts) = read_config(input.as_ref())?;
    tell(global, &doubts);
    check_kept(arguments)?;
    let living = gathered.pods.iter().filter(|pod| !pod.phase.is_final());
    let is_large = living.count() >= MANY_PODS;
    let usual = if is_large { 4 } else { 5 };
    let seeds: Vec<u64> = (1..=u64::from(arguments.seeds.unwrap_or(usual))).collect();
    let prices = arguments.prices.as_deref().map(|file| {
        let read = node_prices(&gathered.nodes, &Input::path(file));
        read.map_err(Failure::input)
    });
    let prices = prices.transpose()?;
    let plan = UpgradePlan {
        gathered: &gathered,
        config: &config,
        from,
        to,
        kept: &arguments.keep,
        seeds: &seeds,
        most_pods: match arguments.sample {
            Some(0) => usize::MAX,
            Some(most) => most,
            None if is_large => SAMPLE,
            None => usize::MAX,
        },
        prices: prices.as_ref(),
    };
    check_fields(arguments, &used(&plan))?;
    let upgrade = compare(&plan)?;
    tell(global, &upgrade.warnings);
    let report = UpgradeReport {
        upgrade: &upgrade,
        is_verbose: global.verbose,
    };
    let text = match arguments.format {
        UpgradeFormat::Table => report.table(),
        UpgradeFormat::Json => format!("{:#}\n", report.json()),
        UpgradeFormat::Html => report.html(),
    };
    output::print(text.as_bytes())?;
    let gates = arguments.fail_on.iter();
    let doubted = gates.clone().filter_map(|gate| gate.doubted_by(&report));
    tell(global, &doubted.collect::<Vec<String>>());
    Ok(told(gates.filter_map(|gate| gate.broken_by(&report))))
}

/// Prints the words about gates that fail; the exit that follows from them.
fn told(broken: impl Iterator<Item = String>) -> Exit {
    let mut exit = Exit::Done;
    for words in broken {
        terminal::complain(&words);
        exit = Exit::GateFailed;
    }
    exit
}

/// Refuses switches to keep that both releases have alike.
fn check_kept(arguments: &UpgradeArguments) -> Result<(), Failure> {
    let (from, to) = (arguments.from, arguments.to);
    let differs = from.changes().differing(to.changes());
    let differing: Vec<Change> = differs.map(|entry| entry.change).collect();
    match arguments.keep.iter().find(|own| !differing.contains(own)) {
        None => Ok(()),
        Some(&change) => {
            let name = model::releases::CHANGES[change as usize].name;
            Err(Failure::input(format!(
                "--keep {name}: the switch is the same in {from} and {to}; leave it out"
            )))
        }
    }
}

/// Compares the runs of an experiment; `None` of one that is a snapshot, whose pods are scheduled anew.
fn of_runs(
    global: &Global,
    arguments: &UpgradeArguments,
    path: &Path,
) -> Result<Option<Exit>, Failure> {
    let source = Source::read(global, Some(path))?;
    let in_release = |release: Release| {
        let set = format!("system.release={release}");
        let mut sets = vec![set, "system.scheduler.release=null".to_owned()];
        let later = release == arguments.to;
        for &change in arguments.keep.iter().filter(|_| later) {
            let name = model::releases::CHANGES[change as usize].name;
            let is_on = arguments.from.changes().has(change);
            let word = if is_on { "on" } else { "off" };
            sets.push(format!("system.scheduler.changes.{name}={word}"));
        }
        source.experiment(&sets)
    };
    let (from, to) = (in_release(arguments.from)?, in_release(arguments.to)?);
    let (Some(plan), Some(later)) = (from.variants.first(), to.variants.first()) else {
        return Ok(None);
    };
    // Controllers make pods in the course of a run, which no snapshot shows.
    if plan.scenario.system.controllers.is_none() && has_only_manifests(&plan.scenario) {
        return Ok(None);
    }
    for gate in &arguments.fail_on {
        gate.check_for_runs().map_err(Failure::input)?;
    }
    check_for_runs(arguments)?;
    check_kept(arguments)?;
    let first = plan.scenario.seed;
    let count = u64::from(arguments.seeds.unwrap_or(5));
    let seeds: Vec<u64> = (0..count)
        .map(|number| first.wrapping_add(number))
        .collect();
    let workers = Workers {
        threads: global.threads(),
        interrupted: interrupt::flag(),
        progress: &|_, _| {},
        limits: Limits::default(),
        manifests: &world::ManifestCache::new(),
    };
    let runs = compare_runs(&from, &to, &seeds, workers)?;
    let report = RunsReport {
        experiment: &plan.scenario.name,
        from: arguments.from,
        to: arguments.to,
        before: plan.scenario.system.scheduler_changes(),
        after: later.scenario.system.scheduler_changes(),
        runs: &runs,
    };
    let text = match arguments.format {
        UpgradeFormat::Table => report.table(),
        UpgradeFormat::Json => format!("{:#}\n", report.json()),
        UpgradeFormat::Html => report.html(),
    };
    output::print(text.as_bytes())?;
    let broken = arguments.fail_on.iter();
    Ok(Some(told(
        broken.filter_map(|gate| gate.broken_by_runs(&runs)),
    )))
}

/// Refuses options that are about the pods of a dump, where an experiment is run instead.
fn check_for_runs(arguments: &UpgradeArguments) -> Result<(), Failure> {
    let given = [
        ("--config", arguments.config.is_some()),
        ("--prices", arguments.prices.is_some()),
        ("--sample", arguments.sample.is_some()),
        ("--drop-unknown", arguments.drop_unknown),
        ("--despite-kubelets", arguments.despite_kubelets),
    ];
    if let Some((option, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
        return Err(Failure::input(format!(
            "{option}: this option is for a dump, whose pods are scheduled again; an experiment is \
             run in both releases as its file says: leave it out"
        )));
    }
    if arguments.seeds == Some(0) {
        return Err(Failure::input(
            "--seeds 0: an experiment is run with each seed; expected 1 or more".to_owned(),
        ));
    }
    Ok(())
}

/// Returns whether all pods of a scenario come from manifests.
fn has_only_manifests(scenario: &Scenario) -> bool {
    let is_of_manifests =
        |source: &WorkloadSource| matches!(source, WorkloadSource::Manifests { .. });
    scenario.workload.iter().all(is_of_manifests)
}

fn gather(global: &Global, arguments: &UpgradeArguments) -> Result<Gathered, Failure> {
    let folders = global.traces_dirs();
    let sources = Sources::new(&folders).without(&ignored(global)?);
    let mut sources = sources.with_workloads();
    for path in &arguments.paths {
        sources.add(path)?;
    }
    Ok(sources.finish()?)
}

/// Refuses a dump whose newest kubelet can't belong to its stated release: none may be newer than the
/// API server, or more than three releases behind.
fn check_kubelets(arguments: &UpgradeArguments, gathered: &Gathered) -> Result<(), Failure> {
    let Some(kubelet) = gathered.newest_kubelet.as_ref() else {
        return Ok(());
    };
    let (from, version) = (arguments.from, &kubelet.version);
    let relation = if kubelet.minor > from.minor() {
        "newer than"
    } else if kubelet.minor + OLDEST_KUBELET < from.minor() {
        "more than three releases behind"
    } else {
        return Ok(());
    };
    if arguments.despite_kubelets {
        return Ok(());
    }
    Err(Failure::input(format!(
        "node `{}` reports kubelet {version}, which is {relation} --from {from}: the dump is of \
         another release; give that release, or compare all the same with `--despite-kubelets`",
        kubelet.node
    )))
}

/// Refuses to go back past a field that the dump uses.
fn check_fields(arguments: &UpgradeArguments, fields: &[FieldUse]) -> Result<(), Failure> {
    let mut dropped = fields.iter().filter(|_| !arguments.drop_unknown);
    let dropped = dropped.find(|own| own.is_unknown_to(arguments.to));
    let Some(own) = dropped else {
        return Ok(());
    };
    Err(Failure::input(format!(
        "{} uses `{}`, which release {} does not know (it came with {}): the API server would drop \
         it; choose a later release, take the field out, or compare all the same with \
         `--drop-unknown`",
        own.names.first().map_or("the dump", String::as_str),
        own.field.path,
        arguments.to,
        own.field.known_since
    )))
}

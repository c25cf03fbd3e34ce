//! `windtunnel upgrade`: what a release of Kubernetes changes for the pods of a cluster.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};

use lab::replicate::Workers;
use lab::snapshot::profile::read_config;
use lab::snapshot::{Gathered, Snapshot, Sources, is_experiment};
use lab::upgrade::runs::compare_runs;
use lab::upgrade::{Difference, Upgrade, UpgradePlan, compare};
use model::{Change, ChangeEntry, Release};
use report::upgrade::{RunsReport, UpgradeReport};
use scenario::schema::WorkloadSource;
use trace::Input;
use units::{nearest, plural};

use super::failure::failure;
use super::run::threads;
use super::snapshot::{failed, tell};
use super::source::Source;
use super::{Exit, Failure, Global, interrupt, output, terminal};

const EXAMPLES: &str = "Examples:
  kubectl get nodes,pods,pv,pvc,sc,pdb,priorityclass,deploy,rs,sts,svc,ns -A -o json > dump.json
  windtunnel upgrade dump.json --from 1.32 --to 1.34
  windtunnel upgrade dump.json --from 1.34 --to 1.36 --fail-on 'moved>2%'
  windtunnel upgrade dump.json --from 1.34 --to 1.36 --keep balanced-allocation-improvement
  windtunnel upgrade dump.json --from 1.32 --to 1.34 --format html > upgrade.html

Every pod that lives is taken out of the cluster, scheduled again in both releases, and put back.
A pod would land elsewhere if none of the nodes that tie for the best in one release is among those
of the other. Switches are turned one at a time; a switch is named if it makes the whole difference
by itself (`or`), or if there is no such difference without it (`with`). `windtunnel systems kubernetes --changes` lists
the switches.";

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
    /// Seeds of the replay of all arrivals, paired; 0 leaves it out [default: 5, or 2 from 20000
    /// pods on]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    seeds: Option<u32>,
    /// Exit with 100 if so many pods differ, such as `moved>2%` or `waiting>0`; may be repeated
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

/// Number of pods from which the replay has fewer seeds.
const MANY_PODS: usize = 20_000;

fn switch(name: &str) -> Result<Change, String> {
    ChangeEntry::find(name).map(|entry| entry.change)
}

/// Bound on the number of pods with a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gate {
    difference: Difference,
    bound: f64,
    is_percent: bool,
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no gate; expected `NAME>NUMBER` or `NAME>NUMBER%`, such as `moved>2%`"
            )
        };
        let (name, bound) = text.split_once('>').ok_or_else(wrong)?;
        let name = name.trim();
        let found = Difference::ALL.into_iter().find(|own| own.name() == name);
        let difference = found.ok_or_else(|| {
            let hint = nearest::hint(name, Difference::ALL.map(Difference::name));
            format!("`{name}` is nothing that can be bounded; {hint}")
        })?;
        let bound = bound.trim();
        let number = bound.strip_suffix('%').unwrap_or(bound).trim();
        let number: f64 = number.parse().map_err(|_| wrong())?;
        if !number.is_finite() || number < 0.0 {
            return Err(wrong());
        }
        Ok(Self {
            difference,
            bound: number,
            is_percent: bound.ends_with('%'),
        })
    }
}

impl Gate {
    /// Words about the gate if it fails.
    fn broken_by(self, report: &UpgradeReport<'_>) -> Option<String> {
        let Self {
            difference,
            bound,
            is_percent,
        } = self;
        let count = report.upgrade.count(difference);
        let percent = report.percent(difference);
        let value = if is_percent { percent } else { count as f64 };
        let unit = if is_percent { "%" } else { "" };
        (value > bound).then(|| {
            format!(
                "gate {}>{bound}{unit} fails: {count} of {} ({percent:.2} %)",
                difference.name(),
                plural::count(report.upgrade.pods, "pod")
            )
        })
    }
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
        && is_experiment(path).map_err(|error| failed(&error))?
        && let Some(exit) = of_runs(global, arguments, path)?
    {
        return Ok(exit);
    }
    let gathered = gather(global, arguments)?;
    check_kubelets(arguments)?;
    let input = arguments.config.as_ref().map(Input::path);
    let (config, doubts) = read_config(input.as_ref()).map_err(|error| failed(&error))?;
    tell(global, &doubts);
    let differs = from.changes().differing(to.changes());
    let differing: Vec<Change> = differs.map(|entry| entry.change).collect();
    for &change in &arguments.keep {
        if !differing.contains(&change) {
            let name = model::releases::CHANGES[change as usize].name;
            return Err(Failure::input(format!(
                "--keep {name}: the switch is the same in {from} and {to}; leave it out"
            )));
        }
    }
    let living = gathered.pods.iter().filter(|pod| !pod.phase.is_final());
    let usual = if living.count() < MANY_PODS { 5 } else { 2 };
    let seeds: Vec<u64> = (1..=u64::from(arguments.seeds.unwrap_or(usual))).collect();
    let upgrade = compare(&UpgradePlan {
        gathered: &gathered,
        config: &config,
        from,
        to,
        kept: &arguments.keep,
        seeds: &seeds,
    });
    let upgrade = upgrade.map_err(|error| failed(&error))?;
    tell(global, &upgrade.warnings);
    check_fields(arguments, &upgrade)?;
    let snapshot = Snapshot::new(Gathered {
        changes: from.changes(),
        ..gathered
    });
    let summary = snapshot.map_err(|error| failed(&error))?.summary();
    let report = UpgradeReport {
        snapshot: &summary,
        upgrade: &upgrade,
        is_verbose: global.verbose,
    };
    let text = match arguments.format {
        UpgradeFormat::Table => report.table(),
        UpgradeFormat::Json => format!("{:#}\n", report.json()),
        UpgradeFormat::Html => report.html(),
    };
    output::print(text.as_bytes())?;
    let mut exit = Exit::Done;
    for gate in &arguments.fail_on {
        if let Some(words) = gate.broken_by(&report) {
            terminal::complain(&words);
            exit = Exit::GateFailed;
        }
    }
    Ok(exit)
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
    let Some(plan) = from.variants.first() else {
        return Ok(None);
    };
    let is_of_manifests =
        |source: &WorkloadSource| matches!(source, WorkloadSource::Manifests { .. });
    if plan.scenario.workload.iter().all(is_of_manifests) {
        return Ok(None);
    }
    if let Some(gate) = arguments.fail_on.first() {
        return Err(Failure::input(format!(
            "--fail-on {}: gates are for the pods of a dump; use `windtunnel check` for runs",
            gate.difference.name()
        )));
    }
    let first = plan.scenario.seed;
    let count = u64::from(arguments.seeds.unwrap_or(5)).max(1);
    let seeds: Vec<u64> = (0..count)
        .map(|number| first.wrapping_add(number))
        .collect();
    let workers = Workers {
        threads: threads(global),
        interrupted: interrupt::flag(),
        progress: &|_, _| {},
    };
    let runs = compare_runs(&from, &to, &seeds, workers);
    let runs = runs.map_err(|error| failure(error, interrupt::exit()))?;
    let report = RunsReport {
        experiment: &plan.scenario.name,
        from: arguments.from,
        to: arguments.to,
        runs: &runs,
    };
    let text = match arguments.format {
        UpgradeFormat::Table => report.table(),
        UpgradeFormat::Json => format!("{:#}\n", report.json()),
        UpgradeFormat::Html => report.html(),
    };
    output::print(text.as_bytes())?;
    Ok(Some(Exit::Done))
}

fn gather(global: &Global, arguments: &UpgradeArguments) -> Result<Gathered, Failure> {
    let folders = terminal::traces_dirs(global);
    let mut sources = Sources::new(&folders);
    for path in &arguments.paths {
        sources.add(path).map_err(|error| failed(&error))?;
    }
    sources.finish().map_err(|error| failed(&error))
}

/// Refuses a dump whose nodes are newer than its stated release: no node may be.
fn check_kubelets(arguments: &UpgradeArguments) -> Result<(), Failure> {
    for path in arguments.paths.iter().filter(|path| path.is_file()) {
        let Some(version) = newest_kubelet(path)? else {
            continue;
        };
        match Release::find(&version) {
            Ok(release) if release > arguments.from => {
                return Err(Failure::input(format!(
                    "{}: a node reports kubelet {version}, which is newer than --from {}; a dump \
                     of release {release} needs `--from {release}`",
                    path.display(),
                    arguments.from
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Newest version of a kubelet that a file states.
fn newest_kubelet(path: &Path) -> Result<Option<String>, Failure> {
    const FIELD: &[u8] = b"kubeletVersion";
    let mut lines = Input::path(path).lines().map_err(Failure::input)?;
    let mut newest: Option<String> = None;
    while let Some((_, line)) = lines.next_line().map_err(Failure::input)? {
        let places = line.windows(FIELD.len()).enumerate();
        for (place, _) in places.filter(|(_, text)| *text == FIELD) {
            let rest = &line[place + FIELD.len()..];
            let rest = rest
                .iter()
                .skip_while(|letter| !letter.is_ascii_alphanumeric());
            let is_version = |letter: &&u8| letter.is_ascii_alphanumeric() || **letter == b'.';
            let version: Vec<u8> = rest.take_while(is_version).copied().collect();
            let version = String::from_utf8_lossy(&version).into_owned();
            let release = |text: &str| Release::find(text).ok();
            if release(&version) > newest.as_deref().and_then(release) {
                newest = Some(version);
            }
        }
    }
    Ok(newest)
}

/// Refuses to go back past a field that the dump uses.
fn check_fields(arguments: &UpgradeArguments, upgrade: &Upgrade) -> Result<(), Failure> {
    let mut dropped = upgrade.fields.iter().filter(|_| !arguments.drop_unknown);
    let dropped = dropped.find(|own| own.standing(arguments.to) == "unknown");
    let Some(own) = dropped else {
        return Ok(());
    };
    Err(Failure::input(format!(
        "{} uses `{}`, which release {} does not know (it came with {}): the API server would drop \
         it; choose a later release, take the field out, or compare all the same with \
         `--drop-unknown`",
        own.names.first().map_or("a pod", String::as_str),
        own.field.path,
        arguments.to,
        own.field.known_since
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_read_and_wrong_ones_told() {
        let gate: Gate = "moved>2%".parse().expect("a gate");
        assert_eq!((gate.bound, gate.is_percent), (2.0, true));
        let gate: Gate = "waiting > 0".parse().expect("a gate");
        assert_eq!(
            (gate.difference, gate.is_percent),
            (Difference::Waits, false)
        );
        for (text, expected) in [
            ("moved", "is no gate"),
            ("moved>two", "is no gate"),
            ("moved>-1", "is no gate"),
            ("moved>NaN%", "is no gate"),
            ("moves>2%", "did you mean `moved`?"),
        ] {
            let error = text.parse::<Gate>().expect_err("no gate");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

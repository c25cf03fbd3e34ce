//! `windtunnel import`: experiments from dumps of real clusters and from compose files.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use intake::Input;
use lab::folder::Existing;
use lab::import::{ImportError, ImportPlan, import};
use report::import as told;

use super::import_compose::{ComposeArguments, SummaryFormat, print_summary};
use crate::experiment_file::check_written;
use crate::{Exit, Failure, Global, terminal};
use units::plural;

const EXAMPLES: &str = "\
Examples:
  kubectl get nodes,pods,pv,pvc,sc,pdb,priorityclass,ns,svc,quota,limits,deploy,rs,sts,ds,job,cronjob,hpa,controllerrevisions \
    -A -o json > dump.json
  windtunnel import kubectl dump.json --out snapshots
  windtunnel run snapshots/dump.yaml
  windtunnel run snapshots/dump.yaml --set 'system.controllers={}'
  windtunnel import kubectl dump.json --ignore hpa,cronjob

  kubectl cluster-info dump -A --output-directory=dump
  windtunnel import kubectl dump nodes.yaml.gz --name production

Never copied: data of Secrets and ConfigMaps, literal environment values, managed fields, and
annotations that do not affect placement.

With `controllers` under `system`, the workloads of the dump take over their pods, bound and waiting.";

/// Subcommands of `import`.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Import the output of `kubectl get … -A -o json|yaml` or `kubectl cluster-info dump` as a
    /// snapshot scenario: bound pods stay in place, pending ones are scheduled
    #[command(after_help = EXAMPLES)]
    Kubectl(KubectlArguments),
    /// Import Docker Compose files as an experiment: a project on one host, a stack of SwarmKit, or
    /// objects of Kubernetes
    #[command(after_help = super::import_compose::EXAMPLES)]
    Compose(ComposeArguments),
}

/// Arguments of `import kubectl`.
#[derive(Clone, Debug, Args)]
pub(super) struct KubectlArguments {
    /// Dumps: files of JSON or YAML, plain or compressed, folders of them, or `-` for standard
    /// input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Output folder, or the experiment file itself (`.yaml`)
    #[arg(long, value_name = "DIR|FILE", default_value = ".")]
    out: PathBuf,
    /// Name of the snapshot [default: after the first file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Output format of the summary
    #[arg(long, value_enum, default_value_t = SummaryFormat::Table)]
    format: SummaryFormat,
    /// Replace existing files
    #[arg(long)]
    force: bool,
}

pub(super) fn run(global: &Global, command: &ImportCommand) -> Result<Exit, Failure> {
    let arguments = match command {
        ImportCommand::Kubectl(arguments) => arguments,
        ImportCommand::Compose(arguments) => return super::import_compose::run(global, arguments),
    };
    let mut inputs = Vec::new();
    let mut others = 0;
    for file in &arguments.files {
        let (found, more) = Input::manifests(file)?;
        inputs.extend(found);
        others += more;
    }
    let (scenario, name) = place(arguments)?;
    let ignore = super::snapshot::ignored(global)?;
    let plan = ImportPlan {
        inputs: &inputs,
        scenario,
        name,
        ignore: &ignore,
        existing: Existing::forced(arguments.force),
    };
    let summary = import(&plan).map_err(|error| match &error {
        ImportError::Folder(folder) if folder.exit_code() != 2 => Failure::incomplete(error),
        ImportError::Compress(_) => Failure::incomplete(error),
        ImportError::NoNodes(..)
        | ImportError::OverInput(..)
        | ImportError::Trace(_)
        | ImportError::Folder(_) => Failure::input(error),
    })?;
    check_written(global, &summary.scenario)?;
    if others > 0 && !global.quiet {
        terminal::complain(&format!(
            "{} in folders {} not end in .json, .yaml or .yml",
            plural::count(others, "file"),
            plural::either(
                others,
                "was ignored: its name does",
                "were ignored: their names do"
            )
        ));
    }
    print_summary(
        arguments.format,
        || told::summary(&summary, global.verbose),
        || serde_json::to_string_pretty(&summary),
    )?;
    Ok(Exit::Done)
}

/// Path of the experiment file and name of the experiment.
fn place(arguments: &KubectlArguments) -> Result<(PathBuf, String), Failure> {
    let out = &arguments.out;
    let is_file = out
        .extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml");
    let stem = if is_file {
        out.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    } else {
        stem_of(&arguments.files[0])
    };
    let name = arguments.name.clone().unwrap_or(stem);
    let is_plain = |name: &str| {
        let first = name.bytes().next();
        first.is_some_and(|byte| byte.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if !is_plain(&name) {
        return Err(Failure::input(format!(
            "`{name}` can't be the name of a snapshot: expected letters, digits, `-`, `_` and `.`, \
             such as `production`; give one with `--name`"
        )));
    }
    if is_file {
        return Ok((out.clone(), name));
    }
    let scenario = out.join(format!("{name}.yaml"));
    // A dump in YAML keeps its name.
    if arguments.name.is_none() && scenario.exists() && is_one_of(&scenario, &arguments.files) {
        let name = format!("{name}-snapshot");
        return Ok((out.join(format!("{name}.yaml")), name));
    }
    Ok((scenario, name))
}

fn is_one_of(path: &Path, files: &[String]) -> bool {
    let path = path.canonicalize().ok();
    path.is_some()
        && files
            .iter()
            .any(|file| Path::new(file).canonicalize().ok() == path)
}

/// Name derived from a file's name, without folders and format endings.
fn stem_of(file: &str) -> String {
    if file == "-" {
        return "snapshot".to_owned();
    }
    let name = Path::new(file)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let mut name = &*name;
    for ending in [".zst", ".gz", ".xz", ".json", ".yaml", ".yml"] {
        name = name.strip_suffix(ending).unwrap_or(name);
    }
    if name.is_empty() {
        "snapshot".to_owned()
    } else {
        name.to_owned()
    }
}

//! Shards handed to the engines that people have: Slurm, Kubernetes, or anything that takes lines.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lab::sweep::engine::kubernetes::{Jobs, Volume};
use lab::sweep::engine::slurm::Scripts;
use lab::sweep::engine::{command, lines};
use lab::sweep::{PARQUET_NAME, Plan, Shard, SweepError, SweepFolder, When};
use report::sweep as words;
use units::plural;

use super::super::{Exit, Failure, Global, terminal};
use super::SweepArguments;

/// File of the Jobs in the folder of a sweep.
const JOBS: &str = "kubernetes/jobs.yaml";

/// Arguments of a submission.
#[derive(Clone, Debug, Args)]
pub(super) struct SubmissionArguments {
    /// Submit the shards as a job array, and a merge that waits for it
    #[arg(long, value_enum, value_name = "TO", conflicts_with_all = ["shard", "emit"],
        help_heading = "Many machines")]
    submit: Option<Engine>,
    /// Print the command of each shard for an engine that takes them
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        conflicts_with = "shard",
        help_heading = "Many machines"
    )]
    emit: Option<Form>,
    /// Number of shards to submit; more than there are workers balances better
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Many machines",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    shards: u32,
    /// Additional argument of sbatch, such as --partition=short; may be repeated
    #[arg(
        long,
        value_name = "ARGUMENT",
        allow_hyphen_values = true,
        help_heading = "Many machines"
    )]
    sbatch: Vec<String>,
    /// Image of the pods, with windtunnel on its path (Kubernetes)
    #[arg(long, value_name = "IMAGE", help_heading = "Many machines")]
    image: Option<String>,
    /// Volume of the study: `claim:NAME`, mounted at /study, or `host:/PATH`, mounted as it is
    /// (Kubernetes)
    #[arg(long, value_name = "VOLUME", help_heading = "Many machines")]
    volume: Option<Volume>,
}

impl SubmissionArguments {
    /// Whether shards are handed to an engine.
    pub(super) const fn is_wanted(&self) -> bool {
        self.submit.is_some() || self.emit.is_some()
    }
}

/// Job system that shards are submitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// Slurm, by `sbatch`
    Slurm,
    /// Kubernetes, by `kubectl apply`: an Indexed Job, and a Job that merges
    Kubernetes,
}

/// Form in which the commands of shards are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One command a line
    Lines,
}

/// Hands the shards of a sweep to an engine, or prints what would be handed to it.
pub(super) fn submit(
    global: &Global,
    arguments: &SweepArguments,
    plan: &Plan,
    out: &Path,
) -> Result<Exit, Failure> {
    if arguments.scenario.as_deref() == Some(Path::new("-")) {
        let told = "standard input can't be submitted: every task reads the experiment file";
        return Err(Failure::input(told));
    }
    let own = &arguments.submission;
    if own.shards as usize > plan.runs.len() {
        let told = format!(
            "--shards {}: the sweep has {}; ask for at most as many shards",
            own.shards,
            plural::count(plan.runs.len(), "run")
        );
        return Err(Failure::input(told));
    }
    let shared = shared_arguments(global, arguments);
    match own.submit {
        Some(Engine::Slurm) => to_slurm(arguments, plan, out, &shared),
        Some(Engine::Kubernetes) => to_kubernetes(arguments, plan, out, &shared),
        None => {
            let all = lines(
                "windtunnel",
                &shared,
                &out.display().to_string(),
                own.shards as usize,
            );
            terminal::print(&(all.join("\n") + "\n"));
            terminal::complain(&format!(
                "note: once all have ended: windtunnel sweep --merge {}",
                out.display()
            ));
            Ok(Exit::Done)
        }
    }
}

/// Submits a job array, and the merge behind it.
fn to_slurm(
    arguments: &SweepArguments,
    plan: &Plan,
    out: &Path,
    shared: &[String],
) -> Result<Exit, Failure> {
    let own = &arguments.submission;
    let directory = std::env::current_dir().map_err(Failure::incomplete)?;
    let program = std::env::current_exe().map_err(Failure::incomplete)?;
    let scripts = Scripts {
        program: &program,
        arguments: shared,
        out,
        shards: own.shards as usize,
        directory: &directory,
    };
    let (shard, merge) = (scripts.shard(), scripts.merge());
    if arguments.dry_run {
        let array = command("sbatch", &scripts.submit_shards(&own.sbatch));
        let after = command("sbatch", &scripts.submit_merge("JOB", &own.sbatch));
        terminal::print(&words::planned(&plan.file, plan.runs.len()));
        terminal::print(&format!(
            "\n# slurm/shard.sh\n{shard}\n# slurm/merge.sh\n{merge}\n{array}\n{after}\n"
        ));
        return Ok(Exit::Done);
    }
    let files = [("slurm/shard.sh", &*shard), ("slurm/merge.sh", &*merge)];
    write_files(arguments, plan, out, &files)?;
    let job = sbatch(&scripts.submit_shards(&own.sbatch))?;
    let after = sbatch(&scripts.submit_merge(&job, &own.sbatch))?;
    tell(
        plan,
        own,
        out,
        &format!("job {job}, then the merge: job {after}"),
    );
    Ok(Exit::Done)
}

/// Applies an Indexed Job, and a Job that merges.
fn to_kubernetes(
    arguments: &SweepArguments,
    plan: &Plan,
    out: &Path,
    shared: &[String],
) -> Result<Exit, Failure> {
    let own = &arguments.submission;
    let lacks = |option| Failure::input(format!("--submit kubernetes needs {option}"));
    let image = own.image.as_deref().ok_or_else(|| lacks("--image IMAGE"))?;
    let volume = own.volume.as_ref();
    let volume = volume.ok_or_else(|| lacks("--volume claim:NAME or --volume host:/PATH"))?;
    let directory = match volume {
        Volume::Claim(_) => PathBuf::from(volume.mount()),
        Volume::HostPath(_) => std::env::current_dir().map_err(Failure::incomplete)?,
    };
    for path in arguments.scenario.iter().map(PathBuf::as_path).chain([out]) {
        let inside = lab::paths::joined(&directory, path);
        if !inside.starts_with(volume.mount()) {
            let told = format!(
                "{}: is not on the volume, which pods see at {}; give a path below it",
                path.display(),
                volume.mount()
            );
            return Err(Failure::input(told));
        }
    }
    let jobs = Jobs {
        name: &job_name(&plan.file.name),
        image,
        volume,
        directory: &directory.display().to_string(),
        arguments: shared,
        out: &out.display().to_string(),
        shards: own.shards as usize,
    };
    let text = jobs.text();
    if arguments.dry_run {
        terminal::print(&text);
        return Ok(Exit::Done);
    }
    write_files(arguments, plan, out, &[(JOBS, &text)])?;
    let file = out.join(JOBS);
    let ended = std::process::Command::new("kubectl")
        .args(["apply", "-f"])
        .arg(&file)
        .status();
    let ended = ended.map_err(|error| {
        Failure::incomplete(format!(
            "`kubectl` can't be started ({error}); the Jobs are in {}: apply them from a machine \
             with access to the cluster",
            file.display()
        ))
    })?;
    if !ended.success() {
        let told = format!("kubectl: {ended}; the Jobs are in {}", file.display());
        return Err(Failure::incomplete(told));
    }
    tell(plan, own, out, "an Indexed Job, and a Job that merges");
    Ok(Exit::Done)
}

/// Name of the Jobs of an experiment: what a name of objects may hold, in the length that leaves
/// room for the index of a pod.
fn job_name(experiment: &str) -> String {
    let letters = experiment.chars().map(|letter| match letter {
        'a'..='z' | '0'..='9' => letter,
        'A'..='Z' => letter.to_ascii_lowercase(),
        _ => '-',
    });
    let name: String = letters.take(40).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "sweep" } else { name }.to_owned()
}

/// Makes the folder of the sweep, with files for the engine, and closes it before a task starts.
fn write_files(
    arguments: &SweepArguments,
    plan: &Plan,
    out: &Path,
    files: &[(&str, &str)],
) -> Result<(), Failure> {
    let when = if arguments.force {
        When::AnySweep
    } else {
        When::SameSweep
    };
    let folder = SweepFolder::open(out, &plan.file, Shard::WHOLE, when)?;
    for (name, text) in files {
        let written = folder.folder().write(name, text.as_bytes());
        written.map_err(SweepError::from)?;
    }
    Ok(())
}

fn tell(plan: &Plan, own: &SubmissionArguments, out: &Path, jobs: &str) {
    terminal::print(&format!(
        "{} in {}: {jobs}\ntable: {}\n",
        plural::count(plan.runs.len(), "run"),
        plural::count(own.shards, "shard"),
        out.join(PARQUET_NAME).display()
    ));
}

/// Submits a script; returns its job number.
fn sbatch(arguments: &[String]) -> Result<String, Failure> {
    let tried = command("sbatch", arguments);
    let output = std::process::Command::new("sbatch")
        .args(arguments)
        .output();
    let output = output.map_err(|error| {
        Failure::incomplete(format!(
            "`sbatch` can't be started ({error}); submit from a machine with Slurm, or see what \
             would be submitted with --dry-run"
        ))
    })?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // On several clusters the answer is NUMBER;CLUSTER.
    let number = said.split(';').next().unwrap_or_default();
    if !output.status.success() || number.is_empty() || number.parse::<u64>().is_err() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::incomplete(format!(
            "{tried}: {} {said}\nhelp: the scripts are kept; correct the problem that Slurm \
             reports and submit again with the same command, or run the shards by hand with \
             --shard I/N and then --merge",
            told.trim()
        )));
    }
    Ok(number.to_owned())
}

/// Arguments that every shard receives.
fn shared_arguments(global: &Global, arguments: &SweepArguments) -> Vec<String> {
    let mut shared = Vec::new();
    shared.extend(
        arguments
            .scenario
            .iter()
            .map(|path| path.display().to_string()),
    );
    let mut add = |option: &str, value: String| shared.extend([option.to_owned(), value]);
    for (option, values) in [
        ("--grid", &arguments.grid),
        ("--list", &arguments.list),
        ("--vary", &arguments.vary),
        ("--set", &arguments.sets),
    ] {
        for value in values {
            add(option, value.clone());
        }
    }
    for (option, value) in [
        ("--random", arguments.random),
        ("--latin", arguments.latin),
        ("--sobol", arguments.sobol),
    ] {
        if let Some(value) = value {
            add(option, value.to_string());
        }
    }
    if arguments.sampling_seed != 0 {
        add("--sampling-seed", arguments.sampling_seed.to_string());
    }
    add("--seeds", arguments.seeds.to_string());
    for folder in &global.traces {
        add("--traces", folder.display().to_string());
    }
    shared
}

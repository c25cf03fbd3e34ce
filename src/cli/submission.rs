//! Shards handed to the engines that people have: Slurm, Kubernetes, or anything that takes lines.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::{Args, ValueEnum};
use lab::folder::KeptFolder;
use lab::sweep::engine::kubernetes::{Jobs, Volume};
use lab::sweep::engine::slurm::Scripts;
use lab::sweep::engine::{Study, command, lines};
use units::plural;

use super::{Exit, Failure, Global, interrupt, terminal};

/// File of the Jobs in the folder of records.
const JOBS: &str = "kubernetes/jobs.yaml";

/// Seconds between two looks for missing runs.
const POLL_SECONDS: u32 = 5;

/// Arguments of a submission.
#[derive(Clone, Debug, Args)]
pub(super) struct SubmissionArguments {
    /// Submit the shards as a job array, and behind it what puts their runs together
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
    /// Print what would be run or submitted, and exit
    #[arg(long)]
    pub(super) dry_run: bool,
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

/// Writer of files into a folder.
pub(super) type WriteInto<'a> = dyn Fn(&KeptFolder) -> Result<(), Failure> + 'a;

/// Study whose shards are handed to an engine.
pub(super) struct Submission<'a> {
    /// Its commands.
    pub(super) study: Study,
    /// Name of the experiment.
    pub(super) name: &'a str,
    /// Files that are given by a path, which every task reads.
    pub(super) files: Vec<&'a Path>,
    /// Number and kind of the runs, in words.
    pub(super) planned: String,
    /// Number of runs, if it is known.
    pub(super) runs: Option<usize>,
    /// Path of the result.
    pub(super) result: PathBuf,
    /// Opener of the folder that shards share, which is closed before a task starts.
    pub(super) open: &'a dyn Fn(&WriteInto<'_>) -> Result<(), Failure>,
}

/// Hands the shards of a study to an engine, or prints what would be handed to it.
pub(super) fn submit(
    submission: &Submission<'_>,
    own: &SubmissionArguments,
) -> Result<Exit, Failure> {
    if submission.files.contains(&Path::new("-")) {
        let told = "standard input can't be submitted: every task reads the experiment file";
        return Err(Failure::input(told));
    }
    let shards = own.shards as usize;
    if let Some(runs) = submission.runs.filter(|runs| shards > *runs) {
        let (command, runs) = (submission.study.words().study, plural::count(runs, "run"));
        let told =
            format!("--shards {shards}: the {command} has {runs}; ask for at most as many shards");
        return Err(Failure::input(told));
    }
    match own.submit {
        Some(Engine::Slurm) => to_slurm(submission, own),
        Some(Engine::Kubernetes) => to_kubernetes(submission, own),
        None => {
            let all = lines("windtunnel", &submission.study, shards);
            terminal::print(&(all.join("\n") + "\n"));
            let end = command("windtunnel", &submission.study.end);
            terminal::complain(&format!("note: once all have ended: {end}"));
            Ok(Exit::Done)
        }
    }
}

/// Submits a job array, and behind it what puts its runs together.
fn to_slurm(submission: &Submission<'_>, own: &SubmissionArguments) -> Result<Exit, Failure> {
    let directory = std::env::current_dir().map_err(Failure::incomplete)?;
    let program = std::env::current_exe().map_err(Failure::incomplete)?;
    let scripts = Scripts {
        program: &program,
        study: &submission.study,
        shards: own.shards as usize,
        directory: &directory,
    };
    let (shard, end) = (scripts.shard(), scripts.merge());
    if own.dry_run {
        let array = command("sbatch", &scripts.submit_shards(&own.sbatch));
        let after = command("sbatch", &scripts.submit_merge("JOB", &own.sbatch));
        terminal::print(&submission.planned);
        terminal::print(&format!(
            "\n# slurm/shard.sh\n{shard}\n# slurm/merge.sh\n{end}\n{array}\n{after}\n"
        ));
        return Ok(Exit::Done);
    }
    let files = [("slurm/shard.sh", &*shard), ("slurm/merge.sh", &*end)];
    write_files(submission, &files)?;
    let job = sbatch(&scripts.submit_shards(&own.sbatch))?;
    let after = sbatch(&scripts.submit_merge(&job, &own.sbatch))?;
    let what = submission.study.words().end;
    tell(
        submission,
        own,
        &format!("job {job}, then the {what}: job {after}"),
    );
    Ok(Exit::Done)
}

/// Applies an Indexed Job, and a Job that puts its runs together.
fn to_kubernetes(submission: &Submission<'_>, own: &SubmissionArguments) -> Result<Exit, Failure> {
    let lacks = |option| Failure::input(format!("--submit kubernetes needs {option}"));
    let image = own.image.as_deref().ok_or_else(|| lacks("--image IMAGE"))?;
    let volume = own.volume.as_ref();
    let volume = volume.ok_or_else(|| lacks("--volume claim:NAME or --volume host:/PATH"))?;
    let directory = match volume {
        Volume::Claim(_) => PathBuf::from(volume.mount()),
        Volume::HostPath(_) => std::env::current_dir().map_err(Failure::incomplete)?,
    };
    let records = submission.study.folder.as_path();
    let others = [records, &submission.result];
    for path in submission.files.iter().copied().chain(others) {
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
        name: &job_name(submission.name),
        image,
        volume,
        directory: &directory.display().to_string(),
        study: &submission.study,
        shards: own.shards as usize,
    };
    let text = jobs.text();
    if own.dry_run {
        terminal::print(&text);
        return Ok(Exit::Done);
    }
    write_files(submission, &[(JOBS, &text)])?;
    let file = records.join(JOBS);
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
    let verb = submission.study.words().verb;
    tell(
        submission,
        own,
        &format!("an Indexed Job, and a Job that {verb}"),
    );
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

/// Makes the folder that shards share, with files for the engine.
fn write_files(submission: &Submission<'_>, files: &[(&str, &str)]) -> Result<(), Failure> {
    (submission.open)(&|folder| {
        for (name, text) in files {
            folder.write(name, text.as_bytes())?;
        }
        Ok(())
    })
}

fn tell(submission: &Submission<'_>, own: &SubmissionArguments, jobs: &str) {
    let shards = plural::count(own.shards, "shard");
    let runs = submission
        .runs
        .map(|runs| plural::count(runs, "run") + " in ");
    terminal::print(&format!(
        "{}{shards}: {jobs}\n{}: {}\n",
        runs.unwrap_or_default(),
        submission.study.words().result,
        submission.result.display()
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

/// Waits for some seconds until it is looked again whether runs are there, unless the user stops it.
pub(super) fn pause() -> Result<(), Failure> {
    for _ in 0..POLL_SECONDS * 10 {
        if interrupt::flag().load(Ordering::Relaxed) {
            return Err(Failure::silent(interrupt::exit()));
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Ok(())
}

/// Options of all commands that runs depend on, for the command of a shard.
pub(super) fn add_global(global: &Global, arguments: &mut Vec<String>) {
    for folder in &global.traces {
        arguments.extend(["--traces".to_owned(), folder.display().to_string()]);
    }
    for kind in &global.ignore {
        arguments.extend(["--ignore".to_owned(), kind.clone()]);
    }
    if global.allow_external {
        arguments.push("--allow-external".to_owned());
    }
}

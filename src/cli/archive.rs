//! `windtunnel archive`: a study as a folder that another machine reproduces, with its inputs, the program's build, and
//! how to cite it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use intake::Input;
use lab::folder::{Existing, ResultFolder, SUMS_NAME};
use lab::summary::Summary;
use report::format::clean;
use scenario::{Experiment, inside_of_folder};
use units::{SortedMap, plural};

use super::{Exit, Failure, Global, named, terminal};

const EXAMPLES: &str = "\
Examples:
  windtunnel archive results/packing --out study
  windtunnel archive results/packing results/packing-compare --out study
  tar --create --gzip --file study.tar.gz study

Its README says how to get the results again: windtunnel reproduce results/packing --traces inputs";

/// Arguments of `archive`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ArchiveArguments {
    /// Result folders of the study
    #[arg(value_name = "RUN", required = true)]
    results: Vec<PathBuf>,
    /// Folder of the archive, which is made
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Leave the inputs out, such as traces that others publish; their hashes stay
    #[arg(long)]
    without_inputs: bool,
    /// Replace an existing archive
    #[arg(long)]
    force: bool,
}

/// Folder of an archive that holds results.
const RESULTS: &str = "results";
/// Folder of an archive that holds inputs.
const INPUTS: &str = "inputs";

/// A result folder and what it was made of.
struct ArchivedRun<'a> {
    path: &'a Path,
    /// Name of its folder in the archive.
    name: String,
    summary: Summary,
    experiment: Experiment,
}

pub(super) fn run(global: &Global, arguments: &ArchiveArguments) -> Result<Exit, Failure> {
    let runs: Vec<ArchivedRun<'_>> = (arguments.results.iter())
        .map(|path| archived_run(global, path))
        .collect::<Result<_, _>>()?;
    for (position, run) in runs.iter().enumerate() {
        if runs[..position].iter().any(|other| other.name == run.name) {
            return Err(Failure::input(format!(
                "{}: another of the results is called `{}`, too; rename one of them",
                run.path.display(),
                run.name
            )));
        }
    }
    let folder = ResultFolder::create(&arguments.out, Existing::forced(arguments.force))?;
    let mut archive = Archive {
        root: folder.partial().to_path_buf(),
        sums: SortedMap::new(),
    };
    let mut inputs = 0;
    for run in &runs {
        archive.copy_folder(run.path, &Path::new(RESULTS).join(&run.name))?;
        if !arguments.without_inputs {
            inputs += archive.copy_inputs(run)?;
        }
    }
    archive.write("README.md", &readme(&runs, arguments.without_inputs))?;
    archive.write("CITATION.cff", &citation(&runs))?;
    archive.write_sums()?;
    let out = folder.finish()?;
    terminal::print(&format!(
        "{}: {}, {}\nreproduce: {}\n",
        out.display(),
        plural::count(runs.len(), "result"),
        plural::count(inputs, "input file"),
        command(&runs[0], arguments.without_inputs),
    ));
    Ok(Exit::Done)
}

fn archived_run<'a>(global: &Global, path: &'a Path) -> Result<ArchivedRun<'a>, Failure> {
    let wrong = |reason: &str| Failure::input(format!("{}: {reason}", path.display()));
    if !path.is_dir() {
        return Err(wrong(
            "no such result folder; give the folders that `run` and `compare` wrote",
        ));
    }
    let (experiment, Some(summary)) = named::experiment(global, path, &[])? else {
        return Err(wrong("is no result folder"));
    };
    let hashes = lab::hashes::input_hashes(&experiment)?;
    let other = { summary.inputs.iter() }.find(|file| !hashes.contains(file));
    if let Some(other) = other {
        return Err(Failure::new(
            Exit::Incomparable,
            format!(
                "{}: `{}` isn't what was run: its content has changed since; run it again, or name the folder of \
                 the recorded file with --traces DIR",
                path.display(),
                clean(&other.path)
            ),
        ));
    }
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = whole.file_name().unwrap_or_default();
    Ok(ArchivedRun {
        path,
        name: name.to_string_lossy().into_owned(),
        summary,
        experiment,
    })
}

/// An archive that is being written.
struct Archive {
    root: PathBuf,
    /// Files by name, with their hashes.
    sums: SortedMap<String, String>,
}

impl Archive {
    fn write(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        self.add(Path::new(name), |to| fs::write(to, text))
    }

    fn copy(&mut self, from: &Path, name: &Path) -> Result<(), Failure> {
        self.add(name, |to| fs::copy(from, to).map(drop))
    }

    /// Adds a file, which is written by `write`, with its hash.
    fn add(&mut self, name: &Path, write: impl Fn(&Path) -> io::Result<()>) -> Result<(), Failure> {
        let path = self.root.join(name);
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        folder
            .and_then(|()| write(&path))
            .map_err(|error| Failure::incomplete(format!("{}: {error}", path.display())))?;
        let hash = Input::path(&path).blake3()?;
        self.sums.insert(name.display().to_string(), hash);
        Ok(())
    }

    /// Copies the files of a folder, those below it in their order.
    fn copy_folder(&mut self, from: &Path, name: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::input(format!("{}: {error}", from.display()));
        let entries = fs::read_dir(from).map_err(failed)?;
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        paths.sort();
        for path in paths {
            let inner = name.join(path.file_name().unwrap_or_default());
            if path.is_dir() {
                self.copy_folder(&path, &inner)?;
            } else {
                self.copy(&path, &inner)?;
            }
        }
        Ok(())
    }

    /// Copies the files that a run reads, and gives their number; those that the program brings along stay there.
    fn copy_inputs(&mut self, run: &ArchivedRun<'_>) -> Result<usize, Failure> {
        let mut copied = 0;
        for input in &run.summary.inputs {
            let path = run.experiment.files.get(&input.path).map(Path::new);
            let Some(path) = path.filter(|path| path.is_file()) else {
                continue;
            };
            let name = Path::new(INPUTS).join(inside_of_folder(&input.path));
            match self.sums.get(&name.display().to_string()) {
                None => {
                    self.copy(path, &name)?;
                    copied += 1;
                }
                Some(hash) if *hash == input.blake3 => {}
                Some(_) => {
                    return Err(Failure::input(format!(
                        "{}: `{}` is another file than that of this name which another of the results reads; \
                         archive the two apart",
                        run.path.display(),
                        clean(&input.path)
                    )));
                }
            }
        }
        Ok(copied)
    }

    fn write_sums(&mut self) -> Result<(), Failure> {
        let mut text = String::new();
        for (name, hash) in &self.sums {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{hash}  {name}");
        }
        self.write(SUMS_NAME, &text)
    }
}

fn command(run: &ArchivedRun<'_>, without_inputs: bool) -> String {
    let inputs = if without_inputs { "DIR" } else { INPUTS };
    let traces = match run.experiment.files.len() {
        0 => String::new(),
        _ => format!(" --traces {inputs}"),
    };
    let folder = format!("{RESULTS}/{}", run.name);
    format!(
        "windtunnel reproduce {}{traces}",
        lab::shell::quoted(&folder)
    )
}

fn readme(runs: &[ArchivedRun<'_>], without_inputs: bool) -> String {
    let mut text = String::from("# How to get these results again\n");
    for run in runs {
        let program = run.summary.program();
        let _ = write!(
            text,
            "\n## {RESULTS}/{}\n\nMade by windtunnel {program}. In this folder:\n\n```text\n{}\n```\n\nruns it again, compares every \
             metric, and ends with exit code 0 where all are the same.\n\n| variant | seed | digest |\n|---|---|---|\n",
            clean(&run.name),
            command(run, without_inputs),
        );
        for variant in &run.summary.variants {
            let (name, digest) = (clean(&variant.name), &variant.digest);
            let _ = writeln!(text, "| {name} | {} | {digest} |", variant.seed);
        }
        if !run.summary.inputs.is_empty() {
            text.push_str("\n| input | blake3 |\n|---|---|\n");
        }
        for input in &run.summary.inputs {
            let _ = writeln!(text, "| {} | {} |", clean(&input.path), input.blake3);
        }
    }
    if without_inputs {
        text.push_str("\nThe inputs are not in this folder: get the files of these hashes, and name theirs for DIR.\n");
    }
    text.push_str("\n`b3sum --check BLAKE3SUMS` checks the files of this folder.\n");
    text
}

/// Citation of the study, for its author to fill in, and of the program.
fn citation(runs: &[ArchivedRun<'_>]) -> String {
    let program = runs[0].summary.program();
    let title = clean(&runs[0].summary.name);
    format!(
        "cff-version: 1.2.0\nmessage: \"Cite this study, and the program that made it.\"\ntitle: {title:?}\n\
         type: dataset\nauthors:\n  - name: \"write your names here\"\nreferences:\n  - type: software\n    title: \
         \"windtunnel: a wind tunnel for cluster schedulers\"\n    version: {program:?}\n    authors:\n      \
         - name: \"The windtunnel maintainers\"\n"
    )
}

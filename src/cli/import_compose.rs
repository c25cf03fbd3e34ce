//! `windtunnel import compose`: experiments from compose files.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use intake::Input;
use lab::compose::{ComposeError, ComposePlan, import_compose};
use lab::folder::Existing;
use report::compose as told;
use scenario::compose::{Target, Variables, environment};

use super::{Exit, Failure, Global, output, source};
use crate::experiment_file::check_written;

/// Examples of the command.
pub(super) const EXAMPLES: &str = "\
Examples:
  windtunnel import compose compose.yaml --out experiments
  windtunnel run experiments/shop.yaml
  windtunnel import compose compose.yaml compose.prod.yaml --as swarmkit --name shop
  windtunnel import compose compose.yaml --as kubernetes --profile debug --variable TAG=1.2

Variables come from `--variable`, from `--env-file`, or else from the file `.env` beside the first
compose file; never from the environment of this program, so that imports repeat. Of them,
`COMPOSE_PROJECT_NAME` names the project, and `COMPOSE_PROFILES` turns profiles on, unless `--name` and
`--profile` do.";

/// Arguments of `import compose`.
#[derive(Clone, Debug, Args)]
pub(super) struct ComposeArguments {
    /// Compose files; later ones are laid over earlier ones
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// System that the project runs as
    #[arg(long = "as", value_enum, default_value_t = As::Compose, value_name = "SYSTEM")]
    target: As,
    /// Profiles that are on; `*` is all
    #[arg(long = "profile", value_name = "NAME", value_delimiter = ',')]
    profiles: Vec<String>,
    /// Value of a variable that the files name; may be repeated
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// File of variables, in place of `.env`; may be repeated
    #[arg(long = "env-file", value_name = "FILE")]
    env_files: Vec<PathBuf>,
    /// Output folder, or the experiment file itself (`.yaml`)
    #[arg(long, value_name = "DIR|FILE", default_value = ".")]
    out: PathBuf,
    /// Name of the project [default: `COMPOSE_PROJECT_NAME`, the file's own, or after its folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Output format of the summary
    #[arg(long, value_enum, default_value_t = SummaryFormat::Table)]
    format: SummaryFormat,
    /// Replace existing files
    #[arg(long)]
    force: bool,
}

/// Output format of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SummaryFormat {
    /// Table for the terminal.
    Table,
    /// JSON, one object.
    Json,
}

/// System that a project runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum As {
    /// Project on one host.
    Compose,
    /// Stack of `SwarmKit`.
    Swarmkit,
    /// Objects of Kubernetes.
    Kubernetes,
}

pub(super) fn run(global: &Global, arguments: &ComposeArguments) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for path in &arguments.files {
        files.push(source::text_of(path)?);
    }
    let out = &arguments.out;
    let is_file = out
        .extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml");
    let variables = variables(arguments)?;
    let of_file = variables.get("COMPOSE_PROJECT_NAME");
    let of_file = of_file.filter(|name| !name.is_empty());
    let stated = arguments.name.as_ref().or(of_file);
    let mut profiles = arguments.profiles.clone();
    if let (Some(own), true) = (variables.get("COMPOSE_PROFILES"), profiles.is_empty()) {
        let named = own
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        profiles.extend(named.map(str::to_owned));
    }
    let plan = ComposePlan {
        files: &files,
        name: match stated {
            Some(name) => checked_name(name)?,
            None => name_after(&arguments.files[0]),
        },
        is_named: stated.is_some(),
        stem: stem_of(&arguments.files[0]),
        variables,
        profiles,
        target: match arguments.target {
            As::Compose => Target::Compose,
            As::Swarmkit => Target::SwarmKit,
            As::Kubernetes => Target::Kubernetes,
        },
        scenario: is_file.then(|| out.clone()),
        folder: out.clone(),
        existing: Existing::forced(arguments.force),
    };
    let summary = import_compose(&plan).map_err(|error| match &error {
        ComposeError::Rejected(rejected) => source::told(rejected),
        ComposeError::Folder(folder) if folder.exit_code() != 2 => Failure::incomplete(error),
        ComposeError::Text(_) => Failure::incomplete(error),
        ComposeError::OverInput(..) | ComposeError::Folder(_) => Failure::input(error),
    })?;
    check_written(global, &summary.scenario)?;
    print_summary(
        arguments.format,
        || told::summary(&summary, global.verbose),
        || serde_json::to_string_pretty(&summary),
    )?;
    Ok(Exit::Done)
}

/// Prints the summary of an import, as a table or as JSON.
pub(super) fn print_summary(
    format: SummaryFormat,
    table: impl FnOnce() -> String,
    json: impl FnOnce() -> serde_json::Result<String>,
) -> Result<(), Failure> {
    let text = match format {
        SummaryFormat::Table => table(),
        SummaryFormat::Json => json().map_err(Failure::incomplete)? + "\n",
    };
    output::print(text.as_bytes())
}

/// Values of variables: of the environment files, and those of the command line over them.
fn variables(arguments: &ComposeArguments) -> Result<Variables, Failure> {
    let mut variables = Variables::new();
    let mut files = arguments.env_files.clone();
    let beside = arguments.files[0].with_file_name(".env");
    if files.is_empty() && beside.is_file() {
        files.push(beside);
    }
    for path in files {
        let text = Input::path(&path).read_to_string()?;
        let read = environment(&text).map_err(|(line, text)| {
            let place = path.display();
            Failure::input(format!("{place}:{line}: `{text}`: expected `NAME=VALUE`"))
        })?;
        variables.extend(read);
    }
    for written in &arguments.variables {
        let (name, value) = written
            .split_once('=')
            .filter(|own| !own.0.is_empty())
            .ok_or_else(|| {
                Failure::input(format!("--variable: `{written}`: expected `NAME=VALUE`"))
            })?;
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}

fn checked_name(name: &str) -> Result<String, Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.bytes().all(is_plain) {
        return Ok(name.to_owned());
    }
    Err(Failure::input(format!(
        "`{name}` can't be the name of a project: expected letters, digits, `-`, `_` and `.`, such as \
         `shop`"
    )))
}

/// Name of the project after the folder of its first file (compose-go `loader/loader.go`,
/// `NormalizeProjectName`).
fn name_after(first: &Path) -> String {
    let whole = first.canonicalize().unwrap_or_else(|_| first.to_owned());
    let folder = whole.parent().and_then(Path::file_name);
    let folder = folder.unwrap_or_default().to_string_lossy();
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "-_".contains(*letter);
    let name: String = folder
        .to_ascii_lowercase()
        .chars()
        .filter(is_plain)
        .collect();
    let name = name.trim_start_matches(['-', '_']);
    if name.is_empty() {
        "project".to_owned()
    } else {
        name.to_owned()
    }
}

/// Name of the experiment's file after the first compose file, unless that has the usual name.
fn stem_of(first: &Path) -> Option<String> {
    let stem = first.file_stem().unwrap_or_default().to_string_lossy();
    let is_usual = ["compose", "docker-compose"].contains(&&*stem);
    let name = stem.trim_matches(['-', '.']);
    (!is_usual && !name.is_empty()).then(|| name.to_owned())
}

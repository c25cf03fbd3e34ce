//! Arrivals that a generator makes.

use serde::Deserialize;

use arrivals::format::Constructor;
use arrivals::read_ahead::Ahead;
use arrivals::{ArrivalSource, ReadOptions};
use formats::registry::recognize;
use intake::Input;
use scenario::Scenario;
use scenario::schema::Generate;
use units::Duration;
use workloads::generate::lublin99::LublinKind;
use workloads::generate::{GeneratorOptions, find};

use super::{BuildError, FileSource};

/// From this many arrivals on they are made in a thread ahead of the run; fewer are made before
/// that pays.
const AHEAD_FROM_JOBS: u32 = 10_000;

/// Parameters of a model in an experiment file, beside its name and `jobs`; which model takes which
/// was checked with the file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    seed: Option<u64>,
    processors: Option<u32>,
    kind: Option<String>,
    nodes: Option<u32>,
    classes: Option<u32>,
    load: Option<u32>,
    span: Option<Duration>,
    tasks_per_job: Option<u32>,
}

/// Arrivals that a generator makes: one by one where it can, else out of its files in memory.
pub(super) fn generated(
    scenario: &Scenario,
    generate: &Generate,
    files: &FileSource<'_>,
) -> Result<Box<dyn ArrivalSource>, BuildError> {
    let model = &generate.model;
    let unknown = || BuildError::Experiment(format!("there is no generator `{model}`"));
    let entry = find(model).ok_or_else(unknown)?;
    let options = options(scenario, generate)?;
    let file = generate.file.as_ref().map(|file| files.open(file));
    let source = entry.arrivals(file.as_ref(), &options)?;
    if let Some(source) = source {
        return Ok(if options.jobs < AHEAD_FROM_JOBS {
            source
        } else {
            Box::new(Ahead::new(source))
        });
    }
    for file in entry.files(&options)? {
        let input = Input::bytes(&file.name, file.text);
        if let Constructor::Workload(open) = recognize(&input)?.open {
            return Ok(open(&input, &ReadOptions::default())?);
        }
    }
    Err(BuildError::Experiment(format!(
        "`{model}` does not generate a workload"
    )))
}

fn options(scenario: &Scenario, generate: &Generate) -> Result<GeneratorOptions, BuildError> {
    let parameters: Parameters = generate
        .parameters
        .decode()
        .map_err(|error| BuildError::Experiment(format!("generate: {error}")))?;
    let defaults = GeneratorOptions::default();
    let span = parameters.span.unwrap_or(defaults.span);
    if span <= Duration::ZERO {
        let message = "generate.span: expected a time above zero, such as `29d`";
        return Err(BuildError::Experiment(message.to_owned()));
    }
    Ok(GeneratorOptions {
        seed: parameters.seed.unwrap_or(scenario.seed),
        jobs: u32::try_from(generate.jobs).map_err(|_| {
            BuildError::Experiment("generate.jobs: expected at most 4294967295".to_owned())
        })?,
        processors: parameters.processors.unwrap_or(defaults.processors),
        kind: match parameters.kind.as_deref() {
            Some("typed") => LublinKind::Typed,
            _ => defaults.kind,
        },
        nodes: parameters.nodes.unwrap_or(defaults.nodes),
        classes: parameters.classes.unwrap_or(defaults.classes),
        load_percent: parameters.load.unwrap_or(defaults.load_percent),
        span,
        tasks_per_job: parameters.tasks_per_job.unwrap_or(defaults.tasks_per_job),
        ..defaults
    })
}

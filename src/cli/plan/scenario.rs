//! Plans for scenarios: the fewest or cheapest nodes with which the objectives hold over seeds.

use std::path::Path;

use ::scenario::schema::{NodeSource, Objective, Template, WorkloadSource};
use ::scenario::{Experiment, Scenario};
use lab::check::Outcome;
use lab::check::limit::within;
use lab::limits::Limits;
use lab::plan::over_time::{SeedOutcome, Sources, fewest};
use lab::replicate::{Work, Workers, replicate};
use lab::snapshot::is_experiment;
use model::node::INSTANCE_TYPE_LABEL;
use world::{FileSource, ManifestFiles, Remarks, economics, nodes};

use super::answer::Answer;
use super::{PlanArguments, PlanFormat, What};
use crate::experiment_file::{MessageFormat, Reading, read};
use crate::{Exit, Failure, Global, interrupt, output};

/// Number of times the nodes of the scenario that are tried at most.
const MOST_TIMES: u64 = 64;

/// Searches for the fewest nodes of a scenario; `None` if the question is about a cluster at one
/// instant.
pub(super) fn run(global: &Global, arguments: &PlanArguments) -> Result<Option<Exit>, Failure> {
    let is_over_time = !arguments.goal.is_empty();
    let [path] = &arguments.paths[..] else {
        return refuse_goals(is_over_time);
    };
    if path.is_dir() || path == Path::new("-") || !is_experiment(path).unwrap_or(false) {
        return refuse_goals(is_over_time);
    }
    let experiment = load(global, arguments, path, Vec::new())?;
    let Some(variant) = experiment.variants.first() else {
        return Ok(None);
    };
    let scenario = &variant.scenario;
    let arrives = |source: &WorkloadSource| !matches!(source, WorkloadSource::Manifests { .. });
    let is_asked = arguments.minimize.is_some() && !scenario.objectives.is_empty();
    let is_asked = is_asked && scenario.workload.iter().any(arrives);
    if !(is_over_time || is_asked) {
        return Ok(None);
    }
    let templates = templates(scenario, path)?;
    let (costs, currency) = match arguments.minimize {
        Some(What::Cost) => prices(&experiment, scenario, &templates)?,
        _ => (vec![1; templates.len()], String::new()),
    };
    let starts = templates.iter().map(|own| u64::from(own.of.count).max(1));
    let starts: Vec<u64> = starts.collect();
    let sources = Sources {
        start: &starts,
        times: MOST_TIMES,
        costs: &costs,
    };
    let mut releases = String::new();
    let found = fewest(sources, |counts| {
        let sources = templates.iter().zip(counts);
        let sets = sources.clone().filter(|(_, count)| **count > 0);
        let sets = sets.map(|(own, count)| format!("cluster.nodes.{}.count={count}", own.place));
        let mut experiment = load(global, arguments, path, sets.collect())?;
        // A file can't state a source without nodes.
        for (own, _) in sources.filter(|(_, count)| **count == 0) {
            for variant in &mut experiment.variants {
                let nodes = variant.scenario.cluster.nodes.get_mut(own.place);
                if let Some(NodeSource::Template(template)) = nodes {
                    template.count = 0;
                }
            }
        }
        outcomes(global, arguments, &experiment, &mut releases)
    })?;
    let answer = Answer {
        found: &found,
        objectives: &scenario.objectives,
        most: starts.iter().sum::<u64>() * MOST_TIMES,
        names: templates.iter().map(Source::name).collect(),
        sources: templates.iter().map(|own| own.place).collect(),
        costs: &costs,
        currency: &currency,
        releases: &releases,
    };
    let text = match arguments.format {
        PlanFormat::Table => answer.table(),
        PlanFormat::Markdown => format!("```text\n{}```\n", answer.table()),
        PlanFormat::Json => format!("{:#}\n", answer.json()),
        PlanFormat::Csv => answer.csv(),
    };
    output::print(text.as_bytes())?;
    Ok(Some(match found.reached {
        None => Exit::GateFailed,
        Some(_) if arguments.strict && !found.is_complete => Exit::Inconclusive,
        Some(_) => Exit::Done,
    }))
}

fn refuse_goals(is_over_time: bool) -> Result<Option<Exit>, Failure> {
    if is_over_time {
        return Err(Failure::input(
            "--goal: a dump tells room, loss, price and growth; pending times and availability need \
             a workload over time: give a scenario",
        ));
    }
    Ok(None)
}

/// Reads the scenario with the goals as its objectives.
fn load(
    global: &Global,
    arguments: &PlanArguments,
    path: &Path,
    mut sets: Vec<String>,
) -> Result<Experiment, Failure> {
    if !arguments.goal.is_empty() {
        let mut objectives = Vec::new();
        for word in &arguments.goal {
            objectives.push(objective(word)?);
        }
        sets.push(format!("objectives=[{}]", objectives.join(", ")));
    }
    let reading = Reading {
        path: Some(path),
        sets: &sets,
        variants: None,
        messages: MessageFormat::Human,
    };
    Ok(read(global, reading)?.0)
}

/// An objective as an experiment file has it: `pending_time.p99<=30s`.
fn objective(word: &str) -> Result<String, Failure> {
    let parts = [("<=", "max"), (">=", "min")].into_iter();
    let mut parts = parts.filter_map(|(sign, field)| Some((word.split_once(sign)?, field)));
    let Some(((metric, bound), field)) = parts.next() else {
        return Err(Failure::input(format!(
            "--goal: expected a metric and a bound, such as `pending_time.p99<=30s` or \
             `allocation.gpu.peak>=0.9`, found `{word}`"
        )));
    };
    Ok(format!(
        "{{metric: {}, {field}: {}}}",
        metric.trim(),
        bound.trim()
    ))
}

/// Source of nodes whose number is looked for.
struct Source<'s> {
    /// Its place among the sources of nodes.
    place: usize,
    of: &'s Template,
}

impl Source<'_> {
    /// Name of the source: the type of its nodes, or its place.
    fn name(&self) -> String {
        let kind = self.of.template.labels.get(INSTANCE_TYPE_LABEL);
        kind.map_or_else(
            || format!("cluster.nodes.{}", self.place),
            ToString::to_string,
        )
    }
}

/// The sources of nodes whose numbers are looked for.
fn templates<'s>(scenario: &'s Scenario, path: &Path) -> Result<Vec<Source<'s>>, Failure> {
    let nodes = scenario.cluster.nodes.iter().enumerate();
    let own = nodes.filter_map(|(place, own)| match own {
        NodeSource::Template(of) => Some(Source { place, of }),
        _ => None,
    });
    let own: Vec<Source<'_>> = own.collect();
    if own.is_empty() {
        return Err(Failure::input(format!(
            "{}: cluster.nodes has no source with a `count`; give the nodes by `count` and \
             `template`, whose number can be looked for",
            path.display()
        )));
    }
    Ok(own)
}

/// Prices of a node of each source, in millionths an hour: its own, or that of its type in the price
/// list of the scenario; and their currency.
fn prices(
    experiment: &Experiment,
    scenario: &Scenario,
    templates: &[Source<'_>],
) -> Result<(Vec<i64>, String), Failure> {
    let files = FileSource::of(&experiment.files);
    let (mut manifests, mut remarks) = (ManifestFiles::default(), Remarks::default());
    let made = nodes(scenario, &files, &mut manifests, &mut remarks).map_err(Failure::input)?;
    let economics = economics(scenario, &made, &files, None).map_err(Failure::input)?;
    let own = templates.iter().map(|own| {
        let name = own.of.name.render(0);
        let place = made.iter().position(|node| *node.name == *name);
        let price = place.and_then(|place| economics.nodes[place].price_micro_per_hour);
        price.filter(|own| *own > 0).ok_or_else(|| {
            Failure::input(format!(
                "cluster.nodes.{}: no price; give `template.price`, or `metrics.prices` with a row \
                 for its label `{INSTANCE_TYPE_LABEL}`, or ask for `--minimize nodes`",
                own.place
            ))
        })
    });
    let own = own.collect::<Result<Vec<i64>, Failure>>()?;
    let currency = match &*economics.currency {
        "" => "USD",
        stated => stated,
    };
    Ok((own, currency.to_owned()))
}

/// Runs the scenario under its seeds.
fn outcomes(
    global: &Global,
    arguments: &PlanArguments,
    experiment: &Experiment,
    releases: &mut String,
) -> Result<Vec<SeedOutcome>, Failure> {
    let Some(variant) = experiment.variants.first() else {
        return Ok(Vec::new());
    };
    let first = variant.scenario.seed;
    let work: Vec<Work> = (0..arguments.seeds)
        .map(|number| Work {
            variant: 0,
            seed: first.wrapping_add(number),
            shake: None,
            is_drawn: false,
        })
        .collect();
    let workers = Workers {
        threads: global.threads(),
        interrupted: interrupt::flag(),
        progress: &|_, _| {},
        limits: Limits::default(),
        manifests: &world::ManifestCache::new(),
    };
    let runs = replicate(experiment, &work, workers).map_err(|error| {
        if error.is_input() {
            Failure::input(error)
        } else {
            Failure::incomplete(error)
        }
    })?;
    let objectives = &variant.scenario.objectives;
    if let Some(first) = runs.first() {
        *releases = match &first.summary.releases[..] {
            [] => String::new(),
            own => report::releases::words(own),
        };
    }
    let outcomes = runs.into_iter().map(|one| {
        let value = |own: &Objective| one.summary.metrics.get(&own.metric)?.value;
        let values: Vec<Option<f64>> = objectives.iter().map(value).collect();
        let all = objectives.iter().zip(&values);
        let holds = all
            .map(|(own, value)| value.is_some_and(|value| within(own, value) == Outcome::Within));
        SeedOutcome {
            holds: holds.collect(),
            values,
            placements: one.placements,
        }
    });
    Ok(outcomes.collect())
}

//! Plans for scenarios: the fewest or cheapest nodes with which the objectives hold over seeds.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use ::scenario::schema::{NodeSource, Objective, WorkloadSource};
use ::scenario::{Experiment, Scenario};
use lab::check::Outcome;
use lab::check::limit::{bounds, within};
use lab::plan::over_time::{Fewest, Held, SeedOutcome, fewest};
use lab::replicate::{Work, Workers, replicate};
use lab::snapshot::is_experiment;
use units::plural;

use super::{PlanArguments, PlanFormat, command};
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
    let costs = match arguments.minimize {
        Some(What::Cost) => prices(scenario, &experiment.files, &templates)?,
        _ => vec![1; templates.len()],
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
        let sets = templates.iter().zip(counts);
        let sets = sets.map(|(own, count)| format!("cluster.nodes.{}.count={count}", own.place));
        let experiment = load(global, arguments, path, sets.collect())?;
        outcomes(global, arguments, &experiment, &mut releases)
    })?;
    let answer = Answer {
        found: &found,
        objectives: &scenario.objectives,
        most: starts.iter().sum::<u64>() * MOST_TIMES,
        templates: &templates,
        costs: (arguments.minimize == Some(What::Cost)).then_some(&costs),
        currency: currency(scenario),
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
             `gpu_allocation.peak>=0.9`, found `{word}`"
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
/// list of the scenario.
fn prices(
    scenario: &Scenario,
    files: &ExperimentFiles,
    templates: &[Source<'_>],
) -> Result<Vec<i64>, Failure> {
    let priced = source_prices(scenario, &FileSource { files });
    let priced = priced.map_err(Failure::input)?;
    let own = templates.iter().map(|own| {
        let price = priced.get(own.place).copied().flatten();
        price.filter(|own| *own > 0).ok_or_else(|| {
            Failure::input(format!(
                "cluster.nodes.{}: no price; give `template.price`, or `metrics.prices` with a row \
                 for its label `{INSTANCE_TYPE_LABEL}`, or minimize the number of nodes",
                own.place
            ))
        })
    });
    own.collect()
}

/// Runs the scenario under its seeds.
fn outcomes(
    global: &Global,
    arguments: &PlanArguments,
    experiment: &Experiment,
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
        threads: crate::run::threads(global),
        interrupted: interrupt::flag(),
        progress: &|_, _| {},
    };
    let runs = replicate(experiment, &work, workers).map_err(|error| {
        if error.is_input() {
            Failure::input(error)
        } else {
            Failure::incomplete(error)
        }
    })?;
    let objectives = &variant.scenario.objectives;
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

/// Answer for a scenario.
struct Answer<'a> {
    found: &'a Fewest,
    objectives: &'a [Objective],
    most: u64,
    place: usize,
}

impl Answer<'_> {
    fn goals(&self) -> String {
        let words = self.objectives.iter().map(|own| {
            let bound = bounds(own, "");
            format!("{} {}", own.metric, bound.trim_start_matches("limit "))
        });
        words.collect::<Vec<String>>().join(", ")
    }

    fn verdict(&self) -> String {
        let goals = self.goals();
        let Some(reached) = self.found.reached else {
            return format!(
                "no number of nodes up to {} helps: {goals} fails with each that was tried",
                self.most
            );
        };
        let of = |nodes: u64| self.found.tried.iter().find(|own| own.nodes == nodes);
        let mut text = format!("{} are enough: {goals}", plural::count(reached, "node"));
        if reached == 1 {
            text = format!("1 node is enough: {goals}");
        }
        if let Some(held) = of(reached) {
            let seeds = held.seeds.len() as u64;
            let _ = write!(
                text,
                " in {} of {}",
                held.count(),
                plural::count(seeds, "seed")
            );
            let _ = match held.least_share() {
                _ if held.is_certain() => write!(text, ", which all give the same run"),
                Some(share) => write!(
                    text,
                    ", so in at least {:.0} % of all seeds with 95 % confidence",
                    share * 100.0
                ),
                None => Ok(()),
            };
        }
        if let Some(held) = of(reached.saturating_sub(1)) {
            let _ = write!(
                text,
                "; with {} in {} of {}{}",
                held.nodes,
                held.count(),
                held.seeds.len(),
                self.first_missed(held)
            );
        }
        text
    }

    /// Mean of the first objective that is missed.
    fn first_missed(&self, held: &Held) -> String {
        let missed = |place: &usize| held.seeds.iter().any(|seed| !seed.holds[*place]);
        let first = (0..self.objectives.len()).find(missed);
        let named = first.and_then(|place| {
            let mean = held.mean(place)?;
            Some(format!(
                " ({} is {})",
                self.objectives[place].metric,
                number(mean)
            ))
        });
        named.unwrap_or_default()
    }

    fn table(&self) -> String {
        let mut text = format!("{}\n\n{:>7}{:>12}", self.verdict(), "nodes", "holds in");
        for own in self.objectives {
            let _ = write!(text, "  {:>24}", own.metric);
        }
        for held in &self.found.tried {
            let holds = format!("{} of {}", held.count(), held.seeds.len());
            let _ = write!(text, "\n{:>7}{holds:>12}", held.nodes);
            for place in 0..self.objectives.len() {
                let mean = held.mean(place).map_or("–".to_owned(), number);
                let _ = write!(text, "  {mean:>24}");
            }
        }
        let below = if self.found.is_complete {
            "every smaller number was tried"
        } else {
            "smaller numbers were sampled, not all tried"
        };
        let _ = write!(
            text,
            "\n\nassumptions\n  the number of `cluster.nodes.{}` varies, all else stays; values are \
             means over seeds\n  an objective holds if it holds under every seed; {below}\n\n\
             again: {}\n",
            self.place,
            command()
        );
        text
    }

    fn json(&self) -> Value {
        let tried = self.found.tried.iter().map(|held| {
            let values = (0..self.objectives.len()).map(|place| held.mean(place));
            json!({
                "nodes": held.nodes,
                "holds": held.count(),
                "seeds": held.seeds.len(),
                "means": values.collect::<Vec<Option<f64>>>(),
            })
        });
        let of = |own: &&Held| Some(own.nodes) == self.found.reached;
        let share = self.found.tried.iter().find(of).and_then(Held::least_share);
        json!({
            "schemaVersion": 1,
            "verdict": self.verdict(),
            "command": command(),
            "objectives": self.objectives.iter().map(|own| &own.metric).collect::<Vec<_>>(),
            "reached": self.found.reached,
            "isComplete": self.found.is_complete,
            "leastShareOfSeeds": share,
            "tried": tried.collect::<Vec<Value>>(),
        })
    }

    fn csv(&self) -> String {
        let names = self.objectives.iter().map(|own| format!(",{}", own.metric));
        let mut text = format!("nodes,holds,seeds{}\n", names.collect::<String>());
        for held in &self.found.tried {
            let values = (0..self.objectives.len()).map(|place| {
                let mean = held.mean(place).map(number);
                format!(",{}", mean.unwrap_or_default())
            });
            let values: String = values.collect();
            let _ = writeln!(
                text,
                "{},{},{}{values}",
                held.nodes,
                held.count(),
                held.seeds.len()
            );
        }
        text
    }
}

/// A number without what binary fractions leave at its end.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

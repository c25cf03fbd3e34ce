//! Finished runs side by side: one summary with the variants of all of them, and whether they can
//! be compared at all.
//!
//! Runs of one experiment name on the same input files are compared, and the differences of their
//! scenarios are listed. Others only stand side by side: no best is marked, no difference is
//! computed.

use thiserror::Error;

use crate::format;
use crate::plot::{Material, Rgb};
use crate::run::ReportRun;
use crate::study::StudyFigures;
use history::{ReportData, VariantData};
use lab::compare::{Pair, Study, metric_hint};
use lab::summary::{InputSummary, MetricDefinition, Summary, VariantSummary};
use lab::travel::Fork;
use units::{SortedMap, SortedSet};

/// Scenario of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunScenario {
    /// Name of the run.
    pub run: String,
    /// Text of the scenario.
    pub text: String,
    /// Hash of the scenario.
    pub hash: String,
    /// Fork from another run, if it is one.
    pub fork: Option<Fork>,
}

/// Runs side by side.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// Summary with the variants of all runs.
    pub summary: Summary,
    /// Data of their plots, in the same order; empty if a run has none.
    pub data: ReportData,
    /// Scenarios of the runs, each once.
    pub scenarios: Vec<RunScenario>,
    /// Reason why nothing is compared, if the runs are of different scenarios.
    pub apart: Option<String>,
    /// Notices to read before relying on the figures.
    pub notices: Vec<String>,
    /// Comparison of paired runs that they are part of, if any.
    pub study: Option<Study>,
    /// Figures of that comparison, which its plots are drawn from.
    pub figures: Option<StudyFigures>,
    /// Names of all candidates in their order: a candidate's place in it is its color in every plot.
    order: Vec<String>,
    /// Metrics chosen for plots of metrics; the usual ones if empty.
    chosen: Vec<String>,
    /// Colors chosen for candidates.
    colors: Vec<(String, Rgb)>,
}

/// Error for a name that is none of the candidates or metrics.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no {what} `{name}` in these runs; {hint}")]
pub struct UnknownName {
    /// `candidate` or `metric`.
    pub what: &'static str,
    /// Name as given.
    pub name: String,
    /// Hint at the names that are known.
    pub hint: String,
}

impl Gathered {
    /// Gathers runs side by side, in the given order. A single run stays unchanged.
    pub fn new(runs: Vec<ReportRun>) -> Self {
        let (apart, mut notices) = relation(&runs);
        notices.extend(runs.iter().filter_map(forked));
        let mut scenarios: Vec<RunScenario> = Vec::new();
        for run in &runs {
            let hash = &run.summary.scenario_hash;
            let is_known = |known: &RunScenario| known.hash == *hash && known.fork == run.fork;
            if !scenarios.iter().any(is_known) {
                scenarios.push(RunScenario {
                    run: run.name.clone(),
                    text: run.scenario.clone(),
                    hash: hash.clone(),
                    fork: run.fork.clone(),
                });
            }
        }
        let (summary, data) = if runs.len() == 1 {
            runs.into_iter()
                .map(|run| (run.summary, run.data))
                .next()
                .expect("invariant: there is one run")
        } else {
            joined(runs)
        };
        let order = summary.variants.iter().map(|own| own.name.clone());
        let order: Vec<String> = order.collect();
        let is_whole = data.variants.len() == summary.variants.len();
        Self {
            summary,
            data: if is_whole {
                data
            } else {
                ReportData::default()
            },
            scenarios,
            apart,
            notices,
            study: None,
            figures: None,
            order,
            chosen: Vec::new(),
            colors: Vec::new(),
        }
    }

    /// Adds the comparison that the runs are part of. The order of the candidates is that of the
    /// comparison, baseline first.
    #[must_use]
    pub fn compared(mut self, study: Study) -> Self {
        let names = study.candidates.iter().map(|own| own.name.clone());
        let mut order: Vec<String> = names.collect();
        let others = self.order.iter().filter(|name| !order.contains(name));
        let others: Vec<String> = others.cloned().collect();
        order.extend(others);
        self.order = order;
        self.figures = StudyFigures::of(&study);
        self.study = Some(study);
        self
    }

    /// Keeps only these candidates, in the order of all; each keeps its color. A name stands for
    /// itself, or for several separated by commas.
    ///
    /// # Errors
    /// If there is no candidate of a name.
    pub fn only_candidates(mut self, names: &[String]) -> Result<Self, UnknownName> {
        let is_known = |name: &str| self.order.iter().any(|known| known == name);
        let wanted = split(names, is_known);
        if let Some(name) = wanted.iter().find(|name| !is_known(name)) {
            let known: Vec<String> = self.order.iter().map(|name| format::clean(name)).collect();
            return Err(UnknownName {
                what: "candidate",
                name: format::clean(name),
                hint: format!("known are {}", known.join(", ")),
            });
        }
        self.summary
            .variants
            .retain(|own| wanted.contains(&own.name));
        self.data.variants.retain(|own| wanted.contains(&own.name));
        if let Some(figures) = &mut self.figures {
            figures.keep(&wanted);
        }
        if let Some(study) = &mut self.study {
            // The baseline stays what the others are compared with.
            let is_kept = |name: &String| wanted.contains(name);
            let baseline = study.baseline.clone();
            study
                .candidates
                .retain(|own| own.name == baseline || is_kept(&own.name));
            study.pairs.retain(|own| is_kept(&own.candidate));
            if let Some(all) = &mut study.all_pairs {
                let mut ranked = all.rankings.iter().flat_map(|own| &own.standings);
                let is_whole = ranked.all(|own| is_kept(&own.candidate));
                // Fewer candidates have other ranks.
                all.rankings.retain(|_| is_whole);
                let is_base = |own: &Pair| own.baseline.as_ref().is_none_or(is_kept);
                all.pairs
                    .retain(|own| is_kept(&own.candidate) && is_base(own));
            }
        }
        Ok(self)
    }

    /// Chooses the metrics of the plots that show metrics. Several may be separated by commas.
    ///
    /// # Errors
    /// If no run has a metric of an id.
    pub fn with_metrics(mut self, ids: &[String]) -> Result<Self, UnknownName> {
        let variants = self.summary.variants.iter();
        let measured = variants.flat_map(|variant| variant.metrics.keys().map(String::as_str));
        let compared = self.figures.iter().flat_map(StudyFigures::metric_ids);
        let known: SortedSet<&str> = measured.chain(compared).collect();
        let wanted = split(ids, |id| known.contains(id));
        if let Some(id) = wanted.iter().find(|id| !known.contains(id.as_str())) {
            return Err(UnknownName {
                what: "metric",
                name: format::clean(id),
                hint: metric_hint(id, known.iter().copied()),
            });
        }
        self.chosen = wanted;
        Ok(self)
    }

    /// Gives candidates colors in plots.
    ///
    /// # Errors
    /// One is no candidate.
    pub fn with_colors(mut self, colors: &[(String, Rgb)]) -> Result<Self, UnknownName> {
        for (name, _) in colors {
            if !self.order.contains(name) {
                return Err(UnknownName {
                    what: "candidate",
                    name: name.clone(),
                    hint: format!("it has {}", self.order.join(", ")),
                });
            }
        }
        colors.clone_into(&mut self.colors);
        Ok(self)
    }

    /// The color of each variant of the summary, as a number of the series.
    pub(crate) fn series(&self) -> Vec<usize> {
        let material = self.material();
        let variants = self.summary.variants.iter();
        variants.map(|own| material.series(&own.name)).collect()
    }

    /// Material that plots are drawn from.
    pub fn material(&self) -> Material<'_> {
        Material {
            summary: &self.summary,
            data: &self.data,
            figures: self.figures.as_ref(),
            order: &self.order,
            metrics: &self.chosen,
            colors: &self.colors,
        }
    }
}

/// The names one by one: what is no name itself is a list of names separated by commas.
fn split(names: &[String], is_known: impl Fn(&str) -> bool) -> Vec<String> {
    let parts = names.iter().flat_map(|name| {
        let parts: Vec<&str> = if is_known(name) {
            vec![name]
        } else {
            name.split(',').map(str::trim).collect()
        };
        parts.into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    parts.collect()
}

/// Description of a fork in words.
fn forked(run: &ReportRun) -> Option<String> {
    let fork = run.fork.as_ref()?;
    let sets: Vec<String> = fork.sets.iter().map(|set| format::clean(set)).collect();
    Some(format!(
        "{} is a fork: until {} it ran with other settings, from then on with {}.",
        format::clean(&run.name),
        fork.at(),
        sets.join(", ")
    ))
}

/// Reason why runs are not compared, or else the notices when they are.
fn relation(runs: &[ReportRun]) -> (Option<String>, Vec<String>) {
    let [first, others @ ..] = runs else {
        return (None, Vec::new());
    };
    let inputs = |run: &ReportRun| -> SortedSet<String> {
        let inputs = run.summary.inputs.iter();
        inputs.map(|input| input.blake3.clone()).collect()
    };
    let names: SortedSet<&str> = runs.iter().map(|run| run.summary.name.as_str()).collect();
    if names.len() > 1 {
        let names: Vec<String> = names.into_iter().map(format::clean).collect();
        let reason = format!("they come from different scenarios ({})", names.join(", "));
        return (Some(reason), Vec::new());
    }
    if others.iter().any(|run| inputs(run) != inputs(first)) {
        return (
            Some("they read different input files".to_owned()),
            Vec::new(),
        );
    }
    let mut notices = Vec::new();
    for run in others {
        if run.summary.scenario_hash != first.summary.scenario_hash {
            notices.push(differing(first, run));
        }
        let programs = [first, run].map(|run| format::clean(&run.summary.program()));
        if programs[0] != programs[1] {
            notices.push(format!(
                "{} was run by windtunnel {}, {} by {}.",
                format::clean(&first.name),
                programs[0],
                format::clean(&run.name),
                programs[1],
            ));
        }
    }
    (None, notices)
}

/// Lines that two scenarios do not share.
fn differing(first: &ReportRun, other: &ReportRun) -> String {
    const LINES_MAX: usize = 6;
    let lines = |run: &ReportRun| -> Vec<String> {
        let lines = run.scenario.lines().map(str::trim);
        lines.map(format::clean).collect()
    };
    let only = |of: &[String], not: &[String]| -> Vec<String> {
        let lines = of.iter().filter(|line| !not.contains(line));
        lines.map(|line| format!("`{line}`")).collect()
    };
    let (here, there) = (lines(first), lines(other));
    let (mut before, mut after) = (only(&here, &there), only(&there, &here));
    let more = before.len().saturating_sub(LINES_MAX) + after.len().saturating_sub(LINES_MAX);
    before.truncate(LINES_MAX);
    after.truncate(LINES_MAX);
    let text = |lines: Vec<String>| {
        if lines.is_empty() {
            "nothing else".to_owned()
        } else {
            lines.join(", ")
        }
    };
    let more = if more == 0 {
        String::new()
    } else {
        format!("; and {more} more lines")
    };
    format!(
        "The scenarios of {} and {} differ: {} here, {} there{more}.",
        format::clean(&first.name),
        format::clean(&other.name),
        text(before),
        text(after)
    )
}

fn joined(runs: Vec<ReportRun>) -> (Summary, ReportData) {
    let names: Vec<String> = distinct(runs.iter().map(|run| run.name.as_str()));
    let mut variants: Vec<VariantSummary> = Vec::new();
    let mut drawn: Vec<VariantData> = Vec::new();
    let mut inputs: Vec<InputSummary> = Vec::new();
    let mut definitions: Vec<MetricDefinition> = Vec::new();
    let mut questions = SortedSet::new();
    let mut titles: Vec<String> = Vec::new();
    let mut first: Option<Summary> = None;
    for (run, name) in runs.into_iter().zip(names) {
        let count = run.summary.variants.len();
        let full = |variant: &str| match count {
            1 => name.clone(),
            _ => format!("{name}/{variant}"),
        };
        for variant in &run.summary.variants {
            let name = full(&variant.name);
            variants.push(VariantSummary {
                name,
                ..variant.clone()
            });
        }
        for variant in run.data.variants {
            let name = full(&variant.name);
            drawn.push(VariantData { name, ..variant });
        }
        for input in &run.summary.inputs {
            if !inputs.contains(input) {
                inputs.push(input.clone());
            }
        }
        for definition in &run.summary.definitions {
            let is_defined =
                |id: &String| { definitions.iter() }.any(|own| own.titles.contains_key(id));
            let mut new = definition.clone();
            new.titles.retain(|id, _| !is_defined(id));
            definitions.extend((!new.titles.is_empty()).then_some(new));
        }
        if !titles.contains(&run.summary.name) {
            titles.push(run.summary.name.clone());
        }
        questions.insert(run.summary.description.clone());
        first = first.or(Some(run.summary));
    }
    let data = ReportData {
        variants: drawn,
        ..ReportData::default()
    };
    let summary = Summary {
        schema_version: first.as_ref().map_or(0, |first| first.schema_version),
        windtunnel: first
            .as_ref()
            .map_or_else(String::new, |first| first.windtunnel.clone()),
        build: first
            .as_ref()
            .map_or_else(String::new, |first| first.build.clone()),
        name: titles.join(" · "),
        description: match questions.len() {
            1 => questions.pop_first().unwrap_or_default(),
            _ => String::new(),
        },
        scenario_hash: first.map_or_else(String::new, |first| first.scenario_hash),
        inputs,
        variants,
        definitions,
    };
    (summary, data)
}

/// Names made unique: a repeated one gets a number.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen: SortedMap<&str, u32> = SortedMap::new();
    names
        .map(|name| {
            let count = seen.entry(name).or_insert(0);
            *count += 1;
            match count {
                1 => name.to_owned(),
                count => format!("{name} ({count})"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn run(name: &str, summary: Summary) -> ReportRun {
        ReportRun {
            name: name.to_owned(),
            data: example::data(&summary),
            summary,
            scenario: "name: a\nseed: 42\n".to_owned(),
            fork: None,
        }
    }

    #[test]
    fn one_run_stays_as_it_is() {
        let gathered = Gathered::new(vec![run("a", example::batch())]);
        assert_eq!(gathered.summary, example::batch());
        assert!(gathered.apart.is_none() && gathered.notices.is_empty());
    }

    #[test]
    fn variants_are_told_apart_by_their_runs() {
        let runs = vec![run("a", example::batch()), run("a", example::batch())];
        let gathered = Gathered::new(runs);
        let names: Vec<&str> = (gathered.summary.variants.iter())
            .map(|variant| variant.name.as_str())
            .collect();
        let expected = [
            "a/fcfs",
            "a/sjf",
            "a/f1",
            "a (2)/fcfs",
            "a (2)/sjf",
            "a (2)/f1",
        ];
        assert_eq!(names, expected);
        assert_eq!(gathered.data.variants.len(), 6);
        assert_eq!(gathered.scenarios.len(), 1);
        assert!(gathered.apart.is_none());
    }

    #[test]
    fn different_scenarios_stand_apart() {
        let runs = vec![run("a", example::batch()), run("b", example::fill_up())];
        let apart = Gathered::new(runs).apart;
        assert_eq!(
            apart.as_deref(),
            Some("they come from different scenarios (gpu-packing, lcg-queue)")
        );
        let mut other = example::batch();
        other.inputs.clear();
        let runs = vec![run("a", example::batch()), run("b", other)];
        let apart = Gathered::new(runs).apart;
        assert_eq!(apart.as_deref(), Some("they read different input files"));
    }

    #[test]
    fn what_differs_in_one_experiment_is_said() {
        let mut other = run("b", example::batch());
        other.summary.scenario_hash = "other".to_owned();
        other.scenario = "name: a\nseed: 43\n".to_owned();
        let gathered = Gathered::new(vec![run("a", example::batch()), other]);
        assert_eq!(
            gathered.notices,
            ["The scenarios of a and b differ: `seed: 42` here, `seed: 43` there."]
        );
        assert_eq!(gathered.scenarios.len(), 2);
    }
}

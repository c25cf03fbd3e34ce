//! From an experiment file and a design to the list of runs, each with its key.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::design::Design;
use super::{SweepError, axis::Axis};
use crate::hashes::ground;
use crate::own_program::{asks_function, program_hashes};
use crate::releases::ClusterReleases;
use crate::source::{FunctionError, FunctionVariant, Source};
use crate::summary::InputSummary;
use scenario::{Experiment, Scenario, VariantPlan, as_run, files_of};
use units::{SortedMap, SortedSet, plural};
use world::inputs;

/// The file that tells what a sweep is.
pub(crate) const FILE_NAME: &str = "sweep.json";

/// The version of `sweep.json` and of records.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// Inputs of a sweep.
pub struct Grounds<'a> {
    /// The experiment file.
    pub source: &'a Source,
    /// Functions that decide in variants of their own.
    pub functions: &'a [FunctionVariant],
    /// Values `PATH=VALUE` at every point.
    pub sets: &'a [String],
    /// Design of the sweep.
    pub design: &'a Design,
    /// Number of seeds with which every point is run, counted up from the scenario's own.
    pub seeds: u64,
    /// The program, as exactly as it is known.
    pub program: &'a str,
}

/// Description of a sweep, as stored in `sweep.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepFile {
    /// Version of this file.
    pub schema_version: u32,
    /// The program that runs it.
    pub program: String,
    /// The experiment's name.
    pub name: String,
    /// The fields that are varied, in the order of the table's columns.
    pub parameters: Vec<String>,
    /// Sampling of ranges: `random`, `latin` or `sobol`.
    pub sampling: Option<String>,
    /// Number of samples asked for.
    pub samples: Option<u32>,
    /// The variants, in written order.
    pub variants: Vec<String>,
    /// Seeds per point and variant.
    pub seeds: u64,
    /// The values of the parameters, point by point.
    pub points: Vec<Vec<String>>,
    /// The releases of Kubernetes that variants follow, each set once.
    #[serde(default)]
    pub releases: Vec<SweepReleases>,
    /// The keys of all runs: by point, then variant, then seed.
    pub runs: Vec<String>,
    /// The experiment; absent from sweeps of older programs.
    #[serde(default)]
    pub experiment: SweptExperiment,
}

/// The experiment of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweptExperiment {
    /// Text of its file.
    pub text: String,
    /// Texts of the variants in which functions decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Values `PATH=VALUE` at every point.
    pub sets: Vec<String>,
    /// Files that runs read, with the hashes of their content.
    pub inputs: Vec<InputSummary>,
}

/// The releases that a variant follows at some points of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepReleases {
    /// The variant.
    pub variant: String,
    /// The number of points at which the variant follows them.
    pub points: usize,
    /// Releases and turned switches, as in the summary of a run.
    pub releases: Vec<String>,
}

/// A run of a sweep.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// The run's key.
    pub key: String,
    /// The run's variant.
    pub variant: String,
    /// Scenario of the run.
    pub scenario: Scenario,
    /// Part of a function in it, which may change without a sign of it in the key: a record that is there
    /// already may be of another one.
    pub asks_function: bool,
    /// Number of the plan's experiment that knows the run's files.
    pub experiment: usize,
}

/// Every run of a sweep.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Description of the sweep.
    pub file: SweepFile,
    /// The experiment at every point.
    pub experiments: Vec<Experiment>,
    /// The runs, each once, in the order of the first row that shows it.
    pub runs: Vec<PlannedRun>,
}

impl SweepFile {
    /// A row of the table in words, such as `run 7 (scale=2, variant pack, seed 3 of 5)`.
    pub fn words(&self, row: usize) -> String {
        let seeds = self.seeds.max(1) as usize;
        let variants = self.variants.len().max(1);
        let (point, variant) = (row / seeds / variants, row / seeds % variants);
        let mut parts = Vec::new();
        if point < self.points.len() {
            parts.extend(self.sets(point));
        }
        if let Some(name) = self.variants.get(variant).filter(|_| variants > 1) {
            parts.push(format!("variant {name}"));
        }
        parts.push(format!("seed {} of {seeds}", row % seeds + 1));
        format!("run {} ({})", row + 1, parts.join(", "))
    }

    /// Values `PATH=VALUE` of the varied fields at a point.
    pub fn sets(&self, point: usize) -> Vec<String> {
        let named = self.parameters.iter().zip(&self.points[point]);
        named
            .map(|(path, value)| format!("{path}={value}"))
            .collect()
    }

    /// Identity of two sweeps: they have the same runs, however the experiment is written.
    pub fn is_same(&self, other: &Self) -> bool {
        let experiment = &other.experiment;
        *other
            == Self {
                experiment: experiment.clone(),
                ..self.clone()
            }
    }

    /// Counts a point at which a variant follows its releases.
    fn follow(&mut self, variant: &VariantPlan, releases: Vec<String>) {
        let known = { self.releases.iter_mut() }
            .find(|own| own.variant == variant.name && own.releases == releases);
        match known {
            Some(own) => own.points += 1,
            None if releases.is_empty() => {}
            None => self.releases.push(SweepReleases {
                variant: variant.name.clone(),
                points: 1,
                releases,
            }),
        }
    }

    /// Describes the difference from another sweep; `None` if there is none.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let lists = |values: &[String]| values.join(", ");
        let difference = if self.name != other.name {
            format!("of `{}`, not of `{}`", self.name, other.name)
        } else if self.parameters != other.parameters {
            let (here, there) = (lists(&self.parameters), lists(&other.parameters));
            format!("it varies {here}, not {there}")
        } else if self.variants != other.variants {
            let (here, there) = (lists(&self.variants), lists(&other.variants));
            format!("its variants are {here}, not {there}")
        } else if self.runs.len() != other.runs.len() {
            let runs = plural::count(self.runs.len(), "run");
            format!("it has {runs}, not {}", other.runs.len())
        } else if self.points != other.points {
            "its parameters have different values".to_owned()
        } else if self.runs != other.runs {
            "its scenario or an input file differs".to_owned()
        } else {
            return None;
        };
        Some(difference)
    }
}

/// Reads the experiment at every point and gives every run its key.
///
/// # Errors
/// If the design is wrong, the experiment is wrong at a point, or an input can't be read.
pub fn plan(grounds: &Grounds<'_>) -> Result<Plan, SweepError> {
    let points = grounds.design.points()?;
    let parameters: Vec<String> = (grounds.design.axes.iter())
        .map(|axis: &Axis| axis.path.clone())
        .collect();
    let sampling = grounds.design.sampling;
    let mut plan = Plan {
        file: SweepFile {
            schema_version: SCHEMA_VERSION,
            program: grounds.program.to_owned(),
            name: String::new(),
            parameters,
            sampling: sampling.map(|sampling| sampling.name().to_owned()),
            samples: sampling.map(super::design::Sampling::samples),
            variants: Vec::new(),
            seeds: grounds.seeds,
            points,
            releases: Vec::new(),
            runs: Vec::new(),
            experiment: SweptExperiment {
                text: grounds.source.text.clone(),
                functions: { grounds.functions.iter() }
                    .map(|own| own.text.clone())
                    .collect(),
                sets: grounds.sets.to_vec(),
                inputs: Vec::new(),
            },
        },
        experiments: Vec::new(),
        runs: Vec::new(),
    };
    let mut memory = Memory::default();
    for position in 0..plan.file.points.len() {
        add_point(grounds, &mut plan, position, &mut memory)?;
    }
    plan.file.experiment.inputs = memory.inputs();
    let mut names = plan.file.parameters.iter().enumerate();
    if let Some((_, path)) = names.find(|(axis, _)| has_no_effect(&plan.file, *axis)) {
        return Err(SweepError::Design(format!(
            "`{path}`: none of its values changes any run; a field that every variant states keeps what they \
             say: take it out of `variants`"
        )));
    }
    Ok(plan)
}

/// Whether there are points that differ in the value of one field alone, and all of them run the same.
fn has_no_effect(file: &SweepFile, axis: usize) -> bool {
    let each = file.runs.len() / file.points.len().max(1);
    let mut groups: SortedMap<Vec<&String>, (&String, &[String])> = SortedMap::new();
    let mut has_pair = false;
    for (point, runs) in file.points.iter().zip(file.runs.chunks(each.max(1))) {
        let others = point.iter().enumerate().filter(|(at, _)| *at != axis);
        let others: Vec<&String> = others.map(|(_, value)| value).collect();
        let value = &point[axis];
        let (first, known) = *groups.entry(others).or_insert((value, runs));
        has_pair |= first != value;
        if known != runs {
            return false;
        }
    }
    has_pair
}

/// Facts that all points of a sweep share.
#[derive(Default)]
struct Memory {
    /// Keys of the runs that are planned.
    seen: SortedSet<String>,
    hashes: Hashes,
    /// Files by their written and their found paths.
    files: SortedMap<String, PathBuf>,
    followed: ClusterReleases,
}

impl Memory {
    /// Files that runs read, with the hashes of their content.
    fn inputs(&self) -> Vec<InputSummary> {
        let inputs = self.files.iter().filter_map(|(written, found)| {
            Some(InputSummary {
                path: written.clone(),
                blake3: self.hashes.0.get(found)?.clone(),
            })
        });
        inputs.collect()
    }
}

fn add_point(
    grounds: &Grounds<'_>,
    plan: &mut Plan,
    position: usize,
    memory: &mut Memory,
) -> Result<(), SweepError> {
    let experiment = at_point(grounds, &plan.file, position)?;
    let names: Vec<String> = (experiment.variants.iter())
        .map(|variant| variant.name.clone())
        .collect();
    if position == 0 {
        plan.file.name.clone_from(&experiment.name);
        plan.file.variants = names;
    } else if plan.file.variants != names {
        return Err(SweepError::Design(
            "the variants differ between points; vary fields below them, not `variants`".to_owned(),
        ));
    }
    for variant in &experiment.variants {
        let releases = memory
            .followed
            .releases(&variant.scenario, &experiment.files);
        plan.file.follow(variant, releases);
        for seed in 0..grounds.seeds {
            let mut scenario = variant.scenario.clone();
            scenario.seed = scenario.seed.wrapping_add(seed);
            let key = key(grounds.program, &scenario, &experiment, &mut memory.hashes)?;
            plan.file.runs.push(key.clone());
            if memory.seen.insert(key.clone()) {
                plan.runs.push(PlannedRun {
                    key,
                    variant: variant.name.clone(),
                    asks_function: asks_function(&scenario),
                    scenario,
                    experiment: plan.experiments.len(),
                });
            }
        }
    }
    memory.files.extend(experiment.files.clone());
    plan.experiments.push(experiment);
    Ok(())
}

/// The experiment with the values of a point.
fn at_point(
    grounds: &Grounds<'_>,
    file: &SweepFile,
    position: usize,
) -> Result<Experiment, SweepError> {
    let own = file.sets(position);
    let sets = [grounds.sets, &own].concat();
    let wrong = |rejected| SweepError::Rejected {
        at: if own.is_empty() {
            "its only point".to_owned()
        } else {
            own.join(", ")
        },
        rejected,
    };
    let mut experiment = grounds.source.experiment(&sets).map_err(wrong)?;
    let added = { grounds.source }.add_functions(&mut experiment, grounds.functions, &sets);
    added.map_err(|error| match error {
        FunctionError::Rejected(rejected) => wrong(rejected),
        taken @ FunctionError::Taken(_) => SweepError::Design(taken.to_string()),
    })?;
    Ok(experiment)
}

/// Hashes of input files, each computed once.
#[derive(Default)]
struct Hashes(SortedMap<PathBuf, String>);

impl Hashes {
    fn of(&mut self, path: &Path) -> Result<String, SweepError> {
        if let Some(known) = self.0.get(path) {
            return Ok(known.clone());
        }
        let hash = intake::archive::blake3(&inputs::open(path))?;
        self.0.insert(path.to_path_buf(), hash.clone());
        Ok(hash)
    }
}

/// The key of a run: a hash of what decides its result. Names, descriptions and gates don't.
fn key(
    program: &str,
    scenario: &Scenario,
    experiment: &Experiment,
    hashes: &mut Hashes,
) -> Result<String, SweepError> {
    let mut document = as_run::document(scenario);
    if let Json::Object(fields) = &mut document {
        for field in ["name", "description", "objectives"] {
            fields.remove(field);
        }
    }
    let files = files_of(scenario, &experiment.files).into_iter();
    let files = files.map(|(written, found)| Ok((written, hashes.of(&found)?)));
    let mut files: Vec<_> = files.collect::<Result<_, SweepError>>()?;
    if !asks_function(scenario) {
        files.extend(program_hashes(scenario)?);
    }
    let head = format!("windtunnel sweep {SCHEMA_VERSION}\n{program}");
    Ok(ground(&head, &document, files).to_hex().to_string())
}

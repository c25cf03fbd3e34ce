//! The scenarios of a suite, read for a check, and those that can't be.

use std::path::{Path, PathBuf};

use lab::check::{SuiteItem, SuiteScenario, parse_suite};
use scenario::{VariantPlan, objective_lines};

use super::inside::Inside;
use super::{CheckArguments, Failure, Global, relative};
use crate::experiment_file::{self, MessageFormat, Reading};
use crate::source;

/// A suite.
pub(super) struct Suite {
    /// Its scenarios.
    pub(super) scenarios: Vec<SuiteScenario>,
    /// Those that can't be read.
    pub(super) broken: Vec<BrokenScenario>,
    /// Whether a file lists them.
    pub(super) is_list: bool,
}

/// A scenario of a suite that can't be read.
pub(super) struct BrokenScenario {
    /// Its file.
    pub(super) path: PathBuf,
    /// Reason it can't be read.
    pub(super) why: Failure,
}

impl Suite {
    /// Reads a suite, and each of its scenarios that can be read.
    pub(super) fn read(
        global: &Global,
        arguments: &CheckArguments,
        inside: &Inside,
    ) -> Result<Self, Failure> {
        let (name, text) = source::text_of(&arguments.file)?;
        let items = parse_suite(&text, &name).map_err(Failure::input)?;
        let is_list = items.is_some();
        let items = match items {
            None => vec![(arguments.file.clone(), None)],
            Some(items) => {
                let folder = arguments.file.parent().map(Path::to_path_buf);
                let folder = folder.unwrap_or_default();
                let items = items.into_iter();
                items
                    .map(|item| (folder.join(&item.scenario), Some(item)))
                    .collect()
            }
        };
        let (mut scenarios, mut broken) = (Vec::new(), Vec::new());
        for (path, item) in items {
            let read = inside
                .check(&path)
                .and_then(|()| read_scenario(global, arguments, inside, &path, item.as_ref()));
            match read {
                Ok(scenario) => scenarios.push(scenario),
                Err(why) => broken.push(BrokenScenario { path, why }),
            }
        }
        check_names(&scenarios)?;
        Ok(Self {
            scenarios,
            broken,
            is_list,
        })
    }

    /// Files that its scenarios read, and their own.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let of_scenarios = self.scenarios.iter().flat_map(|own| {
            let files = own.experiment.files.values().cloned();
            files.chain([PathBuf::from(&own.file)])
        });
        let broken = self.broken.iter().map(|own| own.path.clone());
        of_scenarios.chain(broken).collect()
    }

    /// The suite with scenarios without gates among those that can't be read: what the base does not gate,
    /// the suite may.
    pub(super) fn gated(self) -> Self {
        let Self { mut broken, .. } = self;
        let (scenarios, bare): (Vec<_>, Vec<_>) = self.scenarios.into_iter().partition(is_gated);
        broken.extend(bare.into_iter().map(|own| BrokenScenario {
            why: Failure::input(format!(
                "{}: there is nothing to check; add `objectives:`, such as `- {{metric: \
                 pending_time.p99, tolerance: 5%}}`, or use --exact",
                own.file
            )),
            path: PathBuf::from(own.file),
        }));
        Self {
            scenarios,
            broken,
            ..self
        }
    }
}

fn is_gated(scenario: &SuiteScenario) -> bool {
    let gates = |plan: &VariantPlan| !plan.scenario.objectives.is_empty();
    scenario.exact || scenario.experiment.variants.iter().any(gates)
}

fn check_names(suite: &[SuiteScenario]) -> Result<(), Failure> {
    for (place, scenario) in suite.iter().enumerate() {
        let name = &scenario.experiment.name;
        let mut others = suite[..place].iter();
        if others.any(|other| other.experiment.name == *name) {
            return Err(Failure::input(format!(
                "{}: another scenario of the suite has the name `{name}`; give it a unique \
                 `name`, which identifies it in the baseline",
                scenario.file
            )));
        }
    }
    Ok(())
}

fn read_scenario(
    global: &Global,
    arguments: &CheckArguments,
    inside: &Inside,
    path: &Path,
    item: Option<&SuiteItem>,
) -> Result<SuiteScenario, Failure> {
    let reading = Reading {
        path: Some(path),
        sets: &arguments.sets,
        variants: None,
        messages: MessageFormat::Human,
    };
    let (experiment, text) = experiment_file::read_by(global, reading, &inside.files)?;
    let is_exact = arguments.exact || item.is_some_and(|item| item.exact);
    Ok(SuiteScenario {
        experiment,
        file: relative(path).display().to_string(),
        lines: objective_lines(&text),
        text,
        seeds: item.and_then(|item| item.seeds),
        fewer_seeds: None,
        exact: is_exact,
        inputs: None,
    })
}

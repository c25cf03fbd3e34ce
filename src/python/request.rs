//! Experiments as the package asks about them, with what the caller says beside them.

use std::path::PathBuf;
use std::sync::mpsc::Sender;

use pyo3::prelude::*;

use lab::by_system::by_system;
use lab::source::{FunctionVariant, Source, Surroundings};
use scenario::{Experiment, NamedText};

use super::episode::board::Choice;
use super::fault::Fault;
use super::policy::functions;
use super::work::{Message, Policy};

/// An experiment with its surroundings.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct ExperimentRequest {
    /// Path of the file; with neither path nor text the bundled experiment.
    path: Option<PathBuf>,
    /// Text of the experiment.
    text: Option<String>,
    /// Name of the text in messages.
    name: String,
    /// Text of the variants that replace those of the experiment.
    variants: Option<String>,
    /// Systems that are compared in place of the variants.
    systems: Vec<String>,
    /// Values `PATH=VALUE`.
    pub(crate) sets: Vec<String>,
    traces: Vec<PathBuf>,
    ignore: Vec<String>,
    allow_external: bool,
    /// Number of threads; 0 for all processors.
    threads: usize,
    policies: Vec<PolicyEntry>,
}

/// A policy and the variant in which it decides.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct PolicyEntry {
    name: String,
    variant: String,
    start: Py<PyAny>,
    /// Of an agent, whether it chooses jobs, and the number of its rows.
    agent: Option<(bool, usize)>,
}

impl Surroundings for ExperimentRequest {
    fn traces_dirs(&self) -> Vec<PathBuf> {
        self.traces.clone()
    }

    fn ignored(&self) -> Vec<String> {
        self.ignore.clone()
    }

    fn allows_external(&self) -> bool {
        self.allow_external
    }
}

impl ExperimentRequest {
    /// Number of threads that work at once.
    pub(crate) fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        }
    }

    /// The policies, for the interpreter's thread.
    pub(crate) fn policies(&self, py: Python<'_>) -> Vec<Policy> {
        let policies = self.policies.iter().map(|own| Policy {
            name: own.name.clone(),
            start: own.start.clone_ref(py),
        });
        policies.collect()
    }

    /// The text of the experiment with the places of its files.
    pub(crate) fn source(&self) -> Result<Source, Fault> {
        Ok(match (&self.path, &self.text) {
            (Some(path), _) => Source::read(self, Some(path))?,
            (None, Some(text)) => Source::of(self, self.name.clone(), text.clone(), PathBuf::new()),
            (None, None) => Source::read(self, None)?,
        })
    }

    /// The policies with their variants, in which they are asked by `sender`.
    pub(crate) fn functions(&self, sender: &Sender<Message>) -> Vec<FunctionVariant> {
        let policies = self.policies.iter().map(|own| {
            let view = own.agent.map(|(orders, rows)| (Choice::of(orders), rows));
            (&own.name, view)
        });
        let functions = functions(policies, sender);
        let variants = self.policies.iter().zip(functions);
        variants
            .map(|(own, function)| FunctionVariant {
                name: own.name.clone(),
                text: own.variant.clone(),
                function,
            })
            .collect()
    }

    /// The experiment, with a variant for each policy, which is asked by `sender`.
    pub(crate) fn experiment(&self, sender: &Sender<Message>) -> Result<Experiment, Fault> {
        let source = self.source()?;
        let read = |variants: Option<NamedText<'_>>| -> Result<_, Fault> {
            let Some(variants) = variants else {
                return Ok(source.experiment(&self.sets)?);
            };
            let mut experiment = source.variants(variants, &self.sets)?;
            source.complete(&mut experiment);
            Ok(experiment)
        };
        let named = |text| NamedText {
            name: "variants",
            text,
        };
        let mut experiment = match &self.variants {
            None if !self.systems.is_empty() => by_system(&self.systems, &read)?,
            variants => read(variants.as_deref().map(named))?,
        };
        source.add_functions(&mut experiment, &self.functions(sender), &self.sets)?;
        Ok(experiment)
    }
}

//! Variants by system: the same experiment under each of several systems.

use std::fmt::Write as _;

use scenario::schema::WorkloadSource;
use scenario::{Experiment, NamedText, Scenario, VariantPlan};
use systems::RunsWorkloads;
use systems::registry::find;
use thiserror::Error;

/// A name that no system has, in words.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UnknownSystem(String);

/// Function that reads an experiment, optionally with other variants.
pub type ReadWith<'a, E> = dyn Fn(Option<NamedText<'_>>) -> Result<Experiment, E> + 'a;

/// One or several variants per system: those of the experiment with their settings, otherwise the
/// experiment itself under the system.
///
/// # Errors
/// If there is no such system, or the experiment can't be read.
pub fn by_system<E: From<UnknownSystem>>(
    names: &[String],
    read: &ReadWith<'_, E>,
) -> Result<Experiment, E> {
    let with = |text: &str| {
        read(Some(NamedText {
            name: "--system",
            text,
        }))
    };
    let mut experiment = read(None)?;
    let is_of = |plan: &VariantPlan, name: &String| plan.scenario.system.name == *name;
    let is_there = |name: &&String| experiment.variants.iter().any(|own| is_of(own, name));
    let others: Vec<&String> = names.iter().filter(|name| !is_there(name)).collect();
    let mut plans = std::mem::take(&mut experiment.variants);
    if !others.is_empty() {
        let base = with("base: {}")?;
        let base = base.variants.first().map(|plan| &plan.scenario);
        let made = with(&variants(&others, base)?)?;
        experiment.files.extend(made.files);
        plans.extend(made.variants);
    }
    for name in names {
        let of_it = plans.iter().filter(|own| is_of(own, name)).cloned();
        experiment.variants.extend(of_it);
    }
    // An experiment without variants is one plan of its own name.
    for plan in &mut experiment.variants {
        if plan.name == experiment.name {
            plan.name.clone_from(&plan.scenario.system.name);
        }
    }
    Ok(experiment)
}

/// Variants with one system each and its default settings; Kubernetes gets its controllers if the
/// workload has objects for them.
fn variants(names: &[&String], base: Option<&Scenario>) -> Result<String, UnknownSystem> {
    let mut lines = String::new();
    for name in names {
        let entry = find(name).map_err(|error| UnknownSystem(error.to_string()))?;
        let declares = |source: &WorkloadSource| {
            matches!(
                source,
                WorkloadSource::Manifests { .. } | WorkloadSource::Units { .. }
            )
        };
        let has_workloads = base.is_some_and(|base| base.workload.iter().any(declares));
        let changes = match entry.workloads {
            RunsWorkloads::WithControllers if has_workloads => {
                format!("system: {{name: {name}, controllers: {{}}}}")
            }
            _ => format!("system: {{name: {name}}}"),
        };
        // Writing to a text does not fail.
        let _ = writeln!(lines, "{name}: {{{changes}}}");
    }
    Ok(lines)
}

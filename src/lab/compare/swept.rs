//! Comparing the runs of a sweep: each variant at each point is a candidate, and no run is made.

use std::path::Path;

use super::finished::load_finished;
use super::{CompareError, FirstRuns};
use crate::experiment::metric_definitions;
use crate::program;
use crate::summary::{SCHEMA_VERSION, Summary, VariantSummary};
use crate::sweep::{Merged, SweepError, SweepFile, merge};
use history::{REPORT_DATA_VERSION, ReportData};
use scenario::{Experiment, VariantPlan, as_run};
use units::nearest;

/// The runs of a sweep, a summary for each seed whose variants are the candidates. Of several points, those where the
/// fields of `at` have the values, `PATH=VALUE` each.
///
/// # Errors
/// If runs are missing, or no point is left.
pub fn swept_runs(folder: &Path, at: &[String]) -> Result<Vec<FirstRuns>, CompareError> {
    let Merged { file, records } = merge(&[folder.to_path_buf()])?;
    if file.experiment.text.is_empty() {
        let words = format!(
            "{}: its sweep was made by an older program and doesn't tell its experiment; run it again with `--force`",
            folder.display()
        );
        return Err(SweepError::Design(words).into());
    }
    let points = points(&file, at)?;
    let mut runs = vec![Vec::new(); file.seeds as usize];
    let mut plans: Vec<VariantPlan> = Vec::new();
    let mut whole: Option<Experiment> = None;
    for &point in &points {
        let sets = [file.experiment.sets.as_slice(), &file.sets(point)].concat();
        let experiment = finished(&file, &sets).ok_or_else(|| {
            SweepError::Design(format!(
                "{}: can't be read by this program",
                folder.display()
            ))
        })?;
        for (place, plan) in experiment.variants.iter().enumerate() {
            let name = name(&file, &points, point, place);
            let row = (point * file.variants.len() + place) * runs.len();
            for (seed, runs) in runs.iter_mut().enumerate() {
                let record = file.runs.get(row + seed).and_then(|key| records.get(key));
                runs.extend(record.map(|own| own.summary(name.clone())));
            }
            plans.push(VariantPlan {
                name,
                scenario: plan.scenario.clone(),
            });
        }
        whole.get_or_insert(experiment);
    }
    let Some(mut experiment) = whole else {
        return Ok(Vec::new());
    };
    experiment.variants = plans;
    let scenario = as_run::to_yaml(&experiment);
    let first = |variants| first_runs(&file, &experiment, &scenario, variants);
    Ok(runs.into_iter().map(first).collect())
}

/// The experiment of a sweep with the values of a point, and with the variants of functions.
fn finished(file: &SweepFile, sets: &[String]) -> Option<Experiment> {
    let text = &file.experiment.text;
    let mut experiment = load_finished(text, None, sets)?;
    for own in &file.experiment.functions {
        let other = load_finished(text, Some(own), sets)?;
        experiment.variants.extend(other.variants);
    }
    Some(experiment)
}

/// Whether a folder is that of a sweep.
pub fn is_sweep(folder: &Path) -> bool {
    folder.join(crate::sweep::FILE_NAME).is_file()
}

fn first_runs(
    file: &SweepFile,
    experiment: &Experiment,
    scenario: &str,
    variants: Vec<VariantSummary>,
) -> FirstRuns {
    FirstRuns {
        summary: Summary {
            schema_version: SCHEMA_VERSION,
            windtunnel: program::VERSION.to_owned(),
            build: program::build().to_owned(),
            name: experiment.name.clone(),
            description: experiment.description.clone(),
            scenario_hash: blake3::hash(scenario.as_bytes()).to_hex().to_string(),
            inputs: file.experiment.inputs.clone(),
            definitions: metric_definitions(),
            variants,
        },
        data: ReportData {
            schema_version: REPORT_DATA_VERSION,
            variants: Vec::new(),
        },
        scenario: scenario.to_owned(),
    }
}

/// The points at which fields have the values that are asked for.
fn points(file: &SweepFile, at: &[String]) -> Result<Vec<usize>, SweepError> {
    let mut points: Vec<usize> = (0..file.points.len()).collect();
    for wanted in at {
        let path = wanted.split_once('=').map_or("", |(path, _)| path);
        if !file.parameters.iter().any(|own| own == path) {
            let known = file.parameters.iter().map(String::as_str);
            let hint = nearest::hint(path, known);
            return Err(SweepError::Design(format!(
                "--at `{wanted}`: expected PATH=VALUE of a field that the sweep varies; {hint}"
            )));
        }
        points.retain(|&point| file.sets(point).contains(wanted));
    }
    if points.is_empty() {
        let wanted = at.join(", ");
        return Err(SweepError::Design(format!(
            "--at: the sweep has no point {wanted}; values are written as in its table"
        )));
    }
    Ok(points)
}

/// Name of a candidate: its variant, if there are several, and the fields in which the points differ.
fn name(file: &SweepFile, points: &[usize], point: usize, variant: usize) -> String {
    let mut parts = Vec::new();
    if file.variants.len() > 1 {
        parts.push(file.variants[variant].clone());
    }
    for (column, path) in file.parameters.iter().enumerate() {
        let value = &file.points[point][column];
        if points.iter().any(|&own| file.points[own][column] != *value) {
            let last = path.rsplit('.').next().unwrap_or(path);
            let is_one = |own: &&String| own.rsplit('.').next() == Some(last);
            let is_alone = file.parameters.iter().filter(is_one).count() == 1;
            parts.push(format!("{}={value}", if is_alone { last } else { path }));
        }
    }
    if parts.is_empty() {
        parts.extend(file.variants.get(variant).cloned());
    }
    parts.join(" ")
}

//! Usage of a scenario's pods, and values measured outside of its cluster.

use control::operation::Operation;
use intake::table::Table;
use model::usage::Pattern;
use model::{Object, PodSpec, Text};
use scenario::Scenario;
use scenario::schema::Usage;
use sim::UsageOptions;
use units::{Duration, Instant, Quantity, SortedMap};

use super::{BuildError, FileSource, Workload};

/// A series in order of time.
type Series<T = Quantity> = Vec<(Instant, T)>;

/// Usage of pods, with the series that their patterns name.
pub fn usage(
    scenario: &Scenario,
    files: &FileSource<'_>,
    workload: &Workload,
    operations: &[(Instant, Operation)],
) -> Result<UsageOptions, BuildError> {
    let mut options = UsageOptions::default();
    if let Usage::Rules(rules) = &scenario.models.usage {
        let pattern = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
        (options.cpu, options.memory) = (pattern(&rules.cpu), pattern(&rules.memory));
        for (name, file) in &rules.traces {
            let mut series = read(file, files)?;
            if series.len() > 1 {
                return Err(BuildError::Experiment(format!(
                    "{file}: expected one series of usage, but this file has {}",
                    series.len()
                )));
            }
            let series = series.pop_first().map(|(_, series)| series);
            options
                .traces
                .insert(name.as_str().into(), series.unwrap_or_default());
        }
    }
    for (name, file) in &scenario.models.external_metrics {
        let series = read_with_gaps(file, files)?.into_values().collect();
        options.external.insert(name.as_str().into(), series);
    }
    let classes = workload.classes.iter().map(|class| &*class.spec);
    let templates = operations
        .iter()
        .filter_map(|(_, operation)| template(operation));
    for spec in classes.chain(templates) {
        known(spec, &options)?;
    }
    Ok(options)
}

/// Every series that a pod's pattern names is there.
fn known(spec: &PodSpec, options: &UsageOptions) -> Result<(), BuildError> {
    let Some(behaviour) = &spec.behaviour else {
        return Ok(());
    };
    for text in behaviour.usage_texts() {
        let pattern = text.parse::<Pattern>().ok();
        let name: Option<Text> = pattern.and_then(|pattern| pattern.trace().cloned());
        let Some(name) = name.filter(|name| !options.traces.contains_key(name)) else {
            continue;
        };
        let known: Vec<&str> = options.traces.keys().map(|name| &**name).collect();
        return Err(BuildError::Experiment(format!(
            "a pod of namespace `{}` uses `trace({name})`, but there is no such series; declare \
             it under `models.usage.traces`, which has {}",
            spec.namespace,
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        )));
    }
    Ok(())
}

/// The template of the pods of what is created.
fn template(operation: &Operation) -> Option<&PodSpec> {
    let (Operation::Create(object) | Operation::Apply(object)) = operation else {
        return None;
    };
    Some(match object {
        Object::Deployment(object) => &object.template,
        Object::ReplicaSet(object) | Object::ReplicationController(object) => &object.template,
        Object::StatefulSet(object) => &object.template,
        Object::DaemonSet(object) => &object.template,
        Object::Job(object) => &object.template,
        _ => return None,
    })
}

/// The series of a file, by name; those of a file without names have an empty one.
pub(super) fn read(
    written: &str,
    files: &FileSource<'_>,
) -> Result<SortedMap<String, Series>, BuildError> {
    read_as(written, files, |text| text.parse().ok())
}

/// The series of a file that tell nothing from a row without a value on, by name.
fn read_with_gaps(
    written: &str,
    files: &FileSource<'_>,
) -> Result<SortedMap<String, Series<Option<Quantity>>>, BuildError> {
    read_as(written, files, |text| {
        if text.is_empty() {
            return Some(None);
        }
        text.parse().ok().map(Some)
    })
}

fn read_as<T>(
    written: &str,
    files: &FileSource<'_>,
    amount: impl Fn(&str) -> Option<T>,
) -> Result<SortedMap<String, Series<T>>, BuildError> {
    let input = files.open(written);
    let mut table = Table::open(&input)?;
    let seconds = table.required_column("seconds")?;
    let value = table.required_column("value")?;
    let name = table.column("series");
    let mut all: SortedMap<String, Series<T>> = SortedMap::new();
    let wrong = |line: u64, column: &str, rule: &str| {
        BuildError::Experiment(format!("{written}:{line}: column `{column}`: {rule}"))
    };
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| wrong(bad.line, &bad.column, &bad.rule))?;
        let text = row.text(&seconds);
        let at = text
            .parse::<f64>()
            .ok()
            .and_then(Duration::checked_from_secs_f64);
        let at = at.filter(|at| *at >= Duration::ZERO).ok_or_else(|| {
            wrong(
                row.line,
                "seconds",
                &format!("`{text}` is not a number of seconds of 0 or more"),
            )
        })?;
        let text = row.text(&value);
        let amount = amount(text).ok_or_else(|| {
            wrong(
                row.line,
                "value",
                &format!("`{text}` is not an amount such as `250m`"),
            )
        })?;
        let at = Instant::ZERO.saturating_add(at);
        let series = all
            .entry(row.optional_text(name.as_ref()).to_owned())
            .or_default();
        if series.last().is_some_and(|&(last, _)| at <= last) {
            return Err(wrong(
                row.line,
                "seconds",
                "times must increase from row to row",
            ));
        }
        series.push((at, amount));
    }
    if all.is_empty() {
        return Err(BuildError::Experiment(format!(
            "{written}: no rows; a series needs at least one"
        )));
    }
    Ok(all)
}

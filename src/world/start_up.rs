//! Start-up times of a scenario's pods: a law, the values of a file, or the published values of a
//! runtime (spec: orchestrators-b.md 10.4).

use intake::table::Table;
use rng::Distribution;
use scenario::Scenario;
use scenario::scalar::NoneOr;
use scenario::schema::Runtime;
use sim::StartUp;

use super::{BuildError, FileSource};
use units::SortedMap;

/// The values of files that laws of start-up times name, in seconds.
pub type StartUpValues = SortedMap<String, Vec<f64>>;

/// Reads the values of the file that a scenario's start-up times are drawn from.
pub fn start_up_values(
    scenario: &Scenario,
    files: &FileSource<'_>,
) -> Result<StartUpValues, BuildError> {
    let mut all = StartUpValues::new();
    let NoneOr::Some(start_up) = &scenario.models.startup else {
        return Ok(all);
    };
    let law = start_up.container_start.as_ref();
    if let Some(file) = law.and_then(Distribution::missing_file) {
        let input = files.open(file);
        let mut table = Table::open(&input)?;
        let seconds = table.required_column("seconds")?;
        let mut values = Vec::new();
        while let Some(row) = table.next_row()? {
            let wrong = |line: u64, rule: &str| {
                BuildError::Experiment(format!("{file}:{line}: column `seconds`: {rule}"))
            };
            let row = row.map_err(|bad| wrong(bad.line, &bad.rule))?;
            let text = row.text(&seconds);
            let value = text.parse::<f64>();
            let value = value.map_err(|_| {
                wrong(
                    row.line,
                    &format!("expected a number of seconds, found `{text}`"),
                )
            })?;
            values.push(value);
        }
        all.insert(file.to_owned(), values);
    }
    Ok(all)
}

/// Start-up times in a scenario.
pub fn start_up(scenario: &Scenario, values: &StartUpValues) -> Result<StartUp, BuildError> {
    let NoneOr::Some(start_up) = &scenario.models.startup else {
        return Ok(StartUp::None);
    };
    let wrong =
        |what: String| BuildError::Experiment(format!("models.startup.containerStart: {what}"));
    let (boot, start) = match start_up.runtime {
        None => (None, None),
        Some(Runtime::Container) => (None, Some("uniform(200ms, 1s)")),
        Some(Runtime::MicroVm) => (Some("125ms"), Some("uniform(200ms, 1s)")),
        Some(Runtime::VirtualMachine) => (Some("uniform(20s, 120s)"), None),
    };
    let published = |text: &str| {
        let law = text.parse::<Distribution>();
        law.map_err(|error| wrong(error.to_string()))
    };
    let mut start = match &start_up.container_start {
        Some(stated) => Some(stated.clone()),
        None => start.map(published).transpose()?,
    };
    if let Some(law) = &mut start
        && let Some(file) = law.missing_file().map(str::to_owned)
    {
        let known = values.get(&file).cloned();
        let known = known.ok_or_else(|| wrong(format!("`{file}` was not read")))?;
        let attached = law.clone().with_values(known);
        *law = attached.map_err(|error| wrong(error.problem))?;
    }
    let boot = boot.map(published).transpose()?;
    Ok(match (boot, start) {
        (None, None) => StartUp::None,
        (None, Some(start)) => StartUp::Drawn(start),
        (Some(boot), start) => StartUp::Sandboxed { boot, start },
    })
}

//! The control plane of an experiment, for control servers and for records of theirs.

use std::path::{Path, PathBuf};

use lab::run::control_plane;
use live::driver::Plane;
use live::record::Header;
use live::story::is_mesos;
use scenario::{Experiment, Scenario};
use serde_json::Value;
use world::FileSource;

use super::super::experiment_file::{MessageFormat, Reading, read};
use super::super::{Failure, Global};

/// The control plane of an experiment's variant.
pub(super) struct Chosen {
    experiment: Experiment,
    path: PathBuf,
    /// Place of the variant.
    plan: usize,
    /// Everything that the control plane is made from, but for the date.
    setup: String,
    /// The experiment as it is run.
    pub(super) document: Value,
}

/// The control plane of a variant, by default of the first.
pub(super) fn chosen(
    global: &Global,
    path: &Path,
    variant: Option<&str>,
    sets: &[String],
) -> Result<Chosen, Failure> {
    let reading = Reading {
        path: Some(path),
        sets,
        variants: None,
        messages: MessageFormat::Human,
    };
    let (experiment, _) = read(global, reading)?;
    let plan = plan_of(&experiment, variant)?;
    let scenario = &experiment.variants[plan].scenario;
    let document = scenario::as_run::document(scenario);
    let system = document.get("system").cloned().unwrap_or_default();
    let provider = document.pointer("/cluster/provider");
    let provider = provider.map_or(String::new(), |provider| format!(" {provider}"));
    let setup = format!("{system} {}{provider}", scenario.seed);
    let chosen = Chosen {
        path: path.to_owned(),
        plan,
        setup,
        document,
        experiment,
    };
    // What can't run is refused before anything is opened, but for schedules: their date is the state's.
    chosen.plane(&chosen.header(0))?;
    Ok(chosen)
}

impl Chosen {
    /// Name of the experiment.
    pub(super) fn name(&self) -> &str {
        &self.experiment.name
    }

    /// The header of a run that begins at a time of the wall clock.
    pub(super) fn header(&self, wall_ns: i64) -> Header {
        Header::new(self.name(), &self.setup, wall_ns)
    }

    /// The control plane of a run. Its schedules follow the wall clock, whatever date the simulator begins
    /// with.
    pub(super) fn plane(&self, run: &Header) -> Result<Plane, Failure> {
        let mut scenario: Scenario = self.experiment.variants[self.plan].scenario.clone();
        let system = &mut scenario.system;
        if let Some(date) = run.zero_date() {
            if let Some(own) = &mut system.controllers {
                own.start_date = Some(date.clone());
            }
            if is_mesos(&system.name) {
                system.mesos.get_or_insert_default().start_date = Some(date);
            }
        }
        let files = FileSource {
            files: &self.experiment.files,
        };
        let parts = control_plane(&scenario, &files)
            .map_err(|error| Failure::input(format!("{}: {error}", self.path.display())))?;
        Ok(Plane::new(&scenario.system.name, parts))
    }

    /// Refusal of a log that another control plane wrote; `None` if this one did.
    pub(super) fn other_than(&self, header: &Header) -> Option<String> {
        (header.hash != self.header(0).hash).then(|| {
            format!(
                "the log is of the experiment `{}` with another system or seed; give that experiment",
                header.experiment
            )
        })
    }
}

/// Place of the variant of a name, by default of the first.
fn plan_of(experiment: &Experiment, variant: Option<&str>) -> Result<usize, Failure> {
    let mut plans = experiment.variants.iter();
    let plan = plans.position(|plan| variant.is_none_or(|name| plan.name == name));
    plan.ok_or_else(|| {
        let names = experiment.variants.iter().map(|plan| plan.name.as_str());
        let names: Vec<&str> = names.collect();
        let wanted = variant.unwrap_or_default();
        Failure::input(format!(
            "--variant: there is no variant `{wanted}`; there are {}",
            names.join(", ")
        ))
    })
}

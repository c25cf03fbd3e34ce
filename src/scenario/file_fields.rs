//! Fields of a scenario that name files, listed once: checking that a file exists, moving a scenario to
//! another folder and hashing what a run reads all walk this list. A new field that names a file needs
//! a line here, and nothing else.

use super::files::Files;
use super::scalar::NoneOr;
use super::schema::{NodeSource, Scenario, UnitFiles, Usage, WorkloadSource};
use options::Plain;

/// Kind of path that a file field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A file.
    File,
    /// A file, or a folder of which every file counts.
    FileOrFolder,
    /// A trace: a file, or a folder whose files are its parts.
    Trace,
}

/// A field that names a file.
pub struct FileField<'a> {
    /// Place of the field, such as `workload.0.trace.path`.
    pub place: String,
    /// The path as written.
    pub path: &'a mut String,
    /// Kind of path that the field may hold.
    pub named: Named,
}

/// All fields of a scenario that name files, in the order of the scenario's fields.
#[expect(clippy::too_many_lines, reason = "a line or two for each field")]
pub fn file_fields(scenario: &mut Scenario) -> Vec<FileField<'_>> {
    let mut fields = Fields::default();
    for (position, source) in scenario.cluster.nodes.iter_mut().enumerate() {
        let place = format!("cluster.nodes.{position}");
        match source {
            NodeSource::Trace(trace) => {
                let place = format!("{place}.trace.path");
                fields.add(place, &mut trace.path, Named::Trace);
            }
            NodeSource::Manifests(file) => fields.file(format!("{place}.manifests"), file),
            NodeSource::Template(_) => {}
        }
    }
    if let Some(provider) = &mut scenario.cluster.provider {
        for (field, file) in provider.files_mut() {
            fields.file(format!("cluster.provider.{field}"), file);
        }
    }
    for (position, source) in scenario.workload.iter_mut().enumerate() {
        let place = format!("workload.{position}");
        match source {
            WorkloadSource::Trace(trace) => {
                let place = format!("{place}.trace.path");
                fields.add(place, &mut trace.path, Named::Trace);
            }
            WorkloadSource::Manifests { file, .. } => {
                fields.file(format!("{place}.manifests"), file);
            }
            WorkloadSource::Units {
                files: UnitFiles::In(path),
                ..
            } => fields.add(format!("{place}.units"), path, Named::FileOrFolder),
            WorkloadSource::Units { files, .. } => {
                for (number, file) in files.written_mut().iter_mut().enumerate() {
                    fields.file(format!("{place}.units.{number}"), file);
                }
            }
            WorkloadSource::Generate(generate) => {
                if let Some(file) = &mut generate.file {
                    fields.file(format!("{place}.generate.file"), file);
                }
            }
        }
    }
    if let Some(config) = &mut scenario.system.scheduler.config {
        fields.file("system.scheduler.config".to_owned(), config);
    }
    for (section, stated) in &mut scenario.system.sections.0 {
        let Plain::Map(options) = stated else {
            continue;
        };
        for (name, value) in options {
            if let (true, Plain::String(file)) = (name.ends_with("File"), value) {
                fields.file(format!("system.{section}.{name}"), file);
            }
        }
    }
    let models = &mut scenario.models;
    if let NoneOr::Some(startup) = &mut models.startup
        && let Some(file) = startup
            .container_start
            .as_mut()
            .and_then(|law| law.file_mut())
    {
        fields.file("models.startup.containerStart".to_owned(), file);
    }
    if let Usage::Rules(usage) = &mut models.usage {
        for (name, file) in &mut usage.traces {
            fields.file(format!("models.usage.traces.{name}"), file);
        }
    }
    for (name, file) in &mut models.external_metrics {
        fields.file(format!("models.externalMetrics.{name}"), file);
    }
    for (position, failure) in scenario.failures.iter_mut().enumerate() {
        if let Some(file) = &mut failure.path {
            fields.file(format!("failures.{position}.path"), file);
        }
    }
    for (position, operation) in scenario.operations.iter_mut().enumerate() {
        if let Some(file) = &mut operation.apply {
            fields.file(format!("operations.{position}.apply"), file);
        }
    }
    for (position, delivery) in scenario.delivery.iter_mut().enumerate() {
        if let Some(file) = &mut delivery.pushes {
            fields.file(format!("delivery.{position}.pushes"), file);
        }
    }
    for (position, traffic) in scenario.traffic.iter_mut().enumerate() {
        if let Some(trace) = &mut traffic.trace {
            fields.file(format!("traffic.{position}.trace.path"), &mut trace.path);
        }
    }
    if let Some(prices) = &mut scenario.metrics.prices {
        fields.file("metrics.prices".to_owned(), prices);
    }
    if let Some(file) = &mut scenario.metrics.carbon_intensity {
        fields.file("metrics.carbonIntensity".to_owned(), file);
    }
    fields.found
}

/// The files that a scenario names, of all that its experiment names; of a folder, every file in it.
pub fn files_of(scenario: &Scenario, files: &Files) -> Files {
    let mut named = scenario.clone();
    let named: Vec<String> = (file_fields(&mut named).into_iter())
        .map(|field| field.path.trim_end_matches('/').to_owned())
        .collect();
    let is_named = |written: &str| {
        named.iter().any(|path| {
            let rest = written.strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let own = files.iter().filter(|(written, _)| is_named(written));
    own.map(|(written, found)| (written.clone(), found.clone()))
        .collect()
}

/// The list while it is made.
#[derive(Default)]
struct Fields<'a> {
    found: Vec<FileField<'a>>,
}

impl<'a> Fields<'a> {
    fn file(&mut self, place: String, path: &'a mut String) {
        self.add(place, path, Named::File);
    }

    fn add(&mut self, place: String, path: &'a mut String, named: Named) {
        self.found.push(FileField { place, path, named });
    }
}

//! The objects that an entry reads, and hashes of its files by what is read of them.

use std::path::Path;
use std::sync::Arc;

use k8s::{kind_named, read_part, revision_form};
use scenario::{Experiment, Scenario};
use serde_json::{Value as Json, json};

use super::documents::{Document, Documents, manifests};
use super::parts::{ScenarioText, parts};
use super::scheduler::scheduler_config;
use super::without_names;
use super::{Lines, Object, ObjectKey};
use crate::summary::InputSummary;
use units::{SortedMap, SortedSet};
use world::inputs;

/// Manifests up to this size are read as objects.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// The objects of the manifests of an experiment, by file.
#[derive(Debug, Default)]
pub(crate) struct ManifestObjects {
    files: SortedMap<String, Vec<(Document, Arc<Json>)>>,
    /// Files that are compared by their bytes.
    large: Vec<String>,
}

impl ManifestObjects {
    /// Reads the manifests of all variants of an experiment; what is wrong with a file is said where it is
    /// run.
    pub(crate) fn of(experiment: &Experiment) -> Self {
        let mut found = Self::default();
        for plan in &experiment.variants {
            for file in manifests(&plan.scenario) {
                if found.files.contains_key(file) || found.large.iter().any(|own| own == file) {
                    continue;
                }
                let path = experiment
                    .files
                    .get(file)
                    .map_or(Path::new(file), |path| path);
                let bytes = inputs::open(path).stored_bytes();
                let is_small = bytes.is_ok_and(|bytes| bytes <= MANIFEST_BYTES_MAX);
                let read = is_small.then(|| Documents::in_file(file, &experiment.files).ok());
                let Some(documents) = read.flatten() else {
                    found.large.push(file.to_owned());
                    continue;
                };
                let known = documents.into_iter().filter_map(|document| {
                    let read = read_part(&document.plain.value)?;
                    Some((document, Arc::new(read)))
                });
                found.files.insert(file.to_owned(), known.collect());
            }
        }
        found
    }

    /// Notes on files of a scenario that are compared by their bytes.
    pub(crate) fn notes(&self, scenario: &Scenario) -> Vec<String> {
        let own = manifests(scenario);
        let large = self.large.iter().filter(|file| own.contains(&&***file));
        let words = large.map(|file| {
            let limit = MANIFEST_BYTES_MAX >> 20;
            format!(
                "`{file}` has more than {limit} MiB: it is compared by its bytes, so that every edit of \
                 it is another input"
            )
        });
        words.collect()
    }

    /// The objects that a scenario reads.
    pub(crate) fn objects(
        &self,
        experiment: &Experiment,
        scenario: &Scenario,
        files: &[InputSummary],
        place: ScenarioText<'_>,
    ) -> Vec<Object> {
        let shown = |file: &str| {
            let path = experiment.files.get(file);
            path.map_or_else(|| file.to_owned(), |path| path.display().to_string())
        };
        let mut found = Vec::new();
        for (document, fields) in self.read(scenario) {
            let lines = Lines::Manifest(document.plain.clone());
            let file = shown(&document.file);
            found.push(Object::new(document.key.clone(), file, fields, lines));
        }
        let config = scenario.system.scheduler.config.as_deref();
        let path = config.and_then(|config| experiment.files.get(config));
        found.extend(path.and_then(|path| scheduler_config(path, &path.display().to_string())));
        let paths = &experiment.files;
        found.extend(parts(scenario, files, &self.large, paths, place));
        found
    }

    /// The hashes of files, those of manifests by what a scenario reads of them; `nameless` without names,
    /// labels and annotations.
    pub(crate) fn hashes(
        &self,
        scenario: &Scenario,
        files: &[InputSummary],
        is_nameless: bool,
    ) -> Vec<InputSummary> {
        let mut texts: SortedMap<&str, Vec<(Option<&ObjectKey>, String)>> = SortedMap::new();
        for file in manifests(scenario) {
            if let Some((name, _)) = self.files.get_key_value(file) {
                texts.insert(name, Vec::new());
            }
        }
        for (document, fields) in self.read(scenario) {
            let mut form = k8s::settled("", &fields);
            if is_nameless {
                without_names(&mut form);
            }
            if let Some(texts) = texts.get_mut(&*document.file) {
                let key = Some(&document.key).filter(|_| !is_nameless);
                texts.push((key, form.to_string()));
            }
        }
        for objects in texts.values_mut() {
            // Whatever their order in the file; what stands twice keeps its own.
            if is_nameless {
                objects.sort();
            } else {
                objects.sort_by_key(|(key, _)| *key);
            }
        }
        let all = files.iter().map(|file| InputSummary {
            path: file.path.clone(),
            blake3: texts.get(&*file.path).map_or_else(
                || file.blake3.clone(),
                |objects| {
                    let text: String = objects.iter().map(|(_, text)| &**text).collect();
                    blake3::hash(text.as_bytes()).to_hex().to_string()
                },
            ),
        });
        all.collect()
    }

    /// The objects of a scenario's manifests with what is read of them: no kinds that it leaves out, and
    /// secrets and configs only where something needs them.
    fn read(&self, scenario: &Scenario) -> Vec<(&Document, Json)> {
        let ignored = scenario.cluster.ignore.iter();
        let ignored: Vec<&str> = ignored.filter_map(|word| kind_named(word).ok()).collect();
        let files = manifests(scenario).into_iter();
        let all = files.filter_map(|file| self.files.get(file)).flatten();
        let all: Vec<&(Document, Arc<Json>)> = all
            .filter(|(document, _)| !ignored.contains(&&*document.key.kind))
            .collect();
        let mut needed = SortedSet::new();
        let mut turns: SortedMap<&ObjectKey, Vec<&Document>> = SortedMap::new();
        for (document, fields) in &all {
            references(fields, &mut needed);
            turns.entry(&document.key).or_default().push(document);
        }
        let is_read = |key: &ObjectKey| {
            let is_named = matches!(&*key.kind, "Secret" | "ConfigMap");
            !is_named || needed.contains(&format!("{} {}", key.kind, key.name))
        };
        let read = all
            .into_iter()
            .filter(|(document, _)| is_read(&document.key));
        let read = read.map(|(document, fields)| {
            let mut fields = Json::clone(fields);
            // A template that is applied is a rollout, whatever it changes.
            if let Some(revision) = revision(document, &turns)
                && let Some(map) = fields.as_object_mut()
            {
                map.insert("templateRevision".to_owned(), json!(revision));
            }
            (document, fields)
        });
        read.collect()
    }
}

/// Number of the first template of a workload that is like this one, where the workload stands there more
/// than once.
fn revision(document: &Document, turns: &SortedMap<&ObjectKey, Vec<&Document>>) -> Option<usize> {
    let alike = turns.get(&document.key).filter(|own| own.len() > 1)?;
    let form = revision_form(&document.plain.value)?;
    let first = |own: &&Document| revision_form(&own.plain.value).as_ref() == Some(&form);
    alike.iter().position(first)
}

/// Adds the secrets and configs that what is read of an object needs.
fn references(fields: &Json, found: &mut SortedSet<String>) {
    match fields {
        Json::Array(items) => {
            for item in items {
                match item.as_str() {
                    Some(text) if text.starts_with("Secret ") || text.starts_with("ConfigMap ") => {
                        found.insert(text.to_owned());
                    }
                    _ => references(item, found),
                }
            }
        }
        Json::Object(map) => map.values().for_each(|inside| references(inside, found)),
        _ => {}
    }
}

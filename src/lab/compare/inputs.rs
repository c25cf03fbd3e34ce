//! Whether two scenarios are the same experiment but for what is compared: same workload, failures,
//! end and measured window. Files are compared by their content, not by where they are.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::summary::InputSummary;
use scenario::Scenario;
use scenario::as_run::document;
use scenario::schema::{Arrivals, WorkloadSource};

/// Parts of the inputs that must not differ in a comparison.
const SAME: [&str; 4] = ["workload", "failures", "stop", "metrics"];
/// Parts of the inputs that may differ, and are reported.
const TOLD: [&str; 2] = ["cluster", "models"];
/// Fields that name a file.
const FILES: [&str; 3] = ["path", "manifests", "file"];

/// Inputs of a run, in a comparable form.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    fields: BTreeMap<&'static str, Json>,
    /// Whether how much arrives depends on the cluster.
    fills_cluster: bool,
}

impl Inputs {
    /// The inputs of a scenario, its files by the hashes of their content.
    pub fn of(scenario: &Scenario, files: &[InputSummary]) -> Self {
        let mut document = document(scenario);
        by_content(&mut document, files);
        let mut take = |name: &'static str| {
            let value = document.get_mut(name).map_or(Json::Null, Json::take);
            (name, value)
        };
        let mut fields: BTreeMap<&'static str, Json> =
            SAME.iter().chain(&TOLD).map(|name| take(name)).collect();
        // How often curves are sampled changes no metric.
        if let Some(Json::Object(metrics)) = fields.get_mut("metrics") {
            metrics.remove("resolution");
        }
        let fills = |source: &WorkloadSource| {
            matches!(source, WorkloadSource::Trace(trace)
                if matches!(trace.arrivals, Arrivals::FillUp { until: Some(_), .. }))
        };
        Self {
            fields,
            fills_cluster: scenario.workload.iter().any(fills),
        }
    }

    /// The fields that differ from another's although nothing is comparable then.
    pub fn conflicts(&self, other: &Self) -> Vec<String> {
        let mut found = self.differing(other, &SAME);
        if self.fills_cluster || other.fills_cluster {
            found.extend(self.differing(other, &["cluster"]));
        }
        found
    }

    /// The fields that differ from another's and are to be told.
    pub fn remarks(&self, other: &Self) -> Vec<String> {
        self.differing(other, &TOLD)
    }

    /// A hash over everything, for baselines.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, value) in &self.fields {
            hasher.update(name.as_bytes());
            hasher.update(sorted(value).to_string().as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Twelve digits of a hash over each field, by its name, to tell which one differs.
    pub fn parts(&self) -> BTreeMap<String, String> {
        let fields = self.fields.iter().map(|(name, value)| {
            let hash = blake3::hash(sorted(value).to_string().as_bytes());
            ((*name).to_owned(), hash.to_hex()[..12].to_owned())
        });
        fields.collect()
    }

    fn differing(&self, other: &Self, names: &[&'static str]) -> Vec<String> {
        let mut found = Vec::new();
        for name in names {
            let (here, there) = (self.fields.get(name), other.fields.get(name));
            if let (Some(here), Some(there)) = (here, there) {
                differences(here, there, name, &mut found);
            }
        }
        found
    }
}

/// Puts the hash of a file in the place of its name.
fn by_content(value: &mut Json, files: &[InputSummary]) {
    let name_of = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    match value {
        Json::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Json::String(path) if FILES.contains(&key.as_str()) => {
                        let whole = files.iter().find(|file| file.path == *path);
                        let named = || {
                            files
                                .iter()
                                .find(|file| name_of(&file.path) == name_of(path))
                        };
                        if let Some(file) = whole.or_else(named) {
                            *path = format!("blake3:{}", file.blake3);
                        }
                    }
                    other => by_content(other, files),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| by_content(item, files)),
        _ => {}
    }
}

/// The value with the keys of its maps in order.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// The paths at which two values differ.
fn differences(here: &Json, there: &Json, path: &str, found: &mut Vec<String>) {
    match (here, there) {
        _ if sorted(here) == sorted(there) => {}
        (Json::Object(here), Json::Object(there)) => {
            let mut keys: Vec<&String> = here.keys().chain(there.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let value = |map: &serde_json::Map<String, Json>| {
                    map.get(key).cloned().unwrap_or(Json::Null)
                };
                differences(&value(here), &value(there), &format!("{path}.{key}"), found);
            }
        }
        (Json::Array(here), Json::Array(there)) if here.len() == there.len() => {
            for (place, (here, there)) in here.iter().zip(there).enumerate() {
                differences(here, there, &format!("{path}.{place}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

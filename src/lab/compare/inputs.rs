//! Whether two scenarios are the same experiment but for what is compared: same workload, failures,
//! end and measured window. Files are compared by their content, not by their paths.

use serde_json::Value as Json;

use crate::difference::differences;
use crate::objects::{SYSTEM_FILE, by_content, without_names};
use crate::summary::InputSummary;
use scenario::as_run::document;
use scenario::schema::{Arrivals, WorkloadSource};
use scenario::{Scenario, file_fields};
use units::SortedMap;

/// Parts of the inputs that must not differ in a comparison.
const SAME: [&str; 4] = ["workload", "failures", "stop", "metrics"];
/// Parts of the inputs that may differ, and are reported.
const TOLD: [&str; 5] = ["cluster", "models", "operations", "functions", "traffic"];
/// Parts of the inputs that only a baseline is held to.
const HELD: [&str; 4] = ["alerts", "notifications", "delivery", "storage"];

/// Inputs of a run, in a comparable form.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    fields: SortedMap<&'static str, Json>,
    /// Whether how much arrives depends on the cluster.
    fills_cluster: bool,
}

impl Inputs {
    /// The inputs of a scenario, its files by the hashes of their content.
    pub fn of(scenario: &Scenario, files: &[InputSummary]) -> Self {
        let mut held = scenario.clone();
        for field in file_fields(&mut held) {
            by_content(field.path, files);
        }
        let mut document = document(&held);
        let config = held
            .system
            .scheduler
            .config
            .map_or(Json::Null, Json::String);
        let names = SAME.iter().chain(&TOLD).chain(&HELD);
        let mut fields: SortedMap<&'static str, Json> = names
            .map(|name| {
                let value = document.get_mut(name).map_or(Json::Null, Json::take);
                (*name, value)
            })
            .collect();
        fields.insert(SYSTEM_FILE, config);
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

    /// The inputs without names, labels and annotations.
    pub fn nameless(mut self) -> Self {
        self.fields.values_mut().for_each(without_names);
        self
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
    pub fn parts(&self) -> SortedMap<String, String> {
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
                let all = differences(here, there, |_, value| sorted(value));
                found.extend(all.iter().map(|own| match &*own.path() {
                    "" => (*name).to_owned(),
                    path => format!("{name}.{path}"),
                }));
            }
        }
        found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_the_content_of_its_file_or_folder() {
        let files = [
            "a/pods.csv",
            "b/pods.csv",
            "units/x.service",
            "units/y.service",
        ];
        let files = files.map(|path| InputSummary {
            path: path.to_owned(),
            blake3: format!("hash of {path}"),
        });
        let content = |path: &str| {
            let mut path = path.to_owned();
            by_content(&mut path, &files);
            path
        };
        assert_eq!(content("b/pods.csv"), "blake3:hash of b/pods.csv");
        assert_eq!(content("../b/pods.csv"), "blake3:hash of b/pods.csv");
        assert_eq!(content("other.csv"), "other.csv");
        assert_eq!(content("units"), content("units/"));
        assert!(content("units").starts_with("blake3:"));
    }

    #[test]
    fn names_and_labels_are_taken_out_at_any_depth() {
        let mut value = serde_json::json!({
            "nodes": [{"count": 2, "template": {"labels": {"a": "b"}, "cpu": 4}, "name": "n-{}"}],
        });
        without_names(&mut value);
        let bare = serde_json::json!({"nodes": [{"count": 2, "template": {"cpu": 4}}]});
        assert_eq!(value, bare);
    }
}

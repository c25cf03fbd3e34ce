//! Experiments as they were run: every default filled in and every variant resolved, so that
//! running the text again gives the same experiment; and the JSON Schema for editors.
//!
//! The base of the text is the first variant; each further variant lists its differences from it.
//! Paths are those of the experiment file.

use serde_json::{Map, Value as Json};

use super::schema::{self, Scenario};
use super::set::join;
use super::{Experiment, Names, yaml};

/// Experiment as YAML text.
pub fn to_yaml(experiment: &Experiment) -> String {
    yaml_of(&to_json(experiment))
}

/// A JSON value as YAML text.
pub fn yaml_of(value: &Json) -> String {
    let mut text = yaml::write(value).expect("invariant: plain values are YAML");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Experiment as a JSON value of the same form.
pub fn to_json(experiment: &Experiment) -> Json {
    let Some(first) = experiment.variants.first() else {
        return Json::Null;
    };
    let base = document(&first.scenario);
    let mut document = base.clone();
    let single = experiment.variants.len() == 1 && first.name == experiment.name;
    if !single {
        let variants: Map<String, Json> = experiment
            .variants
            .iter()
            .map(|plan| {
                let mut changes = Map::new();
                differences(&base, &self::document(&plan.scenario), "", &mut changes);
                (plan.name.clone(), Json::Object(changes))
            })
            .collect();
        document["variants"] = Json::Object(variants);
    }
    document
}

/// One scenario as a JSON value, with the arguments of names among their fields.
pub fn document(scenario: &Scenario) -> Json {
    let mut value = serde_json::to_value(scenario).expect("invariant: a scenario is plain data");
    unfold_rest(&mut value);
    value
}

/// Moves the entries of `$rest` one level up.
fn unfold_rest(value: &mut Json) {
    match value {
        Json::Object(map) => {
            if let Some(Json::Object(rest)) = map.remove(options::REST) {
                map.extend(rest);
            }
            map.values_mut().for_each(unfold_rest);
        }
        Json::Array(items) => items.iter_mut().for_each(unfold_rest),
        _ => {}
    }
}

/// Overrides by path that turn `base` into `other`.
fn differences(base: &Json, other: &Json, path: &str, changes: &mut Map<String, Json>) {
    match (base, other) {
        _ if base == other => {}
        (Json::Object(base), Json::Object(other)) if is_extension(base, other) => {
            for (key, value) in other {
                let path = join(path, key).expect("invariant: checked by is_extension");
                match base.get(key) {
                    Some(old) => differences(old, value, &path, changes),
                    None => {
                        changes.insert(path, value.clone());
                    }
                }
            }
        }
        (Json::Array(base), Json::Array(other)) if base.len() == other.len() => {
            for (position, (old, value)) in base.iter().zip(other).enumerate() {
                differences(old, value, &format!("{path}.{position}"), changes);
            }
        }
        _ => {
            changes.insert(path.to_owned(), other.clone());
        }
    }
}

/// Returns whether overrides of fields can turn `base` into `other`. They only add fields, so a map
/// that lacks a field is given as a whole, as is one with keys that a path cannot express.
fn is_extension(base: &Map<String, Json>, other: &Map<String, Json>) -> bool {
    base.keys().all(|key| other.contains_key(key))
        && other.keys().all(|key| join("", key).is_some())
}

/// JSON Schema of experiment files, draft 2020-12, with the names that registries know.
pub fn json_schema(names: &dyn Names) -> Json {
    schema::public_schema(names)
}

//! The parts of a scenario as objects, each under the name that the scenario gives it; its tables by the
//! hash of their content.

use std::sync::Arc;

use intake::Input;
use k8s::{PlainObject, plain_objects};
use scenario::as_run::document;
use scenario::{Files, Scenario, file_fields};
use serde_json::{Map, Value as Json, json};

use super::documents::manifests;
use super::{Lines, Object, ObjectKey};
use super::{SYSTEM_FILE, by_content};
use crate::summary::InputSummary;

/// Fields of a scenario that are no input: names, what is measured by gates, and the draws.
const ASIDE: &[&str] = &[
    "windtunnel",
    "name",
    "description",
    "seed",
    "objectives",
    "variants",
];
/// Kinds of the items of lists; of every other list, the field's name.
const KINDS: &[(&str, &str)] = &[
    ("failures", "failure"),
    ("operations", "operation"),
    ("functions", "function"),
    ("alerts", "alert"),
];
/// Parts of which no value is shown: they may hold addresses with secrets.
const HIDDEN: &[&str] = &["notifications"];

/// A scenario of a suite, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScenarioText<'a> {
    /// The scenario's file.
    pub(crate) file: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
    /// The variant, where it is one of several.
    pub(crate) variant: Option<&'a str>,
}

/// The parts of a scenario. Files of manifests and of the scheduler's configuration are no tables, for
/// their objects stand for them, unless they are among the `large`.
pub(super) fn parts(
    scenario: &Scenario,
    files: &[InputSummary],
    large: &[String],
    paths: &Files,
    place: ScenarioText<'_>,
) -> Vec<Object> {
    let mut held = scenario.clone();
    let read: Vec<String> = manifests(scenario).into_iter().map(str::to_owned).collect();
    let mut tables = Vec::new();
    for field in file_fields(&mut held) {
        let written = std::mem::take(field.path);
        let is_read = read.contains(&written) && !large.contains(&written);
        if field.place != SYSTEM_FILE && !is_read {
            let mut content = written.clone();
            by_content(&mut content, files);
            let fields = json!({"content": content, "place": field.place});
            let path = paths.get(&written);
            let file = path.map_or_else(|| written.clone(), |path| path.display().to_string());
            tables.push(part("file", &written, &file, fields));
        }
    }
    let mut document = document(&held);
    let text = plain_objects(&Input::bytes(place.file, place.text.as_bytes()));
    let text = text.ok().and_then(|own| own.into_iter().next());
    let lines = PartLines {
        text: text.map(Arc::new),
        place,
    };
    let mut found = Vec::new();
    if let Some(Json::Object(metrics)) = document.get_mut("metrics") {
        metrics.remove("resolution");
    }
    let cluster = document.pointer_mut("/cluster/nodes").map(Json::take);
    lines.list("nodes", "/cluster/nodes", cluster, &mut found);
    let groups = document
        .pointer_mut("/cluster/provider/groups")
        .map(Json::take);
    lines.list("group", "/cluster/provider/groups", groups, &mut found);
    for (name, value) in document.as_object_mut().into_iter().flatten() {
        if ASIDE.contains(&&**name) {
            continue;
        }
        let kind = KINDS.iter().find(|(field, _)| field == name);
        let kind = kind.map_or(&**name, |(_, kind)| kind);
        let pointer = format!("/{name}");
        match value.take() {
            Json::Null => {}
            list @ Json::Array(_) => lines.list(kind, &pointer, Some(list), &mut found),
            value => found.push(lines.object(kind, "", pointer, value)),
        }
    }
    found.retain(|own| own.fields.as_deref() != Some(&json!({})));
    for object in found
        .iter_mut()
        .filter(|own| HIDDEN.contains(&&*own.key.kind))
    {
        object.fields = None;
    }
    found.extend(tables);
    found
}

pub(super) fn part(kind: &str, name: &str, file: &str, mut fields: Json) -> Object {
    prune(&mut fields);
    let key = ObjectKey {
        kind: kind.to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
    };
    Object::new(key, file.to_owned(), fields, Lines::Unknown)
}

/// Takes out fields that are not stated, and paths, for which the content of files stands.
fn prune(value: &mut Json) {
    match value {
        Json::Object(fields) => {
            // A plugin without settings does not run.
            let plugins = fields.get_mut("plugins").and_then(Json::as_object_mut);
            let off = plugins.into_iter().flat_map(Map::values_mut);
            off.filter(|own| own.is_null())
                .for_each(|own| *own = json!("off"));
            fields.values_mut().for_each(prune);
            fields.retain(|_, inside| !inside.is_null() && *inside != "");
        }
        Json::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// Name of an item of a list: its own, or its number where it has none and is not alone.
pub(crate) fn item_name(item: &Json, number: usize, is_alone: bool) -> String {
    let own = item.get("name").and_then(Json::as_str);
    let own = own.filter(|name| !name.is_empty());
    match own {
        Some(name) => name.to_owned(),
        None if is_alone => String::new(),
        None => number.to_string(),
    }
}

/// Where the parts of a scenario stand.
struct PartLines<'a> {
    text: Option<Arc<PlainObject>>,
    place: ScenarioText<'a>,
}

impl PartLines<'_> {
    /// The items of a list, by their names, or by their numbers where they have none.
    fn list(&self, kind: &str, pointer: &str, list: Option<Json>, found: &mut Vec<Object>) {
        let Some(Json::Array(items)) = list else {
            return;
        };
        let is_alone = items.len() == 1;
        for (number, item) in items.into_iter().enumerate() {
            let name = item_name(&item, number, is_alone);
            found.push(self.object(kind, &name, format!("{pointer}/{number}"), item));
        }
    }

    fn object(&self, kind: &str, name: &str, prefix: String, fields: Json) -> Object {
        let mut object = part(kind, name, self.place.file, fields);
        if let Some(text) = &self.text {
            object.lines = Lines::Scenario {
                text: Arc::clone(text),
                prefix,
                variant: self.place.variant.map(str::to_owned),
            };
        }
        object
    }
}

//! The JSON of a plan follows its schema.

use std::path::Path;

use serde_json::Value;

use super::PlanReport;
use lab::plan::buy::Search;
use lab::plan::growth::{Grow, Rate};
use lab::plan::{Minimize, Questions, plan};
use lab::snapshot::profile::read_profiles;
use lab::snapshot::{Snapshot, SnapshotOptions};
use model::Changes;

/// The first place where a value breaks a schema.
fn broken(value: &Value, schema: &Value, root: &Value, place: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/")?;
        return broken(value, &root["$defs"][name], root, place);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let mut found = options.iter().map(|own| broken(value, own, root, place));
        return if found.any(|own| own.is_none()) {
            None
        } else {
            Some(format!("{place}: none of the forms"))
        };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = |own: &Value| own == kind || (own == "number" && kind == "integer");
    let matches = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(is_kind),
        one => is_kind(one),
    };
    if !matches {
        return Some(format!("{place}: {kind}, expected {}", schema["type"]));
    }
    if let Value::Array(items) = value {
        let mut items = items.iter().enumerate();
        return items.find_map(|(number, item)| {
            broken(item, &schema["items"], root, &format!("{place}[{number}]"))
        });
    }
    let Value::Object(fields) = value else {
        return None;
    };
    let required = schema["required"].as_array();
    let mut required = required.into_iter().flatten().filter_map(Value::as_str);
    if let Some(name) = required.find(|name| !fields.contains_key(*name)) {
        return Some(format!("{place}: lacks `{name}`"));
    }
    fields.iter().find_map(|(name, own)| {
        let known = &schema["properties"][name];
        let known = if known.is_null() {
            &schema["additionalProperties"]
        } else {
            known
        };
        let place = format!("{place}.{name}");
        if known.is_null() || *known == false {
            return Some(format!("{place}: unknown"));
        }
        broken(own, known, root, &place)
    })
}

#[test]
fn plans_follow_their_schema_and_pages_show_them() {
    let schema: Value = serde_json::from_str(super::SCHEMA_TEXT).expect("a schema");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/plan.in");
    let (profiles, _) = read_profiles(None, Changes::default()).expect("the default profile");
    for minimize in [None, Some(Minimize::Nodes)] {
        let gathered =
            Snapshot::gather(&[folder.join("cluster.yaml")], &SnapshotOptions::default());
        let mut snapshot = Snapshot::new(gathered.expect("a dump")).expect("a cluster");
        let questions = Questions {
            minimize,
            order: lab::plan::Order::Dump,
            offers: Vec::new(),
            keeps: false,
            is_strict: false,
            survive: Vec::new(),
            free_ppm: 0,
            prices: units::SortedMap::new(),
            committed: Vec::new(),
            team_label: None,
            room: Vec::new(),
            preempts: false,
            grow: vec![Grow {
                pattern: String::new(),
                rate: Rate::Share(100_000),
            }],
            // A cluster that is full in the end says no more than that.
            horizon: if minimize.is_some() { 2 } else { 12 },
            search: Search {
                steps: 10_000,
                orders: 1,
            },
            work: std::sync::Arc::default(),
        };
        let answers = plan(&mut snapshot, &profiles, &questions).expect("a plan");
        let report = PlanReport {
            snapshot: "a cluster",
            command: "windtunnel plan",
            currency: "",
            inputs: &snapshot.inputs,
            lists: Vec::new(),
            taken_unix_secs: Some(1_796_000_000),
            questions: &questions,
            plan: &answers,
            assumptions: vec!["one <thing>".to_owned()],
            warnings: &[],
        };
        let files = report.files().expect("files");
        let json: Value = serde_json::from_slice(&files[0].bytes).expect("JSON");
        assert_eq!(broken(&json, &schema, &schema, "plan"), None);
        let page = report.html();
        assert!(page.contains("Nodes by pool") && page.contains("<polyline"));
        assert!(page.contains("one &lt;thing&gt;") && !page.contains("one <thing>"));
    }
}

//! Every kind and field of the Kubernetes API that the reader may meet, one at a time: each is modelled,
//! refused at its place, told by a finding, or known to bear on nothing. The table says which
//! (`tests/data/kubernetes-api`).

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::super::{ManifestReader, Manifests};
use intake::Input;

/// Fate of a field of a generated object.
const MODELLED: &str = "modelled";
const TOLD: &str = "told";
const REFUSED: &str = "refused";
const SILENT: &str = "silent";

const TABLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/data/kubernetes-api/fields.txt"
);

/// The kind that the rows are about.
struct Base {
    kind: String,
    version: String,
    body: Value,
}

impl Base {
    fn object(&self) -> Value {
        let mut object = json!({
            "apiVersion": self.version,
            "kind": self.kind,
            "metadata": {"name": "o"},
        });
        merge(&mut object, self.body.clone());
        object
    }
}

fn merge(into: &mut Value, other: Value) {
    match (into, other) {
        (Value::Object(into), Value::Object(other)) => {
            for (key, value) in other {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, other) => *into = other,
    }
}

/// Sets a field by its path, as `spec.containers[0].tty`.
fn set(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for step in path.split('.') {
        let (key, index) = match step.split_once('[') {
            Some((key, rest)) => (key, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[key];
        if let Some(index) = index {
            at = &mut at[index];
        }
    }
    *at = value;
}

fn read(object: &Value) -> Result<Manifests, String> {
    let mut reader = ManifestReader::new().with_workloads();
    let input = Input::bytes("o.json", object.to_string().into_bytes());
    reader.read(&input).map_err(|error| error.to_string())?;
    Ok(reader.finish())
}

/// Everything that was read, but for what is reported, and for the written forms of templates, by which any two
/// are distinguished whatever their fields do.
fn content(manifests: &Manifests) -> String {
    let mut quiet = Manifests {
        findings: Vec::new(),
        ..manifests.clone()
    };
    for workload in &mut quiet.workloads {
        workload.written = None;
    }
    format!("{quiet:?}")
}

fn fate(base: &Base, path: &str, value: Value) -> &'static str {
    let plain = read(&base.object()).unwrap_or_else(|why| panic!("{}: {why}", base.kind));
    let mut object = base.object();
    if let Some((probe, _)) = path.split_once("Probe.") {
        // Without a handler it is refused.
        set(&mut object, &format!("{probe}Probe.exec"), json!({}));
    }
    set(&mut object, path, value);
    let last = path.rsplit('.').next().unwrap_or(path);
    match read(&object) {
        Err(why) => {
            assert!(why.contains(last.trim_end_matches("[0]")), "{path}: {why}");
            REFUSED
        }
        Ok(read) => {
            let told = read
                .findings
                .iter()
                .find(|found| !plain.findings.contains(found));
            if let Some(told) = told {
                assert!(!told.effect.is_empty());
                return TOLD;
            }
            if content(&read) == content(&plain) {
                SILENT
            } else {
                MODELLED
            }
        }
    }
}

/// Fate of an object of a kind that is left out or refused.
fn fate_of_kind(kind: &str, version: &str) -> &'static str {
    let object =
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": "o"}, "spec": {}});
    match read(&object) {
        Err(why) if why.contains("apiVersion: expected") => {
            assert!(why.contains(version), "{why}");
            REFUSED
        }
        // Its fields are looked at, and there are none.
        Err(_) => "converted",
        Ok(read) => {
            let Some((counted, _)) = read.ignored_kinds.iter().next() else {
                return "converted";
            };
            assert!(!crate::effect_of_kind(counted).is_empty());
            "ignored"
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test reads its table, and writes it where it is asked to"
)]
fn no_kind_and_no_field_vanishes() {
    let table = std::fs::read_to_string(TABLE).expect("the table");
    let mut base = None;
    let mut found = String::new();
    for line in table.lines() {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (first, second, rest) = (word(), word(), word());
        match &*first {
            "" | "#" => {
                let _ = writeln!(found, "{line}");
            }
            "@" => {
                let (version, body) = rest.split_once(' ').expect("a version and a body");
                let _ = writeln!(found, "{line}");
                base = Some(Base {
                    kind: second,
                    version: version.to_owned(),
                    body: serde_json::from_str(body).expect("JSON"),
                });
            }
            _ if second.starts_with(char::is_uppercase) => {
                let fate = fate_of_kind(&second, &rest);
                let _ = writeln!(found, "{fate} {second} {rest}");
            }
            _ => {
                let value = serde_json::from_str(&rest).expect("JSON");
                let fate = fate(base.as_ref().expect("a kind"), &second, value);
                let _ = writeln!(found, "{fate} {second} {rest}");
            }
        }
    }
    if std::env::var_os("SNAPSHOTS").is_some_and(|own| own == "overwrite") {
        std::fs::write(TABLE, &found).expect("the table is written");
    }
    for (expected, found) in table.lines().zip(found.lines()) {
        assert_eq!(found, expected, "what becomes of it");
    }
}

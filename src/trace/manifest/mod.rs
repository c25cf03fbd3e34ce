//! Kubernetes manifests: Node and Pod objects in YAML (any number of documents) or JSON (one or
//! several objects, arrays), each by itself or in lists, nested or not, as `kubectl get -o yaml`
//! and `-o json` write them.
//!
//! Objects are read one at a time straight into the model ([`object`]), so that a dump is never
//! held as a tree. Pods of equal content share one [`PodSpec`]. `PriorityClass` objects of the
//! same file give pods their priority. Other kinds are counted in [`Manifests::ignored_kinds`];
//! fields that bear on placement and are not modelled become [`Manifests::findings`]; what the
//! Kubernetes API itself would refuse is an error with file, document, object and field.
//!
//! The annotation `windtunnel/at` (a duration such as `90s`) on a pod says when it is submitted.
//! GPU devices are described in [`gpu`].

mod affinity;
mod field;
mod findings;
mod gpu;
mod node;
mod object;
mod pod;
mod priority;
mod raw;
mod reader;
#[cfg(test)]
mod tests;
mod unmodelled;
mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeSeed;

pub use findings::ManifestFinding;

use super::error::TraceError;
use crate::model::{Node, PodPhase, PodSpec, Text};
use crate::units::Duration;
use object::ObjectSeed;
use reader::Reader;

/// What a file of manifests declares.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// Nodes in the file's order; names are unique.
    pub nodes: Vec<Node>,
    /// Pods in the file's order; names are unique in each namespace.
    pub pods: Vec<ManifestPod>,
    /// How many objects of each other kind there were; nothing of them was read.
    pub ignored_kinds: BTreeMap<String, usize>,
    /// Fields that bear on placement and aren't modelled.
    pub findings: Vec<ManifestFinding>,
}

/// A pod as a manifest declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestPod {
    /// Its name; of a pod with only a `generateName`, that and a number.
    pub name: Text,
    /// Its class, its namespace included; pods of equal content share it.
    pub spec: Arc<PodSpec>,
    /// The node it is bound to.
    pub node_name: Option<Text>,
    /// Where it is in its life; a pod with a node is at least bound.
    pub phase: PodPhase,
    /// Whether it has been told to end and still holds its node.
    pub is_terminating: bool,
    /// When it was created, in seconds since 1970-01-01T00:00:00Z.
    pub created_unix_secs: Option<i64>,
    /// When it is submitted, since the run's zero: the annotation `windtunnel/at`.
    pub at: Option<Duration>,
    /// How long it may run at most: `activeDeadlineSeconds`.
    pub time_limit: Option<Duration>,
}

impl ManifestPod {
    /// Its namespace.
    pub fn namespace(&self) -> &Text {
        &self.spec.namespace
    }
}

/// Reads a text of manifests; `name` is the file as the user named it.
///
/// A text that begins with `{` or `[` is read as JSON, and as YAML if it is none.
///
/// # Errors
/// [`TraceError::Format`] naming the document, the object, the field's path, what was expected and
/// what was found; for broken syntax the line and column.
pub fn read_manifests(name: &str, text: &str) -> Result<Manifests, TraceError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let outcome = if text.trim_start().starts_with(['{', '[']) {
        match read_json(text) {
            Err(Failure::Syntax(of_json)) => read_yaml(text).map_err(|failure| match failure {
                Failure::Syntax(_) if !yaml::is_yaml_name(name) => Failure::Syntax(of_json),
                other => other,
            }),
            outcome => outcome,
        }
    } else {
        read_yaml(text)
    };
    outcome.map_err(|failure| TraceError::Format {
        file: name.to_owned(),
        reason: match failure {
            Failure::Syntax(reason) | Failure::Content(reason) => reason,
        },
    })
}

/// Why a text can't be read.
enum Failure {
    /// It is not of the format at all.
    Syntax(String),
    /// It is, and what it says breaks a rule.
    Content(String),
}

fn read_json(text: &str) -> Result<Manifests, Failure> {
    let mut reader = Reader::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Objects may follow each other, as `kubectl cluster-info dump` writes them.
    loop {
        reader.begin_document();
        let object = ObjectSeed::document(&mut reader).deserialize(&mut deserializer);
        object.map_err(|error| match error.classify() {
            serde_json::error::Category::Syntax => Failure::Syntax(format!("not JSON: {error}")),
            serde_json::error::Category::Eof => Failure::Content(format!(
                "{}: the file is cut off: {error}; write it anew",
                reader.place_of_failure()
            )),
            _ => Failure::Content(reader.describe(&error)),
        })?;
        if deserializer.end().is_ok() {
            return Ok(reader.finish());
        }
    }
}

fn read_yaml(text: &str) -> Result<Manifests, Failure> {
    let mut reader = Reader::default();
    for document in yaml::documents(text) {
        reader.begin_document();
        yaml::deserialize(document.text, ObjectSeed::document(&mut reader)).map_err(|error| {
            let error = error.at_line(document.lines_before);
            if reader.has_failed() {
                Failure::Content(reader.describe(&error))
            } else {
                Failure::Syntax(reader.describe(&error))
            }
        })?;
    }
    Ok(reader.finish())
}

/// What the reading of any object shares.
#[derive(Default)]
struct Ctx {
    texts: field::Texts,
    findings: findings::Findings,
}

//! Several clusters read as one: each gets a name that stands before those of its namespaces, nodes and volumes, so that
//! stacks that are installed twice stay apart.

use std::path::PathBuf;

use intake::Input;
use k8s::read_values;
use serde_json::{Value, json};

use super::SnapshotError;

/// A dump with the name of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCluster {
    /// Name that is put before those of the dump, with a hyphen.
    pub name: String,
    /// File of the dump.
    pub path: PathBuf,
}

/// Label of a node whose cluster stands beside others, with the cluster's name.
pub const CLUSTER_LABEL: &str = "windtunnel.dev/cluster";

/// Kinds of the whole cluster that belong to one installation of it.
const CLUSTER_KINDS: [&str; 8] = [
    "CSINode",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "VolumeAttachment",
];

/// Beginning of the names of classes that every cluster has.
const SYSTEM: &str = "system-";

/// Fields that hold the name of a namespace or of an object that belongs to the whole cluster.
const REFERENCES: [&str; 9] = [
    "namespace",
    "namespaces",
    "nodeName",
    "nominatedNodeName",
    "persistentVolumeName",
    "priorityClassName",
    "runtimeClassName",
    "storageClassName",
    "volumeName",
];

/// Labels whose values are names of nodes or namespaces.
const NAME_LABELS: [&str; 2] = ["kubernetes.io/hostname", "kubernetes.io/metadata.name"];

impl NamedCluster {
    /// Reads `NAME=FILE`.
    ///
    /// # Errors
    /// If there is no `=`, or the name can't stand in that of a namespace.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_label = |name: &str| {
            let inner = |own: u8| own.is_ascii_lowercase() || own.is_ascii_digit() || own == b'-';
            (1..=30).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-')
        };
        let parts = text.split_once('=').filter(|(_, path)| !path.is_empty());
        let parts = parts.filter(|(name, _)| is_label(name));
        let Some((name, path)) = parts else {
            return Err(format!(
                "`{text}`: expected NAME=FILE with a name of at most 30 lower-case letters, digits and hyphens, such as \
                 `east=east.json`"
            ));
        };
        Ok(Self {
            name: name.to_owned(),
            path: path.into(),
        })
    }

    /// The dump with its names after that of the cluster.
    ///
    /// # Errors
    /// If the file can't be read, or is not JSON or YAML.
    pub(super) fn input(&self) -> Result<Input, SnapshotError> {
        let file = self.path.display();
        if self.path.is_dir() {
            return Err(SnapshotError::Input(format!(
                "--as {}={file}: expected a file of objects; found a folder",
                self.name
            )));
        }
        let text = Input::path(&self.path).read_to_string()?;
        let values = match serde_json::from_str::<Value>(&text) {
            Ok(value) => vec![value],
            Err(_) => read_values(&text)
                .map_err(|message| SnapshotError::Input(format!("{file}: {message}")))?,
        };
        let mut items: Vec<Value> = Vec::new();
        for mut value in values {
            match value.get_mut("items").map(Value::take) {
                Some(Value::Array(own)) => items.extend(own),
                _ => items.push(value),
            }
        }
        for item in &mut items {
            self.rename_object(item);
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let name = format!("{}={file}", self.name);
        Ok(Input::bytes(&name, list.to_string().into_bytes()))
    }

    fn rename_object(&self, item: &mut Value) {
        let kind = item["kind"].as_str().unwrap_or_default();
        let is_node = kind == "Node";
        if CLUSTER_KINDS.contains(&kind) {
            self.rename(&mut item["metadata"]["name"]);
        }
        if is_node {
            item["metadata"]["labels"][CLUSTER_LABEL] = self.name.as_str().into();
        }
        self.rename_references(item);
    }

    /// Renames what a value refers to, at any depth.
    fn rename_references(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|own| self.rename_references(own)),
            Value::Object(fields) => {
                let is_node = fields.get("kind").is_some_and(|kind| kind == "Node");
                if is_node && fields.contains_key("controller") {
                    fields.entry("name").and_modify(|name| self.rename(name));
                }
                let key = fields
                    .get("key")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if NAME_LABELS.contains(&key) {
                    fields.entry("values").and_modify(|own| self.rename(own));
                }
                for (key, own) in fields {
                    if REFERENCES.contains(&key.as_str()) || NAME_LABELS.contains(&key.as_str()) {
                        self.rename(own);
                    } else {
                        self.rename_references(own);
                    }
                }
            }
            _ => {}
        }
    }

    /// Puts the cluster's name before a name, or before each of a list.
    fn rename(&self, value: &mut Value) {
        match value {
            Value::Array(names) => names.iter_mut().for_each(|own| self.rename(own)),
            Value::String(name) if !name.is_empty() && !name.starts_with(SYSTEM) => {
                *name = format!("{}-{name}", self.name);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_the_names_of_a_cluster() {
        let east = NamedCluster::parse("east=a.json").expect("a cluster");
        let mut pod = json!({
            "kind": "Pod",
            "metadata": {"name": "db-0", "namespace": "shop", "labels": {"app": "db"}},
            "spec": {
                "nodeName": "n1",
                "nodeSelector": {"kubernetes.io/hostname": "n1", "disk": "ssd"},
                "priorityClassName": "system-node-critical",
                "affinity": {"podAntiAffinity": {"namespaces": ["shop", "mail"]}},
                "terms": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}],
            },
        });
        east.rename_object(&mut pod);
        let expected = json!({
            "kind": "Pod",
            "metadata": {"name": "db-0", "namespace": "east-shop", "labels": {"app": "db"}},
            "spec": {
                "nodeName": "east-n1",
                "nodeSelector": {"kubernetes.io/hostname": "east-n1", "disk": "ssd"},
                "priorityClassName": "system-node-critical",
                "affinity": {"podAntiAffinity": {"namespaces": ["east-shop", "east-mail"]}},
                "terms": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["east-n1"]}],
            },
        });
        assert_eq!(pod, expected);
        let mut node = json!({"kind": "Node", "metadata": {"name": "n1"}});
        east.rename_object(&mut node);
        assert_eq!(
            node,
            json!({
                "kind": "Node",
                "metadata": {"name": "east-n1", "labels": {CLUSTER_LABEL: "east"}},
            })
        );
    }

    #[test]
    fn a_name_has_to_fit_before_that_of_a_namespace() {
        for text in ["a.json", "=a.json", "East=a.json", "east=", "a.b=c.json"] {
            let message = NamedCluster::parse(text).expect_err(text);
            assert!(message.contains("expected NAME=FILE"), "{message}");
        }
    }
}

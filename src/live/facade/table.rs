//! Lists of objects as JSON and as tables, and what of them is chosen.

use serde_json::{Value, json};

use super::columns::Columns;
use super::resources::Resource;
use super::selector::Selector;

/// Objects of a kind that a client requests, and the form of the answer.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
    pub(crate) labels: Selector,
    /// Fields that have, or don't have, a value.
    pub(crate) fields: Vec<(String, bool, String)>,
    pub(crate) is_table: bool,
}

impl Choice {
    /// All objects of a kind.
    pub(crate) fn all(resource: Resource) -> Self {
        Self {
            resource,
            namespace: None,
            labels: Selector::default(),
            fields: Vec::new(),
            is_table: false,
        }
    }

    /// Whether an object is meant.
    pub(crate) fn takes(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let of_namespace = self.namespace.as_deref();
        of_namespace.is_none_or(|own| metadata["namespace"] == own)
            && self.labels.takes(&metadata["labels"])
            && self.fields.iter().all(|(path, is_equal, value)| {
                if path == "involvedObject.uid" {
                    // Events name their objects; a name is one object's at a time.
                    return true;
                }
                let field = object.pointer(&format!("/{}", path.replace('.', "/")));
                let own = match field {
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                };
                (own == *value) == *is_equal
            })
    }

    /// An object with its kind, at a revision.
    pub(crate) fn whole(&self, object: &Value, revision: u64) -> Value {
        let mut whole = object.clone();
        whole["apiVersion"] = json!(self.resource.version);
        whole["kind"] = json!(self.resource.kind);
        whole["metadata"]["resourceVersion"] = json!(revision.to_string());
        whole
    }

    /// A list of objects, or their table.
    pub(crate) fn list(&self, objects: &[Value], revision: u64, now_ns: i64) -> Value {
        let metadata = json!({"resourceVersion": revision.to_string()});
        if self.is_table {
            return self.table(objects, revision, now_ns);
        }
        let items = objects.iter().map(|own| self.whole(own, revision));
        json!({
            "kind": format!("{}List", self.resource.kind), "apiVersion": self.resource.version,
            "metadata": metadata, "items": items.collect::<Vec<_>>(),
        })
    }

    /// An object in the form of the answer, as a watch or a request for it alone returns it.
    pub(crate) fn one(&self, object: &Value, revision: u64, now_ns: i64) -> Value {
        if self.is_table {
            self.table(std::slice::from_ref(object), revision, now_ns)
        } else {
            self.whole(object, revision)
        }
    }

    fn table(&self, objects: &[Value], revision: u64, now_ns: i64) -> Value {
        let columns = Columns::of(self.resource.kind);
        let rows = objects.iter().map(
            |own| json!({"cells": columns.cells(own, now_ns), "object": self.whole(own, revision)}),
        );
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": revision.to_string()},
            "columnDefinitions": columns.heads(), "rows": rows.collect::<Vec<_>>(),
        })
    }
}

/// The fields of a selector such as `spec.nodeName=n0,status.phase!=Running`.
pub(crate) fn fields(text: &str) -> Option<Vec<(String, bool, String)>> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    let parts = parts.map(|part| {
        let (path, rest) = part.split_once('=')?;
        let (path, is_equal) = path
            .strip_suffix('!')
            .map_or((path, true), |path| (path, false));
        let value = rest.strip_prefix('=').unwrap_or(rest);
        Some((path.to_owned(), is_equal, value.to_owned()))
    });
    parts.collect()
}

//! Objects that a scenario reads: those of its manifests, the parts of the scenario itself, the
//! configuration of its scheduler, and its tables by their content.

mod change;
mod content;
mod documents;
mod matched;
mod parts;
mod read;
mod scheduler;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use k8s::PlainObject;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

pub(crate) use change::order_change;
use change::with_fields;
pub use change::{FieldChange, alike, field_changes, words_of_all};
pub use content::SYSTEM_FILE;
pub(crate) use content::{by_content, without_names};
pub use documents::{Document, Documents, ObjectFields, ObjectKey};
pub(crate) use parts::{ScenarioText, item_name};
pub(crate) use read::ManifestObjects;
pub(crate) use tables::name_line;

/// Bytes of fields that a baseline keeps for an entry; of objects beyond, it keeps hashes alone.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// An object that a scenario reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Object {
    /// What is read of it, as written; none where a baseline has no room for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<Arc<Json>>,
    /// The file that states it.
    file: String,
    /// Digits of a hash over the normal form of what is read.
    hash: String,
    /// Names of the object.
    #[serde(rename = "object", serialize_with = "words", deserialize_with = "key")]
    key: ObjectKey,
    /// Lines of the fields, where the file is at hand.
    #[serde(skip)]
    lines: Lines,
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.hash, &self.file) == (&other.key, &other.hash, &other.file)
    }
}

/// Where the fields of an object stand.
#[derive(Clone, Debug, Default)]
enum Lines {
    /// It is not known.
    #[default]
    Unknown,
    /// In a manifest.
    Manifest(PlainObject),
    /// In a scenario.
    Scenario {
        /// The scenario's file.
        text: Arc<PlainObject>,
        /// JSON pointer to the part.
        prefix: String,
        /// The variant, where it is one of several.
        variant: Option<String>,
    },
}

impl Lines {
    /// The line of a field, by its JSON pointer in the object.
    fn line(&self, pointer: &str) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Manifest(object) => Some(object.line(pointer)),
            Self::Scenario {
                text,
                prefix,
                variant,
            } => {
                let own = variant
                    .as_ref()
                    .map(|name| format!("/variants/{name}{prefix}{pointer}"));
                let own = own.filter(|own| text.value.pointer(own).is_some());
                Some(text.line(&own.unwrap_or_else(|| format!("{prefix}{pointer}"))))
            }
        }
    }
}

impl Object {
    fn new(key: ObjectKey, file: String, fields: Json, lines: Lines) -> Self {
        let form = k8s::settled("", &fields).to_string();
        Self {
            fields: Some(Arc::new(fields)),
            file,
            hash: blake3::hash(form.as_bytes()).to_hex()[..16].to_owned(),
            key,
            lines,
        }
    }
}

/// The objects of an entry as a baseline keeps them: fields as long as there is room.
pub(super) fn bounded(objects: &[Object]) -> Vec<Object> {
    let mut room = KEPT_BYTES_MAX;
    let kept = objects.iter().map(|own| {
        let bytes = own
            .fields
            .as_ref()
            .map_or(0, |fields| fields.to_string().len());
        let fields = own.fields.clone().filter(|_| bytes <= room);
        room -= fields.as_ref().map_or(0, |_| bytes);
        Object {
            fields,
            lines: Lines::Unknown,
            ..own.clone()
        }
    });
    kept.collect()
}

fn words<S: Serializer>(key: &ObjectKey, target: S) -> Result<S::Ok, S::Error> {
    target.collect_str(key)
}

fn key<'de, D: Deserializer<'de>>(source: D) -> Result<ObjectKey, D::Error> {
    Ok(ObjectKey::parse(&String::deserialize(source)?))
}

//! Pods of a snapshot that are like an earlier one. Thousands of pods come from a few templates; a
//! snapshot states once what such pods share, and of each further pod its name, its node and its
//! times:
//! `{"kind":"Pod","like":"web-0","metadata":{"name":"web-1","namespace":"shop"},"spec":{"nodeName":"n-7"}}`.
//! Everything else is as the pod states it that stands under `like`, which precedes it in the same
//! namespace. Only files that begin with a header have such pods; earlier snapshots have neither.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::pod_status::READY_SINCE;

/// Kind of the header, the first item of a snapshot.
pub(super) const HEADER_KIND: &str = "Snapshot";

/// Group of the versions of snapshots, with its slash.
pub(super) const GROUP: &str = "windtunnel/";

/// The version of snapshots with pods that are like others.
pub(super) const VERSION: &str = "windtunnel/v2";

/// The header of a snapshot as it is written.
pub(super) const HEADER: &[u8] = b"{\"apiVersion\":\"windtunnel/v2\",\"kind\":\"Snapshot\"}";

/// Fields that every pod states itself; those that [`MetadataOverrides`] and its like read.
const OWN: [(&str, &[&str]); 3] = [
    ("metadata", &["name", "uid", "creationTimestamp"]),
    ("spec", &["nodeName"]),
    ("status", &["startTime", READY_SINCE]),
];

/// Beginning of a pod that is like another one, as it is written.
const BEGINNING: &[u8] = b"{\"kind\":\"Pod\",\"like\":\"";

/// A pod that is like another one, as it is written: most of a snapshot. It borrows from its text; one
/// that has escapes in its texts, or a field that is not here, is read as any other object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SimilarPod<'t> {
    #[serde(rename = "kind", borrow)]
    _kind: &'t str,
    #[serde(borrow)]
    pub(super) like: &'t str,
    #[serde(borrow)]
    pub(super) metadata: SimilarMetadata<'t>,
    #[serde(borrow, default)]
    pub(super) spec: SimilarSpec<'t>,
    #[serde(borrow, default)]
    pub(super) status: SimilarStatus<'t>,
}

/// Metadata of a pod that is like another one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SimilarMetadata<'t> {
    #[serde(borrow)]
    pub(super) name: &'t str,
    pub(super) namespace: Option<&'t str>,
    pub(super) uid: Option<&'t str>,
    pub(super) creation_timestamp: Option<&'t str>,
}

/// Spec of a pod that is like another one.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SimilarSpec<'t> {
    #[serde(borrow)]
    pub(super) node_name: Option<&'t str>,
}

/// Status of a pod that is like another one.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SimilarStatus<'t> {
    #[serde(borrow)]
    pub(super) start_time: Option<&'t str>,
    pub(super) ready_since: Option<&'t str>,
}

impl<'t> SimilarPod<'t> {
    /// The pod that a text is; `None` if it is not written so.
    pub(super) fn of(text: &'t [u8]) -> Option<Self> {
        let is_one = text.starts_with(BEGINNING);
        is_one.then(|| serde_json::from_slice(text).ok())?
    }

    /// The fields that the pod states itself.
    pub(super) fn own(&self) -> PodOverrides<'t> {
        PodOverrides {
            name: Some(self.metadata.name),
            namespace: self.metadata.namespace,
            uid: self.metadata.uid,
            created: self.metadata.creation_timestamp,
            node_name: self.spec.node_name,
            started: self.status.start_time,
            ready_since: self.status.ready_since,
        }
    }
}

/// Fields that a pod states itself, whatever it is like.
#[derive(Clone, Copy)]
pub(super) struct PodOverrides<'t> {
    pub(super) name: Option<&'t str>,
    pub(super) namespace: Option<&'t str>,
    pub(super) uid: Option<&'t str>,
    /// Time of its creation, as written.
    pub(super) created: Option<&'t str>,
    pub(super) node_name: Option<&'t str>,
    /// Time at which its node took it up, as written.
    pub(super) started: Option<&'t str>,
    /// Time of the last change of its readiness, as written.
    pub(super) ready_since: Option<&'t str>,
}

/// Metadata that a pod states itself, whatever it is like.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct MetadataOverrides {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) uid: Option<String>,
    pub(super) creation_timestamp: Option<String>,
}

/// Part of the spec that a pod states itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct SpecOverrides {
    pub(super) node_name: Option<String>,
}

/// Part of the status that a pod states itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct StatusOverrides {
    pub(super) start_time: Option<String>,
    pub(super) ready_since: Option<String>,
}

/// Texts of the pods of a snapshot that others may be like.
#[derive(Default)]
pub(super) struct Shapes {
    /// Names of pods, by the text of what they share with others.
    names: IndexMap<String, String, FxBuildHasher>,
    /// Place of a pod's text, by namespace and name.
    places: IndexMap<(String, String), usize, FxBuildHasher>,
}

/// A pod taken apart.
pub(super) struct Split {
    /// Text that others may share, as JSON; fields of the pod's own are `null`.
    shape: String,
    /// The fields of its own.
    own: Map<String, Value>,
    namespace: String,
    name: String,
}

impl Split {
    /// Takes a pod apart; `None` if it has no name of its own.
    pub(super) fn of(mut pod: Value) -> Option<Self> {
        let name = text_of(&pod, "metadata", "name")?.to_owned();
        let namespace = text_of(&pod, "metadata", "namespace").unwrap_or_default();
        let namespace = namespace.to_owned();
        let mut own = Map::new();
        for (part, fields) in OWN {
            let mut of_part = Map::new();
            for &field in fields {
                if text_of(&pod, part, field).is_some() {
                    of_part.insert(field.to_owned(), pod[part][field].take());
                }
            }
            own.insert(part.to_owned(), of_part.into());
        }
        if !namespace.is_empty() {
            own["metadata"]["namespace"] = namespace.as_str().into();
        }
        // The API server names a volume for tokens in each pod, of which nothing else is kept.
        let spec = pod.get_mut("spec");
        if let Some(Value::Array(volumes)) = spec.and_then(|spec| spec.get_mut("volumes")) {
            let says_more = |own: &Map<String, Value>| own.keys().any(|key| key != "name");
            volumes.retain(|volume| volume.as_object().is_none_or(says_more));
        }
        Some(Self {
            shape: pod.to_string(),
            own,
            namespace,
            name,
        })
    }
}

fn text_of<'v>(pod: &'v Value, part: &str, field: &str) -> Option<&'v str> {
    let text = pod.get(part)?.get(field)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

impl Shapes {
    /// The pod as one that is like an earlier one; `None` if there is no such one.
    pub(super) fn shortened(&self, pod: &Split) -> Option<String> {
        let like = self.names.get(&pod.shape)?;
        let mut text = json!({"kind": "Pod", "like": like});
        for (part, own) in &pod.own {
            if own
                .as_object()
                .is_some_and(|as_object| !as_object.is_empty())
            {
                text[part] = own.clone();
            }
        }
        Some(text.to_string())
    }

    /// Remembers a pod that others may be like.
    pub(super) fn add(&mut self, pod: Split) {
        let place = match self.names.get_index_of(&pod.shape) {
            Some(place) => place,
            None => self.names.insert_full(pod.shape, pod.name.clone()).0,
        };
        self.places.insert((pod.namespace, pod.name), place);
    }

    /// A pod that is like another one with all that it has; `None` if there is no such other one, or
    /// if the pod states more than fields of its own.
    pub(super) fn whole(&self, alike: &Value) -> Option<String> {
        let namespace = text_of(alike, "metadata", "namespace").unwrap_or_default();
        let like = alike.get("like")?.as_str()?;
        let place = self.places.get(&(namespace.to_owned(), like.to_owned()))?;
        let (shape, _) = self.names.get_index(*place)?;
        let mut pod: Value = serde_json::from_str(shape).ok()?;
        for (part, stated) in alike.as_object()? {
            if ["kind", "apiVersion", "like"].contains(&part.as_str()) {
                continue;
            }
            let (_, fields) = OWN.iter().find(|(own, _)| own == part)?;
            for (field, value) in stated.as_object()? {
                if fields.contains(&field.as_str()) {
                    pod[part][field] = value.clone();
                } else if (part.as_str(), field.as_str()) != ("metadata", "namespace") {
                    return None;
                }
            }
        }
        Some(pod.to_string())
    }
}

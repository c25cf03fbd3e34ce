//! Metrics of horizontal autoscalers as manifests have them.

use serde::Deserialize;
use serde_json::Value;

use model::Text;

/// Name of an object with its kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference {
    #[serde(default)]
    pub(crate) api_version: Text,
    pub(crate) kind: Text,
    pub(crate) name: Text,
}

/// A metric of a horizontal autoscaler as a manifest has it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MetricManifest {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) resource: Option<ResourceManifest>,
    pub(crate) container_resource: Option<ResourceManifest>,
    pub(crate) pods: Option<CustomManifest>,
    pub(crate) object: Option<CustomManifest>,
    pub(crate) external: Option<CustomManifest>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResourceManifest {
    pub(crate) name: Text,
    pub(crate) container: Option<Text>,
    pub(crate) target: TargetManifest,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CustomManifest {
    pub(crate) metric: Identifier,
    pub(crate) described_object: Option<Reference>,
    pub(crate) target: TargetManifest,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Identifier {
    pub(crate) name: Text,
    pub(crate) selector: Option<Value>,
}

/// The target of a metric as a manifest has it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TargetManifest {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) average_utilization: Option<i32>,
    pub(crate) average_value: Option<Value>,
    pub(crate) value: Option<Value>,
}

impl MetricManifest {
    /// Each type of a metric, the field of its source, and whether the source is stated.
    pub(crate) const fn sources(&self) -> [(&'static str, &'static str, bool); 5] {
        let container = self.container_resource.is_some();
        [
            ("Object", "object", self.object.is_some()),
            ("External", "external", self.external.is_some()),
            ("Pods", "pods", self.pods.is_some()),
            ("Resource", "resource", self.resource.is_some()),
            ("ContainerResource", "containerResource", container),
        ]
    }

    /// The field of the source that the type asks for, and whether it is stated.
    pub(crate) fn source(&self) -> Option<(&'static str, bool)> {
        let mut sources = self.sources().into_iter();
        let own = sources.find(|(kind, ..)| *kind == self.kind);
        own.map(|(_, field, is_stated)| (field, is_stated))
    }

    /// The sources that are about what pods use.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&'static str, &ResourceManifest)> {
        let sources = [
            ("resource", &self.resource),
            ("containerResource", &self.container_resource),
        ];
        { sources.into_iter() }.filter_map(|(field, own)| Some((field, own.as_ref()?)))
    }

    /// The sources that are about metrics of others.
    pub(crate) fn customs(&self) -> impl Iterator<Item = (&'static str, &CustomManifest)> {
        let sources = [
            ("object", &self.object),
            ("external", &self.external),
            ("pods", &self.pods),
        ];
        { sources.into_iter() }.filter_map(|(field, own)| Some((field, own.as_ref()?)))
    }
}

//! `operations:` of the experiment file, and `controllers:` of its system.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rng::Distribution;
use units::Duration;

/// The controllers of Kubernetes at work: the `Deployment`, `StatefulSet`, `DaemonSet`, `Job`,
/// `CronJob` and `PodDisruptionBudget` objects of manifests are kept as they are declared. `{}` for
/// those of a plain cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Controllers {
    /// The date and time of the run's start in UTC, such as `2025-03-03T00:00:00Z`, for schedules of
    /// `CronJob` objects; default `1970-01-01T00:00:00Z`, a Thursday.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub start_date: Option<String>,
}

/// What a user does to the cluster, and when; with `system.controllers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("oneOf" = [
        {"required": ["scale"]}, {"required": ["apply"]}, {"required": ["delete"]},
        {"required": ["pause"]}, {"required": ["resume"]}, {"required": ["rollBack"]},
        {"required": ["cordon"]}, {"required": ["uncordon"]}, {"required": ["drain"]},
        {"required": ["upgrade"]},
    ]),
    extend("dependentRequired" = {"replicas": ["scale"], "scale": ["replicas"]})
)]
pub struct Operation {
    /// When, after the start.
    pub at: Duration,
    /// The object that is to have another number of pods, as `KIND/NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    /// That number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,
    /// A file of Kubernetes objects that are created, or declared anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<String>,
    /// The object that is deleted, with what it controls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<String>,
    /// The Deployment whose rollouts are halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<String>,
    /// The Deployment whose rollouts go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// The Deployment that goes back to the template it had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<String>,
    /// The node that takes no new pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cordon: Option<String>,
    /// The node that takes new pods again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncordon: Option<String>,
    /// The node that takes no new pods and whose pods are evicted, as budgets allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<String>,
    /// Nodes that are drained, serviced and put back, some at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
}

/// An upgrade of nodes: each is cordoned, drained as budgets allow, away for its service, and back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["batch"]}, {"required": ["maxUnavailable"]}]))]
pub struct Upgrade {
    /// A domain of `cluster.domains` by its label and name, or the nodes with a label; default all
    /// nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub domain: Option<BTreeMap<String, String>>,
    /// The label by whose values nodes are put in order, such as `rack`; default as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub by: Option<String>,
    /// How many nodes at a time: the next begin once all of these are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub batch: Option<u32>,
    /// How many nodes at a time: the next begins as soon as one is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_unavailable: Option<u32>,
    /// How long a drained node is away: a distribution, such as `lognormal(10m, 0.4)`.
    pub service: Distribution,
    /// After how long a node goes that could not be drained; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub drain_timeout: Option<Duration>,
    /// How long to wait before the next batch, or the next node; default 0s.
    #[serde(default)]
    pub gap: Duration,
    /// Whether nodes leave and new ones join in their place.
    #[serde(default)]
    pub replace: bool,
}

impl Operation {
    /// The object that it names, and the field that names it.
    pub fn object(&self) -> Option<(&'static str, &str)> {
        let named = [
            ("scale", &self.scale),
            ("delete", &self.delete),
            ("pause", &self.pause),
            ("resume", &self.resume),
            ("rollBack", &self.roll_back),
        ];
        let mut named = named.into_iter();
        named.find_map(|(field, object)| Some((field, object.as_deref()?)))
    }

    /// The node that it names, and the field that names it.
    pub fn node(&self) -> Option<(&'static str, &str)> {
        let named = [
            ("cordon", &self.cordon),
            ("uncordon", &self.uncordon),
            ("drain", &self.drain),
        ];
        let mut named = named.into_iter();
        named.find_map(|(field, node)| Some((field, node.as_deref()?)))
    }
}

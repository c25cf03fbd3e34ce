//! `models.images` of the experiment file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::share::Share;
use units::{Duration, Quantity};

/// Images: what they are made of, and what carries them to nodes. Layers that a node has are not
/// transferred again; transfers share the registry and the links of nodes max-min.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Images {
    /// Layers by name: their sizes as they are transferred, in bytes.
    #[serde(default)]
    pub layers: BTreeMap<String, Quantity>,
    /// Images by name: their layers, in order.
    #[serde(default)]
    pub images: BTreeMap<String, Vec<String>>,
    /// The size of any other image, in bytes: one layer of its own.
    #[serde(default = "default_size")]
    pub default: Quantity,
    /// What the registry sends, in bits a second.
    #[serde(default = "default_bandwidth")]
    #[schemars(extend("x-positive" = true))]
    pub registry_bandwidth: Quantity,
    /// What a node receives, in bits a second.
    #[serde(default = "default_bandwidth")]
    #[schemars(extend("x-positive" = true))]
    pub node_bandwidth: Quantity,
    /// The same of nodes that differ, by name.
    #[serde(default)]
    pub node_bandwidths: BTreeMap<String, Quantity>,
    /// How long a pull takes besides that transfers anything.
    #[serde(default)]
    pub round_trip: Duration,
    /// How many images a node pulls at once: `serial` is one, `parallel` is all, or a number.
    #[serde(default)]
    pub pulls: Pulls,
    /// How many layers of an image are transferred at once.
    #[serde(default = "default_parallel_layers")]
    #[schemars(range(min = 1))]
    pub parallel_layers: u32,
    /// Which part of an image is fetched before its container starts: less than all where images
    /// are fetched as they are read.
    #[serde(default = "default_fetched")]
    pub fetched: Share,
    /// How much a node unpacks, in bytes a second; without it that takes no time.
    #[serde(default)]
    #[schemars(extend("x-positive" = true))]
    pub unpack: Option<Quantity>,
    /// What a node has for images, in bytes; without it there is no bound. Above 85 % of it images
    /// that are not in use are deleted, those first that were not used for longest.
    #[serde(default)]
    #[schemars(extend("x-positive" = true))]
    pub disk: Option<Quantity>,
    /// Images that all nodes have before anything happens.
    #[serde(default)]
    pub present: Vec<String>,
}

/// How many images a node pulls at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pulls {
    /// One after the other, as kubelets do unless they are told otherwise.
    #[default]
    Serial,
    /// All at once.
    Parallel,
}

const fn default_size() -> Quantity {
    Quantity::from_units(200_000_000)
}

const fn default_bandwidth() -> Quantity {
    Quantity::from_units(10_000_000_000)
}

const fn default_parallel_layers() -> u32 {
    3
}

fn default_fetched() -> Share {
    Share::ALL
}

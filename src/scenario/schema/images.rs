//! `models.images` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use options::Share;
use units::{Duration, Quantity, SortedMap};

/// Container images: their layers, and the links that transfer them to nodes. Layers already on a
/// node are not transferred again; transfers share the bandwidth of the registry and of the nodes
/// max-min fairly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Images {
    /// Layer sizes by layer name, in bytes as transferred.
    #[serde(default)]
    pub layers: SortedMap<String, Quantity>,
    /// Images by name, each with the names of its layers in order.
    #[serde(default)]
    pub images: SortedMap<String, Vec<String>>,
    /// Size of any other image, in bytes: a single layer of its own. Default 200M.
    #[serde(default = "default_size")]
    pub default: Quantity,
    /// Bandwidth of the registry, in bits per second; default 10G.
    #[serde(default = "default_bandwidth")]
    #[schemars(extend("x-positive" = true))]
    pub registry_bandwidth: Quantity,
    /// Bandwidth of each node, in bits per second; default 10G.
    #[serde(default = "default_bandwidth")]
    #[schemars(extend("x-positive" = true))]
    pub node_bandwidth: Quantity,
    /// Bandwidth of individual nodes by name, in bits per second, in place of `nodeBandwidth`.
    #[serde(default)]
    pub node_bandwidths: SortedMap<String, Quantity>,
    /// Fixed latency of each pull before the transfer begins; default `0s`.
    #[serde(default)]
    pub round_trip: Duration,
    /// Number of images a node pulls at once: `serial` for one, `parallel` for all, or a number;
    /// default `serial`.
    #[serde(default)]
    pub pulls: Pulls,
    /// Number of layers of an image transferred at once, at least 1; default 3.
    #[serde(default = "default_parallel_layers")]
    #[schemars(range(min = 1))]
    pub parallel_layers: u32,
    /// Share of an image fetched before its container starts: less than all for lazily fetched
    /// images. Default `100%`.
    #[serde(default = "default_fetched")]
    pub fetched: Share,
    /// Unpacking speed of a node, in bytes per second; default infinite.
    #[serde(default)]
    #[schemars(extend("x-positive" = true))]
    pub unpack: Option<Quantity>,
    /// Disk space of a node for images, in bytes; default unlimited. Above 85 % of it, unused
    /// images are deleted, the least recently used first.
    #[serde(default)]
    #[schemars(extend("x-positive" = true))]
    pub disk: Option<Quantity>,
    /// Images present on all nodes at the start.
    #[serde(default)]
    pub present: Vec<String>,
}

/// Number of images a node pulls at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pulls {
    /// Images one after another, the default of kubelets.
    #[default]
    Serial,
    /// All images of a node at once.
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

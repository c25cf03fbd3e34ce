//! `power:` of a node: what it draws, and what its making cost the climate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::share::Share;
use crate::watts::Watts;
use units::{Duration, Quantity};

/// The power of a node, u being the used share of its cores: `idle + (max - idle) x u^exponent`, a
/// table of measured watts, or a measured machine by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("oneOf" = [
        {"required": ["idle"]}, {"required": ["staticShare"]}, {"required": ["table"]},
        {"required": ["machine"]}
    ]),
    extend("dependentRequired" = {"idle": ["max"], "staticShare": ["max"]}),
    extend("x-excludes" = {"table": ["max", "sleeps"], "machine": ["max", "sleeps"]}),
    extend("x-help" = "give `idle` and `max`, `staticShare` and `max`, `table`, or `machine`")
)]
pub struct PowerTemplate {
    /// Drawn when it does nothing, such as `100W`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Watts>,
    /// The same as a share of `max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_share: Option<Share>,
    /// Drawn when all of its cores are used, such as `300W`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Watts>,
    /// How power grows with use; 1 is linear.
    #[serde(default = "linear")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub exponent: f64,
    /// Whether it is switched off while nothing uses it, and draws nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sleeps: bool,
    /// Drawn at 0, 10, … 100 % use; linear in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 11, max = 11))]
    pub table: Option<Vec<Watts>>,
    /// A measured machine: `HpMl110G3`, `HpMl110G4`, `HpMl110G5`, `IbmX3250X3470`, `IbmX3250X3480`,
    /// `IbmX3550X5670` or `IbmX3550X5675`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Drawn while it is there and down; default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<Watts>,
    /// Drawn from its order until it joins; default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Watts>,
    /// What its making emitted; default nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embodied: Option<EmbodiedCarbon>,
}

const fn linear() -> f64 {
    1.0
}

/// What the making of a machine emitted, told evenly over its life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmbodiedCarbon {
    /// Kilograms of CO2.
    pub kilograms: Quantity,
    /// How long it is used, such as `1461d`.
    #[serde(default = "four_years")]
    #[schemars(extend("x-positive" = true))]
    pub lifetime: Duration,
}

const fn four_years() -> Duration {
    Duration::from_secs(1461 * 86_400)
}

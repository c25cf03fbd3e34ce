//! `power:` of a node: its power draw, and the emissions of its manufacture.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::watts::Watts;
use options::Share;
use units::{Duration, Quantity};

/// Power draw of a node: `idle + (max - idle) x u^exponent` with u the used share of its cores, a
/// table of measured watts, or a measured machine by name.
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
    /// Power draw of an idle node, such as `100W`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Watts>,
    /// Power draw of an idle node as a share of `max`, in place of `idle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_share: Option<Share>,
    /// Power draw with all cores in use, such as `300W`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Watts>,
    /// Exponent of the power curve, greater than 0; default 1, which is linear.
    #[serde(default = "linear")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub exponent: f64,
    /// Sleep mode: `true` switches the node off while unused, drawing no power; default `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sleeps: bool,
    /// Power draw at 0, 10, … 100 % use: eleven values, linear in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 11, max = 11))]
    pub table: Option<Vec<Watts>>,
    /// Measured machine by name: `HpMl110G3`, `HpMl110G4`, `HpMl110G5`, `IbmX3250X3470`,
    /// `IbmX3250X3480`, `IbmX3550X5670` or `IbmX3550X5675`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Power draw of a node that exists but is down; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<Watts>,
    /// Power draw from a node's order until it joins; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Watts>,
    /// Embodied carbon of the node's manufacture; default unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embodied: Option<EmbodiedCarbon>,
}

const fn linear() -> f64 {
    1.0
}

/// Embodied carbon: emissions of a machine's manufacture, spread evenly over its lifetime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmbodiedCarbon {
    /// Emissions of the manufacture in kilograms of CO2.
    pub kilograms: Quantity,
    /// Lifetime over which emissions are spread; default `1461d`, four years.
    #[serde(default = "four_years")]
    #[schemars(extend("x-positive" = true))]
    pub lifetime: Duration,
}

const fn four_years() -> Duration {
    Duration::from_secs(1461 * 86_400)
}

//! `system.consolidation:` of the experiment file: options of the consolidation of virtual machines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// Options of the consolidation of virtual machines; used with `name: consolidation`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Consolidation {
    /// Rule by which a node counts as overloaded; default `local-regression`.
    pub detection: OverloadDetection,
    /// Parameter of the rule, greater than 0: the threshold (default 0.8), or the safety factor
    /// (default 1.5 of `interquartile-range`, 2.5 of `median-absolute-deviation`, 1.2 of the
    /// regressions).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub parameter: Option<f64>,
    /// Rule that chooses which machine leaves an overloaded node; default `minimum-migration-time`.
    pub selection: VmSelection,
    /// Time between two decisions; default `5m`.
    pub interval: Duration,
    /// Number of cores that the processors of each node are; a machine uses one of them at most, so a
    /// larger one fits on no node; default 1.
    #[schemars(range(min = 1, max = 65_536))]
    pub cores: u32,
    /// Bandwidth of a node's network interface in megabits per second, half of it for moves; default
    /// 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub bandwidth_mbit: u32,
}

impl Default for Consolidation {
    fn default() -> Self {
        Self {
            detection: OverloadDetection::default(),
            parameter: None,
            selection: VmSelection::default(),
            interval: Duration::from_secs(300),
            cores: 1,
            bandwidth_mbit: 1_000,
        }
    }
}

/// Rule by which a node counts as overloaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OverloadDetection {
    /// No rule: machines take the first node with room and never move.
    Never,
    /// Above a share of the node.
    Threshold,
    /// Above 1 less the interquartile range of the node's use, times the parameter.
    InterquartileRange,
    /// Above 1 less the median absolute deviation of the node's use, times the parameter.
    MedianAbsoluteDeviation,
    /// When the line through the last ten uses, times the parameter, reaches the whole node.
    #[default]
    LocalRegression,
    /// Local regression that is robust against outliers.
    RobustLocalRegression,
}

impl OverloadDetection {
    /// Name of the rule.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Threshold => "threshold",
            Self::InterquartileRange => "interquartile-range",
            Self::MedianAbsoluteDeviation => "median-absolute-deviation",
            Self::LocalRegression => "local-regression",
            Self::RobustLocalRegression => "robust-local-regression",
        }
    }
}

/// Rule that chooses which machine leaves an overloaded node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VmSelection {
    /// The one with the least memory, which moves fastest.
    #[default]
    MinimumMigrationTime,
    /// The one whose use the others' explain best.
    MaximumCorrelation,
    /// The one that uses its processor least.
    MinimumUtilization,
    /// Any.
    Random,
}

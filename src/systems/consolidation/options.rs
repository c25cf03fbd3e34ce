//! Options of the consolidation of virtual machines as experiment files state them.

use options::{Rules as Checks, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detection, Rules, Selection};
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
    pub selection: Selection,
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
            selection: Selection::default(),
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

impl SystemSection for Consolidation {
    const SYSTEM: &'static str = "consolidation";
    const MEANING: &'static str =
        "Options of the consolidation of virtual machines, for `name: consolidation`.";

    fn check(&self, rules: &mut Checks<'_>) {
        if self.detection == OverloadDetection::Never {
            let reason = "with `detection: never` no machine moves";
            let fields = ["parameter", "selection", "bandwidthMbit"];
            rules.idle(reason, "another `detection`", &fields);
        }
        let Some(parameter) = self.parameter else {
            return;
        };
        // A threshold is a share of a node: none above all of it is ever exceeded.
        let label = match self.detection {
            OverloadDetection::Threshold if parameter > 1.0 => {
                "expected a share of the node, up to 1"
            }
            _ if !parameter.is_finite() => "expected a number",
            _ => return,
        };
        let message = format!("no node is overloaded at a parameter of {parameter}");
        rules.impossible(&["parameter"], message, label);
    }

    fn note(&self, rules: &mut Checks<'_>) {
        if self.detection == OverloadDetection::Never {
            let reason = "with `detection: never` no machine moves";
            rules.silent(reason, "another `detection`", &["interval"]);
        }
    }

    fn limits(&self) -> Result<(), String> {
        if self.interval <= Duration::ZERO {
            return Err("interval: expected more than 0s, such as 5m".to_owned());
        }
        Ok(())
    }

    fn placement(&self) -> Option<&'static str> {
        Some(self.detection.name())
    }
}

impl Consolidation {
    /// Rules of moves; `None` if no machine moves.
    pub fn rules(&self) -> Option<Rules> {
        let or = |default: f64| self.parameter.unwrap_or(default);
        let detection = match self.detection {
            OverloadDetection::Never => return None,
            OverloadDetection::Threshold => Detection::Threshold(or(0.8)),
            OverloadDetection::InterquartileRange => Detection::InterquartileRange(or(1.5)),
            OverloadDetection::MedianAbsoluteDeviation => {
                Detection::MedianAbsoluteDeviation(or(2.5))
            }
            OverloadDetection::LocalRegression => Detection::LocalRegression(or(1.2)),
            OverloadDetection::RobustLocalRegression => Detection::RobustLocalRegression(or(1.2)),
        };
        Some(Rules {
            detection,
            selection: self.selection,
            interval_s: self.interval.as_nanos() as f64 / 1e9,
        })
    }
}

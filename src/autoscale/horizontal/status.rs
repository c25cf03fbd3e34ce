//! Status that an autoscaler reports: conditions and current metrics. Reasons and texts are the
//! original's.

use super::normalize::{Limit, NormalizationResult, StabilizationEffect};
use super::spec::{MetricIdentifier, ObjectRef};
use model::Text;
use units::{Instant, Quantity};

/// The conditions of a horizontal autoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionKind {
    /// Whether the target can be scaled.
    AbleToScale,
    /// Whether the metrics can be had.
    ScalingActive,
    /// Whether a limit was in the way.
    ScalingLimited,
}

impl ConditionKind {
    /// The condition kind's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AbleToScale => "AbleToScale",
            Self::ScalingActive => "ScalingActive",
            Self::ScalingLimited => "ScalingLimited",
        }
    }
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Kind of the condition.
    pub kind: ConditionKind,
    /// `true` if the condition holds.
    pub is_true: bool,
    /// Reason for the condition, in a word.
    pub reason: &'static str,
    /// Reason for the condition, in a sentence.
    pub message: String,
    /// Instant of the status's last change.
    pub since: Instant,
}

/// All conditions, in the order they were first set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(Vec<Condition>);

impl Conditions {
    /// Sets a condition; its time changes with its status.
    pub(super) fn set(
        &mut self,
        now: Instant,
        kind: ConditionKind,
        is_true: bool,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let place = self.0.iter().position(|known| known.kind == kind);
        let since = match place.map(|place| &self.0[place]) {
            Some(known) if known.is_true == is_true => known.since,
            _ => now,
        };
        let own = Condition {
            kind,
            is_true,
            reason,
            message: message.into(),
            since,
        };
        match place {
            Some(place) => self.0[place] = own,
            None => self.0.push(own),
        }
    }

    /// The condition of a kind.
    pub fn get(&self, kind: ConditionKind) -> Option<&Condition> {
        self.0.iter().find(|known| known.kind == kind)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.0.iter()
    }

    /// Says what normalisation did.
    pub(super) fn normalized(&mut self, now: Instant, result: NormalizationResult) {
        let (reason, message) = match result.stabilized {
            StabilizationEffect::No => {
                ("ReadyForNewScale", "recommended size matches current size")
            }
            StabilizationEffect::Up => (
                "ScaleUpStabilized",
                "recent recommendations were lower than current one, applying the lowest recent \
                 recommendation",
            ),
            StabilizationEffect::Down => (
                "ScaleDownStabilized",
                "recent recommendations were higher than current one, applying the highest recent \
                 recommendation",
            ),
        };
        self.set(now, ConditionKind::AbleToScale, true, reason, message);
        let (reason, message) = match result.limit {
            Limit::WithinRange => (
                "DesiredWithinRange",
                "the desired count is within the acceptable range",
            ),
            Limit::ScaleUpRate => (
                "ScaleUpLimit",
                "the desired replica count is increasing faster than the maximum scale rate",
            ),
            Limit::TooMany => (
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
            ),
            Limit::ScaleDownRate => (
                "ScaleDownLimit",
                "the desired replica count is decreasing faster than the maximum scale rate",
            ),
            Limit::TooFew => (
                "TooFewReplicas",
                "the desired replica count is less than the minimum replica count",
            ),
        };
        let kind = ConditionKind::ScalingLimited;
        self.set(now, kind, result.is_limited, reason, message);
    }
}

/// A metric as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricStatus {
    /// It could not be had.
    Unknown,
    /// A resource.
    Resource {
        /// The resource.
        resource: Text,
        /// Value of the metric.
        current: CurrentValue,
    },
    /// A resource of one container.
    ContainerResource {
        /// The resource.
        resource: Text,
        /// The container.
        container: Text,
        /// Value of the metric.
        current: CurrentValue,
    },
    /// A metric of the pods.
    Pods {
        /// The metric.
        metric: MetricIdentifier,
        /// Value of the metric.
        current: CurrentValue,
    },
    /// A metric of an object.
    Object {
        /// The metric.
        metric: MetricIdentifier,
        /// The object; the original leaves it out for average values.
        object: Option<ObjectRef>,
        /// Value of the metric.
        current: CurrentValue,
    },
    /// A metric from outside.
    External {
        /// The metric.
        metric: MetricIdentifier,
        /// Value of the metric.
        current: CurrentValue,
    },
}

/// A metric's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurrentValue {
    /// The whole value.
    pub value: Option<Quantity>,
    /// The average over the pods.
    pub average: Option<Quantity>,
    /// The average in percent of the requests.
    pub utilization: Option<i32>,
}

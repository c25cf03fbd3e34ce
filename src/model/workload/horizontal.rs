//! A `HorizontalPodAutoscaler` of `autoscaling/v2`, its defaults and what can be wrong with it
//! (spec: kubernetes.md 3.1).

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::Text;
use crate::finding::{Finding, Findings, Problem};
use units::Instant;

/// The object: what it asks for, and what was last reported of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HorizontalPodAutoscaler {
    /// The autoscaler's namespace.
    pub namespace: Text,
    /// The autoscaler's name.
    pub name: Text,
    /// Declared settings.
    pub spec: HorizontalSpec,
    /// Last reported status.
    pub status: HorizontalStatus,
}

/// Reported status of a horizontal autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HorizontalStatus {
    /// Replicas that its target had at the last look.
    pub current: i32,
    /// Replicas that it is to have.
    pub desired: i32,
    /// Instant of the last scaling.
    pub last_scale: Option<Instant>,
    /// Reason the last look scaled the workload or could not decide.
    pub reason: Text,
    /// Whether a metric has never had a value in all the looks so far.
    pub is_blind: bool,
}

/// Another object, by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The object's API version.
    pub api_version: Text,
    /// The object's kind.
    pub kind: Text,
    /// The object's name.
    pub name: Text,
}

/// A metric by name and selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricIdentifier {
    /// The metric's name.
    pub name: Text,
    /// The metric's selector as the API prints it; `None` without one.
    pub selector: Option<Text>,
}

impl MetricIdentifier {
    /// The selector in messages.
    pub fn printed_selector(&self) -> &str {
        self.selector.as_deref().unwrap_or("nil")
    }
}

/// Target of a metric. Amounts in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// Percent of the requests.
    Utilization(i32),
    /// Target value per pod.
    AverageValue(i64),
    /// Target value in total.
    Value(i64),
}

/// A metric to scale on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MetricSpec {
    /// Usage of a resource by the pods.
    Resource {
        /// The resource.
        resource: Text,
        /// Target of the metric: utilization or average value.
        target: Target,
    },
    /// Usage of a resource by one container of each pod.
    ContainerResource {
        /// The resource.
        resource: Text,
        /// The container's name.
        container: Text,
        /// Target of the metric: utilization or average value.
        target: Target,
    },
    /// A custom metric of the pods.
    Pods {
        /// The metric.
        metric: MetricIdentifier,
        /// Target of the metric: average value.
        target: Target,
    },
    /// A custom metric of another object.
    Object {
        /// The metric.
        metric: MetricIdentifier,
        /// The object.
        object: ObjectRef,
        /// Target of the metric: value or average value.
        target: Target,
    },
    /// A metric from outside of the cluster.
    External {
        /// The metric.
        metric: MetricIdentifier,
        /// Target of the metric: value or average value.
        target: Target,
    },
}

impl MetricSpec {
    /// The target and whether its kind suits the metric's.
    fn target(&self) -> (Target, bool) {
        let (target, is_suited) = match self {
            Self::Resource { target, .. } | Self::ContainerResource { target, .. } => {
                (target, !matches!(target, Target::Value(_)))
            }
            Self::Pods { target, .. } => (target, matches!(target, Target::AverageValue(_))),
            Self::Object { target, .. } | Self::External { target, .. } => {
                (target, !matches!(target, Target::Utilization(_)))
            }
        };
        (*target, is_suited)
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Resource { .. } => "resource",
            Self::ContainerResource { .. } => "containerResource",
            Self::Pods { .. } => "pods",
            Self::Object { .. } => "object",
            Self::External { .. } => "external",
        }
    }
}

/// A limit on the rate of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// Unit of the value.
    pub kind: PolicyKind,
    /// Greatest change within a period.
    pub value: i32,
    /// The period, in seconds.
    pub period_secs: i32,
}

/// Unit of a policy's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PolicyKind {
    /// Pods.
    Pods,
    /// Percent of the replicas at the period's start.
    Percent,
}

/// Rule that selects one of several policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    #[default]
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: no change in this direction.
    Disabled,
}

/// Rules of one direction as stated; what is left out is defaulted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScalingRules {
    /// Stabilization window, in seconds.
    pub window_secs: Option<i32>,
    /// Rule that selects one of the policies.
    pub select: Option<SelectPolicy>,
    /// The policies.
    pub policies: Option<Vec<ScalingPolicy>>,
    /// Tolerated deviation of the ratio from 1, in thousandths (from 1.35 on).
    pub tolerance_milli: Option<i64>,
}

/// Rules of both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Behavior {
    /// Up.
    pub up: ScalingRules,
    /// Down.
    pub down: ScalingRules,
}

/// A horizontal autoscaler.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HorizontalSpec {
    /// The autoscaler's namespace.
    pub namespace: Text,
    /// The autoscaler's name.
    pub name: Text,
    /// Workload to scale.
    pub target: ObjectRef,
    /// The fewest replicas; 1 if left out.
    pub min_replicas: Option<i32>,
    /// The most replicas.
    pub max_replicas: i32,
    /// Metrics to scale on; CPU at 80 % of the requests if empty.
    pub metrics: Vec<MetricSpec>,
    /// Bounds on the pace of scaling.
    pub behavior: Option<Behavior>,
}

impl HorizontalSpec {
    /// The fewest replicas.
    pub fn min(&self) -> i32 {
        self.min_replicas.unwrap_or(1)
    }

    /// The metrics, defaulted.
    pub fn metrics(&self) -> Vec<MetricSpec> {
        if self.metrics.is_empty() {
            let resource = "cpu".into();
            let target = Target::Utilization(80);
            return vec![MetricSpec::Resource { resource, target }];
        }
        self.metrics.clone()
    }

    /// Returns the problems of the autoscaler on its own (the API's validation).
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Findings::new(self.to_string());
        let (min, max) = (self.min(), self.max_replicas);
        found.expect(min >= 0, "spec.minReplicas", min, "0 or more");
        found.expect(max > 0, "spec.maxReplicas", max, "1 or more");
        if max > 0 {
            found.expect_order("spec.minReplicas", min.into(), max.into(), "maxReplicas");
        }
        if self.target.kind.is_empty() || self.target.name.is_empty() {
            let expected = "kind and name of the workload to scale";
            found.add("spec.scaleTargetRef", Problem::Missing { expected });
        }
        for (index, metric) in self.metrics.iter().enumerate() {
            check_metric(&mut found, index, metric);
        }
        let from_outside = |metric: &MetricSpec| {
            matches!(
                metric,
                MetricSpec::Object { .. } | MetricSpec::External { .. }
            )
        };
        if min == 0 && !self.metrics.iter().any(from_outside) {
            let expected = "an object or external metric, which alone can scale up from 0";
            found.add("spec.metrics", Problem::Missing { expected });
        }
        if let Some(behavior) = &self.behavior {
            check_rules(&mut found, "scaleUp", &behavior.up);
            check_rules(&mut found, "scaleDown", &behavior.down);
        }
        found.list
    }
}

impl fmt::Display for HorizontalSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, name) = (&self.namespace, &self.name);
        write!(f, "HorizontalPodAutoscaler {namespace}/{name}")
    }
}

/// Autoscalers that scale what another scales already.
pub fn double_targets<'a>(all: impl IntoIterator<Item = &'a HorizontalSpec>) -> Vec<Finding> {
    let mut owners: units::SortedMap<(&Text, &ObjectRef), &HorizontalSpec> =
        units::SortedMap::new();
    let mut list = Vec::new();
    for spec in all {
        let first = *owners
            .entry((&spec.namespace, &spec.target))
            .or_insert(spec);
        if std::ptr::eq(first, spec) {
            continue;
        }
        let mut found = Findings::new(spec.to_string());
        let what = format!("{} {}", spec.target.kind, spec.target.name);
        let other = first.to_string();
        let problem = Problem::ClaimedTwice { what, other };
        found.add("spec.scaleTargetRef", problem);
        list.append(&mut found.list);
    }
    list
}

fn check_metric(found: &mut Findings, index: usize, metric: &MetricSpec) {
    let field = format!("spec.metrics[{index}].{}.target", metric.kind());
    let (target, is_suited) = metric.target();
    if !is_suited {
        let expected = match metric {
            MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } => {
                "averageUtilization or averageValue"
            }
            MetricSpec::Pods { .. } => "averageValue",
            MetricSpec::Object { .. } | MetricSpec::External { .. } => "value or averageValue",
        };
        found.add(field, Problem::Missing { expected });
        return;
    }
    let (stated, unit) = match target {
        Target::Utilization(percent) => (i64::from(percent), " %"),
        Target::AverageValue(milli) | Target::Value(milli) => (milli, "m"),
    };
    let stated_text = format!("{stated}{unit}");
    found.expect(stated > 0, field, stated_text, "more than 0");
}

fn check_rules(found: &mut Findings, direction: &str, rules: &ScalingRules) {
    let field = |name: &str| format!("spec.behavior.{direction}.{name}");
    if let Some(window) = rules.window_secs {
        let is_fine = (0..=3600).contains(&window);
        let name = field("stabilizationWindowSeconds");
        found.expect(is_fine, name, window, "0 to 3600 seconds");
    }
    if let Some(milli) = rules.tolerance_milli {
        let stated = milli as f64 / 1000.0;
        found.expect(milli >= 0, field("tolerance"), stated, "0 or more");
    }
    for (index, policy) in rules.policies.iter().flatten().enumerate() {
        let name = field(&format!("policies[{index}].value"));
        found.expect(policy.value > 0, name, policy.value, "1 or more");
        let is_fine = (1..=1800).contains(&policy.period_secs);
        let name = field(&format!("policies[{index}].periodSeconds"));
        found.expect(is_fine, name, policy.period_secs, "1 to 1800 seconds");
    }
    if rules.policies.as_ref().is_some_and(Vec::is_empty) {
        let expected = "at least one policy, or no `policies` for the defaults";
        found.add(field("policies"), Problem::Missing { expected });
    }
}

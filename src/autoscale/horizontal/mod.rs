//! The horizontal autoscaler, `autoscaling/v2` (spec: kubernetes.md 3.1; the original's
//! `podautoscaler`).
//!
//! [`HorizontalAutoscaler::pass`] is one look at one object: bounds first, then the metrics
//! ([`calculator`] for one of them, `combine` for all), then [`normalize`]. The caller shows it
//! the target, the pods and the metrics, and applies the number it is handed.

pub mod calculator;
mod combine;
pub mod normalize;
pub mod observation;
pub mod pipeline;
pub mod spec;
pub mod status;
#[cfg(test)]
mod tests;

pub use calculator::{Calculator, Proposal, Tolerances};
pub use normalize::{Normalization, NormalizationResult, Normalizer, Rates};
pub use observation::{
    ContainerRequests, MetricSource, NO_METRICS, ObservedPod, Phase, PodSample, PodSamples,
    Readiness, ReadyCondition, TargetObservation,
};
pub use pipeline::{Pipeline, PipelineSettings, Reading, ReadingStreams, Series};
pub use spec::{
    Behavior, HorizontalSettings, HorizontalSpec, MetricIdentifier, MetricSpec, ObjectRef,
    PolicyKind, ScalingPolicy, ScalingRules, SelectPolicy, Target, double_targets,
};
pub use status::{Condition, ConditionKind, Conditions, CurrentValue, MetricStatus};

use std::cmp::Ordering;

use super::finding::{Finding, Findings, Problem};
use combine::MetricInputs;
use control::controllers::ControllerEvent;
use model::{Release, Text};
use units::Instant;

/// Words by which the reason of an autoscaler that is not the only one of its pods begins.
pub const CONTESTED: &str = "are controlled by multiple HPAs";

/// One horizontal autoscaler and what it remembers.
#[derive(Clone, Debug)]
pub struct HorizontalAutoscaler {
    spec: HorizontalSpec,
    settings: HorizontalSettings,
    metrics: Vec<MetricSpec>,
    rates: Option<Rates>,
    normalizer: Normalizer,
    conditions: Conditions,
    last_scale: Option<Instant>,
    /// By metric: passes in which it had no value since it last had one, whether it ever had one,
    /// and what was said last.
    silence: Vec<Silence>,
}

/// Time for which a metric has had no value.
#[derive(Clone, Debug, Default)]
struct Silence {
    passes: u64,
    ever_arrived: bool,
    last_error: String,
}

/// Result of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Replicas before.
    pub current: i32,
    /// Replicas that the metrics alone propose; `None` if they were not asked or could not say.
    pub proposal: Option<i32>,
    /// The metric that proposed it.
    pub metric: Option<String>,
    /// Replicas that the target is to have.
    pub desired: i32,
    /// Reason to scale the target; `None` if it stays.
    pub rescale: Option<String>,
    /// Error of the metrics; a proposal may exist nevertheless.
    pub error: Option<String>,
    /// The metrics as the status shows them; `None` leaves those of the pass before.
    pub current_metrics: Option<Vec<MetricStatus>>,
    /// Events on the object.
    pub events: Vec<ControllerEvent>,
}

impl HorizontalAutoscaler {
    /// An autoscaler that has not looked yet. Its specification is to be without findings.
    pub fn new(spec: HorizontalSpec, settings: HorizontalSettings) -> Self {
        let metrics = spec.metrics();
        let behavior = spec.behavior.as_ref();
        Self {
            rates: behavior.map(|own| Rates::new(own, settings.downscale_stabilization)),
            normalizer: Normalizer::default(),
            conditions: Conditions::default(),
            last_scale: None,
            silence: vec![Silence::default(); metrics.len()],
            spec,
            settings,
            metrics,
        }
    }

    /// The autoscaler's specification.
    pub fn spec(&self) -> &HorizontalSpec {
        &self.spec
    }

    /// The autoscaler's conditions.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Instant of the last scaling of the target.
    pub fn last_scale(&self) -> Option<Instant> {
        self.last_scale
    }

    /// One pass. A number of replicas that is asked for counts as applied.
    pub fn pass(
        &mut self,
        now: Instant,
        observed: TargetObservation<'_>,
        source: &dyn MetricSource,
    ) -> Pass {
        let current = observed.spec_replicas;
        let mut pass = Pass {
            current,
            proposal: None,
            metric: None,
            desired: current,
            rescale: None,
            error: None,
            current_metrics: None,
            events: Vec::new(),
        };
        self.conditions.set(
            now,
            ConditionKind::AbleToScale,
            true,
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        );
        self.normalizer.start(now, current);
        if current == 0 && self.spec.min() != 0 {
            self.conditions.set(
                now,
                ConditionKind::ScalingActive,
                false,
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            );
        } else if current > self.spec.max_replicas {
            pass.desired = self.spec.max_replicas;
            pass.rescale = Some("Current number of replicas above Spec.MaxReplicas".to_owned());
        } else if current < self.spec.min() {
            pass.desired = self.spec.min();
            pass.rescale = Some("Current number of replicas below Spec.MinReplicas".to_owned());
        } else {
            self.follow_metrics(now, observed, source, &mut pass);
        }
        self.apply(now, &mut pass);
        pass
    }

    /// The metrics that have had no value in this many passes or more, and never had one.
    pub fn silent_metrics(&self, passes: u64) -> Vec<Finding> {
        let mut found = Findings::new(self.spec.to_string());
        for (index, silence) in self.silence.iter().enumerate() {
            if !silence.ever_arrived && silence.passes >= passes.max(1) {
                let problem = Problem::NeverArrived {
                    passes: silence.passes,
                    last_error: silence.last_error.clone(),
                };
                found.add(format!("spec.metrics[{index}]"), problem);
            }
        }
        found.list
    }

    fn tolerances(&self) -> Tolerances {
        let behavior = self.spec.behavior.as_ref();
        let own = |rules: fn(&Behavior) -> &ScalingRules| {
            let stated = behavior.and_then(|behavior| rules(behavior).tolerance_milli);
            let stated = stated.map(|milli| milli as f64 / 1000.0);
            let is_known =
                self.settings.release >= Release::V1_36 && self.settings.heeds_own_tolerance;
            stated
                .filter(|_| is_known)
                .unwrap_or(self.settings.tolerance)
        };
        Tolerances {
            up: own(|behavior| &behavior.up),
            down: own(|behavior| &behavior.down),
        }
    }

    /// Whether the autoscaler looks at metrics of a target that states this number of replicas.
    pub fn measures(&self, replicas: i32) -> bool {
        let bounds = self.spec.min()..=self.spec.max_replicas;
        (replicas != 0 || self.spec.min() == 0) && bounds.contains(&replicas)
    }

    fn follow_metrics(
        &mut self,
        now: Instant,
        observed: TargetObservation<'_>,
        source: &dyn MetricSource,
        pass: &mut Pass,
    ) {
        if observed.rivals.len() > 1 {
            return self.contested(now, observed.rivals, pass);
        }
        let asked = MetricInputs {
            calculator: Calculator {
                settings: &self.settings,
                tolerances: self.tolerances(),
                now,
                pods: observed.pods,
                current: pass.current,
            },
            status_replicas: observed.status_replicas,
            namespace: &self.spec.namespace,
        };
        let combined = combine::combine(&self.metrics, &asked, source);
        self.listen(&combined);
        for failure in &combined.failures {
            let text = failure.text.clone();
            pass.events
                .push(ControllerEvent::warning(failure.reason, text));
        }
        pass.current_metrics = Some(combined.statuses);
        pass.error = combined.error;
        let Some((proposal, metric)) = combined.best else {
            if let Some(first) = combined.failures.first() {
                let text = &first.text;
                let message = format!("the HPA was unable to compute the replica count: {text}");
                let kind = ConditionKind::ScalingActive;
                self.conditions.set(now, kind, false, first.reason, message);
            }
            let text = pass.error.clone().unwrap_or_default();
            let reason = "FailedComputeMetricsReplicas";
            pass.events.push(ControllerEvent::warning(reason, text));
            return;
        };
        self.conditions.set(
            now,
            ConditionKind::ScalingActive,
            true,
            "ValidMetricFound",
            format!("the HPA was able to successfully calculate a replica count from {metric}"),
        );
        pass.proposal = Some(proposal);
        let wanted = proposal.max(0);
        let reason = match wanted.cmp(&pass.current) {
            Ordering::Greater => format!("{metric} above target"),
            Ordering::Less => "All metrics below target".to_owned(),
            Ordering::Equal => String::new(),
        };
        pass.metric = Some(metric);
        let request = Normalization {
            current: pass.current,
            proposal: wanted,
            min: self.spec.min(),
            max: self.spec.max_replicas,
            behavior: self.rates.as_ref(),
            downscale_stabilization: self.settings.downscale_stabilization,
        };
        let result = self.normalizer.decide(now, &request);
        self.conditions.normalized(now, result);
        pass.desired = result.desired;
        pass.rescale = (result.desired != pass.current).then_some(reason);
    }

    /// Pods that several autoscalers select are scaled by none of them (`validateAndParseSelector` of the
    /// original's `horizontal.go`).
    fn contested(&mut self, now: Instant, rivals: &[Text], pass: &mut Pass) {
        let text = format!(
            "the pods of its selector {CONTESTED}: {}",
            rivals.join(", ")
        );
        let reason = "AmbiguousSelector";
        let kind = ConditionKind::ScalingActive;
        self.conditions.set(now, kind, false, reason, text.clone());
        for reason in [reason, "FailedComputeMetricsReplicas"] {
            pass.events
                .push(ControllerEvent::warning(reason, text.clone()));
        }
        pass.error = Some(text);
    }

    fn listen(&mut self, combined: &combine::ProposalSet) {
        let mut failures = combined.failures.iter();
        for (silence, status) in self.silence.iter_mut().zip(&combined.statuses) {
            if *status == MetricStatus::Unknown {
                silence.passes += 1;
                let failure = failures.next();
                silence.last_error = failure.map(|own| own.text.clone()).unwrap_or_default();
            } else {
                silence.ever_arrived = true;
                silence.passes = 0;
            }
        }
    }

    fn apply(&mut self, now: Instant, pass: &mut Pass) {
        let Some(reason) = &pass.rescale else {
            return;
        };
        let desired = pass.desired;
        self.conditions.set(
            now,
            ConditionKind::AbleToScale,
            true,
            "SucceededRescale",
            format!("the HPA controller was able to update the target scale to {desired}"),
        );
        let message = format!("New size: {desired}; reason: {reason}");
        let event = ControllerEvent::normal("SuccessfulRescale", message);
        pass.events.push(event);
        if let Some(rates) = &self.rates {
            self.normalizer.applied(now, rates, pass.current, desired);
        }
        self.last_scale = Some(now);
    }
}

//! Passes recorded from the horizontal autoscaler of Kubernetes 1.28, held against
//! [`autoscale::horizontal`]: proposals, decisions, conditions, current metrics
//! and errors, single passes and sequences.

mod door;
pub(super) mod pods;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::cases::{Differences, first_case, has_json_lines, judge_compared, typed};
use super::{Family, FamilyReport, Judge, VerifyOptions};
use crate::door::Door;
use autoscale::horizontal::{
    ContainerRequests, CurrentValue, HorizontalAutoscaler, HorizontalSettings, MetricIdentifier,
    MetricSource, MetricStatus, NO_METRICS, ObjectRef, ObservedPod, Pass, Phase, PodSample,
    PodSamples, Readiness, ReadyCondition, TargetObservation,
};
use k8s::autoscalers::{Manifest, milli};
use model::{Release, Text};
use pods::{Pod, duration, instant};
use units::{Duration, Instant, SortedMap};

/// Passes of the horizontal autoscaler.
pub const FAMILY: Family = Family {
    name: "hpa",
    summary: "passes of the horizontal autoscaler: proposals, decisions, conditions, metrics",
    kinds: &[],
    claims,
    judge: Judge::Several(judge),
    door: Door::Judge(door::judge),
};

fn claims(path: &Path) -> bool {
    let is_ours = |case: Value| case.get("hpa").is_some() && case.get("steps").is_some();
    has_json_lines(path) && first_case(path).is_some_and(is_ours)
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    judge_compared(files, options, FAMILY.name, |_, case| compare(case))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    tolerance: Option<f64>,
    cpu_initialization_period: Option<f64>,
    initial_readiness_delay: Option<f64>,
    downscale_stabilization: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    t: f64,
    spec_replicas: Option<i32>,
    status_replicas: Option<i32>,
    pods: Option<Vec<StepPod>>,
    uniform: Option<Uniform>,
    #[serde(default)]
    pod_metrics: SortedMap<String, SortedMap<Text, Sample>>,
    #[serde(default)]
    object_metrics: SortedMap<String, Option<i64>>,
    #[serde(default)]
    external_metrics: SortedMap<String, Option<Vec<i64>>>,
}

#[derive(Deserialize)]
struct StepPod {
    #[serde(flatten)]
    pod: Pod,
    #[serde(default)]
    requests: SortedMap<Text, SortedMap<Text, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Uniform {
    #[serde(rename = "requestMilliCPU")]
    request: i64,
    #[serde(rename = "totalMilliCPU")]
    total: i64,
}

#[derive(Deserialize)]
struct Sample {
    value: i64,
    at: f64,
    window: f64,
}

fn compare(case: &Value) -> Result<Differences, String> {
    let manifest: Manifest = typed(&case["hpa"])?;
    let settings: Settings = typed(&case["settings"])?;
    let steps: Vec<Step> = typed(&case["steps"])?;
    let expected: Vec<Value> = typed(&case["expect"])?;
    let mut autoscaler = HorizontalAutoscaler::new(manifest.read()?, settings.read()?);
    let mut replicas = 0;
    let mut differences = Differences::default();
    for (index, (step, expect)) in steps.iter().zip(&expected).enumerate() {
        let spec_replicas = step.spec_replicas.unwrap_or(replicas);
        let (pods, source) = step.world(spec_replicas)?;
        let observed = TargetObservation {
            spec_replicas,
            status_replicas: step.status_replicas.unwrap_or(spec_replicas),
            pods: &pods,
            rivals: &[],
        };
        let pass = autoscaler.pass(instant(step.t)?, observed, &source);
        replicas = pass.desired;
        let decided = printed(&pass, &autoscaler);
        for (field, decided) in &decided {
            let field_at = format!("step {index}: {field}");
            differences.field(&field_at, expect.get(field), decided);
        }
        if !differences.is_empty() {
            break;
        }
    }
    Ok(differences)
}

impl Settings {
    fn read(&self) -> Result<HorizontalSettings, String> {
        let defaults = HorizontalSettings::default();
        let or = |stated: Option<f64>, other: Duration| stated.map_or(Ok(other), duration);
        Ok(HorizontalSettings {
            heeds_own_tolerance: true,
            heeds_whole_requests: false,
            release: Release::V1_28,
            period: defaults.period,
            tolerance: self.tolerance.unwrap_or(defaults.tolerance),
            cpu_initialization: or(self.cpu_initialization_period, defaults.cpu_initialization)?,
            initial_readiness_delay: or(
                self.initial_readiness_delay,
                defaults.initial_readiness_delay,
            )?,
            downscale_stabilization: or(
                self.downscale_stabilization,
                defaults.downscale_stabilization,
            )?,
        })
    }
}

/// The metrics of a step.
struct Source<'a> {
    step: &'a Step,
    by_metric: SortedMap<&'a str, PodSamples>,
    uniform: Option<PodSamples>,
}

impl Source<'_> {
    fn samples(&self, metric: &str) -> Result<PodSamples, String> {
        let known = self.by_metric.get(metric).or(self.uniform.as_ref());
        let known = known.filter(|samples| !samples.is_empty());
        known.cloned().ok_or_else(|| NO_METRICS.to_owned())
    }
}

impl MetricSource for Source<'_> {
    fn resource(&self, resource: &str, container: Option<&str>) -> Result<PodSamples, String> {
        match container {
            None => self.samples(resource),
            Some(container) => self.samples(&format!("{resource}/{container}")),
        }
    }

    fn pods(&self, metric: &MetricIdentifier) -> Result<PodSamples, String> {
        self.samples(&metric.name)
    }

    fn object(&self, metric: &MetricIdentifier, _: &ObjectRef) -> Result<i64, String> {
        let value = self.step.object_metrics.get(&*metric.name);
        value
            .copied()
            .flatten()
            .ok_or_else(|| NO_METRICS.to_owned())
    }

    fn external(&self, metric: &MetricIdentifier) -> Result<Vec<i64>, String> {
        let values = self.step.external_metrics.get(&*metric.name);
        let values = values.cloned().flatten().filter(|list| !list.is_empty());
        values.ok_or_else(|| NO_METRICS.to_owned())
    }
}

impl Step {
    /// Pods and metrics.
    fn world(&self, replicas: i32) -> Result<(Vec<ObservedPod>, Source<'_>), String> {
        let mut pods = Vec::new();
        for own in self.pods.iter().flatten() {
            pods.push(own.observed()?);
        }
        let mut by_metric = SortedMap::new();
        for (metric, list) in &self.pod_metrics {
            let mut samples = PodSamples::new();
            for (pod, own) in list {
                let sample = PodSample {
                    value: own.value,
                    at: instant(own.at)?,
                    window: duration(own.window)?,
                };
                samples.insert(pod.clone(), sample);
            }
            by_metric.insert(metric.as_str(), samples);
        }
        let mut source = Source {
            step: self,
            by_metric,
            uniform: None,
        };
        if let Some(uniform) = &self.uniform {
            let now = instant(self.t)?;
            let (own, samples) = uniform.pods(now, replicas);
            pods = own;
            source.uniform = Some(samples);
        }
        Ok((pods, source))
    }
}

impl StepPod {
    fn observed(&self) -> Result<ObservedPod, String> {
        let mut containers = Vec::new();
        for (name, requests) in &self.requests {
            let amounts = requests.iter();
            let amounts = amounts.map(|(resource, text)| Ok((resource.clone(), milli(text)?)));
            containers.push(ContainerRequests {
                name: name.clone(),
                is_sidecar: false,
                requests: amounts.collect::<Result<_, String>>()?,
            });
        }
        self.pod.observed(containers)
    }
}

impl Uniform {
    fn pods(&self, now: Instant, replicas: i32) -> (Vec<ObservedPod>, PodSamples) {
        let mut samples = PodSamples::new();
        let mut pods = Vec::new();
        for index in 0..replicas {
            let name: Text = format!("p-{index}").into();
            let sample = PodSample {
                value: self.total / i64::from(replicas),
                at: now,
                window: Duration::ZERO,
            };
            samples.insert(name.clone(), sample);
            pods.push(ObservedPod {
                name,
                phase: Phase::Running,
                is_deleting: false,
                started: Some(Instant::ZERO),
                ready: Some(ReadyCondition {
                    status: Readiness::True,
                    changed: Some(Instant::ZERO),
                }),
                containers: vec![ContainerRequests {
                    name: "c".into(),
                    is_sidecar: false,
                    requests: [("cpu".into(), self.request)].into(),
                }],
                whole: None,
            });
        }
        (pods, samples)
    }
}

/// A pass in the form of the recordings.
fn printed(pass: &Pass, autoscaler: &HorizontalAutoscaler) -> Vec<(&'static str, Value)> {
    let conditions: Map<String, Value> = autoscaler
        .conditions()
        .iter()
        .map(|own| {
            let status = if own.is_true { "True" } else { "False" };
            let text = format!("{status}/{}", own.reason);
            (own.kind.name().to_owned(), json!(text))
        })
        .collect();
    let metrics = pass
        .current_metrics
        .as_ref()
        .filter(|list| !list.is_empty());
    let metrics = metrics.map(|list| list.iter().map(metric_status).collect::<Vec<_>>());
    vec![
        ("specReplicas", json!(pass.current)),
        ("proposal", json!(pass.proposal.unwrap_or(-1))),
        ("desired", json!(pass.desired)),
        (
            "rescale",
            pass.rescale.as_ref().map_or(Value::Null, |_| json!(true)),
        ),
        ("metric", json!(pass.metric)),
        ("error", json!(pass.error)),
        ("conditions", Value::Object(conditions)),
        ("currentMetrics", json!(metrics)),
    ]
}

fn metric_status(status: &MetricStatus) -> Value {
    let described = |metric: &MetricIdentifier, current: &CurrentValue| json!({"metric": {"name": &*metric.name}, "current": value(current)});
    match status {
        MetricStatus::Unknown => json!({"type": ""}),
        MetricStatus::Resource { resource, current } => json!({
            "type": "Resource",
            "resource": {"name": &**resource, "current": value(current)},
        }),
        MetricStatus::ContainerResource {
            resource,
            container,
            current,
        } => json!({
            "type": "ContainerResource",
            "containerResource": {
                "name": &**resource, "current": value(current), "container": &**container,
            },
        }),
        MetricStatus::Pods { metric, current } => {
            json!({"type": "Pods", "pods": described(metric, current)})
        }
        MetricStatus::External { metric, current } => {
            json!({"type": "External", "external": described(metric, current)})
        }
        MetricStatus::Object {
            metric,
            object,
            current,
        } => {
            let mut own = described(metric, current);
            own["describedObject"] = match object {
                None => json!({"kind": "", "name": ""}),
                Some(object) => json!({
                    "kind": &*object.kind,
                    "name": &*object.name,
                    "apiVersion": &*object.api_version,
                }),
            };
            json!({"type": "Object", "object": own})
        }
    }
}

fn value(current: &CurrentValue) -> Value {
    let mut own = Map::new();
    if let Some(whole) = current.value {
        own.insert("value".to_owned(), json!(whole.to_string()));
    }
    if let Some(average) = current.average {
        own.insert("averageValue".to_owned(), json!(average.to_string()));
    }
    if let Some(percent) = current.utilization {
        own.insert("averageUtilization".to_owned(), json!(percent));
    }
    Value::Object(own)
}

//! `hpa-calc`: the replica calculator of the horizontal autoscaler, one metric.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cases::{Differences, typed};
use crate::hpa::pods::{Pod, duration, instant};
use autoscale::horizontal::{
    Calculator, ContainerRequests, HorizontalSettings, NO_METRICS, ObservedPod, PodSample,
    PodSamples, Proposal, Tolerances,
};
use units::SortedMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    kind: String,
    #[serde(default)]
    resource: String,
    target: i64,
    now: f64,
    current_replicas: i32,
    tolerance_up: f64,
    tolerance_down: f64,
    cpu_initialization_period: f64,
    initial_readiness_delay: f64,
    pods: Option<Vec<CalcPod>>,
    metrics: Option<Vec<Sample>>,
    values: Option<Vec<i64>>,
}

#[derive(Deserialize)]
struct CalcPod {
    #[serde(flatten)]
    pod: Pod,
    requests: Option<Vec<Option<i64>>>,
}

#[derive(Deserialize)]
struct Sample {
    pod: String,
    value: i64,
    at: f64,
    window: f64,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(&case["input"])?;
    let expect = &case["expect"];
    let decided = decide(&input);
    let is_error = expect.get("error").is_some();
    differences.field(
        "is an error",
        Some(&json!(is_error)),
        &json!(decided.is_err()),
    );
    if let Ok((proposal, is_whole)) = decided {
        differences.field(
            "replicas",
            expect.get("replicas"),
            &json!(proposal.replicas),
        );
        match proposal.utilization {
            Some(percent) => {
                differences.field("utilization", expect.get("utilization"), &json!(percent));
                differences.field(
                    "rawAverage",
                    expect.get("rawAverage"),
                    &json!(proposal.usage),
                );
            }
            None if is_whole || !is_error => {
                differences.field("usage", expect.get("usage"), &json!(proposal.usage));
            }
            None => {}
        }
    }
    Ok(())
}

fn decide(input: &Input) -> Result<(Proposal, bool), String> {
    let settings = HorizontalSettings {
        cpu_initialization: duration(input.cpu_initialization_period)?,
        initial_readiness_delay: duration(input.initial_readiness_delay)?,
        ..HorizontalSettings::default()
    };
    let mut pods = Vec::new();
    for own in input.pods.iter().flatten() {
        pods.push(observed(own, &input.resource)?);
    }
    let calculator = Calculator {
        settings: &settings,
        tolerances: Tolerances {
            up: input.tolerance_up,
            down: input.tolerance_down,
        },
        now: instant(input.now)?,
        pods: &pods,
        current: input.current_replicas,
    };
    let samples = || samples(input.metrics.as_deref().unwrap_or_default());
    let usage = || match input.values.as_deref() {
        None | Some([]) => Err(NO_METRICS.to_owned()),
        Some(values) => Ok(calculator.sum(values)),
    };
    let resource = input.resource.as_str();
    Ok(match input.kind.as_str() {
        "resource-utilization" => {
            let target = i32::try_from(input.target).map_err(|error| error.to_string())?;
            let proposal = calculator.utilization(samples()?, target, resource, None)?;
            (proposal, false)
        }
        "resource-average" => (
            calculator.average(samples()?, input.target, resource)?,
            false,
        ),
        "pods" => (calculator.average(samples()?, input.target, "")?, false),
        "object-value" | "external-value" => (calculator.whole(usage()?, input.target)?, true),
        "object-average" | "external-average" => {
            let replicas = input.current_replicas;
            (
                calculator.per_replica(usage()?, input.target, replicas),
                true,
            )
        }
        other => return Err(format!("kind `{other}` is not known")),
    })
}

fn observed(own: &CalcPod, resource: &str) -> Result<ObservedPod, String> {
    let mut containers = Vec::new();
    for (index, request) in own.requests.iter().flatten().enumerate() {
        let request = request.map(|milli| (resource.into(), milli));
        containers.push(ContainerRequests {
            name: format!("c{index}").into(),
            is_sidecar: false,
            requests: request.into_iter().collect::<SortedMap<_, _>>(),
        });
    }
    own.pod.observed(containers)
}

fn samples(list: &[Sample]) -> Result<PodSamples, String> {
    if list.is_empty() {
        return Err(NO_METRICS.to_owned());
    }
    let mut samples = PodSamples::new();
    for own in list {
        let sample = PodSample {
            value: own.value,
            at: instant(own.at)?,
            window: duration(own.window)?,
        };
        samples.insert(own.pod.as_str().into(), sample);
    }
    Ok(samples)
}

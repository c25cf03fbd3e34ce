//! `hpa-normalize`: proposals over time, stabilised and limited.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cases::{Differences, typed};
use crate::hpa::pods::{duration, instant};
use autoscale::horizontal::{Normalization, Normalizer, Rates};
use k8s::autoscalers::BehaviorManifest;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    behavior: Option<BehaviorManifest>,
    downscale_stabilization: f64,
    max_replicas: i32,
    min_replicas: i32,
}

#[derive(Deserialize)]
struct Step {
    t: f64,
    current: i32,
    proposal: i32,
    desired: i32,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(&case["input"])?;
    let steps: Vec<Step> = typed(&case["steps"])?;
    let downscale_stabilization = duration(input.downscale_stabilization)?;
    let behavior = input.behavior.as_ref().map(BehaviorManifest::read);
    let rates = behavior.transpose()?;
    let rates = rates.map(|own| Rates::new(&own, downscale_stabilization));
    let mut normalizer = Normalizer::default();
    for (index, step) in steps.iter().enumerate() {
        let now = instant(step.t)?;
        normalizer.start(now, step.current);
        let request = Normalization {
            current: step.current,
            proposal: step.proposal,
            min: input.min_replicas,
            max: input.max_replicas,
            behavior: rates.as_ref(),
            downscale_stabilization,
        };
        let desired = normalizer.decide(now, &request).desired;
        let field = format!("step {index}: desired");
        differences.field(&field, Some(&json!(step.desired)), &json!(desired));
        if let Some(rates) = rates.as_ref().filter(|_| desired != step.current) {
            normalizer.applied(now, rates, step.current, desired);
        }
    }
    Ok(())
}

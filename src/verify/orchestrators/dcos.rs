//! Cases of the autoscaler of DC/OS.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Case, Trouble, read};
use systems::mesos::autoscale::{AutoscaleOptions, Autoscaler, Direction};

#[derive(Deserialize)]
struct AutoscaleCase {
    multiplier: f64,
    min: u64,
    max: u64,
    scale_up_factor: u64,
    cool_down_factor: u64,
    directions: Vec<i64>,
}

pub(super) fn autoscale(case: &Case) -> Result<Value, Trouble> {
    let given: AutoscaleCase = read(&case.request)?;
    let mut instances: u64 = read(&case.existing["instances"])?;
    let options = AutoscaleOptions {
        multiplier: given.multiplier,
        min_instances: given.min,
        max_instances: given.max,
        scale_up_factor: given.scale_up_factor,
        cool_down_factor: given.cool_down_factor,
    };
    let scaler = Autoscaler::new(options);
    let mut scaler = scaler.map_err(|error| Trouble::Malformed(error.to_string()))?;
    let mut history = Vec::new();
    for direction in given.directions {
        let direction = match direction.signum() {
            1 => Direction::Up,
            -1 => Direction::Down,
            _ => Direction::Stay,
        };
        instances = scaler.step(direction, instances);
        history.push(instances);
    }
    Ok(json!({ "instances": history }))
}

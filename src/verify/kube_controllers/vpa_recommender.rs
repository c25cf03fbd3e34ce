//! `vpa-buckets` and `vpa-recommender`: the histograms of the vertical autoscaler and its
//! recommendations over time.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cases::{Differences, typed};
use autoscale::vertical::{
    Amounts, Buckets, ContainerUsage, RecommenderSettings, Usage, recommend,
};
use model::Text;
use units::{Instant, SortedMap};

pub(super) fn compare_buckets(case: &Value, differences: &mut Differences) -> Result<(), String> {
    for (field, buckets) in [
        ("cpuCores", Buckets::cpu()),
        ("memoryBytes", Buckets::memory()),
    ] {
        let starts: Vec<f64> = (0..buckets.count())
            .map(|bucket| buckets.start(bucket))
            .collect();
        let recorded: Vec<f64> = typed(&case[field])?;
        let bits = |list: &[f64]| list.iter().map(|own| own.to_bits()).collect::<Vec<_>>();
        if bits(&recorded) != bits(&starts) {
            differences.field(field, Some(&case[field]), &json!(starts));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Input {
    containers: Vec<Container>,
    start: i64,
    events: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Container {
    name: Text,
    pods: usize,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(&case["input"])?;
    let start = Instant::from_secs(input.start);
    let mut usage: SortedMap<Text, Usage> = SortedMap::new();
    let mut pods: Vec<Vec<ContainerUsage>> = Vec::new();
    for container in &input.containers {
        usage.insert(container.name.clone(), Usage::new(start));
        pods.push(vec![ContainerUsage::default(); container.pods]);
    }
    let settings = RecommenderSettings::default();
    for (index, event) in input.events.iter().enumerate() {
        let wrong = || format!("event {index} can't be read: {event:?}");
        let number = |place: usize| event.get(place).and_then(Value::as_i64).ok_or_else(wrong);
        if event.first().and_then(Value::as_str) == Some("recommend") {
            let place = usize::try_from(number(1)?).map_err(|_| wrong())?;
            let recommended = recommend(&settings, &usage, &SortedMap::new());
            for (name, own) in recommended {
                let printed = json!({
                    "lower": printed(own.lower),
                    "target": printed(own.target),
                    "upper": printed(own.upper),
                });
                let field = format!("recommendation {place} of {name}");
                differences.field(&field, case["expect"][place].get(&*name), &printed);
            }
            continue;
        }
        let at = Instant::from_secs(input.start + number(0)?);
        let container = usize::try_from(number(1)?).map_err(|_| wrong())?;
        let pod = usize::try_from(number(2)?).map_err(|_| wrong())?;
        let name = &input.containers.get(container).ok_or_else(wrong)?.name;
        let own = pods[container].get_mut(pod).ok_or_else(wrong)?;
        let usage = usage.get_mut(name).ok_or_else(wrong)?;
        let is_oom = event.get(3).and_then(Value::as_str) == Some("oom");
        let taken = if is_oom {
            vec![own.out_of_memory(usage, number(4)?, at)]
        } else {
            let cpu = own.add_cpu(usage, number(3)?, at);
            vec![cpu, own.add_memory(usage, number(4)?, at)]
        };
        let recorded = event.get(5..).unwrap_or_default();
        let field = format!("event {index}: taken");
        differences.field(&field, Some(&json!(recorded)), &json!(taken));
    }
    Ok(())
}

fn printed(own: Amounts) -> Value {
    json!({"cpu": own.cpu_milli, "memory": own.memory_bytes})
}

//! The order in which a kubelet evicts pods. Equal pods may stand in any order.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cases::{Differences, typed};
use control::controllers::kubelet_eviction::{
    CandidateUsage, EvictionCandidate, EvictionSignal, compare as compare_pods, rank,
};

#[derive(Deserialize)]
struct Input {
    signal: String,
    pods: Vec<SeenPod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenPod {
    name: String,
    #[serde(default)]
    priority: i32,
    #[serde(default)]
    request: i64,
    #[serde(default)]
    usage: i64,
    #[serde(default)]
    processes: u64,
    #[serde(default)]
    no_stats: bool,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    let signal = match input.signal.as_str() {
        "memory" => EvictionSignal::Memory,
        "disk" => EvictionSignal::Disk,
        "pid" => EvictionSignal::Pid,
        name => return Err(format!("no signal is called `{name}`")),
    };
    let pods: Vec<EvictionCandidate> = input.pods.iter().map(SeenPod::candidate).collect();
    let order = rank(signal, &pods);
    let recorded: Vec<String> = typed(case.pointer("/expect/order").ok_or("no `order`")?)?;
    let same = |(name, &place): (&String, &usize)| {
        let known = pods.iter().find(|pod| *pod.name == **name);
        known.is_some_and(|known| compare_pods(signal, known, &pods[place]) == Ordering::Equal)
    };
    if recorded.len() != order.len() || !recorded.iter().zip(&order).all(same) {
        let decided: Vec<&str> = order.iter().map(|&place| &*pods[place].name).collect();
        differences.field("order", case.pointer("/expect/order"), &json!(decided));
    }
    Ok(())
}

impl SeenPod {
    fn candidate(&self) -> EvictionCandidate {
        EvictionCandidate {
            name: self.name.as_str().into(),
            priority: self.priority,
            request: self.request,
            usage: (!self.no_stats).then_some(CandidateUsage {
                bytes: self.usage,
                processes: self.processes,
            }),
        }
    }
}

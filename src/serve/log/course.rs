//! The course of a run: counts and shares over time, for the plot above the slider.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::variant::{Condition, Phase, State, Variant};

/// Points of the plot.
const POINTS: usize = 320;

/// Course of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Course {
    /// Instants, in nanoseconds.
    pub(crate) times: Vec<i64>,
    /// Pods that wait.
    pub(crate) pending: Vec<u32>,
    /// Pods that run.
    pub(crate) running: Vec<u32>,
    /// Thousandths in use of each resource of all nodes.
    pub(crate) shares: Map<String, Value>,
}

impl Course {
    /// Course of a variant from its first event to an end.
    pub(crate) fn of(variant: &Variant, end_ns: i64) -> Self {
        let start = variant.times.first().copied().unwrap_or(0);
        let span = (end_ns - start).max(0);
        let points = if span == 0 { 1 } else { POINTS };
        let resources = variant.amounts.resources.clone();
        let mut shares = vec![Vec::with_capacity(points); resources.len()];
        let mut own = Self {
            times: Vec::with_capacity(points),
            pending: Vec::with_capacity(points),
            running: Vec::with_capacity(points),
            shares: Map::new(),
        };
        let mut state = State::default();
        let mut next = 0;
        for point in 0..points {
            let part = i128::from(span) * point as i128 / (points.max(2) as i128 - 1);
            let time = start + part as i64;
            while next < variant.len() && variant.times[next] <= time {
                state.apply(variant.effects[next], &variant.amounts);
                next += 1;
            }
            own.times.push(time);
            own.pending.push(state.phases[Phase::Pending as usize]);
            own.running.push(state.phases[Phase::Running as usize]);
            let totals = totals(variant, &state);
            for (resource, (used, capacity)) in totals.into_iter().enumerate() {
                let share = (capacity > 0).then(|| (used * 1_000 / capacity) as i64);
                shares[resource].push(json!(share));
            }
        }
        let named = resources.into_iter().zip(shares);
        own.shares = named
            .filter(|(_, shares)| shares.iter().any(Value::is_number))
            .map(|(name, shares)| (name, Value::Array(shares)))
            .collect();
        own
    }
}

/// What is used of each resource, and what nodes have of it.
fn totals(variant: &Variant, state: &State) -> Vec<(i128, i128)> {
    let mut all = vec![(0, 0); variant.amounts.resources.len()];
    for node in 0..state.pods.len() {
        if state.condition[node] == Condition::Absent {
            continue;
        }
        for (resource, milli) in variant.amounts.get(state.capacity[node]) {
            all[*resource].1 += i128::from(*milli);
        }
    }
    for (resource, used) in state.used.iter().enumerate() {
        all[resource].0 = if variant.amounts.resources[resource] == super::instant::PODS {
            state
                .pods
                .iter()
                .map(|count| i128::from(*count) * 1_000)
                .sum()
        } else {
            used.iter().map(|own| i128::from(*own)).sum()
        };
    }
    all
}

//! Growth: more pods of each workload, month by month, until one finds no node.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::demand::{Demand, GoalPod};
use super::loss::Unplaced;
use super::picture::{ZoneRoom, zone_rooms};
use super::quotas::Quotas;
use model::Text;
use scheduler::kube::PodInfo;
use units::SortedSet;
use units::nearest::all_near;
use world::catalogue::matches;

/// Number of names that a message gives.
const NAMED: usize = 3;

/// Growth in each month.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// A share, in parts per million; each month grows on the one before.
    Share(i64),
    /// A number of pods each month.
    Pods(i64),
}

/// Growth of the workloads whose names match.
#[derive(Clone, Debug, PartialEq)]
pub struct Grow {
    /// Pattern of `NAMESPACE/WORKLOAD` with `*`; empty is all that no other pattern names.
    pub pattern: String,
    /// Growth in each month.
    pub rate: Rate,
}

impl Grow {
    /// Checks that a pattern names a workload.
    ///
    /// # Errors
    /// If it names none, with the nearest names.
    pub fn check(&self, demand: &Demand) -> Result<(), String> {
        let known: SortedSet<&str> = demand.pods.iter().map(|pod| &*pod.workload).collect();
        if self.pattern.is_empty() || known.iter().any(|name| matches(&self.pattern, name)) {
            return Ok(());
        }
        let mut near = all_near(&self.pattern, known.iter().copied());
        if near.is_empty() {
            near = known.into_iter().collect();
        }
        near.truncate(NAMED);
        let there_is = match near.as_slice() {
            [] => "no pod has to run".to_owned(),
            near => format!("there is `{}`", near.join("`, `")),
        };
        let pattern = &self.pattern;
        Err(format!(
            "--grow: no workload whose pods have to run is called `{pattern}`, so nothing would grow; {there_is}"
        ))
    }
}

/// Growth up to a horizon.
#[derive(Clone, Copy, Debug)]
pub struct Growth<'g> {
    /// Growth of workloads.
    pub grows: &'g [Grow],
    /// Number of months to look ahead.
    pub horizon: u32,
}

/// A month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// Number of the month, from 1.
    pub month: u32,
    /// Number of pods in the goal.
    pub pods: u64,
    /// Number of pods that find no node.
    pub waiting: u64,
    /// The first of these.
    pub first: Option<Unplaced>,
    /// Room in each zone.
    pub zones: Vec<ZoneRoom>,
}

impl Month {
    /// Notes a pod without a node.
    fn note(&mut self, pod: String, message: String) {
        self.waiting += 1;
        self.first.get_or_insert(Unplaced { pod, message });
    }
}

/// A workload with one of its pods.
struct Workload<'d> {
    name: Text,
    pod: &'d GoalPod,
    pods: u64,
}

/// Number of pods after a number of months, rounded up.
fn grown(pods: u64, rate: &Rate, month: u32) -> u64 {
    let whole = match rate {
        Rate::Pods(more) => {
            let more = more.saturating_mul(i64::from(month));
            return pods.saturating_add_signed(more);
        }
        Rate::Share(ppm) => {
            let mut factor = 1.0_f64;
            for _ in 0..month {
                factor *= 1.0 + *ppm as f64 / 1e6;
            }
            pods as f64 * factor
        }
    };
    // What is a whole number but for the last bits of a product is that number.
    let rounded = nearest_whole(whole);
    if (whole - rounded).abs() < 1e-6 * whole.max(1.0) {
        rounded as u64
    } else {
        whole as u64 + 1
    }
}

fn nearest_whole(value: f64) -> f64 {
    (value + 0.5) as u64 as f64
}

/// The months up to the horizon, or up to the first in which a pod waits.
pub fn months(
    bench: &mut Bench<'_>,
    demand: &Demand,
    mut quotas: Quotas,
    growth: &Growth<'_>,
) -> Vec<Month> {
    let Growth { grows, horizon } = *growth;
    let mut workloads: IndexMap<Text, Workload<'_>, FxBuildHasher> = IndexMap::default();
    for pod in &demand.pods {
        let known = workloads
            .entry(pod.workload.clone())
            .or_insert_with(|| Workload {
                name: pod.workload.clone(),
                pod,
                pods: 0,
            });
        known.pods += 1;
    }
    let rate_of = |name: &str| {
        let named = grows
            .iter()
            .find(|own| !own.pattern.is_empty() && matches(&own.pattern, name));
        named
            .or_else(|| grows.iter().find(|own| own.pattern.is_empty()))
            .map(|own| &own.rate)
    };
    let mark = bench.mark();
    let mut added: IndexMap<Text, u64, FxBuildHasher> = IndexMap::default();
    let mut months = Vec::new();
    for month in 1..=horizon {
        let mut outcome = Month {
            month,
            pods: 0,
            waiting: 0,
            first: None,
            zones: Vec::new(),
        };
        for own in workloads.values() {
            let wanted = rate_of(&own.name).map_or(own.pods, |rate| grown(own.pods, rate, month));
            outcome.pods += wanted;
            let more = added.entry(own.name.clone()).or_default();
            while own.pods + *more < wanted {
                *more += 1;
                let name = format!("{}-{more}", own.pod.info.name);
                let info = PodInfo {
                    name: name.into(),
                    uid: 0,
                    ..PodInfo::clone(&own.pod.info)
                };
                let name = info.full_name();
                if let Err(words) = quotas.admit(info.spec()) {
                    outcome.note(name, words);
                    continue;
                }
                for (pod, message) in bench.place_all([&Arc::new(info)]) {
                    outcome.note(pod.full_name(), message.to_string());
                }
            }
        }
        outcome.zones = zone_rooms(bench);
        let is_full = outcome.waiting > 0;
        months.push(outcome);
        if is_full {
            break;
        }
    }
    bench.roll_back(mark);
    months
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_grow_by_months_and_round_up() {
        for (rate, month, expected) in [
            (Rate::Share(50_000), 3, 116),
            (Rate::Share(50_000), 4, 122),
            (Rate::Share(100_000), 2, 121),
            (Rate::Pods(5), 5, 125),
            (Rate::Share(0), 12, 100),
        ] {
            assert_eq!(grown(100, &rate, month), expected, "{rate:?} {month}");
        }
        assert!(matches("shop/*", "shop/web") && !matches("shop/*", "mail/web"));
    }
}

//! Rules that choose which machine leaves an overloaded host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::VmId;
use super::statistics::explained;
use super::vm::Vm;
use rng::Stream;

/// Rule that chooses which machine leaves an overloaded node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VmSelection")]
pub enum Selection {
    /// The one with the least memory, which moves fastest.
    #[default]
    MinimumMigrationTime,
    /// The one whose use the others' explain best.
    MaximumCorrelation,
    /// The one that uses its processor least.
    MinimumUtilization,
    /// Any.
    Random,
}

impl Selection {
    /// The machine to move of those of a host; the first in order if several are alike.
    pub fn choose(self, on_host: &[VmId], vms: &[Vm], draws: &mut Stream) -> Option<VmId> {
        let still = on_host
            .iter()
            .copied()
            .filter(|id| !vms[id.index()].is_moving);
        let still: Vec<VmId> = still.collect();
        let least = |metric: fn(&Vm) -> f64| {
            still.iter().copied().reduce(|best, next| {
                let is_less = metric(&vms[next.index()]) < metric(&vms[best.index()]);
                if is_less { next } else { best }
            })
        };
        let by_memory = || least(|vm| vm.kind.memory_mb as f64);
        match self {
            Self::MinimumMigrationTime => by_memory(),
            // The division leaves other last digits than `used` has, and `CloudSim` tells machines
            // apart by these.
            Self::MinimumUtilization => least(|vm| vm.used * vm.kind.mips / vm.kind.mips),
            Self::Random if still.is_empty() => None,
            Self::Random => Some(still[draws.below(still.len() as u64) as usize]),
            Self::MaximumCorrelation => most_correlated(&still, vms).or_else(by_memory),
        }
    }
}

fn most_correlated(still: &[VmId], vms: &[Vm]) -> Option<VmId> {
    let known = still.iter().map(|id| vms[id.index()].history.len()).min()?;
    let column = |id: &VmId| -> Vec<f64> {
        vms[id.index()]
            .history
            .iter()
            .take(known)
            .copied()
            .collect()
    };
    let columns: Vec<Vec<f64>> = still.iter().map(column).collect();
    let mut best: Option<(f64, VmId)> = None;
    for (place, &id) in still.iter().enumerate() {
        let others = columns
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != place);
        let others: Vec<&[f64]> = others.map(|(_, values)| values.as_slice()).collect();
        let metric = explained(&columns[place], &others)?;
        if metric > best.map_or(f64::MIN_POSITIVE, |(most, _)| most) {
            best = Some((metric, id));
        }
    }
    best.map(|(_, id)| id).or_else(|| still.first().copied())
}

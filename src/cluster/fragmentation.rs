//! GPU fragmentation after a target workload (FGD, ATC'23; spec: published-results.md 1.7): how much
//! of a node's idle GPU the typical pods of a workload could not use.

use super::class::MAX_GPU_MODELS;
use super::{GpuColumns, Interner};
use model::gpu::DEVICE_MILLI;
use units::SortedMap;

/// A typical pod: a shape and its share of the workload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TypicalPod {
    /// Milli-cores it asks for.
    pub cpu_milli: i64,
    /// GPU devices that the pod requests.
    pub gpu: GpuColumns,
    /// The pod's share; all shares add up to 1.
    pub weight: f64,
}

/// Idle GPU of a node by what keeps typical pods from using it, in milli-GPU weighted by share.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fragments {
    /// Too few devices and too little cpu.
    pub lack_both: f64,
    /// Too few devices, or devices with too little room beside enough others.
    pub lack_gpu: f64,
    /// Usable.
    pub satisfied: f64,
    /// Enough devices and too little cpu.
    pub lack_cpu: f64,
    /// Pods without GPU that would fit.
    pub no_gpu_fits: f64,
    /// Pods without GPU that have too little cpu.
    pub no_gpu_lack_cpu: f64,
    /// The model is not admissible.
    pub not_admissible: f64,
}

impl Fragments {
    /// The fragmented amount: every class except the usable one, in the published order of sums.
    pub fn fragmented(&self) -> f64 {
        self.lack_both
            + self.lack_gpu
            + self.lack_cpu
            + self.no_gpu_fits
            + self.no_gpu_lack_cpu
            + self.not_admissible
    }

    /// The sum of all classes: the idle amount.
    pub fn total(&self) -> f64 {
        self.fragmented() + self.satisfied
    }
}

/// The typical pods of a workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TypicalPods {
    /// Shapes, most frequent first.
    pub pods: Vec<TypicalPod>,
}

/// A shape with the text of its admissible models, as a workload states it: the key that typical
/// pods are grouped by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// Milli-cores.
    pub cpu_milli: i64,
    /// Milli-GPU of each device.
    pub gpu_milli: i64,
    /// Number of devices.
    pub devices: i64,
    /// Admissible models as written (`A|B`); empty admits all.
    pub models: String,
}

impl Shape {
    /// The shape's demand with models as a set of the cell's indexes; models that the cell does not
    /// know are in no set.
    pub fn columns(&self, models: &Interner) -> GpuColumns {
        let known = self
            .models
            .split('|')
            .filter_map(|model| models.get(model))
            .filter(|&model| model < MAX_GPU_MODELS);
        GpuColumns {
            devices: self.devices.clamp(0, i64::from(u8::MAX)) as u8,
            milli_per_device: self.gpu_milli.clamp(0, i64::from(DEVICE_MILLI)) as u16,
            models: if self.models.is_empty() {
                u64::MAX
            } else {
                known.fold(0, |set, model| set | 1 << model)
            },
        }
    }
}

impl TypicalPods {
    /// Groups a workload by shape, most frequent first (ties: the larger shape first), and keeps
    /// groups until `share` of all pods is reached; shares are renormalised. The order of the
    /// divisions is the published one: a weight is count / total, then divided by kept / total.
    pub fn of_workload(
        shapes: impl IntoIterator<Item = Shape>,
        share: f64,
        mut columns: impl FnMut(&Shape) -> GpuColumns,
    ) -> Self {
        let mut counts: SortedMap<Shape, u64> = SortedMap::new();
        for shape in shapes {
            *counts.entry(shape).or_default() += 1;
        }
        let total: u64 = counts.values().sum();
        let mut groups: Vec<(Shape, u64)> = counts.into_iter().collect();
        groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
        let total = total as f64;
        let mut cumulated = 0_u64;
        let mut pods = Vec::new();
        for (shape, count) in &groups {
            if cumulated as f64 >= share * total {
                break;
            }
            cumulated += count;
            pods.push(TypicalPod {
                cpu_milli: shape.cpu_milli,
                gpu: columns(shape),
                weight: *count as f64 / total,
            });
        }
        let kept = cumulated as f64 / total;
        for pod in &mut pods {
            pod.weight /= kept;
        }
        Self { pods }
    }

    /// The fragments of a node with this much cpu left, this GPU model and these device rooms.
    pub fn fragments(&self, cpu_free_milli: i64, model: u8, rooms: &[u16]) -> Fragments {
        let mut fragments = Fragments::default();
        let idle: i64 = rooms.iter().map(|&room| i64::from(room)).sum();
        let idle = idle as f64;
        for pod in &self.pods {
            let cpu_fits = cpu_free_milli >= pod.cpu_milli;
            let share = pod.weight * idle;
            if pod.gpu.devices == 0 || pod.gpu.milli_per_device == 0 {
                if cpu_fits {
                    fragments.no_gpu_fits += share;
                } else {
                    fragments.no_gpu_lack_cpu += share;
                }
                continue;
            }
            if model == super::nodes::NO_MODEL || !pod.gpu.admits(model) {
                fragments.not_admissible += share;
                continue;
            }
            let demand = pod.gpu.milli_per_device;
            let devices = rooms.iter().filter(|&&room| room >= demand).count();
            match (devices >= usize::from(pod.gpu.devices), cpu_fits) {
                (true, true) => {
                    let small: i64 = rooms
                        .iter()
                        .filter(|&&room| room < demand)
                        .map(|&r| i64::from(r))
                        .sum();
                    let small = small as f64;
                    fragments.lack_gpu += pod.weight * small;
                    fragments.satisfied += pod.weight * (idle - small);
                }
                (true, false) => fragments.lack_cpu += share,
                (false, true) => fragments.lack_gpu += share,
                (false, false) => fragments.lack_both += share,
            }
        }
        fragments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_devices_of_a_model_that_a_pod_does_not_take_are_not_admissible() {
        let pod = TypicalPod {
            cpu_milli: 1_000,
            gpu: GpuColumns {
                devices: 1,
                milli_per_device: 500,
                models: 1 << 2,
            },
            weight: 1.0,
        };
        let pods = TypicalPods { pods: vec![pod] };
        let none = crate::nodes::NO_MODEL;
        for (model, expected) in [(2, 0.0), (3, 1_500.0), (none, 1_500.0)] {
            let found = pods.fragments(4_000, model, &[1_000, 500]).not_admissible;
            assert!((found - expected).abs() < 1e-9, "{model}: {found}");
        }
    }
}

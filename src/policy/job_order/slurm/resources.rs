//! The factors of trackable resources (`PriorityWeightTRES`): of each resource, the part of its
//! partition that a job asks for, as in Slurm's `priority_multifactor.c`. Where no partition is
//! declared, all nodes are one. A partition has what its nodes have as declared, whatever their state.

use scheduler::batch::JobFacts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Amounts of resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Number of processors.
    pub processors: i64,
    /// Bytes of memory.
    pub memory: i64,
    /// Milli-GPU.
    pub gpu_milli: i64,
}

/// Weights of a job's resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "TresWeights")]
pub struct ResourceWeights {
    /// Weight of the processors; default 0.
    #[serde(rename = "cpu")]
    pub processors: u32,
    /// Weight of the memory; default 0.
    pub memory: u32,
    /// Weight of the GPUs; default 0.
    #[serde(rename = "gpu")]
    pub gpus: u32,
}

/// Weights of resources, with the amounts that jobs are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// The weights.
    pub weights: ResourceWeights,
    /// Amounts of partitions, by their numbers.
    pub partitions: Vec<Amounts>,
}

impl Resources {
    /// Weighted factors of a job, added up; a resource that its partition lacks counts nothing.
    pub fn points(&self, job: &JobFacts) -> f64 {
        let Some(whole) = self.partitions.get(usize::from(job.partition.0)) else {
            return 0.0;
        };
        let parts = [
            (self.weights.processors, job.processors, whole.processors),
            (self.weights.memory, job.memory, whole.memory),
            (self.weights.gpus, job.gpu_milli, whole.gpu_milli),
        ];
        let weighted = parts.into_iter().filter(|(.., whole)| *whole > 0);
        let points = weighted
            .map(|(weight, asked, whole)| f64::from(weight) * (asked as f64 / whole as f64));
        points.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scheduler::batch::PartitionNumber;

    #[test]
    fn parts_of_the_own_partition_count() {
        let gib = |count: i64| count << 30;
        let resources = Resources {
            weights: ResourceWeights {
                processors: 1_000,
                memory: 2_000,
                gpus: 4_000,
            },
            partitions: vec![
                Amounts {
                    processors: 16,
                    memory: gib(64),
                    gpu_milli: 8_000,
                },
                Amounts {
                    processors: 8,
                    memory: gib(64),
                    gpu_milli: 0,
                },
            ],
        };
        let job = |partition| JobFacts {
            memory: gib(16),
            gpu_milli: 2_000,
            partition: PartitionNumber(partition),
            ..crate::job_order::fixture::job(1, 4)
        };
        // A quarter of the first partition; half of the processors of the second, which has no GPUs.
        for (partition, expected) in [(0, 1_750.0), (1, 1_000.0), (2, 0.0)] {
            let points = resources.points(&job(partition));
            assert!((points - expected).abs() < 1e-9, "{partition}: {points}");
        }
    }
}

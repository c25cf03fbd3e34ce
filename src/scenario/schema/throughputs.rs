//! `models.throughputs:` of the experiment file: how fast jobs get on with GPUs of each model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::{GoodputModel, StatedThroughputs};
use units::{Duration, SortedMap};

/// Throughputs of jobs by GPU model: a job takes as much longer on a model as its type is slower
/// there than on `reference`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Throughputs {
    /// GPU model that run times are stated for.
    pub reference: String,
    /// Steps per second by type of job and GPU model. Jobs without a type, and pods without GPUs, run
    /// equally fast on all.
    pub types: SortedMap<String, SortedMap<String, f64>>,
    /// Part of its speed that a job of a type keeps while its members are on several nodes, such as 0.6;
    /// all of it for types that are not stated.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub apart: SortedMap<String, f64>,
    /// Part of its speed that a job of a type keeps beside a job of another type on the same GPU, such as
    /// 0.7; both of a pair are stated. Jobs of pairs that are not stated share no GPU.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub packed: SortedMap<String, SortedMap<String, f64>>,
    /// Steps per second of a job of several GPUs, of all of them together, by type, number of GPUs and GPU
    /// model, such as {image: {4: {V100: 130}}}. `types` states those of one GPU of such a type, and of
    /// any number of a type that is not stated here.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub scaled: SortedMap<String, SortedMap<String, SortedMap<String, f64>>>,
    /// Steps per second of a job of several GPUs while its members are on several nodes, as in `scaled`;
    /// otherwise those are a part by `apart`.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub scaled_apart: SortedMap<String, SortedMap<String, SortedMap<String, f64>>>,
    /// Goodput by type of job: its speed changes with its GPUs, its batch size and its progress.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub goodput: SortedMap<String, Goodput>,
}

/// Goodput of a type of job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Goodput {
    /// Times of a step.
    pub step: StepTimes,
    /// Batch sizes, in samples.
    pub batch: BatchSizes,
    /// The most GPUs that an elastic job takes; default 64.
    #[serde(default = "most_gpus")]
    #[schemars(range(min = 1))]
    pub max_gpus: u32,
    /// Time to the target on one GPU with the initial batch size, which run times are stated for.
    pub work: Duration,
    /// Noise scales of the gradients, in samples, each from a part of the work on, such as [[0, 90], [0.3, 800]].
    pub noise: Vec<[f64; 2]>,
    /// Whether an elastic job may lose or change its GPUs once it has some; default true.
    #[serde(default = "is_preemptible")]
    pub preemptible: bool,
}

/// Times of a step in seconds: of the gradients on a GPU, `alphaC` + `betaC` × samples; of their average over the GPUs
/// of a node, `alphaR` + `betaR` × GPUs beyond two; over several nodes, `alphaN` + `betaN` × GPUs beyond two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepTimes {
    /// Constant of the gradients.
    pub alpha_c: f64,
    /// Time of the gradients per sample.
    pub beta_c: f64,
    /// Constant across nodes.
    pub alpha_n: f64,
    /// Time per GPU across nodes.
    pub beta_n: f64,
    /// Constant within a node.
    pub alpha_r: f64,
    /// Time per GPU within a node.
    pub beta_r: f64,
    /// Overlap of gradients and average: 1 is none, 10 nearly all.
    #[schemars(range(min = 1, max = 10))]
    pub gamma: f64,
}

/// Batch sizes of a job, in samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchSizes {
    /// Size that the job was made for.
    #[schemars(range(min = 1))]
    pub initial: u32,
    /// The greatest size.
    #[schemars(range(min = 1))]
    pub max: u32,
    /// The least and the greatest number of samples on a GPU at once.
    pub per_gpu: [u32; 2],
}

const fn most_gpus() -> u32 {
    64
}

const fn is_preemptible() -> bool {
    true
}

impl Goodput {
    fn model(&self) -> GoodputModel {
        let (step, batch) = (&self.step, &self.batch);
        GoodputModel {
            compute: [step.alpha_c, step.beta_c],
            across_nodes: [step.alpha_n, step.beta_n],
            within_node: [step.alpha_r, step.beta_r],
            gamma: step.gamma,
            initial_batch: batch.initial,
            max_batch: batch.max,
            per_gpu: batch.per_gpu,
            max_gpus: self.max_gpus,
            work: self.work,
            noise: self.noise.clone(),
            preemptible: self.preemptible,
        }
    }
}

impl Throughputs {
    /// The throughputs as the model takes them.
    pub fn stated(&self) -> StatedThroughputs<'_> {
        StatedThroughputs {
            reference: &self.reference,
            types: &self.types,
            apart: &self.apart,
            packed: &self.packed,
            scaled: &self.scaled,
            scaled_apart: &self.scaled_apart,
            goodput: { self.goodput.iter() }
                .map(|(name, own)| (name.clone(), own.model()))
                .collect(),
        }
    }
}

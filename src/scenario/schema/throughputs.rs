//! `models.throughputs:` of the experiment file: how fast jobs get on with GPUs of each model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::StatedThroughputs;
use units::SortedMap;

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
        }
    }
}

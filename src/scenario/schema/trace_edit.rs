//! `workload[].trace.edit` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use options::Share;
use units::Duration;

/// Edit of a trace. Its fields apply in the order in which they stand here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TraceEdit {
    /// Line of the trace's one file after which records are kept, to go on where a file that was cut off ended;
    /// default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_line: Option<u64>,
    /// Submission from which arrivals are kept, which becomes 0; default the start of the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Duration>,
    /// Submission up to which arrivals are kept, exclusive; default the end of the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub until: Option<Duration>,
    /// Tenants whose arrivals are kept; default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// Condition that kept arrivals meet, such as `cpu > 4 && tenant == "a"`.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Assignments to fields, such as `memory = memory * 1.2`, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// Random part that is kept; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<TraceSample>,
    /// Factor on the arrival rate, from 0.000001 to 1000000; run times stay. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.000_001, max = 1e6))]
    pub rate: Option<f64>,
    /// Span by which everything is submitted later; default `0s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Duration>,
    /// Names: `true` replaces those of jobs, tenants and namespaces by numbers. Default `false`.
    #[serde(default)]
    pub anonymize: bool,
}

/// Random part of a trace, drawn by the hash of the seed and a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TraceSample {
    /// Share that is kept, above 0 and at most 1, such as `12.5%`.
    pub share: Share,
    /// Unit of the sample; default `job`.
    #[serde(default)]
    pub by: SampleUnit,
    /// Seed of the sample; default 42.
    #[serde(default = "sample_seed")]
    pub seed: u64,
}

const fn sample_seed() -> u64 {
    42
}

/// Unit of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SampleUnit {
    /// Each job by itself.
    #[default]
    Job,
    /// All jobs of a tenant, or none.
    Tenant,
}

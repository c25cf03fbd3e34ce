//! Offers with GPUs, which applications without GPUs may decline (marathon `ResourceMatcher.scala`).

use model::Labels;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Label by which an application chooses for itself.
const LABEL: &str = "GPU_SCHEDULING_BEHAVIOR";

/// Use of agents with free GPUs by applications without GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "GpuSchedulingBehavior")]
pub enum GpuScheduling {
    /// Such agents are declined.
    #[default]
    Restricted,
    /// Such agents are used like others.
    Unrestricted,
}

impl GpuScheduling {
    /// The behavior of an application with these labels.
    pub fn of(labels: &Labels, default: Self) -> Self {
        match labels.get(LABEL).map(|value| &**value) {
            Some("restricted") => Self::Restricted,
            Some("unrestricted") => Self::Unrestricted,
            _ => default,
        }
    }

    /// Whether an application declines an offer for the GPUs that it has.
    pub fn keeps_off(self, wants_gpus: bool, offered: i64) -> bool {
        self == Self::Restricted && !wants_gpus && offered > 0
    }
}

//! Options of a project: what its services depend on and how their containers are started again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Duration, SortedMap};

use super::project::Dependency;
use super::restart::RestartPolicy;

/// Options of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeOptions {
    /// Options by service; a service without any depends on nothing and is never started again.
    pub services: SortedMap<String, ServiceOptions>,
    /// Time between two looks at a dependency that is waited for.
    pub poll: Duration,
}

/// Options of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceOptions {
    /// Restart policy of the service's containers; `None` is `no`, and of a job as its object says.
    pub restart: Option<RestartPolicy>,
    /// Services that have to be there first.
    pub depends_on: Vec<Dependency>,
}

impl Default for ComposeOptions {
    fn default() -> Self {
        Self {
            services: SortedMap::new(),
            poll: Duration::from_millis(500),
        }
    }
}

/// Condition that a dependency meets before its dependent starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ComposeCondition")]
pub enum Condition {
    /// Its containers run.
    #[default]
    #[serde(rename = "service_started")]
    Started,
    /// Its containers are healthy.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// Its containers have ended with code 0.
    #[serde(rename = "service_completed_successfully")]
    Completed,
}

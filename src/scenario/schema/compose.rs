//! `system.compose:` of the experiment file: what services of a project depend on and how they are
//! restarted. `windtunnel import compose` writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

/// Options of Docker Compose; used with `name: compose`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Compose {
    /// Options by the name of a service; default none, which depends on nothing and is not
    /// restarted.
    pub services: SortedMap<String, ComposeService>,
    /// Time between two looks at a dependency that is waited for; default `500ms`.
    pub poll_interval: Duration,
}

impl Default for Compose {
    fn default() -> Self {
        Self {
            services: SortedMap::new(),
            poll_interval: Duration::from_millis(500),
        }
    }
}

/// Options of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ComposeService {
    /// Restart policy of containers that end: `no`, `always`, `on-failure`, `on-failure:N` or
    /// `unless-stopped`; default `no`, and for a Job `on-failure:N` with its `backoffLimit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// Services that have to be there first, by name.
    pub depends_on: SortedMap<String, ComposeDependency>,
}

/// Dependency of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ComposeDependency {
    /// Condition that the other service meets first; default `service_started`.
    pub condition: ComposeCondition,
    /// Requirement: `false` lets the service start without the other one; default `true`.
    pub required: bool,
    /// Restart of the service after an update of the other one, if `true`; default `false`.
    pub restart: bool,
}

impl Default for ComposeDependency {
    fn default() -> Self {
        Self {
            condition: ComposeCondition::Started,
            required: true,
            restart: false,
        }
    }
}

/// Condition of a dependency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ComposeCondition {
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

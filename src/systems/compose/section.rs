//! Options of Docker Compose as experiment files state them: what services of a project depend on and how they
//! are restarted. `windtunnel import compose` writes them.

use options::{NamedWorkload, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

use super::options::{ComposeOptions, Condition, ServiceOptions};
use super::project::{Dependency, Project};
use super::restart::RestartPolicy;

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
    pub condition: Condition,
    /// Requirement: `false` lets the service start without the other one; default `true`.
    pub required: bool,
    /// Restart of the service after an update of the other one, if `true`; default `false`.
    pub restart: bool,
}

impl Default for ComposeDependency {
    fn default() -> Self {
        Self {
            condition: Condition::Started,
            required: true,
            restart: false,
        }
    }
}

impl SystemSection for Compose {
    const SYSTEM: &'static str = "compose";
    const MEANING: &'static str = "Options of Docker Compose, for `name: compose`.";

    fn placement(&self) -> Option<&'static str> {
        Some("one-host")
    }

    fn workloads(&self) -> Vec<NamedWorkload> {
        let mut all = Vec::new();
        for (name, own) in &self.services {
            all.push(NamedWorkload::new("services", name, "service"));
            let place = format!("services.{name}.dependsOn");
            let others = own.depends_on.iter().filter(|(_, own)| own.required);
            all.extend(others.map(|(other, _)| NamedWorkload::new(&place, other, "service")));
        }
        all
    }
}

impl ComposeOptions {
    /// Parts of a project with these options.
    ///
    /// # Errors
    /// A restart policy is none, or services wait for each other; the message begins with the field.
    pub fn new(stated: &Compose) -> Result<Self, String> {
        let mut services = SortedMap::new();
        for (name, own) in &stated.services {
            let restart = own
                .restart
                .as_ref()
                .map(|text| text.parse::<RestartPolicy>());
            let restart = restart.transpose();
            let depends_on = own.depends_on.iter().map(|(service, own)| Dependency {
                service: service.as_str().into(),
                condition: own.condition,
                is_required: own.required,
                restarts: own.restart,
            });
            let own = ServiceOptions {
                restart: restart.map_err(|why| format!("services.{name}.restart: {why}"))?,
                depends_on: depends_on.collect(),
            };
            services.insert(name.clone(), own);
        }
        check_circles(&services)?;
        Ok(Self {
            services,
            poll: stated.poll_interval,
        })
    }
}

/// Refuses services that wait for each other. Those without options depend on nothing.
fn check_circles(services: &SortedMap<String, ServiceOptions>) -> Result<(), String> {
    let mut all = SortedMap::new();
    for (name, own) in services {
        for other in &own.depends_on {
            all.entry(other.service.clone()).or_insert_with(Vec::new);
        }
        all.insert(name.as_str().into(), own.depends_on.clone());
    }
    let project = Project::new(all, Duration::ZERO);
    project
        .map(|_| ())
        .map_err(|why| format!("services: {why}"))
}

//! DC/OS in the registry of systems: Mesos, Marathon and Chronos as it composes them, with its roles
//! (spec: orchestrators-b.md section 4).
//!
//! Agents with the label `public_ip=true` are public: all of them is reserved for the role
//! `slave_public`, which the root Marathon has beside `*`. Applications go there only if their node
//! selector says so, as load balancers' does.
//!
//! Its masters wait longer for agents than plain Mesos does, and remove them at a limited rate
//! (dcos/dcos `gen/dcos-config.yaml`, `/etc/mesos-master`; the rate since dcos/dcos#2598).
//!
//! DC/OS as a caller builds it from the registry:
//!
//! ```
//! use systems::{SystemRequest, registry};
//!
//! let request = SystemRequest::of("default");
//! let parts = (registry::find("dcos")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "mesos-master");
//! # Ok::<(), systems::SystemError>(())
//! ```

use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};

use super::autoscale::{PUBLIC_ROLE, ROOT_MARATHON_ROLES};
use super::entry::{CAPABILITIES, parts};
use super::observer::{ObserverOptions, removal_limit};
use super::options::{FrameworkKind, FrameworkOptions, MesosOptions};
use super::section::{Mesos, MesosReservation};
use crate::parts::permit::Rate;
use options::SystemSection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Duration, SortedMap};

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "dcos",
    summary: "DC/OS: Mesos with a root Marathon, Chronos and public agents reserved by a role.",
    source: "DC/OS 1.13: roles `slave_public` and `*`; its components as in the system `mesos`",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    facts: &[SystemFact::KeepsFormerVersion],
    capabilities: CAPABILITIES,
    ends: crate::ends::mesos,
    build,
};

/// The label of public agents.
pub const PUBLIC_LABEL: (&str, &str) = ("public_ip", "true");

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    Ok(parts(composed(&request.options.of()), request))
}

/// Options of the masters of DC/OS, whose frameworks are fixed; used with `name: dcos`. Its defaults
/// are those of `gen/dcos-config.yaml` in dcos/dcos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Dcos {
    /// Interval of agent pings, and timeout of each (`--agent_ping_timeout`); default `15s`.
    #[schemars(extend("x-positive" = true))]
    pub agent_ping_timeout: Duration,
    /// Number of missed pings after which an agent is unreachable
    /// (`MESOS_MAX_SLAVE_PING_TIMEOUTS`), 1 to 1000; default 20.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_agent_ping_timeouts: u32,
    /// Rate limit on agent removals (`MESOS_SLAVE_REMOVAL_RATE_LIMIT`), such as `1/20mins` of
    /// releases up to 1.11, or `none`; default `100/1mins`.
    pub agent_removal_rate_limit: String,
}

impl Default for Dcos {
    fn default() -> Self {
        Self {
            agent_ping_timeout: Duration::from_secs(15),
            max_agent_ping_timeouts: 20,
            agent_removal_rate_limit: "100/1mins".to_owned(),
        }
    }
}

impl SystemSection for Dcos {
    const SYSTEM: &'static str = "dcos";
    const MEANING: &'static str = "Options of the masters of DC/OS, for `name: dcos`.";

    fn placement(&self) -> Option<&'static str> {
        Some("drf")
    }
}

/// Parts of DC/OS that its options decide on.
#[derive(Clone, Copy, Debug)]
pub struct DcosOptions {
    /// Observation of agents by its masters.
    pub observer: ObserverOptions,
}

impl DcosOptions {
    /// Parts of a cluster with these options.
    ///
    /// # Errors
    /// A rate is none; the message begins with its field.
    pub fn new(stated: &Dcos) -> Result<Self, String> {
        Ok(Self {
            observer: ObserverOptions {
                ping_period: stated.agent_ping_timeout,
                max_missed: stated.max_agent_ping_timeouts,
                removal_limit: removal_limit(&stated.agent_removal_rate_limit)?,
            },
        })
    }
}

impl Default for DcosOptions {
    fn default() -> Self {
        Self {
            observer: ObserverOptions {
                max_missed: 20,
                removal_limit: Some(Rate {
                    spacing: Duration::from_millis(600),
                }),
                ..ObserverOptions::default()
            },
        }
    }
}

/// DC/OS as it is installed.
pub fn composed(options: &DcosOptions) -> MesosOptions {
    let (key, value) = PUBLIC_LABEL;
    let frameworks = FrameworkOptions::usual().into_iter().map(|own| {
        let FrameworkKind::Marathon(mut marathon) = own.kind else {
            return own;
        };
        marathon.kept_label = Some((key.into(), value.into()));
        FrameworkOptions {
            // DC/OS enables the feature `gpu_resources` of its root Marathon.
            gpu_resources: true,
            roles: ROOT_MARATHON_ROLES.map(Into::into).to_vec(),
            kind: FrameworkKind::Marathon(marathon),
            ..own
        }
    });
    MesosOptions {
        observer: options.observer,
        frameworks: frameworks.collect(),
        stated: Mesos {
            reservations: vec![MesosReservation {
                role: PUBLIC_ROLE.to_owned(),
                labels: SortedMap::from([(key.to_owned(), value.to_owned())]),
                amount: None,
            }],
            ..Mesos::default()
        },
        ..MesosOptions::default()
    }
}

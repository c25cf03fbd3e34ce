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
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};

use super::autoscale::{PUBLIC_ROLE, ROOT_MARATHON_ROLES};
use super::entry::{CAPABILITIES, parts};
use super::observer::ObserverOptions;
use super::options::{Amount, FrameworkKind, FrameworkOptions, MesosOptions, Reservation};
use crate::parts::permit::Rate;
use units::{Duration, SortedMap};

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "dcos",
    summary: "DC/OS: Mesos with a root Marathon, Chronos and public agents reserved by a role.",
    source: "DC/OS 1.13: roles `slave_public` and `*`; its components as in the system `mesos`",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    empties_nodes: false,
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

/// Options of DC/OS.
#[derive(Clone, Copy, Debug)]
pub struct DcosOptions {
    /// Observation of agents by its masters.
    pub observer: ObserverOptions,
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
        reservations: vec![Reservation {
            role: PUBLIC_ROLE.into(),
            labels: SortedMap::from([(key.into(), value.into())]),
            amount: Amount::default(),
            is_all: true,
        }],
        ..MesosOptions::default()
    }
}

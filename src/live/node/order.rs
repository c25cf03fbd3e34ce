//! Orders of a node's agent to its machine.

use std::sync::Arc;

use model::workload::probe::ProbeKind;
use serde_json::Value;
use units::Duration;

use crate::wire::Ending;

/// An order to the machine of a node. Orders are idempotent: to start what runs is to report that
/// it runs, and to stop what has ended is to report that it was stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum MachineOrder {
    /// Stop whatever belongs to other pods than these.
    KeepOnly {
        /// Pods of the node.
        pods: Vec<u32>,
    },
    /// Start a pod, or one of its containers.
    Start {
        /// The pod.
        pod: u32,
        /// Number of the container, init containers first; `None` for all of a plain pod.
        container: Option<u16>,
        /// The pod as an object of the Kubernetes API.
        manifest: Arc<Value>,
    },
    /// Stop a pod, or one of its containers.
    Stop {
        /// The pod.
        pod: u32,
        /// Number of the container; `None` for all of a plain pod.
        container: Option<u16>,
        /// Time that the processes may take.
        grace: Duration,
    },
    /// Probe a container; its result is an event of the machine.
    Probe {
        /// The pod.
        pod: u32,
        /// Number of the container, init containers first.
        container: u16,
        /// Purpose of the probe.
        kind: ProbeKind,
        /// The pod as an object of the Kubernetes API.
        manifest: Arc<Value>,
    },
}

impl MachineOrder {
    /// The order to stop whatever the machine has of a pod.
    pub(super) const fn whole_stop(pod: u32, order: &Ending) -> Self {
        Self::Stop {
            pod,
            container: None,
            grace: Duration::from_nanos(order.grace_ns),
        }
    }
}

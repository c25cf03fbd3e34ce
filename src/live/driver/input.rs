//! Inputs of the driver. Their types are those of the wire, so a recorded input is the message.

use serde::{Deserialize, Serialize};

use crate::wire::machine::MachineNews;
use crate::wire::observation::Observation;
use crate::wire::request::{Outcome, Request};
use crate::wire::usage::PodUsage;
use crate::wire::{NodeAnswer, Registration, Update};

/// An input of the driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "camelCase", deny_unknown_fields)]
pub enum Input {
    /// A control server took over: the silence of nodes until now is no sign of their loss.
    Opened {
        /// Number of its term, greater than those before.
        epoch: u64,
    },
    /// A daemon registers its node.
    Register {
        /// The message.
        message: Registration,
    },
    /// A daemon sends a heartbeat, with its reports.
    Update {
        /// The message.
        message: Update,
    },
    /// Heartbeats that said nothing else. They are recorded together, and only when a node would
    /// fall silent without them.
    Heard {
        /// Nodes that were heard.
        nodes: Vec<HeardNode>,
    },
    /// Usage of all pods, as it was measured last. It is recorded when an autoscaler reads it.
    Measured {
        /// Usage of the pods.
        pods: Vec<PodUsage>,
    },
    /// The log is made short: the control plane goes on from what is stored alone. It stands alone in
    /// its step.
    Compacted {},
    /// The provider of machines has news.
    Machines {
        /// The news.
        news: MachineNews,
    },
    /// A user asks for a change.
    Ask {
        /// The message.
        message: Request,
    },
    /// Objects of a cluster that another control plane runs came, changed or went.
    Observed {
        /// Observations, in order.
        seen: Vec<Observation>,
    },
    /// The API refused what was decided on pods.
    Unwritten {
        /// Unique identifiers of the pods.
        pods: Vec<String>,
    },
}

/// The last heartbeat of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeardNode {
    /// Number of the node.
    pub node: u32,
    /// Instant of the heartbeat.
    pub at_ns: i64,
}

/// Answer to an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// No answer: the input has no sender.
    None,
    /// Answer to a daemon.
    Node(NodeAnswer),
    /// Answer to a user.
    User(Outcome),
}

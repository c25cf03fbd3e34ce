//! Messages between the control server and its nodes and users, as plain types with a form in JSON.
//! Times are nanoseconds, pods are numbers that the cluster never uses twice.

pub mod declaration;
pub mod errand;
pub mod machine;
pub mod observation;
pub mod pod;
pub mod pressure;
pub(crate) mod reason;
pub(crate) mod redact;
pub mod report;
pub mod request;
pub mod service;
pub mod usage;
pub mod wish;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use declaration::{Declaration, Standing};
use pressure::Pressure;
use report::NumberedReport;
use usage::PodUsage;

/// A term of a control server. Two servers that began from copies of one state give equal numbers to their terms,
/// and these begin at other instants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Term {
    /// Number of the term.
    pub epoch: u64,
    /// Instant of its beginning, in nanoseconds since the run's zero; 0 if that is not known.
    pub opened_ns: i64,
}

impl Term {
    /// Whether who has seen this term has seen more than a server of another, or something else.
    pub(crate) const fn is_news_to(self, own: Self) -> bool {
        let is_known = self.opened_ns != 0 && own.opened_ns != 0;
        self.epoch > own.epoch
            || (self.epoch == own.epoch && is_known && self.opened_ns != own.opened_ns)
    }
}

/// The first message of a daemon: its node, and what the machine has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// The node's name.
    pub node: String,
    /// Identity of the machine, which outlives its daemon.
    pub machine: String,
    /// Identity of the daemon's process; reports are numbered within it.
    pub process: String,
    /// The machine's labels and resources.
    pub declaration: Declaration,
    /// Address at which other hosts reach the node's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The newest term that the daemon has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// Shortages of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pressures: Vec<Pressure>,
}

/// A heartbeat of a daemon, with its reports and the receipt for its commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Update {
    /// The node's name.
    pub node: String,
    /// Identity of the daemon's process.
    pub process: String,
    /// Number of the session that the registration opened.
    pub session: u32,
    /// The newest term that the daemon has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// Number of the last command of the session that the daemon has carried out.
    pub received: u64,
    /// `true` if the node's runtime works.
    pub ready: bool,
    /// Shortages of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pressures: Vec<Pressure>,
    /// Reports that the control server has not confirmed yet, in order.
    pub reports: Vec<NumberedReport>,
    /// Measured usage of pods that run; not part of the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<PodUsage>,
}

/// The text of a reason of a pod's end, such as `completed` or `evicted/drain`.
pub(crate) fn end_reason(reason: model::EndReason) -> String {
    reason::text(reason)
}

/// The pace of real time.
pub(crate) const fn real_time() -> u32 {
    1
}

/// Answer to a daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase", deny_unknown_fields)]
pub enum NodeAnswer {
    /// The node takes part from now on.
    #[serde(rename_all = "camelCase")]
    Welcome {
        /// Number of the session.
        session: u32,
        /// Number of the control server's term.
        epoch: u64,
        /// Instant at which the term began, in nanoseconds since the run's zero.
        #[serde(default)]
        opened_ns: i64,
        /// The modelled system, whose node agent the daemon runs.
        system: String,
        /// Seconds of the cluster's time that pass in a real second.
        #[serde(default = "real_time")]
        pace: u32,
    },
    /// The update is durable.
    #[serde(rename_all = "camelCase")]
    Received {
        /// Number of the control server's term.
        epoch: u64,
        /// Instant at which the term began, in nanoseconds since the run's zero.
        #[serde(default)]
        opened_ns: i64,
        /// Number of the session that the commands belong to.
        session: u32,
        /// Number of the last report that is durable.
        reports: u64,
        /// Commands that the daemon has not confirmed yet, in order.
        commands: Vec<NumberedCommand>,
    },
    /// No command came while the daemon waited for one.
    Quiet,
    /// The session is over; the daemon has to register again.
    Unregistered,
    /// The message was refused.
    Refused {
        /// Reason, with the remedy.
        why: String,
    },
}

impl NodeAnswer {
    /// Number of the term of the control server that answers, where the answer holds it.
    pub(crate) const fn epoch(&self) -> Option<u64> {
        match self {
            Self::Welcome { epoch, .. } | Self::Received { epoch, .. } => Some(*epoch),
            Self::Quiet | Self::Unregistered | Self::Refused { .. } => None,
        }
    }
}

/// A command of a session with its number, from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NumberedCommand {
    /// Number within the session.
    pub number: u64,
    /// The command.
    pub command: Command,
}

/// A command to a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// Stops every pod that is not in this list.
    Sync {
        /// Pods of the node.
        pods: Vec<u32>,
    },
    /// States the node's labels and taints.
    Declare(Standing),
    /// Runs a pod, or reports again how it is if it is known.
    Assign(Box<Assigned>),
    /// Ends a pod.
    Stop {
        /// The pod.
        pod: u32,
        /// The order.
        order: Ending,
    },
    /// Starts a pod that was held back.
    Release {
        /// The pod.
        pod: u32,
    },
    /// Ends a pod that the cluster has given up.
    Remove {
        /// The pod.
        pod: u32,
    },
    /// Reports again how every pod is.
    Relist,
}

/// A pod in the message that assigns it to its node.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact that an agent asks for"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assigned {
    /// The pod.
    pub pod: u32,
    /// The pod as an object of the Kubernetes API.
    pub manifest: Value,
    /// Longest run time.
    pub time_limit_ns: Option<i64>,
    /// `true` if an object controls the pod.
    pub is_owned: bool,
    /// `true` if the pod has volumes that may have to be attached first.
    pub has_volumes: bool,
    /// `true` if the pod is prepared and started only after its release.
    pub is_held: bool,
    /// `true` if the node took the pod before and need not judge it again.
    pub is_taken: bool,
    /// GPU devices of the node, as a set of bits.
    pub devices: u64,
    /// The order to end that stands for the pod.
    pub order: Option<Ending>,
}

/// An order to end a pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ending {
    /// Time that the pod may take.
    pub grace_ns: i64,
    /// Reason, as the end will report it.
    #[serde(with = "reason")]
    pub reason: model::EndReason,
}

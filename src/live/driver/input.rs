//! Inputs of the driver. Their types are those of the wire, so a recorded input is the message.

use serde::{Deserialize, Serialize};

use crate::wire::request::{Outcome, Request};
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
    /// A user asks for a change.
    Ask {
        /// The message.
        message: Request,
    },
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

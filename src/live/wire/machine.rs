//! Machines of a provider: what the control plane wants of them, and what became of it.

use serde::{Deserialize, Serialize};

use super::declaration::{Amount, Label};

/// A wish with its number; it is carried out at least once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MachineWish {
    /// Number of the wish, from 1.
    pub number: u64,
    /// The wish itself.
    pub wish: Wish,
}

/// A wish for a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "camelCase", deny_unknown_fields)]
pub enum Wish {
    /// A machine is to come.
    Add(MachineSpec),
    /// A machine is to go.
    Remove {
        /// Name of its node.
        node: String,
    },
}

/// A machine that is to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MachineSpec {
    /// Name of its node.
    pub node: String,
    /// Group or pool that it is for.
    pub group: String,
    /// Instance type of the machine.
    pub instance_type: String,
    /// Resources that the autoscaler counts on.
    pub allocatable: Vec<Amount>,
    /// Labels that the node will have.
    pub labels: Vec<Label>,
}

/// News of the provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase", deny_unknown_fields)]
pub enum MachineNews {
    /// A wish was carried out.
    Done {
        /// Number of the wish.
        number: u64,
    },
    /// A wish can't be carried out.
    Failed {
        /// Number of the wish.
        number: u64,
        /// Reason.
        why: String,
    },
    /// Machines that the provider has.
    Listed {
        /// Names of their nodes.
        nodes: Vec<String>,
    },
}

//! Reasons why a node can't take part.

use thiserror::Error;

/// A problem with the answer of a control server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NodeError {
    /// The control server refused the node.
    #[error("the control server refused the node: {0}")]
    Refused(String),
    /// The system is not known here, or could not be built.
    #[error("the control server runs the system `{system}`, which this version can't: {why}")]
    System {
        /// Name of the system.
        system: String,
        /// Reason.
        why: String,
    },
}

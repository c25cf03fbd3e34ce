//! Failures of nodes as a log has them, by class of nodes.

use intake::ledger::Ledger;
use units::Duration;

/// Label of the nodes of a class where their log has none.
pub const CLASS_LABEL: &str = "class";

/// Failures as they were observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedFailures {
    /// Classes of nodes, in order of their names.
    pub classes: Vec<FailureClass>,
    /// Properties of the log that no class has.
    pub left_out: Vec<&'static str>,
    /// Ledger of the input's irregularities.
    pub ledger: Ledger,
}

/// Failures of the nodes of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureClass {
    /// Label of the nodes and its value; none where all nodes are of one class.
    pub label: Option<(&'static str, String)>,
    /// Number of nodes that failed; 0 where the log does not tell.
    pub nodes: u64,
    /// Number of failures.
    pub failures: u64,
    /// Times from the end of a failure to the next one of the same node.
    pub between: Vec<Duration>,
    /// Times from a failure to the node's return.
    pub repair: Vec<Duration>,
}

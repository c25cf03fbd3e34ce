//! Observations of schedulers at work: a decision on a job, and what virtual machines got of what they
//! asked for.

use serde::{Deserialize, Serialize};

use super::Text;
use units::Instant;

/// A scheduler's decision on a job, from the copy of the cluster that it looks at to the commit of its
/// claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Name of the scheduler.
    pub scheduler: Text,
    /// Number of the schedulers that share the cluster.
    pub schedulers: u32,
    /// Instant of the copy.
    pub began: Instant,
    /// Instant of the job's submission, if this is the first decision on it.
    pub submitted: Option<Instant>,
    /// Number of claims.
    pub claims: u32,
    /// Number of claims that the commit refused because of what others had claimed meanwhile.
    pub conflicts: u32,
    /// Number of tasks that got their nodes.
    pub placed: u32,
}

/// Account of the virtual machines of a system over a time, summed up over nodes and machines as
/// `CloudSim` defines it (spec: published-results.md section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLevels {
    /// Beginning of the time, which ends with the instant of the event.
    pub since: Instant,
    /// Time of nodes in use, in nanoseconds.
    pub in_use: i64,
    /// Part of it in which the machines of a node got less than they asked for.
    pub overloaded: i64,
    /// Speed that machines asked for, in milli-cores times microseconds.
    pub asked: i64,
    /// Part of it that machines did not get while they moved.
    pub lost_by_moves: i64,
}

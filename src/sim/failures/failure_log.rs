//! Outages as a failure log has them (spec: traces.md section 13).

use super::{Change, Strike, Timeline};
use crate::hosts::Trouble;
use units::{Instant, NodeId};

/// Nodes that were down, from when to when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedOutages {
    /// Nodes with the instants at which they went down, and at which they were up again.
    pub outages: Vec<(NodeId, Instant, Option<Instant>)>,
}

impl LoggedOutages {
    pub(super) fn timelines(&self) -> Vec<Timeline> {
        let mut strikes = Vec::new();
        for &(node, down, up) in &self.outages {
            strikes.push(Strike {
                at: down,
                change: match down {
                    Instant::ZERO => Change::Absent(node),
                    _ => Change::Begin(node, Trouble::Crash),
                },
            });
            strikes.extend(up.map(|at| Strike {
                at,
                change: Change::End(node, Trouble::Crash),
            }));
        }
        vec![Timeline::scripted(strikes)]
    }
}

//! Hosts that were in trouble before the run began.

use units::{Duration, Instant, NodeId};

use super::super::parts::InitialTrouble;
use super::{Hosts, RUNTIME_PATIENCE};

impl Hosts {
    /// A host was in trouble before the run began.
    pub(in super::super) fn find(&mut self, node: NodeId, trouble: InitialTrouble) {
        let lost = self.lost.entry(node).or_default();
        match trouble {
            InitialTrouble::Silent(_) => lost.cut = 1,
            InitialTrouble::Unready => {
                let patience = Duration::from_nanos(-RUNTIME_PATIENCE.as_nanos());
                lost.stalled = 1;
                lost.stalled_since = Instant::ZERO.saturating_add(patience);
            }
        }
    }
}

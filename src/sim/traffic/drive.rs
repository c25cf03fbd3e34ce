//! Traffic as the engine drives it.

use std::sync::Arc;

use super::{Traffic, TrafficPlan};
use crate::cell::Cell;
use crate::engine::Engine;
use crate::queue::Upcoming;
use units::{Duration, NodeId};

/// How often traffic is followed where nothing else asks for it: what is told of it lags no more.
const FOLLOWED_EVERY: Duration = Duration::from_secs(600);

impl Engine<'_> {
    /// Clients begin to ask.
    pub(crate) fn expect_traffic(&mut self, cell: &mut Cell, plan: Option<Arc<TrafficPlan>>) {
        if let Some(plan) = plan {
            let seed = self.options.seed ^ u64::from(cell.number) << 48;
            let mut traffic = Traffic::new(plan, seed);
            traffic.know_hosts(cell.store.nodes().ids());
            cell.traffic = Some(Box::new(traffic));
            self.follow_traffic(cell);
        }
    }

    /// Follows the traffic of a cell up to now.
    pub(crate) fn follow_traffic(&mut self, cell: &mut Cell) {
        if let Some(traffic) = &mut cell.traffic {
            traffic.advance(self.now, &mut *self.observer);
            traffic.load_pods(&mut cell.usage);
            let next = self.now.saturating_add(FOLLOWED_EVERY);
            self.queue.push(next, Upcoming::Traffic.of(cell.number));
        }
    }

    /// Follows the traffic of a cell to the end of the run.
    pub(crate) fn end_traffic(&mut self, cell: &mut Cell) {
        if let Some(traffic) = &mut cell.traffic {
            traffic.advance(self.now, &mut *self.observer);
        }
    }

    /// A host may have gone down or come back.
    pub(crate) fn host_of_traffic(&mut self, cell: &mut Cell, node: NodeId) {
        if let Some(traffic) = &mut cell.traffic {
            let is_up = cell.hosts.is_up(node);
            traffic.host_changed(self.now, node, is_up, &mut *self.observer);
        }
    }
}

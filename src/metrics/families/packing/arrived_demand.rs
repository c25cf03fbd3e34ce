//! Allocation and fragmentation over arrived demand: the axis on which fill-ups are compared, and
//! the published tables of FGD (published-results.md 1.1 and 1.8), equal to the last bit.
//!
//! An event is the first decision on a pod: it was bound, or an attempt to place it failed, or it
//! ended unplaced. The pod's GPU request counts as arrived from then on, and the state after the
//! decision is what the event shows. Per event, the allocation in percent, the fragmented amount and
//! its share of the idle GPU are rounded to two decimals as `%.2f` does. A column is the mean, as
//! `NumPy` takes it, over the events whose arrived percentage rounds to its number.
//!
//! The two decimals are safe: amounts come from a tree of sums that holds the present state only
//! ([`crate::record::fragments`]), off by less than 1e-9 where 0.005 decides.

use cluster::Store;
use cluster::fragmentation::Fragments;
use model::{Event, Pod, PodRef};
use units::PodId;

use crate::record::fragments::FragmentTracker;
use crate::record::state::{ClusterState, Resource, class_requests};
use crate::statistics::integral::float;
use crate::statistics::pairwise;

/// The published tables end at 130 % of the GPUs.
pub const PUBLISHED_COLUMNS: usize = 131;

/// One event of a fill-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrivedEvent {
    /// Arrived demand in whole percent of all GPUs, ties to even.
    pub column: u32,
    /// Allocated GPU in percent of all GPUs, two decimals.
    pub allocation: f64,
    /// Fragmented GPU in milli-GPU, two decimals; `None` without a workload to measure against.
    pub fragmented_milli: Option<f64>,
    /// Fragmented share of the idle GPU in percent, two decimals; `None` if nothing is idle.
    pub fragmented_share: Option<f64>,
}

/// No pod is given this identity: a store refuses to count so far.
const NOBODY: PodId = PodId(u32::MAX);

/// Follows the arrived demand of a cell.
#[derive(Clone, Debug, Default)]
pub struct ArrivedDemand {
    /// Milli-GPU of all pods decided on so far.
    demand_milli: i128,
    /// The last pod decided on, by row.
    decided: Vec<PodId>,
    events: Vec<ArrivedEvent>,
}

/// Means by arrived demand: entry *a* is taken over the events at *a* percent, over those within one
/// percent if there are none, and is `None` if there are none either.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArrivedTables {
    /// Allocated GPU in percent of all GPUs, two decimals.
    pub allocation: Vec<Option<f64>>,
    /// Fragmented GPU in percent of all GPUs, two decimals.
    pub fragmented: Vec<Option<f64>>,
    /// Fragmented share of the idle GPU in percent, not rounded.
    pub fragmented_share: Vec<Option<f64>>,
}

impl ArrivedDemand {
    /// Whether a change is the first decision on a pod, which is to be taken in then.
    #[inline]
    pub fn is_decision(&mut self, event: &Event, pod: PodRef) -> bool {
        matches!(
            event,
            Event::PodBound { .. } | Event::PodUnschedulable { .. } | Event::PodEnded { .. }
        ) && self.is_first_decision(pod)
    }

    /// Takes in the first decision on a pod, which `state` follows before.
    pub fn decided(&mut self, pod: &Pod, state: &mut ClusterState, store: &Store) {
        self.demand_milli += i128::from(class_requests(store, pod.class)[Resource::Gpu as usize]);
        state.refresh_fragments(store);
        if let Some(event) = self.event(state) {
            self.events.push(event);
        }
    }

    /// The events so far.
    pub fn events(&self) -> &[ArrivedEvent] {
        &self.events
    }

    /// The tables with this many columns, 0 % first.
    pub fn tables(&self, state: &ClusterState, columns: usize) -> ArrivedTables {
        let gpus = state.capacity.of(Resource::Gpu) as f64 / 1_000.0;
        let mut tables = ArrivedTables::default();
        for column in 0..columns as u32 {
            let mut events = self.between(column, column);
            if events.is_empty() {
                events = self.between(column.saturating_sub(1), column + 1);
            }
            let mean = |value: fn(&ArrivedEvent) -> Option<f64>| {
                let values: Vec<f64> = events.iter().filter_map(value).collect();
                pairwise::mean(&values)
            };
            let allocation = mean(|event| Some(event.allocation));
            let amount = mean(|event| event.fragmented_milli);
            tables
                .allocation
                .push(allocation.map(pairwise::round_two_decimals));
            tables.fragmented.push(
                amount.map(|mean| pairwise::round_two_decimals(100.0 * mean / 1_000.0 / gpus)),
            );
            tables
                .fragmented_share
                .push(mean(|event| event.fragmented_share));
        }
        tables
    }

    /// Demand only grows, so the events of neighbouring columns lie together.
    fn between(&self, first: u32, last: u32) -> &[ArrivedEvent] {
        let start = self.events.partition_point(|event| event.column < first);
        let end = self.events.partition_point(|event| event.column <= last);
        &self.events[start..end]
    }

    fn is_first_decision(&mut self, pod: PodRef) -> bool {
        let row = pod.slot.index();
        if self.decided.len() <= row {
            self.decided.resize(row + 1, NOBODY);
        }
        std::mem::replace(&mut self.decided[row], pod.id) != pod.id
    }

    fn event(&self, state: &ClusterState) -> Option<ArrivedEvent> {
        let gpu_milli = state.capacity.of(Resource::Gpu);
        if gpu_milli <= 0 {
            return None;
        }
        let gpus = float(gpu_milli) / 1_000.0;
        let percent = |milli: i128| float(milli) / gpus / 10.0;
        let fragments = state.fragments.as_ref().map(FragmentTracker::total);
        let amount = fragments.map(Fragments::fragmented);
        let idle = fragments.map(Fragments::total);
        let share = amount
            .zip(idle)
            .filter(|&(_, idle)| idle > 0.0)
            .map(|(amount, idle)| 100.0 * amount / idle);
        Some(ArrivedEvent {
            column: percent(self.demand_milli).round_ties_even() as u32,
            allocation: pairwise::nearest_two_decimals(percent(state.allocated.of(Resource::Gpu))),
            fragmented_milli: amount.map(pairwise::nearest_two_decimals),
            fragmented_share: share.map(pairwise::nearest_two_decimals),
        })
    }
}

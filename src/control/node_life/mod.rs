//! Node life as components: what the control plane makes of nodes that fall silent. Each drives a
//! pure controller of [`super::controllers`] from the log: [`Lifecycle`] marks and taints nodes,
//! [`Eviction`] ends pods that don't tolerate the taints; what remains is collected by
//! the controller manager. What changes nothing is computed, not stepped: while every node renews
//! its lease there is no work (spec: kubernetes.md 2.7, 2.8).

mod eviction;
mod lifecycle;
mod node_record;

pub use eviction::Eviction;
pub use lifecycle::{Lifecycle, LifecycleSetup};

use cluster::Store;
use model::event::PodRef;
use model::{EndReason, Event, EvictionCause, PodChange};
use units::{Duration, Instant};

/// Whether what changes nothing is computed or stepped; a run comes out the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObservationMode {
    /// Passes that would find nothing are left out, renewals of leases are computed.
    #[default]
    Computed,
    /// Every pass is made, and every renewal is an event: for tests.
    Stepped,
}

/// The first instant of a grid at or after `at`.
fn on_grid(at: Instant, period: Duration) -> Instant {
    let (at, period) = (at.as_nanos(), period.as_nanos().max(1));
    Instant::from_nanos(at.saturating_add(period - 1).div_euclid(period) * period)
}

/// The first instant of a grid after `at`.
fn after_on_grid(at: Instant, period: Duration) -> Instant {
    on_grid(at.saturating_add(Duration::from_nanos(1)), period)
}

/// The order to evict a pod within its grace; `None` if it was asked to terminate already.
fn evict(store: &Store, pod: PodRef) -> Option<Event> {
    if store.pod_states().is_terminating(pod) {
        return None;
    }
    Some(Event::PodChanged {
        pod,
        change: PodChange::Terminating {
            grace: store.grace_of(pod),
            reason: EndReason::Evicted(EvictionCause::Taint),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_begin_at_zero() {
        let period = Duration::from_secs(5);
        for (at, first, next) in [(0, 0, 5), (1, 5, 5), (5, 5, 10), (9, 10, 10)] {
            let at = Instant::from_secs(at);
            assert_eq!(on_grid(at, period), Instant::from_secs(first));
            assert_eq!(after_on_grid(at, period), Instant::from_secs(next));
        }
    }
}

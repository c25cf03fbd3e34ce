//! Promises that hold at every change.

use windtunnel::cluster::Store;
use windtunnel::model::{EndReason, Event, EvictionCause, Object, Pod, PodChange, PodPhase};
use windtunnel::units::{Duration, Instant, NodeId, PodId, SortedMap, SortedSet};

use super::{KEPT, app, is_ready, is_terminating, pods};
use crate::controlled::names;

/// Looks at every change.
pub(super) struct Watch {
    /// Spans in which what controllers see and do is disturbed, and what comes of that a while after.
    pub(super) blind: Vec<(i64, i64)>,
    pub(super) changes: u64,
    /// Pods of every class of the census: created, and how they ended.
    pub(super) created: u64,
    pub(super) ended: SortedMap<PodId, EndReason>,
    pub(super) wanted_most: i32,
    /// Pods that the shop wants now.
    pub(super) wanted: i32,
    /// When it was last told to have fewer.
    pub(super) shrunk: Instant,
    pub(super) evictions: u32,
    /// Pods that turned unready at an instant.
    pub(super) unready: (Instant, SortedSet<PodId>),
    pub(super) broken: Vec<String>,
}

impl Watch {
    fn sees(&self, at: Instant) -> bool {
        let secs = at.as_secs_f64() as i64;
        !self
            .blind
            .iter()
            .any(|&(from, until)| (from..until).contains(&secs))
    }

    pub(super) fn look(&mut self, at: Instant, event: &Event, store: &Store) {
        self.changes += 1;
        let before = self.broken.len();
        match event {
            Event::PodCreated(created) => {
                self.created += 1;
                if let Some(pod) = store.pods().get(created.pod) {
                    self.created(at, pod, store);
                }
            }
            Event::PodEnded { pod, reason } => {
                let before = self.ended.insert(pod.id, *reason);
                let twice = before.map(|_| format!("{} ended twice", pod.id));
                self.broken.extend(twice);
            }
            Event::PodChanged {
                pod,
                change: PodChange::Ready(false),
            } => {
                if self.unready.0 != at {
                    self.unready = (at, SortedSet::new());
                }
                self.unready.1.insert(pod.id);
            }
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { reason, .. },
            } => {
                if let Some(pod) = store.pods().get(*pod) {
                    self.told_to_end(at, pod, *reason, store);
                }
            }
            Event::Object(change) => self.declared(at, change),
            _ => {}
        }
        self.no_node_is_too_full(store);
        if self.broken.len() > before {
            let what = self.broken.split_off(before);
            let kind = event.kind();
            self.broken
                .extend(what.into_iter().map(|what| format!("{at}, {kind}: {what}")));
        }
    }

    /// What nodes have taken is never more than they have; what is bound to one that can't be told
    /// may be.
    fn no_node_is_too_full(&mut self, store: &Store) {
        let mut left: SortedMap<NodeId, i64> = SortedMap::new();
        for pod in store.pods().iter() {
            let is_taken = matches!(pod.phase, PodPhase::Starting | PodPhase::Running);
            let Some(node) = pod.node().filter(|_| is_taken) else {
                continue;
            };
            let offered = store.nodes().allocatable().row(node).cpu_milli;
            let asked = store.class(pod.class).requests.cpu_milli;
            *left.entry(node).or_insert(offered) -= asked;
        }
        for (node, left) in left {
            if left < 0 {
                self.broken
                    .push(format!("{node} runs {} thousandths too much", -left));
            }
        }
    }

    fn declared(&mut self, at: Instant, change: &windtunnel::model::ObjectChange) {
        use windtunnel::model::ObjectChange::{Created, Updated};
        if let Created { object, .. } | Updated { object, .. } = change
            && let Object::Deployment(shop) = object
        {
            self.wanted_most = self.wanted_most.max(shop.replicas);
            if shop.replicas < self.wanted {
                self.shrunk = at;
            }
            self.wanted = shop.replicas;
        }
    }

    fn created(&mut self, at: Instant, pod: &Pod, store: &Store) {
        match &*app(store, pod) {
            "shop" => {
                let own = pods(store, "shop");
                let active = own.iter().filter(|pod| !is_terminating(store, pod)).count() as i32;
                // Surge is reckoned by what sets are to have: where deletions are slow, pods that are
                // about to go are there beside those that come.
                if self.sees(at) && active > self.wanted_most + 2 {
                    let most = self.wanted_most;
                    self.broken
                        .push(format!("{active} pods of a shop of {most} and two"));
                }
            }
            "db" => {
                let mut all = names(store, "db");
                let count = all.len();
                all.dedup();
                if all.len() < count {
                    self.broken.push("two pods of one name".to_owned());
                }
                self.ordered(at, pod, store);
            }
            _ => {}
        }
    }

    /// Whether those before a new member are ready.
    fn ordered(&mut self, at: Instant, pod: &Pod, store: &Store) {
        if !self.sees(at) {
            return;
        }
        let ordinal = |pod: &Pod| -> i32 {
            let name = pod.name.to_string();
            name.trim_start_matches("db-").parse().unwrap_or(-1)
        };
        let own = ordinal(pod);
        let ready: SortedSet<i32> = { pods(store, "db").into_iter() }
            .filter(|pod| is_ready(store, pod))
            .map(ordinal)
            .collect();
        if let Some(missing) = (0..own).find(|earlier| !ready.contains(earlier)) {
            self.broken
                .push(format!("db-{own} comes while db-{missing} is not ready"));
        }
    }

    /// Pods of the shop that turned unready at this very instant and are not told to end.
    fn just_unready(&self, at: Instant, store: &Store) -> usize {
        let own = pods(store, "shop");
        let is_new = |pod: &&Pod| {
            self.unready.0 == at
                && self.unready.1.contains(&pod.pod.id)
                && !is_ready(store, pod)
                && !is_terminating(store, pod)
        };
        own.into_iter().filter(is_new).count()
    }

    fn told_to_end(&mut self, at: Instant, pod: &Pod, reason: EndReason, store: &Store) {
        if &*app(store, pod) != "shop" {
            return;
        }
        let ready = { pods(store, "shop").into_iter() }
            .filter(|pod| is_ready(store, pod))
            .count();
        match reason {
            EndReason::Evicted(EvictionCause::Drain) => {
                self.evictions += 1;
                // Whoever has not started may always go.
                let counts = pod.phase == PodPhase::Running;
                if counts && self.sees(at) && ready < KEPT {
                    self.broken
                        .push(format!("{ready} of {KEPT} are left by a drain"));
                }
            }
            EndReason::Cancelled => {
                let state = store.pod_states().get(pod.pod);
                let was_ready = state.is_some_and(|state| state.is_ready);
                // Fewer replicas in the middle of a rollout take from all sets in proportion,
                // whichever of them are ready.
                let is_shrinking = at.since(self.shrunk) < Duration::from_secs(5);
                // A deployment knows of its pods what their sets have said, one after the other: it may
                // have heard of one that turned ready, and not yet of those that turned unready with it.
                let known = ready + self.just_unready(at, store);
                if was_ready && self.sees(at) && !is_shrinking && (known as i32) < self.wanted - 1 {
                    let wanted = self.wanted;
                    self.broken
                        .push(format!("{ready} of {wanted} are left by a rollout"));
                }
            }
            _ => {}
        }
    }
}

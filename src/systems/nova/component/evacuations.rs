//! Evacuations: an operator has the instances of a host that is down built again elsewhere. Each is a request of
//! its own, whose build is tried on one host. Where it fails the instance stays on its host, and runs again if
//! that comes back (spec: orchestrators-a.md section 6.3; `conductor/manager.py`, `rebuild_instance`).

use crate::parts::turn::Turn;
use std::collections::VecDeque;

use cluster::Store;
use control::admission::Creation;
use model::{EndReason, Pod, PodCreated, PodRef, Text};
use units::{Duration, Instant, NodeId, SortedMap, SortedSet};

use super::super::scheduler::{Choice, Request};
use super::requests::Alternates;
use super::{Due, Nova};

/// The evacuations of a cloud.
#[derive(Clone, Debug, Default)]
pub(super) struct Evacuations {
    /// Instances to build on another host, in order.
    asked: VecDeque<PodRef>,
    /// Name of the instance whose pod is replaced at the moment, with the host that is chosen for it.
    chosen: Option<(Text, usize)>,
    /// Hosts that are evacuated, with the instant at which the operator first asked.
    hosts: SortedMap<NodeId, Instant>,
    /// Those of them whose last instances found no other host.
    waiting: SortedSet<NodeId>,
}

impl Evacuations {
    /// A host is back: what is left on it stays.
    pub(super) fn end(&mut self, node: NodeId) {
        self.hosts.remove(&node);
        self.waiting.remove(&node);
    }

    /// The instance to be replaced has ended meanwhile.
    pub(super) fn call_off(&mut self) {
        self.chosen = None;
    }
}

impl Nova {
    /// An operator has the instances of a host built again elsewhere. Those that wait for an answer to a move
    /// are refused.
    pub(super) fn evacuate(&mut self, now: Instant, node: NodeId, store: &Store) {
        if !self.is_down(now, node) {
            return;
        }
        self.evacuations.hosts.entry(node).or_insert(now);
        let instances = self.instances.iter().flatten();
        let on_host = instances.filter(|own| {
            let bound = store.pods().get(own.pod).and_then(Pod::node);
            bound == Some(node)
                && !store.pod_states().is_terminating(own.pod)
                && !self.relocations.has(own.pod)
                && !self.evacuations.asked.contains(&own.pod)
        });
        let pods: Vec<PodRef> = on_host.map(|own| own.pod).collect();
        self.evacuations.asked.extend(pods);
    }

    /// Evacuates the next instance; `false` if there is none.
    pub(super) fn evacuate_next(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(pod) = self.evacuations.asked.pop_front() else {
            return false;
        };
        let known = self.instance_mut(pod);
        let known = known.and_then(|own| Some((own.name.clone(), own.class, own.host?)));
        let Some((name, class, from)) = known else {
            return true;
        };
        let (Some(request), node) = (self.request_of(class), NodeId::from_index(from)) else {
            return true;
        };
        if turn.store.pods().get(pod).is_none() || !self.is_down(turn.now, node) {
            return true;
        }
        turn.out.decided_pods += 1;
        turn.out.decided_jobs += 1;
        let request = Request {
            excluded: vec![from],
            present: Some(from),
            hints: self.hints(class),
            ..Request::clone(&request)
        };
        let Ok(choice) = self.select(&request, class, Alternates::OfBuild) else {
            self.evacuations.waiting.insert(node);
            return true;
        };
        if self.fails(pod) {
            self.cloud.change(choice.host, |own| own.failed_builds += 1);
            self.evacuate_later(turn.now.saturating_add(Duration::from_nanos(1)), node);
            return true;
        }
        self.evacuations.chosen = Some((name, choice.host));
        turn.out.creations.push(Creation::Replacement {
            pod,
            reason: EndReason::NodeLost,
        });
        true
    }

    /// Builds an evacuated instance, whose pod is there now, on the host that was chosen for it; `false` if the
    /// pod is another one.
    pub(super) fn evacuated(&mut self, created: &PodCreated, turn: &mut Turn<'_>) -> bool {
        let name = created.name.text();
        let chosen = self.evacuations.chosen.take_if(|(own, _)| *own == name);
        let Some((_, host)) = chosen else {
            return false;
        };
        let choice = Choice {
            host,
            alternates: Vec::new(),
        };
        self.take(created.pod, choice);
        self.bind(created.pod, turn);
        true
    }

    /// Something may have become possible: the operator asks again for what is left on hosts that are down.
    pub(super) fn evacuate_again(&mut self, now: Instant) {
        for node in std::mem::take(&mut self.evacuations.waiting) {
            self.evacuate_later(now, node);
        }
    }

    /// The operator asks again at the next of their times from an instant on, unless they ask once.
    fn evacuate_later(&mut self, from: Instant, node: NodeId) {
        let asks_once = self.options.client_retry <= Duration::ZERO;
        if let Some(&asked) = self.evacuations.hosts.get(&node).filter(|_| !asks_once) {
            let at = self.next_ask(asked, from);
            self.timers.push(at, Due::Evacuate(node));
        }
    }
}

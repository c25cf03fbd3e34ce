//! Upgrade waves: nodes are taken out of use in batches, or so many at a time, serviced or replaced,
//! and taken back. Pure: told what time it is and how the cluster stands, it says what is to be done
//! (spec: orchestrators-b.md 10.3).

use crate::daemons::is_vacant;
use cluster::Store;
use model::Text;
use rng::{Distribution, Stream};
use units::{Duration, Identity, Instant, NodeId};

/// Time between two looks at nodes that are being drained.
const LOOK: Duration = Duration::from_secs(1);

/// Time until pods that must not be evicted yet are asked for again, as `kubectl drain` does.
const EVICTION_RETRY: Duration = Duration::from_secs(5);

/// Plan of an upgrade: its nodes and its limits.
#[derive(Clone, Debug, PartialEq)]
pub struct UpgradePlan {
    /// The nodes, in order.
    pub nodes: Vec<Text>,
    /// Nodes that have joined meanwhile and are upgraded after them; `None` upgrades none.
    pub joined: Option<JoinedNodes>,
    /// Number of nodes at a time.
    pub width: usize,
    /// Whether the next follows as soon as one is done, and not once all of a batch are.
    pub is_rolling: bool,
    /// Time for which a node is away once it is drained.
    pub service: Distribution,
    /// Time after which a node goes that is not drained yet; `None` never does.
    pub drain_timeout: Option<Duration>,
    /// Time from the end of a batch, or of a node, to the beginning of the next.
    pub gap: Duration,
    /// Method by which nodes are emptied.
    pub emptying: DrainMethod,
    /// Whether nodes leave and others join in their place.
    pub replaces: bool,
    /// The seed of service times, which each node draws by itself.
    pub seed: u64,
}

/// The nodes that join after the start and are upgraded with the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinedNodes {
    /// Label and name of their domain; `None` for all nodes.
    pub domain: Option<(Text, Text)>,
    /// The label in the order of whose values they are upgraded.
    pub by: Option<Text>,
}

/// Method by which a node is emptied before it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainMethod {
    /// Pods on it are evicted, but for daemons.
    Eviction,
    /// It is cordoned, and its system moves the pods to other nodes.
    Migration,
    /// The system takes everything off it, daemons too.
    System,
}

/// Stage of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Draining {
        since: Instant,
        asked: Option<Instant>,
    },
    Away {
        until: Instant,
    },
    Done {
        at: Instant,
    },
    /// It left before its turn came.
    Gone,
}

/// Action on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeAction {
    /// Let no new pods on it, and evict those on it as budgets allow.
    Drain(NodeId),
    /// Let no new pods on it.
    Cordon(NodeId),
    /// Take it out of use, whatever is left on it.
    TakeAway(NodeId),
    /// Put it back into use.
    PutBack(Text),
}

/// An upgrade on its way.
#[derive(Clone, Debug)]
pub struct Upgrade {
    plan: UpgradePlan,
    stages: Vec<Stage>,
    /// The first node that is not begun.
    next: usize,
    /// The nodes that are begun and not done.
    open: Vec<usize>,
    /// Instant at which the last batch, or node, was done.
    done: Option<Instant>,
}

impl Upgrade {
    /// An upgrade that has not begun.
    pub fn new(plan: UpgradePlan) -> Self {
        Self {
            stages: vec![Stage::Waiting; plan.nodes.len()],
            plan,
            next: 0,
            open: Vec::new(),
            done: None,
        }
    }

    /// Returns the plan.
    pub fn plan(&self) -> &UpgradePlan {
        &self.plan
    }

    /// Returns the actions due now, in order, and the time of the next step; `None` once the
    /// upgrade is complete.
    pub fn step(&mut self, now: Instant, store: &Store) -> (Vec<NodeAction>, Option<Instant>) {
        let mut deeds = Vec::new();
        loop {
            let before = deeds.len();
            for place in self.open.clone() {
                self.advance(place, now, store, &mut deeds);
            }
            let stages = &self.stages;
            let is_open =
                |place: &usize| !matches!(stages[*place], Stage::Done { .. } | Stage::Gone);
            self.open.retain(is_open);
            self.begin(now, store);
            if deeds.len() == before && !self.has_unasked() {
                return (deeds, self.wake(now));
            }
        }
    }

    fn has_unasked(&self) -> bool {
        self.open
            .iter()
            .any(|&place| matches!(self.stages[place], Stage::Draining { asked: None, .. }))
    }

    /// Begins with as many nodes as may be.
    fn begin(&mut self, now: Instant, store: &Store) {
        let ready_at = self.done.map(|done| done.saturating_add(self.plan.gap));
        if ready_at.is_some_and(|at| at > now) || (!self.plan.is_rolling && !self.open.is_empty()) {
            return;
        }
        while self.open.len() < self.plan.width && self.next < self.plan.nodes.len() {
            let place = self.next;
            self.next += 1;
            if store.nodes().by_name(&self.plan.nodes[place]).is_none() {
                self.stages[place] = Stage::Gone;
                continue;
            }
            self.stages[place] = Stage::Draining {
                since: now,
                asked: None,
            };
            self.open.push(place);
        }
    }

    fn advance(&mut self, place: usize, now: Instant, store: &Store, deeds: &mut Vec<NodeAction>) {
        let name = &self.plan.nodes[place];
        match self.stages[place] {
            Stage::Draining { since, asked } => {
                let Some(node) = store.nodes().by_name(name) else {
                    self.stages[place] = Stage::Gone;
                    return;
                };
                let is_due = asked.is_none_or(|at| at.saturating_add(EVICTION_RETRY) <= now);
                let is_late =
                    (self.plan.drain_timeout).is_some_and(|most| since.saturating_add(most) <= now);
                let is_vacant = match self.plan.emptying {
                    DrainMethod::System => store.nodes().pods(node).is_empty(),
                    DrainMethod::Eviction | DrainMethod::Migration => is_vacant(store, node),
                };
                if (asked.is_some() && is_vacant) || is_late {
                    let entity = Identity::of(name);
                    let mut stream = Stream::of(self.plan.seed, "upgrade-service", entity);
                    let until = now.saturating_add(self.plan.service.sample(&mut stream));
                    self.stages[place] = Stage::Away { until };
                    deeds.push(NodeAction::TakeAway(node));
                } else if is_due {
                    let asked = Some(now);
                    self.stages[place] = Stage::Draining { since, asked };
                    deeds.push(match self.plan.emptying {
                        DrainMethod::Eviction | DrainMethod::System => NodeAction::Drain(node),
                        DrainMethod::Migration => NodeAction::Cordon(node),
                    });
                }
            }
            Stage::Away { until } if until <= now => {
                self.stages[place] = Stage::Done { at: now };
                let others = self.open.iter().filter(|&&other| other != place);
                let mut others = others.map(|&other| self.stages[other]);
                let is_last = others.all(|stage| matches!(stage, Stage::Done { .. } | Stage::Gone));
                if self.plan.is_rolling || is_last {
                    self.done = Some(now);
                }
                deeds.push(NodeAction::PutBack(name.clone()));
            }
            _ => {}
        }
    }

    /// Instant at which something is due next.
    fn wake(&self, now: Instant) -> Option<Instant> {
        let open = self.open.iter().map(|&place| match self.stages[place] {
            Stage::Away { until } => until,
            _ => now.saturating_add(LOOK),
        });
        let can_begin = self.plan.is_rolling || self.open.is_empty();
        let next = (self.next < self.plan.nodes.len() && can_begin)
            .then(|| self.done.map(|done| done.saturating_add(self.plan.gap)))
            .flatten()
            .filter(|at| *at > now);
        open.chain(next).min()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use model::{Event, Node};

    fn store(count: usize) -> Store {
        let mut store = Store::new();
        for number in 0..count {
            let node = Node {
                name: format!("n{number}").as_str().into(),
                ..Node::default()
            };
            let event = store.node_added(Arc::new(node));
            store.apply(Instant::ZERO, event).expect("a node");
        }
        store
    }

    fn plan(count: usize, width: usize, is_rolling: bool) -> UpgradePlan {
        let name = |number: usize| format!("n{number}").as_str().into();
        UpgradePlan {
            nodes: (0..count).map(name).collect(),
            joined: None,
            width,
            is_rolling,
            service: "10m".parse().expect("a constant"),
            drain_timeout: None,
            gap: Duration::from_secs(60),
            emptying: DrainMethod::Eviction,
            replaces: false,
            seed: 7,
        }
    }

    /// Runs an upgrade of empty nodes; returns when it was over and how many were away at most.
    fn run(plan: UpgradePlan, store: &Store) -> (Instant, usize) {
        let mut upgrade = Upgrade::new(plan);
        let (mut now, mut away, mut most) = (Instant::ZERO, 0_usize, 0);
        loop {
            let (deeds, next) = upgrade.step(now, store);
            for deed in deeds {
                match deed {
                    NodeAction::TakeAway(_) => away += 1,
                    NodeAction::PutBack(_) => away -= 1,
                    NodeAction::Drain(_) | NodeAction::Cordon(_) => {}
                }
                most = most.max(away);
            }
            match next {
                Some(at) => {
                    assert!(at > now, "it would never get on");
                    now = at;
                }
                None => return (now, most),
            }
        }
    }

    #[test]
    fn batches_take_as_long_as_the_specification_says() {
        // ceil(N / b) × (drain + service + gap), but for the gap after the last.
        for (count, width) in [(10, 3), (9, 3), (1, 5), (100, 10)] {
            let batches = count_of(count, width);
            let expected = batches * 660 - 60;
            let (end, most) = run(plan(count, width, false), &store(count));
            assert_eq!(end, Instant::from_secs(expected), "{count} by {width}");
            assert_eq!(most, width.min(count));
        }
    }

    fn count_of(count: usize, width: usize) -> i64 {
        count.div_ceil(width) as i64
    }

    #[test]
    fn so_many_at_a_time_are_never_more() {
        let (_, most) = run(plan(20, 4, true), &store(20));
        assert_eq!(most, 4);
    }

    #[test]
    fn nodes_that_left_are_passed_over() {
        let mut store = store(3);
        let node = NodeId(1);
        store
            .apply(Instant::ZERO, Event::NodeRemoved { node })
            .expect("an empty node");
        let (end, _) = run(plan(3, 1, false), &store);
        assert_eq!(end, Instant::from_secs(2 * 660 - 60));
    }
}

//! Node life: nodes that fall silent become unknown, and are tainted zone by zone at a limited rate
//! (spec: kubernetes.md 2.7). The driver calls [`NodeLifecycle::monitor`] every monitor period,
//! [`NodeLifecycle::taint`] every tenth of a second while nodes wait, and writes
//! [`no_schedule_taints`] whenever a node changes.

mod limiter;
mod view;

use limiter::Limiter;
pub use view::{
    ExecuteTaint, LifecycleWrite, NodePressure, NodeReady, NodeView, ReadyStatus,
    no_schedule_taints,
};

use model::Text;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Time between two taintings of nodes that wait.
pub const TAINT_PERIOD: Duration = Duration::from_millis(100);

/// The label of nodes whose health does not count for their zone.
pub const EXCLUSION_LABEL: &str = "node.kubernetes.io/exclude-disruption";

/// Rule by which pods leave nodes that are not ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvictionRule {
    /// Nodes get taints that act on pods.
    #[default]
    Taints,
    /// All pods of a node are evicted once nothing was heard of it for so long (by default five
    /// minutes): the rule before taints took over, with the same limited rates.
    Timeout(Duration),
}

/// The settings of the controller.
#[derive(Clone, Debug, PartialEq)]
pub struct LifecycleOptions {
    /// Time between two looks at the nodes.
    pub monitor_period: Duration,
    /// Time for which a node may be silent.
    pub grace: Duration,
    /// Time for which a node that never reported may be silent.
    pub startup_grace: Duration,
    /// Number of nodes of a healthy zone that are tainted in a second.
    pub rate: f32,
    /// Eviction rate of a large zone in partial disruption.
    pub secondary_rate: f32,
    /// A zone of more nodes is large.
    pub large_zone: usize,
    /// The part of a zone that is down in partial disruption.
    pub unhealthy_threshold: f32,
    /// Rule by which pods leave nodes that are not ready.
    pub eviction: EvictionRule,
}

impl Default for LifecycleOptions {
    fn default() -> Self {
        Self {
            monitor_period: Duration::from_secs(5),
            grace: Duration::from_secs(50),
            startup_grace: Duration::from_secs(60),
            rate: 0.1,
            secondary_rate: 0.01,
            large_zone: 50,
            unhealthy_threshold: 0.55,
            eviction: EvictionRule::Taints,
        }
    }
}

/// State of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneState {
    /// Not looked at yet.
    Initial,
    /// Enough nodes are ready.
    Normal,
    /// Many nodes are not ready.
    PartialDisruption,
    /// No node is ready.
    FullDisruption,
}

/// Remembered state of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Health {
    /// Instant at which something new was last seen of the node, by the controller's own clock.
    probe: Instant,
    /// The heartbeat seen last; `None` if it had not posted.
    heartbeat: Option<Instant>,
    /// The renewal seen last.
    lease: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq)]
struct Zone {
    state: ZoneState,
    limiter: Limiter,
    /// Nodes that wait for their taint.
    waiting: SortedSet<Text>,
    /// Nodes that waited and were dealt with.
    dealt_with: SortedSet<Text>,
}

impl Zone {
    fn remove(&mut self, node: &Text) {
        self.waiting.remove(node);
        self.dealt_with.remove(node);
    }
}

/// The controller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeLifecycle {
    options: LifecycleOptions,
    health: SortedMap<Text, Health>,
    zones: SortedMap<Text, Zone>,
    /// Instant that all probes were last set to, as every zone had been down.
    reset: Option<Instant>,
}

impl NodeLifecycle {
    /// A controller that has seen nothing.
    pub fn new(options: LifecycleOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// States of the zones.
    pub fn zone_states(&self) -> impl Iterator<Item = (&Text, ZoneState)> {
        self.zones.iter().map(|(name, zone)| (name, zone.state))
    }

    /// Whether nodes wait for their taint.
    pub fn has_waiting(&self) -> bool {
        self.zones.values().any(|zone| !zone.waiting.is_empty())
    }

    /// A node has fallen silent: `seen` is the first pass that saw its last renewal `lease`. Leaves
    /// what is remembered of it as passes at every period would have.
    pub fn fell_silent(&mut self, node: &Text, lease: Instant, seen: Instant) {
        if let Some(health) = self.health.get_mut(node) {
            health.lease = Some(lease);
            health.probe = self.reset.map_or(seen, |reset| reset.max(seen));
        }
    }

    /// The instant after which a node of which nothing more is heard is unknown, and the one after
    /// which its pods go under [`EvictionRule::Timeout`].
    pub fn deadlines(&self, node: &Text) -> Option<(Instant, Option<Instant>)> {
        let probe = self.health.get(node)?.probe;
        let gone = match self.options.eviction {
            EvictionRule::Taints => None,
            EvictionRule::Timeout(timeout) => Some(probe.saturating_add(timeout)),
        };
        Some((probe.saturating_add(self.options.grace), gone))
    }

    /// Earliest instant at which the next waiting node may be tainted; `None` while none can be.
    pub fn next_token(&self) -> Option<Instant> {
        let waiting = self.zones.values().filter(|zone| !zone.waiting.is_empty());
        waiting.filter_map(|zone| zone.limiter.earliest()).min()
    }

    /// One pass over all nodes.
    pub fn monitor(&mut self, now: Instant, nodes: &[NodeView]) -> Vec<LifecycleWrite> {
        let mut writes = Vec::new();
        self.admit(now, nodes, &mut writes);
        let mut ready_of_zone: SortedMap<&Text, Vec<bool>> = SortedMap::new();
        for node in nodes {
            let was = node.ready.map(|ready| ready.status);
            let is = self.judge(now, node);
            if is == Some(ReadyStatus::Unknown) && was != is {
                writes.push(LifecycleWrite::MarkUnknown(node.name.clone()));
            }
            if !node.is_excluded {
                let of_zone = ready_of_zone.entry(&node.zone).or_default();
                of_zone.push(is == Some(ReadyStatus::True));
            }
            if let Some(status) = is {
                if !self.is_spared(now, node, status) {
                    self.mark(node, status, &mut writes);
                }
                if status != ReadyStatus::True && was == Some(ReadyStatus::True) {
                    writes.push(LifecycleWrite::PodsNotReady(node.name.clone()));
                }
            }
        }
        self.handle_disruption(now, nodes, &ready_of_zone, &mut writes);
        writes
    }

    /// A node is known from before: it is not taken for one that joins, whose taints are taken off.
    pub fn know(&mut self, name: &Text) {
        self.health.insert(name.clone(), Health::default());
    }

    /// Takes in nodes that are new and forgets those that are gone.
    fn admit(&mut self, now: Instant, nodes: &[NodeView], writes: &mut Vec<LifecycleWrite>) {
        let present: SortedSet<&Text> = nodes.iter().map(|node| &node.name).collect();
        self.health.retain(|name, _| present.contains(name));
        for zone in self.zones.values_mut() {
            zone.waiting.retain(|name| present.contains(name));
            zone.dealt_with.retain(|name| present.contains(name));
        }
        for node in nodes {
            self.zones.entry(node.zone.clone()).or_insert_with(|| Zone {
                state: ZoneState::Initial,
                limiter: Limiter::new(self.options.rate, now),
                waiting: SortedSet::new(),
                dealt_with: SortedSet::new(),
            });
            if !self.health.contains_key(&node.name) {
                self.mark_reachable(node, writes);
            }
        }
    }

    /// The condition that a node has after this pass: unknown if it was silent for too long. `None`
    /// if it has none.
    fn judge(&mut self, now: Instant, node: &NodeView) -> Option<ReadyStatus> {
        let heartbeat = node.ready.map(|ready| ready.heartbeat);
        let fresh = Health {
            probe: now,
            heartbeat,
            lease: None,
        };
        let saved = self.health.get(&node.name).copied();
        let mut health = match saved {
            None if heartbeat.is_none() => Health {
                probe: node.created,
                ..fresh
            },
            Some(known) if known.heartbeat == heartbeat => known,
            // A renewal is forgotten with the status that it was seen with.
            _ => fresh,
        };
        let saved_lease = saved.and_then(|known| known.lease);
        if node.lease.is_some() && saved_lease < node.lease {
            health.lease = node.lease;
            health.probe = now;
        }
        self.health.insert(node.name.clone(), health);
        let grace = match node.ready {
            Some(_) => self.options.grace,
            None => self.options.startup_grace,
        };
        if now > health.probe.saturating_add(grace) {
            return Some(ReadyStatus::Unknown);
        }
        node.ready.map(|ready| ready.status)
    }

    /// Whether the pods of a node that is not ready may stay for now.
    fn is_spared(&self, now: Instant, node: &NodeView, status: ReadyStatus) -> bool {
        let gone = self.deadlines(&node.name).and_then(|(_, gone)| gone);
        status != ReadyStatus::True && gone.is_some_and(|gone| now <= gone)
    }

    /// Queues a node for its taint, swaps the taint it has, or takes all off a ready one.
    fn mark(&mut self, node: &NodeView, status: ReadyStatus, writes: &mut Vec<LifecycleWrite>) {
        let Some(wanted) = ExecuteTaint::of(status) else {
            return self.mark_reachable(node, writes);
        };
        if node.has(wanted.opposite()) {
            swap_taint(node, wanted, writes);
            return;
        }
        let Some(zone) = self.zones.get_mut(&node.zone) else {
            return;
        };
        // Without taints nothing shows that a node was dealt with but the memory of it.
        if !node.has(wanted) && self.options.eviction == EvictionRule::Taints {
            zone.remove(&node.name);
        }
        if !zone.dealt_with.contains(&node.name) {
            zone.waiting.insert(node.name.clone());
        }
    }

    fn mark_reachable(&mut self, node: &NodeView, writes: &mut Vec<LifecycleWrite>) {
        for taint in [ExecuteTaint::Unreachable, ExecuteTaint::NotReady] {
            if node.has(taint) {
                writes.push(LifecycleWrite::RemoveTaint(node.name.clone(), taint));
            }
        }
        if let Some(zone) = self.zones.get_mut(&node.zone) {
            zone.remove(&node.name);
        }
    }

    /// Sets states and rates of zones; while every zone is down nothing is tainted.
    fn handle_disruption(
        &mut self,
        now: Instant,
        nodes: &[NodeView],
        ready_of_zone: &SortedMap<&Text, Vec<bool>>,
        writes: &mut Vec<LifecycleWrite>,
    ) {
        self.zones
            .retain(|name, _| ready_of_zone.contains_key(name));
        let states: SortedMap<Text, (usize, ZoneState)> = ready_of_zone
            .iter()
            .map(|(name, ready)| ((*name).clone(), (ready.len(), self.state_of(ready))))
            .collect();
        let is_down = |state: ZoneState| state == ZoneState::FullDisruption;
        let all_down = states.values().all(|(_, state)| is_down(*state));
        let all_were_down = self.zones.values().all(|zone| is_down(zone.state));
        if all_down && all_were_down {
            return;
        }
        if all_down {
            for node in nodes {
                self.mark_reachable(node, writes);
            }
            for zone in self.zones.values_mut() {
                zone.limiter.swap(0.0, now);
                zone.state = ZoneState::FullDisruption;
            }
            return;
        }
        if all_were_down {
            self.reset = Some(now);
            for node in nodes {
                if let Some(health) = self.health.get_mut(&node.name) {
                    health.probe = now;
                }
            }
        }
        let rates: Vec<(Text, ZoneState, f32)> = states
            .into_iter()
            .map(|(name, (size, state))| (name, state, self.rate_of(size, state)))
            .collect();
        for (name, state, rate) in rates {
            let Some(zone) = self.zones.get_mut(&name) else {
                continue;
            };
            if all_were_down || zone.state != state {
                zone.limiter.swap(rate, now);
                zone.state = state;
            }
        }
    }

    fn state_of(&self, ready: &[bool]) -> ZoneState {
        let down = ready.iter().filter(|ready| !**ready).count();
        let share = down as f32 / ready.len() as f32;
        if down == ready.len() && down > 0 {
            ZoneState::FullDisruption
        } else if down > 2 && share >= self.options.unhealthy_threshold {
            ZoneState::PartialDisruption
        } else {
            ZoneState::Normal
        }
    }

    fn rate_of(&self, size: usize, state: ZoneState) -> f32 {
        match state {
            ZoneState::PartialDisruption if size > self.options.large_zone => {
                self.options.secondary_rate
            }
            ZoneState::PartialDisruption => 0.0,
            _ => self.options.rate,
        }
    }

    /// One tainting pass: each zone taints a node if its limiter lets it. Which of the waiting nodes
    /// is `choose`'s matter (a place in the list it is given, by name), as the original takes them
    /// in random order; a node that is ready by now uses up the token and leaves the queue.
    pub fn taint(
        &mut self,
        now: Instant,
        node: impl Fn(&Text) -> Option<NodeView>,
        mut choose: impl FnMut(&[Text]) -> usize,
    ) -> Vec<LifecycleWrite> {
        let mut writes = Vec::new();
        for zone in self.zones.values_mut() {
            while !zone.waiting.is_empty() && zone.limiter.try_take(now) {
                let waiting: Vec<Text> = zone.waiting.iter().cloned().collect();
                let place = choose(&waiting).min(waiting.len() - 1);
                let name = &waiting[place];
                zone.waiting.remove(name);
                zone.dealt_with.insert(name.clone());
                let Some(node) = node(name) else { continue };
                let status = node.ready.map(|ready| ready.status);
                let taint = status.and_then(ExecuteTaint::of);
                match (taint, self.options.eviction) {
                    (None, _) => {}
                    (Some(taint), EvictionRule::Taints) => {
                        swap_taint(&node, taint, &mut writes);
                    }
                    (Some(_), EvictionRule::Timeout(_)) => {
                        writes.push(LifecycleWrite::EvictPods(name.clone()));
                    }
                }
            }
        }
        writes
    }
}

fn swap_taint(node: &NodeView, taint: ExecuteTaint, writes: &mut Vec<LifecycleWrite>) {
    if !node.has(taint) {
        writes.push(LifecycleWrite::AddTaint(node.name.clone(), taint));
    }
    if node.has(taint.opposite()) {
        writes.push(LifecycleWrite::RemoveTaint(
            node.name.clone(),
            taint.opposite(),
        ));
    }
}

//! Marathon's own rules for an upgrade, as `TaskReplaceActor.scala`, `ReadinessBehavior.scala`,
//! `ScalingProposition.scala`, `ResourceMatcher.scala` and `RateLimiter.scala` have them (1.9.109), over the
//! events of a run.

use std::collections::VecDeque;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Object, Pod, PodChange, PodRef};
use windtunnel::units::{Instant, NodeId, PodId, SortedMap, SortedSet};

use super::constraints::{Agent, Rule};

const SECOND: i64 = 1_000_000_000;
/// An instance that can be launched is, once offers were revived (`min_revive_offers_interval`) and made.
const PROMPT: i64 = 6 * SECOND;
/// `cleanUpOverdueDelays` runs that often.
const SWEEP: i64 = 10 * SECOND;
/// `backoffSeconds`, `backoffFactor` in hundredths and `maxLaunchDelaySeconds`.
const BACKOFF: (i64, i64, i64) = (SECOND, 115, 300 * SECOND);

/// Shares of an `upgradeStrategy`, in hundredths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strategy {
    pub(super) minimum: u64,
    pub(super) over: u64,
}

/// An instance in the tracker.
#[derive(Clone, Debug)]
struct Instance {
    version: u64,
    node: Option<NodeId>,
    runs: bool,
    is_healthy: bool,
    /// `Goal.Running`.
    is_wanted: bool,
    since: i64,
}

/// The variables of the actor.
#[derive(Clone, Debug, Default)]
struct ReplaceActor {
    max_capacity: u64,
    to_kill: VecDeque<PodId>,
    old_active: SortedSet<PodId>,
    started: u64,
    /// New instances that were healthy and have not ended since.
    healthy: SortedSet<PodId>,
}

/// The judge of one run.
pub(super) struct Judge {
    rule: Rule,
    agents: Vec<Agent>,
    strategy: Strategy,
    wanted: u64,
    image: String,
    version: u64,
    instances: SortedMap<PodId, Instance>,
    actor: Option<ReplaceActor>,
    /// Delay and its reference time, by version.
    delays: SortedMap<u64, (i64, i64)>,
    /// What is to be ordered at this instant.
    kills: SortedSet<PodId>,
    starts: u64,
    killed: SortedSet<PodId>,
    created: u64,
    now: i64,
    /// The offer that was accepted last: its instant and agent.
    offer: Option<(i64, NodeId)>,
    /// Since when an instance could be launched.
    launchable: Option<i64>,
    /// Agents that were declined for longer than a run lasts (`decline_offer_duration`), until offers are
    /// revived: a launch that lets them do revives none (`ReviveOffersState.scala`).
    declined: SortedSet<NodeId>,
    pub(super) wrong: Option<String>,
    /// Upgrades that were completed.
    pub(super) completed: usize,
}

impl Judge {
    pub(super) fn new(rule: Rule, strategy: Strategy, agents: Vec<Agent>) -> Self {
        Self {
            rule,
            agents,
            strategy,
            wanted: 0,
            image: String::new(),
            version: 0,
            instances: SortedMap::new(),
            actor: None,
            delays: SortedMap::new(),
            kills: SortedSet::new(),
            starts: 0,
            killed: SortedSet::new(),
            created: 0,
            now: 0,
            offer: None,
            launchable: None,
            declined: SortedSet::new(),
            wrong: None,
            completed: 0,
        }
    }

    /// Number of versions that the application has had.
    pub(super) fn versions(&self) -> u64 {
        self.version
    }

    fn differ(&mut self, says: &str, ran: &str) {
        let at = self.now as f64 / SECOND as f64;
        self.wrong
            .get_or_insert_with(|| format!("{at} s: the judge says {says}; {ran} ran"));
    }

    fn kill(&mut self, id: PodId) {
        if let Some(instance) = self.instances.get_mut(&id).filter(|own| own.is_wanted) {
            instance.is_wanted = false;
            self.kills.insert(id);
        }
    }

    /// An application is stored: created, scaled, or with another version.
    fn declared(&mut self, image: &str, wanted: u64) {
        let is_first = self.version == 0;
        let is_new = self.image != image;
        let before = std::mem::replace(&mut self.wanted, wanted);
        if is_new {
            image.clone_into(&mut self.image);
            self.version += 1;
        }
        if is_first {
            self.starts += wanted;
        } else if is_new {
            self.pre_start();
        } else if before != wanted {
            self.scale();
        }
    }

    /// `preStart` of a new version: all instances are old.
    fn pre_start(&mut self) {
        self.delays.remove(&self.version);
        self.begin();
    }

    fn begin(&mut self) {
        let version = self.version;
        let mut actor = ReplaceActor::default();
        let all = self.instances.len() as u64;
        let wanted = self.instances.iter().filter(|(_, own)| own.is_wanted);
        let healthy = wanted.clone().filter(|(_, own)| own.is_healthy).count() as u64;
        let (new, old): (Vec<_>, Vec<_>) = wanted.partition(|(_, own)| own.version == version);
        actor.started = new.len() as u64;
        actor.healthy = { new.iter() }
            .filter_map(|(id, own)| own.is_healthy.then_some(**id))
            .collect();
        actor.old_active = old.iter().map(|(id, _)| **id).collect();
        // Unhealthy ones first. The order of equal ones is that of a map, so that it may be any; here it is
        // what waits for an offer, then the order of their creation.
        let mut order: Vec<_> = old
            .iter()
            .map(|(id, own)| (own.is_healthy, own.node.is_some(), **id))
            .collect();
        order.sort_unstable();
        let unplaced: Vec<PodId> = old
            .iter()
            .filter(|(_, own)| own.node.is_none())
            .map(|(id, _)| **id)
            .collect();
        actor.to_kill = order.into_iter().map(|(_, _, id)| id).collect();
        let mut kill_now = self.restart_strategy(&mut actor, healthy, all);
        while kill_now > 0 {
            kill_now -= 1;
            Self::kill_next(&mut actor, &mut self.kills, &mut self.instances);
        }
        // Nothing of an earlier configuration is launched any more.
        for id in unplaced {
            actor.to_kill.retain(|known| *known != id);
            if actor.old_active.remove(&id) {
                self.kills.insert(id);
                self.instances.remove(&id);
            }
        }
        self.launch(&mut actor);
        self.actor = Some(actor);
        self.check_finished();
    }

    /// `computeRestartStrategy`: the instances to kill at once.
    fn restart_strategy(&self, actor: &mut ReplaceActor, healthy: u64, all: u64) -> u64 {
        let min_healthy = (self.wanted * self.strategy.minimum).div_ceil(100);
        actor.max_capacity = self.wanted * (100 + self.strategy.over) / 100;
        let mut kill_now = healthy.saturating_sub(min_healthy);
        if min_healthy == actor.max_capacity && actor.max_capacity <= healthy {
            actor.max_capacity += 1;
        }
        if self.wanted < all {
            kill_now = kill_now.max(all - self.wanted);
        }
        kill_now
    }

    fn kill_next(
        actor: &mut ReplaceActor,
        kills: &mut SortedSet<PodId>,
        instances: &mut SortedMap<PodId, Instance>,
    ) {
        if let Some(next) = actor.to_kill.pop_front()
            && let Some(instance) = instances.get_mut(&next)
        {
            instance.is_wanted = false;
            kills.insert(next);
            // What was never launched is gone at once.
            if instance.node.is_none() {
                actor.old_active.remove(&next);
                instances.remove(&next);
            }
        }
    }

    /// `launchInstances`.
    fn launch(&mut self, actor: &mut ReplaceActor) {
        let taken = actor.old_active.len() as u64 + actor.started;
        let left = actor.max_capacity.saturating_sub(taken);
        let missing = self.wanted.saturating_sub(actor.started);
        let now = missing.min(left);
        actor.started += now;
        self.starts += now;
    }

    fn check_finished(&mut self) {
        let wanted = self.wanted;
        let is_done = |own: &mut ReplaceActor| {
            own.healthy.len() as u64 == wanted && own.old_active.is_empty()
        };
        if self.actor.take_if(is_done).is_some() {
            self.completed += 1;
        }
    }

    /// Another number of instances: `ScalingProposition`, over the new ones while an upgrade is under way,
    /// which begins anew with the number.
    fn scale(&mut self) {
        let is_upgrade = self.actor.is_some();
        let version = self.version;
        let mut own: Vec<PodId> = { self.instances.iter() }
            .filter(|(_, own)| own.is_wanted && (!is_upgrade || own.version == version))
            .map(|(id, _)| *id)
            .collect();
        let mut surplus = own.len().saturating_sub(self.wanted as usize);
        while surplus > 0
            && let Some(place) = self.next_victim(&own)
        {
            let id = own.remove(place);
            self.kill(id);
            if self.instances[&id].node.is_none() {
                self.instances.remove(&id);
            }
            surplus -= 1;
        }
        if is_upgrade {
            self.begin();
        } else {
            self.starts += self.wanted.saturating_sub(own.len() as u64);
        }
    }

    /// `selectInstancesToKill`, then `ScalingProposition.sortByConditionAndDate`.
    fn next_victim(&self, own: &[PodId]) -> Option<usize> {
        let rack = |id: &PodId| self.instances[id].node.map(|node| self.rack(node));
        let mut places: Vec<usize> = (0..own.len()).collect();
        if matches!(self.rule, Rule::RackGroupBy(_)) {
            let size = |id: &PodId| own.iter().filter(|other| rack(other) == rack(id)).count();
            let most = own.iter().map(size).max();
            places.retain(|place| Some(size(&own[*place])) == most);
        }
        places.into_iter().min_by_key(|place| {
            let id = own[*place];
            let instance = &self.instances[&id];
            // Staging, running, then what is scheduled; the youngest first.
            let weight = match instance.node {
                Some(_) if !instance.runs => 0,
                Some(_) => 1,
                None => 2,
            };
            (weight, -instance.since, id)
        })
    }

    fn rack(&self, node: NodeId) -> &'static str {
        self.agents[node.index()].rack
    }

    /// Whether the rule lets another instance of the present configuration onto an agent.
    fn meets(&self, node: NodeId) -> bool {
        let placed: Vec<NodeId> = { self.instances.values() }
            .filter(|own| own.version == self.version)
            .filter_map(|own| own.node)
            .collect();
        self.rule.meets(node, &placed, &self.agents)
    }

    fn has_room(&self, node: NodeId) -> bool {
        let there = self
            .instances
            .values()
            .filter(|own| own.node == Some(node))
            .count();
        there < self.agents[node.index()].slots
    }

    fn waits(&self) -> bool {
        self.instances
            .values()
            .any(|own| own.is_wanted && own.node.is_none() && own.version == self.version)
    }

    fn deadline(&self) -> i64 {
        let delay = self.delays.get(&self.version);
        delay.map_or(0, |(delay, reference)| reference + delay)
    }

    fn swept(&mut self) {
        let last = self.now - self.now % SWEEP;
        self.delays
            .retain(|_, (_, reference)| last <= *reference + BACKOFF.2);
    }

    /// `addDelay`.
    fn add_delay(&mut self, version: u64) {
        self.swept();
        let now = self.now;
        let delay = self.delays.get(&version).map_or(BACKOFF.0, |(delay, _)| {
            (delay * BACKOFF.1 / 100).min(BACKOFF.2)
        });
        self.delays.insert(version, (delay, now));
    }

    /// `advanceDelay`.
    fn advance_delay(&mut self, version: u64) {
        let now = self.now;
        if let Some((_, reference)) = self.delays.get_mut(&version) {
            *reference = now;
        }
    }

    fn bound(&mut self, pod: PodRef, node: NodeId) {
        let version = self.version;
        let place = format!("n{}", node.index());
        // A delay is advanced once all launches of an offer are stored.
        let is_of_offer = self.offer.replace((self.now, node)) == Some((self.now, node));
        if self.deadline() > self.now && !is_of_offer {
            self.differ("no launch before its delay is over", "a launch");
        }
        if !self.meets(node) {
            self.differ(&format!("{:?} lets none on {place}", self.rule), "a launch");
        }
        // Agents are offered in their order: those before were declined for what was placed by then.
        let before = (0..node.index()).map(NodeId::from_index);
        let unmet = before.filter(|own| self.has_room(*own) && !self.meets(*own));
        let unmet: Vec<NodeId> = unmet.collect();
        self.declined.extend(unmet);
        if let Some(instance) = self.instances.get_mut(&pod.id) {
            let is_right = instance.is_wanted && instance.version == version;
            (instance.node, instance.since) = (Some(node), self.now);
            if !is_right {
                self.differ("nothing is launched of what is not wanted", "a launch");
            }
        }
        self.advance_delay(version);
    }

    /// A new instance is healthy: `instanceConditionChanged`.
    fn healthy(&mut self, pod: PodRef, is_healthy: bool) {
        let Some(instance) = self.instances.get_mut(&pod.id) else {
            return;
        };
        instance.is_healthy = is_healthy;
        let is_new = instance.version == self.version;
        let Some(mut actor) = self.actor.take() else {
            return;
        };
        if is_healthy && is_new && actor.healthy.insert(pod.id) {
            Self::kill_next(&mut actor, &mut self.kills, &mut self.instances);
        }
        self.actor = Some(actor);
        self.check_finished();
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason) {
        let Some(instance) = self.instances.remove(&pod.id) else {
            return;
        };
        // More is offered than was declined.
        if let Some(node) = instance.node {
            self.declined.remove(&node);
        }
        if matches!(reason, EndReason::Error | EndReason::Completed) {
            self.add_delay(instance.version);
        }
        if let Some(mut actor) = self.actor.take() {
            if instance.version == self.version {
                actor.healthy.remove(&pod.id);
            } else if actor.old_active.remove(&pod.id) {
                self.launch(&mut actor);
            }
            self.actor = Some(actor);
            self.check_finished();
        }
        // The launcher starts an instance again whose goal is to run; the actor takes an old one out of its
        // goal that ends by itself.
        let is_new = instance.version == self.version;
        self.starts += u64::from(instance.is_wanted && is_new);
    }

    /// Since when an instance could be launched, and whether that is too long ago.
    fn look(&mut self, now: i64) {
        let late = self.launchable.map(|since| since.max(self.deadline()));
        self.now = now;
        if late.is_some_and(|since| now - since > PROMPT) {
            self.differ("an instance is launched by now", "none");
        }
    }

    fn look_again(&mut self) {
        let nodes = (0..self.agents.len()).map(NodeId::from_index);
        let free: Vec<NodeId> = nodes.filter(|node| self.has_room(*node)).collect();
        let (met, unmet): (Vec<_>, Vec<_>) = free.into_iter().partition(|node| self.meets(*node));
        let is_any = self.waits() && met.iter().any(|node| !self.declined.contains(node));
        self.declined.extend(unmet);
        self.launchable = is_any.then(|| self.launchable.unwrap_or(self.now));
    }
}

impl Observer for Judge {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        if at.as_nanos() > self.now {
            self.look(at.as_nanos());
        }
        match event {
            Event::Object(_) => {
                for (_, row) in store.objects().iter() {
                    if let Object::Deployment(own) = &row.object {
                        let image = own.template.containers[0].image.to_string();
                        self.declared(&image, own.replicas.max(0) as u64);
                    }
                }
            }
            Event::PodCreated(created) => {
                self.created += 1;
                self.declined.clear();
                let instance = Instance {
                    version: self.version,
                    node: None,
                    runs: false,
                    is_healthy: false,
                    is_wanted: true,
                    since: self.now,
                };
                self.instances.insert(created.pod.id, instance);
            }
            Event::PodBound { pod, node, .. } => self.bound(*pod, *node),
            Event::PodRunning { pod } => {
                if let Some(instance) = self.instances.get_mut(&pod.id) {
                    (instance.runs, instance.since) = (true, self.now);
                    let version = instance.version;
                    self.advance_delay(version);
                }
            }
            Event::PodChanged { pod, change } => match change {
                PodChange::Ready(is_ready) => self.healthy(*pod, *is_ready),
                PodChange::Terminating { .. } => {
                    self.killed.insert(pod.id);
                }
                _ => {}
            },
            Event::PodEnded { pod, reason } => self.ended(*pod, *reason),
            _ => {}
        }
    }

    fn settled(&mut self, _at: Instant, _store: &Store) {
        if self.kills != self.killed {
            let says = format!("kills of {:?}", self.kills);
            self.differ(&says, &format!("kills of {:?}", self.killed));
        }
        if self.starts != self.created {
            let says = format!("{} instances are started", self.starts);
            self.differ(&says, &format!("{} starts", self.created));
        }
        self.kills.clear();
        self.killed.clear();
        (self.starts, self.created) = (0, 0);
        self.look_again();
    }
}

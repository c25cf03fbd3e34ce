//! An application of Marathon: its instances, and what follows from what happens to them.

mod stated;
mod upgrading;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::mesos::framework::{TaskEnd, create, forget, kill, made_of};
use crate::mesos::marathon::backoff::{LaunchBackoff, SWEEP_INTERVAL, TaskStatus};
use crate::mesos::marathon::scale_down::{self, Condition};
use crate::mesos::marathon::section::MarathonFramework;
use crate::mesos::marathon::unreachable::{self, Tracker};
use crate::mesos::marathon::upgrade::Upgrade;
use crate::parts::turn::Turn;
use cluster::Store;
use control::Outbox;
use model::{EndReason, EvictionCause, Object, PodRef, PodSpec, Text};
use serde::{Deserialize, Serialize};
use units::{Instant, NodeId, ObjectId, PodId, SortedMap};

use stated::stated;

/// An instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) pod: PodRef,
    /// The version of the application that it is of.
    version: u64,
    /// The instance's number among the new ones of an upgrade.
    new: Option<u64>,
    pub(super) node: Option<NodeId>,
    started: Instant,
    condition: Condition,
    is_ready: bool,
    /// `true` if the instance was asked to end.
    is_killed: bool,
    /// `true` if the instance counts: it was not replaced.
    counts: bool,
}

/// An instance that was asked for and is not there yet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Coming {
    /// The version of the application that it is of.
    version: u64,
    /// The instance's number among the new ones of an upgrade.
    new: Option<u64>,
}

/// An application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct App {
    pub(super) object: ObjectId,
    pub(super) name: Text,
    pub(super) spec: Arc<PodSpec>,
    template: Arc<PodSpec>,
    /// Template of the version before.
    #[serde(default)]
    former: Option<Arc<PodSpec>>,
    version: u64,
    pub(super) wanted: u64,
    is_resident: bool,
    /// Agents with the volumes of resident instances that have ended, one for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<NodeId>,
    stated: (f64, f64),
    is_deleted: bool,
    pub(super) instances: SortedMap<PodId, Instance>,
    /// Instances without an agent, oldest first.
    pub(super) waiting: VecDeque<PodRef>,
    /// Instances that were asked for and are not there yet, in their order.
    coming: VecDeque<Coming>,
    pub(super) backoff: LaunchBackoff,
    /// The constraint that kept its next instance off an agent with room last, until one is launched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kept_off: Option<Text>,
    /// The deadline of a delay that is known to be over.
    freed: Option<Instant>,
    upgrade: Option<Upgrade>,
    /// The object as it was taken up last, where changes may be refused.
    #[serde(default)]
    declared: Option<Object>,
    /// Whether a deployment of it is under way.
    #[serde(default)]
    is_deploying: bool,
    tracker: Tracker,
}

impl App {
    /// An application that was created; `None` if the object is no service.
    pub(super) fn new(id: ObjectId, object: &Object, options: &MarathonFramework) -> Option<Self> {
        let stated = stated(object)?;
        let (namespace, name) = (object.namespace(), object.name());
        Some(Self {
            object: id,
            name: name.clone(),
            spec: made_of(&stated.template, namespace, stated.kind, name),
            template: stated.template,
            former: None,
            version: 0,
            wanted: stated.replicas,
            is_resident: stated.is_resident,
            volumes: Vec::new(),
            stated: stated.upgrade,
            is_deleted: false,
            instances: SortedMap::new(),
            waiting: VecDeque::new(),
            coming: VecDeque::new(),
            backoff: LaunchBackoff::new(options.stated.growth()),
            kept_off: None,
            freed: None,
            upgrade: None,
            declared: (!options.stated.force).then(|| object.clone()),
            is_deploying: true,
            tracker: Tracker::new(options.stated.unreachable()),
        })
    }

    /// Goes on where an earlier framework was: its pods have other rows, and options may be others.
    pub(super) fn settle_in(
        &mut self,
        rows: &SortedMap<PodId, PodRef>,
        options: &MarathonFramework,
    ) {
        let row = |pod: PodRef| rows.get(&pod.id).copied();
        self.instances.retain(|id, _| rows.contains_key(id));
        for instance in self.instances.values_mut() {
            instance.pod = row(instance.pod).unwrap_or(instance.pod);
        }
        self.waiting = self.waiting.iter().copied().filter_map(row).collect();
        self.backoff.set_growth(options.stated.growth());
        self.tracker.set_strategy(options.stated.unreachable());
    }

    /// Takes up the deletion of the application: its instances end.
    pub(super) fn deleted(&mut self, turn: &mut Turn<'_>) {
        self.is_deleted = true;
        (self.wanted, self.upgrade) = (0, None);
        self.waiting.clear();
        for instance in self.instances.values_mut() {
            instance.is_killed = true;
            kill(instance.pod, turn);
        }
    }

    /// Whether nothing of it is left.
    pub(super) fn is_gone(&self) -> bool {
        self.is_deleted && self.instances.is_empty()
    }

    fn active(&self) -> impl Iterator<Item = &Instance> {
        self.instances
            .values()
            .filter(|one| one.counts && !one.is_killed)
    }

    /// Agents of the instances that constraints look at: those of the present version
    /// (`ResourceMatcher`) that can be reached, or were given up (`TaskLauncherActor`).
    pub(super) fn placed(&self) -> impl Iterator<Item = NodeId> {
        let counts = |one: &&Instance| {
            one.version == self.version && one.condition != Condition::Unreachable
        };
        self.instances
            .values()
            .filter(counts)
            .filter_map(|one| one.node)
    }

    fn create(&mut self, number: Option<u64>, out: &mut Outbox) {
        self.coming.push_back(Coming {
            version: self.version,
            new: number,
        });
        create(out, self.object, &self.name, &self.spec);
    }

    /// Has as many instances as are wanted, unless an upgrade sees to that.
    pub(super) fn scale(&mut self, options: &MarathonFramework, turn: &mut Turn<'_>) {
        self.drop_outdated(turn);
        if self.is_deploying && !options.stated.force {
            self.is_deploying = !self.is_at_rest();
        }
        if self.upgrade.is_some() || self.is_deleted {
            return;
        }
        let have = self.active().count() as u64 + self.coming.len() as u64;
        for _ in have..self.wanted {
            self.create(None, turn.out);
        }
        self.shrink(options, turn);
    }

    /// Whether all instances that are wanted are ready, and no other is left.
    fn is_at_rest(&self) -> bool {
        let mut all = self.instances.values();
        let ready = all.clone().filter(|one| one.counts && one.is_ready).count() as u64;
        let is_moving = self.upgrade.is_some() || !self.coming.is_empty();
        !is_moving && ready == self.wanted && all.all(|one| !one.is_killed)
    }

    /// Ends what is too many, in an upgrade of its new instances (`ScalingProposition.scala`): to the
    /// original an instance that waits for an offer is in none of the conditions that go first.
    fn shrink(&mut self, options: &MarathonFramework, turn: &mut Turn<'_>) {
        let is_upgrade = self.upgrade.is_some();
        let counts = |new: Option<u64>| !is_upgrade || new.is_some();
        let coming = self.coming.iter().filter(|one| counts(one.new)).count();
        let have: Vec<scale_down::Instance> = { self.active() }
            .filter(|one| counts(one.new))
            .map(|one| scale_down::Instance {
                id: text_of(one.pod.id),
                condition: one.node.map_or(Condition::Other, |_| one.condition),
                started: one.started,
                groups: self.groups_of(one, options, turn.store),
            })
            .collect();
        let surplus = (have.len() + coming).saturating_sub(self.wanted as usize);
        if surplus == 0 {
            return;
        }
        for id in scale_down::victims(&have, surplus, options.stated.kill_selection, &[]) {
            let Some(instance) = id_of(&id).and_then(|id| self.instances.get_mut(&id)) else {
                continue;
            };
            (instance.is_killed, instance.new) = (true, None);
            let (pod, waits) = (instance.pod, instance.node.is_none());
            if waits {
                self.waiting.retain(|known| *known != pod);
                self.instances.remove(&pod.id);
            }
            kill(pod, turn);
        }
    }

    /// Instances of an earlier version that have no agent yet end: nothing of it is launched any more.
    fn drop_outdated(&mut self, turn: &mut Turn<'_>) {
        let (instances, version) = (&mut self.instances, self.version);
        self.waiting.retain(|pod| {
            let is_outdated = |one: &Instance| one.version != version;
            if !instances.get(&pod.id).is_some_and(is_outdated) {
                return true;
            }
            instances.remove(&pod.id);
            kill(*pod, turn);
            false
        });
    }

    /// Whether an instance is of an earlier version.
    pub(super) fn is_outdated(&self, pod: PodRef) -> bool {
        let instance = self.instances.get(&pod.id);
        instance.is_some_and(|one| one.version != self.version)
    }

    fn groups_of(&self, one: &Instance, options: &MarathonFramework, store: &Store) -> Vec<Text> {
        let constraints = super::constraints_of(self, options);
        let groups = constraints
            .iter()
            .filter(|(_, rule)| rule.operator() == "GROUP_BY");
        groups
            .map(|(field, _)| {
                let value = one
                    .node
                    .and_then(|node| super::field_of(store, node, field));
                value
                    .map(|value| value.printed())
                    .unwrap_or_default()
                    .into()
            })
            .collect()
    }

    /// An instance is there and waits for an offer.
    pub(super) fn waits(&mut self, now: Instant, pod: PodRef) {
        if let Some(instance) = self.instances.get_mut(&pod.id) {
            instance.node = None;
            self.waiting.push_front(pod);
            return;
        }
        let coming = self.coming.pop_front().unwrap_or(Coming {
            version: self.version,
            new: None,
        });
        self.instances.insert(
            pod.id,
            Instance {
                pod,
                version: coming.version,
                new: coming.new,
                node: None,
                started: now,
                condition: Condition::Staging,
                is_ready: false,
                is_killed: self.is_deleted,
                counts: true,
            },
        );
        self.waiting.push_back(pod);
    }

    /// Whether its next instance may go to an agent, as far as volumes decide that: one that ended goes on where its
    /// volumes are, and is launched nowhere else (`InstanceOpFactoryImpl`). `None` where they don't.
    pub(super) fn has_volumes(&self, node: NodeId) -> Option<bool> {
        let is_there = self.volumes.contains(&node);
        (is_there || self.awaits_volumes()).then_some(is_there)
    }

    /// Whether all instances that wait have volumes somewhere.
    pub(super) fn awaits_volumes(&self) -> bool {
        self.waiting.len() <= self.volumes.len()
    }

    /// An instance was launched.
    pub(super) fn launched(&mut self, now: Instant, pod: PodRef, node: NodeId) {
        if let Some(instance) = self.instances.get_mut(&pod.id) {
            (instance.node, instance.started) = (Some(node), now);
        }
        if let Some(found) = self.volumes.iter().position(|&own| own == node) {
            self.volumes.remove(found);
        }
        self.backoff.changed(now, TaskStatus::Staging);
    }

    /// An instance runs.
    pub(super) fn running(&mut self, now: Instant, pod: PodRef) {
        if let Some(instance) = self.instances.get_mut(&pod.id) {
            (instance.condition, instance.started) = (Condition::Running, now);
        }
        self.backoff.changed(now, TaskStatus::Running);
    }

    /// The health of an instance changed.
    pub(super) fn ready(&mut self, pod: PodRef, is_ready: bool, turn: &mut Turn<'_>) {
        let Some(instance) = self.instances.get_mut(&pod.id) else {
            return;
        };
        let was_ready = std::mem::replace(&mut instance.is_ready, is_ready);
        if let (Some(number), Some(upgrade)) = (instance.new, &mut self.upgrade)
            && is_ready
            && !was_ready
        {
            let actions = upgrade.new_ready(number);
            self.carry_out(actions, turn);
        }
    }

    /// An instance ended; its place is filled again unless it was to end.
    pub(super) fn ended(&mut self, pod: PodRef, end: TaskEnd, turn: &mut Turn<'_>) {
        self.waiting.retain(|known| *known != pod);
        let Some(instance) = self.instances.remove(&pod.id) else {
            return;
        };
        if self.is_resident && !self.is_deleted {
            self.volumes.extend(instance.node);
        }
        if instance.version == self.version {
            self.sweep(turn.now);
            if end.reason == EndReason::Evicted(EvictionCause::Drain) {
                self.backoff.reset();
            } else {
                self.backoff.changed(turn.now, end.status);
            }
        }
        self.missing(pod.id, instance.new, turn);
    }

    /// Drops a delay that is long over, as the sweeps up to now have done.
    pub(super) fn sweep(&mut self, now: Instant) {
        let past = now.as_nanos() % SWEEP_INTERVAL.as_nanos();
        let swept = Instant::from_nanos(now.as_nanos() - past);
        self.backoff.sweep(swept);
    }

    /// Before when nothing of it is launched, if that is still to come.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.backoff.deadline().filter(|&at| at > now)
    }

    /// An instance can't be reached, or can be again.
    pub(super) fn reached(&mut self, pod: PodRef, is_reached: bool, turn: &mut Turn<'_>) {
        let Some(instance) = self.instances.get_mut(&pod.id) else {
            return;
        };
        let id = text_of(pod.id);
        let actions = if is_reached {
            instance.condition = Condition::Running;
            self.tracker.returned(turn.now, &id)
        } else {
            (instance.condition, instance.is_ready) = (Condition::Unreachable, false);
            if self.is_resident {
                // Resident instances wait for their agent.
                return;
            }
            self.tracker.lost(turn.now, id)
        };
        self.heed(actions, turn);
        // What was heard of its health while it could not be reached is not heard again.
        let state = turn.store.pod_states().get(pod);
        if is_reached && state.is_some_and(|state| state.is_ready) {
            self.ready(pod, true, turn);
        }
    }

    /// Replaces and forgets what is due; whether anything was.
    pub(super) fn track(&mut self, turn: &mut Turn<'_>) -> bool {
        let actions = self.tracker.step(turn.now);
        let is_any = !actions.is_empty();
        self.heed(actions, turn);
        is_any
    }

    /// Whether any instance can't be reached.
    pub(super) fn is_tracking(&self) -> bool {
        self.tracker.wakes().is_some()
    }

    /// Whether a delay of its launches is over that was not when it was asked last.
    pub(super) fn is_free_again(&mut self, now: Instant) -> bool {
        let deadline = self.backoff.deadline();
        let is_over = deadline.is_some_and(|at| at <= now && self.freed != Some(at));
        if is_over {
            self.freed = deadline;
        }
        is_over && !self.waiting.is_empty()
    }

    fn heed(&mut self, actions: Vec<unreachable::Action>, turn: &mut Turn<'_>) {
        use unreachable::Action;
        for action in actions {
            let (Action::Replace(id)
            | Action::Expunge(id)
            | Action::Running(id)
            | Action::Kill(id)) = &action
            else {
                // The surplus goes when it is counted.
                continue;
            };
            let Some(instance) = id_of(id).and_then(|id| self.instances.get_mut(&id)) else {
                continue;
            };
            match action {
                Action::Replace(_) => {
                    (instance.counts, instance.condition) = (false, Condition::UnreachableInactive);
                    let (id, number) = (instance.pod.id, instance.new.take());
                    self.missing(id, number, turn);
                }
                Action::Expunge(_) => forget(instance.pod, turn),
                Action::Running(_) => {
                    (instance.counts, instance.condition) = (true, Condition::Running);
                }
                Action::Kill(_) => kill(instance.pod, turn),
                Action::ScaleDown(_) => {}
            }
        }
    }

    /// Instant at which the application wants to act by itself.
    pub(super) fn wakes(&self, now: Instant) -> Option<Instant> {
        let deadline = self.held_until(now).filter(|_| !self.waiting.is_empty());
        self.tracker.wakes().into_iter().chain(deadline).min()
    }

    /// A pod that was there before the run began.
    pub(super) fn found(&mut self, now: Instant, pod: PodRef, node: NodeId) {
        self.waits(now, pod);
        self.waiting.retain(|known| *known != pod);
        self.launched(now, pod, node);
    }
}

fn text_of(id: PodId) -> Text {
    // Names in order are numbers in order.
    format!("{:010}", id.0).into()
}

fn id_of(text: &str) -> Option<PodId> {
    text.parse().ok().map(PodId)
}

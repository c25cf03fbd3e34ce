//! Units: pods and workloads as Fleet has them, and what a round's decisions come to.

use std::sync::Arc;

use crate::ends::{self, Consequence};
use crate::fleet::engine::Unit;
use crate::fleet::entry::CAPABILITIES;
use crate::fleet::unit::Requirements;
use crate::mapping::refusal;
use crate::parts::client::stop;
use crate::parts::turn::Turn;
use cluster::Conflict;
use control::Outbox;
use control::admission::{BarePod, Creation, NewName, NewPod};
use model::{
    DeviceSet, EndReason, Event, Object, Owner, PodChange, PodOwner, PodRef, PodSpec, Text,
};
use units::{ClassId, Duration, Instant, NodeId, ObjectId};

use super::Fleet;

/// A unit and the pod that it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    pub(super) pod: Option<PodRef>,
    pub(super) bound: Option<NodeId>,
    pub(super) object: Option<ObjectId>,
    /// Marks a unit whose pod was asked for and is not there yet.
    pub(super) is_coming: bool,
    /// Marks a unit whose name the pod before it still has, on a machine that has yet to stop it.
    pub(super) awaits_name: bool,
    /// Marks a unit whose pod was asked to end so that another one follows.
    pub(super) is_killed: bool,
    /// Class of the unit's pod, the last one where it has ended.
    pub(super) class: Option<ClassId>,
    /// The number of the instance of a template.
    pub(super) number: i32,
    /// Time of the first connection to the unit's socket.
    pub(super) connects: Option<Duration>,
}

impl Own {
    /// Asks for another pod of a unit that stands alone and has none: its target state is launched, so whichever agent it
    /// is given to starts it (`agent/reconcile.go`).
    fn launch_again(&mut self, name: &Text, turn: &mut Turn<'_>) {
        if let (false, None, Some(class)) = (self.is_coming, self.object, self.class) {
            self.is_coming = true;
            let (name, spec) = (name.clone(), turn.store.class(class).spec.clone());
            let new = Arc::new(BarePod { name, spec });
            turn.out.creations.push(Creation::BarePod(new));
        }
    }
}

/// Kind of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AppKind {
    /// Instances of a template that go on.
    Service,
    /// Instances of a template that end.
    Once,
    /// One on every machine that matches.
    Global,
}

/// A workload.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) kind: AppKind,
    name: Text,
    pub(super) spec: Arc<PodSpec>,
    template: Arc<PodSpec>,
    pub(super) wanted: u64,
    /// Marks a workload whose pods ask for what no machine has: they are there, and wait for good.
    is_refused: bool,
}

fn app_of(object: &Object) -> Option<App> {
    let (kind, template, wanted) = match object {
        Object::Deployment(own) => (AppKind::Service, &own.template, own.replicas),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => {
            (AppKind::Service, &own.template, own.replicas)
        }
        Object::StatefulSet(own) => (AppKind::Service, &own.template, own.replicas),
        Object::Job(own) => (AppKind::Once, &own.template, own.completions.unwrap_or(1)),
        Object::DaemonSet(own) => (AppKind::Global, &own.template, 0),
        _ => return None,
    };
    let spec = PodSpec {
        namespace: object.namespace().clone(),
        owner: Some(Owner {
            kind: object.kind().into(),
            name: object.name().clone(),
        }),
        ..(**template).clone()
    };
    Some(App {
        kind,
        name: object.name().clone(),
        is_refused: refusal(CAPABILITIES, &spec).is_some(),
        spec: Arc::new(spec),
        template: template.clone(),
        wanted: wanted.max(0) as u64,
    })
}

impl Fleet {
    /// A workload was declared, declared anew, or deleted.
    pub(super) fn declared(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let object = turn.store.objects().get(id).map(|row| &row.object);
        let Some(new) = object.and_then(app_of) else {
            if let Some(old) = self.apps.get(&id).cloned() {
                self.scale(id, &old, 0, turn);
                self.destroy_global(id, &old, turn);
                self.apps.remove(&id);
            }
            return;
        };
        let old = self.apps.insert(id, new.clone());
        if new.kind == AppKind::Global && !new.is_refused {
            let name = global_name(&new.name);
            let submitted = self.setup.units.get(&name);
            let asked = submitted.map_or_else(
                || Requirements::of_pod(&name, &new.spec),
                |own| own.requirements.clone(),
            );
            let requirements = Requirements {
                is_global: true,
                ..asked
            };
            self.engine.put_unit(&name, Unit::launched(requirements));
            self.event();
        }
        let has_changed = old.as_ref().is_some_and(|old| old.template != new.template);
        self.scale(id, &new, new.wanted, turn);
        if has_changed {
            // Changed content is unloaded, loaded and started again, all units at once.
            self.reload(id, turn);
        }
    }

    fn scale(&mut self, id: ObjectId, app: &App, wanted: u64, turn: &mut Turn<'_>) {
        if app.kind == AppKind::Global {
            return;
        }
        for number in 1..=wanted {
            let name: Text = format!("{}@{number}.service", app.name).into();
            if let Some(own) = self.units.get(&name) {
                if own.object != Some(id) {
                    self.taken.insert(name);
                }
                continue;
            }
            let own = Own {
                object: Some(id),
                number: number as i32,
                ..Own::default()
            };
            self.units.insert(name.clone(), own);
            let unit = Unit::launched(Requirements::of_pod(&name, &app.spec));
            if !app.is_refused {
                self.engine.put_unit(&name, unit);
                self.event();
            }
            self.make(&name, turn.out);
        }
        // Numbers have gaps where users destroyed units.
        let is_surplus = |own: &Own| own.object == Some(id) && own.number as u64 > wanted;
        let surplus = self.units.iter().filter(|(_, own)| is_surplus(own));
        let surplus: Vec<Text> = surplus.map(|(name, _)| name.clone()).collect();
        for name in surplus {
            self.engine.remove_unit(&name);
            if let Some(pod) = self.units.remove(&name).and_then(|own| own.pod) {
                stop(pod, turn);
            }
            self.event();
        }
    }

    fn reload(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        for own in self.units.values_mut().filter(|own| own.object == Some(id)) {
            if let Some(pod) = own.pod {
                own.is_killed = true;
                stop(pod, turn);
            }
        }
        for (_, pod) in self.globals.iter().filter(|((owner, _), _)| *owner == id) {
            if let Some(pod) = pod {
                stop(*pod, turn);
            }
        }
    }

    /// Asks for the pod of a unit of a workload.
    fn make(&mut self, name: &Text, out: &mut Outbox) {
        let Some(own) = self.units.get_mut(name) else {
            return;
        };
        let Some(id) = own.object else {
            return;
        };
        let Some(app) = self.apps.get(&id) else {
            return;
        };
        own.is_coming = true;
        out.creations.push(Creation::Pod(NewPod {
            owner: PodOwner::new(id, own.number),
            name: NewName::Exact(name.clone()),
            spec: app.spec.clone(),
        }));
    }

    /// A round gave a unit a machine, or its pod is there now.
    pub(super) fn scheduled(&mut self, name: &Text, machine: &Text, turn: &mut Turn<'_>) {
        let Some(node) = turn.store.nodes().by_name(machine) else {
            return;
        };
        let Some(own) = self.units.get_mut(name) else {
            return;
        };
        let (Some(pod), None) = (own.pod, own.bound) else {
            return;
        };
        if let Some(connects) = own.connects {
            // Its socket listens; it is loaded, and starts at the first connection.
            let at = Instant::ZERO.saturating_add(connects);
            if at > self.now {
                self.activations.insert((at, name.clone()));
                return;
            }
        }
        own.bound = Some(node);
        let devices = DeviceSet::EMPTY;
        turn.write(Event::PodBound { pod, node, devices });
    }

    /// First connections come to sockets.
    pub(super) fn activate(&mut self, turn: &mut Turn<'_>) {
        while let Some((at, name)) = self.activations.first().cloned()
            && at <= self.now
        {
            self.activations.pop_first();
            let machine = self
                .engine
                .unit(&name)
                .and_then(|unit| unit.machine.clone());
            if let Some(machine) = machine {
                self.scheduled(&name, &machine, turn);
            }
        }
    }

    /// A round took a unit off its machine.
    pub(super) fn unscheduled(&mut self, name: &Text, machine: &Text, turn: &mut Turn<'_>) {
        let bound = self.units.get(name).and_then(|own| own.bound);
        let is_there = bound.is_some_and(|node| self.has_key(node) || self.is_stopped(node));
        let Some(own) = self.units.get_mut(name) else {
            return;
        };
        let (Some(pod), Some(node)) = (own.pod, own.bound) else {
            own.launch_again(name, turn);
            return;
        };
        let Some(record) = turn.store.pods().get(pod) else {
            return;
        };
        if turn.store.nodes().name(node) != &**machine {
            return;
        }
        let app = own.object.and_then(|id| self.apps.get(&id));
        if is_there && own.object.is_some() {
            own.is_killed = true;
            stop(pod, turn);
        } else if is_there {
            // Nobody but its user makes a unit that stands alone: it is loaded elsewhere as it was.
            own.is_coming = true;
            let reason = EndReason::Cancelled;
            turn.out
                .creations
                .push(Creation::Replacement { pod, reason });
        } else if app.is_some_and(|app| app.spec != turn.store.class(record.class).spec) {
            // Its content has changed since: what is loaded elsewhere is the new one.
            let reason = EndReason::NodeLost;
            turn.write(Event::PodEnded { pod, reason });
        } else {
            own.is_coming = true;
            let reason = EndReason::NodeLost;
            turn.out
                .creations
                .push(Creation::Replacement { pod, reason });
        }
    }

    /// A pod could not be made while another has its name.
    pub(super) fn not_made(&mut self, new: &NewPod) {
        if let NewName::Exact(name) = &new.name
            && let Some(own) = self.units.get_mut(name)
        {
            (own.is_coming, own.awaits_name) = (false, true);
        }
    }

    /// A binding was refused: the unit waits for the next round. One that was refused for what the cluster is
    /// like would be refused again until that changes, so that rounds would go on without end.
    pub(super) fn not_bound(&mut self, pod: PodRef, conflict: &Conflict) {
        let Some(name) = self.name_of(pod) else {
            return;
        };
        if let Some(own) = self.units.get_mut(&name) {
            own.bound = None;
        }
        if let Some(unit) = self.engine.unit(&name).cloned() {
            let machine = None;
            self.engine.put_unit(&name, Unit { machine, ..unit });
            let is_by_chance = matches!(conflict, Conflict::Refused);
            self.needs_round |= is_by_chance;
            self.awaits_change |= !is_by_chance;
            self.refused_at = Some(self.now);
        }
    }

    /// A unit is on no machine any more: the next round finds one.
    fn take_off(&mut self, name: &Text) {
        if let Some(unit) = self.engine.unit(name).cloned() {
            let machine = None;
            self.engine.put_unit(name, Unit { machine, ..unit });
            self.needs_round = true;
        }
    }

    /// The pod of a unit ended.
    pub(super) fn unit_ended(
        &mut self,
        name: &Text,
        pod: PodRef,
        reason: EndReason,
        turn: &mut Turn<'_>,
    ) {
        let Some(own) = self.units.get_mut(name) else {
            return;
        };
        if own.pod != Some(pod) {
            if std::mem::take(&mut own.awaits_name) {
                self.take_off(name);
                self.make(name, turn.out);
            }
            return;
        }
        (own.pod, own.bound) = (None, None);
        if own.is_coming {
            return;
        }
        let is_owned = own.object.is_some();
        if is_owned && reason.leaves_object() && !own.is_killed {
            let change = PodChange::Forgotten;
            turn.write(Event::PodChanged { pod, change });
        }
        let is_evicted = matches!(reason, EndReason::Evicted(_));
        let follows = own.is_killed || ends::fleet(reason).consequence == Consequence::Loss;
        if is_evicted {
            // Whoever took it off its machine wants it on another.
            self.take_off(name);
        }
        let submitted = self.setup.units.get(name);
        if follows && is_owned {
            self.make(name, turn.out);
        } else if is_evicted && let Some(own) = self.units.get_mut(name) {
            // Only its user destroys it: an agent that is stopped gives it back (`Purge` in `agent/agent.go`).
            own.launch_again(name, turn);
        } else if submitted.is_some() && ends_by_itself(reason) {
            // Its target state is launched as before: it stays on its machine, and counts there.
        } else {
            // Whoever submitted it destroys what has ended, with its socket.
            if let Some((socket, _)) = submitted.and_then(|own| own.socket.as_ref()) {
                self.engine.remove_unit(socket);
            }
            self.units.remove(name);
            self.engine.remove_unit(name);
        }
    }

    /// Has the pods of global units where the last round saw them.
    pub(super) fn globals(&mut self, turn: &mut Turn<'_>) {
        let is_global = |app: &App| app.kind == AppKind::Global;
        let ids: Vec<ObjectId> = (self.apps.iter())
            .filter(|(_, app)| is_global(app))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            let app = &self.apps[&id];
            let (unit, name, spec) = (global_name(&app.name), app.name.clone(), app.spec.clone());
            for node in turn.store.nodes().present() {
                let machine = turn.store.nodes().name(node);
                let is_wanted = self.engine.has_global(&unit, machine);
                match (is_wanted, self.globals.get(&(id, node)).copied()) {
                    (true, None) => {
                        self.globals.insert((id, node), None);
                        let owner = PodOwner::new(id, node.0 as i32);
                        let name = NewName::Exact(format!("{name}-{machine}").into());
                        let spec = spec.clone();
                        turn.out
                            .creations
                            .push(Creation::Pod(NewPod { owner, name, spec }));
                    }
                    (false, Some(Some(pod))) => stop(pod, turn),
                    _ => {}
                }
            }
        }
    }

    pub(super) fn global_created(
        &mut self,
        id: ObjectId,
        pod: PodRef,
        name: &str,
        turn: &mut Turn<'_>,
    ) {
        let owner = turn
            .store
            .pod_states()
            .get(pod)
            .and_then(|state| state.owner);
        let Some(node) = owner.map(|owner| NodeId(owner.index as u32)) else {
            return;
        };
        debug_assert!(
            name.ends_with(turn.store.nodes().name(node)),
            "named after its machine"
        );
        self.globals.insert((id, node), Some(pod));
        let devices = DeviceSet::EMPTY;
        turn.write(Event::PodBound { pod, node, devices });
    }

    pub(super) fn global_ended(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        let mut globals = self.globals.iter();
        let key = globals.find(|(_, known)| **known == Some(pod));
        if let Some(key) = key.map(|(key, _)| *key) {
            let app = self.apps.get(&key.0);
            let is_submitted =
                app.is_some_and(|app| self.setup.units.contains_key(&global_name(&app.name)));
            if is_submitted && ends_by_itself(reason) {
                // An agent starts a unit once, and compares states that it set, not those of its processes.
                return;
            }
            self.globals.remove(&key);
            if reason.leaves_object() {
                let change = PodChange::Forgotten;
                turn.write(Event::PodChanged { pod, change });
            }
            self.needs_round = true;
        }
    }

    fn destroy_global(&mut self, id: ObjectId, app: &App, turn: &mut Turn<'_>) {
        if app.kind != AppKind::Global {
            return;
        }
        self.engine.remove_unit(&global_name(&app.name));
        for (_, pod) in self.globals.iter().filter(|((owner, _), _)| *owner == id) {
            if let Some(pod) = pod {
                stop(*pod, turn);
            }
        }
    }
}

/// Whether the process of a unit has ended, and nobody has taken it away.
const fn ends_by_itself(reason: EndReason) -> bool {
    matches!(
        reason,
        EndReason::Completed | EndReason::Error | EndReason::TimeLimit
    )
}

fn global_name(app: &str) -> Text {
    format!("{app}.service").into()
}

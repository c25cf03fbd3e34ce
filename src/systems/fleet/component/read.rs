//! Reading the log: nodes are machines, pods and workloads are units.

use cluster::Store;
use model::{EndReason, Event, NodeContact, PodCreated, PodRef, Text};
use units::NodeId;

use super::Fleet;
use super::units::{AppKind, Own};
use crate::fleet::engine::Unit;
use crate::fleet::entry::CAPABILITIES;
use crate::fleet::unit::Requirements;
use crate::mapping::refusal;
use crate::parts::client::stop;
use crate::parts::turn::Turn;

impl Fleet {
    /// Reads what is new.
    pub(super) fn read(&mut self, turn: &mut Turn<'_>) {
        for entry in turn.store.log().since(self.cursor) {
            let at = entry.at;
            self.needs_round |= std::mem::take(&mut self.awaits_change);
            match &entry.event {
                Event::NodeAdded { node, .. } => self.joined(at, *node, turn.store),
                Event::NodeUpdated { node, .. }
                    if self.has_key(*node) || self.is_stopped(*node) =>
                {
                    self.joined(at, *node, turn.store);
                }
                Event::NodeRemoved { node } | Event::NodeReadiness { node, ready: false } => {
                    self.gone(*node);
                }
                Event::NodeReadiness { node, ready: true } => self.heard(*node, turn.store),
                Event::NodeContact { node, contact } => match contact {
                    NodeContact::Silent { .. } => self.silent(at, *node),
                    NodeContact::Steady => self.heard(*node, turn.store),
                    NodeContact::Heard => {}
                },
                Event::PodCreated(created) => self.created(created, turn),
                Event::PodBound { pod, node, .. } => self.bound(*pod, *node, turn.store),
                Event::PodEnded { pod, reason } => self.ended(*pod, *reason, turn),
                Event::Object(change) => self.declared(change.id(), turn),
                _ => {}
            }
        }
        self.cursor = turn.store.revision();
    }

    fn created(&mut self, created: &PodCreated, turn: &mut Turn<'_>) {
        let pod = created.pod;
        if turn.store.pods().get(pod).is_none() {
            return;
        }
        let mut name: Text = created.name.text();
        let mut has_changed = false;
        if let Some(owner) = created.owner {
            let Some(app) = self.apps.get(&owner.object) else {
                return;
            };
            if app.kind == AppKind::Global {
                self.global_created(owner.object, pod, &name, turn);
                return;
            }
            if owner.index as u64 > app.wanted {
                // Its number was given up while it was on its way.
                stop(pod, turn);
                return;
            }
            has_changed = app.spec != turn.store.class(created.class).spec;
        } else if !name.contains('.') {
            name = format!("{name}.service").into();
        }
        if created.owner.is_none() && self.has_unit(&name, turn.store) {
            stop(pod, turn);
            self.taken.insert(name);
            return;
        }
        let slot = pod.slot.index();
        if self.unit_of.len() <= slot {
            self.unit_of.resize(slot + 1, None);
        }
        self.unit_of[slot] = Some((pod, name.clone()));
        let submitted = self.setup.units.get(&name).cloned();
        let spec = &turn.store.class(created.class).spec;
        let own = self.units.entry(name.clone()).or_insert_with(|| Own {
            object: created.owner.map(|owner| owner.object),
            number: created.owner.map_or(0, |owner| owner.index),
            ..Own::default()
        });
        // What was loaded elsewhere as it was, while its content changed, is loaded again.
        let is_old = has_changed && own.is_coming;
        (own.pod, own.bound, own.is_coming, own.is_killed) = (Some(pod), None, false, is_old);
        if is_old {
            stop(pod, turn);
            return;
        }
        own.class = Some(created.class);
        if let Some(submitted) = &submitted {
            own.connects = submitted.first_connection;
        }
        match self.engine.unit(&name).map(|unit| unit.machine.clone()) {
            Some(Some(machine)) => self.scheduled(&name, &machine, turn),
            Some(None) => {}
            // No machine has what the pod asks for: it waits for good.
            None if refusal(CAPABILITIES, spec).is_some() => {}
            None => {
                let requirements = match submitted {
                    None => Requirements::of_pod(&name, spec),
                    Some(own) => {
                        if let Some((socket, requirements)) = own.socket {
                            self.engine.put_unit(&socket, Unit::launched(requirements));
                        }
                        own.requirements
                    }
                };
                self.engine.put_unit(&name, Unit::launched(requirements));
                self.event();
            }
        }
    }

    /// Whether a unit of a name is there, whose pod is not to be made anew.
    fn has_unit(&self, name: &Text, store: &Store) -> bool {
        let own = self.units.get(name).filter(|own| !own.is_coming);
        own.is_some_and(|own| own.pod.is_some_and(|pod| store.pods().get(pod).is_some()))
    }

    /// A pod that was on a node before the run began is a unit that is scheduled there.
    fn bound(&mut self, pod: PodRef, node: NodeId, store: &Store) {
        let Some(name) = self.name_of(pod) else {
            return;
        };
        let Some(own) = self.units.get_mut(&name).filter(|own| own.bound.is_none()) else {
            return;
        };
        own.bound = Some(node);
        if let Some(unit) = self.engine.unit(&name).cloned() {
            let machine = Some(Text::from(store.nodes().name(node)));
            self.engine.put_unit(&name, Unit { machine, ..unit });
        }
    }

    pub(super) fn name_of(&self, pod: PodRef) -> Option<Text> {
        let (known, name) = self.unit_of.get(pod.slot.index())?.as_ref()?;
        (*known == pod).then(|| name.clone())
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        let place = self.unit_of.get_mut(pod.slot.index());
        let known = place.and_then(|place| place.take_if(|(known, _)| *known == pod));
        let Some((_, name)) = known else {
            self.global_ended(pod, reason, turn);
            return;
        };
        self.unit_ended(&name, pod, reason, turn);
    }
}

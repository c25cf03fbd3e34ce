//! Clients of a Swarm: they ask for containers once, and ask again after a while for what was refused
//! (spec: orchestrators-a.md section 1.2).

use std::sync::Arc;

use crate::mapping::refusal;
use crate::parts::turn::Turn;
use cluster::Store;
use model::{DeviceSet, EndReason, Event, PodRef};
use units::{ClassId, Duration, Instant, NodeId};

use super::super::cluster::{Creation, EngineFailure};
use super::super::container::ContainerConfig;
use super::super::entry::CAPABILITIES;
use super::super::request;
use super::super::watchdog::Order;
use super::{Due, SwarmManager, Template};

impl SwarmManager {
    /// Something may have become possible: clients ask again, each when it would have anyway.
    pub(super) fn changed(&mut self, now: Instant) {
        for (_, pod) in std::mem::take(&mut self.resting) {
            let known = self.known.get(pod.slot.index()).and_then(Option::as_ref);
            let Some(first) = known.and_then(|known| known.first_asked) else {
                continue;
            };
            let at = self.asks_again(now, first);
            self.timers.push(at, Due::Ask(pod));
        }
    }

    /// Request of the containers of a class, and the number by which equal ones are known; the
    /// environment may say more of a workload.
    pub(super) fn template(
        &mut self,
        class: ClassId,
        pod: PodRef,
        store: &Store,
    ) -> (u32, Template) {
        let owner = store.pod_states().get(pod).and_then(|state| state.owner);
        let owner = owner.and_then(|owner| store.objects().get(owner.object));
        let workload = match owner {
            Some(row) => Some(row.object.name().clone()),
            None => store.pods().get(pod).map(|record| record.name.text()),
        };
        let workload = workload.filter(|name| self.options.environment.names(name));
        let key = (class, workload);
        if let Some(&number) = self.template_numbers.get(&key) {
            return (number, self.templates[number as usize].clone());
        }
        let spec = &store.class(class).spec;
        let name = key.1.as_deref().unwrap_or_default();
        let config = match refusal(CAPABILITIES, spec) {
            Some(_) => None,
            None => request::container(spec, name, &self.options).ok(),
        };
        let (number, template) = (self.templates.len() as u32, config.map(Arc::new));
        self.templates.push(template.clone());
        self.template_numbers.insert(key, number);
        (number, template)
    }

    /// A client asks for a container.
    pub(super) fn ask(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
        let known = self.known.get(pod.slot.index()).and_then(Option::as_ref);
        let Some(known) = known.filter(|known| known.pod == pod) else {
            return;
        };
        let (name, class) = (known.name.clone(), known.class);
        let is_told_to_end = turn.store.pod_states().is_terminating(pod);
        let record = turn.store.pods().get(pod);
        if is_told_to_end || record.is_none_or(|record| record.node().is_some()) {
            return;
        }
        if let Some(Some(known)) = self.known.get_mut(pod.slot.index()) {
            known.first_asked.get_or_insert(turn.now);
        }
        if !self.primary.accepts() {
            self.resting.insert(pod.id, pod);
            return;
        }
        let (number, Some(template)) = self.template(class, pod, turn.store) else {
            let reason = EndReason::Rejected;
            turn.write(Event::PodEnded { pod, reason });
            return;
        };
        turn.out.decided_pods += 1;
        turn.out.decided_jobs += 1;
        let config = Arc::new(ContainerConfig {
            name,
            ..(*template).clone()
        });
        let mut outcome = self.cluster.create_as(config, number);
        // An engine that does not answer fails the request, which counts against it.
        while let Ok(creation) = &outcome {
            if self.watches[creation.engine].answers() {
                break;
            }
            let creation = creation.clone();
            self.fail(creation.engine, turn);
            outcome = self.cluster.refused(&creation, EngineFailure::Other);
        }
        if let Ok(creation) = outcome {
            self.accepted(pod, creation, turn);
        } else {
            turn.write(Event::PodUnschedulable { pod });
            if self.options.client_retry > Duration::ZERO {
                self.resting.insert(pod.id, pod);
            } else {
                let reason = EndReason::Rejected;
                turn.write(Event::PodEnded { pod, reason });
            }
        }
    }

    pub(super) fn accepted(&mut self, pod: PodRef, creation: Creation, turn: &mut Turn<'_>) {
        if let Some(Some(known)) = self.known.get_mut(pod.slot.index()) {
            known.creation = Some(creation);
        }
        if self.options.create_time > Duration::ZERO {
            let at = turn.now.saturating_add(self.options.create_time);
            self.timers.push(at, Due::Created(pod));
        } else {
            self.created(pod, turn);
        }
    }

    /// An engine has created a container: it is started there.
    pub(super) fn created(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
        let Some(name) = self.name_of(pod) else {
            return;
        };
        let Some(engine) = self.cluster.engine_of(&name) else {
            return;
        };
        if !self.primary.accepts() {
            self.keep_created(pod);
            return;
        }
        let node = NodeId::from_index(engine);
        let devices = DeviceSet::EMPTY;
        turn.write(Event::PodBound { pod, node, devices });
        if self.moving.contains(&name) {
            let order = self.watchdog.created(&mut self.cluster, name.clone());
            // It is under way until it runs; one that was not running before is done.
            if !matches!(&order, Some(Order::Start { name: own, .. }) if *own == name) {
                self.moving.remove(&name);
                self.carry_out(turn.now, order, turn.out);
            }
        } else if let Some(Some(known)) = self.known.get_mut(pod.slot.index())
            && let Some(creation) = known.creation.take()
        {
            self.cluster.created(&creation, name);
        }
    }
}

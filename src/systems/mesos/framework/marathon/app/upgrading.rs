//! Upgrades of an application: new versions, and other numbers of instances meanwhile.

use super::stated::stated;
use super::{App, Instance, id_of, text_of};
use crate::mesos::framework::{kill, made_of};
use crate::mesos::marathon::section::MarathonFramework;
use crate::mesos::marathon::upgrade::{self, Before, Upgrade, UpgradeStrategy};
use crate::parts::former::declare_former;
use crate::parts::turn::Turn;
use model::{Event, Object, ObjectChange, RolloutStep, Text};
use units::PodId;

impl App {
    /// Takes up a new declaration.
    pub(in crate::mesos::framework::marathon) fn declared(
        &mut self,
        object: &Object,
        options: &MarathonFramework,
        turn: &mut Turn<'_>,
    ) {
        let Some(stated) = stated(object) else {
            return;
        };
        let back = match object {
            Object::Deployment(own) if own.rollback_to.is_some() => Some(own),
            _ => None,
        };
        let is_other = stated.template != self.template || stated.replicas != self.wanted;
        if self.is_deploying && !options.stated.force && (is_other || back.is_some()) {
            return self.refuse(turn);
        }
        if let Some(own) = back {
            return declare_former(self.object, own, self.former.as_ref(), turn);
        }
        self.is_deploying |= is_other;
        self.declared = (!options.stated.force).then(|| object.clone());
        let before = std::mem::replace(&mut self.wanted, stated.replicas);
        self.stated = stated.upgrade;
        if stated.template == self.template {
            if before != self.wanted && self.upgrade.is_some() {
                self.resize(options, turn);
            }
            return;
        }
        self.spec = made_of(
            &stated.template,
            object.namespace(),
            stated.kind,
            object.name(),
        );
        self.former = Some(std::mem::replace(&mut self.template, stated.template));
        self.version += 1;
        self.backoff.reset();
        // All that there is is old, also what an upgrade before has started.
        self.coming.iter_mut().for_each(|one| one.new = None);
        self.instances.values_mut().for_each(|one| one.new = None);
        let mut before = self.before();
        before.scheduled = (self.waiting.len() + self.coming.len()) as u64;
        self.drop_outdated(turn);
        before.old = self.old();
        let (upgrade, actions) = Upgrade::begin(&self.strategy(options), self.wanted, &before);
        self.upgrade = Some(upgrade);
        self.carry_out(actions, turn);
    }

    /// Refuses a change while a deployment is under way (`AppLockedException`, 409): the application stays declared
    /// as it was.
    fn refuse(&self, turn: &mut Turn<'_>) {
        let (workload, step) = (self.object, RolloutStep::Locked);
        turn.write(Event::Rollout { workload, step });
        if let Some(object) = self.declared.clone() {
            let id = workload;
            turn.write(Event::Object(ObjectChange::Updated { id, object }));
        }
    }

    /// The instances that were told to end and have not, as an upgrade finds them when it begins.
    fn before(&self) -> Before {
        let ends = |one: &&Instance| one.counts && one.is_killed;
        Before {
            ending: self.instances.values().filter(ends).count() as u64,
            ..Before::default()
        }
    }

    /// The old instances, each with whether it is healthy.
    fn old(&self) -> Vec<(Text, bool)> {
        let old = self.active().filter(|one| one.new.is_none());
        old.map(|one| (text_of(one.pod.id), one.is_ready)).collect()
    }

    fn strategy(&self, options: &MarathonFramework) -> UpgradeStrategy {
        let capacities = options.stated.upgrade().unwrap_or(self.stated);
        UpgradeStrategy {
            minimum_health_capacity: capacities.0,
            maximum_over_capacity: capacities.1,
            is_resident: self.is_resident,
        }
    }

    /// Another number of instances is wanted in the middle of an upgrade, which is begun anew.
    fn resize(&mut self, options: &MarathonFramework, turn: &mut Turn<'_>) {
        self.shrink(options, turn);
        let new = self.active().filter(|one| one.new.is_some());
        let new: Vec<PodId> = new.map(|one| one.pod.id).collect();
        let mut numbered = Vec::new();
        for (number, id) in (1..).zip(&new) {
            if let Some(instance) = self.instances.get_mut(id) {
                instance.new = Some(number);
                numbered.push((number, instance.is_ready));
            }
        }
        for number in self.coming.iter_mut().filter_map(|one| one.new.as_mut()) {
            *number = numbered.len() as u64 + 1;
            numbered.push((*number, false));
        }
        let before = Before {
            old: self.old(),
            new: numbered,
            ..self.before()
        };
        let (upgrade, actions) = Upgrade::begin(&self.strategy(options), self.wanted, &before);
        self.upgrade = Some(upgrade);
        self.carry_out(actions, turn);
    }

    /// An instance ended or was given up: a new one of an upgrade is started again under its name, an old
    /// one makes room.
    pub(super) fn missing(&mut self, id: PodId, number: Option<u64>, turn: &mut Turn<'_>) {
        let Some(upgrade) = &mut self.upgrade else {
            return;
        };
        if let Some(number) = number {
            upgrade.new_failed(number);
            self.create(Some(number), turn.out);
        } else {
            let actions = upgrade.old_ended(&text_of(id));
            self.carry_out(actions, turn);
        }
    }

    pub(super) fn carry_out(&mut self, actions: Vec<upgrade::Action>, turn: &mut Turn<'_>) {
        for action in actions {
            match action {
                upgrade::Action::Start(number) => self.create(Some(number), turn.out),
                upgrade::Action::Kill(id) => {
                    if let Some(instance) = id_of(&id).and_then(|id| self.instances.get_mut(&id)) {
                        instance.is_killed = true;
                        kill(instance.pod, turn);
                    }
                }
            }
        }
        if self.upgrade.as_ref().is_some_and(Upgrade::is_done) {
            self.upgrade = None;
            self.instances.values_mut().for_each(|one| one.new = None);
        }
    }
}

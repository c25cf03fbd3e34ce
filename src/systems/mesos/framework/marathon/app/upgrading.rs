//! Upgrades of an application: new versions, and other numbers of instances meanwhile.

use super::stated::stated;
use super::{App, id_of, text_of};
use crate::mesos::framework::{kill, made_of};
use crate::mesos::marathon::upgrade::{self, Upgrade, UpgradeStrategy};
use crate::mesos::options::MarathonFramework;
use cluster::Store;
use control::Outbox;
use model::{Object, Text};
use units::PodId;

impl App {
    /// Takes up a new declaration.
    pub(in crate::mesos::framework::marathon) fn declared(
        &mut self,
        object: &Object,
        options: &MarathonFramework,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(stated) = stated(object) else {
            return;
        };
        let before = std::mem::replace(&mut self.wanted, stated.replicas);
        self.stated = stated.upgrade;
        if stated.template == self.template {
            if before != self.wanted && self.upgrade.is_some() {
                self.resize(options, store, out);
            }
            return;
        }
        self.spec = made_of(
            &stated.template,
            object.namespace(),
            stated.kind,
            object.name(),
        );
        self.template = stated.template;
        self.version += 1;
        self.backoff.reset();
        // All that there is is old, also what an upgrade before has started.
        self.coming.iter_mut().for_each(|one| one.new = None);
        self.instances.values_mut().for_each(|one| one.new = None);
        self.drop_outdated(store, out);
        let strategy = self.strategy(options);
        let old: Vec<(Text, bool)> = self
            .active()
            .map(|one| (text_of(one.pod.id), one.is_ready))
            .collect();
        let (upgrade, actions) = Upgrade::begin(&strategy, self.wanted, &old);
        self.upgrade = Some(upgrade);
        self.carry_out(actions, store, out);
    }

    fn strategy(&self, options: &MarathonFramework) -> UpgradeStrategy {
        let capacities = options.upgrade.unwrap_or(self.stated);
        UpgradeStrategy {
            minimum_health_capacity: capacities.0,
            maximum_over_capacity: capacities.1,
            is_resident: self.is_resident,
        }
    }

    /// Another number of instances is wanted in the middle of an upgrade, which is begun anew: of the
    /// new ones that are too many the youngest go, those without an agent first.
    fn resize(&mut self, options: &MarathonFramework, store: &Store, out: &mut Outbox) {
        let new = self.active().filter(|one| one.new.is_some());
        let mut new: Vec<PodId> = new.map(|one| one.pod.id).collect();
        let coming = self.coming.iter().filter(|one| one.new.is_some()).count();
        let mut surplus = (new.len() + coming).saturating_sub(self.wanted as usize);
        while surplus > 0
            && let Some(pod) = self.waiting.pop_back()
        {
            self.instances.remove(&pod.id);
            new.retain(|known| *known != pod.id);
            kill(out, store, pod);
            surplus -= 1;
        }
        while surplus > 0
            && let Some(instance) = new.pop().and_then(|id| self.instances.get_mut(&id))
        {
            (instance.is_killed, instance.new) = (true, None);
            kill(out, store, instance.pod);
            surplus -= 1;
        }
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
        let old = self.active().filter(|one| one.new.is_none());
        let old: Vec<(Text, bool)> = old.map(|one| (text_of(one.pod.id), one.is_ready)).collect();
        let strategy = self.strategy(options);
        let (upgrade, actions) = Upgrade::resume(&strategy, self.wanted, &old, &numbered);
        self.upgrade = Some(upgrade);
        self.carry_out(actions, store, out);
    }

    /// An instance ended or was given up: a new one of an upgrade is started again under its name, an old
    /// one makes room.
    pub(super) fn missing(
        &mut self,
        id: PodId,
        number: Option<u64>,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(upgrade) = &mut self.upgrade else {
            return;
        };
        if let Some(number) = number {
            upgrade.new_failed(number);
            self.create(Some(number), out);
        } else {
            let actions = upgrade.old_ended(&text_of(id));
            self.carry_out(actions, store, out);
        }
    }

    pub(super) fn carry_out(
        &mut self,
        actions: Vec<upgrade::Action>,
        store: &Store,
        out: &mut Outbox,
    ) {
        for action in actions {
            match action {
                upgrade::Action::Start(number) => self.create(Some(number), out),
                upgrade::Action::Kill(id) => {
                    if let Some(instance) = id_of(&id).and_then(|id| self.instances.get_mut(&id)) {
                        instance.is_killed = true;
                        kill(out, store, instance.pod);
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

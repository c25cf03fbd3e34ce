//! Frameworks as the allocator knows them: roles, what they can use, what they refused, and whether
//! they want offers (spec: orchestrators-b.md sections 1.1 and 1.6).

use model::Text;
use units::{Instant, SortedMap, SortedSet};

use super::resources::Resources;
use super::sorter::Sorter;
use super::{Allocator, Capabilities};

/// A refusal: an offer of no more than this is not made until then.
#[derive(Clone, Debug)]
struct Refusal {
    resources: Resources,
    until: Instant,
}

/// A framework.
#[derive(Clone, Debug, Default)]
pub(super) struct Framework {
    pub(super) roles: SortedSet<Text>,
    pub(super) capabilities: Capabilities,
    refusals: SortedMap<(Text, Text), Vec<Refusal>>,
}

impl Framework {
    /// Refuses something of an agent for a role.
    pub(super) fn refuse(&mut self, role: Text, agent: Text, resources: Resources, until: Instant) {
        let refusals = self.refusals.entry((role, agent)).or_default();
        refusals.push(Refusal { resources, until });
    }

    /// Whether an offer is refused. A refusal still stands at the instant at which it ends.
    pub(super) fn refuses(
        &mut self,
        now: Instant,
        role: &Text,
        agent: &Text,
        offer: &Resources,
    ) -> bool {
        if self.refusals.is_empty() {
            return false;
        }
        let key = (role.clone(), agent.clone());
        let Some(refusals) = self.refusals.get_mut(&key) else {
            return false;
        };
        refusals.retain(|refusal| now <= refusal.until);
        refusals
            .iter()
            .any(|refusal| refusal.resources.contains(offer))
    }

    /// Forgets every refusal of an agent.
    pub(super) fn forget_agent(&mut self, agent: &str) {
        self.refusals.retain(|(_, of), _| &**of != agent);
    }
}

impl Allocator {
    /// A framework subscribes with roles; all agents gather for a run.
    pub(in crate::mesos) fn add_framework(
        &mut self,
        id: Text,
        roles: impl IntoIterator<Item = Text>,
        capabilities: Capabilities,
    ) {
        let framework = Framework {
            roles: roles.into_iter().collect(),
            capabilities,
            refusals: SortedMap::new(),
        };
        for role in &framework.roles {
            if !self.sorters.contains_key(role) {
                let options = &self.options;
                let mut sorter = Sorter::new(options.fairness.clone(), options.excluded.clone());
                sorter.set_total(self.total());
                self.sorters.insert(role.clone(), sorter);
                self.roles.add(role);
            }
            if let Some(sorter) = self.sorters.get_mut(role) {
                sorter.add(&id);
            }
        }
        self.frameworks.insert(id, framework);
        self.gather_all();
    }

    /// A framework is gone: whatever it holds comes back.
    pub(in crate::mesos) fn remove_framework(&mut self, id: &Text) {
        let Some(framework) = self.frameworks.remove(id) else {
            return;
        };
        for agent in self.agents.keys().cloned().collect::<Vec<_>>() {
            let agent = self.agents.get_mut(&agent);
            if let Some(agent) = agent {
                agent.held.retain(|(holder, _), _| holder != id);
            }
        }
        for role in &framework.roles {
            let Some(sorter) = self.sorters.get_mut(role) else {
                continue;
            };
            let held = sorter.allocation(id);
            sorter.remove(id);
            self.roles.unallocated(role, &held);
            let mut others = self.frameworks.values();
            if !others.any(|other| other.roles.contains(role)) {
                self.sorters.remove(role);
                self.roles.remove(role);
            }
        }
    }

    /// A framework wants no offers; those that stand stay.
    pub(in crate::mesos) fn suppress(&mut self, id: &Text) {
        self.serve(id, false);
    }

    /// A framework wants offers again: its refusals end, all agents gather for a run.
    pub(in crate::mesos) fn revive(&mut self, id: &Text) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            framework.refusals.clear();
        }
        self.serve(id, true);
        self.gather_all();
    }

    /// A role of which no framework is served leaves the order of roles; one that is served again
    /// brings it back, a further framework does not.
    fn serve(&mut self, id: &Text, is_served: bool) {
        for role in &self.frameworks[id].roles {
            if let Some(sorter) = self.sorters.get_mut(role) {
                sorter.set_active(id, is_served);
                let is_anyone_served = sorter.has_active();
                self.roles.set_active(role, is_anyone_served);
            }
        }
    }
}

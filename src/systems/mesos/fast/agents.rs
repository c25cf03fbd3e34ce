//! Agents as they register, change and leave, and as they gather for the next run.

use super::amounts::{Amounts, Bundle, REVOCABLE, add};
use super::refusals::Refusals;
use super::{Agent, FastAllocator};

impl FastAllocator {
    /// An agent registers; it gathers for a run.
    pub fn add_agent(&mut self, agent: u32, total: Bundle) {
        self.remove_agent(agent);
        let place = agent as usize;
        if self.agents.len() <= place {
            self.agents.resize(place + 1, Agent::default());
            self.candidates.grow(place + 1);
        }
        self.count_total(&total, 1);
        self.agents[place] = Agent {
            is_known: true,
            is_active: true,
            free: total.clone(),
            total,
            held: Vec::new(),
            refusals: Refusals::default(),
        };
        self.gather(agent);
    }

    /// An agent has something else from now on; refusals of it stay. It gathers for a run. Once it
    /// had something revocable its bundles have that part, empty or not.
    pub fn update_agent(&mut self, agent: u32, total: Bundle) {
        let place = agent as usize;
        if !self.is_known(agent) {
            return self.add_agent(agent, total);
        }
        let known = &mut self.agents[place];
        let before = std::mem::replace(&mut known.total, total.clone());
        known.free = total.clone();
        for (_, held) in &known.held {
            known.free.subtract(held);
        }
        self.count_total(&before, -1);
        self.count_total(&total, 1);
        self.gather(agent);
    }

    /// An agent is gone, with everything on it and every refusal of it.
    pub fn remove_agent(&mut self, agent: u32) {
        if !self.is_known(agent) {
            return;
        }
        let known = std::mem::take(&mut self.agents[agent as usize]);
        for (client, held) in &known.held {
            self.uncount(*client, held);
        }
        if self.candidates.contains(agent as usize) {
            self.candidates.set(agent as usize, false);
        }
        self.count_total(&known.total, -1);
    }

    fn count_total(&mut self, total: &Bundle, sign: i64) {
        let signed =
            |amounts: &Amounts| -> Amounts { amounts.iter().map(|amount| sign * amount).collect() };
        add(&mut self.total, &signed(&total.sum()));
        for (role, amounts) in &total.reserved {
            if *role == REVOCABLE {
                self.has_revocable = true;
            } else {
                add(&mut self.roles[*role as usize].reserved, &signed(amounts));
            }
        }
        self.tree.set_total(self.total.clone());
        for role in self.roles.iter_mut().filter(|role| role.place.is_some()) {
            role.tree.set_total(self.total.clone());
        }
    }

    /// Whether an agent is registered.
    pub fn is_known(&self, agent: u32) -> bool {
        let known = self.agents.get(agent as usize);
        known.is_some_and(|known| known.is_known)
    }

    /// An agent is offered, or passed over.
    pub fn set_agent_active(&mut self, agent: u32, is_active: bool) {
        if let Some(known) = self.agents.get_mut(agent as usize) {
            known.is_active = is_active;
        }
    }

    pub(super) fn gather(&mut self, agent: u32) {
        self.candidates.insert(agent as usize);
    }

    /// Every agent gathers for the next run.
    pub fn gather_all(&mut self) {
        for agent in 0..self.agents.len() {
            if self.agents[agent].is_known {
                self.gather(agent as u32);
            }
        }
    }
}

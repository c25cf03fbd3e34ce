//! Runs without quotas and reservations, as most are: an agent goes whole to the first client in order
//! that may have it, so orders are looked through rather than listed, and nobody else is asked.

use super::amounts::{Bundle, is_nothing};
use super::tree::Order;
use super::{FastAllocator, FastOffer};
use units::Instant;

impl FastAllocator {
    /// Whether agents go whole: nothing is reserved, guaranteed, limited or revocable, and no order is
    /// drawn.
    pub(super) fn goes_whole(&self) -> bool {
        let mut roles = self.roles.iter();
        !self.has_revocable
            && self.options.order != Order::Random
            && roles.all(|role| role.quota.is_none() && is_nothing(&role.reserved))
    }

    /// Offers what is free of an agent to the first client that may have it.
    pub(super) fn offer_whole(&mut self, agent: u32, now: Instant, offers: &mut Vec<FastOffer>) {
        let known = &self.agents[agent as usize];
        if !self.is_allocatable(&known.free) {
            return;
        }
        let mut resources = Bundle::of(known.free.plain.clone());
        for amount in &mut resources.plain {
            *amount = (*amount).max(0);
        }
        let has_gpus =
            (self.options.gpu_column).is_some_and(|column| known.total.plain[column] > 0);
        let may = |client: u32| {
            let of = &self.clients[client as usize];
            let is_able = !has_gpus || self.frameworks[of.framework as usize].0.gpu_resources;
            let whose = (client, of.epoch);
            is_able && !known.refusals.refuses(now, whose, &resources)
        };
        let found = self.tree.find(&mut |place| {
            let role = &self.roles[self.placed[place as usize] as usize];
            role.tree.find(&mut |place| {
                let client = role.clients[place as usize];
                may(client).then_some(client)
            })
        });
        let Some(client) = found else {
            return;
        };
        self.hold(client, agent, &resources);
        offers.push(FastOffer {
            client,
            agent,
            resources,
        });
    }
}

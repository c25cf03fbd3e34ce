//! Offers: runs of the allocator, and what frameworks answer (spec: orchestrators-b.md sections 1.4 to
//! 1.6).

use std::sync::Arc;

use model::event::Hold;
use model::gpu::DEVICE_MILLI;
use model::{DeviceSet, Event};
use units::{Duration, NodeId, SortedMap};

use super::super::columns::GPUS;
use super::super::fast::FastOffer;
use super::super::fast::amounts::{Bundle, REVOCABLE};
use super::super::framework::{Launch, Open};
use super::oversubscription::is_revocable;
use super::{MesosMaster, OWNER, Task};
use crate::parts::devices::whole_devices;
use crate::parts::turn::Turn;

/// An offer that stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    offer: FastOffer,
    devices: DeviceSet,
    /// `true` if the offer is taken back when its time is over, rather than answered.
    is_taken_back: bool,
}

impl MesosMaster {
    /// Runs the allocator if it is time to, and sends its offers.
    pub(super) fn allocate(&mut self, turn: &mut Turn<'_>) {
        let now = self.now;
        let is_batch = self.next_batch() == now
            && (self.needs_batch || self.expiries.first().is_some_and(|&ends| ends < now));
        if is_batch {
            self.last_batch = Some(now);
            self.needs_batch = false;
            self.expiries = self.expiries.split_off(&now);
            self.allocator.gather_all();
        } else if !self.is_requested {
            return;
        }
        self.is_requested = false;
        let mut made = std::mem::take(&mut self.made);
        self.allocator.run(now, &mut made);
        let mut given: SortedMap<u32, DeviceSet> = SortedMap::new();
        for offer in made.drain(..) {
            self.send(offer, &mut given, turn);
        }
        self.made = made;
    }

    fn send(
        &mut self,
        offer: FastOffer,
        given: &mut SortedMap<u32, DeviceSet>,
        turn: &mut Turn<'_>,
    ) {
        let node = NodeId(offer.agent);
        let gpus = offer.resources.amount(GPUS);
        let mut devices = DeviceSet::EMPTY;
        if gpus > 0 {
            let taken = given.entry(offer.agent).or_default();
            devices = whole_devices(turn.store, node, *taken, gpus);
            *taken = DeviceSet(taken.0 | devices.0);
        }
        let own = &self.options.frameworks[self.allocator.framework_of(offer.client) as usize];
        let timeout = self.options.stated.offer_timeout;
        let is_taken_back = timeout.is_some_and(|timeout| timeout < own.offer_delay);
        let delay = timeout.map_or(own.offer_delay, |timeout| timeout.min(own.offer_delay));
        let number = self.next_offer;
        self.next_offer += 1;
        if delay <= Duration::ZERO && !is_taken_back {
            self.due.push_back((offer, devices));
            return;
        }
        if !self.has_rivals() {
            self.lock(number, &offer, devices, turn);
        }
        let at = self.now.saturating_add(delay);
        let standing = Standing {
            offer,
            devices,
            is_taken_back,
        };
        self.standing.insert((at, number), standing);
    }

    /// Lets a hold of the store stand for an offer.
    fn lock(&self, number: u64, offer: &FastOffer, devices: DeviceSet, turn: &mut Turn<'_>) {
        // What is offered a second time is somebody's already.
        let mut sure = offer.resources.clone();
        sure.reserved.retain(|(role, _)| *role != REVOCABLE);
        let mut resources = self.columns.held(&sure.sum());
        resources.gpu_milli = devices.len() as i64 * i64::from(DEVICE_MILLI);
        turn.write(Event::HoldPlaced(Arc::new(Hold {
            owner: OWNER,
            number,
            node: NodeId(offer.agent),
            resources,
            devices,
            milli_per_device: DEVICE_MILLI,
            until: None,
        })));
    }

    /// Lets frameworks answer what is due, up to the first answer that launches something; whether
    /// anything was due.
    pub(super) fn answer(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut was_any = false;
        while let Some((&(at, number), _)) = self.standing.first_key_value()
            && at <= self.now
        {
            let Some(standing) = self.standing.remove(&(at, number)) else {
                break;
            };
            was_any = true;
            self.release(number, turn);
            let Standing {
                offer,
                devices,
                is_taken_back,
            } = standing;
            let launched = if is_taken_back {
                self.allocator
                    .give_back(offer.client, offer.agent, &offer.resources);
                self.needs_batch = true;
                0
            } else {
                self.answer_one(offer, devices, turn)
            };
            if launched > 0 {
                return true;
            }
        }
        while let Some((offer, devices)) = self.due.pop_front() {
            was_any = true;
            if self.answer_one(offer, devices, turn) > 0 {
                break;
            }
        }
        was_any
    }

    fn release(&self, number: u64, turn: &mut Turn<'_>) {
        if !self.has_rivals() {
            let owner = OWNER;
            turn.write(Event::HoldReleased { owner, number });
        }
    }

    /// One answer; how many tasks it launches.
    fn answer_one(&mut self, offer: FastOffer, devices: DeviceSet, turn: &mut Turn<'_>) -> usize {
        let (client, agent) = (offer.client, offer.agent);
        let devices = self.free_devices(&offer, devices, turn.store);
        let place = self.allocator.framework_of(client) as usize;
        let seat = &mut self.seats[place];
        if !seat.framework.may_take(&offer.resources) {
            let own = &self.options.frameworks[place];
            self.refuse(client, agent, offer.resources, own.refusal);
            return 0;
        }
        let node = NodeId(agent);
        let mut open = Open::new(
            self.now,
            turn.store,
            self.columns,
            node,
            offer.resources,
            devices,
        );
        seat.framework.offered(&mut open);
        let rest_refusal = seat.framework.rest_refusal();
        let (launches, rest) = open.close();
        let count = launches.len();
        if count > 0 {
            seat.is_touched = true;
            turn.out.decided_pods += count as u32;
            turn.out.decided_jobs += count as u32;
        } else {
            let wakes = seat.framework.wakes(self.now);
            seat.is_touched |= wakes.is_some_and(|at| at <= self.now);
            seat.wakes = wakes.filter(|&at| at > self.now);
        }
        for launch in launches {
            self.launch(client, node, launch, turn);
        }
        if !rest.is_empty() {
            let own = &self.options.frameworks[place];
            let span = if count > 0 { rest_refusal } else { own.refusal };
            self.refuse(client, agent, rest, span);
        }
        count
    }

    /// Gives the rest of an offer back, which is not wanted for a while.
    fn refuse(&mut self, client: u32, agent: u32, rest: Bundle, span: Duration) {
        self.allocator.give_back(client, agent, &rest);
        if span <= Duration::ZERO {
            // An answer takes time, so a cycle of this very instant comes too early for it.
            (self.needs_batch, self.last_batch) = (true, Some(self.now));
            return;
        }
        let until = self.allocator.refuse(client, agent, rest, self.now, span);
        if self.last_expiry != Some(until) {
            self.last_expiry = Some(until);
            self.expiries.insert(until);
        }
        // Others may want it.
        self.needs_batch |= self.allocator.served() > 1;
    }

    fn launch(&mut self, client: u32, node: NodeId, launch: Launch, turn: &mut Turn<'_>) {
        let Launch {
            pod,
            devices,
            taken,
        } = launch;
        let held = self.held.get_mut(pod.slot.index()).and_then(Option::as_mut);
        if let Some(held) = held.filter(|held| held.pod == pod) {
            let task = Task {
                client,
                node,
                taken,
            };
            self.reports.matters |= is_revocable(&task);
            held.task = Some(task);
        }
        self.attempt(pod, turn.store);
        turn.write(Event::PodBound { pod, node, devices });
    }

    /// Takes offers back.
    pub(super) fn rescind(&mut self, is_taken: impl Fn(&FastOffer) -> bool, turn: &mut Turn<'_>) {
        let standing = &mut self.standing;
        let taken = standing.extract_all(|_, standing| is_taken(&standing.offer));
        let mut offers = Vec::new();
        for ((_, number), standing) in taken {
            self.release(number, turn);
            offers.push(standing.offer);
        }
        let due = std::mem::take(&mut self.due);
        for (offer, devices) in due {
            if is_taken(&offer) {
                offers.push(offer);
            } else {
                self.due.push_back((offer, devices));
            }
        }
        for offer in offers {
            self.allocator
                .give_back(offer.client, offer.agent, &offer.resources);
        }
    }

    /// An offer whose hold was refused is none.
    pub(super) fn drop_hold(&mut self, number: u64) {
        let found = self.standing.keys().find(|(_, own)| *own == number);
        if let Some(key) = found.copied()
            && let Some(standing) = self.standing.remove(&key)
        {
            let offer = &standing.offer;
            self.allocator
                .give_back(offer.client, offer.agent, &offer.resources);
            self.needs_batch = true;
        }
    }
}

//! A datacenter with its account: whatever moves its clock, each state of the hosts is booked at the
//! instant at which it begins.

use super::account::Account;
use super::datacenter::{Datacenter, Move};
use super::ids::{HostId, VmId};

/// A datacenter with its account.
#[derive(Clone, Debug)]
pub struct Books {
    /// Hosts and machines.
    pub datacenter: Datacenter,
    /// Account of them.
    pub account: Account,
}

impl Books {
    /// Books without entries.
    pub fn new(datacenter: Datacenter) -> Self {
        Self {
            datacenter,
            account: Account::default(),
        }
    }

    /// Takes over what machines use at an instant, and books the time up to it.
    pub fn observe(&mut self, now: f64, used: impl FnMut(VmId) -> f64) {
        self.datacenter.observe(used);
        self.note_all(now);
    }

    /// Books the state of all hosts after machines came, went or ended their moves at an instant.
    pub fn settle(&mut self, now: f64) {
        self.datacenter.settle();
        self.note_all(now);
    }

    /// Starts a move at an instant.
    pub fn start(&mut self, order: Move, now: f64) {
        let from = self.datacenter.start(order);
        for host in [Some(order.to), from].into_iter().flatten() {
            self.account.note(&self.datacenter, host, now);
        }
        self.account.moves += 1;
    }

    fn note_all(&mut self, now: f64) {
        for host in 0..self.datacenter.hosts.len() {
            self.account
                .note(&self.datacenter, HostId(host as u32), now);
        }
    }
}

//! The split by use: a pod pays for the greater of what it reserves and what it uses (metrics.md 5.4,
//! the rule of `OpenCost`). Where pods use more than their node has, they share its price.

use crate::record::collector::{Change, UsageSample};
use crate::record::state::{Resource, Row, class_requests};
use crate::record::window::MeasuredWindow;
use crate::statistics::integral::Integral;
use cluster::Store;
use model::{Pod, PodPhase};
use units::{Instant, NodeId};

use super::accounts::{Account, Payers};
use super::{Node, weight};

/// Cost of pods by usage; starts when usage is first known.
#[derive(Clone, Debug, Default)]
pub(super) struct UsageSplit {
    accounts: Vec<Account>,
    /// Share and rate of the pod in each row.
    pods: Vec<Share>,
    pub(super) idle_rate: i128,
    pub(super) idle: Integral,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    payer: usize,
    weight: i128,
    rate: i128,
}

/// Moment of a change, and the measurements.
#[derive(Clone, Copy)]
pub(super) struct CostContext<'a> {
    pub(super) at: Instant,
    pub(super) store: &'a Store,
    pub(super) measured: &'a MeasuredWindow,
}

impl<'a> CostContext<'a> {
    pub(super) const fn of(change: &Change<'a>) -> Self {
        Self {
            at: change.at,
            store: change.store,
            measured: change.measured,
        }
    }
}

impl UsageSplit {
    /// Begins the bill by use; up to now the accounts are those that pay by what pods reserve.
    pub(super) fn begin(
        moment: CostContext<'_>,
        accounts: &[Account],
        idle_rate: i128,
        idle: Integral,
        payers: &mut Payers,
        nodes: &[Node],
    ) -> Self {
        let mut own = Self {
            accounts: accounts.to_vec(),
            idle_rate,
            idle,
            ..Self::default()
        };
        // What all pay now is taken back and shared out anew.
        for account in &mut own.accounts {
            let rate = account.rate();
            account.change(moment.at, -rate, moment.measured);
            own.idle_rate += rate;
        }
        for (place, node) in nodes.iter().enumerate() {
            let id = NodeId::from_index(place);
            for &slot in moment.store.nodes().pods(id) {
                if let Some(pod) = moment.store.pods().at(slot) {
                    let amounts = class_requests(moment.store, pod.class);
                    own.set(pod, payers.of(pod, moment.store), weight(&amounts));
                }
            }
            own.share(moment, id, node);
        }
        own
    }

    /// A pod was bound; it counts what it reserves until it is measured.
    pub(super) fn bound(
        &mut self,
        moment: CostContext<'_>,
        pod: (&Pod, usize),
        requests: &Row,
        node: (NodeId, &Node),
    ) {
        self.set(pod.0, pod.1, weight(requests));
        self.share(moment, node.0, node.1);
    }

    /// A node costs so much more from now on.
    pub(super) fn repriced(&mut self, moment: CostContext<'_>, node: (NodeId, &Node), more: i128) {
        self.idle_rate += more;
        self.share(moment, node.0, node.1);
    }

    /// A pod left its node.
    pub(super) fn ended(&mut self, moment: CostContext<'_>, pod: &Pod, node: (NodeId, &Node)) {
        let slot = pod.pod.slot.index();
        if let Some(share) = self.pods.get_mut(slot) {
            let left = std::mem::take(share);
            self.pay(moment, left.payer, -left.rate);
        }
        self.share(moment, node.0, node.1);
    }

    /// Takes up what pods of some nodes use from now on.
    pub(super) fn follow(
        &mut self,
        moment: CostContext<'_>,
        sample: &UsageSample<'_>,
        payers: &mut Payers,
        nodes: &[Node],
    ) {
        for &id in sample.nodes {
            let Some(node) = nodes.get(id.index()).filter(|node| node.price_rate != 0) else {
                continue;
            };
            let mut is_changed = false;
            for &slot in moment.store.nodes().pods(id) {
                let Some(pod) = moment.store.pods().at(slot) else {
                    continue;
                };
                let mut amounts = class_requests(moment.store, pod.class);
                if pod.phase == PodPhase::Running
                    && let Some(own) = sample.usage.pod(pod.pod)
                {
                    let cpu = Resource::Cpu as usize;
                    amounts[cpu] = amounts[cpu].max(own.cpu_milli);
                    amounts[1] = amounts[1].max(own.memory_bytes);
                }
                is_changed |= self.set(pod, payers.of(pod, moment.store), weight(&amounts));
            }
            if is_changed {
                self.share(moment, id, node);
            }
        }
    }

    /// Amount that each payer paid until an instant.
    pub(super) fn paid(&self, at: Instant, measured: &MeasuredWindow) -> Vec<Integral> {
        let accounts = self.accounts.iter();
        accounts.map(|account| account.paid(at, measured)).collect()
    }

    fn set(&mut self, pod: &Pod, payer: usize, weight: i128) -> bool {
        let slot = pod.pod.slot.index();
        if self.pods.len() <= slot {
            self.pods.resize(slot + 1, Share::default());
        }
        let share = &mut self.pods[slot];
        let is_changed = (share.payer, share.weight) != (payer, weight);
        (share.payer, share.weight) = (payer, weight);
        is_changed
    }

    /// Shares the price of a node among its pods.
    fn share(&mut self, moment: CostContext<'_>, id: NodeId, node: &Node) {
        let slots = moment.store.nodes().pods(id);
        let weights = slots.iter().filter_map(|slot| self.pods.get(slot.index()));
        let used: i128 = weights.map(|share| share.weight).sum();
        let whole = node.whole.max(used).max(1);
        for slot in slots {
            let Some(share) = self.pods.get_mut(slot.index()) else {
                continue;
            };
            let rate = node.price_rate * share.weight / whole;
            let (payer, change) = (share.payer, rate - share.rate);
            share.rate = rate;
            self.pay(moment, payer, change);
        }
    }

    fn pay(&mut self, moment: CostContext<'_>, payer: usize, rate: i128) {
        if rate == 0 {
            return;
        }
        if self.accounts.len() <= payer {
            self.accounts.resize(payer + 1, Account::default());
        }
        self.accounts[payer].change(moment.at, rate, moment.measured);
        self.idle_rate -= rate;
    }
}

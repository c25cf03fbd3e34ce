//! Whoever provides machines: they boot for a time, fail now and then, are limited by quotas, run
//! out of stock, and are taken back when they are spot capacity (spec: orchestrators-a.md section 4,
//! orchestrators-b.md 10.3).
//!
//! Every order has a stream of its own, so that one more order moves nobody else's luck.

use std::collections::BTreeMap;
use std::sync::Arc;

use control::provider::{MachineOrder, ORDERED_LABEL, OrderFailed, ProviderRequest};
use model::resource_list::CPU;
use model::{Event, NewPrice, PodRef, Text};
use rng::{Distribution, Stream};
use units::{Duration, Instant, NodeId};

use super::SimError;
use super::cell::Cell;
use super::engine::Engine;
use super::queue::Upcoming;

/// How long a refusal for a quota takes.
const REFUSAL: Duration = Duration::from_secs(1);

/// How a provider is.
#[derive(Clone, Debug, Default)]
pub struct ProviderOptions {
    /// From an order until its node joins; `None` is no time.
    pub boot: Option<Distribution>,
    /// Boot times of groups that have their own.
    pub boot_of: BTreeMap<Text, Distribution>,
    /// Which part of the orders fails, in millionths.
    pub failure_ppm: u32,
    /// After how long that is known.
    pub failed_after: Duration,
    /// The most machines at a time.
    pub most_machines: Option<u64>,
    /// The most cores at a time, in thousandths.
    pub most_cpu_milli: Option<i64>,
    /// The most machines of groups and instance types at a time.
    pub most_of: BTreeMap<Text, u64>,
    /// When groups and instance types can't be had: from, until.
    pub stock_outs: BTreeMap<Text, Vec<(Instant, Instant)>>,
    /// For how long spot capacity is kept, and how long before its end that is said.
    pub spot: Option<(Distribution, Duration)>,
    /// Later prices of machines, in order of time.
    pub prices: Vec<(Instant, Arc<NewPrice>)>,
}

/// The provider of a cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Provider {
    options: ProviderOptions,
    orders: Vec<Order>,
    /// The order of each machine that was ordered and is there.
    nodes: BTreeMap<NodeId, usize>,
}

#[derive(Clone, Debug)]
struct Order {
    machine: MachineOrder,
    /// The component that ordered it.
    component: usize,
    stage: Stage,
    /// For how long it is kept once it is there.
    kept: Option<Duration>,
}

/// What comes next of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Its node joins.
    Booting,
    /// It is said that it comes to nothing.
    Failing(Text),
    /// It is said that it is taken back.
    Kept(NodeId),
    /// It is taken back.
    Noticed(NodeId),
    /// Nothing: it is there until it is given back.
    There,
    /// Nothing: it failed or is gone.
    Over,
}

impl Stage {
    const fn is_held(&self) -> bool {
        !matches!(self, Self::Failing(_) | Self::Over)
    }
}

impl Provider {
    pub(super) fn new(options: ProviderOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Why an order can't be met, and after how long that is said.
    fn refusal(&self, now: Instant, machine: &MachineOrder) -> Option<(Text, Duration)> {
        let own = &self.options;
        let names = [&machine.group, &machine.instance_type];
        let held = || self.orders.iter().filter(|order| order.stage.is_held());
        let cpu = |machine: &MachineOrder| {
            machine
                .node
                .allocatable
                .get(CPU)
                .milli_ceil()
                .unwrap_or(i64::MAX)
        };
        if own
            .most_machines
            .is_some_and(|most| held().count() as u64 >= most)
        {
            return Some(("quota of instances exceeded".into(), REFUSAL));
        }
        if let Some(most) = own.most_cpu_milli {
            let used: i64 = held().map(|order| cpu(&order.machine)).sum();
            if used.saturating_add(cpu(machine)) > most {
                return Some(("quota of cores exceeded".into(), REFUSAL));
            }
        }
        for name in names {
            let is_of = |order: &&Order| {
                order.machine.group == *name || order.machine.instance_type == *name
            };
            let most = own.most_of.get(name);
            if most.is_some_and(|&most| held().filter(is_of).count() as u64 >= most) {
                return Some((format!("quota of {name} exceeded").into(), REFUSAL));
            }
            let out = own.stock_outs.get(name).into_iter().flatten();
            if out
                .into_iter()
                .any(|&(from, until)| from <= now && now < until)
            {
                return Some((format!("{name} is out of stock").into(), own.failed_after));
            }
        }
        None
    }
}

impl Engine<'_> {
    /// A component asks for machines, or gives them back.
    pub(super) fn provide(
        &mut self,
        cell: &mut Cell,
        component: usize,
        requests: Vec<ProviderRequest>,
    ) -> Result<(), SimError> {
        for request in requests {
            match request {
                ProviderRequest::Launch(machine) => self.launch(cell, component, machine),
                ProviderRequest::Cancel(name) => {
                    let mut orders = cell.provider.orders.iter_mut();
                    let own = orders.find(|order| {
                        order.machine.node.name == name && order.stage == Stage::Booting
                    });
                    if let Some(order) = own {
                        order.stage = Stage::Over;
                    }
                }
                ProviderRequest::Terminate(node) => self.take_away(cell, node)?,
            }
        }
        Ok(())
    }

    fn launch(&mut self, cell: &mut Cell, component: usize, mut machine: MachineOrder) {
        let number = cell.provider.orders.len();
        let entity = u64::from(cell.number) << 32 | number as u64;
        let mut stream = Stream::new(self.options.seed, "provider", entity);
        let options = &cell.provider.options;
        let fails = stream.below(1_000_000) < u64::from(options.failure_ppm);
        let boot = options
            .boot_of
            .get(&machine.group)
            .or(options.boot.as_ref());
        let boot = boot.map_or(Duration::ZERO, |boot| boot.sample(&mut stream));
        let kept = options.spot.as_ref().filter(|_| machine.is_spot);
        let kept = kept.map(|(kept, _)| kept.sample(&mut stream));
        let (stage, after) = match cell.provider.refusal(self.now, &machine) {
            Some((why, after)) => (Stage::Failing(why), after),
            None if fails => (
                Stage::Failing("the machine failed to start".into()),
                options.failed_after,
            ),
            None => (Stage::Booting, boot),
        };
        let ordered = self.now.since(Instant::ZERO).as_nanos().to_string();
        let node = Arc::make_mut(&mut machine.node);
        node.labels.insert(ORDERED_LABEL.into(), ordered.into());
        cell.provider.orders.push(Order {
            machine,
            component,
            stage,
            kept,
        });
        let at = self.now.saturating_add(after.max(Duration::ZERO));
        self.queue
            .push(at, Upcoming::Machine(number as u32).of(cell.number));
    }

    /// What comes next of an order happens.
    pub(super) fn machine_due(&mut self, cell: &mut Cell, number: u32) -> Result<(), SimError> {
        let Some(order) = cell.provider.orders.get_mut(number as usize) else {
            return Ok(());
        };
        match order.stage.clone() {
            Stage::There | Stage::Over => Ok(()),
            Stage::Failing(why) => {
                order.stage = Stage::Over;
                let (component, node) = (order.component, order.machine.node.name.clone());
                if let Some(seat) = cell.components.get_mut(component) {
                    seat.component
                        .order_failed(self.now, &OrderFailed { node, why });
                    seat.due = true;
                }
                Ok(())
            }
            Stage::Booting => self.join(cell, number),
            Stage::Kept(node) => {
                let notice = cell.provider.options.spot.as_ref();
                let notice = notice.map_or(Duration::ZERO, |(_, notice)| *notice);
                order.stage = Stage::Noticed(node);
                let at = self.now.saturating_add(notice);
                self.queue
                    .push(at, Upcoming::Machine(number).of(cell.number));
                self.drain(cell, node)
            }
            Stage::Noticed(node) => self.take_away(cell, node),
        }
    }

    fn join(&mut self, cell: &mut Cell, number: u32) -> Result<(), SimError> {
        let order = &mut cell.provider.orders[number as usize];
        let object = order.machine.node.clone();
        let event = cell.store.node_added(object.clone());
        let Event::NodeAdded { node, .. } = event else {
            return Ok(());
        };
        order.stage = match order.kept {
            Some(_) => Stage::Kept(node),
            None => Stage::There,
        };
        if let Some(kept) = order.kept {
            let notice = cell.provider.options.spot.as_ref();
            let notice = notice.map_or(Duration::ZERO, |(_, notice)| *notice);
            let span = Duration::from_nanos((kept.as_nanos() - notice.as_nanos()).max(0));
            let at = self.now.saturating_add(span);
            self.queue
                .push(at, Upcoming::Machine(number).of(cell.number));
        }
        cell.provider.nodes.insert(node, number as usize);
        self.commit(cell, event)
            .map_err(|why| SimError::Declaration {
                what: format!("node `{}`, which was ordered", object.name),
                why: why.to_string(),
            })
    }

    /// Prices change as they were written, from a number on; the next change is awaited.
    pub(super) fn prices_due(&mut self, cell: &mut Cell, number: u32) -> Result<(), SimError> {
        let mut number = number as usize;
        while let Some((at, new)) = cell.provider.options.prices.get(number) {
            if *at > self.now {
                self.await_price(cell, number);
                break;
            }
            let event = Event::PriceChanged(Arc::clone(new));
            self.observed(cell, event)?;
            number += 1;
        }
        Ok(())
    }

    /// The change of prices of a number is awaited, if there is one.
    pub(super) fn await_price(&mut self, cell: &Cell, number: usize) {
        if let Some((at, _)) = cell.provider.options.prices.get(number) {
            let due = match self.options.stop.awaited() {
                Some(_) => Upcoming::Price(number as u32),
                // What nothing else happens after changes nothing.
                None => Upcoming::IdlePrice(number as u32),
            };
            self.queue.push(*at, due.of(cell.number));
        }
    }

    /// A machine goes, with what runs on it.
    fn take_away(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        if let Some(number) = cell.provider.nodes.remove(&node) {
            cell.provider.orders[number].stage = Stage::Over;
        }
        if cell.store.nodes().object(node).is_none() {
            return Ok(());
        }
        let slots = cell.store.nodes().pods(node).iter();
        let pods = slots.filter_map(|&slot| cell.store.pods().at(slot));
        let mut pods: Vec<PodRef> = pods.map(|record| record.pod).collect();
        pods.sort_unstable();
        for pod in pods {
            self.lose(cell, pod)?;
        }
        self.observed(cell, Event::NodeRemoved { node })
    }
}

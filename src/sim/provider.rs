//! The machine provider: machines boot for a time, fail now and then, are limited by quotas, run
//! out of stock, and are taken back when they are spot capacity (spec: orchestrators-a.md section 4,
//! orchestrators-b.md 10.3).
//!
//! Every order has a stream of its own, so that one more order does not change the random draws of the others.

use std::sync::Arc;

use control::provider::{MachineHosts, MachineOrder, ORDERED_LABEL, OrderFailure};
use model::resource_list::CPU;
use model::{NewPrice, Node, Text};
use rng::{Distribution, Stream};
use units::{Duration, Identity, Instant, NodeId, SortedMap};

use crate::host_creations::{HostCreationOptions, HostCreations};

/// Time that a refusal for a quota takes.
const REFUSAL: Duration = Duration::from_secs(1);

/// Options of a provider.
#[derive(Clone, Debug, Default)]
pub struct ProviderOptions {
    /// Time from an order until its node joins; `None` is no time.
    pub boot: Option<Distribution>,
    /// The time until nodes of a group join, for groups that have their own.
    pub boot_of: SortedMap<Text, Distribution>,
    /// Docker Machine, which makes the hosts, in place of `boot` and `failure_ppm`.
    pub machine: Option<HostCreationOptions>,
    /// Hosts on which the machines are made; `None` makes them from nothing.
    pub hosts: Option<Box<dyn MachineHosts>>,
    /// Part of the orders that fails, in millionths.
    pub failure_ppm: u32,
    /// Time after which the failure is known.
    pub failed_after: Duration,
    /// The most machines at a time.
    pub most_machines: Option<u64>,
    /// The most cores at a time, in thousandths.
    pub most_cpu_milli: Option<i64>,
    /// The most machines of groups and instance types at a time.
    pub most_of: SortedMap<Text, u64>,
    /// Spans in which groups and instance types can't be had: from, until.
    pub stock_outs: SortedMap<Text, Vec<(Instant, Instant)>>,
    /// Time for which spot capacity is kept, and that of the notice before its end.
    pub spot: Option<(Distribution, Duration)>,
    /// The prices of machines from later times on, in order of time.
    pub prices: Vec<(Instant, Arc<NewPrice>)>,
}

/// The provider of a cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Provider {
    options: ProviderOptions,
    orders: Vec<Order>,
    creations: HostCreations,
    /// The order of each machine that was ordered and is there.
    nodes: SortedMap<NodeId, usize>,
}

#[derive(Clone, Debug)]
struct Order {
    machine: MachineOrder,
    /// The component that ordered it.
    component: usize,
    stage: Stage,
    /// Time for which the machine is kept once it is there.
    kept: Option<Duration>,
}

/// The next stage of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// The node joins.
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

    /// Reason an order can't be met, and the time after which the provider says so.
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

    /// A component orders a machine: the number of the order, and when something comes of it.
    pub(super) fn order(
        &mut self,
        now: Instant,
        seed: u64,
        component: usize,
        mut machine: MachineOrder,
    ) -> OrderTimer {
        let number = self.orders.len();
        let mut stream = Stream::of(seed, "provider", Identity::of(&machine.node.name));
        let options = &self.options;
        let fails = stream.below(1_000_000) < u64::from(options.failure_ppm);
        let boot = options
            .boot_of
            .get(&machine.group)
            .or(options.boot.as_ref());
        let boot = boot.map_or(Duration::ZERO, |boot| boot.sample(&mut stream));
        let kept = options.spot.as_ref().filter(|_| machine.is_spot);
        let kept = kept.map(|(kept, _)| kept.sample(&mut stream));
        let (stage, after) = match self.refusal(now, &machine) {
            Some((why, after)) => (Stage::Failing(why), after),
            None if fails => (
                Stage::Failing("the machine failed to start".into()),
                options.failed_after,
            ),
            None if self.options.hosts.is_some() => self.place(now, boot, &mut machine),
            None => match &self.options.machine {
                None => (Stage::Booting, boot),
                Some(own) => {
                    let of_group = self.options.boot_of.get(&machine.group);
                    let created = self.creations.create(own, of_group, now, &mut stream);
                    let stage = created.fails_in.map_or(Stage::Booting, |phase| {
                        Stage::Failing(format!("no host was made: {phase}").into())
                    });
                    (stage, created.at.since(now))
                }
            },
        };
        let ordered = now.since(Instant::ZERO).as_nanos().to_string();
        let node = Arc::make_mut(&mut machine.node);
        node.labels.insert(ORDERED_LABEL.into(), ordered.into());
        self.orders.push(Order {
            machine,
            component,
            stage,
            kept,
        });
        OrderTimer {
            order: number as u32,
            at: now.saturating_add(after.max(Duration::ZERO)),
        }
    }

    /// A machine is made on a host, and takes its own time to join after that.
    fn place(
        &mut self,
        now: Instant,
        joins: Duration,
        machine: &mut MachineOrder,
    ) -> (Stage, Duration) {
        let hosts = self.options.hosts.as_mut();
        match hosts.map(|hosts| hosts.place(now, &machine.node)) {
            None => (Stage::Booting, joins),
            Some(Err(why)) => (Stage::Failing(why), REFUSAL),
            Some(Ok(placed)) => {
                let (key, value) = placed.label;
                Arc::make_mut(&mut machine.node).labels.insert(key, value);
                let takes = placed.takes.checked_add(joins);
                (Stage::Booting, takes.unwrap_or(Duration::MAX))
            }
        }
    }

    /// A machine needs no host any more.
    fn leave_host(&mut self, now: Instant, node: &str) {
        if let Some(hosts) = &mut self.options.hosts {
            hosts.remove(now, node);
        }
    }

    /// Machines that a component ordered and that have yet to join, or to fail.
    pub(super) fn awaited(&self, component: usize) -> impl Iterator<Item = &MachineOrder> {
        let orders = self.orders.iter();
        let coming = orders.filter(move |order| {
            let is_coming = matches!(order.stage, Stage::Booting | Stage::Failing(_));
            is_coming && order.component == component
        });
        coming.map(|order| &order.machine)
    }

    /// An order that has not come is taken back.
    pub(super) fn cancel(&mut self, now: Instant, name: &Text) {
        let mut orders = self.orders.iter_mut();
        let own =
            orders.find(|order| order.machine.node.name == *name && order.stage == Stage::Booting);
        if let Some(order) = own {
            order.stage = Stage::Over;
            self.leave_host(now, name);
        }
    }

    /// An order comes to its next stage.
    pub(super) fn happen(&mut self, now: Instant, number: u32) -> OrderOutcome {
        let notice = self.notice();
        let Some(order) = self.orders.get_mut(number as usize) else {
            return OrderOutcome::Nothing;
        };
        match order.stage.clone() {
            Stage::There | Stage::Over => OrderOutcome::Nothing,
            Stage::Failing(why) => {
                order.stage = Stage::Over;
                let node = order.machine.node.name.clone();
                OrderOutcome::Failed {
                    component: order.component,
                    group: order.machine.group.clone(),
                    failed: OrderFailure { node, why },
                }
            }
            Stage::Booting => OrderOutcome::Joins(order.machine.node.clone()),
            Stage::Kept(node) => {
                order.stage = Stage::Noticed(node);
                let at = now.saturating_add(notice);
                OrderOutcome::Noticed {
                    node,
                    next: OrderTimer { order: number, at },
                }
            }
            Stage::Noticed(node) => OrderOutcome::TakenBack(node),
        }
    }

    /// The machine of an order joined as a node; returns when it is said that it is taken back.
    pub(super) fn joined(&mut self, now: Instant, number: u32, node: NodeId) -> Option<OrderTimer> {
        let notice = self.notice();
        let order = &mut self.orders[number as usize];
        self.nodes.insert(node, number as usize);
        let Some(kept) = order.kept else {
            order.stage = Stage::There;
            return None;
        };
        order.stage = Stage::Kept(node);
        let span = Duration::from_nanos((kept.as_nanos() - notice.as_nanos()).max(0));
        Some(OrderTimer {
            order: number,
            at: now.saturating_add(span),
        })
    }

    /// Time between the notice that spot capacity is taken back and its end.
    fn notice(&self) -> Duration {
        let spot = self.options.spot.as_ref();
        spot.map_or(Duration::ZERO, |(_, notice)| *notice)
    }

    /// A machine goes.
    pub(super) fn gone(&mut self, now: Instant, node: NodeId, name: &str) {
        self.leave_host(now, name);
        if let Some(number) = self.nodes.remove(&node) {
            self.orders[number].stage = Stage::Over;
        }
    }

    /// A change of prices, by its number, and when.
    pub(super) fn price(&self, number: usize) -> Option<&(Instant, Arc<NewPrice>)> {
        self.options.prices.get(number)
    }
}

/// The instant at which something comes of an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderTimer {
    pub(super) order: u32,
    pub(super) at: Instant,
}

/// An outcome of an order.
pub(super) enum OrderOutcome {
    Nothing,
    /// The order comes to nothing: its component learns of it.
    Failed {
        component: usize,
        group: Text,
        failed: OrderFailure,
    },
    /// The machine joins as a node.
    Joins(Arc<Node>),
    /// It is said that its machine is taken back, and when it is.
    Noticed {
        node: NodeId,
        next: OrderTimer,
    },
    /// The machine is taken back.
    TakenBack(NodeId),
}

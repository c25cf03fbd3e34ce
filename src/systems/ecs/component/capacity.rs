//! Capacity providers at work: which provider a task goes to, groups of instances that grow and shrink with
//! their tasks, and Fargate, which gives every task a machine of its own (spec: orchestrators-a.md sections
//! 7.3 and 7.4).

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use control::provider::{MachineOrder, ProviderRequest};
use model::node::{
    BILLED_LABEL, CAPACITY_LABEL, FROM_JOINING, GROUP_LABEL, HOSTNAME_LABEL, INSTANCE_TYPE_LABEL,
    ON_DEMAND, SPOT, ZONE_LABEL,
};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{EndReason, Event, Node, PodRef, ResourceList, Text};
use units::{Duration, Instant, NodeId, ObjectId, Quantity, SortedMap, SortedSet};

use super::super::capacity::{
    Demand, LOW_POINTS, Provider, ScaledGroup, Source, instances_for, next_provider,
};
use super::super::entry::CAPABILITIES;
use super::super::fargate::{LaunchBucket, TaskDisk, TaskSize};
use super::super::placement::{Constraint, Rules};
use super::super::query::Query;
use super::super::request;
use super::{Due, Ecs};
use crate::mapping::refusal;

/// Time between two looks at the reservation of a group.
const LOOK: Duration = Duration::from_secs(60);

/// The shortest time of a machine of Fargate that is billed.
const LEAST_BILLED: Duration = Duration::from_secs(60);

/// Time after which a launch that failed is tried again.
const LAUNCH_AGAIN: Duration = Duration::from_secs(10);

/// Capacity of the cluster beside the instances that it begins with.
#[derive(Clone, Debug)]
pub(super) struct Capacity {
    /// Instances of each provider, by node.
    members: SortedMap<usize, usize>,
    groups: Vec<Group>,
    /// Tasks of each service by provider; those without one have none.
    split: SortedMap<Option<ObjectId>, Vec<u64>>,
    /// Launches on demand, and on spot capacity.
    launches: [LaunchBucket; 2],
    /// Zones of tasks of Fargate, with their service and provider.
    zones: SortedMap<PodRef, (Zoned, usize)>,
    /// Number of such tasks in each zone.
    in_zones: SortedMap<Zoned, Vec<u64>>,
    /// Tasks of machines that were ordered for them, by the name of the machine.
    ordered: SortedMap<Text, PodRef>,
    /// Number of launches of a task that failed.
    tries: SortedMap<PodRef, u32>,
    /// Machines of tasks, with the instant at which they joined.
    machines: SortedMap<PodRef, (NodeId, Instant)>,
    /// Instant of the next look.
    due: Instant,
}

/// Tasks that are spread over zones: those of a service and a provider.
type Zoned = (Option<ObjectId>, usize);

/// A group of instances as managed scaling knows it.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Names of instances that were ordered and have not joined.
    ordered: SortedSet<Text>,
    /// Instant at which the last ordered instance joined.
    last_joined: Option<Instant>,
    /// Number of looks in turn at which the reservation was below its target.
    low: u32,
    /// Number of instances that were ever ordered.
    serial: u64,
}

impl Capacity {
    /// No instances yet; the first look is a minute after the start.
    pub(super) fn new() -> Self {
        Self {
            members: SortedMap::new(),
            groups: Vec::new(),
            split: SortedMap::new(),
            launches: [LaunchBucket::default(); 2],
            zones: SortedMap::new(),
            in_zones: SortedMap::new(),
            ordered: SortedMap::new(),
            tries: SortedMap::new(),
            machines: SortedMap::new(),
            due: Instant::ZERO.saturating_add(LOOK),
        }
    }
}

impl Ecs {
    fn provider(&self, number: usize) -> Option<&Provider> {
        self.options.providers.get(number)
    }

    fn is_fargate(&self, number: usize) -> bool {
        let own = self.provider(number);
        own.is_some_and(|own| matches!(own.source, Source::Fargate { .. }))
    }

    /// The provider of a new task of a service; `None` without providers.
    pub(super) fn assign(&mut self, service: Option<ObjectId>) -> Option<usize> {
        let shares: Vec<_> = self
            .options
            .providers
            .iter()
            .map(|own| own.share.clone())
            .collect();
        if shares.is_empty() {
            return None;
        }
        let none = vec![0; shares.len()];
        let counts = self.capacity.split.entry(service).or_insert(none);
        let next = next_provider(&shares, counts)?;
        counts[next] += 1;
        Some(next)
    }

    /// A task of a provider has ended.
    pub(super) fn unassign(&mut self, service: Option<ObjectId>, provider: usize) {
        if let Some(counts) = self.capacity.split.get_mut(&service) {
            counts[provider] = counts[provider].saturating_sub(1);
        }
    }

    /// Rules of tasks of a provider, which go to its instances alone.
    pub(super) fn provided(&self, provider: usize, mut rules: Rules) -> Rules {
        if let Some(own) = self.provider(provider) {
            let query = Query::is(GROUP_LABEL.into(), own.share.name.clone());
            rules.constraints.push(Constraint::MemberOf(query));
            if matches!(own.source, Source::Fargate { .. }) {
                // A task has one machine, and no choice.
                rules.strategies.clear();
            }
        }
        rules
    }

    /// A task goes to Fargate, whose machine is ordered once there is a token: `true` if it does.
    pub(super) fn launches(
        &mut self,
        now: Instant,
        pod: PodRef,
        store: &Store,
        out: &mut Outbox,
    ) -> bool {
        let Some(own) = self.task_mut(pod).map(|own| own.clone()) else {
            return false;
        };
        let provider = own.provider.and_then(|number| self.provider(number));
        let Some(Source::Fargate { is_spot, .. }) = provider.map(|own| &own.source) else {
            return false;
        };
        let bucket = usize::from(*is_spot);
        let record = store.pods().get(pod);
        let spec = record.map(|record| &store.class(record.class).spec);
        // No machine has attributes of its own that a pod could ask for.
        let is_refused = spec.is_none_or(|spec| {
            refusal(CAPABILITIES, spec).is_some() || Query::of_pod(spec).is_some()
        });
        let has_size = TaskSize::holding(own.task.cpu, own.task.memory).is_some();
        if is_refused || !has_size || disk_of(pod, store).is_none() {
            let reason = EndReason::Rejected;
            out.write(store, Event::PodEnded { pod, reason });
            return true;
        }
        let at = self.capacity.launches[bucket].launch(now);
        self.timers.push(at, Due::Launch(pod));
        true
    }

    /// Orders the machine of a task.
    pub(super) fn launch(&mut self, pod: PodRef, store: &Store, out: &mut Outbox) {
        let own = self.task_mut(pod).map(|own| own.clone());
        let Some(own) = own.filter(|own| own.instance.is_none() && own.only_on.is_none()) else {
            return;
        };
        let Some(number) = own.provider else {
            return;
        };
        let zone = self.zone(pod, (own.service, number));
        let Some(provider) = self.provider(number) else {
            return;
        };
        let size = TaskSize::holding(own.task.cpu, own.task.memory);
        let Some((size, disk)) = size.zip(disk_of(pod, store)) else {
            return;
        };
        // Another try is another machine, which may come where the first did not.
        let tries = self.capacity.tries.get(&pod).copied().unwrap_or(0);
        let name: Text = match tries {
            0 => format!("{}-{}", provider.share.name, own.number).into(),
            _ => format!("{}-{}-{tries}", provider.share.name, own.number).into(),
        };
        let instance_type: Text = size.name(disk).into();
        let group = provider.share.name.clone();
        let is_spot = matches!(provider.source, Source::Fargate { is_spot: true, .. });
        let mut node = machine(&name, &group, &instance_type, size);
        let bytes = Quantity::from_units(disk.bytes());
        node.allocatable.set(EPHEMERAL_STORAGE, bytes);
        node.capacity.set(EPHEMERAL_STORAGE, bytes);
        if let Some(zone) = zone {
            node.labels.insert(ZONE_LABEL.into(), zone);
        }
        if is_spot {
            node.labels.insert(CAPACITY_LABEL.into(), SPOT.into());
        }
        out.requests.push(ProviderRequest::Launch(MachineOrder {
            node: Arc::new(node),
            group,
            instance_type,
            is_spot,
        }));
        self.capacity.ordered.insert(name, pod);
    }

    /// The zone of a task's machine: that with the fewest tasks of its service, the first of equals; `None`
    /// without zones.
    fn zone(&mut self, pod: PodRef, zoned: Zoned) -> Option<Text> {
        let provider = self.options.providers.get(zoned.1)?;
        let Source::Fargate { zones, .. } = &provider.source else {
            return None;
        };
        let known = self.capacity.zones.get(&pod).map(|(_, zone)| *zone);
        let none = vec![0; zones.len()];
        let counts = self.capacity.in_zones.entry(zoned).or_insert(none);
        let zone = known.or_else(|| (0..zones.len()).min_by_key(|&zone| counts[zone]))?;
        if known.is_none() {
            counts[zone] += 1;
            self.capacity.zones.insert(pod, (zoned, zone));
        }
        Some(zones[zone].clone())
    }

    /// An instance has joined: one of a group, or the machine of a task.
    pub(super) fn provided_instance(&mut self, now: Instant, node: NodeId, object: &Node) {
        let label = object.labels.get(GROUP_LABEL);
        let providers = &self.options.providers;
        let provider = providers
            .iter()
            .position(|own| Some(&own.share.name) == label);
        let Some(number) = provider else {
            return;
        };
        self.capacity.members.insert(node.index(), number);
        if let Some(pod) = self.capacity.ordered.remove(&object.name) {
            self.capacity.machines.insert(pod, (node, now));
            match self.task_mut(pod) {
                Some(own) => {
                    own.only_on = Some(node.index());
                    self.queue.push_back(pod);
                }
                // Its task was stopped meanwhile.
                None => self.release(now, pod),
            }
        }
        if let Some(group) = self.capacity.groups.get_mut(number)
            && group.ordered.remove(&object.name)
        {
            group.last_joined = Some(now);
        }
    }

    /// An instance has left.
    pub(super) fn provided_left(&mut self, node: NodeId) {
        self.capacity.members.remove(&node.index());
    }

    /// Whether daemons run on an instance: not on the machine of a task.
    pub(super) fn takes_daemons(&self, instance: usize) -> bool {
        let provider = self.capacity.members.get(&instance);
        !provider.is_some_and(|&number| self.is_fargate(number))
    }

    /// A machine that was ordered does not come: the launch of its task is tried again.
    pub(super) fn not_provided(&mut self, now: Instant, name: &Text) {
        if let Some(pod) = self.capacity.ordered.remove(name) {
            *self.capacity.tries.entry(pod).or_insert(0) += 1;
            let at = now.saturating_add(LAUNCH_AGAIN);
            self.timers.push(at, Due::Launch(pod));
        }
        for group in &mut self.capacity.groups {
            group.ordered.remove(name);
        }
    }

    /// The task of a machine has ended: the machine is given back once it has run for what is billed at
    /// least.
    pub(super) fn release(&mut self, now: Instant, pod: PodRef) {
        self.capacity.tries.remove(&pod);
        if let Some((zoned, zone)) = self.capacity.zones.remove(&pod)
            && let Some(counts) = self.capacity.in_zones.get_mut(&zoned)
        {
            counts[zone] -= 1;
        }
        if let Some((node, joined)) = self.capacity.machines.remove(&pod) {
            let at = joined.saturating_add(LEAST_BILLED).max(now);
            self.timers.push(at, Due::Release(node));
        }
    }

    pub(super) fn give_back(node: NodeId, out: &mut Outbox) {
        out.requests.push(ProviderRequest::Terminate(node));
    }

    /// Looks at every group once a minute.
    pub(super) fn scale(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let has_groups = self
            .options
            .providers
            .iter()
            .any(|own| matches!(own.source, Source::Group(_)));
        if !has_groups {
            return;
        }
        if now >= self.capacity.due {
            self.capacity.due = now.saturating_add(LOOK);
            self.capacity
                .groups
                .resize_with(self.options.providers.len(), Group::default);
            let used = self.used();
            for number in 0..self.options.providers.len() {
                self.scale_group(now, number, &used, store, out);
            }
        }
        out.wake_at(self.capacity.due);
    }

    /// Looks at one provider; `used` are the instances with tasks.
    fn scale_group(
        &mut self,
        now: Instant,
        number: usize,
        used: &SortedSet<usize>,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(Source::Group(own)) = self.provider(number).map(|own| own.source.clone()) else {
            return;
        };
        let members = self.capacity.members.iter();
        let members = members.filter(|(_, provider)| **provider == number);
        let present = members.clone().count() as u64;
        // Those that drain or are out of reach take no tasks.
        let instances = self.cluster.instances();
        let is_active = |node: &usize| instances.get(*node).is_some_and(|own| own.is_active);
        let members = members.map(|(&node, _)| node).filter(is_active);
        let members: Vec<usize> = members.collect();
        let empty = members.iter().filter(|node| !used.contains(*node)).count();
        let waiting = self.waiting_on(number, &own);
        let extra = match instances_for(&waiting, own.size()) {
            0 => 0,
            some => some.clamp(own.least_step, own.most_step.max(own.least_step)),
        };
        let demand = Demand {
            running: members.len() as u64,
            needed: (members.len() - empty) as u64 + extra,
            empty: empty as u64,
        };
        let desired = own.scaling.desired(demand);
        let (least, most) = (own.group.min as u64, own.group.max as u64);
        let desired = desired.clamp(least, most.max(least));
        let group = &mut self.capacity.groups[number];
        if desired > demand.running {
            group.low = 0;
            let is_young = |at: Instant| now.since(at) < own.warm_up;
            if group.ordered.is_empty() && !group.last_joined.is_some_and(is_young) {
                let count = (desired - demand.running).min(most.saturating_sub(present));
                Self::order(group, &own, count, store, out);
            }
            return;
        }
        if !own.scaling.is_low(demand) {
            group.low = 0;
            return;
        }
        group.low = group.low.saturating_add(1);
        if group.low < LOW_POINTS {
            return;
        }
        let half = (demand.running / 2).max(1);
        let surplus = (demand.running - desired).clamp(1, half);
        let surplus = surplus.min(present.saturating_sub(least)) as usize;
        // The newest of those without tasks, and others if nothing protects them.
        let mut leaving: Vec<usize> = members;
        leaving.retain(|node| !own.is_protected || !used.contains(node));
        leaving.sort_by_key(|node| (used.contains(node), std::cmp::Reverse(*node)));
        for node in leaving.into_iter().take(surplus) {
            out.requests
                .push(ProviderRequest::Terminate(NodeId::from_index(node)));
        }
    }

    /// Instances with tasks that are not of daemons.
    fn used(&self) -> SortedSet<usize> {
        let tasks = self.tasks.iter().flatten();
        let placed = tasks.filter(|own| own.only_on.is_none());
        placed.filter_map(|own| own.instance).collect()
    }

    /// Demands of the tasks that wait for instances of a group.
    fn waiting_on(&self, number: usize, own: &ScaledGroup) -> Vec<(i64, i64)> {
        let (cpu, memory) = own.size();
        let tasks = self.tasks.iter().flatten();
        let waiting = tasks.filter(|task| task.provider == Some(number) && task.instance.is_none());
        let demands = waiting.map(|task| (task.task.cpu, task.task.memory));
        demands
            .filter(|own| own.0 <= cpu && own.1 <= memory)
            .collect()
    }

    fn order(group: &mut Group, own: &ScaledGroup, count: u64, store: &Store, out: &mut Outbox) {
        for _ in 0..count {
            let name = loop {
                let name: Text = format!("{}-{}", own.group.name, group.serial).into();
                group.serial += 1;
                if store.nodes().by_name(&name).is_none() {
                    break name;
                }
            };
            let mut node = Node::clone(&own.group.node);
            node.name = name.clone();
            node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
            out.requests.push(ProviderRequest::Launch(MachineOrder {
                node: Arc::new(node),
                group: own.group.name.clone(),
                instance_type: own.group.instance_type.clone(),
                is_spot: own.group.is_spot,
            }));
            group.ordered.insert(name);
        }
    }
}

impl ScaledGroup {
    /// Processors and memory of an instance, as tasks count them.
    fn size(&self) -> (i64, i64) {
        let instance = request::instance(&self.group.node);
        (instance.cpu, instance.memory)
    }
}

/// The disk of a task of Fargate: as its pod requests; `None` where that is more than any has.
fn disk_of(pod: PodRef, store: &Store) -> Option<TaskDisk> {
    let record = store.pods().get(pod)?;
    let requests = store
        .class(record.class)
        .spec
        .requests()
        .unwrap_or_default();
    let bytes = requests.get(EPHEMERAL_STORAGE).units_ceil().ok()?;
    TaskDisk::holding(bytes)
}

/// The machine of a task of Fargate.
fn machine(name: &Text, group: &Text, instance_type: &Text, size: TaskSize) -> Node {
    let mut allocatable = ResourceList::default();
    allocatable.set(CPU, Quantity::from_milli(size.cpu * 1_000 / 1_024));
    allocatable.set(MEMORY, Quantity::from_units(size.memory << 20));
    allocatable.set(PODS, Quantity::from_units(1));
    let labels = [
        (GROUP_LABEL, group.clone()),
        (INSTANCE_TYPE_LABEL, instance_type.clone()),
        (CAPACITY_LABEL, ON_DEMAND.into()),
        (BILLED_LABEL, FROM_JOINING.into()),
        (HOSTNAME_LABEL, name.clone()),
    ];
    Node {
        name: name.clone(),
        labels: labels
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect(),
        allocatable: allocatable.clone(),
        capacity: allocatable,
        ..Node::default()
    }
}

//! Capacity providers at work: which provider a task goes to, and groups of instances that grow and shrink
//! with their tasks (spec: orchestrators-a.md section 7.3).

use crate::parts::turn::Turn;
use std::sync::Arc;

use control::Outbox;
use control::provider::{MachineOrder, ProviderRequest};
use model::node::{GROUP_LABEL, HOSTNAME_LABEL};
use model::{Node, PodRef, Text};
use units::{Duration, Instant, NodeId, ObjectId, SortedMap, SortedSet};

use super::super::capacity::{
    Demand, LOW_POINTS, Provider, ScaledGroup, Source, instances_for, next_provider,
};
use super::super::fargate::LaunchBucket;
use super::super::placement::{Constraint, Rules};
use super::super::query::Query;
use super::super::request;
use super::{Due, Ecs};

/// Time between two looks at the reservation of a group.
const LOOK: Duration = Duration::from_secs(60);

/// Time after which a launch that failed is tried again.
const LAUNCH_AGAIN: Duration = Duration::from_secs(10);

/// Capacity of the cluster beside the instances that it begins with.
#[derive(Clone, Debug, Default)]
pub(super) struct Capacity {
    /// Instances of each provider, by node.
    members: SortedMap<usize, usize>,
    groups: Vec<Group>,
    /// Tasks of each service by provider; those without one have none.
    split: SortedMap<Option<ObjectId>, Vec<u64>>,
    /// Launches on demand, and on spot capacity.
    pub(super) launches: [LaunchBucket; 2],
    /// Zones of tasks of Fargate, with their service and provider.
    pub(super) zones: SortedMap<PodRef, (Zoned, usize)>,
    /// Number of such tasks in each zone.
    pub(super) in_zones: SortedMap<Zoned, Vec<u64>>,
    /// Tasks of machines that were ordered for them, by the name of the machine.
    pub(super) ordered: SortedMap<Text, PodRef>,
    /// Number of launches of a task that failed.
    pub(super) tries: SortedMap<PodRef, u32>,
    /// Machines of tasks, with the instant at which they joined.
    pub(super) machines: SortedMap<PodRef, (NodeId, Instant)>,
    /// Instant of the next look.
    due: Instant,
}

/// Tasks that are spread over zones: those of a service and a provider.
pub(super) type Zoned = (Option<ObjectId>, usize);

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
            launches: [LaunchBucket::default(); 2],
            due: Instant::ZERO.saturating_add(LOOK),
            ..Self::default()
        }
    }
}

impl Ecs {
    pub(super) fn provider(&self, number: usize) -> Option<&Provider> {
        self.options.providers.get(number)
    }

    pub(super) fn is_fargate(&self, number: usize) -> bool {
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

    /// An instance has joined: one of a group, or the machine of a task.
    pub(super) fn provided_instance(
        &mut self,
        now: Instant,
        node: NodeId,
        object: &Node,
        out: &mut Outbox,
    ) {
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
            if let Some(own) = self.task_mut(pod) {
                own.only_on = Some(node.index());
                self.capacity.machines.insert(pod, (node, now));
                self.enqueue(pod);
            } else {
                // Its task was stopped meanwhile.
                Self::give_back(node, out);
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

    /// Looks at every group once a minute.
    pub(super) fn scale(&mut self, turn: &mut Turn<'_>) {
        let has_groups = self
            .options
            .providers
            .iter()
            .any(|own| matches!(own.source, Source::Group(_)));
        if !has_groups {
            return;
        }
        if turn.now >= self.capacity.due {
            self.capacity.due = turn.now.saturating_add(LOOK);
            self.capacity
                .groups
                .resize_with(self.options.providers.len(), Group::default);
            let used = self.used();
            for number in 0..self.options.providers.len() {
                self.scale_group(number, &used, turn);
            }
        }
        turn.out.wake_at(self.capacity.due);
    }

    /// Looks at one provider; `used` are the instances with tasks.
    fn scale_group(&mut self, number: usize, used: &SortedSet<usize>, turn: &mut Turn<'_>) {
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
            let is_young = |at: Instant| turn.now.since(at) < own.warm_up;
            if group.ordered.is_empty() && !group.last_joined.is_some_and(is_young) {
                let count = (desired - demand.running).min(most.saturating_sub(present));
                Self::order(group, &own, count, turn);
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
            turn.out
                .requests
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

    fn order(group: &mut Group, own: &ScaledGroup, count: u64, turn: &mut Turn<'_>) {
        for _ in 0..count {
            let name = loop {
                let name: Text = format!("{}-{}", own.group.name, group.serial).into();
                group.serial += 1;
                if turn.store.nodes().by_name(&name).is_none() {
                    break name;
                }
            };
            let mut node = Node::clone(&own.group.node);
            node.name = name.clone();
            node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
            turn.out
                .requests
                .push(ProviderRequest::Launch(MachineOrder {
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

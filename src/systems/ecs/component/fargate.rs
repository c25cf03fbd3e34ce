//! Tasks of Fargate, each of which has a machine of its own: it is ordered for the task, and given back after
//! it (spec: orchestrators-a.md section 7.4).

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
use units::{Duration, Instant, NodeId, Quantity};

use super::super::capacity::{Provider, Source};
use super::super::entry::CAPABILITIES;
use super::super::fargate::{TaskDisk, TaskSize};
use super::super::placement::Gpus;
use super::super::query::Query;
use super::capacity::Zoned;
use super::tasks::TaskState;
use super::{Due, Ecs};
use crate::mapping::refusal;
use crate::parts::turn::Turn;

/// The shortest time of a machine that is billed.
const LEAST_BILLED: Duration = Duration::from_secs(60);

impl Ecs {
    /// A task goes to Fargate, whose machine is ordered once there is a token: `true` if it does.
    pub(super) fn launches(&mut self, pod: PodRef, turn: &mut Turn<'_>) -> bool {
        let Some(own) = self.task_mut(pod).map(|own| own.clone()) else {
            return false;
        };
        let Some(is_spot) = self.fargate_of(&own) else {
            return false;
        };
        let record = turn.store.pods().get(pod);
        let spec = record.map(|record| &turn.store.class(record.class).spec);
        // No machine has GPUs, or attributes of its own that a pod could ask for.
        let is_refused = own.task.gpus != Gpus::NONE
            || spec.is_none_or(|spec| {
                refusal(CAPABILITIES, spec).is_some() || Query::of_pod(spec).is_some()
            });
        let has_size = TaskSize::holding(own.task.cpu, own.task.memory).is_some();
        if is_refused || !has_size || disk_of(pod, turn.store).is_none() {
            let reason = EndReason::Rejected;
            turn.write(Event::PodEnded { pod, reason });
            return true;
        }
        self.await_launch(turn.now, pod, is_spot);
        true
    }

    /// Whether a task's machine of Fargate is spot capacity; `None` of tasks that have none.
    fn fargate_of(&self, own: &TaskState) -> Option<bool> {
        match self.provider(own.provider?)?.source {
            Source::Fargate { is_spot, .. } => Some(is_spot),
            _ => None,
        }
    }

    /// Has the machine of a task ordered once there is a token.
    fn await_launch(&mut self, now: Instant, pod: PodRef, is_spot: bool) {
        let at = self.capacity.launches[usize::from(is_spot)].launch(now);
        self.timers.push(at, Due::Launch(pod));
    }

    /// The machine of a task leaves before the task is placed on it: another one is ordered.
    pub(super) fn launch_again(&mut self, now: Instant, own: &TaskState, out: &mut Outbox) {
        let pod = own.pod;
        if let Some(own) = self.task_mut(pod) {
            own.only_on = None;
        }
        if let Some((node, _)) = self.capacity.machines.remove(&pod) {
            Self::give_back(node, out);
        }
        *self.capacity.tries.entry(pod).or_insert(0) += 1;
        if let Some(is_spot) = self.fargate_of(own) {
            self.await_launch(now, pod, is_spot);
        }
    }

    /// Name of the machine of a task. Another try is another machine, which may come where the first did not.
    fn machine_name(&self, own: &TaskState, provider: &Provider) -> Text {
        let (group, number) = (&provider.share.name, own.number);
        match self.capacity.tries.get(&own.pod) {
            None | Some(0) => format!("{group}-{number}").into(),
            Some(tries) => format!("{group}-{number}-{tries}").into(),
        }
    }

    /// Orders the machine of a task.
    pub(super) fn launch(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
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
        let Some((size, disk)) = size.zip(disk_of(pod, turn.store)) else {
            return;
        };
        let name = self.machine_name(&own, provider);
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
        turn.out
            .requests
            .push(ProviderRequest::Launch(MachineOrder {
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

    /// The task of a machine has ended: the machine is given back once it has run for what is billed at
    /// least, and at once, or not ordered any more, where the task never was on it.
    pub(super) fn release(
        &mut self,
        now: Instant,
        own: &TaskState,
        was_placed: bool,
        out: &mut Outbox,
    ) {
        let pod = own.pod;
        if let Some(provider) = own.provider.and_then(|number| self.provider(number)) {
            let name = self.machine_name(own, provider);
            // One that joins all the same is given back then.
            if self.capacity.ordered.contains_key(&name) {
                out.requests.push(ProviderRequest::Cancel(name));
            }
        }
        self.capacity.tries.remove(&pod);
        if let Some((zoned, zone)) = self.capacity.zones.remove(&pod)
            && let Some(counts) = self.capacity.in_zones.get_mut(&zoned)
        {
            counts[zone] -= 1;
        }
        if let Some((node, joined)) = self.capacity.machines.remove(&pod) {
            let least = joined.saturating_add(LEAST_BILLED).max(now);
            let at = if was_placed { least } else { now };
            self.timers.push(at, Due::Release(node));
        }
    }

    pub(super) fn give_back(node: NodeId, out: &mut Outbox) {
        out.requests.push(ProviderRequest::Terminate(node));
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

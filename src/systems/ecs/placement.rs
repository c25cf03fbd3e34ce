//! Placement of tasks: instances that fit, constraints, then strategies in order, each of which keeps
//! only its best instances; what remains is decided by the lowest id (spec: orchestrators-a.md
//! section 7.1; `task-placement*.md`).
//!
//! This is the plain form: the definition that the fast form ([`super::fast`]) is judged against.

use std::cmp::Reverse;

use model::{Labels, Text};
use rng::Stream;
use units::SortedMap;

use super::query::Query;

/// Attribute of an instance's availability zone.
pub const ZONE: &str = "ecs.availability-zone";

/// Whole GPUs, as clusters state them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gpus {
    /// Devices of an inventory, each with an index of its own.
    pub devices: i64,
    /// Units of extended resources, such as `nvidia.com/gpu`.
    pub units: i64,
}

impl Gpus {
    /// No GPU.
    pub const NONE: Self = Self {
        devices: 0,
        units: 0,
    };
}

/// A container instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// The instance's id.
    pub id: Text,
    /// Attributes of the instance.
    pub attributes: Labels,
    /// Units of processors left, 1024 to each.
    pub cpu: i64,
    /// Memory left, in MiB.
    pub memory: i64,
    /// GPUs left.
    pub gpus: Gpus,
    /// Ports of the instance that are taken, as `port/protocol`: by how many tasks.
    pub ports: SortedMap<Text, u64>,
    /// Tasks on the instance that are not to stop, by the group that they belong to.
    pub tasks: SortedMap<Text, u64>,
    /// `true` if the instance takes tasks: it is active, and its agent is connected.
    pub is_active: bool,
}

impl Instance {
    /// Tasks of a group on the instance.
    pub fn tasks_of(&self, group: &str) -> u64 {
        self.tasks.get(group).copied().unwrap_or(0)
    }

    /// Whether the task's GPUs are left.
    fn has_gpus(&self, task: &Task) -> bool {
        let fits = |asked: i64, left: i64| asked == 0 || asked <= left;
        fits(task.gpus.devices, self.gpus.devices) && fits(task.gpus.units, self.gpus.units)
    }

    /// Whether the task's GPUs are left, and its ports free.
    pub(super) fn has_gpus_and_ports(&self, task: &Task) -> bool {
        let is_free = |port: &Text| !self.ports.contains_key(port);
        self.has_gpus(task) && task.ports.iter().all(is_free)
    }

    /// Adds a task.
    pub fn add(&mut self, task: &Task) {
        self.cpu -= task.cpu;
        self.memory -= task.memory;
        self.gpus.devices -= task.gpus.devices;
        self.gpus.units -= task.gpus.units;
        for port in &task.ports {
            *self.ports.entry(port.clone()).or_default() += 1;
        }
        *self.tasks.entry(task.group.clone()).or_default() += 1;
    }

    /// Takes a task off.
    pub fn remove(&mut self, task: &Task) {
        self.stop(task);
        self.release(task);
    }

    /// Gives back what a task had that was to stop.
    pub(super) fn release(&mut self, task: &Task) {
        self.cpu += task.cpu;
        self.memory += task.memory;
        self.gpus.devices += task.gpus.devices;
        self.gpus.units += task.gpus.units;
        for port in &task.ports {
            if let Some(count) = self.ports.get_mut(port) {
                *count -= 1;
                if *count == 0 {
                    self.ports.remove(port);
                }
            }
        }
    }

    /// A task is to stop: for the rules it is no longer there, though it keeps what it has until it ends
    /// (`constraint-examples.html`: the desired status of a task counts).
    pub(super) fn stop(&mut self, task: &Task) {
        if let Some(count) = self.tasks.get_mut(&task.group) {
            *count -= 1;
            if *count == 0 {
                self.tasks.remove(&task.group);
            }
        }
    }
}

/// Field that tasks are spread over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Single instances.
    Instance,
    /// Instances with the same value of an attribute.
    Attribute(Text),
}

impl Field {
    /// The field of a name: `instanceId`, `host`, or an attribute.
    pub fn named(name: &str) -> Self {
        match name {
            "instanceId" | "host" => Self::Instance,
            name => Self::Attribute(name.trim_start_matches("attribute:").into()),
        }
    }
}

/// Resource that tasks are packed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
}

/// A placement strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The group of instances with the fewest tasks of the service.
    Spread(Field),
    /// The instance with the least left of a resource.
    Binpack(Packed),
    /// Any instance.
    Random,
}

/// A placement constraint.
#[derive(Clone, Debug)]
pub enum Constraint {
    /// Instances without another task of the group.
    DistinctInstance,
    /// Instances whose attributes a query holds for.
    MemberOf(Query),
}

/// Rules for the tasks of a service.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Constraints; all must hold.
    pub constraints: Vec<Constraint>,
    /// Strategies, in order.
    pub strategies: Vec<Strategy>,
}

impl Default for Rules {
    /// Spread over zones, then over instances; no constraint.
    fn default() -> Self {
        Self {
            constraints: Vec::new(),
            strategies: vec![
                Strategy::Spread(Field::Attribute(ZONE.into())),
                Strategy::Spread(Field::Instance),
            ],
        }
    }
}

/// A task to place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Units of processors, 1024 to each.
    pub cpu: i64,
    /// Memory in MiB.
    pub memory: i64,
    /// Whole GPUs.
    pub gpus: Gpus,
    /// Fixed ports of its instance, as `port/protocol`.
    pub ports: Vec<Text>,
    /// Service, or group of standalone tasks, that the task belongs to.
    pub group: Text,
}

/// Requirement of a task that an instance does not meet, in the order in which the first is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unmet {
    /// The instance drains, or its agent is not connected.
    Active,
    /// A query of attributes.
    MemberOf,
    /// No other task of the group.
    DistinctInstance,
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// GPUs.
    Gpus,
    /// A fixed port.
    Port,
}

impl Unmet {
    /// What keeps the task from the instance, in the words of the service's events.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Active => "draining or without its agent",
            Self::MemberOf => "memberOf placement constraint unsatisfied",
            Self::DistinctInstance => "distinctInstance placement constraint unsatisfied",
            Self::Cpu => "insufficient CPU units available",
            Self::Memory => "insufficient memory available",
            Self::Gpus => "insufficient GPUs available",
            Self::Port => "already using a port required by the task",
        }
    }
}

/// The first requirement of a task that an instance does not meet.
pub(super) fn unmet(instance: &Instance, task: &Task, rules: &Rules) -> Option<Unmet> {
    let is_member = |constraint: &Constraint| match constraint {
        Constraint::MemberOf(query) => query.holds(&instance.attributes),
        Constraint::DistinctInstance => true,
    };
    let mut constraints = rules.constraints.iter();
    let is_distinct = |own: &Constraint| matches!(own, Constraint::DistinctInstance);
    if !instance.is_active {
        Some(Unmet::Active)
    } else if !constraints.clone().all(is_member) {
        Some(Unmet::MemberOf)
    } else if constraints.any(is_distinct) && instance.tasks_of(&task.group) > 0 {
        Some(Unmet::DistinctInstance)
    } else if task.cpu > instance.cpu {
        Some(Unmet::Cpu)
    } else if task.memory > instance.memory {
        Some(Unmet::Memory)
    } else if !instance.has_gpus(task) {
        Some(Unmet::Gpus)
    } else if !instance.has_gpus_and_ports(task) {
        Some(Unmet::Port)
    } else {
        None
    }
}

/// Whether an instance has room for a task and passes its constraints.
pub fn is_eligible(instance: &Instance, task: &Task, rules: &Rules) -> bool {
    unmet(instance, task, rules).is_none()
}

/// Tasks of a group by the value of an attribute, over all instances.
fn tasks_by_value(instances: &[Instance], attribute: &str, group: &str) -> SortedMap<Text, u64> {
    let mut counts = SortedMap::new();
    for instance in instances {
        let value = instance.attributes.get(attribute).cloned();
        *counts.entry(value.unwrap_or_default()).or_default() += instance.tasks_of(group);
    }
    counts
}

/// Keeps the candidates with the smallest key.
fn keep_least<K: Ord>(candidates: &mut Vec<usize>, key: impl Fn(usize) -> K) {
    let least = candidates.iter().map(|&index| key(index)).min();
    candidates.retain(|&index| Some(key(index)) == least);
}

/// The instance for a task, by position; `None` if none is eligible. Instances are in the order of
/// ids.
pub fn place(
    instances: &[Instance],
    task: &Task,
    rules: &Rules,
    random: &mut Stream,
) -> Option<usize> {
    let eligible = |&index: &usize| is_eligible(&instances[index], task, rules);
    let mut candidates: Vec<usize> = (0..instances.len()).filter(eligible).collect();
    for strategy in &rules.strategies {
        if candidates.len() <= 1 {
            break;
        }
        match strategy {
            Strategy::Spread(Field::Instance) => {
                keep_least(&mut candidates, |index| {
                    instances[index].tasks_of(&task.group)
                });
            }
            Strategy::Spread(Field::Attribute(name)) => {
                let counts = tasks_by_value(instances, name, &task.group);
                keep_least(&mut candidates, |index| {
                    let value = instances[index].attributes.get(name).cloned();
                    counts.get(&value.unwrap_or_default()).copied().unwrap_or(0)
                });
            }
            Strategy::Binpack(Packed::Cpu) => {
                keep_least(&mut candidates, |index| instances[index].cpu);
            }
            Strategy::Binpack(Packed::Memory) => {
                keep_least(&mut candidates, |index| instances[index].memory);
            }
            Strategy::Random => {
                let drawn = random.below(candidates.len() as u64) as usize;
                candidates = vec![candidates[drawn]];
            }
        }
    }
    candidates.first().copied()
}

/// A task of a service that may be stopped: where it is, and its place in the order of starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Position of the task's instance.
    pub instance: usize,
    /// Number of the task, which grows with every start.
    pub number: u64,
}

/// The task that a service stops to become smaller, by position: from the fullest group where tasks
/// are spread, from the instance with the most left afterwards where they are packed, and the newest
/// of those that remain. `None` without tasks.
pub fn scale_in(
    instances: &[Instance],
    task: &Task,
    rules: &Rules,
    running: &[Running],
) -> Option<usize> {
    let mut candidates: Vec<usize> = (0..running.len()).collect();
    let on = |index: usize| &instances[running[index].instance];
    for strategy in &rules.strategies {
        match strategy {
            Strategy::Spread(Field::Instance) => {
                keep_least(&mut candidates, |index| {
                    Reverse(on(index).tasks_of(&task.group))
                });
            }
            Strategy::Spread(Field::Attribute(name)) => {
                let counts = tasks_by_value(instances, name, &task.group);
                keep_least(&mut candidates, |index| {
                    let value = on(index).attributes.get(name).cloned();
                    Reverse(counts.get(&value.unwrap_or_default()).copied().unwrap_or(0))
                });
            }
            Strategy::Binpack(Packed::Cpu) => {
                keep_least(&mut candidates, |index| Reverse(on(index).cpu));
            }
            Strategy::Binpack(Packed::Memory) => {
                keep_least(&mut candidates, |index| Reverse(on(index).memory));
            }
            Strategy::Random => {}
        }
    }
    candidates
        .into_iter()
        .max_by_key(|&index| running[index].number)
}

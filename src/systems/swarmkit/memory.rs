//! The log of the managers themselves, beside what the store holds: versions of services, slots
//! and their tasks, updates under way (spec: orchestrators-a.md section 2.8; swarmkit
//! `manager/state/raft`). A manager that takes over goes on from that, as a new leader does. What a
//! leader keeps in mind alone begins over: the debounce of commits, failures of nodes, periods of
//! heartbeats.

use std::sync::Arc;

use cluster::Store;
use control::Memory;
use model::{Pod, PodSpec, Text};
use serde::{Deserialize, Serialize};
use units::{Instant, NodeId, ObjectId, PodId, SortedMap};

use super::component::{Due, SwarmKitManager};
use super::node::NodeStatus;
use super::request::task_spec;
use super::restart::{History, Replacement};
use super::service::{Service, SlotState, Specification, Task, wanted};
use super::task::{self, TaskSpec, TaskState, Version};
use super::update::{Order, Updater};

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Remembered {
    services: Vec<ServiceMemory>,
    tasks: Vec<TaskMemory>,
    /// Nodes that are down, and since when.
    down: Vec<(NodeId, Instant)>,
}

/// A service.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceMemory {
    object: ObjectId,
    version: u64,
    newest: u64,
    /// Template of the present specification where another one is declared.
    template: Option<Arc<PodSpec>>,
    /// The specification before: its version and its template.
    previous: Option<(u64, Arc<PodSpec>)>,
    slots: Vec<SlotMemory>,
    updater: Option<Updater>,
    orders: Vec<Order>,
    made: SortedMap<Text, u32>,
}

/// A slot without its tasks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SlotMemory {
    number: u64,
    history: History,
    is_over: bool,
}

/// A task whose pod is there.
#[expect(clippy::struct_excessive_bools, reason = "each changes by itself")]
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaskMemory {
    pod: PodId,
    service: Option<ObjectId>,
    slot: u64,
    of: Specified,
    version: u64,
    observed: TaskState,
    is_pinned: bool,
    is_wanted: bool,
    is_counted: bool,
    replacement: Option<Replacement>,
    /// The pod that it waits for.
    follows: Option<PodId>,
    is_held: bool,
    awaits_turn: bool,
    lacks_needs: bool,
    is_removed: bool,
    was_told_waiting: bool,
}

/// The specification that a task is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Specified {
    /// The service's present one.
    Now,
    /// The one before.
    Previous,
    /// An earlier one, or that of a pod without a service.
    Other,
}

impl SwarmKitManager {
    pub(super) fn remembered(&self) -> Memory {
        // Without a leader nothing is written down.
        if !self.raft.accepts() {
            return Memory::Lost;
        }
        let down = self.nodes.iter().enumerate();
        let down =
            down.filter_map(|(node, watch)| Some((NodeId::from_index(node), watch.down_since?)));
        let remembered = Remembered {
            services: { self.services.iter() }
                .map(|(&object, service)| ServiceMemory::of(object, service))
                .collect(),
            tasks: { self.tasks.iter() }
                .filter_map(|(&number, task)| self.remembered_task(number, task))
                .collect(),
            down: down.collect(),
        };
        serde_json::to_string(&remembered).map_or(Memory::Lost, Memory::Text)
    }

    fn remembered_task(&self, number: u64, task: &Task) -> Option<TaskMemory> {
        let service = task.service.and_then(|id| self.services.get(&id));
        let is = |own: &Specification| Arc::ptr_eq(&own.spec, &task.spec);
        let of = match service {
            Some(own) if is(&own.now) => Specified::Now,
            Some(own) if own.previous.as_ref().is_some_and(is) => Specified::Previous,
            _ => Specified::Other,
        };
        let mut before = self.successors.iter();
        let follows = before.find(|&(_, &next)| next == number);
        let follows = follows.and_then(|(old, _)| self.tasks.get(old)?.pod);
        Some(TaskMemory {
            pod: task.pod?.id,
            service: task.service,
            slot: task.slot,
            of,
            version: task.spec.version.version,
            observed: task.observed,
            is_pinned: task.is_pinned,
            is_wanted: task.is_wanted,
            is_counted: task.is_counted,
            replacement: task.replacement,
            follows: follows.map(|pod| pod.id),
            is_held: task.is_held,
            awaits_turn: task.awaits_turn,
            lacks_needs: task.lacks_needs,
            is_removed: task.is_removed,
            was_told_waiting: self.told_waiting.contains(&number),
        })
    }

    /// Goes on from a memory and the store.
    pub(super) fn taken_up(
        &mut self,
        now: Instant,
        memory: &str,
        store: &Store,
    ) -> Result<(), String> {
        let memory: Remembered = serde_json::from_str(memory)
            .map_err(|error| format!("the memory of the managers is damaged: {error}"))?;
        for (id, row) in store.objects().iter() {
            self.needs.declare(id, &row.object);
        }
        self.take_up_nodes(now, &memory.down, store);
        let mut services: SortedMap<ObjectId, ServiceMemory> = memory
            .services
            .into_iter()
            .map(|service| (service.object, service))
            .collect();
        for (id, row) in store.objects().iter() {
            if let Some(wanted) = wanted(&row.object, &self.options) {
                let service = Service::begun(wanted, &self.options);
                let known = services.remove(&id);
                let service = match known {
                    Some(known) => known.restored(service, self),
                    None => service,
                };
                if service.updater.is_some() {
                    self.timers.push(now, Due::Update(id));
                }
                self.services.insert(id, service);
                self.dirty.insert(id);
            }
        }
        let mut pods: Vec<&Pod> = store.pods().iter().collect();
        pods.sort_unstable_by_key(|pod| pod.pod.id);
        let mut tasks: SortedMap<PodId, TaskMemory> = memory
            .tasks
            .into_iter()
            .map(|task| (task.pod, task))
            .collect();
        for pod in pods {
            let known = tasks.remove(&pod.pod.id);
            let known = known.ok_or_else(|| {
                format!(
                    "the managers remember nothing of the pod {}",
                    pod.name.text()
                )
            })?;
            self.take_up_task(&known, pod, store);
        }
        self.cursor = store.revision();
        self.committed(now);
        Ok(())
    }

    fn take_up_nodes(&mut self, now: Instant, down: &[(NodeId, Instant)], store: &Store) {
        let down: SortedMap<NodeId, Instant> = down.iter().copied().collect();
        let nodes = store.nodes();
        for node in nodes.ids() {
            if let Some(object) = nodes.object(node) {
                self.node_added(now, node, object);
            } else {
                self.node_gone(now, nodes.name(node).into());
            }
            if let Some(&since) = down.get(&node) {
                self.still_down(node, since, nodes.silent_since(node).is_some());
            } else if nodes.silent_since(node).is_some() {
                self.silent(now, node.index());
            } else if !nodes.is_ready(node)
                && let Some(known) = self.scheduler.node_mut(nodes.name(node))
            {
                known.status = NodeStatus::Down;
            }
        }
    }

    fn take_up_task(&mut self, known: &TaskMemory, pod: &Pod, store: &Store) {
        let class = &store.class(pod.class).spec;
        let service = known.service.and_then(|id| self.services.get(&id));
        let of = |own: Option<&Specification>| own.map(|own| Arc::clone(&own.spec));
        let spec = match known.of {
            Specified::Now => of(service.map(|own| &own.now)),
            Specified::Previous => of(service.and_then(|own| own.previous.as_ref())),
            Specified::Other => None,
        };
        let spec = spec.unwrap_or_else(|| self.earlier_spec(known, class));
        let number = self.next_task;
        self.next_task += 1;
        let task = Task {
            id: pod.name.text(),
            service: known.service,
            slot: known.slot,
            spec: Arc::clone(&spec),
            pod: Some(pod.pod),
            node: self.node_of(known, pod, store),
            is_pinned: known.is_pinned,
            observed: known.observed,
            is_wanted: known.is_wanted,
            is_counted: known.is_counted,
            replacement: known.replacement,
            is_held: known.is_held,
            awaits_turn: known.awaits_turn,
            lacks_needs: known.lacks_needs,
            is_removed: known.is_removed,
        };
        self.by_pod.insert(pod.pod.id, number);
        self.by_id.insert(task.id.clone(), number);
        if known.was_told_waiting {
            self.told_waiting.insert(number);
        }
        if known.lacks_needs {
            self.needs.wait(number, class);
        }
        if let Some(old) = known.follows.and_then(|pod| self.by_pod.get(&pod)) {
            self.successors.insert(*old, number);
        }
        if task.awaits_turn
            && let Some(replacement) = &task.replacement
        {
            self.timers.push(replacement.starts(), Due::Release(number));
        }
        if let Some(service) = known.service.and_then(|id| self.services.get_mut(&id)) {
            let slot = service.slots.entry(task.slot).or_default();
            slot.tasks.push(number);
        }
        if task.observed >= TaskState::Assigned {
            if let Some(node) = task
                .node
                .as_deref()
                .and_then(|id| self.scheduler.node_mut(id))
            {
                node.add_task(&spec);
                if !task.is_counted {
                    node.deactivate_task(&spec);
                }
            }
        } else if task.is_wanted {
            self.scheduler.enqueue(task::Task {
                id: task.id.clone(),
                spec,
                node: task.node.clone().filter(|_| task.is_pinned),
            });
        }
        self.tasks.insert(number, task);
    }

    /// Spec of a task of an earlier specification, or of none.
    fn earlier_spec(&self, known: &TaskMemory, class: &Arc<PodSpec>) -> Arc<TaskSpec> {
        let service = known.service.and_then(|id| self.services.get(&id));
        let version = Version {
            service: service.map(|own| own.name.clone()).unwrap_or_default(),
            version: known.version,
        };
        Arc::new(task_spec(class, version, &self.options))
    }

    /// Node of a task: that of its pod, or the one that it is pinned to.
    fn node_of(&self, known: &TaskMemory, pod: &Pod, store: &Store) -> Option<Text> {
        if let Some(node) = pod.node() {
            return Some(store.nodes().name(node).into());
        }
        let pinned = usize::try_from(known.slot).ok().filter(|_| known.is_pinned);
        pinned.and_then(|node| Some(self.nodes.get(node)?.id.clone()))
    }
}

impl ServiceMemory {
    fn of(object: ObjectId, service: &Service) -> Self {
        let previous = service.previous.as_ref();
        let slots = service.slots.iter();
        Self {
            object,
            version: service.now.spec.version.version,
            newest: service.newest,
            template: (service.now.template != service.declared)
                .then(|| Arc::clone(&service.now.template)),
            previous: previous.map(|own| (own.spec.version.version, Arc::clone(&own.template))),
            slots: slots
                .map(|(&number, slot)| SlotMemory {
                    number,
                    history: slot.history.clone(),
                    is_over: slot.is_over,
                })
                .collect(),
            updater: service.updater.clone(),
            orders: service.orders.clone(),
            made: service.made.clone(),
        }
    }

    /// The service that its object declares, with what is remembered of it.
    fn restored(self, service: Service, manager: &SwarmKitManager) -> Service {
        let of = |version, template: &Arc<PodSpec>| {
            Specification::new(&service.name, version, template, &manager.options)
        };
        let slots = self.slots.into_iter().map(|slot| {
            let state = SlotState {
                tasks: Vec::new(),
                history: slot.history,
                is_over: slot.is_over,
            };
            (slot.number, state)
        });
        Service {
            now: of(
                self.version,
                self.template.as_ref().unwrap_or(&service.declared),
            ),
            previous: { self.previous }.map(|(version, template)| of(version, &template)),
            newest: self.newest,
            slots: slots.collect(),
            updater: self.updater,
            orders: self.orders,
            made: self.made,
            ..service
        }
    }
}

//! The memory of a master that takes over, beside what the store holds: from agents that register, what
//! of theirs each task has; from frameworks, which keep their own storage, how far they are
//! (spec: orchestrators-b.md section 1.7). Offers that stood are rescinded, and refusals end.

use cluster::Store;
use control::Memory;
use model::{Pod, PodRef};
use serde::{Deserialize, Serialize};
use units::{Instant, NodeId, ObjectId, PodId, SortedMap};

use super::agents::{AgentState, Belief};
use super::oversubscription::is_revocable;
use super::{Bundle, Held, MesosMaster, Stop, Task};
use crate::mesos::framework::OwnPod;

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Remembered {
    /// The frameworks by name, each with what it keeps.
    frameworks: Vec<(String, String)>,
    /// The framework of each object.
    objects: Vec<(ObjectId, usize)>,
    pods: Vec<HeldMemory>,
    /// By node.
    agents: Vec<AgentState>,
    registering: Vec<(Instant, NodeId)>,
}

/// A pod of a framework.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeldMemory {
    pod: PodId,
    framework: usize,
    task: Option<Task>,
}

impl MesosMaster {
    pub(super) fn remembered(&self) -> Memory {
        // Without a leader nothing is written down, and a framework that is away keeps what it knows.
        if self.campaigns.is_some() || self.seats.iter().any(|seat| seat.is_away) {
            return Memory::Lost;
        }
        let seats = self.seats.iter().zip(&self.options.frameworks);
        let frameworks = seats.map(|(seat, own)| {
            let memory = seat.framework.memory()?;
            Some((own.name.to_string(), memory))
        });
        let Some(frameworks) = frameworks.collect() else {
            return Memory::Lost;
        };
        let objects = self.objects.iter();
        let pods = self.held.iter().flatten().map(|held| HeldMemory {
            pod: held.pod.id,
            framework: held.framework,
            task: held.task.clone(),
        });
        let remembered = Remembered {
            frameworks,
            objects: objects.map(|(&id, &framework)| (id, framework)).collect(),
            pods: pods.collect(),
            agents: self.agents.clone(),
            registering: self.registering.iter().copied().collect(),
        };
        serde_json::to_string(&remembered).map_or(Memory::Lost, Memory::Text)
    }

    /// Goes on from a memory and the store.
    pub(super) fn taken_up(
        &mut self,
        now: Instant,
        memory: &str,
        store: &Store,
    ) -> Result<(), String> {
        let memory: Remembered = serde_json::from_str(memory)
            .map_err(|error| format!("the memory of the master is damaged: {error}"))?;
        let names = self.options.frameworks.iter().map(|own| &*own.name);
        if !names.eq(memory.frameworks.iter().map(|(name, _)| &**name)) {
            return Err("the frameworks are others than those of the memory".to_owned());
        }
        self.now = now;
        self.open(store);
        self.objects = memory.objects.into_iter().collect();
        let own = self.take_up_pods(memory.pods, store);
        self.take_up_agents(&memory.agents, store);
        self.registering = memory.registering.into_iter().collect();
        for ((seat, (_, memory)), pods) in self.seats.iter_mut().zip(&memory.frameworks).zip(&own) {
            seat.framework.recall(now, memory, pods, store)?;
        }
        self.needs_batch = true;
        self.cursor = store.revision();
        Ok(())
    }

    /// Pods are those of their frameworks; returns them by framework, in the order of their creation.
    fn take_up_pods(&mut self, known: Vec<HeldMemory>, store: &Store) -> Vec<Vec<OwnPod>> {
        let mut known: SortedMap<PodId, HeldMemory> =
            known.into_iter().map(|held| (held.pod, held)).collect();
        let mut pods: Vec<&Pod> = store.pods().iter().collect();
        pods.sort_unstable_by_key(|pod| pod.pod.id);
        let mut own = vec![Vec::new(); self.seats.len()];
        for record in pods {
            let pod: PodRef = record.pod;
            let Some(held) = known.remove(&pod.id) else {
                // A pod that no framework takes; other schedulers may have bound it.
                if let Some(node) = record.node().filter(|_| self.has_rivals()) {
                    self.rivals.note(pod, node);
                }
                continue;
            };
            let Some(list) = own.get_mut(held.framework) else {
                continue;
            };
            list.push(OwnPod {
                pod,
                is_launched: held.task.is_some(),
            });
            let columns = self.columns.count();
            let task = held.task.map(|task| {
                let is_whole = task.taken.is_of(columns);
                let needs = self.columns.needs(store.class(record.class));
                Task {
                    taken: if is_whole {
                        task.taken
                    } else {
                        needs.map_or_else(|| Bundle::nothing(columns), Bundle::of)
                    },
                    ..task
                }
            });
            self.reports.matters |= task.as_ref().is_some_and(is_revocable);
            let slot = pod.slot.index();
            if self.held.len() <= slot {
                self.held.resize(slot + 1, None);
            }
            self.held[slot] = Some(Held {
                pod,
                framework: held.framework,
                task,
                class: record.class,
                stop: Stop::default(),
                wants_gpus: store.class(record.class).gpu.devices > 0,
            });
        }
        own
    }

    /// Agents that are there register with what runs on them; the others are as they were.
    fn take_up_agents(&mut self, agents: &[AgentState], store: &Store) {
        let mut states = agents.iter();
        for node in store.nodes().ids() {
            let state = states.next().copied().unwrap_or_default();
            if state.belief == Belief::Here && store.nodes().object(node).is_some() {
                self.register(node, store);
            }
            *self.agent_mut(node) = state;
            if let Some(overdue) = state.overdue() {
                self.overdue.insert((overdue, node));
            }
        }
    }
}

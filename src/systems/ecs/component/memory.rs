//! The memory of the service scheduler beside what the store holds: deployments of services, and which
//! task is of which (spec: orchestrators-a.md section 7.2). One that takes over reads the store's
//! changes as any other, and finds its services and tasks where they were.

use control::Memory;
use serde::{Deserialize, Serialize};
use units::{ObjectId, PodId, SortedMap};

use super::Ecs;
use super::services::Service;
use super::tasks::{Phase, TaskState};

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Remembered {
    services: SortedMap<ObjectId, Service>,
    tasks: SortedMap<PodId, TaskMemory>,
}

/// A task.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TaskMemory {
    deployment: u64,
    phase: Phase,
}

impl Ecs {
    pub(super) fn remembered(&self) -> Memory {
        let tasks = self.tasks.iter().flatten().map(|own| {
            let memory = TaskMemory {
                deployment: own.deployment,
                phase: own.phase,
            };
            (own.pod.id, memory)
        });
        let remembered = Remembered {
            services: self.services.clone(),
            tasks: tasks.collect(),
        };
        serde_json::to_string(&remembered).map_or(Memory::Lost, Memory::Text)
    }

    pub(super) fn taken_up(&mut self, memory: &str) -> Result<(), String> {
        let memory: Remembered = serde_json::from_str(memory)
            .map_err(|error| format!("the memory of the services is damaged: {error}"))?;
        let daemons = memory.services.values().filter(|own| own.is_daemon());
        self.daemons_coming = daemons.map(Service::coming).sum();
        self.services = memory.services;
        self.known = memory.tasks;
        Ok(())
    }
}

impl TaskMemory {
    /// The task as it was. One that runs has to prove its health over again.
    pub(super) fn restore(self, task: &mut TaskState) {
        task.deployment = self.deployment;
        if self.phase != Phase::Running {
            task.phase = self.phase;
        }
    }
}

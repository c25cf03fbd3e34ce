//! Load balancing: a virtual address a service, round robin over its tasks, and published ports on
//! every node or on the nodes of tasks alone (spec: orchestrators-a.md section 2.8; libnetwork
//! `service_linux.go`).

use model::Text;
use units::{SortedMap, SortedSet};

/// Mode in which a port is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublishMode {
    /// Every node accepts it and balances over all tasks of the cluster.
    #[default]
    Ingress,
    /// Only the node of a task accepts it, for that task.
    Host,
}

/// The tasks of a service that take requests, by id, each with its node.
#[derive(Clone, Debug, Default)]
pub struct Balancer {
    tasks: SortedMap<Text, Text>,
    disabled: SortedSet<Text>,
    last: Option<Text>,
}

impl Balancer {
    /// A task runs.
    pub fn add(&mut self, task: Text, node: Text) {
        self.disabled.remove(&task);
        self.tasks.insert(task, node);
    }

    /// A task is about to leave: its weight is 0, its connections go on.
    pub fn disable(&mut self, task: &Text) {
        if self.tasks.contains_key(task) {
            self.disabled.insert(task.clone());
        }
    }

    /// A task is no longer to run.
    pub fn remove(&mut self, task: &Text) {
        self.tasks.remove(task);
        self.disabled.remove(task);
    }

    /// Every address, as a client sees it that asks for all.
    pub fn addresses(&self) -> impl Iterator<Item = &Text> {
        self.tasks
            .keys()
            .filter(|&task| !self.disabled.contains(task))
    }

    /// The task for the next request: each in turn, by id.
    pub fn take_turn(&mut self) -> Option<Text> {
        let after = self.last.clone();
        let chosen = self
            .addresses()
            .find(|&task| after.as_ref().is_none_or(|last| task > last))
            .or_else(|| self.addresses().next())
            .cloned();
        self.last.clone_from(&chosen);
        chosen
    }

    /// The task for a request to a published port of a node.
    pub fn published(&mut self, mode: PublishMode, node: &str) -> Option<Text> {
        match mode {
            PublishMode::Ingress => self.take_turn(),
            PublishMode::Host => {
                let mut here = self.addresses().filter(|&task| &*self.tasks[task] == node);
                here.next().cloned()
            }
        }
    }
}

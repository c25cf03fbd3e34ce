//! Tasks that have nodes and may lose them.
//!
//! Such a task keeps its ways, and has one more: to stay. Staying costs less than any other way to the
//! node, by a millionth at least, and ever less the longer the task runs. So a state that is the
//! cheapest one stays so once it is reached, and none that is merely as cheap takes its place: what a
//! move saves in the network it saves in the cluster, too, where the task stays from then on.

use units::{Duration, Instant, NodeId};

use super::super::cost_model::{Goal, TaskFacts};
use super::super::network::{ArcId, Cost};
use super::{Graph, Place, RunningArc, TaskArcs};

impl Graph {
    /// A task that waited has a node from now on, and stays in the network; its unit went by these arcs to
    /// the node's door, if it went there.
    pub(super) fn stay(
        &mut self,
        number: u64,
        ways: TaskArcs,
        node: NodeId,
        way: Option<Vec<ArcId>>,
        now: Instant,
    ) {
        let Some(class) = self.task(number).map(|task| task.class) else {
            return;
        };
        self.open_way(class, node);
        self.count_at_door(class, node, |tasks| tasks + 1);
        let own = self.aggregators.get(class.index());
        let door = own.and_then(Option::as_ref).and_then(|own| own.door(node));
        let (Some(door), Some(Some(task))) = (door, self.tasks.get_mut(number as usize)) else {
            return;
        };
        let preferred = ways.preferred.iter().filter_map(|&(goal, arc)| {
            let cost = self.network.cost_of(arc);
            match goal {
                Goal::Node(own) => (own == node).then_some(cost),
                Goal::Rack(rack) => {
                    (rack == self.racks.of(node)).then(|| cost + self.model.node(node))
                }
            }
        });
        let anywhere = self.network.cost_of(ways.anywhere) + self.model.node(node);
        let placing = preferred.fold(anywhere, Cost::min);
        let staying = self.model.staying(&task.facts, node, &self.racks);
        // At equal costs it stays.
        let cost = staying.min(placing) - 1;
        let priced = cost - self.model.worth(task.facts.ran);
        let arc = self.network.add_arc(ways.vertex, door, 1, priced);
        if let Some(way) = way {
            self.network.reroute(&way, arc);
        }
        // A task that runs does not wait.
        let waiting = self.model.waiting(&task.facts, now);
        self.network.set_cost(ways.wait, waiting);
        let stay = RunningArc {
            node,
            arc,
            cost,
            since: now,
        };
        task.place = Place::Running(ways, stay);
        self.running.insert(number);
    }

    /// The cost of a task's staying at an instant.
    pub(super) fn cost_of_stay(&self, facts: &TaskFacts, stay: &RunningArc, now: Instant) -> Cost {
        stay.cost - self.model.worth(ran(facts, stay, now))
    }

    /// Prices what it costs at an instant that tasks stay on their nodes.
    pub(super) fn price_stays(&mut self, now: Instant) {
        for number in &self.running {
            let Some(Some(task)) = self.tasks.get(*number as usize) else {
                continue;
            };
            if let Place::Running(_, stay) = &task.place {
                let cost = self.cost_of_stay(&task.facts, stay, now);
                self.network.set_cost(stay.arc, cost);
            }
        }
    }

    /// Facts about a task as of an instant: were it to wait from then on, it would have waited as long as
    /// it waited so far, and run as long as it ran.
    pub fn facts_at(&self, number: u64, now: Instant) -> Option<TaskFacts> {
        let task = self.task(number)?;
        let mut facts = task.facts.clone();
        if let Place::Running(_, stay) = &task.place {
            let waited = stay.since.since(facts.submitted).as_nanos();
            facts.submitted = Instant::from_nanos(now.as_nanos().saturating_sub(waited));
            facts.ran = ran(&task.facts, stay, now);
        }
        Some(facts)
    }

    /// The node of a task that may lose it.
    pub fn may_lose(&self, number: u64) -> Option<NodeId> {
        match &self.task(number)?.place {
            Place::Running(_, stay) => Some(stay.node),
            Place::Waiting(_) | Place::On(_) => None,
        }
    }

    /// Returns whether tasks have all slots of a node.
    pub fn is_full(&self, node: NodeId) -> bool {
        let machine = self.machines.get(node.index()).and_then(Option::as_ref);
        machine.is_none_or(|machine| machine.tasks + machine.running >= machine.slots)
    }
}

/// The time that a task ran up to an instant.
fn ran(facts: &TaskFacts, stay: &RunningArc, now: Instant) -> Duration {
    facts.ran.saturating_add(now.since(stay.since))
}

#[cfg(test)]
mod tests;

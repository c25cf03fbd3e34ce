//! Borg's preemption (spec: orchestrators-b.md section 5.2): tasks of lower priority are killed, from the
//! lowest up and the newest first, until the task fits; if it would not fit even then, none is.
//! Production tasks never preempt each other, which keeps preemptions from setting off others.
//!
//! Of the nodes where that makes room, the one whose highest victim is lowest is taken, then the one
//! with the fewest victims. Devices are never preempted.

use std::cmp::Reverse;

use crate::{Constructor, Entry, Point, PolicyInstance};
use model::{EndReason, Event, EvictionCause, Pod, PodRef, Tier, rules};
use scheduler::{ClassContext, Plugin, Points};
use units::{NodeId, Resources};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "borg-preemption",
    point: Point::Preemption,
    summary: "Kills tasks of lower priority, lowest and newest first; production spares production.",
    source: "orchestrators-b.md 5.2",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(BorgPreemption)))),
};

/// A task that may have to go.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningTask<T> {
    /// The task.
    pub task: T,
    /// The task's priority.
    pub priority: i32,
    /// The place of its start among all starts.
    pub started: i64,
    /// Resources that it holds.
    pub holds: Resources,
}

/// `true` if a task of a priority may kill one of another.
pub fn may_preempt(newcomer: i32, other: i32) -> bool {
    let are_production = [newcomer, other].map(Tier::of) == [Tier::Production; 2];
    other < newcomer && !are_production
}

/// The victims in the order of killing; none if there is room already, `None` if no victims make
/// room.
pub fn victims<T: Clone>(
    priority: i32,
    wanted: &Resources,
    free: &Resources,
    running: &[RunningTask<T>],
) -> Option<Vec<RunningTask<T>>> {
    let mut room = free.clone();
    victims_until(priority, running, |killed| {
        if let Some(task) = killed {
            room.add(&task.holds);
        }
        wanted.fits_in(&room)
    })
}

/// The victims under a rule of its own about room, which is asked at first, and with every task that is
/// killed.
pub fn victims_until<T: Clone>(
    priority: i32,
    running: &[RunningTask<T>],
    mut has_room: impl FnMut(Option<&RunningTask<T>>) -> bool,
) -> Option<Vec<RunningTask<T>>> {
    let mut killed = Vec::new();
    if has_room(None) {
        return Some(killed);
    }
    let mut candidates: Vec<&RunningTask<T>> = running
        .iter()
        .filter(|task| may_preempt(priority, task.priority))
        .collect();
    candidates.sort_by_key(|task| (task.priority, Reverse(task.started)));
    for task in candidates {
        killed.push(task.clone());
        if has_room(Some(task)) {
            return Some(killed);
        }
    }
    None
}

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct BorgPreemption;

impl BorgPreemption {
    fn victims_on(ctx: &ClassContext<'_>, node: NodeId) -> Option<Vec<RunningTask<PodRef>>> {
        let nodes = ctx.store.nodes();
        let object = nodes.object(node)?;
        if !nodes.schedulable()[node.index()] || !rules::admits(&ctx.class.spec, object) {
            return None;
        }
        let pods = nodes.pods(node).iter();
        let running: Vec<RunningTask<PodRef>> = pods
            .filter_map(|&slot| ctx.store.pods().at(slot))
            .map(|pod| {
                let class = ctx.store.class(pod.class);
                RunningTask {
                    task: pod.pod,
                    priority: class.spec.priority,
                    started: i64::from(pod.pod.id.0),
                    holds: class.requests.clone(),
                }
            })
            .collect();
        let free = nodes.free().row(node);
        victims(
            ctx.class.spec.priority,
            &ctx.class.requests,
            &free,
            &running,
        )
    }
}

impl Plugin for BorgPreemption {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::POST_FILTER
    }

    fn post_filter(&mut self, ctx: &ClassContext<'_>, _pod: &Pod) -> Vec<Event> {
        if ctx.class.gpu.devices > 0 {
            return Vec::new();
        }
        let nodes = ctx.store.nodes().present();
        let found = nodes.filter_map(|node| {
            let victims = Self::victims_on(ctx, node)?;
            let highest = victims.iter().map(|task| task.priority).max()?;
            Some((highest, victims.len(), node, victims))
        });
        let best = found.min_by_key(|&(highest, count, node, _)| (highest, count, node));
        let victims = best.map(|(_, _, _, victims)| victims).unwrap_or_default();
        let reason = EndReason::Evicted(EvictionCause::Preemption);
        let kill = |task: RunningTask<PodRef>| Event::PodEnded {
            pod: task.task,
            reason,
        };
        victims.into_iter().map(kill).collect()
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(cores: i64) -> Resources {
        Resources {
            cpu_milli: 1_000 * cores,
            ..Resources::default()
        }
    }

    fn running(tasks: &[(i64, i32)]) -> Vec<RunningTask<usize>> {
        let task = |(task, &(cores, priority)): (usize, &(i64, i32))| RunningTask {
            task,
            priority,
            started: task as i64,
            holds: cpu(cores),
        };
        tasks.iter().enumerate().map(task).collect()
    }

    #[test]
    fn the_lowest_and_newest_go_first_and_production_is_spared() {
        let tasks = running(&[(4, 200), (3, 100), (2, 100), (1, 25)]);
        let killed = |priority, cores| -> Option<Vec<usize>> {
            let found = victims(priority, &cpu(cores), &cpu(0), &tasks)?;
            Some(found.into_iter().map(|task| task.task).collect())
        };
        assert_eq!(killed(150, 5), Some(vec![3, 2, 1]));
        assert_eq!(killed(250, 7), None);
        assert_eq!(killed(360, 7), Some(vec![3, 2, 1, 0]));
        assert_eq!(killed(150, 0), Some(Vec::new()));
    }
}

//! Ready pods of workloads over time, and what users did and what failed meanwhile.

use cluster::Store;
use metrics::workloads::Workloads;
use metrics::{MeasuredWindow, Window};
use model::{Event, NodeContact, Object, ObjectChange, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Instant, NodeId, SortedSet};

use super::grid::Grid;
use super::rounding::rounded;
use super::{
    MARKS_MAX, MarkEntry, MarkList, SERIES_COLUMNS_MAX, WORKLOADS_MAX, WorkloadList, WorkloadSeries,
};

/// Nodes that a mark names; of more it says how many.
const NAMES_MAX: usize = 3;

/// Pods of a workload from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaChange {
    /// The instant, in nanoseconds.
    pub at_ns: i64,
    /// Pods that it wants.
    pub desired: i64,
    /// Pods that are ready.
    pub ready: i64,
}

/// Follows workloads.
#[derive(Clone, Debug)]
pub(super) struct WorkloadTracker {
    workloads: Workloads,
    measured: MeasuredWindow,
    grid: Grid<2>,
    /// Changes by row, up to one more than are kept.
    changes: Vec<Vec<ReplicaChange>>,
    marks: Marks,
}

/// Marks of events from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// Operations of users with their times, the latest first.
    operations: Vec<(Instant, String)>,
    list: MarkList,
    silent: SortedSet<NodeId>,
    /// Nodes that were lost, or came back, at the last such instant.
    last: Option<(Instant, &'static str, Vec<String>, u64)>,
}

impl WorkloadTracker {
    pub(super) fn new() -> Self {
        Self {
            workloads: Workloads::default().keeping(),
            measured: MeasuredWindow::new(Window::FULL),
            grid: Grid::new(SERIES_COLUMNS_MAX),
            changes: Vec::new(),
            marks: Marks::default(),
        }
    }

    /// Announces the operations of users.
    pub(super) fn expect(&mut self, mut operations: Vec<(Instant, String)>) {
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.0));
        // Of one instant the first written comes first.
        operations.reverse();
        operations.sort_by_key(|operation| operation.0);
        operations.reverse();
        self.marks.operations = operations;
    }

    pub(super) fn apply(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.workloads
            .apply(at, event, ended, store, &self.measured);
        self.take_state_spans();
        self.marks.apply(at, event, store);
    }

    fn take_state_spans(&mut self) {
        for state in self.workloads.take_state_spans() {
            if state.row < WORKLOADS_MAX {
                let (from, to) = (state.span.from.as_nanos(), state.span.to.as_nanos());
                self.grid
                    .add(state.row, from, to, [state.desired, state.ready]);
                if self.changes.len() <= state.row {
                    self.changes.resize(state.row + 1, Vec::new());
                }
                let changes = &mut self.changes[state.row];
                push_change(changes, from, [state.desired, state.ready]);
                push_change(changes, to, [0, 0]);
            }
        }
    }

    pub(super) fn finish(mut self, at: Instant) -> (WorkloadList, MarkList) {
        self.workloads.close(at, &self.measured);
        self.take_state_spans();
        let end = at.as_nanos();
        self.grid.cover(end);
        let (width, columns) = (self.grid.width(), self.grid.columns(end));
        let mean = |row: usize, of: usize| {
            let cells = self.grid.row(row);
            let value = |column: usize| {
                let length = width.min(end - column as i64 * width);
                let sum = cells.get(column).map_or(0, |cell| cell[of]);
                rounded(sum as f64 / length as f64)
            };
            (0..columns).map(value).collect()
        };
        let mut changes = self.changes;
        for own in &mut changes {
            // It is there until the run ends, or else it is gone.
            own.pop_if(|last| last.at_ns >= end);
            if own.len() > SERIES_COLUMNS_MAX {
                own.clear();
            }
        }
        let rows = self.workloads.rows();
        let listed = rows.iter().take(WORKLOADS_MAX).enumerate();
        let list = WorkloadList {
            total: rows.len() as u64,
            column_ns: if rows.is_empty() { 0 } else { width },
            listed: listed
                .map(|(row, own)| WorkloadSeries {
                    name: format!("{}/{}/{}", own.kind, own.namespace, own.name),
                    desired: mean(row, 0),
                    ready: mean(row, 1),
                    changes: changes.get(row).cloned().unwrap_or_default(),
                })
                .collect(),
        };
        (list, self.marks.finish(at))
    }
}

/// Adds numbers that hold from an instant on, if they are others than before.
fn push_change(changes: &mut Vec<ReplicaChange>, at_ns: i64, [desired, ready]: [i64; 2]) {
    // What holds for no time isn't seen.
    changes.pop_if(|last| last.at_ns == at_ns);
    let is_same = |last: &ReplicaChange| (last.desired, last.ready) == (desired, ready);
    if changes.len() <= SERIES_COLUMNS_MAX + 1 && !changes.last().is_some_and(is_same) {
        changes.push(ReplicaChange {
            at_ns,
            desired,
            ready,
        });
    }
}

impl Marks {
    fn apply(&mut self, at: Instant, event: &Event, store: &Store) {
        let (node, kind) = match event {
            Event::NodeContact { node, contact } => match contact {
                NodeContact::Silent { .. } if self.silent.insert(*node) => (*node, "failure"),
                NodeContact::Steady if self.silent.remove(node) => (*node, "repair"),
                _ => return,
            },
            // What follows from silence is no failure of its own.
            Event::NodeReadiness { node, ready: false } if !self.silent.contains(node) => {
                self.silent.insert(*node);
                (*node, "failure")
            }
            Event::NodeReadiness { node, ready: true } if self.silent.remove(node) => {
                (*node, "repair")
            }
            Event::Object(ObjectChange::Updated { object, .. }) => {
                self.scaled(at, object);
                return;
            }
            Event::Rollout { workload, step } => {
                self.operated(at);
                self.close();
                let name = store.objects().get(*workload).map(|own| {
                    let own = &own.object;
                    format!("{}/{}", own.namespace(), own.name())
                });
                let what = format!("{}: {}", name.unwrap_or_default(), step.name());
                self.push(at, "rollout", what);
                return;
            }
            _ => return,
        };
        self.operated(at);
        let name = store.nodes().name(node).to_owned();
        match &mut self.last {
            Some((since, known, names, count)) if (*since, *known) == (at, kind) => {
                *count += 1;
                if names.len() < NAMES_MAX {
                    names.push(name);
                }
            }
            _ => {
                self.close();
                self.last = Some((at, kind, vec![name], 1));
            }
        }
    }

    /// Marks what a horizontal autoscaler did.
    fn scaled(&mut self, at: Instant, object: &Object) {
        let Object::HorizontalPodAutoscaler(own) = object else {
            return;
        };
        let (before, after) = (own.status.current, own.status.desired);
        if own.status.last_scale != Some(at) || before == after {
            return;
        }
        self.operated(at);
        self.close();
        let kind = if after > before {
            "scale-up"
        } else {
            "scale-down"
        };
        let target = &own.spec.target;
        let what = format!("{}/{} {before} → {after}", own.namespace, target.name);
        self.push(at, kind, what);
    }

    /// Marks what users did until an instant.
    fn operated(&mut self, at: Instant) {
        while let Some((due, what)) = self.operations.pop_if(|operation| operation.0 <= at) {
            if self.last.as_ref().is_some_and(|last| last.0 <= due) {
                self.close();
            }
            self.push(due, "operation", what);
        }
    }

    /// Marks the nodes of the last instant.
    fn close(&mut self) {
        if let Some((at, kind, names, count)) = self.last.take() {
            let word = if kind == "failure" { "lost" } else { "back" };
            let more = count - names.len() as u64;
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            self.push(at, kind, format!("{word}: {}{more}", names.join(", ")));
        }
    }

    fn push(&mut self, at: Instant, kind: &str, what: String) {
        self.list.total += 1;
        if self.list.listed.len() < MARKS_MAX {
            self.list.listed.push(MarkEntry {
                at_ns: at.as_nanos(),
                kind: kind.to_owned(),
                what,
            });
        }
    }

    fn finish(mut self, at: Instant) -> MarkList {
        self.operated(at);
        self.close();
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_kept_at_their_instants_and_only_while_there_are_few() {
        let mut changes = Vec::new();
        for (from, to, numbers) in [
            (0, 5, [2, 0]),
            (5, 7, [2, 2]),
            (7, 9, [2, 2]),
            (12, 15, [4, 2]),
        ] {
            push_change(&mut changes, from, numbers);
            push_change(&mut changes, to, [0, 0]);
        }
        let kept: Vec<_> = { changes.iter() }
            .map(|own| (own.at_ns, own.desired, own.ready))
            .collect();
        // Between 9 and 12 it isn't there.
        let right = [(0, 2, 0), (5, 2, 2), (9, 0, 0), (12, 4, 2), (15, 0, 0)];
        assert_eq!(kept, right);
        for at in 0..10_000 {
            push_change(&mut changes, 20 + at, [at % 2, 1]);
        }
        assert!(changes.len() <= SERIES_COLUMNS_MAX + 2, "{}", changes.len());
    }
}

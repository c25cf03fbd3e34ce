//! Component above the cells. It asks each cell how it is, estimates the room in cells whose pods
//! find no place, and orders replicas from the cells that answer. Answers and orders take the delay
//! of their cell.

use std::collections::VecDeque;

use cluster::{Conflict, Store};
use model::{Event, Labels, Object, ObjectChange, PodRef, Text};
use units::{Duration, Instant, Revision, SortedMap};

use super::planner::{PlannedCell, Preferences, plan};
use crate::operation::scaled;
use crate::{Component, Outbox, Program, Progress, Write};

/// Cell of a federation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellOptions {
    /// Name of the cell, and of its scheduler.
    pub name: Text,
    /// Labels of its nodes.
    pub nodes: Labels,
    /// Time that an answer from the cell or an order to it takes.
    pub delay: Duration,
}

impl CellOptions {
    /// Returns whether a node with labels belongs to the cell.
    pub fn holds(&self, labels: &Labels) -> bool {
        let mut own = self.nodes.iter();
        own.all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// Deployment that is divided among cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadOptions {
    /// Namespace of the deployment.
    pub namespace: Text,
    /// Name of the deployment; those in cells have the cell's name appended.
    pub name: Text,
    /// Division of its replicas.
    pub preferences: Preferences,
}

/// Options of a federation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederationOptions {
    /// Cells.
    pub cells: Vec<CellOptions>,
    /// Deployments that are divided.
    pub workloads: Vec<WorkloadOptions>,
    /// Time between two questions to a cell.
    pub period: Duration,
    /// Number of unanswered questions in a row after which a cell gets no orders.
    pub failures: u32,
    /// Number of answers in a row after which it gets orders again.
    pub successes: u32,
    /// Time for which a pod finds no place before it counts against the room of its cell.
    pub unschedulable_after: Duration,
}

/// Name of the deployment in a cell that stands for a divided one.
pub fn member_name(workload: &str, cell: &str) -> Text {
    format!("{workload}-{cell}").as_str().into()
}

/// State of a workload in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CellWorkload {
    current: i64,
    capacity: Option<i64>,
}

/// Answer of a cell: what it has of each workload; `None` if it does not answer.
type Answer = Option<Vec<Option<CellWorkload>>>;

/// Message between the federation and a cell.
#[derive(Clone, Debug)]
enum Message {
    Answer(Answer),
    /// Replicas of each workload, where it has an order for it.
    Order(Vec<Option<i32>>),
}

/// Cell as the federation knows it.
#[derive(Clone, Debug, Default)]
struct CellView {
    is_ready: bool,
    /// Answers in a row that say otherwise than `is_ready`.
    contrary: u32,
    seen: Vec<Option<CellWorkload>>,
    /// Messages under way, with the instants at which they arrive.
    under_way: VecDeque<(Instant, Message)>,
}

/// The component.
#[derive(Clone)]
pub struct Federation {
    options: FederationOptions,
    cursor: Revision,
    cells: Vec<CellView>,
    /// Pods without a place, by the first attempt that failed.
    unplaced: SortedMap<PodRef, Instant>,
    next: Instant,
    was_refused: bool,
}

impl Federation {
    /// A federation that knows nothing of its cells yet and takes them to be there.
    pub fn new(options: FederationOptions) -> Self {
        let known = CellView {
            is_ready: true,
            seen: vec![None; options.workloads.len()],
            ..CellView::default()
        };
        Self {
            cells: vec![known; options.cells.len()],
            options,
            cursor: Revision::default(),
            unplaced: SortedMap::new(),
            next: Instant::ZERO,
            was_refused: false,
        }
    }

    /// Reads what is new; whether a divided deployment came.
    fn read(&mut self, store: &Store) -> bool {
        let mut is_new = false;
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodUnschedulable { pod } => {
                    self.unplaced.entry(*pod).or_insert(entry.at);
                }
                Event::PodBound { pod, .. } | Event::PodEnded { pod, .. } => {
                    self.unplaced.remove(pod);
                }
                Event::Object(ObjectChange::Created { object, .. }) => {
                    is_new |= matches!(object, Object::Deployment(_));
                }
                _ => {}
            }
        }
        self.cursor = store.revision();
        is_new
    }

    /// Asks every cell; the answers arrive after their delays.
    fn ask(&mut self, now: Instant, store: &Store) {
        for place in 0..self.cells.len() {
            let answer = self.answer(place, now, store);
            let at = now.saturating_add(self.options.cells[place].delay);
            let message = Message::Answer(answer);
            self.cells[place].under_way.push_back((at, message));
        }
    }

    /// The answer of a cell at this instant. A cell answers as long as one of its nodes is ready.
    fn answer(&self, place: usize, now: Instant, store: &Store) -> Answer {
        self.is_there(place, store).then(|| {
            let workloads = self.options.workloads.iter();
            let seen = workloads.map(|own| self.state_of(own, place, now, store));
            seen.collect()
        })
    }

    fn is_there(&self, place: usize, store: &Store) -> bool {
        let (cell, nodes) = (&self.options.cells[place], store.nodes());
        let holds = |node| (nodes.object(node)).is_some_and(|own| cell.holds(&own.labels));
        nodes
            .present()
            .any(|node| nodes.is_ready(node) && holds(node))
    }

    /// What a cell has of a workload. Where all replicas are ready there is no sign of its room.
    fn state_of(
        &self,
        workload: &WorkloadOptions,
        place: usize,
        now: Instant,
        store: &Store,
    ) -> Option<CellWorkload> {
        let name = member_name(&workload.name, &self.options.cells[place].name);
        let objects = store.objects();
        let row = objects.get(objects.find("Deployment", &workload.namespace, &name)?)?;
        let Object::Deployment(own) = &row.object else {
            return None;
        };
        let current = i64::from(own.status.ready);
        let wanted = i64::from(own.replicas);
        if current == wanted {
            let capacity = None;
            return Some(CellWorkload { current, capacity });
        }
        let sets = row.children.iter().filter_map(|&child| objects.get(child));
        let pods = sets.flat_map(|set| &set.pods);
        let waits = |pod: &&PodRef| {
            let since = self.unplaced.get(*pod);
            since.is_some_and(|&since| now.since(since) >= self.options.unschedulable_after)
        };
        let waiting = pods.filter(waits).count() as i64;
        let capacity = (waiting > 0).then(|| (wanted - waiting).max(0));
        Some(CellWorkload { current, capacity })
    }

    /// Delivers what arrives by now; whether the federation learned anything.
    fn deliver(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> bool {
        let mut has_learned = false;
        for place in 0..self.cells.len() {
            while let Some((at, _)) = self.cells[place].under_way.front()
                && *at <= now
            {
                match self.cells[place].under_way.pop_front() {
                    Some((_, Message::Answer(answer))) => {
                        self.learn(place, answer);
                        has_learned = true;
                    }
                    Some((_, Message::Order(replicas))) => {
                        self.carry_out(place, &replicas, store, out);
                    }
                    None => {}
                }
            }
        }
        has_learned
    }

    /// Takes in an answer. A cell is lost, or back, after several in a row.
    fn learn(&mut self, place: usize, answer: Answer) {
        let cell = &mut self.cells[place];
        let enough = if cell.is_ready {
            self.options.failures
        } else {
            self.options.successes
        };
        if answer.is_some() == cell.is_ready {
            cell.contrary = 0;
        } else {
            cell.contrary += 1;
            if cell.contrary >= enough {
                cell.is_ready = !cell.is_ready;
                cell.contrary = 0;
            }
        }
        if let Some(seen) = answer {
            cell.seen = seen;
        }
    }

    /// Orders replicas from the cells that are ready.
    fn order(&mut self, now: Instant) {
        let ready: Vec<usize> = (0..self.cells.len())
            .filter(|&place| self.cells[place].is_ready)
            .collect();
        let mut orders = vec![vec![None; self.options.workloads.len()]; self.cells.len()];
        for (number, workload) in self.options.workloads.iter().enumerate() {
            let cells = ready.iter().map(|&place| {
                let seen = self.cells[place].seen[number];
                PlannedCell {
                    name: self.options.cells[place].name.clone(),
                    current: seen.map(|seen| seen.current),
                    capacity: seen.and_then(|seen| seen.capacity),
                }
            });
            let cells: Vec<PlannedCell> = cells.collect();
            let key = format!("{}/{}", workload.namespace, workload.name);
            let planned = plan(&workload.preferences, &cells, &key);
            for (&place, planned) in ready.iter().zip(planned) {
                let replicas = planned.replicas.saturating_add(planned.overflow);
                orders[place][number] = Some(i32::try_from(replicas).unwrap_or(i32::MAX));
            }
        }
        for (place, order) in orders.into_iter().enumerate() {
            if self.cells[place].is_ready {
                let at = now.saturating_add(self.options.cells[place].delay);
                let message = Message::Order(order);
                self.cells[place].under_way.push_back((at, message));
            }
        }
    }

    /// Writes the replicas that were ordered from a cell, if it is there to take the order.
    fn carry_out(&self, place: usize, order: &[Option<i32>], store: &Store, out: &mut Outbox) {
        if !self.is_there(place, store) {
            return;
        }
        let objects = store.objects();
        for (workload, replicas) in self.options.workloads.iter().zip(order) {
            let Some(replicas) = *replicas else {
                continue;
            };
            let name = member_name(&workload.name, &self.options.cells[place].name);
            let found = objects.find("Deployment", &workload.namespace, &name);
            let found = found.and_then(|id| Some((id, &objects.get(id)?.object)));
            if let Some((id, object)) = found
                && object
                    .replicas()
                    .is_some_and(|(known, _)| known != replicas)
                && let Some(object) = scaled(object, replicas)
            {
                out.write(store, Event::Object(ObjectChange::Updated { id, object }));
            }
        }
    }

    /// The instant at which the next message arrives.
    fn next_arrival(&self) -> Option<Instant> {
        let fronts = self.cells.iter().filter_map(|cell| cell.under_way.front());
        fronts.map(|&(at, _)| at).min()
    }
}

impl Component for Federation {
    fn name(&self) -> &'static str {
        "federation"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let is_new = self.read(view);
        if now >= self.next {
            self.next = now.saturating_add(self.options.period);
            self.ask(now, view);
        } else if is_new || std::mem::take(&mut self.was_refused) {
            // A deployment that was just created waits for no question.
            self.order(now);
        }
        // Where there is no delay, orders follow answers at once.
        if self.deliver(now, view, out) {
            self.order(now);
            self.deliver(now, view, out);
        }
        for at in [Some(self.next), self.next_arrival()].into_iter().flatten() {
            out.wake_at(at);
        }
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {
        // Another writer changed the deployment in the meantime: the order is made anew.
        self.was_refused = true;
    }

    fn restarted(&mut self, now: Instant) {
        self.next = now;
    }

    fn program(&self) -> Program {
        Program::Outside
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

//! Processes of pods come up and go, and nodes read what each of them uses.

use cluster::Store;
use model::usage::{Curve, Scale};
use model::{Pod, PodRef, ResourceUsage};
use units::{Duration, Instant};

use super::class::{Class, ProcessCurve, UsageMode};
use super::{LiveProcess, Processes, Row, Usage, sharers};
use crate::contention::{LOOK, WHOLE, on_grid};
use crate::cores::ProcessRef;

impl Usage {
    /// A process of a pod came up: all its containers, or one of them.
    pub(crate) fn came_up(&mut self, now: Instant, process: ProcessRef, store: &Store) {
        let ProcessRef { pod, container } = process;
        let Some((record, node)) = store
            .pods()
            .get(pod)
            .and_then(|pod| Some((pod, pod.node()?)))
        else {
            return;
        };
        let Some(parts) = self.class(record.class).map(|class| class.parts.len()) else {
            return;
        };
        let place = usize::from(container);
        if container != WHOLE
            && let Some(row) = self.row_mut(pod)
            && let Processes::Each(all) = &mut row.processes
        {
            if let Some(own) = all.get_mut(place) {
                *own = Some(LiveProcess::new(now, Duration::ZERO));
            }
            let node = row.node;
            self.changes.touch(node);
            return;
        }
        self.stopped(pod);
        let up = LiveProcess::new(now, self.over.remove(&pod.id).unwrap_or(Duration::ZERO));
        let processes = if container == WHOLE {
            Processes::One(up)
        } else {
            let each = (0..parts).map(|own| (own == place).then_some(up));
            Processes::Each(each.collect())
        };
        self.begin(pod, record, processes, store);
        self.changes.touch(node);
    }

    fn begin(&mut self, pod: PodRef, record: &Pod, processes: Processes, store: &Store) {
        let slot = pod.slot.index();
        if self.pods.len() <= slot {
            self.pods.resize(slot + 1, None);
        }
        let sharers = sharers(store, pod, record.class);
        let is_shared = self.class(record.class).is_some_and(Class::is_shared);
        if is_shared {
            self.members.insert((sharers, slot));
        }
        self.pods[slot] = record.node().map(|node| Row {
            id: pod.id,
            spec: record.class,
            node,
            processes,
            sharers,
            is_serving: false,
            traffic: ResourceUsage::default(),
        });
        self.serve(pod, store);
    }

    /// A process of a pod is gone.
    pub(crate) fn went_down(&mut self, process: ProcessRef) {
        let ProcessRef { pod, container } = process;
        let Some(row) = self.row_mut(pod) else {
            return;
        };
        let node = row.node;
        match &mut row.processes {
            Processes::Each(all) if container != WHOLE => {
                if let Some(own) = all.get_mut(usize::from(container)) {
                    *own = None;
                }
                self.changes.touch(node);
            }
            _ => self.stopped(pod),
        }
    }

    /// A pod's processes are gone.
    pub(crate) fn stopped(&mut self, pod: PodRef) {
        let slot = pod.slot.index();
        let row = self.pods.get_mut(slot);
        let Some(row) = row.and_then(|row| row.take_if(|row| row.id == pod.id)) else {
            return;
        };
        self.changes.touch(row.node);
        self.members.remove(&(row.sharers, slot));
        if row.is_serving {
            self.count(row.sharers, -1);
        }
    }

    /// How much of a pod's recorded use is over.
    pub(crate) fn over(&self, now: Instant, pod: PodRef) -> Duration {
        let first = self.row(pod).and_then(Row::first_up);
        match first {
            Some(up) => now.since(up.recorded_from),
            None => self.over.get(&pod.id).copied().unwrap_or(Duration::ZERO),
        }
    }

    /// A pod goes on with work of which so much is done, now or once its processes are up.
    pub(crate) fn go_on(&mut self, now: Instant, pod: PodRef, over: Duration) {
        if let Some(row) = self.row_mut(pod) {
            row.count_from(super::before(now, over));
            let node = row.node;
            self.changes.touch(node);
        } else if over > Duration::ZERO && !self.classes.is_empty() {
            self.over.insert(pod.id, over);
        }
    }

    /// The parts of a class that a process is, by place.
    fn parts_of(
        &self,
        process: ProcessRef,
    ) -> Option<(
        &Row,
        &Class,
        impl Iterator<Item = (usize, LiveProcess)> + '_,
    )> {
        let row = self.row(process.pod)?;
        let class = self.class(row.spec)?;
        let places = class.places().filter(move |&place| {
            process.container == WHOLE || place == usize::from(process.container)
        });
        let up = places.filter_map(|place| Some((place, row.up(place)?)));
        Some((row, class, up))
    }

    /// What a process wants; `None` if nothing is known of it.
    pub(crate) fn wanted_by(&self, process: ProcessRef, now: Instant) -> Option<ResourceUsage> {
        let (row, class, parts) = self.parts_of(process)?;
        let query = self.query(row, now, UsageMode::Instant);
        let wanted = parts.map(|(place, up)| class.read(place, row, up, query).0);
        wanted.reduce(super::sum)
    }

    /// Whether the use of processors by a process is stated of itself.
    pub(crate) fn is_stated(&self, process: ProcessRef) -> bool {
        let parts = self.parts_of(process);
        parts.is_some_and(|(_, class, mut parts)| parts.any(|(place, _)| class.is_stated(place)))
    }

    /// Instant at which a process wants something else of the cores by itself, as far as it is looked at.
    pub(crate) fn demand_changes(&self, process: ProcessRef, now: Instant) -> Option<Instant> {
        let (row, class, parts) = self.parts_of(process)?;
        let next = on_grid(now.saturating_add(Duration::from_nanos(1)), LOOK);
        let query = self.query(row, now, UsageMode::Instant);
        let changes = parts.filter_map(|(place, up)| match class.curve(place, Scale::Cpu, up) {
            None => {
                let (wanted, _) = class.read(place, row, up, query);
                (wanted.cpu_milli > 0).then_some(next)
            }
            Some(own) => match own.curve {
                Curve::Constant(_) => None,
                Curve::Steps(_) | Curve::Recorded(_) => own.next_step(now),
                Curve::Sine { .. } | Curve::Ramp { .. } => Some(next),
            },
        });
        changes.min()
    }

    /// Instant at which a container of a process is over its own limit of memory.
    pub(crate) fn over_limit(&self, process: ProcessRef, now: Instant) -> Option<Instant> {
        let (_, class, parts) = self.parts_of(process)?;
        let reached = parts.filter_map(|(place, up)| {
            let level = class.memory_limit(place)?.checked_add(1)?;
            class.curve(place, Scale::Memory, up)?.reaches(level, now)
        });
        reached.min()
    }

    /// The curves of the memory of a pod's processes, and whether any is shared and thus depends on others.
    pub(crate) fn memory_curves(&self, pod: PodRef) -> (Vec<ProcessCurve<'_>>, bool) {
        let container = WHOLE;
        let Some((_, class, parts)) = self.parts_of(ProcessRef { pod, container }) else {
            return (Vec::new(), false);
        };
        let (mut curves, mut is_shared) = (Vec::new(), false);
        for (place, up) in parts {
            curves.extend(class.curve(place, Scale::Memory, up));
            is_shared |= class.shares(place, Scale::Memory);
        }
        (curves, is_shared)
    }
}

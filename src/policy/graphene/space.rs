//! A space of resources and time, in which tasks are placed before they run.

use super::Task;

/// Difference below which amounts and instants are equal.
pub(super) const ROUNDING: f64 = 1e-9;

/// The amounts in use from an instant on.
#[derive(Clone, Debug)]
struct Step {
    from: f64,
    used: Vec<f64>,
}

/// The space: unbounded in time in both directions.
#[derive(Clone, Debug)]
pub(super) struct Space {
    capacities: Vec<f64>,
    /// In order of time; nothing is in use before the first one and from the last one on.
    steps: Vec<Step>,
}

impl Space {
    pub(super) fn new(capacities: &[f64]) -> Self {
        Self {
            capacities: capacities.to_vec(),
            steps: Vec::new(),
        }
    }

    /// An empty space of the same capacities.
    pub(super) fn emptied(&self) -> Self {
        Self::new(&self.capacities)
    }

    /// The earliest begin of a task, not before an instant.
    pub(super) fn earliest(&self, task: &Task, from: f64) -> f64 {
        let mut begin = from;
        loop {
            match self.obstacles(task, begin).last() {
                // It begins once the last of what is in its way has ended.
                Some(place) => begin = self.until(place),
                None => return begin,
            }
        }
    }

    /// The latest begin of a task, not after an instant.
    pub(super) fn latest(&self, task: &Task, from: f64) -> f64 {
        let mut begin = from;
        loop {
            match self.obstacles(task, begin).next() {
                Some(place) => begin = self.steps[place].from - task.duration,
                None => return begin,
            }
        }
    }

    fn until(&self, place: usize) -> f64 {
        self.steps
            .get(place + 1)
            .map_or(f64::INFINITY, |next| next.from)
    }

    /// Steps in which a task that begins at an instant has no room.
    fn obstacles(&self, task: &Task, begin: f64) -> impl DoubleEndedIterator<Item = usize> {
        let end = begin + task.duration;
        let first = self
            .steps
            .partition_point(|step| step.from <= begin + ROUNDING);
        let last = self
            .steps
            .partition_point(|step| step.from < end - ROUNDING);
        let steps = first.saturating_sub(1)..last;
        steps.filter(move |&place| {
            let used = &self.steps[place].used;
            let mut pairs = used.iter().zip(&self.capacities).zip(&task.demand);
            pairs.any(|((used, capacity), demand)| used + demand > capacity + ROUNDING)
        })
    }

    /// Takes the amounts of a task from an instant on.
    pub(super) fn take(&mut self, task: &Task, begin: f64) {
        let end = begin + task.duration;
        let first = self.split(begin);
        let last = self.split(end);
        for step in &mut self.steps[first..last] {
            for (used, demand) in step.used.iter_mut().zip(&task.demand) {
                *used += demand;
            }
        }
    }

    /// The place of the step that begins at an instant, which is made if there is none.
    fn split(&mut self, at: f64) -> usize {
        let place = self.steps.partition_point(|step| step.from < at - ROUNDING);
        let is_there = self
            .steps
            .get(place)
            .is_some_and(|step| step.from <= at + ROUNDING);
        if !is_there {
            let before = place
                .checked_sub(1)
                .map(|before| self.steps[before].used.clone());
            let used = before.unwrap_or_else(|| vec![0.0; self.capacities.len()]);
            self.steps.insert(place, Step { from: at, used });
        }
        place
    }
}

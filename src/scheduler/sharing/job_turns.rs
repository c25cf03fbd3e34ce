//! Turns of jobs on GPUs of unlike models: the priority of a job on a model is its share of time there
//! over the rounds that it received there, and the highest goes first (Gavel, OSDI'20; spec:
//! orchestrators-b.md section 8.2).

use std::cmp::Ordering;
use std::sync::Arc;

use cluster::{Class, Store};
use model::{JobGpus, Throughputs};
use units::{Duration, NodeId, Revision};

use super::HeterogeneousJob;

/// Shares of the time below this are none.
const LEAST_SHARE: f64 = 1e-9;

/// A turn that a job is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JobTurn {
    /// The job.
    pub(super) number: u64,
    /// Column of the model that the turn is on; `None` is any model.
    pub(super) column: Option<usize>,
}

impl JobTurn {
    /// A turn on any model.
    pub(super) const fn anywhere(number: u64) -> Self {
        Self {
            number,
            column: None,
        }
    }
}

/// GPU models of the nodes, as columns of the throughputs.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    throughputs: Arc<Throughputs>,
    by_node: Vec<Option<usize>>,
    /// The most devices of a node, by column.
    most: Vec<usize>,
    declared: Option<Revision>,
}

impl Columns {
    pub(super) const fn new(throughputs: Arc<Throughputs>) -> Self {
        Self {
            throughputs,
            by_node: Vec::new(),
            most: Vec::new(),
            declared: None,
        }
    }

    /// Millionths of one speed by which two classes on one device get on together; `None` of types that
    /// may not share one.
    pub(super) fn together(&self, one: &Class, other: &Class) -> Option<u64> {
        let (one, other) = (&one.spec.labels, &other.spec.labels);
        let parts = [
            self.throughputs.packed(one, other)?,
            self.throughputs.packed(other, one)?,
        ];
        Some(parts.iter().sum())
    }

    /// Speed of a class on a column beside that with the GPUs that its job was submitted with.
    pub(super) fn gain(&self, class: &Class, column: usize) -> f64 {
        let labels = &class.spec.labels;
        let JobGpus { stated, now } = JobGpus::of(&class.spec);
        let rate = |gpus| self.throughputs.rate(labels, column, gpus, false);
        let rates = rate(now).zip(rate(stated));
        rates.map_or(1.0, |(now, stated)| now as f64 / stated as f64)
    }

    /// The least number of GPUs above another with which a job of a class is faster on a column, and which
    /// its members share evenly.
    pub(super) fn next_width(
        &self,
        class: &Class,
        column: usize,
        gpus: u32,
        members: u32,
    ) -> Option<u32> {
        let labels = &class.spec.labels;
        let rate = |gpus| self.throughputs.rate(labels, column, gpus, false);
        let usual = rate(gpus)?;
        let mut width = gpus;
        loop {
            width = self.throughputs.next_width(labels, width)?;
            if width.is_multiple_of(members) && rate(width)? > usual {
                return Some(width);
            }
        }
    }

    /// Reads the nodes again if any was declared since.
    pub(super) fn refresh(&mut self, store: &Store) {
        let nodes = store.nodes();
        if self.declared == Some(nodes.declared()) {
            return;
        }
        let column = |node: NodeId| {
            let gpu = nodes.object(node)?.gpu.as_ref()?;
            self.throughputs.column(&gpu.model)
        };
        self.by_node = nodes.ids().map(column).collect();
        self.most = vec![0; self.throughputs.models().len()];
        for (node, column) in nodes.ids().zip(&self.by_node) {
            if let Some(column) = *column {
                self.most[column] = self.most[column].max(nodes.gpu_room(node).len());
            }
        }
        self.declared = Some(nodes.declared());
    }

    /// The column of a node's model.
    pub(super) fn of(&self, node: NodeId) -> Option<usize> {
        self.by_node.get(node.index()).copied().flatten()
    }

    /// Devices of each model on nodes that take pods.
    pub(super) fn devices(&self, store: &Store) -> Vec<f64> {
        let nodes = store.nodes();
        let mut devices = vec![0.0; self.throughputs.models().len()];
        for node in nodes.present() {
            if let Some(column) = self.of(node).filter(|_| nodes.schedulable()[node.index()]) {
                devices[column] += nodes.gpu_room(node).len() as f64;
            }
        }
        devices
    }

    /// Speeds of a class by column with the GPUs of its job, 0 on models that it does not admit; 1 on all
    /// others if its type is not stated. A job that needs more than one node of a model is as fast as apart.
    pub(super) fn speeds(&self, class: &Class) -> Arc<[f64]> {
        let models = self.throughputs.models();
        let gpus = JobGpus::of(&class.spec).stated;
        let is_apart = |column: usize| {
            let most = self.most.get(column).copied();
            most.is_some_and(|most| most > 0 && gpus as usize > most)
        };
        let stated = &self.throughputs;
        let stated = stated.speeds(&class.spec.labels, gpus, is_apart);
        let stated = stated.unwrap_or_else(|| vec![1.0; models.len()]);
        let admitted = &class.spec.gpu.models;
        let speed = |(own, speed)| {
            if admitted.is_empty() || admitted.contains(own) {
                speed
            } else {
                0.0
            }
        };
        models.iter().zip(stated).map(speed).collect()
    }
}

/// Columns on which a job gets on, the fastest first.
pub(super) fn fastest_first(speeds: &[f64]) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..speeds.len())
        .filter(|&column| speeds[column] > 0.0)
        .collect();
    columns.sort_by(|&one, &other| speeds[other].total_cmp(&speeds[one]));
    columns
}

/// Turns on models on which each job has a share of the time, by priority; ties go to the greater
/// share, then to the earlier job.
pub(super) fn by_priority(
    jobs: &[HeterogeneousJob],
    shares: &[Vec<f64>],
    round: Duration,
) -> Vec<(u64, usize)> {
    let mut turns: Vec<(f64, f64, u64, usize)> = Vec::new();
    for (job, shares) in jobs.iter().zip(shares) {
        for (column, &share) in shares.iter().enumerate() {
            if share > LEAST_SHARE {
                let ran = job.ran_on.get(column).copied().unwrap_or(Duration::ZERO);
                let rounds = ran.as_nanos() as f64 / round.as_nanos().max(1) as f64;
                turns.push((share / rounds, share, job.number, column));
            }
        }
    }
    let descending = |one: f64, other: f64| other.total_cmp(&one);
    turns.sort_by(|one, other| -> Ordering {
        descending(one.0, other.0)
            .then(descending(one.1, other.1))
            .then((one.2, one.3).cmp(&(other.2, other.3)))
    });
    turns.into_iter().map(|turn| (turn.2, turn.3)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::unlike;
    use super::*;

    #[test]
    fn the_job_goes_first_that_received_least_of_its_share() {
        let mut jobs = [unlike(0, &[4.0, 1.0]), unlike(1, &[1.2, 1.0])];
        let shares = [vec![0.5, 0.5], vec![0.25, 0.75]];
        let round = Duration::from_secs(360);
        // Nothing was received yet: by share, then by job.
        let first = by_priority(&jobs, &shares, round);
        assert_eq!(first, [(1, 1), (0, 0), (0, 1), (1, 0)]);
        jobs[0].ran_on = vec![round, Duration::ZERO];
        jobs[1].ran_on = vec![Duration::ZERO, round];
        let next = by_priority(&jobs, &shares, round);
        assert_eq!(next, [(0, 1), (1, 0), (1, 1), (0, 0)]);
        let none = by_priority(&jobs, &[vec![0.0, 1.0], vec![1e-12, 0.0]], round);
        assert_eq!(none, [(0, 1)]);
    }

    #[test]
    fn a_job_prefers_the_fastest_model_that_it_may_have() {
        assert_eq!(fastest_first(&[1.0, 4.0, 0.0, 4.0]), [1, 3, 0]);
    }
}

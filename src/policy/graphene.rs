//! Graphene's bound on the makespan of a job whose tasks depend on one another (spec:
//! orchestrators-b.md section 6.5): no schedule is shorter than the longest chain of tasks, nor than the
//! work of all tasks spread over a resource without gaps.

/// A task of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Run time.
    pub duration: f64,
    /// Demand by resource, in the order of the capacities.
    pub demand: Vec<f64>,
    /// Numbers of the tasks that have to end before.
    pub parents: Vec<usize>,
}

/// The parts of the bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Run time of the longest chain.
    pub critical_path: f64,
    /// Work of all tasks over the capacity, by resource.
    pub work_over_capacity: Vec<f64>,
}

impl Bound {
    /// The bound itself.
    pub fn makespan(&self) -> f64 {
        let work = self.work_over_capacity.iter().copied();
        work.fold(self.critical_path, f64::max)
    }
}

/// The bound for a job on a cluster; `None` if tasks depend on each other in a circle, or on one that
/// is not there.
///
/// ```
/// use policy::graphene::{Task, bound};
///
/// let task = |duration, parents| Task { duration, demand: vec![2.0], parents };
/// let job = [task(3.0, vec![]), task(4.0, vec![0]), task(9.0, vec![])];
/// let bound = bound(&job, &[4.0]).expect("no circle");
/// assert_eq!(bound.critical_path, 9.0);
/// assert_eq!(bound.work_over_capacity, [8.0]);
/// assert_eq!(bound.makespan(), 9.0);
/// ```
pub fn bound(tasks: &[Task], capacities: &[f64]) -> Option<Bound> {
    let mut ends: Vec<Option<f64>> = vec![None; tasks.len()];
    let mut left = tasks.len();
    while left > 0 {
        let before = left;
        for (index, task) in tasks.iter().enumerate() {
            if ends[index].is_some() {
                continue;
            }
            let parents = task.parents.iter().map(|&parent| *ends.get(parent)?);
            let begin = parents.collect::<Option<Vec<f64>>>();
            if let Some(parents) = begin {
                let begin = parents.into_iter().fold(0.0, f64::max);
                ends[index] = Some(begin + task.duration);
                left -= 1;
            }
        }
        if left == before {
            return None;
        }
    }
    let work = |(resource, &capacity): (usize, &f64)| {
        let demand = |task: &Task| task.demand.get(resource).copied().unwrap_or(0.0);
        let work: f64 = tasks.iter().map(|task| task.duration * demand(task)).sum();
        if work == 0.0 { 0.0 } else { work / capacity }
    };
    Some(Bound {
        critical_path: ends.into_iter().flatten().fold(0.0, f64::max),
        work_over_capacity: capacities.iter().enumerate().map(work).collect(),
    })
}

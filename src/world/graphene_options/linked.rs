//! Jobs whose tasks wait for single tasks, as the trace states it: all tasks that are connected by waiting for
//! one another are a job.

use model::PodName;
use units::SortedMap;

use super::Known;

/// The most arrivals of a job for which an order is found.
pub(super) const MOST_TASKS: usize = 5_000;

/// Tasks of a job, in the order of arrival, and the places of those that each task waits for, by the task's
/// `stage`.
pub(super) type LinkedJob = (Vec<Known>, Vec<Vec<usize>>);

/// The jobs of arrivals of which some wait for others, in the order of their first arrival. Those that wait
/// for nothing, and that nothing waits for, are in none.
pub(super) fn jobs(all: Vec<Known>) -> Vec<LinkedJob> {
    // Parts of a task have its name, and names are those of one part of the workload.
    let mut tasks: SortedMap<(u16, PodName), usize> = SortedMap::new();
    let mut of_arrival = Vec::with_capacity(all.len());
    for known in &all {
        let name = (known.arrival.part, known.arrival.task().clone());
        let next = tasks.len();
        of_arrival.push(*tasks.entry(name).or_insert(next));
    }
    let mut waits: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    let mut groups = Groups::of(tasks.len());
    for (known, &task) in all.iter().zip(&of_arrival) {
        for name in known.arrival.after() {
            if let Some(&before) = tasks.get(&(known.arrival.part, name.clone())) {
                waits[task].push(before);
                groups.join(task, before);
            }
        }
    }
    let mut jobs: SortedMap<usize, LinkedJob> = SortedMap::new();
    // Place of each task in its job.
    let mut places: Vec<Option<usize>> = vec![None; tasks.len()];
    for (mut known, task) in all.into_iter().zip(of_arrival) {
        let group = groups.find(task);
        if groups.sizes[group] < 2 {
            continue;
        }
        let (own, stages) = jobs.entry(group).or_default();
        known.stage = *places[task].get_or_insert_with(|| {
            stages.push(waits[task].clone());
            stages.len() - 1
        });
        own.push(known);
    }
    let mut jobs: Vec<LinkedJob> = jobs.into_iter().map(|(_, job)| job).collect();
    for (_, stages) in &mut jobs {
        for before in stages {
            *before = before.iter().filter_map(|&task| places[task]).collect();
            before.sort_unstable();
            before.dedup();
        }
    }
    jobs
}

/// Tasks by what connects them; the group of a task has the number of its first one.
struct Groups {
    parents: Vec<usize>,
    sizes: Vec<usize>,
}

impl Groups {
    fn of(count: usize) -> Self {
        Self {
            parents: (0..count).collect(),
            sizes: vec![1; count],
        }
    }

    fn find(&mut self, task: usize) -> usize {
        let mut own = task;
        while self.parents[own] != own {
            self.parents[own] = self.parents[self.parents[own]];
            own = self.parents[own];
        }
        own
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        let (first, last) = (one.min(other), one.max(other));
        if first != last {
            self.parents[last] = first;
            self.sizes[first] += self.sizes[last];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use arrivals::Arrival;
    use arrivals::Links;
    use units::{Duration, Instant};

    fn known(name: u64, part_of: Option<u64>, after: &[u64]) -> Known {
        let after = after.iter().map(|&own| PodName::Job(own)).collect();
        Known {
            arrival: Arrival {
                run_time: Some(Duration::from_secs(1)),
                links: Links::of(part_of.map(PodName::Job), after),
                ..Arrival::new(Instant::ZERO, PodName::Job(name))
            },
            stage: 0,
            parts: Vec::new(),
        }
    }

    fn names(own: &[Known]) -> Vec<String> {
        own.iter().map(|own| own.arrival.name.to_string()).collect()
    }

    #[test]
    fn connected_tasks_are_a_job_with_what_each_waits_for() {
        let all = vec![
            known(1, None, &[]),
            known(2, None, &[]),
            // Two parts of one task.
            known(3, Some(30), &[1]),
            known(4, Some(30), &[1]),
            known(5, None, &[30, 1, 77]),
            known(6, None, &[7]),
            known(7, None, &[]),
        ];
        let jobs = jobs(all);
        let [(first, waits), (second, others)] = &jobs[..] else {
            panic!("two jobs: {}", jobs.len());
        };
        assert_eq!(names(first), ["job-1", "job-3", "job-4", "job-5"]);
        let stages: Vec<usize> = first.iter().map(|own| own.stage).collect();
        assert_eq!(stages, [0, 1, 1, 2]);
        assert_eq!(waits[..], [vec![], vec![0], vec![0, 1]]);
        assert_eq!(names(second), ["job-6", "job-7"]);
        assert_eq!(others[..], [vec![1], vec![]]);
    }

    proptest! {
        /// Every task that waits, or that others wait for, is in exactly one job, with all that it waits for.
        #[test]
        fn no_task_is_lost(links in prop::collection::vec(prop::collection::vec(0_u64..20, 0..3), 20)) {
            let all = links.iter().enumerate().map(|(own, after)| {
                let earlier: Vec<u64> = after.iter().copied().filter(|&name| name < own as u64).collect();
                known(own as u64, None, &earlier)
            });
            let all: Vec<Known> = all.collect();
            let mut linked: Vec<PodName> = Vec::new();
            for known in all.iter().filter(|own| !own.arrival.after().is_empty()) {
                linked.push(known.arrival.name.clone());
                linked.extend(known.arrival.after().iter().cloned());
            }
            linked.sort();
            linked.dedup();
            let jobs = jobs(all);
            let mut found: Vec<PodName> = Vec::new();
            for (own, waits) in &jobs {
                prop_assert_eq!(own.len(), waits.len());
                for known in own {
                    let mut before: Vec<PodName> = waits[known.stage].iter()
                        .map(|&place| own[place].arrival.name.clone())
                        .collect();
                    let mut stated = known.arrival.after().to_vec();
                    stated.sort();
                    stated.dedup();
                    before.sort();
                    prop_assert_eq!(before, stated);
                    found.push(known.arrival.name.clone());
                }
            }
            found.sort();
            prop_assert_eq!(found, linked);
        }
    }
}

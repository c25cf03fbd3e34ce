//! Orders of tasks: troublesome ones first, none before its parents, no schedule beyond the bounds.

use proptest::prelude::*;

use super::*;

fn task(duration: f64, demand: &[f64], parents: &[usize]) -> Task {
    Task {
        duration,
        demand: demand.to_vec(),
        parents: parents.to_vec(),
    }
}

/// Length of the schedule that starts whatever is ready in the order of the list.
fn in_order(tasks: &[Task], capacities: &[f64], order: &[usize]) -> f64 {
    let graph = Graph::of(tasks).expect("no circle");
    let mut schedule = Schedule::new(tasks, &graph, capacities);
    for (rank, &own) in order.iter().enumerate() {
        schedule.begins[own] = Some(rank as f64);
    }
    schedule.finish().makespan
}

#[test]
fn a_long_chain_goes_before_tasks_that_fill_gaps() {
    // Short tasks that fill the cluster, and a chain whose last task is long. By their order of arrival
    // the short ones keep the chain waiting.
    let mut job: Vec<Task> = (0..4).map(|_| task(2.0, &[0.5], &[])).collect();
    job.push(task(1.0, &[0.5], &[]));
    job.push(task(10.0, &[0.5], &[4]));
    let arrival: Vec<usize> = (0..job.len()).collect();
    assert!((in_order(&job, &[1.0], &arrival) - 15.0).abs() < 1e-9);
    let found = preferred(&job, &[1.0]).expect("a job that fits");
    assert!((found.makespan - 11.0).abs() < 1e-9, "{found:?}");
    assert_eq!(found.order[0], 4);
    let bound = bound(&job, &[1.0]).expect("no circle");
    assert!((bound.makespan() - 11.0).abs() < 1e-9);
}

#[test]
fn demands_that_overlap_badly_are_kept_apart() {
    // Wide tasks of two resources overlap with narrow ones of the other resource alone.
    let job = [
        task(4.0, &[0.9, 0.1], &[]),
        task(4.0, &[0.1, 0.9], &[]),
        task(4.0, &[0.9, 0.1], &[]),
        task(4.0, &[0.1, 0.9], &[]),
    ];
    let found = preferred(&job, &[1.0, 1.0]).expect("a job that fits");
    assert!((found.makespan - 8.0).abs() < 1e-9);
}

#[test]
fn circles_and_strangers_have_no_order() {
    assert_eq!(preferred(&[task(1.0, &[1.0], &[0])], &[1.0]), None);
    assert_eq!(preferred(&[task(1.0, &[1.0], &[7])], &[1.0]), None);
    let nothing = preferred(&[], &[1.0]).expect("an empty job");
    assert_eq!((nothing.order.len(), nothing.makespan), (0, 0.0));
}

fn jobs() -> impl Strategy<Value = Vec<Task>> {
    let task = (
        1_u32..20,
        1_u32..10,
        1_u32..10,
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    );
    prop::collection::vec(task, 1..25).prop_map(|drawn| {
        let mut tasks: Vec<Task> = Vec::new();
        for (duration, cpu, memory, parents) in drawn {
            let mut parents: Vec<usize> = match tasks.len() {
                0 => Vec::new(),
                count => parents.iter().map(|parent| parent.index(count)).collect(),
            };
            parents.sort_unstable();
            parents.dedup();
            let demand = [f64::from(cpu) / 10.0, f64::from(memory) / 10.0];
            tasks.push(Task {
                duration: f64::from(duration),
                demand: demand.to_vec(),
                parents,
            });
        }
        tasks
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_task_has_its_place_within_the_bounds(tasks in jobs()) {
        let found = preferred(&tasks, &[1.0, 1.0]).expect("tasks that fit");
        let mut sorted = found.order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..tasks.len()).collect::<Vec<_>>());
        let least = bound(&tasks, &[1.0, 1.0]).expect("no circle").makespan();
        let most: f64 = tasks.iter().map(|task| task.duration).sum();
        prop_assert!(found.makespan >= least - 1e-9 && found.makespan <= most + 1e-9);
        prop_assert!((in_order(&tasks, &[1.0, 1.0], &found.order) - found.makespan).abs() < 1e-9);
    }

    #[test]
    fn no_instant_holds_more_than_there_is(tasks in jobs()) {
        let graph = Graph::of(&tasks).expect("no circle");
        let mut schedule = Schedule::new(&tasks, &graph, &[1.0, 1.0]);
        schedule.place_all(&vec![false; tasks.len()], TURNS[0]);
        let begins: Vec<f64> = schedule.begins.iter().map(|begin| begin.expect("placed")).collect();
        for (own, task) in tasks.iter().enumerate() {
            for &parent in &task.parents {
                prop_assert!(begins[parent] + tasks[parent].duration <= begins[own] + 1e-9);
            }
            for resource in 0..2 {
                let used: f64 = tasks
                    .iter()
                    .zip(&begins)
                    .filter(|(other, begin)| **begin <= begins[own] && begins[own] < **begin + other.duration - 1e-9)
                    .map(|(other, _)| other.demand[resource])
                    .sum();
                prop_assert!(used <= 1.0 + 1e-6, "{}", used);
            }
        }
    }
}

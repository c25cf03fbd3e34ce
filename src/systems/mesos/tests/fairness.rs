//! The sorter and fairness task by task: worked examples, sharing incentive, no envy.

use proptest::prelude::*;

use super::super::drf_tasks::{Blocked, DemandError, User, divide};
use super::super::fast::tree::{Order, Tree};
use super::super::plain::resources::Quantities;
use super::super::plain::sorter::{Fairness, Sorter};
use model::Text;
use rng::Stream;
use units::SortedSet;

fn quantities(cpus: i64, mem: i64) -> Quantities {
    Quantities::new([("cpus".into(), cpus * 1_000), ("mem".into(), mem * 1_000)])
}

fn sorter(total: (i64, i64)) -> Sorter {
    let mut sorter = Sorter::new(Fairness::DominantResource, SortedSet::new());
    sorter.set_total(quantities(total.0, total.1));
    sorter
}

fn order(sorter: &mut Sorter) -> String {
    sorter.sort().join(" ")
}

#[test]
fn clients_are_sorted_by_share_weight_count_and_name() {
    let mut one = sorter((100, 100));
    for (client, cpus, mem, weight) in [
        ("a", 5, 5, 1.0),
        ("b", 6, 6, 2.0),
        ("c", 4, 4, 1.0),
        ("d", 10, 20, 10.0),
    ] {
        one.add(client);
        one.set_weight(client.into(), weight);
        one.allocated(client, &quantities(cpus, mem));
    }
    assert_eq!(order(&mut one), "d b c a");
    let mut ties = sorter((100, 100));
    for (client, calls) in [
        ("a", &[3][..]),
        ("b", &[3]),
        ("c", &[1, 1, 1]),
        ("d", &[2, 1]),
        ("e", &[3]),
    ] {
        ties.add(client);
        for &each in calls {
            ties.allocated(client, &quantities(each, each));
        }
    }
    assert_eq!(order(&mut ties), "a b e d c");
    ties.unallocated("c", &quantities(3, 3));
    assert_eq!(order(&mut ties), "c a b e d");
    ties.allocated("c", &quantities(3, 3));
    assert_eq!(order(&mut ties), "a b e d c");
}

#[test]
fn a_client_with_others_below_it_competes_with_them() {
    let mut sorter = sorter((100, 100));
    sorter.add("b");
    sorter.allocated("b", &quantities(9, 1));
    sorter.add("c");
    sorter.allocated("c", &quantities(3, 3));
    sorter.add("b/z");
    assert_eq!(order(&mut sorter), "c b/z b");
    sorter.set_weight("b".into(), 9.0);
    assert_eq!(order(&mut sorter), "b/z b c");
    sorter.set_active("b", false);
    assert_eq!(order(&mut sorter), "b/z c");
    sorter.remove("b/z");
    sorter.set_active("b", true);
    assert_eq!(order(&mut sorter), "b c");
    sorter.remove("b");
    assert_eq!(
        (order(&mut sorter).as_str(), sorter.contains("b")),
        ("c", false)
    );
}

#[test]
fn excluded_and_absent_resources_do_not_count() {
    let excluded = SortedSet::from(["gpus".into()]);
    let mut sorter = Sorter::new(Fairness::DominantResource, excluded);
    let total = [("cpus".into(), 10_000), ("gpus".into(), 1_000)];
    sorter.set_total(Quantities::new(total));
    for (client, name) in [("a", "cpus"), ("b", "gpus"), ("c", "absent")] {
        sorter.add(client);
        sorter.allocated(client, &Quantities::new([(name.into(), 1_000)]));
    }
    assert_eq!(order(&mut sorter), "b c a");
}

#[test]
fn the_order_is_random_by_weights_or_by_arrival() {
    let mut rng_first = [0_u32; 2];
    let random = Fairness::Random(Box::new(Stream::new(5, "mesos.random-sorter", 0)));
    let mut sorter = Sorter::new(random, SortedSet::new());
    for (client, weight) in [("a", 1.0), ("b", 3.0)] {
        sorter.add(client);
        sorter.set_weight(client.into(), weight);
    }
    for _ in 0..4_000 {
        rng_first[usize::from(&*sorter.sort()[0] == "b")] += 1;
    }
    assert!(rng_first[1].abs_diff(3_000) < 150, "{rng_first:?}");
    let mut sorter = Sorter::new(Fairness::FirstCome, SortedSet::new());
    for client in ["z", "m/q", "a"] {
        sorter.add(client);
    }
    assert_eq!(order(&mut sorter), "z m/q a");
}

fn user(name: &str, demand: &[i64], weight: f64) -> User {
    User {
        name: name.into(),
        demand: demand.to_vec(),
        weight,
    }
}

#[test]
fn users_get_what_the_paper_gives_them() {
    let users = [user("A", &[1, 4], 1.0), user("B", &[3, 1], 1.0)];
    let tasks = |blocked| {
        let division = divide(&[9, 18], &users, blocked).expect("demands");
        (division.tasks, division.sequence)
    };
    let fair = tasks(Blocked::Skip);
    assert_eq!(fair, (vec![3, 2], vec![0, 1, 0, 1, 0]));
    assert_eq!(tasks(Blocked::Stop).0, [3, 2]);
    let users = [
        user("x", &[1, 8, 0], 1.0),
        user("y", &[4, 4, 0], 1.0),
        user("z", &[2, 4, 1], 1.0),
    ];
    let division = divide(&[16, 64, 4], &users, Blocked::Skip);
    let division = division.expect("demands");
    assert_eq!(division.tasks, [4, 2, 2]);
    assert!(
        division
            .dominant_shares
            .iter()
            .all(|share| (share - 0.5).abs() < 1e-12)
    );
    let users = [user("a", &[1, 10], 1.0), user("b", &[3, 1], 1.0)];
    let division = divide(&[30, 100], &users, Blocked::Stop).expect("demands");
    assert_eq!(division.tasks, [8, 7]);
}

#[test]
fn demands_of_nothing_and_weights_of_nothing_are_refused() {
    for (users, expected) in [
        ([user("a", &[0, 0], 1.0)], "a task of `a` has no demand"),
        ([user("a", &[1, 0], 0.0)], "the weight of `a` is 0"),
    ] {
        let told: Result<_, DemandError> = divide(&[1, 1], &users, Blocked::Skip);
        let told = told.expect_err("refused").to_string();
        assert!(told.contains(expected), "{told}");
    }
    let nobody = divide(&[1], &[], Blocked::Skip).expect("nobody");
    assert!(nobody.sequence.is_empty());
}

proptest! {
    /// On static demands nobody is worse off than with an equal part of the cluster, and nobody
    /// would rather have what another has: both but for tasks, which can't be divided.
    #[test]
    fn sharing_is_worth_it_and_nobody_envies(
        capacities in prop::collection::vec(20_i64..200, 2..4),
        demands in prop::collection::vec(prop::collection::vec(1_i64..6, 3), 2..6),
    ) {
        let users: Vec<User> = demands
            .iter()
            .enumerate()
            .map(|(number, demand)| user(&format!("u{number}"), &demand[..capacities.len()], 1.0))
            .collect();
        let division = divide(&capacities, &users, Blocked::Stop);
        let division = division.expect("demands");
        for (resource, &capacity) in capacities.iter().enumerate() {
            let held = users.iter().zip(&division.tasks);
            let used: i64 = held.map(|(one, &tasks)| one.demand[resource] * tasks as i64).sum();
            prop_assert!(used <= capacity);
        }
        let share_of = |one: &User, tasks: i64| {
            let demand = one.demand.iter().zip(&capacities);
            demand.map(|(&asked, &all)| (asked * tasks) as f64 / all as f64).fold(0.0, f64::max)
        };
        let tasks_in = |one: &User, bundle: &[i64]| {
            let fits = one.demand.iter().zip(bundle).map(|(asked, has)| has / asked);
            fits.min().unwrap_or(0)
        };
        let largest_task = users.iter().map(|one| share_of(one, 1)).fold(0.0, f64::max);
        for (one, &share) in users.iter().zip(&division.dominant_shares) {
            prop_assert!(share + 2.0 * largest_task + 1e-9 >= 1.0 / users.len() as f64);
            for (other, &tasks) in users.iter().zip(&division.tasks) {
                let bundle: Vec<i64> =
                    other.demand.iter().map(|asked| asked * tasks as i64).collect();
                let envied = share_of(one, tasks_in(one, &bundle));
                prop_assert!(share + largest_task + 1e-9 >= envied);
            }
        }
    }
}

/// The tree of runs serves clients as the plain sorter does, also when some leave and come back.
#[test]
fn the_tree_of_runs_keeps_the_order_of_those_that_stay() {
    let paths = ["b", "b/z", "c/u/v", "c/u/w", "d"];
    let mut plain = sorter((100, 100));
    let mut tree = Tree::new(Order::DominantResource, vec![false; 2]);
    tree.set_total([100_000, 100_000].into_iter().collect());
    let mut stream = Stream::new(7, "mesos.tree", 0);
    let (mut names, mut present): (Vec<Text>, Vec<Option<u32>>) = (Vec::new(), vec![None; 5]);
    for _ in 0..2_000 {
        let place = stream.below(5) as usize;
        let path = paths[place];
        match present[place] {
            None => {
                plain.add(path);
                present[place] = Some(tree.push(path));
                names.push(path.into());
            }
            Some(client) if stream.below(3) == 0 => {
                plain.remove(path);
                tree.remove(client);
                present[place] = None;
            }
            Some(client) => {
                let (cpus, mem) = (stream.below(9) as i64, stream.below(9) as i64);
                plain.allocated(path, &quantities(cpus, mem));
                tree.allocated(client, &[cpus * 1_000, mem * 1_000].into_iter().collect());
            }
        }
        let mut served = Vec::new();
        tree.sorted(&mut None, &mut served);
        let served: Vec<Text> = (served.iter())
            .map(|&client| names[client as usize].clone())
            .collect();
        assert_eq!(served, plain.sort());
    }
}

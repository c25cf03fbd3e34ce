use super::*;
use proptest::prelude::*;

type CellRow<'a> = (&'a str, i64, i64, Option<i64>);

fn preferences(replicas: i64, rebalances: bool, stated: &[CellRow<'_>]) -> Preferences {
    let mut preferences = Preferences {
        replicas,
        rebalances,
        ..Preferences::default()
    };
    for &(name, weight, min, max) in stated {
        let own = Preference { weight, min, max };
        if name == "*" {
            preferences.others = Some(own);
        } else {
            preferences.cells.insert(name.into(), own);
        }
    }
    preferences
}

/// Cells as `A`, `A 5` with 5 replicas, `A 5/7` with room for 7, or `A /7`.
fn cells(written: &str) -> Vec<PlannedCell> {
    let cell = |text: &str| {
        let (name, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let (current, capacity) = rest.split_once('/').unwrap_or((rest, ""));
        PlannedCell {
            name: name.into(),
            current: current.parse().ok(),
            capacity: capacity.parse().ok(),
        }
    };
    written.split(',').map(cell).collect()
}

/// Checks a plan, written as `16 17 10+7`: replicas, and those beyond the capacity.
fn check(preferences: &Preferences, written: &str, expected: &str) {
    let planned = plan(preferences, &cells(written), "");
    let words: Vec<String> = planned
        .iter()
        .map(|own| match own.overflow {
            0 => own.replicas.to_string(),
            more => format!("{}+{more}", own.replicas),
        })
        .collect();
    assert_eq!(words.join(" "), expected, "{preferences:?} over {written}");
}

#[test]
fn equal_weights_go_by_the_hash_of_the_names() {
    let equal = |replicas| preferences(replicas, false, &[("*", 1, 0, None)]);
    check(&equal(50), "A, B, C", "16 17 17");
    check(&equal(1), "A, B", "0 1");
    check(&equal(1), "A, B, C, D", "0 0 0 1");
}

#[test]
fn weights_and_bounds_divide() {
    let spec = [("A", 1, 0, None), ("B", 2, 0, None)];
    check(&preferences(10, false, &spec), "A, B", "3 7");
    check(&preferences(60, false, &spec), "A, B, C", "20 40 0");
    let least = [("*", 0, 20, None), ("A", 1, 100, None)];
    check(&preferences(50, false, &least), "A, B, C", "50 0 0");
    let most = [
        ("A", 10_000, 0, Some(10)),
        ("B", 1, 0, None),
        ("C", 1, 0, Some(21)),
        ("D", 1, 0, Some(10)),
        ("E", 1, 0, None),
    ];
    check(
        &preferences(91, false, &most),
        "A, B, C, D, E",
        "10 25 21 10 25",
    );
}

#[test]
fn replicas_stay_unless_they_are_rebalanced() {
    let equal = [("*", 1, 0, None)];
    check(&preferences(50, false, &equal), "A, B, C 30", "10 10 30");
    check(&preferences(50, true, &equal), "A, B, C 30", "16 17 17");
    check(&preferences(50, false, &equal), "A 10, B 20", "25 25");
}

#[test]
fn full_cells_pass_replicas_on() {
    let equal = [("*", 1, 0, None)];
    check(&preferences(50, true, &equal), "A, B, C /10", "20 20 10+7");
    let five = [("A", 1, 0, None), ("B", 5, 0, None)];
    check(&preferences(60, false, &five), "A, B /10, C", "50 10 0");
    check(
        &preferences(60, false, &equal),
        "A /10, B /10",
        "10+20 10+20",
    );
}

prop_compose! {
    fn bounded()(weight in 0_i64..20, min in 0_i64..10, more in proptest::option::of(0_i64..30))
        -> Preference {
        Preference { weight, min, max: more.map(|more| min + more) }
    }
}

/// What is wanted, and the cells that are there.
#[derive(Clone, Debug)]
struct World {
    preferences: Preferences,
    cells: Vec<PlannedCell>,
}

prop_compose! {
    fn worlds()(replicas in 0_i64..200, rebalances in proptest::bool::ANY)
        (replicas in Just(replicas), rebalances in Just(rebalances),
         cells in proptest::collection::vec(
            (bounded(), proptest::option::of(0_i64..60), proptest::option::of(0_i64..60)), 1..8))
        -> World {
        let mut preferences = Preferences { replicas, rebalances, ..Preferences::default() };
        let mut planned = Vec::new();
        for (number, (own, current, capacity)) in cells.into_iter().enumerate() {
            let name: Text = format!("cell-{number}").as_str().into();
            preferences.cells.insert(name.clone(), own);
            planned.push(PlannedCell { name, current, capacity });
        }
        World { preferences, cells: planned }
    }
}

/// The number of replicas that a cell takes at most.
fn bound(preferences: &Preferences, cell: &PlannedCell) -> i64 {
    let own = preferences.cells[&cell.name];
    let room = cell.capacity.unwrap_or(i64::MAX);
    let kept = cell.current.unwrap_or(0);
    let most = match own.weight {
        // Without a weight a cell gets its minimum, and keeps what it has.
        0 if preferences.rebalances => own.min,
        0 => own.min.max(kept),
        _ => i64::MAX,
    };
    most.min(own.max.unwrap_or(i64::MAX)).min(room)
}

proptest! {
    #[test]
    fn all_that_fits_is_planned(world in worlds()) {
        let World { preferences, cells } = world;
        let planned = plan(&preferences, &cells, "key");
        let bounds = cells.iter().map(|cell| i128::from(bound(&preferences, cell)));
        let wanted = i128::from(preferences.replicas).min(bounds.sum());
        let sum: i64 = planned.iter().map(|own| own.replicas).sum();
        prop_assert_eq!(i128::from(sum), wanted);
        for (cell, own) in cells.iter().zip(&planned) {
            prop_assert!(own.replicas <= bound(&preferences, cell));
            prop_assert!(own.replicas >= 0 && own.overflow >= 0);
        }
    }

    #[test]
    fn minimums_come_first(world in worlds()) {
        let World { preferences, cells } = world;
        let planned = plan(&preferences, &cells, "key");
        let least = |cell: &PlannedCell| {
            preferences.cells[&cell.name].min.min(cell.capacity.unwrap_or(i64::MAX))
        };
        let sum: i64 = cells.iter().map(least).sum();
        if sum <= preferences.replicas {
            for (cell, own) in cells.iter().zip(&planned) {
                prop_assert!(own.replicas >= least(cell));
            }
        }
    }

    #[test]
    fn a_plan_that_was_carried_out_stays(world in worlds()) {
        let World { preferences, mut cells } = world;
        let planned = plan(&preferences, &cells, "key");
        for (cell, own) in cells.iter_mut().zip(&planned) {
            cell.current = Some(own.replicas);
        }
        let again = plan(&preferences, &cells, "key");
        let replicas = |planned: &[CellPlan]| -> Vec<i64> {
            planned.iter().map(|own| own.replicas).collect()
        };
        prop_assert_eq!(replicas(&again), replicas(&planned));
    }
}

//! Worked examples of capacity providers and Fargate (spec: orchestrators-a.md sections 7.3 and 7.4).

use units::{Duration, Instant};

use super::super::capacity::{Demand, ManagedScaling, ScaleInFormula, Share, instances_for, split};
use super::super::fargate::{LaunchBucket, TaskDisk, TaskSize};

#[test]
fn providers_split_tasks_and_scale_as_in_the_worked_rows() {
    let share = |name: &str, base, weight| Share {
        name: name.into(),
        base,
        weight,
    };
    let shares = [share("A", 2, 1), share("B", 0, 4)];
    let splits = [1, 2, 5, 10].map(|tasks| split(&shares, tasks));
    assert_eq!(splits, [[1, 0], [2, 0], [2, 3], [3, 7]]);
    assert_eq!(split(&[share("A", 0, 0)], 3), [0]);
    for (running, needed, target_capacity, reservation, desired) in [
        (0, 0, 100, 100.0, 0),
        (0, 4, 100, 200.0, 2),
        (3, 3, 100, 100.0, 3),
        (3, 5, 100, 500.0 / 3.0, 5),
        (4, 3, 100, 75.0, 3),
        (4, 4, 80, 100.0, 5),
    ] {
        let scaling = ManagedScaling {
            target_capacity,
            ..ManagedScaling::default()
        };
        let demand = Demand {
            running,
            needed,
            empty: 0,
        };
        assert!((scaling.reservation(demand) - reservation).abs() < 1e-9);
        assert_eq!(scaling.desired(demand), desired);
    }
}

#[test]
fn fargate_rounds_up_to_a_size_and_launches_by_tokens() {
    let size = |cpu, memory| TaskSize::holding(cpu, memory).map(|size| (size.cpu, size.memory));
    let gib = 1 << 10;
    assert_eq!(size(308, 1_229), Some((512, 2 * gib)));
    assert_eq!(size(256, 2_560), Some((512, 3 * gib)));
    assert_eq!(size(1_024, 9 * gib), Some((2_048, 9 * gib)));
    assert_eq!(size(4_096, 31 * gib), Some((8_192, 32 * gib)));
    assert_eq!(size(8_192, 17 * gib), Some((8_192, 20 * gib)));
    assert_eq!(size(16_384, 121 * gib), None);
    assert_eq!(size(102, 103), Some((256, 512)));
    let disk = |gib: i64| TaskDisk::holding(gib << 30);
    let small = TaskSize::holding(256, 512).expect("a size");
    let (plain, large) = (disk(3).expect("a disk"), disk(50).expect("a disk"));
    assert_eq!(small.name(plain), "fargate.256.512");
    assert_eq!(small.name(large), "fargate.256.512.50");
    // 30 GB beyond the first 20, at 0.000111 dollars an hour each.
    let extra = small.price_micro_per_hour(large) - small.price_micro_per_hour(plain);
    assert_eq!(extra, 3_330);
    assert_eq!((disk(201), TaskDisk::all().count()), (None, 181));
    let mut bucket = LaunchBucket::default();
    let at = |milli: i64| Instant::ZERO.saturating_add(Duration::from_millis(milli));
    let launches: Vec<Instant> = (0..250).map(|_| bucket.launch(Instant::ZERO)).collect();
    let found = [100, 101, 150, 250].map(|number| launches[number - 1]);
    assert_eq!(found, [at(0), at(50), at(2_500), at(7_500)]);
}

#[test]
fn waiting_tasks_fill_instances_by_groups_of_equal_demands() {
    let size = (1_024, 2_048);
    for (demands, expected) in [
        (vec![], 0),
        (vec![(512, 512); 4], 2),
        (vec![(512, 512); 5], 3),
        // The large ones fill one instance, four small ones another.
        ([vec![(512, 1_024); 2], vec![(256, 512); 5]].concat(), 3),
        // One small one has room beside the large one.
        (vec![(768, 1_024), (256, 512), (256, 512)], 2),
        // Memory decides.
        (vec![(1, 1_025); 3], 3),
        (vec![(0, 0); 9], 1),
    ] {
        assert_eq!(instances_for(&demands, size), expected, "{demands:?}");
    }
}

#[test]
fn empty_instances_alone_count_where_the_formula_says_so() {
    let demand = Demand {
        running: 10,
        needed: 5,
        empty: 5,
    };
    let ratio = ManagedScaling::default();
    let minus = ManagedScaling {
        scale_in: ScaleInFormula::MinusEmpty,
        ..ratio
    };
    assert_eq!((ratio.desired(demand), minus.desired(demand)), (5, 10));
    assert!(ratio.is_low(demand) && minus.is_low(demand));
    let full = Demand {
        needed: 10,
        empty: 0,
        ..demand
    };
    assert!(!ratio.is_low(full) && !minus.is_low(full));
}

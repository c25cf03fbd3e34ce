//! Rules of the specification (kubernetes.md 3.4).

use super::candidate::cost;
use super::pack::cheapest;
use super::*;

#[test]
fn an_eviction_costs_one_and_more_with_deletion_cost_and_priority() {
    for (deletion_cost, priority, expected) in [
        (0, 0, 1.0),
        (1 << 27, 0, 2.0),
        (0, 1 << 25, 2.0),
        (i32::MAX, 0, 17.0_f64.min(10.0)),
        (i32::MIN, 0, -10.0),
    ] {
        let found = cost(deletion_cost, priority);
        assert!(
            (found - expected).abs() < 1e-6,
            "{deletion_cost} {priority}: {found}"
        );
    }
}

#[test]
fn the_cheapest_offering_is_taken_and_of_equal_ones_the_first() {
    let offering = |price: i64| Offering {
        instance_type: "t".into(),
        node: Arc::new(Node::default()),
        price,
        is_spot: false,
    };
    let offerings = [offering(5), offering(3), offering(3), offering(1)];
    assert_eq!(cheapest(&offerings, &[0, 1, 2]), Some(1));
    assert_eq!(cheapest(&offerings, &[2, 0]), Some(2));
    assert_eq!(cheapest(&offerings, &[]), None);
}

#[test]
fn a_budget_holds_at_its_times_for_its_reasons() {
    use super::candidate::{BudgetWindow, Reason};
    use crate::model::workload::CronSchedule;

    let schedule = CronSchedule::parse("0 9 * * *", None).expect("a schedule");
    let window = BudgetWindow {
        limit: DisruptionBudget::Nodes(0),
        times: Some((schedule, Duration::from_secs(2 * 3600))),
        reasons: vec![Reason::Drifted],
    };
    for (hour, holds) in [
        (8.99, false),
        (9.0, true),
        (10.99, true),
        (11.0, false),
        (33.5, true),
    ] {
        let at = (hour * 3600.0) as i64;
        assert_eq!(window.holds(Reason::Drifted, at), holds, "{hour}");
        assert!(!window.holds(Reason::Empty, at));
    }
    let always = BudgetWindow {
        times: None,
        reasons: Vec::new(),
        ..window
    };
    assert!(always.holds(Reason::Empty, 0));
    assert_eq!(DisruptionBudget::Percent(10).of(11), 2);
    assert_eq!(DisruptionBudget::Nodes(3).of(11), 3);
}

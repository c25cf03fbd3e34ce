//! Rules of the specification (kubernetes.md 3.4), which has no worked examples; those of the original
//! about nodes of the same type are in `several_are_not_replaced_by_one_that_could_as_well_be_kept`.

use super::candidate::{cost, savings};
use super::market::cheapest;
use super::*;
use model::Taint;
use scheduler::kube::PodInfo;

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
fn savings_are_the_price_over_one_and_the_positive_costs_of_evictions() {
    for (price, costs, expected) in [
        (8, vec![], 8.0),
        (8, vec![1.0, 2.0], 2.0),
        (8, vec![-10.0, 1.0], 4.0),
        (0, vec![1.0], 0.0),
    ] {
        let found = savings(price, costs.iter().copied());
        assert!(
            (found - expected).abs() < 1e-12,
            "{price} {costs:?}: {found}"
        );
    }
}

fn offering(instance_type: &str, price: i64, is_spot: bool) -> Offering {
    Offering {
        instance_type: instance_type.into(),
        node: Arc::new(Node::default()),
        price,
        priced_as: instance_type.into(),
        is_spot,
        pool: 0,
    }
}

fn replaced(instance_type: &str, price: i64, is_spot: bool) -> ReplacedNode {
    ReplacedNode {
        instance_type: instance_type.into(),
        price,
        is_spot,
    }
}

/// Replacement of nodes, by instance type and price.
fn told(
    offerings: &[Offering],
    fitting: &[usize],
    leaving: &[ReplacedNode],
    spot_to_spot: bool,
) -> Vec<(String, i64)> {
    let places = replacements(offerings, fitting, leaving, spot_to_spot);
    let own = places.into_iter().map(|place| &offerings[place]);
    own.map(|own| (own.instance_type.to_string(), own.price))
        .collect()
}

#[test]
fn only_what_is_cheaper_than_all_that_goes_takes_its_place() {
    let list = [3, 5, 8, 9].map(|price| offering(&format!("t{price}"), price, false));
    let told = |leaving: &[ReplacedNode]| told(&list, &[0, 1, 2, 3], leaving, false).len();
    assert_eq!(told(&[replaced("x", 5, false)]), 1);
    assert_eq!(told(&[replaced("x", 3, false)]), 0);
    assert_eq!(told(&[replaced("x", 5, false), replaced("y", 4, false)]), 3);
    // One that goes and cost more than those of its type do now holds nothing back.
    let with_nine = [replaced("x", 5, false), replaced("t9", 20, false)];
    assert_eq!(told(&with_nine), 4);
}

#[test]
fn several_are_not_replaced_by_one_that_could_as_well_be_kept() {
    let list = [
        offering("nano", 1, false),
        offering("small", 2, false),
        offering("xlarge", 16, false),
        offering("2xlarge", 32, false),
    ];
    let leaving = [
        replaced("2xlarge", 32, false),
        replaced("2xlarge", 32, false),
        replaced("small", 2, false),
    ];
    // The small one takes all: to keep it and give back the large ones comes to the same.
    assert_eq!(told(&list, &[1, 2, 3], &leaving, false), []);
    // The nano is cheaper than the small one that goes.
    assert_eq!(
        told(&list, &[0, 1, 2, 3], &leaving, false),
        [("nano".to_owned(), 1)]
    );
    // Without one that is there of those that fit, what is cheaper together counts.
    let found = told(&list, &[2, 3], &leaving[..2], false);
    assert_eq!(found, [("xlarge".to_owned(), 16)]);
    // Two equal ones are not replaced by a third.
    let equal = [replaced("small", 2, false), replaced("small", 2, false)];
    assert_eq!(told(&list, &[1], &equal, false), []);
    // A single one may become any that is cheaper.
    assert_eq!(told(&list, &[0, 1, 2], &leaving[..1], false).len(), 3);
}

#[test]
fn the_price_of_a_type_that_goes_is_that_of_its_cheapest_node() {
    let list = [
        offering("a", 10, false),
        offering("a", 3, true),
        offering("b", 5, false),
        offering("c", 2, false),
    ];
    let leaving = [replaced("a", 10, false), replaced("a", 3, true)];
    let found = told(&list, &[0, 1, 2, 3], &leaving, true);
    assert_eq!(found, [("c".to_owned(), 2)]);
}

#[test]
fn a_spot_node_is_replaced_by_spot_capacity_only_by_leave_and_out_of_fifteen_types() {
    let mut list: Vec<Offering> = (1..=15)
        .map(|price| offering(&format!("t{price}"), price, true))
        .collect();
    list.push(offering("kept", 1, false));
    let all: Vec<usize> = (0..list.len()).collect();
    let spot = [replaced("old", 50, true)];
    // Without leave nothing takes its place, though what is kept would be cheaper.
    assert_eq!(told(&list, &all, &spot, false), []);
    let found = told(&list, &all, &spot, true);
    assert_eq!(found.len(), 15);
    assert!(found.iter().all(|(name, _)| name != "kept"));
    // Fourteen types are too few, however many offerings there are of them.
    list[14].instance_type = "t1".into();
    assert_eq!(told(&list, &all, &spot, true), []);
    assert_eq!(told(&list, &all[..14], &spot, true), []);
    // Those that are not cheaper don't count.
    list[14].instance_type = "t15".into();
    assert_eq!(told(&list, &all, &[replaced("old", 15, true)], true), []);
    // Of several spot nodes no such choice is asked for, but the leave is.
    let two = [replaced("old", 50, true), replaced("older", 50, true)];
    assert_eq!(told(&list, &[0], &two, true), [("t1".to_owned(), 1)]);
    assert_eq!(told(&list, &[0], &two, false), []);
    // Where one of those that go is kept capacity, or none that fits is spot, no leave is asked for.
    let mixed = [replaced("old", 50, true), replaced("older", 50, false)];
    assert_eq!(told(&list, &[0], &mixed, false), [("t1".to_owned(), 1)]);
    assert_eq!(told(&list, &[15], &spot, false), [("kept".to_owned(), 1)]);
    assert_eq!(
        told(&list, &[0], &[replaced("old", 50, false)], false).len(),
        1
    );
}

#[test]
fn the_cheapest_offering_is_taken_and_of_equal_ones_the_first() {
    let offerings = [5, 3, 3, 1].map(|price| offering("t", price, false));
    assert_eq!(cheapest(&offerings, &[0, 1, 2]), Some(1));
    assert_eq!(cheapest(&offerings, &[2, 0]), Some(2));
    assert_eq!(cheapest(&offerings, &[]), None);
}

#[test]
fn a_budget_holds_at_its_times_for_its_reasons() {
    use super::candidate::{BudgetWindow, Reason};
    use model::workload::CronSchedule;

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

/// A cluster in which nodes of ten slots hold pods, by name, and one is opened for what is left.
mod merging {
    use std::ops::Range;

    use super::super::consolidate::{Consolidation, Leaver};
    use super::super::market::Market;
    use super::*;
    use crate::nodes::Daemons;
    use crate::snapshot::Fit;
    use units::NodeId;

    /// Counts how often nodes were taken out, and takes at most so many.
    struct CountingSnapshot {
        names: Vec<Text>,
        most: usize,
        asked: Vec<usize>,
    }

    impl ClusterSnapshot for CountingSnapshot {
        fn nodes(&self) -> &[Text] {
            &self.names
        }

        fn place_of(&self, name: &str) -> Option<usize> {
            self.names.iter().position(|own| **own == *name)
        }

        fn pods_at(&self, _: usize) -> Vec<Arc<PodInfo>> {
            Vec::new()
        }

        fn first(&mut self, _: &Arc<PodInfo>, _: Range<usize>) -> Option<usize> {
            // The pods of more nodes than that fit nowhere.
            (self.asked.last() <= Some(&self.most)).then_some(0)
        }

        fn fit(&mut self, _: &Arc<PodInfo>, _: usize) -> Fit {
            Fit::No
        }

        fn add_node(&mut self, _: Arc<Node>, _: &[Arc<PodInfo>]) -> Result<usize, CacheError> {
            Ok(0)
        }

        fn hide(&mut self, _: usize) {}

        fn taint(&mut self, _: usize, _: Taint) {}

        fn take_out(&mut self, places: &[usize]) {
            self.asked.push(places.len());
        }

        fn place(&mut self, _: &Arc<PodInfo>, _: usize) {}

        fn displace(&mut self, _: &Arc<PodInfo>, _: usize) {}

        fn mark(&mut self) {}

        fn commit(&mut self) {}

        fn undo(&mut self) {}
    }

    /// The nodes that go of so many of which at most some can go together, and what was tried.
    fn merged(nodes: usize, room: usize, most: usize) -> (usize, Vec<usize>) {
        let names: Vec<Text> = (0..nodes).map(|own| format!("n{own}").into()).collect();
        let leavers: Vec<Leaver> = (names.iter().enumerate())
            .map(|(place, name)| Leaver {
                node: NodeId(place as u32),
                name: name.clone(),
                replaced: replaced("t", 1, false),
            })
            .collect();
        let mut cluster = CountingSnapshot {
            names,
            most,
            asked: Vec::new(),
        };
        let daemons = Daemons::default();
        let mut market = Market::new(&[], &[], &daemons);
        let pod = Arc::new(PodInfo::default());
        let mut pods = |node: NodeId| {
            let slot = units::PodSlot(node.0);
            let id = units::PodId(node.0);
            vec![(
                PodRef { id, slot },
                Applicant::of(pod.clone(), model::Changes::default()),
            )]
        };
        let mut look = Consolidation {
            cluster: &mut cluster,
            market: &mut market,
            pods: &mut pods,
            waiting: &[],
            going: &[],
            spot_to_spot: false,
            daemons_repel: false,
        };
        let found = look
            .find(
                &leavers[..room.min(nodes)],
                if room > 0 { &leavers } else { &[] },
            )
            .expect("amounts that fit");
        let found = found.map_or_else(Vec::new, |found| found.nodes);
        assert!(
            found
                .iter()
                .copied()
                .eq(leavers.iter().map(|leaver| leaver.node).take(found.len()))
        );
        (found.len(), cluster.asked)
    }

    #[test]
    fn the_most_nodes_that_can_go_together_are_found_by_halving() {
        for most in 2..=40 {
            let (gone, asked) = merged(40, 40, most);
            assert_eq!(gone, most, "{asked:?}");
            assert!(asked.len() <= 6, "{asked:?}");
        }
        assert_eq!(merged(40, 40, 33), (33, vec![21, 31, 36, 33, 34]));
    }

    #[test]
    fn a_hundred_go_together_at_most_and_no_more_than_the_budget_has_left() {
        assert_eq!(merged(1_000, 1_000, 1_000).0, 100);
        assert_eq!(merged(1_000, 7, 1_000).0, 7);
        // What can't go with another goes alone, the first that can.
        let (gone, asked) = merged(10, 10, 1);
        assert_eq!((gone, asked.last()), (1, Some(&1)));
        assert_eq!(merged(10, 0, 10).0, 0);
        assert_eq!(merged(3, 3, 0).1, [2, 1, 1, 1]);
    }
}

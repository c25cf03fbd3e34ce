//! Expanders, and what is wrong with groups and prices.

use super::super::*;
use super::growing::group;
use super::room::*;
use rng::Stream;
use units::SortedMap;

#[test]
fn expanders_narrow_down_in_a_chain() {
    let node = node("n", 4000, 16 * GIB);
    let pod = pods("p", &class(1000, GIB, 0), 1);
    let choice = |group: &str, nodes, count| Choice {
        group: group.into(),
        node: &node,
        nodes,
        pods: vec![(&*pod[0], count)],
    };
    let choices = [choice("spot-a", 2, 6), choice("b", 1, 4), choice("c", 2, 6)];
    let prices = Prices {
        nodes: SortedMap::from([("spot-a".into(), 30), ("b".into(), 30), ("c".into(), 90)]),
        core: 10,
        gibibyte: 1,
    };
    let priorities = vec![
        Priority {
            value: 10,
            patterns: vec!["^nothing$".to_owned()],
        },
        Priority {
            value: 5,
            patterns: vec!["^spot-.*".to_owned(), "c$".to_owned()],
        },
    ];
    let mut rng = Stream::new(1, "expander", 0);
    for (expander, expected) in [
        (Expander::MostPods, vec![0, 2]),
        (Expander::LeastNodes, vec![1]),
        (Expander::LeastWaste, vec![1]),
        (Expander::Price(prices), vec![1]),
        (Expander::Priority(priorities.clone()), vec![0, 2]),
    ] {
        assert_eq!(
            expander.keep(&choices, &mut rng),
            expected,
            "{}",
            expander.name()
        );
    }
    let chain = [
        Expander::MostPods,
        Expander::Priority(priorities),
        Expander::Random,
    ];
    assert!(matches!(choose(&chain, &choices, &mut rng), Some(0 | 2)));
    assert_eq!(balance(&[(3, 10), (1, 10), (1, 2)], 5), [1, 3, 1]);
}

#[test]
fn wrong_groups_and_prices_are_told() {
    let mut wrong = group("g", 4000);
    (wrong.min, wrong.max, wrong.quota) = (3, 2, Some(0));
    wrong.template = None;
    wrong.instance_type = Some("m9.huge".into());
    let told: Vec<String> = wrong
        .findings(&["m5.large".into()])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "node group g: min: 3 is above max 2; lower it, or raise max",
            "node group g: template: missing; expected a node template, as the group has no node \
             to copy",
            "node group g: instanceType: no instance type is named `m9.huge`; there are m5.large",
            "node group g: quota: 0 is out of range; expected 1 or more, or none for no limit",
        ]
    );
    let prices = Prices {
        nodes: SortedMap::from([("g".into(), -5)]),
        ..Prices::default()
    };
    let told = Expander::Price(prices).findings();
    assert_eq!(
        told[0].to_string(),
        "expander price: prices.nodes.g: -5 is out of range; expected 0 or more"
    );
}

//! The worked examples, closed forms, and the properties that define max-min fairness.

use proptest::prelude::*;

use super::*;

fn shape(links: &[u32], weight: i64, demand: Option<i64>) -> Shape {
    Shape {
        links: links.iter().map(|&link| LinkId(link)).collect(),
        weight,
        demand,
    }
}

/// Rates in whole units a second.
fn check(capacities: &[i64], flows: &[(&[u32], Option<i64>)], expected: &[f64]) {
    let mut network = Network::new();
    for &capacity in capacities {
        network.add_link(capacity);
    }
    for (name, &(links, demand)) in (0..).zip(flows) {
        let shape = shape(links, WEIGHT_ONE, demand);
        network.begin(Instant::ZERO, name, shape, 1_000_000);
    }
    let rates: Vec<f64> = (0..flows.len() as u64)
        .map(|name| network.rate(Instant::ZERO, name).unwrap_or(-1) as f64 / 1e9)
        .collect();
    assert_eq!(rates, expected);
}

#[test]
fn worked_examples() {
    check(
        &[10, 4, 6],
        &[(&[0, 1], None), (&[0], None), (&[1, 2], None), (&[2], None)],
        &[2.0, 8.0, 2.0, 4.0],
    );
    check(
        &[10, 10, 10],
        &[(&[0, 1], None), (&[0, 1], Some(1)), (&[0, 2], None)],
        &[4.5, 1.0, 4.5],
    );
}

/// Runs to the end: when each flow ended, in seconds.
fn ends(network: &mut Network, begins: &[(i64, FlowId, Shape, i64)]) -> SortedMap<FlowId, f64> {
    let mut ends = SortedMap::new();
    let mut begins: Vec<_> = begins.to_vec();
    begins.sort_by_key(|begin| begin.0);
    let mut begins = begins.into_iter().peekable();
    let mut now = Instant::ZERO;
    loop {
        while let Some((_, flow, shape, size)) =
            begins.next_if(|begin| Instant::from_secs(begin.0) <= now)
        {
            network.begin(now, flow, shape, size);
        }
        let next = network.next_end(now);
        let begin = begins.peek().map(|begin| Instant::from_secs(begin.0));
        let Some(at) = next.into_iter().chain(begin).min() else {
            return ends;
        };
        now = at;
        for flow in network.ended(now) {
            ends.insert(flow, now.as_secs_f64());
        }
    }
}

#[test]
fn two_flows_on_a_link_end_after_one_another() {
    let mut network = Network::new();
    network.add_link(10);
    let of = |name, size| (0, name, shape(&[0], WEIGHT_ONE, None), size);
    let ends = ends(&mut network, &[of(1, 50), of(2, 100)]);
    assert_eq!(ends, SortedMap::from([(1, 10.0), (2, 15.0)]));
}

#[test]
fn equal_flows_end_together_to_the_nanosecond() {
    for count in [3_u64, 7, 50, 1_000] {
        let mut network = Network::new();
        network.add_link(1_250_000_000);
        for flow in 0..count {
            let shape = shape(&[0], WEIGHT_ONE, None);
            network.begin(Instant::ZERO, flow, shape, 1_200_000_000);
        }
        let end = network.next_end(Instant::ZERO);
        let exact = Duration::from_nanos(960_000_000 * count as i64);
        assert_eq!(end, Some(Instant::ZERO.saturating_add(exact)));
        assert_eq!(network.ended(end.expect("they end")).len() as u64, count);
        assert!(network.is_idle());
    }
}

#[test]
fn a_flow_over_a_dead_link_waits_for_it() {
    let mut network = Network::new();
    let link = network.add_link(0);
    network.begin(Instant::ZERO, 1, shape(&[0], WEIGHT_ONE, None), 10);
    assert_eq!(network.next_end(Instant::ZERO), None);
    let later = Instant::from_secs(5);
    network.set_capacity(later, link, 10);
    assert_eq!(network.next_end(later), Some(Instant::from_secs(6)));
    assert_eq!(network.end(Instant::from_secs(5), 1), Some(10_000_000_000));
}

/// The links, the weight and the demand of a flow.
type SomeFlow = (Vec<u32>, i64, Option<i64>);

fn some_flows() -> impl Strategy<Value = (Vec<i64>, Vec<SomeFlow>)> {
    (1_usize..6).prop_flat_map(|links| {
        let capacities = prop::collection::vec(1_i64..1_000, links);
        let crossed = prop::collection::btree_set(0..links as u32, 1..=links);
        let flow = (crossed, 1_i64..5_000, prop::option::of(1_i64..500))
            .prop_map(|(links, weight, demand)| (links.into_iter().collect(), weight, demand));
        (capacities, prop::collection::vec(flow, 1..12))
    })
}

proptest! {
    /// No link carries more than it can; every flow has all it wants or crosses a full link on
    /// which no flow has more for its weight.
    #[test]
    fn nobody_could_have_more_without_taking_from_one_who_has_no_more(case in some_flows()) {
        let (capacities, flows) = case;
        let mut network = Network::new();
        for &capacity in &capacities {
            network.add_link(capacity);
        }
        for (name, (links, weight, demand)) in (0..).zip(&flows) {
            network.begin(Instant::ZERO, name, shape(links, *weight, *demand), 1);
        }
        let rates: Vec<i128> = (0..flows.len() as u64)
            .map(|name| network.rate(Instant::ZERO, name).unwrap_or(-1))
            .collect();
        // Each flow is rounded down by less than one billionth of a unit.
        let slack = flows.len() as i128 * 10_000;
        let load = |link: u32| -> i128 {
            let over = flows.iter().zip(&rates).filter(|((links, ..), _)| links.contains(&link));
            over.map(|(_, rate)| rate).sum()
        };
        for (link, &capacity) in (0..).zip(&capacities) {
            prop_assert!(load(link) <= i128::from(capacity) * 1_000_000_000);
        }
        for ((links, weight, demand), &rate) in flows.iter().zip(&rates) {
            if demand.is_some_and(|demand| rate >= i128::from(demand) * 1_000_000_000) {
                continue;
            }
            let is_bottleneck = |&link: &u32| {
                let capacity = i128::from(capacities[link as usize]) * 1_000_000_000;
                let over = flows.iter().zip(&rates).filter(|((links, ..), _)| links.contains(&link));
                let mut levels = over.map(|((_, other, _), other_rate)| (*other_rate, *other));
                load(link) + slack >= capacity
                    && levels.all(|(other_rate, other)| {
                        other_rate * i128::from(*weight) <= (rate + slack) * i128::from(other)
                    })
            };
            prop_assert!(links.iter().any(is_bottleneck), "{flows:?} {rates:?}");
        }
    }

    /// Independence of the carried amounts from the number of looks at the network.
    #[test]
    fn ends_do_not_depend_on_who_looks(
        case in some_flows(),
        sizes in prop::collection::vec(1_i64..2_000, 12),
        looks in prop::collection::vec(0_i64..60, 0..6),
    ) {
        let (capacities, flows) = case;
        let begins: Vec<_> = (0..).zip(flows.iter().zip(&sizes))
            .map(|(name, ((links, weight, _), &size))| {
                (name as i64 % 3, name, shape(links, *weight, None), size)
            })
            .collect();
        let mut plain = Network::new();
        let mut watched = Network::new();
        for &capacity in &capacities {
            plain.add_link(capacity);
            watched.add_link(capacity);
        }
        let expected = ends(&mut plain, &begins);
        // A flow that comes and goes at once is a look that makes rates be worked out anew.
        let mut with_looks = begins.clone();
        for (number, look) in (0..).zip(looks) {
            with_looks.push((look, 1_000 + number, shape(&[0], 1, None), 0));
        }
        let mut found = ends(&mut watched, &with_looks);
        found.retain(|&flow, _| flow < 1_000);
        prop_assert_eq!(expected.len(), found.len());
        for (flow, end) in expected {
            prop_assert!((found[&flow] - end).abs() < 1e-6);
        }
    }
}

//! Time lines of every kind: what they say and that nodes don't share streams.

use std::sync::Arc;

use super::*;
use crate::hosts::Trouble;
use model::Node;
use model::node::ZONE_LABEL;
use units::{Duration, Instant, NodeId};

fn nodes(count: usize) -> Vec<Arc<Node>> {
    let node = |index: usize| {
        let mut node = Node {
            name: format!("n{index}").as_str().into(),
            ..Node::default()
        };
        let zone = if index.is_multiple_of(2) { "a" } else { "b" };
        node.labels.insert(ZONE_LABEL.into(), zone.into());
        Arc::new(node)
    };
    (0..count).map(node).collect()
}

fn first(failure: &Failure, count: usize, line: usize, strikes: usize) -> Vec<Strike> {
    let nodes = nodes(count);
    let layout = Layout {
        nodes: &nodes,
        domains: &Domains::default(),
        seed: 7,
        later: &[],
        is_open: false,
    };
    let lines = failure.timelines(&layout).expect("nodes that are there");
    let line = lines.into_iter().nth(line).expect("a time line");
    line.into_strikes().take(strikes).collect()
}

#[test]
fn a_zone_goes_down_and_comes_back_as_one() {
    let outage = Failure::Outage(Outage {
        target: Target::Zone("b".to_owned()),
        trouble: Trouble::Crash,
        at: Duration::from_secs(60),
        lasts: Some(Duration::from_secs(30)),
    });
    let strikes = first(&outage, 4, 0, 9);
    let told: Vec<(Instant, Change)> = strikes
        .iter()
        .map(|strike| (strike.at, strike.change.clone()))
        .collect();
    let (begin, end) = (Instant::from_secs(60), Instant::from_secs(90));
    assert_eq!(
        told,
        [
            (begin, Change::Begin(NodeId(1), Trouble::Crash)),
            (begin, Change::Begin(NodeId(3), Trouble::Crash)),
            (end, Change::End(NodeId(1), Trouble::Crash)),
            (end, Change::End(NodeId(3), Trouble::Crash)),
        ]
    );
}

#[test]
fn crashes_of_a_node_do_not_depend_on_how_many_nodes_there_are() {
    let crash = Failure::NodeCrash(NodeCrash {
        target: Target::All,
        trouble: Trouble::Crash,
        burst: None,
        between: "weibull(30d, 0.7)".parse().expect("a law"),
        repair: "lognormal(2h, 1.0)".parse().expect("a law"),
    });
    let (alone, among) = (first(&crash, 1, 0, 20), first(&crash, 9, 0, 20));
    assert_eq!(alone, among);
    assert_ne!(alone, first(&crash, 9, 1, 20));
    assert!(alone.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let begins = |strike: &Strike| matches!(strike.change, Change::Begin(..));
    assert!(alone.iter().step_by(2).all(begins) && !alone.iter().skip(1).step_by(2).any(begins));
}

#[test]
fn flapping_and_spot_nodes_follow_their_cycles() {
    let secs = Duration::from_secs;
    let flapping = Failure::Flapping(Flapping {
        target: Target::Node("n0".to_owned()),
        at: secs(10),
        lasts: Some(secs(100)),
        every: secs(60),
        down: secs(20),
    });
    let at: Vec<i64> = first(&flapping, 1, 0, 9)
        .iter()
        .map(|strike| strike.at.as_nanos() / 1_000_000_000)
        .collect();
    assert_eq!(at, [10, 30, 70, 90]);
    let spot = Failure::Spot(Spot {
        target: Target::All,
        kept: "1h".parse().expect("a constant"),
        notice: secs(120),
        replaced: "5m".parse().expect("a constant"),
        share: 1.0,
    });
    let told: Vec<Change> = first(&spot, 1, 0, 4)
        .iter()
        .map(|strike| strike.change.clone())
        .collect();
    let node = NodeId(0);
    assert_eq!(
        told,
        [
            Change::Drain(node),
            Change::Begin(node, Trouble::Crash),
            Change::End(node, Trouble::Crash),
            Change::Uncordon(node),
        ]
    );
}

#[test]
fn what_is_not_there_is_named() {
    let nodes = nodes(4);
    let layout = Layout {
        nodes: &nodes,
        domains: &Domains::default(),
        seed: 7,
        later: &[],
        is_open: false,
    };
    for (target, expected) in [
        (
            Target::Node("x".to_owned()),
            "the cluster has no node `x`; its nodes are n0, n1, n2 …",
        ),
        (
            Target::Zone("c".to_owned()),
            "no node has the label `topology.kubernetes.io/zone: c`; known values are `a`, `b`",
        ),
        (
            Target::Label("rack".to_owned(), "r1".to_owned()),
            "no node has the label `rack: r1`; no node has that label",
        ),
    ] {
        let error = layout.find(&target).expect_err("it is not there");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_pool_does_not_take_a_node_back_that_is_away() {
    let spot = Failure::Spot(Spot {
        target: Target::Each(ZONE_LABEL.to_owned()),
        kept: "1h".parse().expect("a constant"),
        notice: Duration::from_secs(120),
        replaced: "150m".parse().expect("a constant"),
        share: 1.0,
    });
    let strikes = first(&spot, 2, 0, 40);
    let told: Vec<Change> = strikes.into_iter().map(|strike| strike.change).collect();
    let node = NodeId(0);
    for cycle in told.chunks(4) {
        let expected = [
            Change::Drain(node),
            Change::Begin(node, Trouble::Crash),
            Change::End(node, Trouble::Crash),
            Change::Uncordon(node),
        ];
        assert_eq!(cycle, expected);
    }
    assert_eq!(told.len(), 40);
}

/// Strikes of a node of a zone that joins two nodes at a second, as far as an instant.
fn late(failure: Failure, zone: &str, joins: i64, until: i64) -> Vec<(i64, Change)> {
    let nodes = nodes(2);
    let layout = Layout {
        nodes: &nodes,
        domains: &Domains::default(),
        seed: 7,
        later: &[],
        is_open: false,
    };
    let mut node = Node {
        name: "late".into(),
        ..Node::default()
    };
    node.labels.insert(ZONE_LABEL.into(), zone.into());
    let exposure = Exposure::new(vec![failure], &layout);
    let lines = exposure.of(NodeId(5), &Arc::new(node), Instant::from_secs(joins));
    let strikes = lines.into_iter().flat_map(Timeline::into_strikes);
    let strikes = strikes.map(|own| (own.at.as_nanos() / 1_000_000_000, own.change));
    strikes.take_while(|(at, _)| *at < until).collect()
}

#[test]
fn a_node_that_joins_later_goes_down_with_its_zone() {
    let outage = |zone: &str| {
        Failure::Outage(Outage {
            target: Target::Zone(zone.to_owned()),
            trouble: Trouble::Crash,
            at: Duration::from_secs(60),
            lasts: Some(Duration::from_secs(30)),
        })
    };
    let node = NodeId(5);
    let (begin, end) = (
        Change::Begin(node, Trouble::Crash),
        Change::End(node, Trouble::Crash),
    );
    let after = |joins| late(outage("b"), "b", joins, 1_000);
    assert_eq!(after(10), [(60, begin), (90, end.clone())]);
    // A zone that is down has no machines that come up in it.
    assert_eq!(after(70), [(70, Change::Absent(node)), (90, end)]);
    assert_eq!(after(95), []);
    assert_eq!(late(outage("a"), "b", 10, 1_000), []);
}

#[test]
fn a_node_that_joins_later_shares_the_outages_of_its_domain() {
    let outage = || {
        Failure::DomainOutage(DomainOutage {
            target: Target::Each(ZONE_LABEL.to_owned()),
            between: "exponential(1h)".parse().expect("a distribution"),
            repair: "constant(10s)".parse().expect("a distribution"),
        })
    };
    let of_start = first(&outage(), 2, 1, 8);
    let of_start = of_start.iter().map(|own| own.at.as_nanos() / 1_000_000_000);
    let joined = late(outage(), "b", 0, i64::MAX);
    let joined = joined.iter().take(8).map(|(at, _)| *at);
    assert!(of_start.eq(joined));
}

#[test]
fn what_is_drawn_for_a_node_begins_when_it_joins() {
    let crash = Failure::NodeCrash(NodeCrash {
        target: Target::All,
        trouble: Trouble::Crash,
        between: "constant(100s)".parse().expect("a distribution"),
        repair: "constant(10s)".parse().expect("a distribution"),
        burst: None,
    });
    let node = NodeId(5);
    let begin = Change::Begin(node, Trouble::Crash);
    let end = Change::End(node, Trouble::Crash);
    assert_eq!(
        late(crash, "a", 50, 200),
        [(150, begin.clone()), (160, end)]
    );
    let spot = Failure::Spot(Spot {
        target: Target::Each(ZONE_LABEL.to_owned()),
        kept: "constant(1h)".parse().expect("a distribution"),
        notice: Duration::from_secs(120),
        replaced: "constant(10m)".parse().expect("a distribution"),
        share: 1.0,
    });
    let strikes = late(spot, "b", 5_000, 7_500);
    assert!((7_200..7_320).contains(&strikes[0].0), "{strikes:?}");
    assert_eq!(strikes[0].1, Change::Drain(node));
    assert_eq!(strikes[1], (strikes[0].0 + 120, begin));
}

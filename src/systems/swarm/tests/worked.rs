//! Worked examples, one after another: capacity, health, ports, slots, links, lists.

use std::sync::Arc;

use super::{GIB, cluster, config, engine, expressions, place};
use crate::swarm::container::{ContainerConfig, Network, PortBinding};
use crate::swarm::engine::{Engine, Overcommit};
use crate::swarm::filter::Filter;
use crate::swarm::scheduler::SelectError;
use crate::swarm::strategy::Strategy as SwarmStrategy;
use rng::Stream;

#[test]
fn an_engine_is_filled_five_per_cent_beyond_what_it_has() {
    let total = Overcommit::default().total(100 * GIB);
    for (asked, score) in [
        (90, Some(85)),
        (100, Some(95)),
        (105, Some(100)),
        (106, None),
    ] {
        let engines = [engine("a", total, 4)];
        let asked = config("x", asked * GIB, 0);
        let mut rng = Stream::new(1, "swarm.random", 0);
        let ranked = SwarmStrategy::Spread.rank(&engines, &[0], &asked, &mut rng);
        let found = ranked.ok().map(|ranked| ranked[0].memory_score);
        assert_eq!(found, score, "{} GiB", asked.memory / GIB);
    }
    // Cut to whole per cent, so that a last one may go beyond by less than one.
    let mut cluster = cluster(SwarmStrategy::Spread, vec![engine("a", 199, 4)]);
    let placed = place(&mut cluster, &[(199, 0), (1, 0), (1, 0)]);
    let placed: Vec<bool> = placed.iter().map(Option::is_some).collect();
    assert_eq!(placed, [true, true, false]);
}

#[test]
fn a_failed_contact_outweighs_whatever_is_reserved() {
    let mut engines = vec![engine("a", 8 * GIB, 8), engine("b", 8 * GIB, 8)];
    engines[0].health = 67;
    engines[1].count_foreign(6, 6 * GIB, 6);
    let asked = config("x", GIB, 1);
    let mut rng = Stream::new(1, "swarm.random", 0);
    let ranked = SwarmStrategy::Spread.rank(&engines, &[0, 1], &asked, &mut rng);
    let weights: Vec<(usize, i64)> = ranked
        .expect("engines with room")
        .iter()
        .map(|row| (row.engine, row.weight))
        .collect();
    assert_eq!(weights, [(1, 87 + 87 - 1_000), (0, 12 + 12 - 670)]);
    assert_eq!(weights, [(1, -826), (0, -646)]);
}

#[test]
fn strategies_have_their_names() {
    for (name, expected) in [
        ("spread", Some(SwarmStrategy::Spread)),
        ("binpack", Some(SwarmStrategy::Binpack)),
        ("binpacking", Some(SwarmStrategy::Binpack)),
        ("random", Some(SwarmStrategy::Random)),
        ("pack", None),
    ] {
        assert_eq!(name.parse::<SwarmStrategy>().ok(), expected);
    }
    let told = "pack"
        .parse::<SwarmStrategy>()
        .map_err(|error| error.to_string());
    assert_eq!(
        told.expect_err("no strategy"),
        "there is no strategy `pack`, expected `spread`, `binpack` (or `binpacking`) or `random`"
    );
}

#[test]
fn equal_engines_are_taken_in_their_order() {
    for (strategy, expected) in [
        (SwarmStrategy::Spread, ["b", "a", "c"]),
        (SwarmStrategy::Binpack, ["b", "b", "b"]),
    ] {
        let engines = ["b", "a", "c"].map(|id| engine(id, 8 * GIB, 8)).to_vec();
        let mut cluster = cluster(strategy, engines);
        let placed = place(&mut cluster, &[(GIB, 1); 3]);
        let placed: Vec<&str> = placed.iter().flatten().map(String::as_str).collect();
        assert_eq!(placed, expected);
    }
}

/// Whether an engine with this on it takes a container.
fn takes(filter: Filter, there: ContainerConfig, engine: Engine, asked: &ContainerConfig) -> bool {
    let mut cluster = cluster(SwarmStrategy::Spread, vec![engine]);
    cluster.create(Arc::new(there)).expect("an empty engine");
    let soft = crate::swarm::filter::SoftExpressions::Counted;
    filter.passes(asked, &cluster.engines()[0], soft)
}

#[test]
fn ports_clash_on_one_address_and_on_all() {
    let bound = |ip: &str, port: &str| ContainerConfig {
        bindings: vec![PortBinding {
            ip: ip.into(),
            port: port.into(),
        }],
        ..config("x", 0, 0)
    };
    let exposing = |port: &str| ContainerConfig {
        network: Network::Host {
            exposed: vec![port.into()],
        },
        ..config("x", 0, 0)
    };
    let named = |own: ContainerConfig| ContainerConfig {
        name: "there".into(),
        ..own
    };
    for (there, asked, passes) in [
        (bound("", "80"), bound("", "80"), false),
        (bound("", "80"), bound("", "81"), true),
        (bound("10.0.0.1", "80"), bound("10.0.0.1", "80"), false),
        (bound("10.0.0.1", "80"), bound("10.0.0.2", "80"), true),
        (bound("10.0.0.1", "80"), bound("", "80"), false),
        (bound("0.0.0.0", "80"), bound("10.0.0.2", "80"), false),
        (bound("::", "80"), bound("10.0.0.2", "80"), false),
        (bound("", ""), bound("", ""), true),
        (exposing("80/tcp"), exposing("80/tcp"), false),
        (exposing("80/tcp"), exposing("80/udp"), true),
        (exposing("80/tcp"), bound("", "80"), true),
        (bound("", "80"), exposing("80/tcp"), true),
    ] {
        let told = format!("{:?} beside {:?}", asked.bindings, there.bindings);
        let found = takes(Filter::Port, named(there), engine("a", 0, 0), &asked);
        assert_eq!(found, passes, "{told}");
    }
}

#[test]
fn slots_limit_containers_unless_the_label_is_no_number() {
    for (label, passes) in [
        (None, true),
        (Some("2"), true),
        (Some("1"), false),
        (Some("0"), false),
        (Some("many"), true),
        (Some("1.5"), true),
    ] {
        let mut engine = engine("a", 0, 0);
        let there = config("there", 0, 0);
        if let Some(label) = label {
            engine.labels.insert("containerslots".into(), label.into());
        }
        let mut cluster = cluster(SwarmStrategy::Spread, vec![engine.clone()]);
        cluster.put_back(
            0,
            crate::swarm::container::Container {
                config: Arc::new(there),
                id: "id".into(),
                swarm_id: "id".into(),
                state: crate::swarm::container::ContainerState::Stopped,
            },
        );
        let created = cluster.create(Arc::new(config("x", 0, 0)));
        assert_eq!(created.is_ok(), passes, "{label:?}");
    }
}

#[test]
fn linked_containers_are_together_and_lists_name_engines() {
    let linked = |volumes: &[&str], links: &[&str], network: Network| ContainerConfig {
        volumes_from: volumes.iter().map(|&text| text.into()).collect(),
        links: links.iter().map(|&text| text.into()).collect(),
        network,
        ..config("x", 0, 0)
    };
    let bridge = || Network::Bridge;
    let shared = |name: &str| Network::Container(name.into());
    for (asked, passes) in [
        (linked(&["there:ro"], &[], bridge()), true),
        (linked(&[], &["there:db"], bridge()), true),
        (linked(&[], &[], shared("there")), true),
        (linked(&["there"], &["gone:db"], bridge()), false),
        (linked(&[], &[], shared("gone")), false),
    ] {
        let there = config("there", 0, 0);
        let found = takes(Filter::Dependency, there, engine("a", 0, 0), &asked);
        assert_eq!(found, passes, "{asked:?}");
    }
    let engines = ["n1", "n2", "n3"].map(|id| engine(id, 0, 0)).to_vec();
    for (list, expected) in [
        ("node==n2|n3", Some("n2")),
        ("any!=n3", Some("n3")),
        ("node==n", None),
    ] {
        let mut cluster = cluster(SwarmStrategy::Spread, engines.clone());
        let asked = ContainerConfig {
            whitelists: expressions(&[list]),
            ..config("x", 0, 0)
        };
        let created = cluster.create(Arc::new(asked));
        let found = created.ok().map(|one| &*cluster.engines()[one.engine].id);
        assert_eq!(found, expected, "{list}");
    }
}

#[test]
fn an_empty_cluster_and_one_that_is_filtered_away_say_what_is_missing() {
    let mut none = cluster(SwarmStrategy::Spread, Vec::new());
    let told = none.create(Arc::new(config("x", 0, 0)));
    let health = SelectError::Filter {
        filter: Filter::Health,
        conditions: Vec::new(),
    };
    assert_eq!(told.expect_err("no engine"), health.into());
    let mut lost = engine("a", GIB, 1);
    lost.health = 0;
    let mut all_lost = cluster(SwarmStrategy::Binpack, vec![lost]);
    let told = all_lost.create(Arc::new(config("x", 0, 0)));
    let expected = "Unable to find a node that satisfies the following conditions [health]";
    assert_eq!(told.expect_err("no engine").to_string(), expected);
    let mut small = cluster(SwarmStrategy::Spread, vec![engine("a", GIB, 1)]);
    let told = small.create(Arc::new(config("x", 2 * GIB, 0)));
    assert_eq!(
        told.expect_err("too large").to_string(),
        "no resources available to schedule container"
    );
}

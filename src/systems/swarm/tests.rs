//! Worked examples (spec: orchestrators-a.md sections 1 and 11) and properties of the whole. Where each
//! rule is held; those without a module are here, `it` is `tests/it`:
//!
//! | section | test |
//! |---|---|
//! | 1.1 over-commit, cut to whole units | `engine`: `overcommit_is_cut_to_whole_units` |
//! | 1.2 names, pending creations | `a_creation_is_seen_by_the_next_one_and_names_are_unique` |
//! | 1.2 the pass with soft expressions | `soft_expressions_are_given_up_all_together` |
//! | 1.2 what an engine refuses | `a_missing_image_is_looked_for_once_and_then_plain_retries_follow` |
//! | 1.3 table of weights | `spread_and_binpack_rank_as_in_the_worked_table` |
//! | 1.3 30/30 and 20/40, the demo of binpack | `requests_decide_whether_spread_counts_or_shares`, `binpack_fills_one_engine_after_another` |
//! | 1.3 health, over-commit, names, ties | `worked` |
//! | 1.4 table of constraints, grammar | `constraints_select_as_in_the_table_of_the_specification`, `expression` |
//! | 1.4 affinities; port, slots, dependency, whitelist | `affinities_look_at_containers_images_and_labels`; `worked` |
//! | 1.5 rounds, waits, states | `contact` |
//! | 1.5 registrations; managers | `discovery`; `manager` |
//! | 1.5 rescheduling, return | `lost_containers_move_…`, `a_container_that_nobody_takes_…`, `it/failover.rs` |
//! | 11.1 nothing, all filtered, too large, no capacity | `edges_of_capacity_and_of_membership`, `worked` |
//! | 11.2 ties, the same twice | `worked`, `it/failover.rs` |
//! | 11.3 to 11.5 returns, leaders, scaling | `it/failover.rs`, `it/swarm.rs` |
//! | 11.7 a constraint that becomes false | `a_constraint_that_becomes_false_moves_nothing` |
//! | 11.8 near 2^63 | `edges_of_capacity_and_of_membership` |
//! | 11.9 equal instants | `parts::timers` |
//! | 12 fail-over, exact times | `it/failover.rs` |

mod fast;
mod worked;

use std::sync::Arc;

use proptest::prelude::*;

use super::cluster::{Cluster, CreateError, EngineFailure};
use super::container::{ContainerConfig, ContainerState, PortBinding, ReschedulePolicy};
use super::engine::{Engine, Image};
use super::expression::Expression;
use super::filter::{Filter, SoftExpressions};
use super::scheduler::Scheduler;
use super::strategy::{NoResources, Strategy as SwarmStrategy};
use super::watchdog::{Order, Watchdog, duplicates};
use rng::Stream;

const GIB: i64 = 1 << 30;

fn engine(id: &str, memory: i64, cpus: i64) -> Engine {
    Engine::new(id.into(), id.into(), memory, cpus)
}

fn config(name: &str, memory: i64, cpus: i64) -> ContainerConfig {
    ContainerConfig {
        name: name.into(),
        memory,
        cpus,
        ..ContainerConfig::default()
    }
}

fn cluster(strategy: SwarmStrategy, engines: Vec<Engine>) -> Cluster {
    let scheduler = Scheduler {
        strategy,
        ..Scheduler::default()
    };
    let mut cluster = Cluster::new(scheduler, 1);
    for engine in engines {
        cluster.add_engine(engine);
    }
    cluster
}

/// The engine of each of several containers, by id; `None` where it is refused.
fn place(cluster: &mut Cluster, asks: &[(i64, i64)]) -> Vec<Option<String>> {
    let mut placed = Vec::new();
    for (number, &(memory, cpus)) in asks.iter().enumerate() {
        let created = cluster.create(Arc::new(config(&format!("c{number}"), memory, cpus)));
        let engine = created.ok().map(|creation| creation.engine);
        placed.push(engine.map(|engine| cluster.engines()[engine].id.to_string()));
    }
    placed
}

fn expressions(texts: &[&str]) -> Vec<Expression> {
    let parse = |text: &&str| Expression::parse(text).expect("an expression");
    texts.iter().map(parse).collect()
}

fn labelled() -> Vec<Engine> {
    let labels = [
        vec![("name", "node0"), ("group", "1"), ("region", "us-west")],
        vec![("name", "node1"), ("group", "1"), ("region", "us-east")],
        vec![("name", "node2"), ("group", "2"), ("region", "eu")],
        vec![],
    ];
    let with_labels = |(number, labels): (usize, Vec<(&str, &str)>)| {
        let mut engine = engine(&format!("node-{number}-id"), 0, 0);
        engine.name = format!("node-{number}-name").into();
        let labels = labels.into_iter();
        engine.labels = labels
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        engine
    };
    labels.into_iter().enumerate().map(with_labels).collect()
}

#[test]
fn spread_and_binpack_rank_as_in_the_worked_table() {
    let mut engines = vec![
        engine("a", 8 * GIB, 4),
        engine("b", 16 * GIB, 8),
        engine("c", 8 * GIB, 4),
    ];
    for (engine, (containers, memory, cpus)) in
        engines.iter_mut().zip([(3, 2, 1), (5, 8, 2), (2, 6, 3)])
    {
        engine.count_foreign(containers, memory * GIB, cpus);
    }
    let asked = config("x", GIB, 1);
    let mut rng = Stream::new(1, "swarm.random", 0);
    for (strategy, expected) in [
        (
            SwarmStrategy::Spread,
            [("a", -913), ("b", -907), ("c", -813)],
        ),
        (
            SwarmStrategy::Binpack,
            [("c", 1187), ("b", 1093), ("a", 1087)],
        ),
    ] {
        let ranking = strategy.rank(&engines, &[0, 1, 2], &asked, &mut rng);
        let ranking = ranking.expect("engines with room");
        let found: Vec<(&str, i64)> = ranking
            .iter()
            .map(|row| (&*engines[row.engine].id, row.weight))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn requests_decide_whether_spread_counts_or_shares() {
    for (ask, expected) in [((0, 0), [30, 30]), ((0, 1), [20, 40])] {
        let engines = vec![engine("a", 64 * GIB, 21), engine("b", 128 * GIB, 42)];
        let mut cluster = cluster(SwarmStrategy::Spread, engines);
        place(&mut cluster, &[ask; 60]);
        let counts = [0, 1].map(|engine| cluster.engines()[engine].container_count());
        assert_eq!(counts, expected);
    }
}

#[test]
fn binpack_fills_one_engine_after_another() {
    let engines = ["n0", "n1", "n2"].map(|id| engine(id, 2 * GIB, 4)).to_vec();
    let mut cluster = cluster(SwarmStrategy::Binpack, engines);
    let asks = [10, 1, 1, 2, 1, 1, 1].map(|memory| (memory * GIB, 0));
    let placed = place(&mut cluster, &asks);
    let placed: Vec<&str> = placed
        .iter()
        .map(|id| id.as_deref().unwrap_or("-"))
        .collect();
    assert_eq!(placed, ["-", "n0", "n0", "n1", "n2", "n2", "-"]);
}

#[test]
fn constraints_select_as_in_the_table_of_the_specification() {
    let engines = labelled();
    let scheduler = Scheduler {
        filters: vec![Filter::Constraint],
        ..Scheduler::default()
    };
    for (text, expected) in [
        ("group==1", Some(vec![0, 1])),
        ("region==us", None),
        ("region==us*", Some(vec![0, 1])),
        ("name!=n*", Some(vec![3])),
        ("region!=us*", Some(vec![2, 3])),
        ("name==/node[12]/", Some(vec![1, 2])),
        ("node!=/node-[01]-id/", Some(vec![2, 3])),
    ] {
        let asked = ContainerConfig {
            constraints: expressions(&[text]),
            ..config("x", 0, 0)
        };
        let found = scheduler.candidates(&engines, &asked, SoftExpressions::Counted);
        assert_eq!(found.ok(), expected, "{text}");
    }
}

#[test]
fn soft_expressions_are_given_up_all_together() {
    let cluster = cluster(SwarmStrategy::Spread, labelled());
    let choose = |texts: &[&str]| {
        let asked = ContainerConfig {
            constraints: expressions(texts),
            ..config("x", 0, 0)
        };
        let mut rng = Stream::new(1, "swarm.random", 0);
        let explained = cluster
            .scheduler()
            .explain(cluster.engines(), &asked, &mut rng);
        explained.map(|one| (one.ranking.len(), one.soft))
    };
    assert_eq!(
        choose(&["region==~us-east", "group==~9"]),
        Ok((4, SoftExpressions::Ignored))
    );
    assert_eq!(
        choose(&["group==1", "region==~us-east"]),
        Ok((1, SoftExpressions::Counted))
    );
    let told = choose(&["group==7", "region==~us-east"]).expect_err("no engine");
    assert_eq!(
        told.to_string(),
        "Unable to find a node that satisfies the following conditions [constraint group==7]"
    );
}

#[test]
fn affinities_look_at_containers_images_and_labels() {
    let mut engines = vec![engine("a", 0, 0), engine("b", 0, 0)];
    engines[0].images.push(Image {
        id: "sha".into(),
        tags: vec!["redis:3".into()],
    });
    let mut cluster = cluster(SwarmStrategy::Spread, engines);
    let mut front = config("front", 0, 0);
    front.labels.insert("tier".into(), "web".into());
    front.constraints = expressions(&["node==b"]);
    cluster.create(Arc::new(front)).expect("room on b");
    for (text, expected) in [
        ("container==front", Some(1)),
        ("container!=front", Some(0)),
        ("image==redis", Some(0)),
        ("image==redis:3", Some(0)),
        ("tier==web", Some(1)),
        ("tier!=web", Some(0)),
        ("tier==db", None),
    ] {
        let asked = ContainerConfig {
            affinities: expressions(&[text]),
            ..config("x", 0, 0)
        };
        let mut rng = Stream::new(1, "swarm.random", 0);
        let found = cluster
            .scheduler()
            .choose(cluster.engines(), &asked, &mut rng);
        assert_eq!(found.ok(), expected, "{text}");
    }
    // Each of several affinities is to be met.
    let asked = ContainerConfig {
        affinities: expressions(&["tier==web", "image==redis"]),
        ..config("x", 0, 0)
    };
    for engine in cluster.engines() {
        assert!(!Filter::Affinity.passes(&asked, engine, SoftExpressions::Counted));
    }
}

#[test]
fn a_creation_is_seen_by_the_next_one_and_names_are_unique() {
    let mut cluster = cluster(
        SwarmStrategy::Spread,
        vec![engine("a", 0, 0), engine("b", 0, 0)],
    );
    let asked = |name: &str| {
        let binding = PortBinding {
            ip: "".into(),
            port: "80".into(),
        };
        Arc::new(ContainerConfig {
            bindings: vec![binding],
            ..config(name, 0, 0)
        })
    };
    let engines: Vec<usize> = ["x", "y"]
        .iter()
        .map(|name| cluster.create(asked(name)).expect("a free port").engine)
        .collect();
    assert_eq!(engines, [0, 1]);
    assert!(matches!(
        cluster.create(asked("z")),
        Err(CreateError::Select(_))
    ));
    let again = cluster.create(Arc::new(config("x", 0, 0)));
    assert!(matches!(again, Err(CreateError::Name { .. })));
    cluster.remove("x");
    assert!(cluster.create(asked("z")).is_ok());
}

#[test]
fn a_missing_image_is_looked_for_once_and_then_plain_retries_follow() {
    let mut engines = vec![engine("a", 0, 0), engine("b", 0, 0)];
    engines[1].images.push(Image {
        id: "sha".into(),
        tags: vec!["app:1".into()],
    });
    let mut cluster = cluster(SwarmStrategy::Spread, engines);
    cluster.create_retries = 1;
    let asked = ContainerConfig {
        image: "app:1".into(),
        ..config("x", 0, 0)
    };
    let creation = cluster.create(Arc::new(asked)).expect("an engine");
    assert_eq!(creation.engine, 0);
    let creation = cluster.refused(&creation, EngineFailure::ImageNotFound);
    let creation = creation.expect("where the image is");
    assert_eq!(creation.engine, 1);
    let creation = cluster.refused(&creation, EngineFailure::ImageNotFound);
    let creation = creation.expect("a plain retry");
    let told = cluster.refused(&creation, EngineFailure::Other);
    assert!(matches!(told, Err(CreateError::Engine { .. })));
    assert_eq!(cluster.engine_of("x"), None);
}

#[test]
fn edges_of_capacity_and_of_membership() {
    // No engines, a request beyond all, an engine of nothing, sums near 2^63.
    let mut rng = Stream::new(1, "swarm.random", 0);
    let strategy = SwarmStrategy::Spread;
    let ask = config("x", 1, 1);
    assert_eq!(strategy.choose(&[], &[], &ask, &mut rng), Err(NoResources));
    let engines = vec![engine("zero", 0, 0), engine("huge", i64::MAX, 1)];
    assert_eq!(
        strategy.choose(&engines, &[0], &ask, &mut rng),
        Err(NoResources)
    );
    assert_eq!(
        strategy.choose(&engines, &[0], &config("y", 0, 0), &mut rng),
        Ok(0)
    );
    let all = config("z", i64::MAX, 0);
    assert_eq!(strategy.choose(&engines, &[0, 1], &all, &mut rng), Ok(1));
    let mut full = engines;
    full[1].count_foreign(1, i64::MAX, 0);
    assert_eq!(
        strategy.choose(&full, &[1], &all, &mut rng),
        Err(NoResources)
    );
}

/// Two engines; one container that moves, one that does not, both on the first.
fn failing() -> Cluster {
    let mut cluster = cluster(
        SwarmStrategy::Spread,
        vec![engine("a", 0, 0), engine("b", 0, 0)],
    );
    for (name, reschedule) in [
        ("moves", ReschedulePolicy::OnNodeFailure),
        ("stays", ReschedulePolicy::Off),
    ] {
        let asked = ContainerConfig {
            constraints: expressions(&["node==~a"]),
            reschedule,
            ..config(name, 0, 0)
        };
        let creation = cluster.create(Arc::new(asked)).expect("room on a");
        cluster.created(&creation, "id".into());
        cluster.set_running(name, true);
    }
    cluster.engine_mut(0).expect("an engine").health = 0;
    cluster
}

#[test]
fn lost_containers_move_if_they_say_so_and_are_removed_on_return() {
    let mut cluster = failing();
    let had: Vec<_> = cluster.engines()[0].containers().cloned().collect();
    let mut watchdog = Watchdog::default();
    watchdog.disconnected(&cluster, 0);
    let order = watchdog.next(&mut cluster);
    let name = "moves".into();
    assert_eq!(order, Some(Order::Create { name, engine: 1 }));
    // One at a time.
    assert_eq!(watchdog.next(&mut cluster), None);
    let order = watchdog.created(&mut cluster, "id2".into());
    assert!(matches!(order, Some(Order::Start { engine: 1, .. })));
    assert_eq!(watchdog.started(&mut cluster), None);
    let moved = cluster.engines()[1].container("moves");
    assert_eq!(moved.map(|one| one.state), Some(ContainerState::Running));
    assert_eq!(cluster.engine_of("stays"), Some(0));
    assert_eq!(duplicates(&cluster, 0, &had), ["moves".into()]);
}

#[test]
fn a_container_that_nobody_takes_is_put_back_until_the_next_loss() {
    let mut cluster = failing();
    cluster.engine_mut(1).expect("an engine").health = 0;
    let mut watchdog = Watchdog::default();
    watchdog.disconnected(&cluster, 0);
    let order = watchdog.next(&mut cluster);
    assert!(matches!(order, Some(Order::Left { .. })));
    assert_eq!(
        (cluster.engine_of("moves"), watchdog.next(&mut cluster)),
        (Some(0), None)
    );
    cluster.engine_mut(1).expect("an engine").health = 100;
    watchdog.disconnected(&cluster, 0);
    assert!(matches!(
        watchdog.next(&mut cluster),
        Some(Order::Create { .. })
    ));
}

#[test]
fn a_constraint_that_becomes_false_moves_nothing() {
    let mut cluster = cluster(SwarmStrategy::Spread, labelled());
    let asked = ContainerConfig {
        constraints: expressions(&["region==eu"]),
        ..config("x", 0, 0)
    };
    cluster.create(Arc::new(asked)).expect("an engine");
    cluster.engine_mut(2).expect("an engine").labels.clear();
    assert_eq!(cluster.engine_of("x"), Some(2));
}

proptest! {
    #[test]
    fn no_strategy_overcommits_beyond_its_rule_and_filters_are_respected(
        sizes in prop::collection::vec((1_i64..64, 1_i64..16, 0_u8..3), 1..8),
        asks in prop::collection::vec((0_i64..40, 0_i64..8, 0_u8..3, any::<bool>()), 1..60),
        is_binpack in any::<bool>(),
    ) {
        let strategy = if is_binpack { SwarmStrategy::Binpack } else { SwarmStrategy::Spread };
        let engines = sizes.iter().enumerate().map(|(number, &(memory, cpus, zone))| {
            let mut engine = engine(&format!("n{number}"), memory, cpus);
            engine.labels.insert("zone".into(), format!("z{zone}").into());
            engine
        });
        let mut cluster = cluster(strategy, engines.collect());
        for (number, (memory, cpus, zone, is_bound)) in asks.into_iter().enumerate() {
            let wanted = format!("z{zone}");
            let constraint = format!("zone=={wanted}");
            let asked = ContainerConfig {
                constraints: if is_bound { expressions(&[&constraint]) } else { Vec::new() },
                ..config(&format!("c{number}"), memory, cpus)
            };
            // The plain form and the fast one decide alike.
            let mut rng = Stream::new(1, "swarm.random", 0);
            let plain = cluster.scheduler().explain(cluster.engines(), &asked, &mut rng);
            let created = cluster.create(Arc::new(asked));
            prop_assert_eq!(
                plain.ok().map(|plain| plain.ranking[0].engine),
                created.as_ref().ok().map(|creation| creation.engine)
            );
            if let Ok(creation) = created {
                let engine = &cluster.engines()[creation.engine];
                prop_assert!(!is_bound || &*engine.labels["zone"] == wanted.as_str());
            }
        }
        for engine in cluster.engines() {
            // Truncation lets an engine exceed its total by less than one per cent.
            prop_assert!(engine.used_memory() * 100 / engine.total_memory <= 100);
            prop_assert!(engine.used_cpus() * 100 / engine.total_cpus <= 100);
        }
    }

    #[test]
    fn ports_never_clash(ports in prop::collection::vec((0_u8..3, 80_u16..84), 1..30)) {
        let engines = (0..3).map(|number| engine(&format!("n{number}"), 0, 0)).collect();
        let mut cluster = cluster(SwarmStrategy::Random, engines);
        for (number, (ip, port)) in ports.into_iter().enumerate() {
            let ip = if ip == 0 { String::new() } else { format!("10.0.0.{ip}") };
            let binding = PortBinding { ip: ip.into(), port: port.to_string().into() };
            let asked = ContainerConfig {
                bindings: vec![binding],
                ..config(&format!("c{number}"), 0, 0)
            };
            let _refused_when_taken = cluster.create(Arc::new(asked));
        }
        for engine in cluster.engines() {
            let held: Vec<_> = engine.containers().map(|one| &one.config.bindings[0]).collect();
            for (number, one) in held.iter().enumerate() {
                prop_assert!(!held[number + 1..].iter().any(|other| one.clashes(other)));
            }
        }
    }
}

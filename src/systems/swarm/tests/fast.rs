//! The fast form decides as the plain one, whatever happens to engines and containers.

use std::sync::Arc;

use proptest::prelude::*;

use super::{cluster, config, engine, expressions};
use crate::swarm::cluster::Cluster;
use crate::swarm::container::{ContainerConfig, Network, PortBinding};
use crate::swarm::engine::Image;
use crate::swarm::strategy::Strategy as SwarmStrategy;

/// Happening in a cluster.
#[derive(Clone, Debug)]
enum Happening {
    /// A container of a class is asked for.
    Ask(u32),
    /// A container goes, by its number.
    Remove(usize),
    /// An engine has another health.
    Health(usize, i64),
    /// An engine has another zone, slots and image.
    Relabel(usize, u8),
    /// One more engine.
    Join(i64, i64),
    /// An engine has created the container that was asked for last.
    Created,
}

const CLASSES: u32 = 14;

/// Containers that differ in their names alone.
fn of_class(class: u32, name: &str) -> ContainerConfig {
    let plain = |memory, cpus| config(name, memory, cpus);
    let constrained = |texts: &[&str]| ContainerConfig {
        constraints: expressions(texts),
        ..plain(1, 1)
    };
    let near = |texts: &[&str]| ContainerConfig {
        affinities: expressions(texts),
        ..plain(2, 0)
    };
    match class {
        0 => plain(0, 0),
        1 => plain(1, 0),
        2 => plain(3, 2),
        3 => constrained(&["zone==z1"]),
        4 => constrained(&["zone==~z1", "zone!=~z2"]),
        5 => constrained(&["zone!=z0", "zone==~z9"]),
        6 => near(&["tier==web"]),
        7 => near(&["tier!=web"]),
        8 => near(&["image==~app", "container!=~c1"]),
        9 => ContainerConfig {
            bindings: vec![PortBinding {
                ip: "".into(),
                port: "80".into(),
            }],
            ..plain(0, 0)
        },
        10 => ContainerConfig {
            network: Network::Host {
                exposed: vec!["80/tcp".into()],
            },
            ..plain(0, 1)
        },
        11 => ContainerConfig {
            links: vec!["c0:db".into()],
            ..plain(0, 0)
        },
        12 => ContainerConfig {
            whitelists: expressions(&["node==n0|n2|n5"]),
            ..plain(1, 1)
        },
        _ => {
            let mut web = plain(1, 0);
            web.labels.insert("tier".into(), "web".into());
            web
        }
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (0..CLASSES).prop_map(Happening::Ask),
        2 => any::<usize>().prop_map(Happening::Remove),
        1 => (any::<usize>(), prop_oneof![Just(0), Just(34), Just(67), Just(100)])
            .prop_map(|(engine, health)| Happening::Health(engine, health)),
        1 => (any::<usize>(), 0..4_u8).prop_map(|(engine, to)| Happening::Relabel(engine, to)),
        1 => (0..40_i64, 0..9_i64).prop_map(|(memory, cpus)| Happening::Join(memory, cpus)),
        1 => Just(Happening::Created),
    ]
}

fn relabel(cluster: &mut Cluster, engine: usize, to: u8) {
    let Some(engine) = cluster.engine_mut(engine) else {
        return;
    };
    engine.labels.insert("zone".into(), format!("z{to}").into());
    let slots = if to == 3 { "2" } else { "none" };
    engine.labels.insert("containerslots".into(), slots.into());
    engine.images = vec![Image {
        id: format!("sha{to}").into(),
        tags: vec![if to == 0 { "app:1" } else { "other:1" }.into()],
    }];
}

proptest! {
    #[test]
    fn a_class_is_decided_on_as_its_containers_one_by_one(
        sizes in prop::collection::vec((0_i64..40, 0_i64..9), 0..12),
        happenings in prop::collection::vec(happening(), 1..200),
        strategy in prop_oneof![
            Just(SwarmStrategy::Spread), Just(SwarmStrategy::Binpack), Just(SwarmStrategy::Random)
        ],
    ) {
        let engines = sizes.iter().enumerate();
        let engines: Vec<_> = engines
            .map(|(number, &(memory, cpus))| engine(&format!("n{number}"), memory, cpus))
            .collect();
        let mut plain = cluster(strategy, engines.clone());
        let mut fast = cluster(strategy, engines);
        let mut names = Vec::new();
        let mut newest = None;
        for (number, happening) in happenings.into_iter().enumerate() {
            let count = plain.engines().len().max(1);
            match happening {
                Happening::Ask(class) => {
                    let name = format!("c{number}");
                    let asked = Arc::new(of_class(class, &name));
                    let expected = plain.create(Arc::clone(&asked)).map(|one| one.engine);
                    let found = fast.create_as(asked, class);
                    let decided = found.clone().map(|one| one.engine);
                    prop_assert_eq!(decided, expected, "{} of class {}", name, class);
                    if let Ok(creation) = found {
                        names.push(name);
                        newest = Some(creation);
                    }
                }
                Happening::Remove(which) => {
                    if !names.is_empty() {
                        let name = names.swap_remove(which % names.len());
                        prop_assert!(plain.remove(&name).is_some() && fast.remove(&name).is_some());
                        newest = None;
                    }
                }
                Happening::Health(engine, health) => {
                    plain.set_health(engine % count, health);
                    fast.set_health(engine % count, health);
                }
                Happening::Relabel(engine, to) => {
                    relabel(&mut plain, engine % count, to);
                    relabel(&mut fast, engine % count, to);
                }
                Happening::Join(memory, cpus) => {
                    let joins = engine(&format!("j{number}"), memory, cpus);
                    plain.add_engine(joins.clone());
                    fast.add_engine(joins);
                }
                Happening::Created => {
                    if let Some(creation) = &newest {
                        plain.created(creation, "c1".into());
                        fast.created(creation, "c1".into());
                    }
                }
            }
        }
    }
}

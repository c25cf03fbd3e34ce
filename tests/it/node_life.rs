//! Node life in simulated time: nodes that fall silent, taints at a limited rate, pods that go, and
//! what is settled when a node is heard again (spec: kubernetes.md 2.7, 2.8).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use windtunnel::cluster::{Observer, Store};
use windtunnel::control::Component;
use windtunnel::control::controllers::manager::{ControllerManager, ControllerOptions};
use windtunnel::control::controllers::node_lifecycle::{EvictionRule, LifecycleOptions};
use windtunnel::control::node_life::{Eviction, Lifecycle, LifecycleSetup, ObservationMode};
use windtunnel::model::{Event, Node, NodeContact, Pod, PodChange, TaintEffect};
use windtunnel::sim::check::Checker;
use windtunnel::sim::failures::{Change, Strike, Timeline};
use windtunnel::sim::{End, Environment, NodeLife, Options, RunControl, Simulation, Stop, Trouble};
use windtunnel::units::{Duration, Instant, NodeId, SortedMap};

use crate::world::{cell, nodes, options, pod, profile, scheduler};

/// What happened that node life is about.
#[derive(Default)]
struct Story {
    /// When nodes were last heard of before they fell silent.
    silent: SortedMap<NodeId, Instant>,
    /// When nodes became unknown.
    unknown: SortedMap<NodeId, Instant>,
    /// When they first had taints that act on pods.
    tainted: SortedMap<NodeId, Instant>,
    /// When pods were told to go, by node.
    evicted: Vec<(NodeId, Instant)>,
    /// When pods ended, by node.
    ended: Vec<(NodeId, Instant)>,
    bound: usize,
    checker: Checker,
}

impl Observer for Story {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::NodeContact {
                node,
                contact: NodeContact::Silent { last_heartbeat },
            } => {
                self.silent.insert(*node, *last_heartbeat);
            }
            Event::NodeReadiness { node, ready: false } => {
                self.unknown.insert(*node, at);
            }
            Event::NodeUpdated { node, object } => {
                let acts =
                    |taint: &windtunnel::model::Taint| taint.effect == TaintEffect::NoExecute;
                if object.taints.iter().any(acts) {
                    self.tainted.entry(*node).or_insert(at);
                }
            }
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { .. },
            } => {
                let node = store.pods().get(*pod).and_then(Pod::node);
                self.evicted.extend(node.map(|node| (node, at)));
            }
            Event::PodEnded { .. } => {
                let node = ended.and_then(Pod::node);
                self.ended.extend(node.map(|node| (node, at)));
            }
            Event::PodBound { .. } => self.bound += 1,
            _ => {}
        }
    }
}

fn components(observing: ObservationMode, eviction: EvictionRule) -> Vec<Box<dyn Component>> {
    let setup = LifecycleSetup {
        options: LifecycleOptions {
            eviction,
            ..LifecycleOptions::default()
        },
        observing,
        seed: 7,
        ..LifecycleSetup::default()
    };
    vec![
        scheduler(profile("worst-fit")),
        Box::new(Lifecycle::new(setup)),
        Box::new(Eviction::default()),
        Box::new(ControllerManager::new(&ControllerOptions::default())),
    ]
}

/// Runs so many nodes, with a pod on each, through strikes.
fn play(
    (count, until): (usize, i64),
    observing: ObservationMode,
    eviction: EvictionRule,
    strikes: Vec<Strike>,
) -> (End, Story, Duration) {
    let nodes = nodes(&vec![4; count]);
    play_on((nodes, until), observing, eviction, strikes)
}

/// The same with nodes that are given.
fn play_on(
    (nodes, until): (Vec<Arc<Node>>, i64),
    observing: ObservationMode,
    eviction: EvictionRule,
    strikes: Vec<Strike>,
) -> (End, Story, Duration) {
    let arrivals = nodes.iter().map(|_| pod(0, -1)).collect();
    let mut world = cell(nodes, components(observing, eviction), arrivals, Vec::new());
    world.environment = Environment {
        failures: vec![Timeline::scripted(strikes)],
        ..Environment::default()
    };
    let options = Options {
        stop: Stop::At(Instant::from_secs(until)),
        node_life: NodeLife::Observed(observing),
        ..options()
    };
    let mut story = Story::default();
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    let (end, unseen) = {
        let mut simulation =
            Simulation::new(options, vec![world], &mut story).expect("a world that can be");
        let end = simulation.run(&mut control).expect("a run that ends");
        (end, simulation.unseen_runtime(0))
    };
    assert_eq!(story.checker.failure(), None);
    (end, story, unseen)
}

fn strike(secs: i64, node: u32, trouble: Trouble, begins: bool) -> Strike {
    let node = NodeId(node);
    let change = if begins {
        Change::Begin(node, trouble)
    } else {
        Change::End(node, trouble)
    };
    Strike {
        at: Instant::from_secs(secs),
        change,
    }
}

/// The pass of a grid of five seconds at or after an instant.
fn pass(at: Instant) -> Instant {
    let period = Duration::from_secs(5).as_nanos();
    Instant::from_nanos((at.as_nanos() + period - 1) / period * period)
}

fn later(at: Instant, secs: i64) -> Instant {
    at.saturating_add(Duration::from_secs(secs))
}

#[test]
fn nodes_that_fail_together_are_tainted_one_by_one_and_their_pods_go_five_minutes_later() {
    let strikes = (0..4).map(|node| strike(100, node, Trouble::Crash, true));
    let (_, story, _) = play(
        (30, 1_000),
        ObservationMode::Computed,
        EvictionRule::Taints,
        strikes.collect(),
    );
    assert_eq!(story.unknown.len(), 4);
    for (node, &at) in &story.unknown {
        // Ten passes after the one that saw the last heartbeat: a little more than the grace is over.
        let seen = pass(story.silent[node]);
        assert_eq!(at, later(seen, 50), "{node}");
    }
    let first = *story.unknown.values().min().expect("four");
    let mut tainted: Vec<Instant> = story.tainted.values().copied().collect();
    tainted.sort_unstable();
    assert_eq!(tainted, [0, 10, 20, 30].map(|secs| later(first, secs)));
    assert_eq!(story.evicted.len(), 4);
    for (node, at) in &story.evicted {
        assert_eq!(*at, later(story.tainted[node], 300));
    }
    assert!(story.ended.is_empty(), "a dead node confirms nothing");
}

#[test]
fn the_older_rule_evicts_five_minutes_after_the_last_heartbeat() {
    let rule = EvictionRule::Timeout(Duration::from_secs(300));
    let strikes = (0..3).map(|node| strike(100, node, Trouble::Crash, true));
    let (_, story, _) = play(
        (30, 1_000),
        ObservationMode::Computed,
        rule,
        strikes.collect(),
    );
    assert!(story.tainted.is_empty());
    let mut evicted: Vec<Instant> = story.evicted.iter().map(|(_, at)| *at).collect();
    evicted.sort_unstable();
    let seen = story.silent.values().map(|&at| pass(at)).min();
    let first = later(seen.expect("three"), 300);
    assert_eq!(evicted, [0, 10, 20].map(|secs| later(first, secs)));
}

#[test]
fn a_node_whose_runtime_is_away_says_so_and_its_pods_go_five_minutes_later() {
    for observing in [ObservationMode::Computed, ObservationMode::Stepped] {
        let strikes = vec![
            strike(100, 0, Trouble::Runtime, true),
            strike(600, 0, Trouble::Runtime, false),
            // Shorter than its agent waits: nobody learns of it.
            strike(100, 1, Trouble::Runtime, true),
            strike(129, 1, Trouble::Runtime, false),
        ];
        let (_, story, _) = play((30, 1_000), observing, EvictionRule::Taints, strikes);
        assert!(story.silent.is_empty(), "its lease is renewed");
        let said: Vec<NodeId> = story.unknown.keys().copied().collect();
        assert_eq!(said, [NodeId(0)]);
        let said = story.unknown[&NodeId(0)];
        assert!((130..=140).contains(&(said.as_secs_f64() as i64)), "{said}");
        let tainted = story.tainted[&NodeId(0)];
        assert!(tainted.since(said) <= Duration::from_secs(5), "{tainted}");
        assert_eq!(story.evicted, [(NodeId(0), later(tainted, 300))]);
        // It stops nothing before its runtime answers.
        assert_eq!(story.ended, [(NodeId(0), Instant::from_secs(600))]);
    }
}

#[test]
fn a_short_silence_changes_nothing_but_what_the_crash_ended() {
    for (trouble, lost) in [(Trouble::Crash, 1), (Trouble::Partition, 0)] {
        let strikes = vec![
            strike(100, 0, trouble, true),
            strike(120, 0, trouble, false),
        ];
        let (_, story, _) = play(
            (3, 600),
            ObservationMode::Computed,
            EvictionRule::Taints,
            strikes,
        );
        assert!(story.unknown.is_empty() && story.tainted.is_empty());
        assert_eq!(story.ended.len(), lost, "{trouble:?}");
    }
}

#[test]
fn a_pod_told_to_end_on_a_node_that_is_cut_off_ends_when_it_heals() {
    let trouble = Trouble::Partition;
    let strikes = vec![
        strike(100, 0, trouble, true),
        strike(900, 0, trouble, false),
    ];
    let (_, story, _) = play(
        (4, 1_500),
        ObservationMode::Computed,
        EvictionRule::Taints,
        strikes,
    );
    assert_eq!(story.evicted.len(), 1);
    assert_eq!(story.ended, [(NodeId(0), Instant::from_secs(900))]);
}

#[test]
fn while_every_zone_is_down_nobody_is_tainted() {
    let strikes = (0..3).map(|node| strike(100, node, Trouble::Partition, true));
    let (_, story, _) = play(
        (3, 2_000),
        ObservationMode::Computed,
        EvictionRule::Taints,
        strikes.collect(),
    );
    assert_eq!(story.unknown.len(), 3);
    // The first pass that sees them down taints none; before it one may have been.
    assert!(story.evicted.is_empty(), "{:?}", story.evicted);
}

#[test]
fn without_a_control_plane_nothing_is_placed_and_what_runs_runs_on() {
    let outage = [(10, false), (300, true)].map(|(secs, is_up)| Strike {
        at: Instant::from_secs(secs),
        change: Change::ControlPlane { is_up },
    });
    let mut strikes = outage.to_vec();
    strikes.push(strike(20, 0, Trouble::Crash, true));
    let (_, story, _) = play(
        (4, 1_000),
        ObservationMode::Computed,
        EvictionRule::Taints,
        strikes,
    );
    assert_eq!(story.bound, 4);
    // Nobody looked at the silent node until then.
    assert_eq!(
        story.unknown.get(&NodeId(0)),
        Some(&Instant::from_secs(300))
    );
    assert!(story.ended.is_empty());
}

#[test]
fn a_node_that_is_drained_loses_its_pods_at_once_and_takes_none() {
    let drain = Strike {
        at: Instant::from_secs(50),
        change: Change::Drain(NodeId(0)),
    };
    let (_, story, _) = play(
        (2, 100),
        ObservationMode::Computed,
        EvictionRule::Taints,
        vec![drain],
    );
    assert_eq!(story.ended, [(NodeId(0), Instant::from_secs(50))]);
    assert_eq!(story.bound, 2);
}

/// Nodes of a zone `a`, and three of a zone `b`.
fn zoned(size: usize) -> Vec<Arc<Node>> {
    let mut all = nodes(&vec![4; size + 3]);
    for (place, node) in all.iter_mut().enumerate() {
        let zone = if place < size { "a" } else { "b" };
        let labels = &mut Arc::make_mut(node).labels;
        labels.insert("topology.kubernetes.io/zone".into(), zone.into());
    }
    all
}

#[test]
fn a_zone_is_tainted_as_fast_as_its_state_and_size_allow() {
    // Nodes of the zone and how many of them crash, with how many missing its state changes, and
    // the time between two taints from then on: none in a small zone of which most is down, a tenth
    // of the rate in a large one, the whole rate where all is down while another zone stands.
    for (size, down, change, between) in [
        (50, 20, 1, Some(10)),
        (50, 30, 28, None),
        (51, 30, 29, Some(100)),
        (50, 50, 50, Some(10)),
    ] {
        for observing in [ObservationMode::Computed, ObservationMode::Stepped] {
            let strikes = (0..down).map(|node| strike(100, node, Trouble::Crash, true));
            let world = (zoned(size), 1_000);
            let (_, story, _) = play_on(world, observing, EvictionRule::Taints, strikes.collect());
            let what = format!("{down} of {size}, {observing:?}");
            let mut unknown: Vec<Instant> = story.unknown.values().copied().collect();
            unknown.sort_unstable();
            assert_eq!(unknown.len(), down as usize, "{what}");
            let changed = unknown[change - 1];
            let mut tainted: Vec<Instant> = story.tainted.values().copied().collect();
            tainted.sort_unstable();
            tainted.retain(|at| *at >= changed);
            let Some(between) = between else {
                assert!(tainted.is_empty(), "{what}: {tainted:?}");
                continue;
            };
            let room = Instant::from_secs(1_000).since(changed).as_nanos();
            let room = (room / Duration::from_secs(between).as_nanos()) as usize;
            assert!(
                tainted.len() + 2 >= room.min(down as usize),
                "{what}: {tainted:?}"
            );
            // A token is looked for every tenth of a second.
            let most = Duration::from_millis(between * 1_000 + 100);
            for pair in tainted.windows(2) {
                let apart = pair[1].since(pair[0]);
                assert!(
                    apart >= Duration::from_secs(between) && apart <= most,
                    "{what}: {apart}"
                );
            }
        }
    }
}

#[test]
fn a_zone_that_recovers_is_tainted_at_the_whole_rate_again() {
    let mut strikes: Vec<Strike> = (0..6)
        .map(|node| strike(100, node, Trouble::Crash, true))
        .collect();
    // Three of ten are down from then on.
    strikes.extend((0..3).map(|node| strike(600, node, Trouble::Crash, false)));
    let world = (zoned(10), 1_000);
    let (_, story, _) = play_on(
        world,
        ObservationMode::Computed,
        EvictionRule::Taints,
        strikes,
    );
    let mut unknown: Vec<Instant> = story.unknown.values().copied().collect();
    unknown.sort_unstable();
    let mut tainted: Vec<Instant> = story.tainted.values().copied().collect();
    tainted.sort_unstable();
    let held = |at: &&Instant| **at >= unknown[5] && **at < Instant::from_secs(600);
    assert_eq!(tainted.iter().find(held), None, "{unknown:?}");
    for down in 3..6 {
        assert!(story.tainted.contains_key(&NodeId(down)), "{down}");
    }
    let after: Vec<Instant> = tainted
        .into_iter()
        .filter(|at| *at >= Instant::from_secs(600))
        .collect();
    // A bucket that nothing passed begins empty.
    assert!(after[0] >= Instant::from_secs(610), "{after:?}");
    for pair in after.windows(2) {
        assert_eq!(pair[1].since(pair[0]), Duration::from_secs(10));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 3, ..ProptestConfig::default() })]

    #[test]
    fn heartbeats_computed_and_stepped_give_the_same_digest(
        troubles in prop::collection::vec((0_u32..6, 0_i64..900, 1_i64..700, any::<bool>()), 0..8),
        older in any::<bool>(),
    ) {
        both_forms(&troubles, older);
    }
}

/// Cases that were found before.
#[test]
fn heartbeats_at_the_edges_of_their_grace_give_the_same_digest() {
    both_forms(&[(0, 1, 55, false)], false);
    both_forms(&[(0, 200, 581, false), (1, 0, 496, false)], true);
    both_forms(&[(0, 250, 1, false), (3, 193, 58, false)], false);
    both_forms(&[(0, 72, 94, false), (0, 166, 60, false)], false);
}

/// Runs with heartbeats computed and stepped: both come to the same. Troubles are the node, when, for how long,
/// and whether it crashes.
fn both_forms(troubles: &[(u32, i64, i64, bool)], older: bool) {
    let strikes = troubles.iter().flat_map(|&(node, at, lasts, crash)| {
        let trouble = if crash {
            Trouble::Crash
        } else {
            Trouble::Partition
        };
        [
            strike(at, node, trouble, true),
            strike(at + lasts, node, trouble, false),
        ]
    });
    let strikes: Vec<Strike> = strikes.collect();
    let rule = if older {
        EvictionRule::Timeout(Duration::from_secs(300))
    } else {
        EvictionRule::Taints
    };
    let run = |observing| play((6, 2_000), observing, rule, strikes.clone());
    let (computed, told, _) = run(ObservationMode::Computed);
    let (stepped, slowly, _) = run(ObservationMode::Stepped);
    assert_eq!(&told.unknown, &slowly.unknown);
    assert_eq!(&told.tainted, &slowly.tainted);
    assert_eq!(&told.evicted, &slowly.evicted);
    assert_eq!(computed.digest, stepped.digest);
}

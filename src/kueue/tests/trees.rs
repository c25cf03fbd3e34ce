//! Trees of cohorts with limits: what holds after any sequence of submissions, ends, losses, evictions that
//! take time, and changed quotas.

use super::*;
use crate::run::Stage;
use crate::tree::NodeId;
use crate::{FlavorResource, Tree};

/// Quota of a node: nominal, borrowing limit, lending limit.
type QuotaRow = (i64, Limit, Limit);

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A workload is submitted: its queue, pods, priority, and whether its pods stop slowly.
    Submit(usize, i64, i32, bool),
    /// A workload ends.
    Finish(usize),
    /// A workload is deleted.
    Delete(usize),
    /// A user takes a workload out, or lets it in again.
    Activate(usize, bool),
    /// The pods of a workload are ready, or lost.
    Ready(usize, bool),
    /// The pods of all workloads that stop are gone.
    Stopped,
    /// Time passes.
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..4_usize, 1..6_i64, 0..3_i32, any::<bool>())
            .prop_map(|(queue, pods, priority, slow)| Step::Submit(queue, pods, priority, slow)),
        2 => (0..20_usize).prop_map(Step::Finish),
        1 => (0..20_usize).prop_map(Step::Delete),
        1 => (0..20_usize, any::<bool>()).prop_map(|(own, lets)| Step::Activate(own, lets)),
        1 => (0..20_usize, any::<bool>()).prop_map(|(own, are)| Step::Ready(own, are)),
        2 => Just(Step::Stopped),
        2 => (1..400_i64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..40)
}

fn stated() -> impl Strategy<Value = QuotaRow> {
    let limit = || prop::option::of(0_i64..6);
    (0_i64..10, limit(), limit())
}

/// Two cohorts of two queues each below a root.
fn objects(nodes: &[QuotaRow], policies: &[QueuePreemption]) -> QueueingObjects {
    let groups = |own: &QuotaRow| group(own.0, own.1, own.2);
    let cohorts = ["c0", "c1"].iter().zip(&nodes[4..]);
    let cohorts = cohorts.map(|(name, own)| Cohort {
        name: (*name).into(),
        parent: Some("r".into()),
        groups: groups(own),
        weight: Quantity::from_units(1),
    });
    let queues = nodes[..4].iter().zip(policies).enumerate();
    let queues = queues.map(|(place, (own, policy))| ClusterQueue {
        cohort: Some(format!("c{}", place / 2).into()),
        ..queue(&format!("q{place}"), groups(own), *policy)
    });
    QueueingObjects {
        flavors: vec![flavor(None)],
        cohorts: cohorts.collect(),
        queues: queues.collect(),
        ..QueueingObjects::default()
    }
}

fn pair_of(snapshot: &Snapshot) -> FlavorResource {
    snapshot.names.pairs().next().expect("there is one pair").0
}

/// Usage of every node, counted from nothing.
fn recounted(snapshot: &Snapshot, pair: FlavorResource) -> Vec<i64> {
    let mut tree: Tree = snapshot.tree.clone();
    let held = snapshot.queues().flat_map(|(_, queue)| &queue.holdings);
    let held: Vec<_> = held.map(|own| snapshot.holding(*own).clone()).collect();
    for own in &held {
        for (pair, amount) in &own.usage {
            tree.remove(own.queue, *pair, *amount);
        }
    }
    assert!(tree.ids().all(|id| tree.usage(id, pair) == 0));
    for own in held.iter().rev() {
        for (pair, amount) in &own.usage {
            tree.add(own.queue, *pair, *amount);
        }
    }
    tree.ids().map(|id| tree.usage(id, pair)).collect()
}

/// Invariants of quotas after every step.
fn check(controller: &Controller, pair: FlavorResource) {
    let snapshot = controller.snapshot();
    let tree = &snapshot.tree;
    let stopping = stopping(controller, pair);
    for id in tree.ids() {
        // No limit of the node or of one above it is passed, but by what victims hold until their pods are
        // gone: those who are tried behind their preemptor reckon without them.
        let available = tree.available(id, pair).saturating_add(stopping);
        assert!(available >= 0, "{}", tree.node(id).name);
    }
    let usage: Vec<i64> = tree.ids().map(|id| tree.usage(id, pair)).collect();
    assert_eq!(usage, recounted(snapshot, pair), "lent quota is lost");
    let mut holders = units::SortedSet::new();
    for (_, queue) in snapshot.queues() {
        for own in &queue.holdings {
            let name = snapshot.holding(*own).workload.name.clone();
            assert!(holders.insert(name), "a workload holds quota twice");
        }
    }
    for state in controller.states() {
        let name = &state.workload.name;
        let holds = matches!(state.stage, Stage::QuotaReserved | Stage::Admitted);
        assert_eq!(holders.contains(name), holds, "{name}");
        assert!(!holds || state.workload.admission.is_some(), "{name}");
        assert!(!state.is_stopping || holds, "{name}");
    }
}

/// Amount that workloads hold which are evicted and whose pods are not gone yet.
fn stopping(controller: &Controller, pair: FlavorResource) -> i64 {
    let snapshot = controller.snapshot();
    let holdings = snapshot.queues().flat_map(|(_, queue)| &queue.holdings);
    let holdings = holdings.map(|own| snapshot.holding(*own));
    let stopping = holdings.filter(|own| {
        let state = controller.state("default", &own.workload.name);
        state.is_some_and(|state| state.is_stopping)
    });
    let usage = stopping.flat_map(|own| &own.usage);
    usage.filter(|own| own.0 == pair).map(|own| own.1).sum()
}

fn act(controller: &mut Controller, step: &Step, number: usize) {
    let name = |own: &usize| format!("w{own}");
    match step {
        Step::Submit(queue, pods, priority, is_slow) => {
            let own = workload(number, &format!("l{queue}"), *pods, *priority);
            controller.submit(own).expect("the amounts are small");
            if *is_slow {
                controller.keep_quota_while_stopping("default", &name(&number));
            }
        }
        Step::Finish(own) => controller.finish_workload("default", &name(own)),
        Step::Delete(own) => controller.delete("default", &name(own)),
        Step::Activate(own, true) => controller.activate("default", &name(own)),
        Step::Activate(own, false) => controller.deactivate("default", &name(own)),
        Step::Ready(own, true) => controller.pods_ready("default", &name(own)),
        Step::Ready(own, false) => controller.pods_lost("default", &name(own)),
        Step::Stopped => {
            let stopping = controller.states().filter(|own| own.is_stopping);
            let names: Vec<_> = stopping.map(|own| own.workload.name.clone()).collect();
            for name in names {
                controller.stopped("default", &name);
            }
        }
        Step::Pass(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn trees_keep_their_limits_whatever_happens(
        nodes in prop::collection::vec(stated(), 6),
        policies in prop::collection::vec(policies(), 4),
        steps in steps(),
        is_fair in any::<bool>(),
        draws in any::<bool>(),
    ) {
        let settings = Settings {
            fair_sharing: is_fair.then(|| FairStrategy::DEFAULT.to_vec()),
            ties: draws.then_some(7),
            ..Settings::default()
        };
        let snapshot = Snapshot::new(settings, &objects(&nodes, &policies));
        let pair = pair_of(&snapshot);
        let limits = crate::run::WaitForPodsReady {
            timeout: Duration::from_secs(300),
            backoff_limit: Some(2),
            ..crate::run::WaitForPodsReady::default()
        };
        let mut controller = Controller::new(snapshot, Some(limits), Instant::ZERO);
        for place in 0..4 {
            controller.add_local_queue("default", &format!("l{place}"), &format!("q{place}"));
        }
        let mut now = Instant::ZERO;
        for (number, step) in steps.iter().enumerate() {
            let secs = if let Step::Pass(secs) = step { *secs } else { 1 };
            now = now.saturating_add(Duration::from_secs(secs));
            controller.advance(now);
            act(&mut controller, step, number);
            for _ in 0..50 {
                let Some(cycle) = controller.cycle() else {
                    break;
                };
                check_victims(&controller, &cycle, is_fair);
                if !cycle.has_changed {
                    break;
                }
            }
            check(&controller, pair);
        }
        for number in 0..steps.len() {
            controller.delete("default", &format!("w{number}"));
        }
        let tree = &controller.snapshot().tree;
        prop_assert!(tree.ids().all(|id| tree.usage(id, pair) == 0));
    }

    /// A queue with other quotas is as one that had them from the beginning, whatever is held.
    #[test]
    fn a_changed_quota_is_as_if_it_had_always_been(
        before in prop::collection::vec(stated(), 6),
        after in stated(),
        place in 0..4_usize,
        held in prop::collection::vec((0..4_usize, 1..8_i64), 0..8),
    ) {
        let none = [QueuePreemption::default(); 4];
        let mut changed = before.clone();
        changed[place] = after;
        let hold = |nodes: &[QuotaRow]| {
            let mut snapshot = Snapshot::new(Settings::default(), &objects(nodes, &none));
            for (number, (queue, pods)) in held.iter().enumerate() {
                let mut own = workload(number, "l", *pods, 0);
                own.admission = Some(model::queueing::Admission {
                    cluster_queue: format!("q{queue}").into(),
                    pod_sets: vec![model::queueing::PodSetAdmission {
                        name: "main".into(),
                        count: *pods,
                        flavors: [("gpu".into(), "f".into())].into(),
                        usage: [("gpu".into(), Quantity::from_units(*pods))].into(),
                        topology: None,
                    }],
                });
                snapshot.hold(Arc::new(own), Instant::ZERO).expect("the queue is there");
            }
            snapshot
        };
        let mut quick = hold(&before);
        let fresh = hold(&changed);
        let pair = pair_of(&fresh);
        let name = format!("q{place}");
        let queue = quick.queue_named(&name).expect("the queue is there");
        quick.requote(queue, &objects(&changed, &none).queues[place]);
        let facts = |snapshot: &Snapshot| -> Vec<(i64, i64, i64, i64)> {
            let tree = &snapshot.tree;
            let of = |id: NodeId| {
                let (usage, subtree) = (tree.usage(id, pair), tree.subtree(id, pair));
                (usage, subtree, tree.available(id, pair), tree.potential(id, pair))
            };
            tree.ids().map(of).collect()
        };
        prop_assert_eq!(facts(&quick), facts(&fresh));
    }
}

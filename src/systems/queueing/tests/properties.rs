//! What holds after any sequence of jobs, ends, losses and times that run out.

use proptest::prelude::*;

use super::passing::{narrow, racked_with};
use super::*;
use model::queueing::{AdmissionCheck, QueueCheck, WaitForPodsReady};

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A job is submitted: its queue, pods, and whether they have to be in one rack.
    Submit(bool, i32, bool),
    /// A job that runs has all its pods ready.
    Ready(usize),
    /// A job that runs ends.
    Complete(usize),
    /// A job is deleted.
    Delete(usize),
    /// A node goes down, or comes up.
    Node(usize, bool),
    /// Time passes.
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (any::<bool>(), 1..5_i32, any::<bool>())
            .prop_map(|(own, pods, narrow)| Step::Submit(own, pods, narrow)),
        2 => (0..8_usize).prop_map(Step::Ready),
        2 => (0..8_usize).prop_map(Step::Complete),
        1 => (0..8_usize).prop_map(Step::Delete),
        1 => (0..4_usize, any::<bool>()).prop_map(|(node, up)| Step::Node(node, up)),
        3 => (1..90_i64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..30)
}

/// Jobs that are there, by namespace and name.
fn jobs(world: &World) -> Vec<(Text, Text, bool)> {
    let rows = world.store.objects().iter();
    let jobs = rows.filter_map(|(_, row)| match &row.object {
        Object::Job(job) => {
            let has_ended = job::has_ended(job);
            Some((job.namespace.clone(), job.name.clone(), has_ended))
        }
        _ => None,
    });
    jobs.collect()
}

fn act(world: &mut World, step: &Step, number: usize) {
    let all = jobs(world);
    let pick = |place: usize| all.get(place % all.len().max(1));
    match step {
        Step::Submit(is_one, pods, is_narrow) => {
            let namespace = if *is_one { "one" } else { "two" };
            let name = format!("j{number}");
            let own = if *is_narrow {
                Job {
                    namespace: namespace.into(),
                    ..narrow(&name, *pods)
                }
            } else {
                job(namespace, &name, *pods)
            };
            world.submit(own);
        }
        Step::Ready(place) | Step::Complete(place) => {
            let Some((namespace, name, has_ended)) = pick(*place) else {
                return;
            };
            if *has_ended || !world.runs(namespace, name) {
                return;
            }
            if matches!(step, Step::Complete(_)) {
                world.complete(namespace, name);
            } else {
                let pods = world.job(namespace, name).parallelism;
                let status = JobStatus {
                    ready: Some(pods),
                    ..JobStatus::default()
                };
                world.report(namespace, name, status);
            }
        }
        Step::Delete(place) => {
            if let Some((namespace, name, _)) = pick(*place) {
                let (id, _) = world.find("Job", namespace, name);
                world.apply(Event::Object(ObjectChange::Deleted { id }));
                world.settle();
            }
        }
        Step::Node(node, ready) => {
            let node = units::NodeId::from_index(*node);
            if world.store.nodes().is_ready(node) != *ready {
                let ready = *ready;
                world.apply(Event::NodeReadiness { node, ready });
                world.settle();
            }
        }
        Step::Pass(secs) => world.pass(*secs),
    }
}

/// What never may be otherwise.
fn check(world: &World) {
    let snapshot = world.queues.controller.snapshot();
    let mut total = Quantity::ZERO;
    for name in ["one", "two"] {
        let status = world
            .queues
            .controller
            .status(snapshot.queue_named(name).expect("a queue"));
        total = total.checked_add(status.usage[0].total).expect("small");
        let (_, shown) = world.find("ClusterQueue", "", name);
        assert_eq!(*shown, Object::ClusterQueue(status.into()), "{name}");
    }
    assert!(
        total <= Quantity::from_units(8),
        "more than both queues own: {total}"
    );
    let mut used: SortedMap<Text, i64> = SortedMap::default();
    for state in world.queues.controller.states() {
        let own = &state.workload;
        let name = own.name.strip_prefix("job-").expect("of a job");
        let job = world.job(&own.namespace, name);
        let is_admitted = state.stage == kueue::run::Stage::Admitted;
        assert_eq!(
            own.admission.is_some(),
            state.stage != kueue::run::Stage::Pending,
            "{name}"
        );
        if state.stage != kueue::run::Stage::Finished {
            assert_eq!(!job.suspend, is_admitted, "{name}");
            let sets = own.admission.iter().flat_map(|own| &own.pod_sets);
            for (values, count) in sets
                .filter_map(|set| set.topology.as_ref())
                .flat_map(|own| &own.domains)
            {
                *used.entry(values[0].clone()).or_default() += count;
            }
        }
    }
    assert!(
        used.values().all(|pods| *pods <= 2),
        "nodes of two cores: {used:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn quotas_and_places_hold_whatever_happens(
        steps in steps(),
        blocks in any::<bool>(),
        retries in 0..3_u32,
    ) {
        let mut world = racked_with(|own| {
            own.queueing.wait_for_pods_ready = Some(WaitForPodsReady {
                timeout: Duration::from_secs(60),
                backoff_limit: Some(3),
                blocks_admission: blocks,
                ..WaitForPodsReady::default()
            });
            own.queueing.checks = vec![AdmissionCheck {
                name: "c".into(),
                takes: Duration::from_secs(20),
                retries,
                ..AdmissionCheck::default()
            }];
            own.queueing.queues[1].checks = vec![QueueCheck {
                name: "c".into(),
                flavors: Vec::new(),
            }];
        });
        for (number, step) in steps.iter().enumerate() {
            act(&mut world, step, number);
            check(&world);
        }
    }
}

//! Answers about jobs, and changes checked by making them.

use proptest::prelude::*;

use super::super::tests::sets::member;
use super::super::tests::{job, objects};
use super::*;
use model::queueing::{
    Admission, Condition, PodSet, PodSetAdmission, PreemptionPolicy, StopPolicy,
};
use std::sync::Arc;
use units::Quantity;

/// A workload of a queue that holds some cores.
fn holding(queue: &str, name: &str, cores: i64, priority: i32) -> QueuedWorkload {
    let spec = job(queue, name, 1).template;
    let at = Instant::from_secs(10);
    QueuedWorkload {
        namespace: queue.into(),
        name: name.into(),
        uid: name.into(),
        queue: "jobs".into(),
        priority,
        created: at,
        active: true,
        pod_sets: vec![PodSet {
            name: "main".into(),
            count: cores,
            min_count: None,
            spec,
            topology: None,
        }],
        max_execution: None,
        admission: Some(Admission {
            cluster_queue: queue.into(),
            pod_sets: vec![PodSetAdmission {
                name: "main".into(),
                count: cores,
                flavors: [("cpu".into(), "spot".into())].into(),
                usage: [("cpu".into(), Quantity::from_units(cores))].into(),
                topology: None,
            }],
        }),
        conditions: ["QuotaReserved", "Admitted"]
            .map(|kind| Condition {
                kind: kind.into(),
                holds: true,
                reason: kind.into(),
                since: at,
            })
            .into(),
        reclaimable: SortedMap::default(),
    }
}

/// The same, but it waits.
fn waiting(queue: &str, name: &str, cores: i64) -> QueuedWorkload {
    QueuedWorkload {
        admission: None,
        conditions: Vec::new(),
        ..holding(queue, name, cores, 0)
    }
}

fn cluster(workloads: Vec<QueuedWorkload>) -> ClusterObjects {
    let mut objects = objects();
    objects.queueing.workloads = workloads;
    objects
}

fn ask(objects: &ClusterObjects, job: &Job) -> Answer {
    Question::new(objects, &[Arc::new(job.clone())])
        .expect("a job with a queue")
        .answer()
}

/// Makes each change and asks again.
fn check_changes(objects: &ClusterObjects, job: &Job, answer: &Answer) {
    for change in &answer.changes {
        let (mut changed, mut other) = (objects.clone(), job.clone());
        match change {
            Change::Pods { to, .. } => {
                let pods = i32::try_from(*to).expect("few pods");
                (other.parallelism, other.completions) = (pods, Some(pods));
                let mut more = other.clone();
                (more.parallelism, more.completions) = (pods + 1, Some(pods + 1));
                assert_ne!(ask(objects, &more).verdict, Verdict::Admitted);
            }
            Change::Priority { to, .. } => Arc::make_mut(&mut other.template).priority = *to,
            Change::Quota { raises } => {
                let queues = &mut changed.queueing.queues;
                let own = queues
                    .iter_mut()
                    .find(|own| Some(&own.name) == answer.queue.as_ref());
                let own = own.expect("the queue");
                for raise in raises {
                    let quota = &mut own.groups[0].flavors[0].resources[0];
                    assert_eq!(
                        (&*quota.resource, quota.nominal),
                        (&*raise.resource, raise.from)
                    );
                    quota.nominal = raise.to;
                }
            }
            Change::Limit { raises } => {
                let queues = &mut changed.queueing.queues;
                let own = queues
                    .iter_mut()
                    .find(|own| Some(&own.name) == answer.queue.as_ref());
                let quota = &mut own.expect("the queue").groups[0].flavors[0].resources[0];
                assert_eq!(quota.borrowing_limit, Some(raises[0].from));
                quota.borrowing_limit = Some(raises[0].to);
            }
            Change::Level { from, to } => panic!("no topology: {from} {to:?}"),
            Change::Flavor { .. } => Arc::make_mut(&mut other.template).node_selector.clear(),
        }
        let found = ask(&changed, &other);
        assert_eq!(found.verdict, Verdict::Admitted, "{change:?}: {found:?}");
    }
}

#[test]
fn a_job_with_quota_is_admitted_and_a_wide_one_never() {
    let empty = cluster(Vec::new());
    let answer = ask(&empty, &job("one", "a", 3));
    assert_eq!(
        (answer.verdict, answer.admitted_pods),
        (Verdict::Admitted, 3)
    );
    assert_eq!(answer.flavors, [("cpu".into(), "spot".into())]);
    assert!(answer.reasons.is_empty() && answer.changes.is_empty());
    let wide = job("one", "a", 9);
    let answer = ask(&empty, &wide);
    assert_eq!(answer.verdict, Verdict::Never);
    let raise = Raise {
        flavor: "spot".into(),
        resource: "cpu".into(),
        from: Quantity::from_units(4),
        to: Quantity::from_units(5),
    };
    let expected = [
        Change::Pods {
            set: None,
            from: 9,
            to: 8,
        },
        Change::Quota {
            raises: vec![raise],
        },
    ];
    assert_eq!(answer.changes, expected);
    assert!(
        answer.reasons[0].contains("maximum capacity"),
        "{:?}",
        answer.reasons
    );
    check_changes(&empty, &wide, &answer);
}

#[test]
fn the_pod_set_that_gives_up_the_fewest_is_named() {
    let fewer = |driver: i32, worker: i32| {
        let jobs = [
            member("driver", 0, 0, driver),
            member("worker", 1, 0, worker),
            member("worker", 1, 1, worker),
        ];
        let question = Question::new(&cluster(Vec::new()), &jobs.map(Arc::new))
            .expect("jobs with a queue")
            .answer();
        question.changes.into_iter().next()
    };
    let of = |set: &str, from, to| {
        let set = Some(set.into());
        Some(Change::Pods { set, from, to })
    };
    // There are eight cores in all.
    assert_eq!(fewer(1, 5), of("worker", 10, 7));
    assert_eq!(fewer(6, 2), of("driver", 6, 4), "the first of equals");
}

#[test]
fn what_binds_is_named_with_its_amounts() {
    let mut held = cluster(vec![
        holding("one", "own", 3, 0),
        holding("two", "other", 2, 0),
    ]);
    let asked = job("one", "a", 4);
    let binds = |objects: &ClusterObjects| {
        let answer = ask(objects, &asked);
        check_changes(objects, &asked, &answer);
        let words = answer.obstacles.iter().map(Obstacle::words);
        words.collect::<Vec<_>>()
    };
    assert_eq!(
        binds(&held),
        ["quota of Cohort all: 8 cpu in spot, 5 in use, 4 more asked for"]
    );
    held.queueing.queues[0].groups[0].flavors[0].resources[0].borrowing_limit =
        Some(Quantity::from_units(1));
    assert_eq!(
        binds(&held),
        ["borrowing limit of ClusterQueue one: 1 cpu in spot, 0 borrowed, 3 more to borrow"]
    );
    let limit = &mut held.queueing.queues[0].groups[0].flavors[0].resources[0].borrowing_limit;
    *limit = None;
    held.queueing.queues[1].groups[0].flavors[0].resources[0].lending_limit = Some(Quantity::ZERO);
    let expected = [
        "quota of Cohort all: 4 cpu in spot, 3 in use, 4 more asked for",
        "lending limit of ClusterQueue two: 2 cpu in spot are free, but it lends 0 at most",
    ];
    assert_eq!(binds(&held), expected);
}

#[test]
fn what_is_borrowed_is_given_back_to_its_owner() {
    let borrowed = cluster(vec![holding("two", "wide", 8, 0)]);
    let answer = ask(&borrowed, &job("one", "a", 2));
    assert_eq!(answer.verdict, Verdict::Admitted);
    let victim = Victim {
        name: "wide".into(),
        queue: "two".into(),
        reason: "InCohortReclamation",
    };
    assert_eq!(answer.victims, [victim]);
}

#[test]
fn a_full_queue_takes_a_higher_priority_or_more_quota() {
    let mut full = cluster(vec![
        holding("one", "own", 4, 5),
        holding("two", "other", 4, 0),
        waiting("one", "first", 2),
    ]);
    full.queueing.queues[0].preemption.within_queue = PreemptionPolicy::LowerPriority;
    let asked = job("one", "a", 2);
    let answer = ask(&full, &asked);
    assert_eq!((answer.verdict, answer.ahead), (Verdict::Queued, 1));
    let kinds: Vec<&Change> = answer.changes.iter().collect();
    assert!(matches!(kinds[0], Change::Priority { to: 6, victims } if victims.len() == 1));
    let Change::Quota { raises } = kinds[1] else {
        panic!("{kinds:?}");
    };
    // The one that waits before it takes two cores, too.
    assert_eq!(raises[0].to, Quantity::from_units(8));
    check_changes(&full, &asked, &answer);
    // The job's own workload in the dump is the job itself.
    let mut own = waiting("one", "first", 2);
    own.name = model::queueing::workload_of_job("a");
    full.queueing.workloads[2] = own;
    assert_eq!(ask(&full, &asked).ahead, 0);
}

#[test]
fn a_flavor_that_a_job_excludes_is_named() {
    let empty = cluster(Vec::new());
    let mut picky = job("one", "a", 1);
    let spec = Arc::make_mut(&mut picky.template);
    spec.node_selector.insert("kind".into(), "on-demand".into());
    let answer = ask(&empty, &picky);
    assert_eq!(answer.verdict, Verdict::Never);
    assert_eq!(
        answer.changes,
        [Change::Flavor {
            flavors: vec!["spot".into()]
        }]
    );
    check_changes(&empty, &picky, &answer);
}

#[test]
fn queues_that_take_nothing_are_the_reason() {
    let mut stopped = cluster(Vec::new());
    let lost = job("three", "a", 1);
    let answer = ask(&stopped, &lost);
    assert_eq!(
        (answer.verdict, answer.queue.clone()),
        (Verdict::Never, None)
    );
    assert_eq!(
        answer.reasons,
        ["the namespace `three` has no LocalQueue `jobs`"]
    );
    stopped.queueing.queues[0].stop = StopPolicy::Hold;
    let answer = ask(&stopped, &job("one", "a", 1));
    assert_eq!(
        answer.reasons,
        ["the ClusterQueue `one` is stopped (`stopPolicy`)"]
    );
    stopped.queueing.local_queues[1].stop = StopPolicy::Hold;
    let answer = ask(&stopped, &job("two", "a", 1));
    assert_eq!(
        answer.reasons,
        ["the LocalQueue `jobs` is stopped (`stopPolicy`)"]
    );
    let mut free = job("one", "a", 1);
    free.queue = model::workload::job::QueueReference::default();
    let free = [Arc::new(free)];
    let error = Question::new(&stopped, &free).err().expect("no queue");
    assert!(
        error.contains("queue-name\"]: expected the name of a LocalQueue"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_change_admits_the_job(
        held in prop::collection::vec((any::<bool>(), 1_i64..5, 0_i32..3), 0..4),
        pods in 1_i32..12,
        preempts in any::<bool>(),
    ) {
        let mut free = [4, 4];
        let workloads = held.into_iter().enumerate().filter_map(|(number, (is_one, cores, priority))| {
            let own = usize::from(is_one);
            if free[own] < cores {
                return None;
            }
            free[own] -= cores;
            let queue = if is_one { "one" } else { "two" };
            Some(holding(queue, &format!("w{number}"), cores, priority))
        });
        let mut objects = cluster(workloads.collect());
        if preempts {
            objects.queueing.queues[0].preemption.within_queue = PreemptionPolicy::LowerPriority;
        }
        let asked = job("one", "a", pods);
        let answer = ask(&objects, &asked);
        check_changes(&objects, &asked, &answer);
        let is_admitted = answer.verdict == Verdict::Admitted;
        prop_assert_eq!(is_admitted, answer.reasons.is_empty());
        prop_assert!(is_admitted || !answer.changes.is_empty());
    }
}

/// The workload after it ran for some time, up to the instant at which the others began.
fn ended(own: QueuedWorkload, secs: i64) -> QueuedWorkload {
    let mut own = own;
    for condition in &mut own.conditions {
        condition.since = Instant::from_secs(10 - secs);
    }
    own.conditions.push(Condition {
        kind: "Finished".into(),
        holds: true,
        reason: "Succeeded".into(),
        since: Instant::from_secs(10),
    });
    own
}

fn start(objects: &ClusterObjects, job: &Job, run_times: RunTimes) -> Option<Start> {
    let jobs = [Arc::new(job.clone())];
    let question = Question::new(objects, &jobs).expect("a job with a queue");
    question.with_run_times(run_times).answer().start
}

#[test]
fn a_queued_job_starts_when_enough_has_ended() {
    // Both queues own 4 cores each and lend them. `a` ends 100 s after it began, `b` later.
    let busy = cluster(vec![
        holding("one", "a", 4, 0),
        holding("two", "b", 4, 0),
        waiting("one", "c", 4),
    ]);
    let secs = |own: i64| Some(Duration::from_secs(own));
    // At 10 s both began, at 11 s the question is asked, and `c` goes before the job. All run for 100 s:
    // 99 s from now on `c` starts, in the room of one of the two, and the job in that of the other.
    let given = RunTimes::Given(Duration::from_secs(100));
    let found = start(&busy, &job("one", "d", 2), given).expect("a run time");
    assert_eq!((found.replays, found.ended), (1, None));
    let at = found.quantiles[1].expect("it starts").as_secs_f64();
    assert!((99.0..=101.0).contains(&at), "{at}");
    // A job that needs all cores starts once `c` has ended as well.
    let found = start(&busy, &job("one", "d", 8), given).expect("a run time");
    let at = found.quantiles[1].expect("it starts").as_secs_f64();
    assert!((199.0..=203.0).contains(&at), "{at}");
    // Without a run time nothing is known, and with those of ended workloads there is an interval.
    assert_eq!(start(&busy, &job("one", "d", 2), RunTimes::Ended), None);
    let mut known = busy.clone();
    let lengths = [50, 100, 200, 400, 800];
    known
        .queueing
        .workloads
        .extend(lengths.map(|length| ended(holding("one", &format!("e{length}"), 1, 0), length)));
    let found = start(&known, &job("one", "d", 2), RunTimes::Ended).expect("run times");
    let [early, middle, late] = found.quantiles;
    assert!(early < middle && middle < late, "{found:?}");
    assert_eq!(found.ended, Some(5));
    assert!(late <= secs(1_700), "{late:?}");
    assert_eq!(
        start(&known, &job("one", "d", 2), RunTimes::Ended),
        Some(found)
    );
}

#[test]
fn changes_that_were_not_tried_to_the_end_are_named() {
    let objects = cluster(vec![holding("one", "runs", 3, 0)]);
    let own = [Arc::new(job("one", "big", 12))];
    let question = Question::new(&objects, &own).expect("a job with a queue");
    let whole = question.answer();
    assert!(whole.untried_kinds.is_empty());
    assert!(whole.changes.len() > 1, "{whole:?}");
    let question = Question::new(&objects, &own).expect("a job with a queue");
    question.left.set(0);
    let cut = question.answer();
    assert_eq!(cut.changes, []);
    assert!(cut.untried_kinds.contains(&"fewer pods"), "{cut:?}");
    assert!(cut.untried_choices > 0);
    assert_eq!((cut.verdict, cut.reasons), (whole.verdict, whole.reasons));
}

//! The worked examples of the specification, and jobs under random failures.

use proptest::prelude::*;

use super::*;
use model::workload::Readiness;
use model::workload::job::{FailureMatch, FailureRule, SuccessRule};

fn ended(name: &str, phase: ObservedPhase, at: i64) -> JobPod {
    JobPod {
        pod: ObservedPod {
            name: name.into(),
            uid: name.into(),
            phase,
            created: Some(Instant::ZERO),
            ..ObservedPod::default()
        },
        is_uncounted: true,
        finished: Some(Instant::from_secs(at)),
        exit_codes: vec![("main".into(), i32::from(phase == ObservedPhase::Failed))],
        ..JobPod::default()
    }
}

fn step(job: &Job, status: &JobStatus, backoff: JobBackoff, pods: &[JobPod], at: i64) -> JobWrites {
    let view = JobView {
        job,
        pods,
        status,
        backoff,
        is_waiting: false,
    };
    sync(Instant::from_secs(at), &view)
}

#[test]
fn failures_at_0_15_and_50_are_replaced_at_10_35_and_90() {
    let job = Job::default();
    let (mut status, mut backoff) = (JobStatus::default(), JobBackoff::default());
    for (failed, early, due) in [(0, 9, 10), (15, 34, 35), (50, 89, 90)] {
        let pods = [ended(&format!("p{failed}"), ObservedPhase::Failed, failed)];
        let writes = step(&job, &status, backoff, &pods, failed);
        assert_eq!(writes.create, []);
        (status, backoff) = (writes.status, writes.backoff);
        assert_eq!(step(&job, &status, backoff, &[], early).create, []);
        let writes = step(&job, &status, backoff, &[], due);
        assert_eq!(writes.create.len(), 1, "{due}");
    }
}

#[test]
fn a_job_ends_in_two_steps_while_pods_are_terminating() {
    let job = Job {
        parallelism: 2,
        completions: Some(2),
        backoff_limit: 0,
        ..Job::default()
    };
    let mut running = ended("a", ObservedPhase::Running, 0);
    (running.finished, running.is_uncounted) = (None, true);
    let pods = [running, ended("b", ObservedPhase::Failed, 3)];
    let writes = step(&job, &JobStatus::default(), JobBackoff::default(), &pods, 3);
    let kinds: Vec<JobConditionKind> = writes
        .status
        .conditions
        .iter()
        .map(|known| known.kind)
        .collect();
    assert_eq!(kinds, [JobConditionKind::FailureTarget]);
    assert_eq!(writes.delete, ["a".into()]);
    let writes = step(&job, &writes.status, writes.backoff, &[], 4);
    let last = writes.status.conditions.last().map(|known| known.kind);
    assert_eq!(last, Some(JobConditionKind::Failed));
    let lasting = Job {
        ttl_after_finished: Some(Duration::from_secs(60)),
        ..job
    };
    assert_eq!(
        expiry(&lasting, &writes.status),
        Some(Instant::from_secs(64))
    );
}

#[test]
fn an_ignored_failure_is_not_counted_and_one_rule_can_fail_the_job() {
    let rule = |action, code| FailureRule {
        action,
        matches: FailureMatch::ExitCodes {
            container: None,
            among: true,
            values: vec![code],
        },
    };
    let mut job = Job {
        failure_policy: vec![rule(FailureAction::Ignore, 1)],
        ..Job::default()
    };
    let pods = [ended("a", ObservedPhase::Failed, 3)];
    let writes = step(&job, &JobStatus::default(), JobBackoff::default(), &pods, 3);
    assert_eq!(writes.status.failed, 0);
    job.failure_policy = vec![rule(FailureAction::FailJob, 1)];
    let writes = step(&job, &JobStatus::default(), JobBackoff::default(), &pods, 3);
    let reasons: Vec<JobReason> = writes
        .status
        .conditions
        .iter()
        .map(|known| known.reason)
        .collect();
    assert_eq!(reasons, [JobReason::PodFailurePolicy; 2]);
}

#[test]
fn a_success_policy_ends_the_job_early() {
    let job = Job {
        mode: CompletionMode::Indexed,
        completions: Some(5),
        success_policy: vec![SuccessRule {
            indexes: Some(vec![(0, 1)]),
            count: Some(1),
        }],
        ..Job::default()
    };
    let mut pod = ended("a", ObservedPhase::Succeeded, 3);
    pod.index = Some(1);
    let writes = step(
        &job,
        &JobStatus::default(),
        JobBackoff::default(),
        &[pod],
        3,
    );
    let last = writes
        .status
        .conditions
        .last()
        .map(|known| (known.kind, known.reason));
    assert_eq!(
        last,
        Some((JobConditionKind::Complete, JobReason::SuccessPolicy))
    );
}

/// Pods that start, succeed and fail as a script says.
struct World {
    job: Job,
    status: JobStatus,
    backoff: JobBackoff,
    pods: Vec<JobPod>,
    made: usize,
    successes: Vec<Option<i32>>,
}

impl World {
    fn step(&mut self, at: i64) {
        let writes = step(&self.job, &self.status, self.backoff, &self.pods, at);
        for pod in &mut self.pods {
            if writes.count.contains(&pod.pod.name) {
                pod.is_uncounted = false;
            }
        }
        let gone = |pod: &JobPod| writes.delete.contains(&pod.pod.name);
        self.pods.retain(|pod| !gone(pod));
        for new in writes.create {
            self.made += 1;
            self.pods.push(JobPod {
                pod: ObservedPod {
                    name: format!("p{}", self.made).into(),
                    uid: format!("p{}", self.made).into(),
                    phase: ObservedPhase::Running,
                    readiness: Some(Readiness {
                        is_ready: true,
                        since: Some(Instant::from_secs(at)),
                    }),
                    created: Some(Instant::from_secs(at)),
                    ..ObservedPod::default()
                },
                index: new.index,
                index_failures: new.index_failures.unwrap_or(0),
                index_ignored: new.index_ignored,
                is_uncounted: true,
                ..JobPod::default()
            });
        }
        (self.status, self.backoff) = (writes.status, writes.backoff);
    }

    fn end(&mut self, which: usize, succeeds: bool, at: i64) {
        let places = (0..self.pods.len()).filter(|&place| self.pods[place].pod.is_active());
        let active: Vec<usize> = places.collect();
        if active.is_empty() {
            return;
        }
        let pod = &mut self.pods[active[which % active.len()]];
        pod.pod.phase = if succeeds {
            self.successes.push(pod.index);
            ObservedPhase::Succeeded
        } else {
            ObservedPhase::Failed
        };
        pod.finished = Some(Instant::from_secs(at));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    /// A job without a limit ends complete with exactly its completions, indexed ones with every
    /// index once, and never runs more pods than it may.
    #[test]
    fn jobs_complete_exactly(
        completions in 1..8_i32,
        parallelism in 1..5_i32,
        indexed in any::<bool>(),
        per_index in any::<bool>(),
        script in proptest::collection::vec((0..8_usize, any::<bool>(), 1..30_i64), 0..40),
    ) {
        let job = Job {
            completions: Some(completions),
            parallelism,
            mode: if indexed { CompletionMode::Indexed } else { CompletionMode::NonIndexed },
            backoff_limit: i32::MAX,
            backoff_limit_per_index: (indexed && per_index).then_some(1_000),
            ..Job::default()
        };
        let mut world = World {
            job,
            status: JobStatus::default(),
            backoff: JobBackoff::default(),
            pods: Vec::new(),
            made: 0,
            successes: Vec::new(),
        };
        let mut at = 0;
        world.step(at);
        let calm = std::iter::repeat_n((0, true, 601), 40);
        for (which, succeeds, gap) in script.into_iter().chain(calm) {
            at += gap;
            world.end(which, succeeds, at);
            world.step(at);
            let active = world.pods.iter().filter(|pod| pod.pod.is_active()).count() as i32;
            prop_assert!(active <= parallelism);
            prop_assert!(world.status.succeeded <= completions);
        }
        let last = world.status.conditions.last().map(|known| known.kind);
        prop_assert_eq!(last, Some(JobConditionKind::Complete));
        prop_assert_eq!(world.status.succeeded, completions);
        prop_assert_eq!(world.successes.len() as i32, completions);
        if indexed {
            world.successes.sort_unstable();
            let all: Vec<Option<i32>> = (0..completions).map(Some).collect();
            prop_assert_eq!(world.successes, all);
        }
    }
}

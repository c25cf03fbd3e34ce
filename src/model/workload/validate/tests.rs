//! Wrong workloads and what is said of them.

use std::sync::Arc;

use super::*;
use crate::workload::daemon_set::DaemonUpdate;
use crate::workload::{PodManagement, RollingUpdate};
use crate::{Operator, Requirement};

fn labelled() -> (LabelSelector, Arc<PodSpec>) {
    let requirement = Requirement {
        key: "app".into(),
        operator: Operator::In,
        values: vec!["web".into()],
    };
    let selector = LabelSelector {
        requirements: vec![requirement],
    };
    let template = PodSpec {
        labels: [("app".into(), "web".into())].into(),
        ..PodSpec::default()
    };
    (selector, Arc::new(template))
}

fn sound() -> Deployment {
    let (selector, template) = labelled();
    Deployment {
        selector,
        template,
        ..Deployment::default()
    }
}

#[track_caller]
fn check(findings: Vec<Finding>, expected: &[(&str, &str)]) {
    let found: Vec<(String, String)> = findings
        .into_iter()
        .map(|finding| {
            assert!(!finding.problem.fix().is_empty());
            (finding.field, finding.problem.to_string())
        })
        .collect();
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(field, problem)| (&**field, &**problem))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_sound_deployment_has_no_findings() {
    check(deployment(&sound()), &[]);
}

#[test]
fn nothing_may_move() {
    let mut wrong = sound();
    wrong.strategy = DeploymentStrategy::RollingUpdate(RollingUpdate {
        max_surge: Count::Number(0),
        max_unavailable: Count::Percent(0),
    });
    let problem = "maxSurge and maxUnavailable are both 0, so no pod could ever be replaced";
    check(
        deployment(&wrong),
        &[("spec.strategy.rollingUpdate", problem)],
    );
    let (selector, template) = labelled();
    let daemon = DaemonSet {
        selector,
        template,
        update: Some(DaemonUpdate {
            max_surge: Count::Number(1),
            max_unavailable: Count::Number(1),
        }),
        ..DaemonSet::default()
    };
    let problem = "maxSurge and maxUnavailable (1 unless stated) are both more than 0; for a DaemonSet one must be 0";
    check(
        daemon_set(&daemon),
        &[("spec.updateStrategy.rollingUpdate", problem)],
    );
}

#[test]
fn a_selector_that_misses_its_template() {
    let mut wrong = sound();
    wrong.template = Arc::default();
    wrong.replicas = -1;
    check(
        deployment(&wrong),
        &[
            ("spec.replicas", "-1 is negative; 0 or more is expected"),
            (
                "spec.selector",
                "the selector does not match the labels of the template: no label fulfils app In \
                 [\"web\"]",
            ),
        ],
    );
    let set = StatefulSet {
        management: PodManagement::Parallel,
        ..StatefulSet::default()
    };
    let problem = "the selector does not match the labels of the template: it is empty";
    check(stateful_set(&set), &[("spec.selector", problem)]);
}

#[test]
fn schedules_and_zones() {
    let wrong = CronJob {
        schedule: "61 * * * *".into(),
        time_zone: Some("Mars/Olympus".into()),
        ..CronJob::default()
    };
    check(
        cron_job(&wrong),
        &[
            ("spec.schedule", "end of range (61) above maximum (59): 61"),
            ("spec.timeZone", "unknown time zone Mars/Olympus"),
        ],
    );
}

#[test]
fn jobs_with_numbers_below_zero() {
    let wrong = Job {
        max_failed_indexes: Some(-1),
        parallelism: -2,
        ..Job::default()
    };
    check(
        job(&wrong),
        &[
            ("spec.parallelism", "-2 is negative; 0 or more is expected"),
            (
                "spec.maxFailedIndexes",
                "-1 is negative; 0 or more is expected",
            ),
        ],
    );
}

#[test]
fn budgets_probes_and_grace() {
    let (selector, template) = labelled();
    let mut wrong = PodDisruptionBudget {
        selector: Some(selector),
        limit: BudgetLimit::MaxUnavailable(Count::Percent(120)),
        ..PodDisruptionBudget::default()
    };
    let problem = "120% is more than all; 0% to 100% is expected";
    check(
        budget(&wrong, std::iter::once(&template.labels)),
        &[("spec.maxUnavailable", problem)],
    );
    wrong.limit = BudgetLimit::MinAvailable(Count::Number(1));
    let findings = budget(&wrong, std::iter::once(&Labels::new()));
    assert!(findings[0].problem.is_warning());
    let problem = "the selector matches no pod, so this budget protects nothing";
    check(findings, &[("spec.selector", problem)]);
    check(
        grace(-5),
        &[(
            "spec.terminationGracePeriodSeconds",
            "-5 is negative; 0 or more is expected",
        )],
    );
    let wrong = Probe {
        period_secs: 0,
        ..Probe::default()
    };
    check(
        probe("spec.containers[0]", ProbeKind::Liveness, &wrong),
        &[(
            "spec.containers[0].livenessProbe.periodSeconds",
            "0 is too small; 1 or more is expected",
        )],
    );
}

#[test]
fn owner_loops_are_told_once() {
    let owner_of = [
        ("ReplicaSet/a", "Deployment/b"),
        ("Deployment/b", "ReplicaSet/a"),
        ("Pod/c", "ReplicaSet/a"),
        ("Pod/d", "Job/e"),
    ];
    let owner_of = owner_of.map(|(object, owner)| (object.into(), owner.into()));
    let loops = "the owners form a loop: Deployment/b -> ReplicaSet/a -> Deployment/b";
    check(
        owners(&owner_of.into()),
        &[("metadata.ownerReferences", loops)],
    );
}

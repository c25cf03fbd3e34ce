//! Worked examples of the specification (kubernetes.md 3.1), bounds of every decision, and
//! findings about specifications.

use proptest::prelude::*;

use super::*;
use model::Text;
use units::{Duration, SortedMap};

/// CPU usage by pod.
struct Usage(PodSamples);

impl MetricSource for Usage {
    fn resource(&self, _: &str, _: Option<&str>) -> Result<PodSamples, String> {
        if self.0.is_empty() {
            return Err(NO_METRICS.to_owned());
        }
        Ok(self.0.clone())
    }

    fn pods(&self, _: &MetricIdentifier) -> Result<PodSamples, String> {
        self.resource("", None)
    }

    fn object(&self, _: &MetricIdentifier, _: &ObjectRef) -> Result<i64, String> {
        Err(NO_METRICS.to_owned())
    }

    fn external(&self, _: &MetricIdentifier) -> Result<Vec<i64>, String> {
        Err(NO_METRICS.to_owned())
    }
}

fn pod(index: usize, request: i64) -> ObservedPod {
    ObservedPod {
        name: format!("p{index}").into(),
        phase: Phase::Running,
        is_deleting: false,
        started: Some(Instant::ZERO),
        ready: Some(ReadyCondition {
            status: Readiness::True,
            changed: Some(Instant::ZERO),
        }),
        containers: vec![ContainerRequests {
            name: "c".into(),
            is_sidecar: false,
            requests: SortedMap::from([("cpu".into(), request)]),
        }],
        whole: None,
    }
}

fn used(usage: &[Option<i64>], at: Instant) -> Usage {
    let samples = usage.iter().enumerate().filter_map(|(index, value)| {
        let sample = PodSample {
            value: (*value)?,
            at,
            window: Duration::ZERO,
        };
        Some((Text::from(format!("p{index}")), sample))
    });
    Usage(samples.collect())
}

fn spec(target: i32, behavior: Option<Behavior>) -> HorizontalSpec {
    HorizontalSpec {
        namespace: "default".into(),
        name: "web".into(),
        target: ObjectRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "web".into(),
        },
        min_replicas: None,
        max_replicas: 30,
        metrics: vec![MetricSpec::Resource {
            resource: "cpu".into(),
            target: Target::Utilization(target),
        }],
        behavior,
    }
}

const HOUR: Instant = Instant::from_secs(3600);

/// The proposal for pods that each ask for a core.
#[track_caller]
fn check_proposal(target: i32, usage: &[Option<i64>], expected: i32) {
    let settings = HorizontalSettings::default();
    let pods: Vec<ObservedPod> = (0..usage.len()).map(|index| pod(index, 1000)).collect();
    let mut autoscaler = HorizontalAutoscaler::new(spec(target, None), settings);
    let replicas = usage.len() as i32;
    let observed = TargetObservation {
        spec_replicas: replicas,
        status_replicas: replicas,
        pods: &pods,
        rivals: &[],
    };
    let pass = autoscaler.pass(HOUR, observed, &used(usage, HOUR));
    assert_eq!(pass.proposal, Some(expected));
}

#[test]
fn a_ratio_of_five_thirds_on_three_pods_proposes_five() {
    check_proposal(30, &[Some(300), Some(500), Some(700)], 5);
}

#[test]
fn a_ratio_at_the_edge_of_the_tolerance_changes_nothing() {
    check_proposal(50, &[Some(550), Some(550)], 2);
    check_proposal(50, &[Some(560), Some(560)], 3);
    check_proposal(50, &[Some(450), Some(450)], 2);
}

#[test]
fn a_missing_pod_counts_as_idle_on_the_way_up_and_full_on_the_way_down() {
    let busy = Some(1000);
    check_proposal(50, &[busy, busy, busy, None], 6);
    check_proposal(50, &[Some(100), Some(100), Some(100), None], 3);
}

#[test]
fn the_default_rates_double_in_fifteen_seconds() {
    let rates = Rates::new(&Behavior::default(), Duration::from_secs(300));
    let mut normalizer = Normalizer::default();
    let mut current = 10;
    for (secs, expected) in [(0, 20), (15, 30)] {
        let now = Instant::from_secs(secs);
        normalizer.start(now, current);
        let request = Normalization {
            current,
            proposal: 30,
            min: 1,
            max: 100,
            behavior: Some(&rates),
            downscale_stabilization: Duration::from_secs(300),
        };
        let decided = normalizer.decide(now, &request).desired;
        assert_eq!(decided, expected, "at {secs} s");
        normalizer.applied(now, &rates, current, decided);
        current = decided;
    }
}

#[test]
fn a_target_of_zero_replicas_is_left_alone() {
    let mut autoscaler = HorizontalAutoscaler::new(spec(50, None), HorizontalSettings::default());
    let observed = TargetObservation {
        spec_replicas: 0,
        status_replicas: 0,
        pods: &[],
        rivals: &[],
    };
    let pass = autoscaler.pass(HOUR, observed, &used(&[], HOUR));
    assert_eq!((pass.desired, pass.rescale), (0, None));
    let active = autoscaler.conditions().get(ConditionKind::ScalingActive);
    assert_eq!(active.map(|own| own.reason), Some("ScalingDisabled"));
}

#[test]
fn tolerances_of_the_object_replace_those_of_the_controller_from_1_36_on() {
    let rules = |tolerance_milli| ScalingRules {
        tolerance_milli: Some(tolerance_milli),
        ..ScalingRules::default()
    };
    let behavior = Behavior {
        up: rules(500),
        down: rules(0),
    };
    for (release, expected) in [(Release::V1_28, Some(3)), (Release::V1_36, Some(2))] {
        let settings = HorizontalSettings {
            release,
            ..HorizontalSettings::default()
        };
        let spec = spec(50, Some(behavior.clone()));
        let mut autoscaler = HorizontalAutoscaler::new(spec, settings);
        let pods = [pod(0, 1000), pod(1, 1000)];
        let observed = TargetObservation {
            spec_replicas: 2,
            status_replicas: 2,
            pods: &pods,
            rivals: &[],
        };
        let pass = autoscaler.pass(HOUR, observed, &used(&[Some(700), Some(700)], HOUR));
        assert_eq!(pass.proposal, expected, "{release:?}");
    }
}

#[test]
fn a_metric_that_never_arrives_is_told() {
    let mut autoscaler = HorizontalAutoscaler::new(spec(50, None), HorizontalSettings::default());
    let pods = [pod(0, 1000)];
    let observed = TargetObservation {
        spec_replicas: 1,
        status_replicas: 1,
        pods: &pods,
        rivals: &[],
    };
    for secs in 0..5 {
        let now = HOUR + Duration::from_secs(15 * secs);
        let pass = autoscaler.pass(now, observed, &used(&[None], HOUR));
        assert_eq!((pass.desired, pass.proposal), (1, None));
    }
    assert_eq!(autoscaler.silent_metrics(6), []);
    let told: Vec<String> = autoscaler
        .silent_metrics(5)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "HorizontalPodAutoscaler default/web: spec.metrics[0]: no value in 5 passes (failed to \
          get cpu utilization: unable to get metrics for resource cpu: no metrics returned); \
          check the metric's name and source"
        ]
    );
}

#[track_caller]
fn check_finding(change: impl FnOnce(&mut HorizontalSpec), expected: &str) {
    let mut own = spec(50, None);
    assert_eq!(own.findings(), []);
    change(&mut own);
    let told: Vec<String> = own.findings().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(expected), "{told:?}");
}

#[test]
fn wrong_specifications_are_told() {
    check_finding(
        |own| own.min_replicas = Some(40),
        "spec.minReplicas: 40 is above maxReplicas 30",
    );
    check_finding(|own| own.max_replicas = 0, "spec.maxReplicas: 0 is out");
    check_finding(|own| own.min_replicas = Some(-1), "expected 0 or more");
    check_finding(|own| own.min_replicas = Some(0), "object or external");
    check_finding(
        |own| {
            own.metrics[0] = MetricSpec::Pods {
                metric: MetricIdentifier::default(),
                target: Target::Value(1),
            };
        },
        "spec.metrics[0].pods.target: missing; expected averageValue",
    );
    check_finding(
        |own| {
            own.behavior = Some(Behavior {
                up: ScalingRules {
                    window_secs: Some(-5),
                    ..ScalingRules::default()
                },
                down: ScalingRules::default(),
            });
        },
        "spec.behavior.scaleUp.stabilizationWindowSeconds: -5 is out",
    );
}

#[test]
fn two_autoscalers_on_one_target_are_told() {
    let mut other = spec(50, None);
    other.name = "again".into();
    let told = double_targets([&spec(50, None), &other]);
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].to_string(),
        "HorizontalPodAutoscaler default/again: spec.scaleTargetRef: Deployment web is claimed by \
         HorizontalPodAutoscaler default/web too; remove one of them"
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 16,
        ..ProptestConfig::default()
    })]

    #[test]
    fn replicas_stay_within_bounds_and_steps_within_rates(
        usage in prop::collection::vec(0_i64..4000, 1_000..3_000),
        target in 1_i32..200,
        start in 1_i32..30,
    ) {
        let mut autoscaler =
            HorizontalAutoscaler::new(spec(target, None), HorizontalSettings::default());
        let mut current = start;
        for (step, total) in usage.iter().enumerate() {
            let now = HOUR + Duration::from_secs(15 * step as i64);
            let pods: Vec<ObservedPod> =
                (0..current as usize).map(|index| pod(index, 1000)).collect();
            let each = vec![Some(*total); current as usize];
            let observed = TargetObservation {
                spec_replicas: current,
                status_replicas: current,
                pods: &pods,
                rivals: &[],
            };
            let pass = autoscaler.pass(now, observed, &used(&each, now));
            prop_assert!((1..=30).contains(&pass.desired));
            prop_assert!(pass.desired <= (2 * current).max(4));
            current = pass.desired;
        }
    }

    /// A load that does not change is not followed for ever: once no proposal is older than the
    /// window, the number stands still.
    #[test]
    fn a_constant_load_comes_to_rest(total in 1_i64..20_000, target in 10_i32..100) {
        let mut autoscaler =
            HorizontalAutoscaler::new(spec(target, None), HorizontalSettings::default());
        let mut current = 1_i32;
        let mut seen = Vec::new();
        for step in 0..120 {
            let now = HOUR + Duration::from_secs(15 * step);
            let pods: Vec<ObservedPod> =
                (0..current as usize).map(|index| pod(index, 1000)).collect();
            let each = vec![Some(total / i64::from(current)); current as usize];
            let observed = TargetObservation {
                spec_replicas: current,
                status_replicas: current,
                pods: &pods,
                rivals: &[],
            };
            current = autoscaler.pass(now, observed, &used(&each, now)).desired;
            seen.push(current);
        }
        let rest = &seen[60..];
        prop_assert!(rest.iter().all(|own| *own == rest[0]), "{seen:?}");
    }
}

//! Worked examples of the specification (kubernetes.md 3.2) and what always holds.

use super::*;
use model::Text;
use units::{Duration, Instant, SortedMap};

const GIB: i64 = 1024 * 1024 * 1024;

fn at(secs: i64) -> Instant {
    Instant::from_secs(1_700_006_400 + secs)
}

/// Recommends for one container that used the same, a sample a minute.
fn steady(cpu_milli: i64, memory_bytes: i64, minutes: i64) -> Recommendation {
    let mut usage = Usage::new(at(0));
    let mut container = ContainerUsage::default();
    for minute in 0..=minutes {
        assert!(container.add_cpu(&mut usage, cpu_milli, at(60 * minute)));
        assert!(container.add_memory(&mut usage, memory_bytes, at(60 * minute)));
    }
    let usage = SortedMap::from([(Text::from("app"), usage)]);
    let recommended = recommend(&RecommenderSettings::default(), &usage, &SortedMap::new());
    recommended["app"]
}

#[test]
fn a_quarter_of_a_core_for_half_a_day() {
    let own = steady(250, 300 * 1024 * 1024, 720);
    assert_eq!(own.target.cpu_milli, 296);
    assert_eq!((own.upper.cpu_milli, own.lower.cpu_milli), (888, 294));
    assert_eq!(own.target.memory_bytes, 380_258_472);
}

#[test]
fn buckets_are_those_of_the_example() {
    assert_eq!(Buckets::cpu().count(), 176);
    assert_eq!(Buckets::memory().count(), 176);
    assert_eq!(Buckets::cpu().find(0.25), 16);
    assert_eq!(Buckets::memory().find(300.0 * 1024.0 * 1024.0), 19);
    assert_eq!(Buckets::cpu().find(1e9), 175);
}

#[test]
fn a_kill_raises_memory_by_a_fifth_or_a_hundred_mebibytes() {
    for (request, needed) in [(GIB, 1.2 * GIB as f64), (GIB / 8, 228.0 * 1024.0 * 1024.0)] {
        let mut usage = Usage::new(at(0));
        let mut container = ContainerUsage::default();
        container.add_memory(&mut usage, GIB / 16, at(0));
        assert!(container.out_of_memory(&mut usage, request, at(60)));
        let peak = usage.memory.percentile(0.9);
        let bucket = Buckets::memory().find(needed);
        assert_eq!(
            peak.to_bits(),
            Buckets::memory().start(bucket + 1).to_bits(),
            "{request}"
        );
    }
}

#[test]
fn samples_out_of_order_are_dropped_and_old_usage_expires() {
    let mut usage = Usage::new(at(0));
    let mut container = ContainerUsage::default();
    assert!(container.add_cpu(&mut usage, 100, at(60)));
    assert!(!container.add_cpu(&mut usage, 100, at(60)));
    assert!(!container.add_memory(&mut usage, -1, at(60)));
    let eight_days = 8 * 24 * 3600;
    assert!(!usage.is_expired(at(60 + eight_days - 1)));
    assert!(usage.is_expired(at(60 + eight_days)));
}

#[test]
fn a_sample_weighs_half_after_a_half_life() {
    let mut histogram = DecayingHistogram::new(Buckets::cpu(), Duration::from_secs(3600));
    histogram.add(1.0, 1.0, at(0));
    histogram.add(4.0, 0.4, at(3600));
    // Old 1.0 against new 0.8: the median is the old one, the 60 % quantile the new one.
    assert!(histogram.percentile(0.5) < 2.0);
    assert!(histogram.percentile(0.6) > 3.0);
    // The reference moves a thousand half-lives on, and what was is forgotten.
    histogram.add(0.5, 1.0, at(3600 * 1000));
    assert!(histogram.percentile(0.99) < 1.0);
}

fn amounts(cpu_milli: i64, memory_bytes: i64) -> Amounts {
    Amounts {
        cpu_milli,
        memory_bytes,
    }
}

fn recommendation() -> Recommendation {
    Recommendation {
        target: amounts(400, GIB),
        lower: amounts(200, GIB / 2),
        upper: amounts(800, 2 * GIB),
        uncapped: amounts(400, GIB),
    }
}

fn pod(name: &str, cpu_milli: i64, age_secs: i64) -> UpdatedPod {
    UpdatedPod {
        name: name.into(),
        started: Some(at(-age_secs)),
        is_pending: false,
        requests: SortedMap::from([("app".into(), (Some(cpu_milli), Some(GIB)))]),
        oom_after: None,
        resize: None,
    }
}

#[track_caller]
fn check_evictions(pods: &[UpdatedPod], configured: usize, expected: &[&str]) {
    let recommended = SortedMap::from([("app".into(), recommendation())]);
    let settings = UpdaterSettings::default();
    let names = evictions(&settings, at(0), pods, &recommended, configured);
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    assert_eq!(names, expected);
}

#[test]
fn pods_outside_of_their_range_go_first_and_half_of_the_group_stays() {
    let day = 24 * 3600;
    let pods = [
        pod("within", 380, day),
        pod("old", 500, day),
        pod("large", 900, 60),
        pod("small", 100, 60),
    ];
    check_evictions(&pods, 4, &["small", "large"]);
    check_evictions(&pods[..2], 2, &["old"]);
    check_evictions(&pods[3..], 1, &[]);
    check_evictions(&[pod("young", 500, 60), pod("young-too", 500, 60)], 2, &[]);
}

#[test]
fn a_pod_killed_for_its_memory_soon_after_its_start_is_updated() {
    let mut killed = pod("killed", 500, 300);
    killed.oom_after = Some(Duration::from_secs(200));
    check_evictions(&[killed.clone(), pod("other", 400, 60)], 2, &["killed"]);
    killed.oom_after = Some(Duration::from_secs(700));
    check_evictions(&[killed, pod("other", 400, 60)], 2, &[]);
}

#[test]
fn admission_keeps_the_proportion_of_limits() {
    let stated = ContainerResources {
        cpu: RequestLimit {
            request: Some(100),
            limit: Some(300),
        },
        memory: RequestLimit {
            request: None,
            limit: Some(GIB / 2),
        },
    };
    let mut policy = ContainerPolicy::default();
    let given = admit(stated, recommendation().target, &policy);
    assert_eq!(given.cpu.limit, Some(1200));
    assert_eq!(given.memory.limit, Some(GIB));
    policy.requests_only = true;
    let given = admit(stated, recommendation().target, &policy);
    assert_eq!((given.cpu.request, given.cpu.limit), (Some(400), Some(300)));
}

#[test]
fn a_policy_clips_and_is_checked() {
    let policy = ContainerPolicy {
        min_allowed: amounts(500, 0),
        max_allowed: amounts(450, 0),
        ..ContainerPolicy::default()
    };
    let told = policy.findings("VerticalPodAutoscaler default/web", "policy");
    assert_eq!(
        told[0].to_string(),
        "VerticalPodAutoscaler default/web: policy.minAllowed.cpu: 500 is above maxAllowed 450; \
         lower it, or raise maxAllowed"
    );
}

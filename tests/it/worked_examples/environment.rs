//! Failures and what surrounds a cluster, in numbers (spec: orchestrators-b.md 10.1 to 10.3,
//! published-results.md 8.2).

use windtunnel::rng::{Distribution, Law};
use windtunnel::sim::failures::{
    interrupted_within, interruptions_per_month, kept_by_month, unavailability,
};
use windtunnel::systems::parts::speculation::{Progress, copied};
use windtunnel::units::{Duration, SortedMap};

use crate::failure_runs::{LANL, read_log};
use crate::shared;

const DAY: f64 = 86_400.0;
const HOUR: f64 = 3_600.0;
const YEAR: f64 = 365.0 * DAY;

#[track_caller]
fn near(found: f64, expected: f64, relative: f64) {
    let apart = ((found - expected) / expected).abs();
    assert!(apart <= relative, "{found}, not {expected}");
}

fn span(secs: f64) -> Duration {
    Duration::checked_from_secs_f64(secs).expect("a duration")
}

#[test]
fn times_follow_from_u_by_inversion() {
    let u = [0.1_f64, 0.5, 0.9];
    let exponential: Distribution = "exponential(100s)".parse().expect("a law");
    for u in u {
        near(
            exponential.inverse(u).as_secs_f64(),
            -100.0 * (1.0 - u).ln(),
            1e-9,
        );
    }
    // 264 days on average with a shape of 0.7.
    let law = Law::weibull_of_mean(span(264.0 * DAY), 0.7);
    let Law::Weibull { scale, .. } = &law else {
        panic!("it is one of Weibull");
    };
    near(scale.as_secs_f64() / DAY, 208.560, 1e-5);
    let weibull = Distribution::new(law).expect("a law");
    for (u, days) in u.into_iter().zip([8.376, 123.549, 686.565]) {
        near(weibull.inverse(u).as_secs_f64() / DAY, days, 1e-4);
    }
    // Repairs of 355 min on average with a median of 54 min.
    let law = Law::log_normal_of_mean(span(54.0 * 60.0), span(355.0 * 60.0));
    let Law::LogNormal { median, sigma } = &law else {
        panic!("it is a log-normal one");
    };
    near((median.as_secs_f64() / 60.0).ln(), 3.98898, 1e-5);
    near(*sigma, 1.94069, 1e-5);
    let repairs = Distribution::new(law).expect("a law");
    for (u, minutes) in u.into_iter().zip([4.49, 54.0, 649.4]) {
        near(repairs.inverse(u).as_secs_f64() / 60.0, minutes, 1e-3);
    }
}

#[test]
fn what_fails_with_the_first_of_its_parts_fails_sooner() {
    let exponential = Law::Exponential {
        mean: span(1_000.0 * HOUR),
    };
    let Law::Exponential { mean } = exponential.first_of(8) else {
        panic!("it stays exponential");
    };
    near(mean.as_secs_f64() / HOUR, 125.0, 1e-9);
    let Law::Weibull { scale, .. } = Law::weibull_of_mean(span(264.0 * DAY), 0.7).first_of(100)
    else {
        panic!("it stays one of Weibull");
    };
    near(
        scale.as_secs_f64() / DAY,
        208.560 * 100_f64.powf(-1.0 / 0.7),
        1e-5,
    );
}

/// The mean time between failures that a law of a scenario has.
fn mean_of(text: &str) -> f64 {
    let law: Distribution = text.parse().expect("a law");
    law.mean().expect("it has one").as_secs_f64()
}

#[test]
fn published_rates_are_means_of_laws() {
    // About 1,000 failures a year of 1,800 machines; 20 of 45 racks of 40.
    near(1_800.0 / 1_000.0 * YEAR / DAY, 657.0, 1e-3);
    near(mean_of("exponential(657d)"), 657.0 * DAY, 1e-9);
    near(45.0 / 20.0 * YEAR / DAY, 821.0, 1e-3);
    // Machine-hours lost a year.
    for (events, machines, hours, lost) in [
        (20.0, 60.0, 3.5, 4_200.0),
        (1.0, 750.0, 6.0, 4_500.0),
        (0.5, 1_800.0, 36.0, 32_400.0),
        (1.0, 1_800.0 * 0.05, 48.0, 4_320.0),
    ] {
        near(events * machines * hours, lost, 1e-9);
    }
    // 419 interruptions in 54 days of 2,048 nodes: the first of so many nodes.
    let between = 54.0 * 24.0 / 419.0;
    near(between, 3.093, 1e-4);
    let node = Law::Exponential {
        mean: span(between * HOUR * 2_048.0),
    };
    let Law::Exponential { mean } = &node else {
        unreachable!()
    };
    near(mean.as_secs_f64() / DAY, 263.9, 1e-3);
    near(1_000.0 * DAY / mean.as_secs_f64(), 3.789, 1e-3);
    // 6.5 failures in 1,000 node-days.
    let per_node = span(1_000.0 / 6.5 * DAY);
    for (nodes, hours) in [(2_048, 1.803), (16_384, 0.23)] {
        let Law::Exponential { mean } = (Law::Exponential { mean: per_node }).first_of(nodes)
        else {
            panic!("it stays exponential");
        };
        near(mean.as_secs_f64() / HOUR, hours, 3e-2);
    }
}

#[test]
fn a_node_is_down_with_its_rack_and_its_power() {
    let node = unavailability([(264.0 * 24.0, 1.0)]);
    near(node, 1.578e-4, 1e-3);
    let rack = unavailability([(8_760.0 / 0.444, 3.5)]);
    near(rack, 1.776e-4, 2e-3);
    let power = unavailability([(8_760.0, 6.0)]);
    near(power, 6.849e-4, 1e-3);
    let all = unavailability([(264.0 * 24.0, 1.0), (8_760.0 / 0.444, 3.5), (8_760.0, 6.0)]);
    near(all, 1.0200e-3, 1e-3);
}

#[test]
fn spot_capacity_by_the_month() {
    let rate = interruptions_per_month(0.05);
    near(rate, 0.05129, 1e-4);
    near(1.0 / rate, 19.5, 1e-3);
    near(interrupted_within(rate, 7.0), 0.01190, 1e-3);
    let kept = kept_by_month(0.05)
        .and_then(|law| law.mean())
        .expect("a law with a mean");
    near(kept.as_secs_f64() / (30.0 * DAY), 19.5, 1e-3);
}

#[test]
fn the_task_with_the_longest_way_to_go_is_copied() {
    let tasks =
        [(0.9, 90.0), (0.3, 60.0), (0.5, 50.0)].map(|(share, elapsed)| Progress { share, elapsed });
    for (task, left) in tasks.iter().zip([10.0, 140.0, 50.0]) {
        near(task.left(), left, 1e-9);
    }
    assert_eq!(copied(&tasks), Some(1));
}

#[test]
fn the_log_of_los_alamos_has_the_published_shape() {
    let Some(file) = shared::reference(LANL) else {
        return;
    };
    let log = read_log(&file);
    // Minutes down of every row that has some; the shipped log lacks three systems.
    let logs: Vec<f64> = { log.iter() }
        .filter_map(|row| row.minutes.filter(|&minutes| minutes > 0.0))
        .map(f64::ln)
        .collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let variance = logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / logs.len() as f64;
    near(mean, 4.14, 0.005);
    near(variance.sqrt(), 1.34, 0.01);
    for (system, shape, scale) in [
        ("20", 0.48, 1_285.0),
        ("18", 0.67, 3_268.0),
        ("2", 0.64, 261.0),
    ] {
        let mut starts: SortedMap<&str, Vec<i64>> = SortedMap::new();
        for row in log.iter().filter(|row| row.system == system) {
            starts.entry(&row.node).or_default().push(row.started);
        }
        let mut gaps = Vec::new();
        for starts in starts.values_mut() {
            starts.sort_unstable();
            let hours = starts
                .windows(2)
                .map(|pair| (pair[1] - pair[0]) as f64 / 60.0);
            gaps.extend(hours.filter(|gap| *gap > 0.0));
        }
        let (found, fitted) = weibull_of(&gaps);
        near(found, shape, 0.011);
        near(fitted, scale, 0.001);
    }
}

/// Shape and scale of the law of Weibull under which values are likeliest.
fn weibull_of(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|x| x.ln()).sum::<f64>() / count;
    let mut shape = 1.0;
    for _ in 0..50 {
        let sum = |power: i32| -> f64 {
            values
                .iter()
                .map(|x| x.powf(shape) * x.ln().powi(power))
                .sum()
        };
        let (none, one, two) = (sum(0), sum(1), sum(2));
        let value = one / none - 1.0 / shape - mean;
        let slope = two / none - (one / none).powi(2) + 1.0 / (shape * shape);
        shape -= value / slope;
    }
    let scale = values.iter().map(|x| x.powf(shape)).sum::<f64>() / count;
    (shape, scale.powf(1.0 / shape))
}

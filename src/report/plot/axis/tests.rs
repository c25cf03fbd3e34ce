//! Tests of where axes end and of what stands at their ticks.

use super::*;

fn labels(axis: &Axis) -> Vec<&str> {
    axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
}

#[test]
fn axes_end_at_round_numbers() {
    let check = |value: f64, expected: f64| {
        assert!(
            (rounded_up(value) - expected).abs() < 1e-9 * expected,
            "{value}"
        );
    };
    check(0.0, 1.0);
    check(f64::NAN, 1.0);
    check(1.0, 1.0);
    check(15.2, 20.0);
    check(10.2, 15.0);
    check(93.1, 100.0);
    check(0.031, 0.04);
    check(1e9, 1e9);
    check(100.000_000_000_1, 100.0);
}

#[test]
fn powers_of_ten_reach_below_one() {
    let check = |least: f64, most: f64, expected: &[&str]| {
        assert_eq!(labels(&Axis::powers("", least, most)), expected);
    };
    check(1.0, 8.0, &["1", "10"]);
    check(20.0, 3_000.0, &["10", "100", "1,000", "10,000"]);
    check(0.05, 3.0, &["0.01", "0.1", "1", "10"]);
    check(0.1, 0.5, &["0.1", "1", "10"]);
    check(1e-9, 1.0, &["0.001", "0.01", "0.1", "1", "10"]);
    check(0.0, 1.0, &["1", "10"]);
}

#[test]
fn amounts_begin_with_zero_and_end_at_the_most() {
    let check = |least: f64, most: f64, expected: &[&str]| {
        let axis = Axis::amounts("", least, most);
        assert_eq!(labels(&axis), expected);
        assert!(axis.from < least && axis.to.total_cmp(&most).is_eq());
    };
    check(1.0, 8.0, &["0", "1", "2", "5"]);
    check(0.12, 8.0, &["0", "0.2", "0.5", "1", "2", "5"]);
    check(
        0.001,
        96_000.0,
        &[
            "0", "0.001", "0.01", "0.1", "1", "10", "100", "1,000", "10,000",
        ],
    );
    check(3.0, 3.0, &["0"]);
}

#[test]
fn round_values_have_round_words() {
    let check = |unit: &str, low: f64, high: f64, expected: &str| {
        let values = round_values(unit, low, high, 4);
        let words: Vec<String> = values.into_iter().map(|(_, words)| words).collect();
        assert_eq!(words.join(" | "), expected, "{unit}");
    };
    check("ratio", 0.846, 0.947, "85 % | 90 %");
    check("ratio", 0.901, 0.909, "90.2 % | 90.4 % | 90.6 % | 90.8 %");
    check("gpus", 329.8, 951.5, "400 GPUs | 600 GPUs | 800 GPUs");
    check("s", 1.0, 14_400.0, "60 min | 2 h | 3 h | 4 h");
    check(
        "steps",
        0.0,
        9_000.0,
        "0 steps | 2,500 steps | 5,000 steps | 7,500 steps",
    );
    check("bytes", 1.0, 8e6, "2 MiB | 4 MiB | 6 MiB");
}

#[test]
fn an_axis_of_a_share_ends_at_the_whole() {
    let ends = |id: &str, low: f64, high: f64| Limits::of(id, &[0.5]).within(low, high);
    assert_eq!(ends("allocation.gpu.end", 0.9, 1.025), (0.9, 1.0));
    assert_eq!(ends("allocation.gpu.end", -0.1, 0.8), (0.0, 0.8));
    assert_eq!(ends("pending_time.mean", -3.0, 90.0), (0.0, 90.0));
    assert_eq!(ends("no.such", -3.0, 90.0), (0.0, 90.0));
    let difference = Limits::of("no.such", &[-1.0]);
    assert_eq!(difference.within(-1.5, 2.0), (-1.5, 2.0));
}

#[test]
fn ticks_are_round() {
    let check = |axis: Axis, expected: &[&str]| assert_eq!(labels(&axis), expected);
    check(
        Axis::linear("", 0.0, 100.0, 5),
        &["0", "20", "40", "60", "80", "100"],
    );
    check(Axis::linear("", 70.0, 130.0, 4), &["80", "100", "120"]);
    check(
        Axis::linear("", 0.0, 0.04, 4),
        &["0.00", "0.01", "0.02", "0.03", "0.04"],
    );
    check(
        Axis::linear("", 0.0, 1.0, 4),
        &["0.00", "0.25", "0.50", "0.75", "1.00"],
    );
    check(
        Axis::linear("", 0.0, 30_000.0, 3),
        &["0", "10,000", "20,000", "30,000"],
    );
    check(
        Axis::time(Clock::Time, 600.0, 10),
        &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"],
    );
    check(
        Axis::time(Clock::Time, 10_866.0, 7),
        &["0", "30", "60", "90", "120", "150", "180"],
    );
    check(
        Axis::durations(Clock::Time, "", 0.5, 700.0),
        &["0", "1 s", "10 s", "1 min", "10 min"],
    );
}

#[test]
fn equal_factors_take_equal_lengths() {
    let axis = Axis::durations(Clock::Time, "", 2.0, 100.0);
    let check = |value: f64, expected: f64| {
        assert!((axis.position(value) - expected).abs() < 1e-9, "{value}");
    };
    check(0.0, 0.0);
    check(1.0, 0.0);
    check(10.0, 0.5);
    check(100.0, 1.0);
}

//! Patterns of usage and their curves.

use super::*;

fn curve(text: &str, request: i64, scale: Scale) -> (Curve, bool) {
    let pattern: Pattern = text.parse().expect("a pattern");
    Curve::of(&pattern, request, scale, &|_| None).expect("a curve")
}

fn at(text: &str, secs: i64, since: i64) -> i64 {
    let (curve, _) = curve(text, 1000, Scale::Cpu);
    curve.at(Instant::from_secs(secs), Instant::from_secs(since))
}

#[test]
fn values_follow_from_the_text() {
    for (text, secs, since, expected) in [
        ("250m", 7, 0, 250),
        ("60%", 7, 0, 600),
        ("0.5", 7, 0, 500),
        ("sine(500m, 400m, 24h, 12h)", 12 * 3600, 0, 900),
        ("sine(500m, 400m, 24h, 12h)", 0, 0, 100),
        ("sine(500m, 400m, 24h, 12h)", 6 * 3600, 0, 500),
        // Never less than nothing.
        ("sine(100m, 400m, 24h, 12h)", 0, 0, 0),
        ("ramp(100m, 50m, 1h)", 3600 * 3, 3600, 200),
        ("ramp(100m, 50m, 1h, 120m)", 3600 * 3, 3600, 120),
        ("steps(0s: 100m, 1h: 400m)", 3599, 0, 100),
        ("steps(0s: 100m, 1h: 400m)", 3600, 0, 400),
        ("steps(1h: 400m)", 0, 0, 400),
        ("recorded(0s: 100m, 1h: 400m)", 3600, 1, 100),
        ("recorded(0s: 100m, 1h: 400m)", 3601, 1, 400),
    ] {
        assert_eq!(at(text, secs, since), expected, "{text} at {secs} s");
    }
    assert!(curve("shared(2)", 0, Scale::Cpu).1);
    assert_eq!(curve("1Gi", 0, Scale::Memory).0, Curve::Constant(1 << 30));
}

#[test]
fn a_level_is_reached_when_the_value_first_is() {
    let now = Instant::from_secs(100);
    for text in [
        "250m",
        "sine(500m, 400m, 24h, 12h)",
        "ramp(100m, 50m, 1h)",
        "steps(0s: 100m, 1h: 400m, 2h: 50m)",
        "recorded(0s: 100m, 1h: 400m, 2h: 50m)",
    ] {
        let (curve, _) = curve(text, 1000, Scale::Cpu);
        for level in [0, 200, 250, 399, 880, 901] {
            let since = Instant::from_secs(50);
            let Some(reached) = curve.reaches(level, now, since) else {
                let ever = (0..48 * 60).map(|m| curve.at(now + Duration::from_secs(m * 60), since));
                assert!(ever.max() < Some(level), "{text} {level}");
                continue;
            };
            assert!(curve.at(reached, since) >= level, "{text} {level}");
            let before = Instant::from_nanos(reached.since(Instant::ZERO).as_nanos() - 1);
            assert!(
                reached == now || curve.at(before, since) < level,
                "{text} {level}"
            );
        }
    }
}

#[test]
fn what_is_no_pattern_says_why() {
    for (text, part) in [
        ("-1", "negative"),
        ("lots", "neither an amount"),
        ("sin(1, 2, 3h)", "`sin` is unknown"),
        ("sine(1, 2)", "MEAN, AMPLITUDE, PERIOD"),
        ("sine(1, 2, 0s)", "more than 0s"),
        ("ramp(1, 2, 1h", "closing bracket"),
        ("steps(1h: 1, 1h: 2)", "must increase"),
        ("steps(1h 1)", "not a step"),
        (
            "recorded(0s: 1, 0s: 2)",
            "times of `recorded` must increase",
        ),
        ("shared(shared(1))", "twice"),
        ("200000%", "thousand times"),
    ] {
        let error = text.parse::<Pattern>().expect_err(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn the_next_step_counts_on_the_clock_of_its_curve() {
    let next = |text: &str, secs: i64| {
        let (curve, _) = curve(text, 1000, Scale::Cpu);
        curve.next_step(Instant::from_secs(secs), Instant::from_secs(50))
    };
    for (text, secs, expected) in [
        ("steps(0s: 1, 100s: 2)", 60, Some(100)),
        ("recorded(0s: 1, 100s: 2)", 60, Some(150)),
        ("recorded(0s: 1, 100s: 2)", 150, None),
        ("ramp(1, 1, 1h)", 60, None),
        ("60%", 60, None),
    ] {
        let expected = expected.map(Instant::from_secs);
        assert_eq!(next(text, secs), expected, "{text} at {secs} s");
    }
}

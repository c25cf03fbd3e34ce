//! Reading and printing: round trips and messages.

use proptest::prelude::*;

use super::{Distribution, Law};
use crate::Stream;
use units::Duration;

fn read(text: &str) -> Distribution {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_is_printed_reads_back() {
    for (text, printed) in [
        ("5s", "constant(5s)"),
        (" 1.5h ", "constant(1h30m)"),
        ("0", "constant(0s)"),
        ("constant(5s)", "constant(5s)"),
        ("uniform( 1s ,2s )", "uniform(1s, 2s)"),
        ("uniform(1s, 1s)", "uniform(1s, 1s)"),
        ("exponential(90m)", "exponential(1h30m)"),
        ("lognormal(400ms, 0.50)", "lognormal(400ms, 0.5)"),
        ("lognormal(400ms, 0)", "lognormal(400ms, 0)"),
        ("weibull (30d, 7e-1)", "weibull(30d, 0.7)"),
        ("gamma(2, 3s)", "gamma(2, 3s)"),
        ("gamma(1e-9, 3s)", "gamma(1e-9, 3s)"),
        ("pareto(1s, 1.5e20)", "pareto(1s, 1.5e20)"),
        (
            "empirical(data/durations.csv)",
            "empirical(data/durations.csv)",
        ),
        ("empirical(\"a, b (2).csv\")", "empirical(\"a, b (2).csv\")"),
        ("empirical(\"plain.csv\")", "empirical(plain.csv)"),
        (
            r#"empirical("say \"x\" \\ y")"#,
            r#"empirical("say \"x\" \\ y")"#,
        ),
        (
            "truncated(exponential(1h), 1m, 1d)",
            "truncated(exponential(1h), 1m, 1d)",
        ),
        ("truncated(5s, 1s, 10s)", "truncated(constant(5s), 1s, 10s)"),
        (
            "truncated(truncated(gamma(2, 1s), 0s, 1h), 1s, 2s)",
            "truncated(truncated(gamma(2, 1s), 0s, 1h), 1s, 2s)",
        ),
    ] {
        let distribution = read(text);
        assert_eq!(distribution.to_string(), printed, "{text}");
        assert_eq!(read(printed), distribution, "{printed}");
    }
}

/// Text, the character the message points at (from 1), and the message.
fn check_messages(table: &[(&str, usize, &str)]) {
    for &(text, character, problem) in table {
        let error = text.parse::<Distribution>().expect_err(text);
        assert_eq!(
            error.to_string(),
            format!("`{text}`, character {character}: {problem}")
        );
        assert!(
            text.is_char_boundary(error.at) && error.at + error.length <= text.len(),
            "{text}"
        );
    }
}

#[test]
fn unknown_words_are_named() {
    let expected =
        "expected a duration such as `5s` or a distribution such as `lognormal(400ms, 0.5)`";
    let names = "expected one of constant, uniform, exponential, lognormal, weibull, gamma, \
                 pareto, empirical, truncated";
    check_messages(&[
        ("", 1, expected),
        ("(5s)", 1, expected),
        (
            "5",
            1,
            "DURATION: `5` is not a number followed by a unit, such as `90s`",
        ),
        (
            "5 s",
            1,
            "DURATION: unknown unit ` s`: expected one of ns us ms s m h d w",
        ),
        ("5s)", 3, "expected nothing after the distribution"),
        (
            "constant(5s) x",
            14,
            "expected nothing after the distribution",
        ),
        (
            "Weibul(5s, 1)",
            1,
            "unknown distribution `Weibul`: did you mean `weibull`?",
        ),
        (
            "log-normal(5s, 1)",
            1,
            "unknown distribution `log-normal`: did you mean `lognormal`?",
        ),
        (
            "normal(5s, 1s)",
            1,
            &format!("unknown distribution `normal`: {names}"),
        ),
        (
            "truncated(\u{b5}(1s), 1s, 2s)",
            11,
            &format!("unknown distribution `\u{b5}`: {names}"),
        ),
    ]);
}

#[test]
fn wrong_arguments_say_where_and_what_was_expected() {
    let form = "the form is lognormal(MEDIAN, SIGMA)";
    let number = "SIGMA: expected a number without a unit, such as 0.5";
    check_messages(&[
        (
            "lognormal",
            10,
            "expected `(`, as in lognormal(MEDIAN, SIGMA)",
        ),
        (
            "lognormal(",
            11,
            "MEDIAN: a duration is expected, such as `90s`, `1.5h` or `2d12h`",
        ),
        (
            "lognormal(400, 0.5)",
            11,
            "MEDIAN: `400` is not a number followed by a unit, such as `90s`",
        ),
        (
            "lognormal(5s",
            13,
            &format!("expected `,` and SIGMA: {form}"),
        ),
        (
            "lognormal(5s)",
            13,
            &format!("expected `,` and SIGMA: {form}"),
        ),
        ("lognormal(5s, 1", 16, &format!("expected `)`: {form}")),
        ("lognormal(5s, 1, 2)", 16, &format!("expected `)`: {form}")),
        ("lognormal(5s, )", 15, number),
        ("lognormal(5s, 1s)", 15, &format!("{number}, found `1s`")),
        ("lognormal(5s, nan)", 15, &format!("{number}, found `nan`")),
        ("empirical()", 11, "FILE: expected a file name"),
        ("empirical(\"\")", 11, "FILE: expected a file name"),
        (
            "empirical(\"a",
            11,
            "FILE: expected `\"` after the file name",
        ),
        (
            "truncated(5s, 1s)",
            17,
            "expected `,` and MAX: the form is truncated(D, MIN, MAX)",
        ),
    ]);
}

#[test]
fn wrong_parameters_are_pointed_at() {
    check_messages(&[
        ("-5s", 1, "DURATION must not be negative, not -5s"),
        ("uniform(-1s, 2s)", 9, "MIN must not be negative, not -1s"),
        (
            "uniform(2s, 1s)",
            13,
            "MAX must be at least MIN (2s), not 1s",
        ),
        ("exponential(0s)", 13, "MEAN must be longer than 0s, not 0s"),
        (
            "lognormal(0s, 1)",
            11,
            "MEDIAN must be longer than 0s, not 0s",
        ),
        (
            "lognormal(1s, -0.5)",
            15,
            "SIGMA must be a finite number of at least 0, not -0.5",
        ),
        (
            "weibull(30d, 0)",
            14,
            "SHAPE must be a finite number above 0, not 0",
        ),
        ("weibull(0s, 1)", 9, "SCALE must be longer than 0s, not 0s"),
        (
            "gamma(-2, 1s)",
            7,
            "SHAPE must be a finite number above 0, not -2",
        ),
        ("gamma(2, 0s)", 10, "SCALE must be longer than 0s, not 0s"),
        ("pareto(0s, 1)", 8, "MIN must be longer than 0s, not 0s"),
        (
            "pareto(1s, 0)",
            12,
            "ALPHA must be a finite number above 0, not 0",
        ),
        (
            "truncated(exponential(1s), 5s, 4s)",
            32,
            "MAX must be at least MIN (5s), not 4s",
        ),
        (
            "truncated(uniform(1s, 2s), 3s, 4s)",
            28,
            "almost nothing of uniform(1s, 2s) lies between 3s and 4s: widen the bounds",
        ),
        (
            "truncated(5s, 6s, 7s)",
            15,
            "nothing of constant(5s) lies between 6s and 7s: widen the bounds",
        ),
        (
            "truncated(weibull(1s, 0), 1s, 2s)",
            23,
            "SHAPE must be a finite number above 0, not 0",
        ),
    ]);
}

#[test]
fn nesting_has_a_bound_and_long_texts_are_cut_in_messages() {
    let deep = format!("{}5s", "truncated(".repeat(10_000))
        .parse::<Distribution>()
        .unwrap_err();
    assert_eq!(deep.problem, "nested deeper than 8 levels");
    assert!(deep.to_string().len() < 200, "{deep}");
    let long = format!(
        "truncated({}5s{}",
        "truncated(".repeat(7),
        ", 1s, 9s)".repeat(8)
    );
    assert_eq!(read(&long).to_string().matches("truncated").count(), 8);
}

/// Laws with parameters over their whole range.
fn laws() -> impl Strategy<Value = Law> {
    let duration = || (1..=i64::MAX).prop_map(Duration::from_nanos);
    let number = || prop_oneof![1e-3..1e3, 1e-300..1e300];
    prop_oneof![
        duration().prop_map(Law::Constant),
        (duration(), duration()).prop_map(|(a, b)| Law::Uniform {
            min: a.min(b),
            max: a.max(b)
        }),
        duration().prop_map(|mean| Law::Exponential { mean }),
        (duration(), number()).prop_map(|(median, sigma)| Law::LogNormal { median, sigma }),
        (duration(), number()).prop_map(|(scale, shape)| Law::Weibull { scale, shape }),
        (duration(), number()).prop_map(|(scale, shape)| Law::Gamma { shape, scale }),
        (duration(), number()).prop_map(|(min, alpha)| Law::Pareto { min, alpha }),
        "[^\\s].{0,12}[^\\s]".prop_map(|file| Law::Empirical { file, values: None }),
    ]
}

proptest! {
    #[test]
    fn every_law_prints_as_text_that_reads_back(law in laws(), bounds in any::<[u32; 2]>()) {
        let mut distribution = Distribution::new(law).map_err(|e| TestCaseError::fail(e.problem))?;
        let [low, high] = bounds.map(|secs| Duration::from_secs(i64::from(secs)));
        let (min, max) = (low.min(high), low.max(high));
        for _ in 0..2 {
            let text = distribution.to_string();
            prop_assert_eq!(text.parse::<Distribution>(), Ok(distribution.clone()), "{}", text);
            if distribution.missing_file().is_none() {
                let sample = distribution.sample(&mut Stream::new(1, "any", 0));
                prop_assert!(sample >= Duration::ZERO);
            }
            let _ = distribution.mean();
            let inner = Box::new(distribution);
            match Distribution::new(Law::Truncated { inner, min, max }) {
                Ok(inside) => distribution = inside,
                Err(_) => break,
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(
        text in "(truncated|gamma|empirical|uniform|5s|0.5|[(), \"\\\\])*|.*"
    ) {
        match text.parse::<Distribution>() {
            Ok(law) => prop_assert_eq!(law.to_string().parse::<Distribution>(), Ok(law)),
            Err(error) => prop_assert!(error.to_string().contains("character")),
        }
    }
}

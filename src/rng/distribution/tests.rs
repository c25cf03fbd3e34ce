//! Samples and means: golden values, moments against closed forms, truncations, files.

use super::*;

fn read(text: &str) -> Distribution {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn golden_samples() {
    for (text, samples) in [
        ("constant(5s)", "5s 5s 5s"),
        ("uniform(1s, 2s)", "1.501678532s 1.717879072s 1.318981046s"),
        (
            "exponential(1h)",
            "41m23.264659213s 19m53.234931151s 1h8m33.444942412s",
        ),
        (
            "lognormal(400ms, 0.5)",
            "400.842379ms 533.650298ms 316.141383ms",
        ),
        (
            "weibull(30d, 0.7)",
            "17d15h34m40.187138688s 6d4h40m11.76460032s 36d7h3m59.578295465s",
        ),
        ("gamma(0.5, 2s)", "959.807159ms 455.826726ms 4.359912726s"),
        ("gamma(3, 2s)", "5.347086673s 3.939408837s 3.933153048s"),
        ("pareto(1s, 1.5)", "1.58385829s 1.247285303s 2.142019474s"),
        (
            "truncated(lognormal(400ms, 0.5), 300ms, 500ms)",
            "389.149299ms 432.644303ms 355.542299ms",
        ),
        (
            "truncated(gamma(3, 2s), 1s, 2s)",
            "1.600453095s 1.785957222s 1.420700278s",
        ),
    ] {
        let distribution = read(text);
        let mut stream = Stream::new(42, "golden", 0);
        let drawn = [(); 3]
            .map(|()| distribution.sample(&mut stream).to_string())
            .join(" ");
        assert_eq!(drawn, samples, "{text}");
    }
}

/// Mean and standard deviation of 100,000 samples, in seconds.
fn moments(distribution: &Distribution) -> (f64, f64) {
    let mut stream = Stream::new(1, "moments", 0);
    let samples: Vec<f64> = (0..100_000)
        .map(|_| distribution.sample(&mut stream).as_secs_f64())
        .collect();
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    let variance =
        samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / samples.len() as f64;
    (mean, math::sqrt(variance))
}

#[test]
fn samples_have_the_mean_and_deviation_of_their_law() {
    for (text, mean, deviation) in [
        ("constant(5s)", 5.0, 0.0),
        ("uniform(1s, 3s)", 2.0, 0.577_350),
        ("exponential(10s)", 10.0, 10.0),
        ("lognormal(2s, 0.5)", 2.266_297, 1.207_847),
        ("weibull(10s, 2)", 8.862_269, 4.632_514),
        ("weibull(10s, 0.7)", 12.658_230, 18.511_592),
        ("gamma(3, 2s)", 6.0, 3.464_102),
        ("gamma(0.4, 5s)", 2.0, 3.162_278),
        ("pareto(1s, 5)", 1.25, 0.322_749),
        // An exponential has no memory: from 10 s on it is 10 s later and the same.
        ("truncated(exponential(10s), 10s, 500s)", 20.0, 10.0),
        ("truncated(uniform(0s, 10s), 4s, 5s)", 4.5, 0.288_675),
        // ln 2 / (1 - 1/2)
        ("truncated(pareto(1s, 1), 1s, 2s)", 1.386_294, 0.279_699),
    ] {
        let distribution = read(text);
        let exact = distribution.mean().expect(text).as_secs_f64();
        assert!(
            (exact - mean).abs() < 2e-6 * mean,
            "{text}: mean() is {exact}"
        );
        let (sampled, spread) = moments(&distribution);
        assert!(
            (sampled - mean).abs() <= 5.0 * deviation / 316.0,
            "{text}: {sampled}"
        );
        assert!(
            (spread - deviation).abs() <= 0.04 * deviation,
            "{text}: {spread}"
        );
    }
}

#[test]
fn truncations_keep_shape_and_bounds() {
    for inner in [
        "lognormal(10s, 1)",
        "weibull(10s, 0.7)",
        "gamma(0.7, 10s)",
        "gamma(9, 1s)",
    ] {
        let whole = read(inner);
        let text = format!("truncated({inner}, 3s, 20s)");
        let truncated = read(&text);
        // Rejection from the whole law is the definition.
        let mut stream = Stream::new(3, "rejection", 0);
        let (mut sum, mut count) = (0.0, 0.0);
        for _ in 0..100_000 {
            let sample = whole.sample(&mut stream).as_secs_f64();
            if (3.0..=20.0).contains(&sample) {
                sum += sample;
                count += 1.0;
            }
        }
        let mean = truncated
            .mean()
            .expect("a bounded law has a mean")
            .as_secs_f64();
        assert!(
            (mean - sum / count).abs() < 0.1,
            "{text}: {mean} {}",
            sum / count
        );
        let mut total = 0.0;
        for _ in 0..5_000 {
            let sample = truncated.sample(&mut stream).as_secs_f64();
            assert!((3.0..=20.0).contains(&sample), "{text}: {sample}");
            total += sample;
        }
        assert!(
            (total / 5_000.0 - mean).abs() < 0.4,
            "{text}: {mean} {}",
            total / 5_000.0
        );
    }
}

#[test]
fn means_that_do_not_exist_are_none_and_extreme_samples_stay_durations() {
    for text in [
        "pareto(1s, 1)",
        "pareto(1s, 0.5)",
        "lognormal(1s, 40)",
        "empirical(a.csv)",
    ] {
        assert_eq!(read(text).mean(), None, "{text}");
    }
    for text in [
        "pareto(1s, 1e-300)",
        "lognormal(1s, 1e300)",
        "weibull(1s, 1e-300)",
        "gamma(1e-300, 1s)",
        "gamma(1e300, 1s)",
        "uniform(0s, 106751d)",
        "truncated(pareto(1ns, 0.001), 0s, 106751d)",
    ] {
        let distribution = read(text);
        let mut stream = Stream::new(1, "extremes", 0);
        for _ in 0..200 {
            assert!(distribution.sample(&mut stream) >= Duration::ZERO, "{text}");
        }
        let _ = distribution.mean();
    }
}

#[test]
fn empirical_laws_draw_the_attached_values_evenly() {
    let law = read("empirical(d.csv)");
    assert_eq!(law.missing_file(), Some("d.csv"));
    let law = law.with_values(vec![3.0, 1.0, 2.0, 1.0]).unwrap();
    assert_eq!(law.missing_file(), None);
    assert_eq!(law.mean(), Some(Duration::from_millis(1_750)));
    let (mean, deviation) = moments(&law);
    assert!(
        (mean - 1.75).abs() < 0.01 && (deviation - 0.829).abs() < 0.01,
        "{mean} {deviation}"
    );

    let truncated = read("truncated(truncated(empirical(d.csv), 1s, 9s), 2s, 3s)");
    assert_eq!(truncated.missing_file(), Some("d.csv"));
    let truncated = truncated.with_values(vec![0.5, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(truncated.mean(), Some(Duration::from_millis(2_500)));

    for (values, problem) in [
        (vec![], "`d.csv` has no values: expected at least one"),
        (
            vec![1.0, -1.0],
            "value 2 of `d.csv` is -1: expected seconds from 0 to 9.2e9",
        ),
        (
            vec![f64::NAN],
            "value 1 of `d.csv` is NaN: expected seconds from 0 to 9.2e9",
        ),
        (
            vec![1e300],
            "value 1 of `d.csv` is 1e300: expected seconds from 0 to 9.2e9",
        ),
        (
            vec![7.0],
            "nothing of empirical(d.csv) lies between 2s and 3s: widen the bounds",
        ),
    ] {
        let law = read("truncated(empirical(d.csv), 2s, 3s)");
        assert_eq!(law.with_values(values).unwrap_err().to_string(), problem);
    }
}

#[test]
fn one_sample_takes_one_draw_unless_it_is_a_gamma() {
    for text in [
        "uniform(1s, 2s)",
        "exponential(1s)",
        "lognormal(1s, 1)",
        "weibull(1s, 2)",
        "pareto(1s, 2)",
        "truncated(gamma(2, 1s), 1s, 2s)",
    ] {
        let (mut sampled, mut drawn) = (Stream::new(1, "draws", 0), Stream::new(1, "draws", 0));
        read(text).sample(&mut sampled);
        drawn.next_u64();
        assert_eq!(sampled, drawn, "{text}");
    }
}

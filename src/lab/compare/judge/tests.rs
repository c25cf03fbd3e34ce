//! Verdicts on made-up pairs.

use super::*;

fn question(direction: Direction, gated: bool) -> Question {
    Question {
        metric: "pending_time.mean".to_owned(),
        unit: "s".to_owned(),
        direction,
        threshold: Threshold::Relative(0.02),
        gated,
    }
}

fn pairs(base: &[f64], head: &[f64]) -> Pairs {
    Pairs {
        base: base.iter().copied().map(Some).collect(),
        head: head.iter().copied().map(Some).collect(),
        ..Pairs::default()
    }
}

fn judged(question: &Question, pairs: &Pairs) -> Judgement {
    let resamples = Resamples::draw(1, pairs.base.len(), 1_000);
    let mut found = measure(question, pairs, &resamples);
    decide(std::iter::once(&mut found));
    found
}

/// Twelve values between 100 and 111.
fn wave(shift: i32) -> Vec<f64> {
    (0..12)
        .map(|i| 100.0 + f64::from((i * 7 + shift) % 12))
        .collect()
}

#[test]
fn every_word() {
    let (wave, other) = (wave(0), wave(6));
    let plus = |amount: f64| -> Vec<f64> {
        let values = wave.iter().enumerate();
        values
            .map(|(i, v)| v + amount + 0.01 * (i as f64))
            .collect()
    };
    let lower = question(Direction::Lower, true);
    let check = |question: &Question, head: &[f64], expected: Option<Verdict>| {
        assert_eq!(judged(question, &pairs(&wave, head)).verdict, expected);
    };
    check(&lower, &plus(20.0), Some(Verdict::Regressed));
    check(&lower, &plus(-20.0), Some(Verdict::Improved));
    check(
        &question(Direction::Higher, true),
        &plus(20.0),
        Some(Verdict::Improved),
    );
    check(&question(Direction::None, false), &plus(20.0), None);
    check(&lower, &plus(0.1), Some(Verdict::Equivalent));
    check(&lower, &wave, Some(Verdict::Equivalent));
    check(&lower, &other, Some(Verdict::Inconclusive));
    let mut missing = pairs(&wave, &wave);
    missing.head[3] = None;
    let found = judged(&lower, &missing);
    assert_eq!(found.verdict, Some(Verdict::NotMeasurable));
    assert_eq!((found.points[3], found.points[4]), (None, Some(0.0)));
}

#[test]
fn few_pairs_can_not_decide() {
    let lower = question(Direction::Lower, true);
    let check = |base: &[f64], head: &[f64], expected: Verdict| {
        assert_eq!(
            judged(&lower, &pairs(base, head)).verdict,
            Some(expected),
            "{base:?}"
        );
    };
    check(&[1.0], &[1.0], Verdict::Equivalent);
    check(&[1.0], &[2.0], Verdict::Inconclusive);
    check(&[1.0; 3], &[1.2, 2.9, 1.4], Verdict::Inconclusive);
    check(&[1.0; 3], &[2.0, 2.1, 2.2], Verdict::Regressed);
    let found = judged(&lower, &pairs(&[1.0; 3], &[1.2, 2.9, 1.4]));
    assert_eq!(found.points.len(), 3);
    assert_eq!(found.sign_flip_p, Some(2.0 / 8.0));
    assert_eq!(found.bootstrap, None);
}

/// Copies of one difference have no spread: below six pairs the signs decide nothing.
#[test]
fn equal_differences_are_judged_by_their_signs() {
    let lower = question(Direction::Lower, true);
    let five = judged(&lower, &pairs(&[0.0; 5], &[3.0; 5]));
    assert_eq!(five.verdict, Some(Verdict::Inconclusive));
    assert_eq!((five.interval, five.p), (None, Some(2.0 / 32.0)));
    assert_eq!(five.seeds_needed, Some(SeedsNeeded::exactly(6)));
    let six = judged(&lower, &pairs(&[0.0; 6], &[3.0; 6]));
    assert_eq!(six.verdict, Some(Verdict::Regressed));
    assert_eq!(six.p, Some(2.0 / 64.0));
}

/// Nothing varies, so that one pair is all there is: the threshold decides.
#[test]
fn a_case_without_chance_is_decided_by_its_difference() {
    let lower = question(Direction::Lower, true);
    let check = |head: f64, expected: Verdict| {
        let mut whole = pairs(&[100.0], &[head]);
        whole.is_whole = true;
        assert_eq!(judged(&lower, &whole).verdict, Some(expected), "{head}");
    };
    check(100.0, Verdict::Equivalent);
    check(101.0, Verdict::Equivalent);
    check(103.0, Verdict::Regressed);
    check(90.0, Verdict::Improved);
}

/// Sums in another order differ in their last digit, in every pair by the same sign.
#[test]
fn rounding_is_no_difference() {
    let base = wave(0);
    let head: Vec<f64> = base.iter().map(|value| value - value * 2e-16).collect();
    assert_ne!(base, head);
    let found = judged(&question(Direction::Lower, false), &pairs(&base, &head));
    assert_eq!(
        (found.p, found.p_adjusted, found.signed_rank_p),
        (None, None, None)
    );
    assert_eq!(found.verdict, Some(Verdict::Equivalent));
    assert_eq!(found.difference, Some(0.0));
}

#[test]
fn gated_tests_are_corrected_together() {
    let base = vec![1.0; 20];
    let head = [0.9, 1.4, 1.1, 1.05, 0.85, 1.35, 0.95, 1.25, 1.15, 1.0].repeat(2);
    let resamples = Resamples::draw(1, 20, 10);
    let lower = question(Direction::Lower, true);
    let mut alone = [measure(&lower, &pairs(&base, &head), &resamples)];
    assert_eq!(decide(alone.iter_mut()).gated, 1);
    assert_eq!(alone[0].verdict, Some(Verdict::Regressed));
    let mut four = vec![alone[0].clone(); 4];
    for found in &mut four {
        found.verdict = None;
    }
    assert_eq!(
        decide(four.iter_mut()),
        Tests {
            gated: 4,
            others: 0
        }
    );
    assert_eq!(four[0].verdict, Some(Verdict::Inconclusive));
}

/// −25 % with a wide interval: whether it is better is open, that it is not worse is not.
#[test]
fn not_worse_by_what_matters_is_decided_on_one_side() {
    let mut lower = question(Direction::Lower, true);
    lower.threshold = Threshold::Relative(0.05);
    let base = [100.0; 10];
    let head = [50.0, 99.0, 62.0, 97.0, 70.0, 65.0, 98.0, 80.0, 55.0, 85.0];
    let mut many: Vec<Judgement> = (0..20)
        .map(|_| measure(&lower, &pairs(&base, &head), &Resamples::draw(1, 10, 100)))
        .collect();
    decide(many.iter_mut());
    assert!(many[0].p_adjusted.is_some_and(|p| p > ALPHA), "{many:?}");
    assert_eq!(many[0].verdict, Some(Verdict::NotWorse));
    lower.direction = Direction::Higher;
    let higher = judged(&lower, &pairs(&base, &head));
    assert_eq!(higher.verdict, Some(Verdict::Regressed));
}

#[test]
fn a_baseline_of_zero_has_the_floor_for_tolerance() {
    let mut lower = question(Direction::Lower, true);
    lower.threshold = Threshold::Usual {
        share: 0.02,
        floor: 0.1,
    };
    let base = [0.0; 8];
    let head = [
        1.4e-4, 1.6e-4, 1.5e-4, 1.5e-4, 1.7e-4, 1.3e-4, 1.5e-4, 1.6e-4,
    ];
    let found = judged(&lower, &pairs(&base, &head));
    assert_eq!(found.verdict, Some(Verdict::Equivalent));
    assert!((found.threshold - 0.1).abs() < 1e-15);
    assert!(found.severity() < 0.01, "{}", found.severity());
}

#[test]
fn on_shaken_inputs_point_and_interval_are_those_of_the_shaken_pairs() {
    let lower = question(Direction::Lower, true);
    let mut pairs = pairs(&wave(0), &wave(6));
    pairs.unshaken = Some(Unshaken {
        base: Some(100.0),
        head: Some(106.0),
    });
    let found = judged(&lower, &pairs);
    // It vanishes under shaking: an artefact.
    assert_eq!(found.verdict, Some(Verdict::Inconclusive));
    assert_eq!((found.difference, &found.note), (Some(0.0), &None));
    assert_eq!(found.unshaken, pairs.unshaken);
    let holds = |interval: Option<Interval>, point: Option<f64>| {
        interval
            .zip(point)
            .is_some_and(|(at, point)| at.holds(point))
    };
    assert!(holds(found.interval, found.difference));
    assert!(holds(found.relative_interval, found.relative));
}

/// Perturbations that move a log away from itself tell nothing of it, and are in no family of tests.
#[test]
fn a_log_outside_its_perturbations_has_no_verdict() {
    let lower = question(Direction::Lower, true);
    let head: Vec<f64> = wave(0).iter().map(|value| value * 0.8).collect();
    let of = |base: f64, head_of_log: f64| {
        let mut pairs = pairs(&wave(0), &head);
        pairs.unshaken = Some(Unshaken {
            base: Some(base),
            head: Some(head_of_log),
        });
        let mut found = measure(&lower, &pairs, &Resamples::draw(1, 12, 100));
        let tests = decide(std::iter::once(&mut found));
        (found.verdict, found.note.is_some(), tests.gated)
    };
    assert_eq!(of(105.0, 84.0), (Some(Verdict::Improved), false, 1));
    // The difference alone is another.
    assert_eq!(of(105.0, 86.0), (Some(Verdict::Improved), true, 1));
    assert_eq!(of(100.0, 88.5), (Some(Verdict::Inconclusive), true, 0));
    assert_eq!(of(140.0, 112.0), (Some(Verdict::Inconclusive), true, 0));
}

/// A difference that is one way on the log and the other on its perturbations is said to be.
#[test]
fn a_log_against_its_perturbations_is_noted() {
    let lower = question(Direction::Lower, true);
    let of = |shift: f64| {
        let shaken = [
            -20.0, -15.0, -12.0, -10.0, -9.0, -8.0, -8.0, -7.0, -5.0, -3.0, 1.0, 6.0,
        ];
        let head: Vec<f64> = wave(0)
            .iter()
            .zip(shaken)
            .map(|(own, by)| own + by)
            .collect();
        let mut pairs = pairs(&wave(0), &head);
        pairs.unshaken = Some(Unshaken {
            base: Some(105.0),
            head: Some(105.0 + shift),
        });
        judged(&lower, &pairs)
    };
    let note = of(1.0).note.expect("a note");
    assert!(
        note.ends_with("the difference has another sign than on its perturbations"),
        "{note}"
    );
    assert_eq!(of(-1.0).note, None);
    assert_eq!(of(4.0).verdict, Some(Verdict::Inconclusive));
    assert_eq!(of(4.0).p_adjusted, None);
}

/// Point, interval, relative change and verdict agree with each other on any pairs.
#[test]
fn points_lie_within_their_intervals_and_verdicts_follow_them() {
    let lower = question(Direction::Lower, true);
    let mut seen = units::SortedMap::new();
    for number in 0..400_u64 {
        let mut stream = rng::Stream::new(7, "test-judgements", number);
        let n = 2 + stream.below(20) as usize;
        let shift = stream.standard_normal();
        let (base, head): (Vec<f64>, Vec<f64>) = (0..n)
            .map(|_| {
                let base = 10.0 + stream.standard_normal();
                (base, base + shift + 0.5 * stream.standard_normal())
            })
            .unzip();
        let found = judged(&lower, &pairs(&base, &head));
        let interval = found.interval.expect("an interval");
        assert!(
            interval.holds(found.difference.expect("a point")),
            "{found:?}"
        );
        if let (Some(at), Some(point)) = (found.relative_interval, found.relative) {
            assert!(at.holds(point), "{found:?}");
            assert_eq!(at.holds(0.0), interval.holds(0.0), "{found:?}");
        }
        let verdict = found.verdict.expect("a verdict");
        if interval.holds(0.0) {
            let shown = [Verdict::Regressed, Verdict::Improved];
            assert!(!shown.contains(&verdict), "{found:?}");
        }
        assert_eq!(
            verdict == Verdict::Inconclusive,
            found.seeds_needed.is_some(),
            "{found:?}"
        );
        *seen.entry(verdict).or_insert(0) += 1;
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

/// Draw of a value.
type Draw = fn(&mut rng::Stream) -> f64;

/// Populations of which 20 pairs are seen, by how skewed they are: normal ones, some with a tail, and
/// such as simulations have, where one run in seven takes another course.
const POPULATIONS: [(&str, Draw); 5] = [
    ("normal", rng::Stream::standard_normal),
    ("uniform", rng::Stream::unit_f64),
    ("gamma", |stream| {
        -rng::math::ln(1.0 - stream.unit_f64()) - rng::math::ln(1.0 - stream.unit_f64())
    }),
    ("lognormal", |stream| {
        rng::math::exp(stream.standard_normal())
    }),
    ("far away", |stream| {
        let far = if stream.unit_f64() < 0.14 { 17.0 } else { 0.0 };
        far + stream.standard_normal()
    }),
];

/// An interval holds the mean of its population as often as stated, or is said not to; and a candidate
/// that is worse by just what matters is passed as not worse in no more than one of 20 comparisons.
#[test]
fn skewed_pairs_are_told_or_covered_and_pass_no_worsening() {
    const TRIES: u64 = 2_000;
    const PAIRS: usize = 20;
    let resamples = Resamples::draw(1, PAIRS, 1);
    for (name, draw) in POPULATIONS {
        let mut stream = rng::Stream::new(3, "test-population", 0);
        let all: Vec<f64> = (0..4_000).map(|_| draw(&mut stream)).collect();
        let center = mean(&all).expect("a mean");
        for side in [1.0, -1.0] {
            let (mut honest, mut carried, mut passed) = (0, 0, 0);
            for _ in 0..TRIES {
                let one = |_| side * (all[stream.below(4_000) as usize] - center) + 100.0;
                let head: Vec<f64> = (0..PAIRS).map(one).collect();
                let mut question = question(Direction::Lower, true);
                question.threshold = Threshold::Absolute(100.0);
                let mut found = measure(&question, &pairs(&[0.0; PAIRS], &head), &resamples);
                decide(std::iter::once(&mut found));
                let holds = found.interval.is_some_and(|at| at.holds(100.0));
                honest += usize::from(holds || !found.carried);
                carried += usize::from(found.carried);
                let shown = [Verdict::Equivalent, Verdict::NotWorse, Verdict::Improved];
                passed += usize::from(found.verdict.is_some_and(|own| shown.contains(&own)));
            }
            let share = |count: usize| count as f64 / TRIES as f64;
            let [honest, carried, passed] = [honest, carried, passed].map(share);
            println!(
                "{name} {side}: told or covered {honest:.3}, carried {carried:.3}, passed {passed:.3}"
            );
            assert!(honest >= 0.935, "{name}: {honest}");
            assert!(passed <= 0.06, "{name}: {passed}");
        }
    }
}

/// One catastrophe among twenty equal runs: Student's interval holds zero, and nothing is shown.
#[test]
fn a_rare_catastrophe_is_not_passed() {
    let mut lower = question(Direction::Lower, true);
    lower.threshold = Threshold::Absolute(10.0);
    let mut head = vec![0.0; 20];
    head[7] = 60.0;
    let found = judged(&lower, &pairs(&[0.0; 20], &head));
    assert!(found.not_worse_p.is_some_and(|p| p > ALPHA) || !found.carried);
    assert_eq!(found.verdict, Some(Verdict::Inconclusive));
    assert!(found.note.is_some_and(|note| note.contains("counts")));
    assert!(found.seeds_needed.is_some_and(|seeds| seeds.low > 100));
    // Every single pair within what matters is as good as a sample that is carried.
    head[7] = 6.0;
    let found = judged(&lower, &pairs(&[0.0; 20], &head));
    assert_eq!(
        (found.carried, found.verdict),
        (false, Some(Verdict::Equivalent))
    );
}

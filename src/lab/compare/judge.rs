//! One metric of two candidates: the paired differences, their interval, the tests and the verdict.
//!
//! The verdict follows from these rules, in this order:
//! 1. a value missing on either side in any pair: `not-measurable`;
//! 2. one pair only: `equivalent` if the values are equal, else `inconclusive`;
//! 3. TOST shows the mean difference smaller than the threshold (the 90 % interval lies within it):
//!    `equivalent`;
//! 4. the signed-rank test, corrected for all gated tests (Holm) or all others (Benjamini and
//!    Hochberg), has p ≤ 0.05 and the 95 % interval leaves zero out: `improved` or `regressed`;
//! 5. `inconclusive`, with the seeds that would decide.
//!
//! A metric of which neither direction is better is measured and never called better or worse.

use serde::{Serialize, Serializer};

use crate::statistics::{
    Interval, Resamples, benjamini_hochberg, cliffs_delta, equivalence, hodges_lehmann, holm, mean,
    seeds_to_decide, seeds_to_reach, sign_flip, signed_rank, standardized_mean, student_interval,
};
use metrics::Direction;
use units::plural;

/// The confidence of intervals.
pub const CONFIDENCE: f64 = 0.95;
/// The level of tests.
pub const ALPHA: f64 = 0.05;
/// Below this many pairs the points themselves are shown, and Student's interval.
pub const BOOTSTRAP_MIN: usize = 10;

/// Verdict of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Worse, beyond chance.
    Regressed,
    /// The inputs are not the same: nothing is compared.
    DifferentInputs,
    /// There is no value to compare.
    NotMeasurable,
    /// Too few seeds to tell.
    Inconclusive,
    /// Better, beyond chance.
    Improved,
    /// Shown to differ by less than what matters.
    Equivalent,
}

impl Verdict {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::DifferentInputs => "different-inputs",
            Self::NotMeasurable => "not-measurable",
            Self::Inconclusive => "inconclusive",
            Self::Improved => "improved",
            Self::Equivalent => "equivalent",
        }
    }
}

/// A question about a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The question's id.
    pub metric: String,
    /// The question's unit.
    pub unit: String,
    /// Better direction.
    pub direction: Direction,
    /// The difference that matters.
    pub threshold: Threshold,
    /// Marks one of the gated metrics, which Holm corrects together.
    pub gated: bool,
}

/// The smallest difference that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// A share of the baseline's mean.
    Relative(f64),
    /// An amount in the metric's unit.
    Absolute(f64),
}

/// The values of two candidates, pair by pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// The baseline's.
    pub base: Vec<Option<f64>>,
    /// The other's.
    pub head: Vec<Option<f64>>,
    /// The values on the unshaken input, where the pairs are of shaken ones.
    pub exact: Option<(Option<f64>, Option<f64>)>,
    /// Reason values are missing, where one was given.
    pub reason: Option<String>,
}

/// Writes the name of a direction.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
pub(crate) fn direction_name<S: Serializer>(
    direction: &Direction,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(direction.name())
}

/// One metric of a candidate against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The metric's id.
    pub metric: String,
    /// The judgement's unit; differences and intervals have it too.
    pub unit: String,
    /// Better direction: `higher`, `lower` or `none`.
    #[serde(serialize_with = "direction_name")]
    pub better: Direction,
    /// Marks the judgement of a gated metric.
    pub gated: bool,
    /// The verdict; none where neither direction is better and there is a difference.
    pub verdict: Option<Verdict>,
    /// Pairs.
    pub n: usize,
    /// The baseline's mean, or its value on the unshaken input.
    pub base: Option<f64>,
    /// The candidate's.
    pub head: Option<f64>,
    /// Mean difference, or the exact one on the unshaken input.
    pub difference: Option<f64>,
    /// Mean difference over the pairs, where `difference` is the exact one.
    pub shaken_difference: Option<f64>,
    /// The judgement's 95 % interval: BCa from ten pairs on, else Student's.
    pub interval: Option<Interval>,
    /// Student's 95 % interval.
    pub student: Option<Interval>,
    /// `difference` over the baseline's mean; none where that is zero.
    pub relative: Option<f64>,
    /// Interval of `relative`: BCa of the ratio of means, below ten pairs `interval` over the
    /// baseline's mean.
    pub relative_interval: Option<Interval>,
    /// The differences themselves, where there are fewer than ten.
    pub points: Vec<f64>,
    /// The shift of Hodges and Lehmann.
    pub shift: Option<f64>,
    /// p of the signed-rank test.
    pub p: Option<f64>,
    /// p corrected for all tests of its family.
    pub p_adjusted: Option<f64>,
    /// p of the exact sign-flip test, where there are fewer than ten pairs.
    pub sign_flip_p: Option<f64>,
    /// p of TOST against the threshold.
    pub equivalence_p: Option<f64>,
    /// The difference that matters, in the metric's unit.
    pub threshold: f64,
    /// Standardized mean difference of the pairs.
    pub d_z: Option<f64>,
    /// Cliff's δ.
    pub cliffs_delta: Option<f64>,
    /// Seeds that would decide, where it is inconclusive.
    pub seeds_needed: Option<u64>,
    /// Remark on the judgement.
    pub note: Option<String>,
    #[serde(skip)]
    direction: Option<bool>,
}

/// Measures a metric; the verdict is left to [`decide`], which sees all tests.
pub fn measure(question: &Question, pairs: &Pairs, resamples: &Resamples) -> Judgement {
    let mut judgement = blank(question);
    judgement.n = pairs.base.len().min(pairs.head.len());
    let all = |values: &[Option<f64>]| values.iter().copied().collect::<Option<Vec<f64>>>();
    let finite = |values: Vec<f64>| values.iter().all(|v| v.is_finite()).then_some(values);
    let base = all(&pairs.base).and_then(finite);
    let head = all(&pairs.head).and_then(finite);
    let exact = pairs.exact.map(|(base, head)| (base.zip(head), base, head));
    let known = |values: &Option<Vec<f64>>| values.as_deref().and_then(mean);
    (judgement.base, judgement.head) = match exact {
        Some((_, base, head)) => (base, head),
        None => (known(&base), known(&head)),
    };
    let (Some(base), Some(head)) = (base, head) else {
        return not_measurable(judgement, pairs);
    };
    if judgement.n == 0 || exact.is_some_and(|(both, ..)| both.is_none()) {
        return not_measurable(judgement, pairs);
    }
    let differences: Vec<f64> = base.iter().zip(&head).map(|(b, h)| h - b).collect();
    let average = mean(&differences);
    judgement.difference = match exact {
        Some((both, ..)) => both.map(|(base, head)| head - base),
        None => average,
    };
    judgement.shaken_difference = exact.and(average);
    let level = judgement.base.unwrap_or(0.0).abs();
    judgement.threshold = match question.threshold {
        Threshold::Relative(share) => share * level,
        Threshold::Absolute(amount) => amount,
    };
    judgement.student = student_interval(&differences, CONFIDENCE);
    let is_testable = differences.iter().any(|difference| difference.abs() > 0.0);
    judgement.interval = if judgement.n >= BOOTSTRAP_MIN {
        resamples.interval_of_mean(&differences, CONFIDENCE)
    } else {
        judgement.points.clone_from(&differences);
        judgement.sign_flip_p = sign_flip(&differences).filter(|_| judgement.n > 1);
        judgement.student
    };
    if level > 0.0 {
        judgement.relative = judgement.difference.map(|difference| difference / level);
        let scaled = || judgement.interval.map(|interval| interval.over(level));
        let of_change = (judgement.n >= BOOTSTRAP_MIN && is_testable)
            .then(|| resamples.interval_of_change(&base, &head, CONFIDENCE))
            .flatten();
        // What is never negative can't fall by more than all of it, whatever a symmetric interval says.
        let is_amount = base.iter().chain(&head).all(|&value| value >= 0.0);
        let least = if is_amount { -1.0 } else { f64::NEG_INFINITY };
        let relative = of_change.or_else(scaled);
        judgement.relative_interval = relative.map(|interval| Interval {
            low: interval.low.max(least),
            high: interval.high.max(least),
        });
    }
    if judgement.n > 1 {
        // Where every pair is equal no sign can fall, so there is nothing to test and nothing to
        // correct for (Tarone, 1990).
        let test = is_testable.then(|| signed_rank(&differences)).flatten();
        judgement.p = test.map(|test| test.p);
        judgement.equivalence_p = equivalence(&differences, judgement.threshold).map(|t| t.p);
        judgement.shift = hodges_lehmann(&differences);
        judgement.d_z = standardized_mean(&differences);
        judgement.cliffs_delta = cliffs_delta(&base, &head);
        judgement.seeds_needed = seeds_to_decide(&differences, judgement.threshold)
            .map(|needed| needed.max(judgement.n as u64 + 1));
    }
    judgement
}

fn blank(question: &Question) -> Judgement {
    let direction = match question.direction {
        Direction::Lower => Some(false),
        Direction::Higher => Some(true),
        Direction::None => None,
    };
    Judgement {
        metric: question.metric.clone(),
        unit: question.unit.clone(),
        better: question.direction,
        gated: question.gated,
        verdict: None,
        n: 0,
        base: None,
        head: None,
        difference: None,
        shaken_difference: None,
        interval: None,
        student: None,
        relative: None,
        relative_interval: None,
        points: Vec::new(),
        shift: None,
        p: None,
        p_adjusted: None,
        sign_flip_p: None,
        equivalence_p: None,
        threshold: 0.0,
        d_z: None,
        cliffs_delta: None,
        seeds_needed: None,
        note: None,
        direction,
    }
}

fn not_measurable(mut judgement: Judgement, pairs: &Pairs) -> Judgement {
    let missing = |values: &[Option<f64>]| values.iter().filter(|value| value.is_none()).count();
    let counts = (missing(&pairs.base), missing(&pairs.head));
    let reason = pairs.reason.as_deref().unwrap_or("no value");
    judgement.verdict = Some(Verdict::NotMeasurable);
    judgement.note = Some(format!(
        "no value in {} of {} of the baseline and {} of {} here: {reason}",
        counts.0,
        plural::count(pairs.base.len(), "run"),
        counts.1,
        pairs.head.len()
    ));
    judgement
}

/// Gives every judgement its verdict: gated ones are corrected together by Holm, the others
/// together by Benjamini and Hochberg. Returns how many tests each family has.
pub fn decide<'a>(judgements: impl Iterator<Item = &'a mut Judgement>) -> (usize, usize) {
    let judgements = judgements.filter(|judgement| judgement.verdict.is_none());
    let (mut gated, mut others): (Vec<_>, Vec<_>) = judgements.partition(|found| found.gated);
    (
        correct(&mut gated, holm),
        correct(&mut others, benjamini_hochberg),
    )
}

fn correct(family: &mut [&mut Judgement], correction: fn(&[f64]) -> Vec<f64>) -> usize {
    let p: Vec<f64> = family.iter().filter_map(|judgement| judgement.p).collect();
    let tested = family.iter_mut().filter(|judgement| judgement.p.is_some());
    for (judgement, adjusted) in tested.zip(correction(&p)) {
        judgement.p_adjusted = Some(adjusted);
    }
    let least = seeds_to_reach(ALPHA, |smallest| {
        correction(&vec![smallest; p.len().max(1)])[0]
    });
    for judgement in family.iter_mut() {
        judge(judgement, least);
    }
    p.len()
}

fn judge(judgement: &mut Judgement, least: usize) {
    let is_equal = judgement
        .difference
        .is_some_and(|difference| difference.abs() <= 0.0);
    let is_shown = judgement.equivalence_p.is_some_and(|p| p <= ALPHA);
    let is_beyond_chance = judgement.p_adjusted.is_some_and(|p| p <= ALPHA)
        && judgement
            .interval
            .is_some_and(|interval| !interval.holds(0.0))
        && judgement
            .relative_interval
            .is_none_or(|interval| !interval.holds(0.0));
    let average = judgement
        .shaken_difference
        .or(judgement.difference)
        .unwrap_or(0.0);
    let verdict = if judgement.n == 1 && is_equal || is_shown {
        Some(Verdict::Equivalent)
    } else if is_beyond_chance {
        (judgement.direction).map(|higher_is_better| {
            if (average > 0.0) == higher_is_better {
                Verdict::Improved
            } else {
                Verdict::Regressed
            }
        })
    } else {
        judgement.direction.map(|_| Verdict::Inconclusive)
    };
    judgement.verdict = verdict;
    if verdict == Some(Verdict::Inconclusive) {
        if judgement.n == 1 {
            judgement.note = Some("one run each: the effect of chance is unknown".to_owned());
        }
        if judgement.n < least {
            let needed = judgement.seeds_needed.unwrap_or(0).max(least as u64);
            judgement.seeds_needed = Some(needed);
        }
    } else {
        judgement.seeds_needed = None;
    }
}

#[cfg(test)]
mod tests {
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

    fn verdict(question: &Question, pairs: &Pairs) -> Option<Verdict> {
        let resamples = Resamples::draw(1, pairs.base.len(), 1_000);
        let mut found = measure(question, pairs, &resamples);
        decide(std::iter::once(&mut found));
        found.verdict
    }

    #[test]
    fn every_word() {
        let wave: Vec<f64> = (0..12).map(|i| 100.0 + f64::from(i * 7 % 12)).collect();
        let plus = |amount: f64| -> Vec<f64> {
            let values = wave.iter().enumerate();
            values
                .map(|(i, v)| v + amount + 0.01 * (i as f64))
                .collect()
        };
        let noise: Vec<f64> = (0..12)
            .map(|i| 100.0 + f64::from((i * 7 + 6) % 12))
            .collect();
        let lower = question(Direction::Lower, true);
        let check = |question: &Question, head: &[f64], expected: Option<Verdict>| {
            assert_eq!(verdict(question, &pairs(&wave, head)), expected);
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
        check(&lower, &noise, Some(Verdict::Inconclusive));
        let mut missing = pairs(&wave, &wave);
        missing.head[3] = None;
        assert_eq!(verdict(&lower, &missing), Some(Verdict::NotMeasurable));
    }

    #[test]
    fn few_pairs_can_not_decide() {
        let lower = question(Direction::Lower, true);
        let check = |base: &[f64], head: &[f64], expected: Verdict| {
            assert_eq!(
                verdict(&lower, &pairs(base, head)),
                Some(expected),
                "{base:?}"
            );
        };
        check(&[1.0], &[1.0], Verdict::Equivalent);
        check(&[1.0], &[2.0], Verdict::Inconclusive);
        check(&[1.0; 5], &[2.0, 2.1, 2.2, 2.3, 2.4], Verdict::Inconclusive);
        check(
            &[1.0; 6],
            &[2.0, 2.1, 2.2, 2.3, 2.4, 2.5],
            Verdict::Regressed,
        );
        let resamples = Resamples::draw(1, 5, 10);
        let found = measure(
            &lower,
            &pairs(&[1.0; 5], &[2.0, 2.1, 2.2, 2.3, 2.4]),
            &resamples,
        );
        assert_eq!(found.points.len(), 5);
        assert_eq!(found.interval, found.student);
        assert_eq!(found.sign_flip_p, Some(2.0 / 32.0));
    }

    #[test]
    fn gated_tests_are_corrected_together() {
        let base = vec![1.0; 8];
        // Seven of eight up, and the smallest down: p = 4/256.
        let head = [0.9, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8];
        let resamples = Resamples::draw(1, 8, 10);
        let lower = question(Direction::Lower, true);
        let mut alone = [measure(&lower, &pairs(&base, &head), &resamples)];
        assert_eq!(decide(alone.iter_mut()), (1, 0));
        assert_eq!(alone[0].verdict, Some(Verdict::Regressed));
        let mut four = vec![alone[0].clone(); 4];
        for found in &mut four {
            found.verdict = None;
        }
        assert_eq!(decide(four.iter_mut()), (4, 0));
        assert_eq!(four[0].verdict, Some(Verdict::Inconclusive));
    }

    #[test]
    fn on_one_input_the_exact_difference_is_told_and_shaking_judges_it() {
        let lower = question(Direction::Lower, true);
        let shaken: Vec<f64> = (0..12).map(|i| 100.0 + f64::from(i * 7 % 12)).collect();
        let rotated: Vec<f64> = (0..12)
            .map(|i| 100.0 + f64::from((i * 7 + 6) % 12))
            .collect();
        let mut pairs = pairs(&shaken, &rotated);
        pairs.exact = Some((Some(100.0), Some(150.0)));
        let mut found = measure(&lower, &pairs, &Resamples::draw(1, 12, 1_000));
        decide(std::iter::once(&mut found));
        // It vanishes under shaking: an artefact.
        assert_eq!(found.verdict, Some(Verdict::Inconclusive));
        assert_eq!(found.difference, Some(50.0));
        assert_eq!(found.relative, Some(0.5));
    }
}

//! One metric of two candidates: the paired differences, their interval, the tests and the verdict.
//!
//! Point, interval and test are those of one estimate, the mean of the differences over the pairs:
//! Student's interval, and the t-test that it inverts. Anybody can compute them from the points.
//!
//! The verdict follows from these rules, in this order:
//! 1. a value missing on either side in any pair: `not-measurable`; a log whose own values lie outside
//!    those of its perturbations, or contradict them, by more than the threshold: `inconclusive`;
//! 2. one pair of a case in which nothing varies: by the difference itself; one pair of any other:
//!    `equivalent` if the values are equal, else `inconclusive`;
//! 3. two one-sided tests show the mean difference smaller than the threshold: `equivalent`;
//! 4. the t-test, corrected for all gated tests of the comparison (Holm) or all others (Benjamini and
//!    Hochberg), has p ≤ 0.05 and the 95 % interval leaves zero out: `improved` or `regressed`;
//! 5. one of these two tests shows that the candidate is not worse by the threshold: `not-worse`;
//! 6. `inconclusive`, with the seeds that would decide.
//!
//! Student's t errs on few pairs of skewed differences. All tests are corrected for the skewness that they may
//! have. Where a sample looks skewed, 3 and 5 need every single pair within the threshold, too, and 4 the
//! signed-rank test. Where at least half of the values of either side are the same one, the others are events:
//! all tests need the exact one of their counts, too.
//!
//! A difference that is the same in every pair has no spread to estimate from. The signs decide then:
//! below six pairs they can't, and there is no interval.
//!
//! A metric of which neither direction is better is measured and never called better or worse.

mod blocks;
#[cfg(test)]
mod coverage;
mod decision;
pub(crate) mod direction;
mod events;
mod opinions;
mod threshold;

pub(super) use blocks::stretched;
pub use decision::{Tests, decide};
pub use threshold::Threshold;

use serde::{Deserialize, Serialize};

use crate::statistics::{
    Interval, Resamples, SEEDS_MIN, SeedsNeeded, carries, change_interval, mean, student_interval,
};
use metrics::Direction;
use units::plural;

/// The confidence of intervals.
pub const CONFIDENCE: f64 = 0.95;
/// The level of tests.
pub const ALPHA: f64 = 0.05;
/// Below this many pairs there is no bootstrap.
pub const BOOTSTRAP_MIN: usize = 10;

/// Remark on differences that don't carry an interval.
const SKEWED: &str = "so few pairs of so skewed or far apart differences don't carry an interval or a \
                      test of their mean";

/// Verdict of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// Shown not to be worse by what matters; it may be better.
    NotWorse,
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
            Self::NotWorse => "not-worse",
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

/// The values of two candidates, pair by pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// The baseline's.
    pub base: Vec<Option<f64>>,
    /// The other's.
    pub head: Vec<Option<f64>>,
    /// The values on the unshaken input, where the pairs are of shaken ones.
    pub unshaken: Option<Unshaken>,
    /// True if nothing varies, so that one pair is all there is.
    pub is_whole: bool,
    /// Number of the blocks of one log that every pair is drawn from; zero of any others.
    pub blocks: usize,
    /// Reason values are missing, where one was given.
    pub reason: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Comparisons that were made before shapes were looked at say nothing of them.
const fn carried_before() -> bool {
    true
}

/// The values on an input as it is, beside those on shaken ones. No verdict stands on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unshaken {
    /// The baseline's.
    pub base: Option<f64>,
    /// The candidate's.
    pub head: Option<f64>,
}

/// One metric of a candidate against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The metric's id.
    pub metric: String,
    /// The judgement's unit; differences and intervals have it too.
    pub unit: String,
    /// Better direction: `higher`, `lower` or `none`.
    #[serde(with = "direction")]
    pub better: Direction,
    /// Marks the judgement of a gated metric.
    pub gated: bool,
    /// The verdict; none where neither direction is better and there is a difference.
    pub verdict: Option<Verdict>,
    /// Pairs.
    pub n: usize,
    /// The baseline's mean over the pairs.
    pub base: Option<f64>,
    /// The candidate's mean over the pairs.
    pub head: Option<f64>,
    /// Mean difference over the pairs.
    pub difference: Option<f64>,
    /// Student's 95 % interval of `difference`; none of one pair, and of fewer than six pairs that
    /// all differ by the same.
    pub interval: Option<Interval>,
    /// `difference` over the baseline's mean; none where that is zero.
    pub relative: Option<f64>,
    /// Fieller's 95 % interval of `relative`; none where the baseline's mean can't be told from zero.
    pub relative_interval: Option<Interval>,
    /// The values on the unshaken input, where the pairs are of shaken ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unshaken: Option<Unshaken>,
    /// The differences, pair by pair; `null` where a value is missing.
    pub points: Vec<Option<f64>>,
    /// The baseline's values, pair by pair.
    pub base_points: Vec<Option<f64>>,
    /// The candidate's values, pair by pair.
    pub head_points: Vec<Option<f64>>,
    /// p of the paired t-test, corrected for skewness, and no less than that of counts of events; of the signs,
    /// where all pairs differ by the same.
    pub p: Option<f64>,
    /// p corrected for all tests of its family.
    pub p_adjusted: Option<f64>,
    /// Whether the differences look as if interval and tests of their mean held as often as stated.
    #[serde(default = "carried_before")]
    pub carried: bool,
    /// p of two one-sided tests against the threshold, corrected for skewness, and no less than those of counts
    /// of events.
    pub equivalence_p: Option<f64>,
    /// p of the one-sided test of a worsening by the threshold, corrected for skewness, and no less than that of
    /// counts of events.
    pub not_worse_p: Option<f64>,
    /// The difference that matters, in the metric's unit.
    pub threshold: f64,
    /// Share of the baseline that the threshold is, where it is one: the baseline's mean is an estimate, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Seeds that would decide, where it is inconclusive.
    pub seeds_needed: Option<SeedsNeeded>,
    /// Second opinion: the BCa bootstrap's 95 % interval of `difference`, from ten pairs on.
    pub bootstrap: Option<Interval>,
    /// Second opinion: p of the signed-rank test.
    pub signed_rank_p: Option<f64>,
    /// Second opinion: p of the exact sign-flip test, where there are fewer than ten pairs.
    pub sign_flip_p: Option<f64>,
    /// The shift of Hodges and Lehmann.
    pub shift: Option<f64>,
    /// Standardized mean difference of the pairs.
    pub d_z: Option<f64>,
    /// Cliff's δ.
    pub cliffs_delta: Option<f64>,
    /// Remark on the judgement.
    pub note: Option<String>,
    /// True if nothing varies, so that one pair is all there is.
    #[serde(skip)]
    is_whole: bool,
    /// Number of the blocks of one log that every pair is drawn from; zero of any others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub blocks: usize,
}

impl Judgement {
    /// The judgement of a question before anything is known.
    fn blank(question: &Question, pairs: &Pairs) -> Self {
        let n = pairs.base.len().min(pairs.head.len());
        Self {
            metric: question.metric.clone(),
            unit: question.unit.clone(),
            better: question.direction,
            gated: question.gated,
            verdict: None,
            n,
            base: None,
            head: None,
            difference: None,
            interval: None,
            relative: None,
            relative_interval: None,
            unshaken: pairs.unshaken,
            points: differences(&pairs.base, &pairs.head),
            base_points: pairs.base.clone(),
            head_points: pairs.head.clone(),
            p: None,
            p_adjusted: None,
            carried: true,
            equivalence_p: None,
            not_worse_p: None,
            threshold: 0.0,
            share: None,
            seeds_needed: None,
            bootstrap: None,
            signed_rank_p: None,
            sign_flip_p: None,
            shift: None,
            d_z: None,
            cliffs_delta: None,
            note: None,
            is_whole: pairs.is_whole,
            blocks: pairs.blocks,
        }
    }

    /// Size of the difference as a multiple of the difference that matters.
    pub fn severity(&self) -> f64 {
        let size = self.difference.unwrap_or(0.0).abs();
        if self.threshold > 0.0 {
            size / self.threshold
        } else {
            self.relative.map_or(size, f64::abs)
        }
    }

    /// Difference of each pair, times a sign, beyond what matters: that share of the pair's baseline, or the
    /// amount. Their mean tells whether the means differ by more than what matters, and their spread knows
    /// that the baseline's mean is estimated (Fieller).
    pub(crate) fn beyond(&self, sign: f64) -> Option<Vec<f64>> {
        let level = self.base?.signum();
        let pairs = self.points.iter().zip(&self.base_points);
        let of = |(point, base): (&Option<f64>, &Option<f64>)| {
            let margin = match self.share {
                Some(share) => share * level * (*base)?,
                None => self.threshold,
            };
            Some(sign * (*point)? - margin)
        };
        let all: Option<Vec<f64>> = pairs.map(of).collect();
        all.map(|all| stretched(&all, self.blocks))
    }

    /// Worsening of each pair; none where neither direction is better.
    fn worsenings(&self) -> Option<Vec<f64>> {
        let known: Option<Vec<f64>> = self.points.iter().copied().collect();
        let worse = |value| self.better.worsening(value);
        let known = known.filter(|_| self.better != Direction::None)?;
        Some(known.into_iter().map(worse).collect())
    }
}

/// Measures a metric; the verdict is left to [`decide`], which sees all tests.
pub fn measure(question: &Question, pairs: &Pairs, resamples: &Resamples) -> Judgement {
    let mut judgement = Judgement::blank(question, pairs);
    let all = |values: &[Option<f64>]| values.iter().copied().collect::<Option<Vec<f64>>>();
    let finite = |values: Vec<f64>| values.iter().all(|v| v.is_finite()).then_some(values);
    let base = all(&pairs.base).and_then(finite);
    let head = all(&pairs.head).and_then(finite);
    judgement.base = base.as_deref().and_then(mean);
    judgement.head = head.as_deref().and_then(mean);
    let (Some(base), Some(head)) = (base, head) else {
        return not_measurable(judgement, pairs);
    };
    let Some(differences) = all(&judgement.points) else {
        return not_measurable(judgement, pairs);
    };
    let average = mean(&differences).unwrap_or(0.0);
    judgement.difference = Some(average);
    let level = judgement.base.unwrap_or(0.0).abs();
    judgement.threshold = question.threshold.at(level);
    judgement.share = question.threshold.share_at(level);
    if level > 0.0 {
        judgement.relative = Some(average / level);
    }
    if judgement.n > 1 {
        let of_blocks = [&base, &head, &differences].map(|own| stretched(own, pairs.blocks));
        let [of_base, of_head, of_differences] = &of_blocks;
        test(&mut judgement, of_base, of_head, of_differences);
        if pairs.blocks == 0 {
            opinions::second_opinions(&mut judgement, &base, &head, &differences, resamples);
        } else if pairs.blocks < blocks::BLOCKS_MIN {
            judgement.carried = false;
            judgement.note = Some(blocks::FEW.to_owned());
        }
    }
    if let Some(unshaken) = pairs.unshaken {
        hold_to_log(&mut judgement, unshaken, [&base, &head, &differences]);
    }
    judgement
}

/// Says that perturbations moved a log away from what it is: its own values, or its own difference, lie
/// outside those of its perturbations, or the difference has another sign. By more than what matters, and
/// they tell nothing of this log.
fn hold_to_log(judgement: &mut Judgement, unshaken: Unshaken, shaken: [&[f64]; 3]) {
    let Some((base, head)) = unshaken.base.zip(unshaken.head) else {
        return;
    };
    let names = ["the baseline", "the candidate", "the difference"];
    let own = [base, head, head - base];
    let beyond = own.iter().zip(shaken).map(|(own, values)| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least - own).max(own - most)
    });
    let outside = beyond
        .zip(names)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let outside = outside.map(|(by, name)| {
        let words = format!("{name} lies outside the values on its perturbations");
        (by, words)
    });
    let is_opposed = (judgement.interval)
        .is_some_and(|at| !at.holds(0.0) && (head - base) * (at.low + at.high) < 0.0);
    let opposed = is_opposed.then(|| {
        let words = "the difference has another sign than on its perturbations".to_owned();
        ((head - base).abs(), words)
    });
    let noise = noise([base, head].iter());
    let found = outside.filter(|(by, _)| *by > noise).or(opposed);
    let Some((beyond, words)) = found else {
        return;
    };
    judgement.note = Some(format!("on the input as it is, {words}"));
    if beyond > judgement.threshold && judgement.better != Direction::None {
        judgement.verdict = Some(Verdict::Inconclusive);
    }
}

/// Head less base of each pair, where both are known. What is left by rounding is no difference: as
/// one it would have a sign in every pair, and a p to match.
fn differences(base: &[Option<f64>], head: &[Option<f64>]) -> Vec<Option<f64>> {
    let noise = noise(base.iter().chain(head).flatten());
    let differences = base.iter().zip(head).map(|(base, head)| {
        let difference = (*head)? - (*base)?;
        Some(if difference.abs() <= noise {
            0.0
        } else {
            difference
        })
    });
    differences.collect()
}

/// Amount below which differences of these values are rounding.
pub(super) fn noise<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    1e-12 * values.map(|value| value.abs()).fold(0.0, f64::max)
}

/// Point, interval and tests of more than one pair.
fn test(judgement: &mut Judgement, base: &[f64], head: &[f64], differences: &[f64]) {
    let is_apart = differences.iter().any(|difference| difference.abs() > 0.0);
    if is_apart && has_no_spread(base, head, differences) {
        // Student's t is undefined; signs that all fall alike have 2 of 2ⁿ chances.
        judgement.p = Some(2.0 / (1_u64 << differences.len().min(62)) as f64);
        let is_enough = differences.len() >= SEEDS_MIN;
        let average = judgement.difference.unwrap_or(0.0);
        judgement.interval = is_enough.then_some(Interval {
            low: average,
            high: average,
        });
        judgement.relative_interval = (judgement.relative).and_then(|relative| {
            is_enough.then_some(Interval {
                low: relative,
                high: relative,
            })
        });
        let is_small = average.abs() < judgement.threshold;
        judgement.equivalence_p = Some(if is_small { 0.0 } else { 1.0 });
        let is_below = judgement.better.worsening(average) < judgement.threshold;
        judgement.not_worse_p = (judgement.better != Direction::None && judgement.threshold > 0.0)
            .then_some(if is_below { 0.0 } else { 1.0 });
        return;
    }
    // Pairs that are all equal are so whatever share of their baselines matters.
    judgement.share = judgement.share.filter(|_| is_apart);
    judgement.interval = student_interval(differences, CONFIDENCE);
    judgement.carried = carries(differences);
    if !judgement.carried {
        judgement.note = Some(SKEWED.to_owned());
    }
    if judgement.events().is_some() {
        judgement.note = Some(events::FEW.to_owned());
    }
    // What is never negative can't fall by more than all of it.
    let values = judgement.base_points.iter().chain(&judgement.head_points);
    let is_amount = values.flatten().all(|&value| value >= 0.0);
    let least = if is_amount { -1.0 } else { f64::NEG_INFINITY };
    judgement.relative_interval = change_interval(base, head, CONFIDENCE).map(|at| Interval {
        low: at.low.max(least),
        high: at.high.max(least),
    });
    // Where every pair is equal no sign can fall, so there is nothing to test and nothing to correct
    // for (Tarone, 1990).
    judgement.p = is_apart
        .then(|| events::two_sided(judgement, differences))
        .flatten();
    let [more, less] = [1.0, -1.0].map(|sign| events::not_beyond(judgement, sign));
    judgement.equivalence_p = more.into_iter().chain(less).reduce(f64::max);
    let worse = match judgement.better {
        Direction::Lower => more,
        Direction::Higher => less,
        Direction::None => None,
    };
    judgement.not_worse_p = worse.filter(|_| judgement.threshold > 0.0);
}

/// Returns whether all pairs differ by the same amount, but for rounding.
fn has_no_spread(base: &[f64], head: &[f64], differences: &[f64]) -> bool {
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    most(differences) - least(differences) <= noise(base.iter().chain(head))
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

#[cfg(test)]
mod tests;

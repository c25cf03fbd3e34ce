//! Second opinions: other methods on the same pairs.

use super::{BOOTSTRAP_MIN, CONFIDENCE, Judgement, has_no_spread};
use crate::statistics::{
    Resamples, cliffs_delta, hodges_lehmann, sign_flip, signed_rank, standardized_mean,
};

/// Other methods on the same pairs, on which no verdict stands.
pub(super) fn second_opinions(
    judgement: &mut Judgement,
    base: &[f64],
    head: &[f64],
    differences: &[f64],
    resamples: &Resamples,
) {
    if judgement.n >= BOOTSTRAP_MIN {
        judgement.bootstrap = resamples.interval_of_mean(differences, CONFIDENCE);
    } else {
        judgement.sign_flip_p = sign_flip(differences);
    }
    let is_apart = differences.iter().any(|difference| difference.abs() > 0.0);
    let ranks = is_apart.then(|| signed_rank(differences)).flatten();
    judgement.signed_rank_p = ranks.map(|test| test.p);
    judgement.shift = hodges_lehmann(differences);
    if !has_no_spread(base, head, differences) {
        judgement.d_z = standardized_mean(differences);
    }
    judgement.cliffs_delta = cliffs_delta(base, head);
}

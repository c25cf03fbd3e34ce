//! Scores: which of the feasible nodes is the best place.

pub mod best_fit;
pub mod borg_best_fit;
pub mod borg_epvm;
pub mod borg_stranded;
pub mod borg_worst_fit;
pub mod dot_product;
pub mod fgd;
pub mod gpu_best_fit;
pub mod gpu_clustering;
pub mod gpu_packing;
pub mod least_allocated;
pub mod most_allocated;
pub mod tetris;
pub mod vector_distance;
pub mod volcano_binpack;
pub mod worst_fit;
pub mod worst_fit_open;

/// `part · factor / whole`, truncated towards 0; what leaves 64 bits ends at their end. Bytes times a
/// factor may need 128 bits on the way, but hardly ever do, and a division of 128 bits is slow.
pub(crate) fn scaled(part: i64, factor: i64, whole: i64) -> i64 {
    if let Some(multiple) = part.checked_mul(factor) {
        return multiple / whole;
    }
    let quotient = i128::from(part) * i128::from(factor) / i128::from(whole);
    quotient.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

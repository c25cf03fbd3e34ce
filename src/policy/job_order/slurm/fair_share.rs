//! Slurm's classic fair share, and the decay of past use (spec: orchestrators-b.md section 7.5).

use rng::math::pow;

/// The classic factor: 2^(-(usage / shares) / damp), usage and shares as parts of the whole; 0
/// without shares.
pub fn classic(usage: f64, shares: f64, damp: f64) -> f64 {
    if shares <= 0.0 {
        return 0.0;
    }
    pow(2.0, -(usage / shares) / damp)
}

/// Part of past use that is left after a time: (1 - 0.693 / half-life)^elapsed, both in seconds, as
/// Slurm has it instead of a power of two.
pub fn decay(half_life: f64, elapsed: f64) -> f64 {
    pow(1.0 - 0.693 / half_life, elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_the_specification() {
        assert!((classic(0.3, 0.2, 1.0) - 0.353_553).abs() < 1e-6);
        assert!(classic(0.9, 0.0, 2.0).abs() < 1e-12);
        assert!((decay(604_800.0, 86_400.0) - 0.905_743).abs() < 1e-6);
        assert!((decay(604_800.0, 604_800.0) - 0.500_073).abs() < 1e-6);
    }
}

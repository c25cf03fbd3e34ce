//! Room: whether an amount that a pod requests fits what is left of a resource on a node
//! (spec: kubernetes.md 1.7).
//!
//! What is left is negative on nodes that promised more than they have. A request of zero fits
//! there all the same.

/// The part of what is left that requests are compared with.
#[inline]
pub fn usable(left: i64) -> i64 {
    left.max(0)
}

/// Whether a requested amount fits what is left.
#[inline]
pub fn fits(requested: i64, left: i64) -> bool {
    requested <= usable(left)
}

/// Number of requests of one amount that fit what is left together; `None` is no bound, as nothing
/// is requested.
#[inline]
pub fn times(requested: i64, left: i64) -> Option<i64> {
    (requested > 0).then(|| usable(left) / requested)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_fits_anywhere_and_amounts_fit_up_to_what_is_left() {
        for (requested, left, expected) in [
            (0, 0, true),
            (0, -5, true),
            (1, -5, false),
            (1, 0, false),
            (5, 5, true),
            (6, 5, false),
        ] {
            assert_eq!(fits(requested, left), expected, "{requested} of {left}");
        }
    }

    proptest! {
        /// The original's form of the rule: `request > 0 && request > allocatable - requested` is
        /// short.
        #[test]
        fn an_amount_that_does_not_fit_is_short(requested in 0_i64..10, left in -10_i64..10) {
            prop_assert_eq!(!fits(requested, left), requested > 0 && requested > left);
        }

        #[test]
        fn one_fits_where_it_fits_at_least_once(requested in 0_i64..10, left in -10_i64..50) {
            let is_once = times(requested, left).is_none_or(|times| times > 0);
            prop_assert_eq!(fits(requested, left), is_once);
            if let Some(times) = times(requested, left) {
                prop_assert!(fits(requested * times, left) && !fits(requested * (times + 1), left));
            }
        }
    }
}

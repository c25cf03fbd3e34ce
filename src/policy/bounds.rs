//! Lower bounds for the number of bins that sizes need (spec: orchestrators-b.md section 9), to judge
//! packing rules by, and the optimum of small lists.

/// The sum of the sizes over the capacity, rounded up.
pub fn l1(sizes: &[i64], capacity: i64) -> i64 {
    let sum: i64 = sizes.iter().sum();
    whole_bins(sum, capacity)
}

/// An amount over the capacity, rounded up.
fn whole_bins(amount: i64, capacity: i64) -> i64 {
    (amount + capacity - 1) / capacity
}

/// The bound of Martello and Toth: for each threshold, sizes that need a bin of their own, and what
/// is left over when the middle ones have filled up the bins of larger ones.
pub fn l2(sizes: &[i64], capacity: i64) -> i64 {
    let small = sizes.iter().copied().filter(|&size| 2 * size <= capacity);
    let thresholds = std::iter::once(0).chain(small);
    let bound = |threshold: i64| {
        let alone = sizes.iter().filter(|&&size| size > capacity - threshold);
        let large = |&&size: &&i64| 2 * size > capacity && size <= capacity - threshold;
        let (mut bins, mut large_sum, mut middle_sum) = (0, 0, 0);
        for &size in sizes.iter().filter(large) {
            bins += 1;
            large_sum += size;
        }
        for &size in sizes {
            if size >= threshold && 2 * size <= capacity {
                middle_sum += size;
            }
        }
        let over = middle_sum - (bins * capacity - large_sum);
        let more = whole_bins(over.max(0), capacity);
        alone.count() as i64 + bins + more
    };
    thresholds.map(bound).max().unwrap_or(0)
}

/// The least number of bins, found by trying; for lists of some twenty sizes.
pub fn optimum(sizes: &[i64], capacity: i64) -> usize {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    let least = usize::try_from(l2(&sorted, capacity)).unwrap_or(0);
    let mut bins = least;
    while !fits(&sorted, capacity, &mut vec![0; bins]) {
        bins += 1;
    }
    bins
}

fn fits(sizes: &[i64], capacity: i64, loads: &mut [i64]) -> bool {
    let Some((&first, rest)) = sizes.split_first() else {
        return true;
    };
    for bin in 0..loads.len() {
        // Bins of equal load are alike.
        if loads[..bin].contains(&loads[bin]) || loads[bin] + first > capacity {
            continue;
        }
        loads[bin] += first;
        if fits(rest, capacity, loads) {
            return true;
        }
        loads[bin] -= first;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_are_those_of_the_specification() {
        let sizes = [7, 7, 6, 6, 5, 5, 5, 3, 2];
        assert_eq!((l1(&sizes, 10), l2(&sizes, 10)), (5, 6));
        let sizes = [6, 3, 5, 4, 2, 7, 1, 2];
        assert_eq!((l1(&sizes, 10), l2(&sizes, 10)), (3, 3));
        assert_eq!(optimum(&sizes, 10), 3);
    }

    proptest! {
        #[test]
        fn no_bound_is_above_the_optimum(sizes in prop::collection::vec(1_i64..10, 1..9)) {
            let best = optimum(&sizes, 10) as i64;
            prop_assert!(l1(&sizes, 10) <= l2(&sizes, 10));
            prop_assert!(l2(&sizes, 10) <= best);
        }
    }
}

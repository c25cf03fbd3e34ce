//! The max–min fair dominant shares by progressive filling (Ghodsi et al., NSDI'11; metrics.md 5.3):
//! all tenants grow together, each along its own mix of resources, until a tenant has all it wants
//! or a resource that it needs is used up.

use crate::families::sharing::tenants::dominant_share;
use crate::record::state::{Amounts, RESOURCES};
use crate::statistics::integral::float;

/// A tenant as the filling sees it.
#[derive(Clone, Copy, Debug)]
struct TenantDemand {
    index: usize,
    /// Dominant share of all it wants.
    wanted: f64,
    /// Share of each resource that it takes per unit of dominant share.
    mix: [f64; RESOURCES],
}

/// Shares closer than this are equal.
const EPSILON: f64 = 1e-12;

/// Fair dominant shares of tenants of equal weight that want these amounts, in their order.
pub fn fair_shares(demands: &[Amounts], capacity: &Amounts) -> Vec<f64> {
    let mut fair = vec![0.0; demands.len()];
    let mut vessels: Vec<TenantDemand> = demands
        .iter()
        .enumerate()
        .filter_map(|(index, demand)| vessel(index, demand, capacity))
        .collect();
    vessels.sort_by(|a, b| a.wanted.total_cmp(&b.wanted).then(a.index.cmp(&b.index)));
    // What full vessels and those without a way to grow take of each resource.
    let mut taken = [0.0; RESOURCES];
    while !vessels.is_empty() {
        let mut rate = [0.0; RESOURCES];
        for vessel in &vessels {
            for (rate, part) in rate.iter_mut().zip(vessel.mix) {
                *rate += part;
            }
        }
        let level_of = |index: usize| (1.0_f64 - taken[index]).max(0.0) / rate[index];
        let full = (0..RESOURCES)
            .filter(|&index| rate[index] > 0.0)
            .min_by(|&a, &b| level_of(a).total_cmp(&level_of(b)));
        let level = full.map_or(f64::INFINITY, level_of);
        let least = vessels[0].wanted;
        let settled = |vessel: &TenantDemand| {
            if least <= level {
                vessel.wanted <= least + EPSILON
            } else {
                full.is_some_and(|full| vessel.mix[full] > 0.0)
            }
        };
        let height = least.min(level);
        vessels.retain(|vessel| {
            if !settled(vessel) {
                return true;
            }
            let share = height.min(vessel.wanted);
            fair[vessel.index] = share;
            for (taken, part) in taken.iter_mut().zip(vessel.mix) {
                *taken += share * part;
            }
            false
        });
    }
    fair
}

fn vessel(index: usize, demand: &Amounts, capacity: &Amounts) -> Option<TenantDemand> {
    let wanted = dominant_share(demand, capacity).filter(|&share| share > 0.0)?;
    let mut mix = [0.0; RESOURCES];
    for ((part, &amount), &capacity) in mix.iter_mut().zip(&demand.0).zip(&capacity.0) {
        if capacity > 0 {
            *part = float(amount) / float(capacity) / wanted;
        }
    }
    Some(TenantDemand { index, wanted, mix })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(demands: &[[i128; 2]], expected: &[f64]) {
        let amounts: Vec<Amounts> = demands
            .iter()
            .map(|d| Amounts([d[0], d[1], 0, 0]))
            .collect();
        let found = fair_shares(&amounts, &Amounts([9_000, 18, 0, 0]));
        for (found, expected) in found.iter().zip(expected) {
            let near = (found - expected).abs() < 1e-9;
            assert!(near, "{demands:?}: {found}, expected {expected}");
        }
    }

    #[test]
    fn the_examples_of_the_paper_and_the_edges() {
        // The paper's: 9 cores and 18 GB; tasks of (1, 4) and (3, 1): three and two tasks, both
        // at 2/3.
        check(&[[100_000, 400], [300_000, 100]], &[2.0 / 3.0, 2.0 / 3.0]);
        check(&[], &[]);
        check(&[[0, 0]], &[0.0]);
        // Who wants less than an equal share gets it, the rest goes to the other.
        check(&[[900, 0], [90_000, 0]], &[0.1, 0.9]);
        check(&[[4_500, 0], [4_500, 0]], &[0.5, 0.5]);
        // Different resources do not compete.
        check(&[[90_000, 0], [0, 180]], &[1.0, 1.0]);
        check(&[[90_000, 0], [0, 9], [90_000, 0]], &[0.5, 0.5, 0.5]);
    }

    proptest! {
        #[test]
        fn whoever_meets_no_scarcity_gets_all(
            demands in prop::collection::vec((0_i128..900, 0_i128..2), 0..9)
        ) {
            let capacity = Amounts([9_000, 18, 0, 0]);
            let demands: Vec<Amounts> =
                demands.iter().map(|&(cpu, memory)| Amounts([cpu, memory, 0, 0])).collect();
            for (fair, demand) in fair_shares(&demands, &capacity).iter().zip(&demands) {
                let wanted = dominant_share(demand, &capacity).unwrap_or(0.0);
                prop_assert!((fair - wanted).abs() < 1e-11);
            }
        }

        #[test]
        fn shares_are_feasible_and_nobody_gets_more_than_wanted(
            demands in prop::collection::vec((0_i128..20_000, 0_i128..40), 0..12)
        ) {
            let capacity = Amounts([9_000, 18, 0, 0]);
            let demands: Vec<Amounts> =
                demands.iter().map(|&(cpu, memory)| Amounts([cpu, memory, 0, 0])).collect();
            let fair = fair_shares(&demands, &capacity);
            let mut used = [0.0; 2];
            for (share, demand) in fair.iter().zip(&demands) {
                let wanted = dominant_share(demand, &capacity).unwrap_or(0.0);
                prop_assert!(*share <= wanted + 1e-9);
                if wanted > 0.0 {
                    for (used, (amount, all)) in
                        used.iter_mut().zip(demand.0.iter().zip(&capacity.0))
                    {
                        *used += share / wanted * *amount as f64 / *all as f64;
                    }
                }
            }
            prop_assert!(used.iter().all(|&used| used <= 1.0 + 1e-9));
        }
    }
}

//! Amounts of templates whose jobs keep to bounds of work: those that are drawn again change how often amounts come, so
//! these are weighed against that, until the jobs that stay have the amounts of the trace.

use super::marginals::Amounts;

/// Least number of draws expected of a value for it to be weighed: chance decides on fewer.
const LEAST: f64 = 20.0;

/// Greatest change of a weight at once.
const MOST: f64 = 2.0;

/// Weights for amounts in place of numbers of jobs, so that they can be changed finely.
pub(super) fn finer(amounts: &mut Amounts) {
    for (_, weight) in amounts {
        *weight = weight.saturating_mul(1_000);
    }
}

/// Weighs amounts by how often they are wanted beside how often they are drawn.
pub(super) fn amounts(own: &mut Amounts, wanted: &Amounts, drawn: &[i64]) {
    let sum: u64 = wanted.iter().map(|(_, weight)| weight).sum();
    let draws = drawn.len() as f64;
    for ((value, weight), (_, wanted)) in own.iter_mut().zip(wanted) {
        let wanted = *wanted as f64 / sum as f64 * draws;
        let found = drawn.iter().filter(|own| *own == value).count() as f64;
        *weight = ((*weight as f64 * change(wanted, found)) as u64).max(1);
    }
}

fn change(wanted: f64, found: f64) -> f64 {
    if wanted < LEAST {
        return 1.0;
    }
    (wanted / found.max(1.0)).clamp(1.0 / MOST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_too_seldom_gains_weight() {
        let wanted: Amounts = vec![(1, 500), (2, 400), (4, 100)];
        let mut own = wanted.clone();
        finer(&mut own);
        // 1 as often as wanted, 2 at half, 4 at twice.
        let drawn = [vec![1; 500], vec![2; 200], vec![4; 300]].concat();
        amounts(&mut own, &wanted, &drawn);
        assert_eq!(own, [(1, 500_000), (2, 800_000), (4, 50_000)]);
    }
}

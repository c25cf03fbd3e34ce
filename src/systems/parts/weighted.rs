//! Weighted random orders: the next item is drawn with a probability of its weight over the weights
//! that are left (spec: orchestrators-b.md section 1.7, "random sorter").

use rng::Stream;

/// Positions of items in a random order by their weights; one draw an item. Items without a
/// positive weight come last, in their order.
pub fn weighted_order(weights: &[f64], rng: &mut Stream) -> Vec<usize> {
    let (mut left, none): (Vec<usize>, Vec<usize>) =
        (0..weights.len()).partition(|&item| weights[item] > 0.0);
    let mut order = Vec::with_capacity(weights.len());
    while !left.is_empty() {
        let total: f64 = left.iter().map(|&item| weights[item]).sum();
        let mut drawn = rng.unit_f64() * total;
        let chosen = left.iter().position(|&item| {
            drawn -= weights[item];
            drawn < 0.0
        });
        // Rounding may leave nothing for the last one.
        order.push(left.remove(chosen.unwrap_or(left.len() - 1)));
    }
    order.extend(none);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavier_items_come_first_more_often() {
        let mut rng = Stream::new(1, "weighted", 0);
        let mut first = [0_u32; 3];
        for _ in 0..30_000 {
            let order = weighted_order(&[1.0, 2.0, 0.0], &mut rng);
            first[order[0]] += 1;
            assert_eq!(order[2], 2);
        }
        assert!((first[0].abs_diff(10_000)) < 300, "{first:?}");
    }
}

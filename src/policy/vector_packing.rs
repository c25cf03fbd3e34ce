//! Packing by several resources at once (Panigrahy and others 2011; spec: orchestrators-b.md section
//! 9): the rules, and a lower bound for the number of bins.
//!
//! Room is counted in whole amounts, so that 7 and 3 fit into 10; scores are computed from fractions of
//! a bin.

use super::bounds;

/// A rule of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One bin at a time: of the items that fit the one that aligns best with what is free.
    DotProduct,
    /// One bin at a time: of the items that fit the one that is closest to what is free.
    Distance,
    /// Items by the product of their sizes, the largest first, each into the first bin with room.
    ProductDecreasing,
    /// Items by the weighed sum of their sizes, the largest first, each into the first bin with room.
    SumDecreasing,
}

/// Items and the bins that they go into.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Capacity of a bin, a number a resource.
    pub capacity: Vec<i64>,
    /// Sizes of the items, as many numbers each.
    pub items: Vec<Vec<i64>>,
}

impl Problem {
    /// The positions of the items in each bin, in the order of packing. An item that no empty bin has
    /// room for is in none.
    pub fn pack(&self, rule: Rule) -> Vec<Vec<usize>> {
        let fractions: Vec<Vec<f64>> = self.items.iter().map(|item| self.fractions(item)).collect();
        let weights = weights(&fractions, self.capacity.len());
        match rule {
            Rule::DotProduct => self.bin_by_bin(|item, free| dot(&weights, &fractions[item], free)),
            Rule::Distance => {
                self.bin_by_bin(|item, free| -distance(&weights, &fractions[item], free))
            }
            Rule::ProductDecreasing => self.decreasing(|item| fractions[item].iter().product()),
            Rule::SumDecreasing => self.decreasing(|item| {
                let pairs = weights.iter().zip(&fractions[item]);
                pairs.map(|(weight, size)| weight * size).sum()
            }),
        }
    }

    /// The number of bins that the fullest resource needs, rounded up.
    pub fn lower_bound(&self) -> i64 {
        self.by_resource(bounds::l1)
    }

    /// The largest of the bounds of Martello and Toth for each resource alone.
    pub fn stronger_lower_bound(&self) -> i64 {
        self.by_resource(bounds::l2)
    }

    fn by_resource(&self, bound: fn(&[i64], i64) -> i64) -> i64 {
        let of = |(resource, &capacity): (usize, &i64)| {
            let sizes: Vec<i64> = self.items.iter().map(|item| item[resource]).collect();
            bound(&sizes, capacity)
        };
        self.capacity.iter().enumerate().map(of).max().unwrap_or(0)
    }

    fn fractions(&self, amounts: &[i64]) -> Vec<f64> {
        let pairs = amounts.iter().zip(&self.capacity);
        pairs
            .map(|(&amount, &capacity)| amount as f64 / capacity as f64)
            .collect()
    }

    fn bin_by_bin(&self, score: impl Fn(usize, &[f64]) -> f64) -> Vec<Vec<usize>> {
        let mut left: Vec<usize> = (0..self.items.len())
            .filter(|&item| fits(&self.items[item], &self.capacity))
            .collect();
        let mut bins = Vec::new();
        while !left.is_empty() {
            let (mut bin, mut free) = (Vec::new(), self.capacity.clone());
            loop {
                let fractions = self.fractions(&free);
                let mut best: Option<(f64, usize)> = None;
                for (place, &item) in left.iter().enumerate() {
                    if fits(&self.items[item], &free) {
                        let points = score(item, &fractions);
                        if best.is_none_or(|(most, _)| points > most) {
                            best = Some((points, place));
                        }
                    }
                }
                let Some((_, place)) = best else {
                    break;
                };
                let item = left.remove(place);
                take(&self.items[item], &mut free);
                bin.push(item);
            }
            bins.push(bin);
        }
        bins
    }

    fn decreasing(&self, size: impl Fn(usize) -> f64) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
        let mut bins: Vec<(Vec<usize>, Vec<i64>)> = Vec::new();
        for item in order {
            let own = &self.items[item];
            let with_room = bins.iter().position(|(_, free)| fits(own, free));
            let place = match with_room {
                Some(place) => place,
                None if fits(own, &self.capacity) => {
                    bins.push((Vec::new(), self.capacity.clone()));
                    bins.len() - 1
                }
                None => continue,
            };
            let (bin, free) = &mut bins[place];
            take(own, free);
            bin.push(item);
        }
        bins.into_iter().map(|(bin, _)| bin).collect()
    }
}

/// The mean demand for each resource.
fn weights(fractions: &[Vec<f64>], resources: usize) -> Vec<f64> {
    let count = fractions.len().max(1) as f64;
    let mean = |resource: usize| {
        let demands = fractions.iter().map(|item| item[resource]);
        demands.sum::<f64>() / count
    };
    (0..resources).map(mean).collect()
}

fn dot(weights: &[f64], demand: &[f64], free: &[f64]) -> f64 {
    let pairs = demand.iter().zip(free);
    weights
        .iter()
        .zip(pairs)
        .map(|(weight, (demand, free))| weight * demand * free)
        .sum()
}

fn distance(weights: &[f64], demand: &[f64], free: &[f64]) -> f64 {
    let pairs = demand.iter().zip(free);
    let square =
        |(weight, (demand, free)): (&f64, (&f64, &f64))| weight * (demand - free) * (demand - free);
    weights.iter().zip(pairs).map(square).sum()
}

fn fits(item: &[i64], free: &[i64]) -> bool {
    item.iter().zip(free).all(|(size, free)| size <= free)
}

fn take(item: &[i64], free: &mut [i64]) {
    for (size, free) in item.iter().zip(free) {
        *free -= size;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: [Rule; 4] = [
        Rule::DotProduct,
        Rule::Distance,
        Rule::ProductDecreasing,
        Rule::SumDecreasing,
    ];

    #[test]
    fn items_of_the_specification_are_packed_as_there() {
        let items = vec![vec![6, 2], vec![2, 6], vec![5, 5], vec![3, 3]];
        let problem = Problem {
            capacity: vec![10, 10],
            items,
        };
        for rule in RULES {
            assert_eq!(problem.pack(rule), [vec![2, 3], vec![0, 1]], "{rule:?}");
        }
        assert_eq!(
            (problem.lower_bound(), problem.stronger_lower_bound()),
            (2, 2)
        );
    }

    proptest! {
        #[test]
        fn every_item_is_in_one_bin_and_no_bin_holds_more_than_it_may(
            items in prop::collection::vec(prop::collection::vec(1_i64..11, 2), 0..20),
        ) {
            let problem = Problem { capacity: vec![10, 10], items };
            for rule in RULES {
                let bins = problem.pack(rule);
                let mut packed: Vec<usize> = bins.iter().flatten().copied().collect();
                packed.sort_unstable();
                prop_assert_eq!(packed, (0..problem.items.len()).collect::<Vec<_>>());
                for bin in &bins {
                    for resource in 0..2 {
                        let sum: i64 = bin.iter().map(|&item| problem.items[item][resource]).sum();
                        prop_assert!(sum <= 10 && !bin.is_empty());
                    }
                }
                prop_assert!(bins.len() as i64 >= problem.stronger_lower_bound());
            }
        }
    }
}

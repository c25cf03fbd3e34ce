//! The fewest or cheapest nodes with which the objectives of a scenario hold over its seeds, of one source
//! of nodes or of several. More nodes may do worse than fewer, so what is below the numbers that are
//! found is tried, too: all of it, or a sample where there is much.

use units::SortedMap;

/// Numbers of nodes below the found one that are tried at most.
const MOST_BELOW: u64 = 20;

/// Numbers of nodes after which no more exchanges are tried.
const MOST_TRIED: usize = 80;

/// Numbers of nodes that are listed at most.
const MOST_LISTED: usize = 20_000;

/// Outcome under one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedOutcome {
    /// Value of each objective's metric; `None` where it is undefined.
    pub values: Vec<Option<f64>>,
    /// Whether each objective holds.
    pub holds: Vec<bool>,
    /// Digest of the placements.
    pub placements: String,
}

/// Outcome of a number of nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Number of nodes of each source.
    pub counts: Vec<u64>,
    /// Outcome under each seed.
    pub seeds: Vec<SeedOutcome>,
}

impl Held {
    /// Number of seeds under which every objective holds.
    pub fn count(&self) -> u64 {
        let whole = |seed: &&SeedOutcome| seed.holds.iter().all(|own| *own);
        self.seeds.iter().filter(whole).count() as u64
    }

    /// Whether every objective holds under every seed.
    pub fn is_whole(&self) -> bool {
        self.count() == self.seeds.len() as u64
    }

    /// Whether all seeds give the same run: there is nothing to be unsure about.
    pub fn is_certain(&self) -> bool {
        let mut pairs = self.seeds.windows(2);
        self.seeds.len() > 1 && pairs.all(|pair| pair[0] == pair[1])
    }

    /// Mean of an objective's metric over the seeds in which it is defined.
    pub fn mean(&self, objective: usize) -> Option<f64> {
        let values = self.seeds.iter().filter_map(|seed| seed.values[objective]);
        let values: Vec<f64> = values.collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Least share of all seeds in which the objectives hold, with 95 % confidence: the bound of
    /// Clopper and Pearson where they held in every seed that was tried.
    pub fn least_share(&self) -> Option<f64> {
        let tried = self.seeds.len() as f64;
        (self.is_whole() && tried > 0.0).then(|| {
            if self.is_certain() {
                1.0
            } else {
                rng::math::pow(0.05, 1.0 / tried)
            }
        })
    }
}

/// Outcome of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fewest {
    /// The cheapest numbers of nodes with which the objectives hold; `None` if none that were tried
    /// are enough.
    pub reached: Option<Vec<u64>>,
    /// Everything that was tried, from the cheapest up.
    pub tried: Vec<Held>,
    /// Whether everything cheaper was tried.
    pub is_complete: bool,
}

/// Numbers of nodes to search among, by source of nodes.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Numbers to begin with.
    pub start: &'a [u64],
    /// Times that these are tried at most.
    pub times: u64,
    /// Cost of a node of each source: its price in millionths an hour, or 1.
    pub costs: &'a [i64],
}

/// Looks for the cheapest numbers of nodes.
///
/// # Errors
/// The first error of a run.
pub fn fewest<E>(
    sources: Sources<'_>,
    run: impl FnMut(&[u64]) -> Result<Vec<SeedOutcome>, E>,
) -> Result<Fewest, E> {
    let mut search = Search {
        sources,
        tried: SortedMap::new(),
        run,
    };
    let enough = search.any()?;
    let Some(enough) = enough else {
        return Ok(search.outcome(None, false));
    };
    let enough = search.lowered(enough)?;
    let enough = search.exchanged(enough)?;
    let (enough, is_complete) = search.below(enough)?;
    Ok(search.outcome(Some(enough), is_complete))
}

/// A search among numbers of nodes.
struct Search<'a, R> {
    sources: Sources<'a>,
    tried: SortedMap<Vec<u64>, Held>,
    run: R,
}

impl<E, R: FnMut(&[u64]) -> Result<Vec<SeedOutcome>, E>> Search<'_, R> {
    fn cost(&self, counts: &[u64]) -> i64 {
        let parts = counts.iter().zip(self.sources.costs);
        let parts = parts.map(|(count, cost)| cost.saturating_mul(*count as i64));
        parts.fold(0, i64::saturating_add)
    }

    /// Order of numbers: by cost, then by nodes.
    fn rank(&self, counts: &[u64]) -> (i64, u64, Vec<u64>) {
        (self.cost(counts), counts.iter().sum(), counts.to_vec())
    }

    fn outcome(self, reached: Option<Vec<u64>>, is_complete: bool) -> Fewest {
        let mut tried: Vec<Held> = self.tried.values().cloned().collect();
        tried.sort_by_key(|own| self.rank(&own.counts));
        Fewest {
            reached,
            tried,
            is_complete,
        }
    }

    fn holds(&mut self, counts: &[u64]) -> Result<bool, E> {
        if let Some(known) = self.tried.get(counts) {
            return Ok(known.is_whole());
        }
        let held = Held {
            counts: counts.to_vec(),
            seeds: (self.run)(counts)?,
        };
        let is_whole = held.is_whole();
        self.tried.insert(counts.to_vec(), held);
        Ok(is_whole)
    }

    /// Numbers that are enough: those to begin with, or many times as many.
    fn any(&mut self) -> Result<Option<Vec<u64>>, E> {
        let mut times = 1;
        loop {
            let counts: Vec<u64> = { self.sources.start.iter() }
                .map(|own| own.saturating_mul(times))
                .collect();
            if self.holds(&counts)? {
                return Ok(Some(counts));
            }
            if times >= self.sources.times {
                return Ok(None);
            }
            times = times.saturating_mul(2).min(self.sources.times);
        }
    }

    /// Fewer of each source, the dearest first, by halving.
    fn lowered(&mut self, mut enough: Vec<u64>) -> Result<Vec<u64>, E> {
        let mut order: Vec<usize> = (0..enough.len()).collect();
        order.sort_by_key(|place| (std::cmp::Reverse(self.sources.costs[*place]), *place));
        for place in order {
            let others: u64 = enough.iter().sum::<u64>() - enough[place];
            // A cluster has a node.
            let mut fails = i64::from(others == 0) - 1;
            while enough[place] as i64 - fails > 1 {
                let middle = fails + (enough[place] as i64 - fails) / 2;
                let mut counts = enough.clone();
                counts[place] = middle as u64;
                if self.holds(&counts)? {
                    enough = counts;
                } else {
                    fails = middle;
                }
            }
        }
        Ok(enough)
    }

    /// Nodes of one source for those of another, as long as that is cheaper.
    fn exchanged(&mut self, mut enough: Vec<u64>) -> Result<Vec<u64>, E> {
        loop {
            let found = self.exchange(&enough)?;
            let Some(better) = found else {
                return Ok(enough);
            };
            enough = self.lowered(better)?;
        }
    }

    /// The first exchange of nodes that is cheaper and enough.
    fn exchange(&mut self, enough: &[u64]) -> Result<Option<Vec<u64>>, E> {
        let below = self.cost(enough);
        for less in 0..enough.len() {
            for more in (0..enough.len()).filter(|more| *more != less) {
                for gone in [enough[less], enough[less].div_ceil(2), 1] {
                    let mut counts = enough.to_vec();
                    let Some(left) = counts[less].checked_sub(gone).filter(|_| gone > 0) else {
                        continue;
                    };
                    counts[less] = left;
                    // As many as are still cheaper.
                    let left = below - 1 - self.cost(&counts);
                    let cost = self.sources.costs[more].max(1);
                    counts[more] += u64::try_from(left / cost).unwrap_or(0);
                    let is_new = self.cost(&counts) < below && counts.iter().any(|own| *own > 0);
                    if is_new && self.tried.len() < MOST_TRIED && self.holds(&counts)? {
                        return Ok(Some(counts));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Tries what is cheaper, from the cheapest up, or a sample of it where there is much; whether all of
    /// it was tried.
    fn below(&mut self, enough: Vec<u64>) -> Result<(Vec<u64>, bool), E> {
        let limit = self.cost(&enough);
        let mut cheaper: Vec<Vec<u64>> = Vec::new();
        let is_whole = self.list(&mut vec![0; enough.len()], 0, limit, &mut cheaper);
        cheaper.retain(|own| own.iter().any(|count| *count > 0));
        cheaper.sort_by_key(|own| self.rank(own));
        let is_complete = is_whole && cheaper.len() as u64 <= MOST_BELOW;
        let step = (cheaper.len() as u64).div_ceil(MOST_BELOW).max(1);
        let step = usize::try_from(step).unwrap_or(1);
        for counts in cheaper.into_iter().step_by(step) {
            if self.holds(&counts)? {
                return Ok((counts, is_complete));
            }
        }
        Ok((enough, is_complete))
    }

    /// Lists all numbers below a cost; whether that was not too many.
    fn list(
        &self,
        counts: &mut Vec<u64>,
        place: usize,
        limit: i64,
        found: &mut Vec<Vec<u64>>,
    ) -> bool {
        if place == counts.len() {
            found.push(counts.clone());
            return found.len() < MOST_LISTED;
        }
        let mut is_whole = true;
        while is_whole && self.cost(counts) < limit {
            is_whole = self.list(counts, place + 1, limit, found);
            counts[place] += 1;
        }
        counts[place] = 0;
        is_whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(holds: bool, seed: u64) -> SeedOutcome {
        SeedOutcome {
            values: vec![Some(1.0)],
            holds: vec![holds],
            placements: seed.to_string(),
        }
    }

    fn cheapest(costs: &[i64], enough: impl Fn(&[u64]) -> bool) -> Fewest {
        let run = |counts: &[u64]| {
            let seeds = (0..3).map(|seed| outcome(enough(counts), seed));
            Ok::<_, ()>(seeds.collect())
        };
        let sources = Sources {
            start: &vec![4; costs.len()],
            times: 16,
            costs,
        };
        fewest(sources, run).expect("runs")
    }

    fn found(enough: impl Fn(u64) -> bool) -> (Option<u64>, bool) {
        let found = cheapest(&[1], |counts| enough(counts[0]));
        (found.reached.map(|own| own[0]), found.is_complete)
    }

    #[test]
    fn the_fewest_nodes_are_found_also_where_more_do_worse() {
        assert_eq!(found(|nodes| nodes >= 7), (Some(7), true));
        assert_eq!(found(|nodes| nodes == 2 || nodes >= 7), (Some(2), true));
        assert_eq!(found(|_| true), (Some(1), true));
        assert_eq!(found(|_| false), (None, false));
        assert_eq!(found(|nodes| nodes >= 50), (Some(50), false));
    }

    #[test]
    fn nodes_of_several_sources_are_exchanged_for_cheaper_ones() {
        // Cores of 4 and 16 a node, and 40 are needed.
        let cores = |counts: &[u64]| 4 * counts[0] + 16 * counts[1] >= 40;
        for (costs, expected) in [([10, 30], [2, 2]), ([5, 30], [10, 0]), ([20, 30], [0, 3])] {
            let found = cheapest(&costs, cores);
            assert_eq!(found.reached.as_deref(), Some(&expected[..]), "{costs:?}");
        }
        let first_alone = cheapest(&[10, 1], |counts| counts[0] >= 3);
        assert_eq!(first_alone.reached.as_deref(), Some(&[3, 0][..]));
    }

    #[test]
    fn seeds_say_how_sure_the_answer_is() {
        let held = |seeds: Vec<SeedOutcome>| Held {
            counts: vec![1],
            seeds,
        };
        let five = held((0..5).map(|seed| outcome(true, seed)).collect());
        let share = five.least_share().expect("a share");
        assert!((share - 0.549_28).abs() < 1e-4, "{share}");
        let equal = held(vec![outcome(true, 0), outcome(true, 0)]);
        assert_eq!(equal.least_share(), Some(1.0));
        assert_eq!(held(vec![outcome(false, 0)]).least_share(), None);
    }
}

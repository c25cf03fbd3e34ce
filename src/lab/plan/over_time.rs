//! The fewest nodes with which the objectives of a scenario hold over its seeds. More nodes may do
//! worse than fewer, so the numbers below the first one that is found are tried, too: all of them, or
//! a sample where there are many.

use units::SortedMap;

/// Numbers of nodes below the found one that are tried at most.
const MOST_BELOW: u64 = 20;

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
    /// Number of nodes.
    pub nodes: u64,
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
    /// The fewest nodes with which the objectives hold; `None` if no tried number is enough.
    pub reached: Option<u64>,
    /// Everything that was tried, by number of nodes.
    pub tried: Vec<Held>,
    /// Whether every smaller number was tried.
    pub is_complete: bool,
}

/// Looks for the fewest nodes, from `start`, `most` at most.
///
/// # Errors
/// The first error of a run.
pub fn fewest<E>(
    start: u64,
    most: u64,
    mut run: impl FnMut(u64) -> Result<Vec<SeedOutcome>, E>,
) -> Result<Fewest, E> {
    let mut tried: SortedMap<u64, Held> = SortedMap::new();
    let mut holds = |nodes: u64, tried: &mut SortedMap<u64, Held>| -> Result<bool, E> {
        if let Some(known) = tried.get(&nodes) {
            return Ok(known.is_whole());
        }
        let seeds = run(nodes)?;
        let held = Held { nodes, seeds };
        let is_whole = held.is_whole();
        tried.insert(nodes, held);
        Ok(is_whole)
    };
    let mut enough = start.clamp(1, most);
    let mut fails = 0;
    while !holds(enough, &mut tried)? {
        if enough >= most {
            return Ok(Fewest {
                reached: None,
                tried: tried.into_values().collect(),
                is_complete: false,
            });
        }
        fails = enough;
        enough = enough.saturating_mul(2).min(most);
    }
    while enough - fails > 1 {
        let middle = fails + (enough - fails) / 2;
        if holds(middle, &mut tried)? {
            enough = middle;
        } else {
            fails = middle;
        }
    }
    let below = enough - 1;
    let is_complete = below <= MOST_BELOW;
    let step = below.div_ceil(MOST_BELOW).max(1);
    let mut nodes = 1;
    while nodes <= below {
        if holds(nodes, &mut tried)? {
            enough = nodes;
            break;
        }
        nodes += step;
    }
    Ok(Fewest {
        reached: Some(enough),
        tried: tried.into_values().collect(),
        is_complete,
    })
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

    fn found(enough: impl Fn(u64) -> bool) -> Fewest {
        let run = |nodes| {
            let seeds = (0..3).map(|seed| outcome(enough(nodes), seed));
            Ok::<_, ()>(seeds.collect())
        };
        fewest(4, 64, run).expect("runs")
    }

    #[test]
    fn the_fewest_nodes_are_found_also_where_more_do_worse() {
        assert_eq!(found(|nodes| nodes >= 7).reached, Some(7));
        assert_eq!(found(|nodes| nodes == 2 || nodes >= 7).reached, Some(2));
        assert_eq!(found(|_| true).reached, Some(1));
        assert_eq!(found(|_| false).reached, None);
        let many = found(|nodes| nodes >= 50);
        assert_eq!((many.reached, many.is_complete), (Some(50), false));
    }

    #[test]
    fn seeds_say_how_sure_the_answer_is() {
        let held = |seeds: Vec<SeedOutcome>| Held { nodes: 1, seeds };
        let five = held((0..5).map(|seed| outcome(true, seed)).collect());
        let share = five.least_share().expect("a share");
        assert!((share - 0.549_28).abs() < 1e-4, "{share}");
        let equal = held(vec![outcome(true, 0), outcome(true, 0)]);
        assert_eq!(equal.least_share(), Some(1.0));
        assert_eq!(held(vec![outcome(false, 0)]).least_share(), None);
    }
}

//! The runs that a comparison of two candidates stands on. The method follows from what varies in
//! these two, whoever else is compared beside them, and copies of a run are never samples.

use serde::{Deserialize, Serialize};

use crate::summary::VariantSummary;
use units::SortedMap;

/// Perturbations of a deterministic input in the place of each seed. Under perturbation, a log changes
/// over to another course now and then, so differences have two clusters and are skewed by 1 to 2. The
/// 95 % intervals of Student over 20 such pairs hold the mean difference 91 to 93 times in 100, over 60
/// pairs 93 to 95 times (skewness of 400 perturbations of two logs under three policies).
pub const SHAKES_PER_SEED: usize = 3;

/// A candidate with its runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// The candidate's name.
    pub name: String,
    /// The candidate's runs on the input as it is, one per seed.
    pub by_seed: Vec<VariantSummary>,
    /// The candidate's runs on the shaken input, by the number of the perturbation.
    pub shaken: Vec<VariantSummary>,
    /// Number of the log's blocks that each of those draws from; zero if they are small perturbations.
    pub blocks: usize,
}

impl Candidate {
    /// The runs on the input as it is, each once: a single one where all seeds give the same run.
    pub fn distinct(&self) -> &[VariantSummary] {
        if is_alike(&mut self.by_seed.iter()) {
            &self.by_seed[..1]
        } else {
            &self.by_seed
        }
    }
}

/// Source of variation between the runs of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Method {
    /// Seeds: the same for both candidates.
    Seeds {
        /// The seeds, in ascending order.
        seeds: Vec<u64>,
    },
    /// Small perturbations of one input: no seed changes anything that is measured.
    Shaking {
        /// The seed of all runs.
        seed: u64,
        /// Number of perturbations.
        shakes: u64,
    },
    /// Logs of blocks drawn from one log.
    Blocks {
        /// The seed of all runs.
        seed: u64,
        /// Number of drawn logs.
        replicates: u64,
        /// Number of whole blocks of the log.
        blocks: usize,
    },
    /// Nothing varies: neither seeds nor perturbations, where there are any, change anything.
    Whole {
        /// The seed of the run.
        seed: u64,
    },
}

impl Method {
    /// The method's name in tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Seeds { .. } => "seeds",
            Self::Shaking { .. } => "shaking",
            Self::Blocks { .. } => "blocks",
            Self::Whole { .. } => "whole",
        }
    }

    /// Number of blocks that every pair is drawn from; zero where it is drawn from none.
    pub const fn blocks(&self) -> usize {
        match self {
            Self::Blocks { blocks, .. } => *blocks,
            _ => 0,
        }
    }

    /// Number of pairs.
    pub fn pairs(&self) -> usize {
        match self {
            Self::Seeds { seeds } => seeds.len(),
            Self::Shaking { shakes, .. } => *shakes as usize,
            Self::Blocks { replicates, .. } => *replicates as usize,
            Self::Whole { .. } => 1,
        }
    }
}

/// The runs of two candidates, pair by pair.
#[derive(Clone, Debug)]
pub struct Paired<'a> {
    /// Source of variation between the pairs.
    pub method: Method,
    /// The baseline's runs.
    pub base: Vec<&'a VariantSummary>,
    /// The candidate's runs.
    pub head: Vec<&'a VariantSummary>,
    /// The baseline's run on the unshaken input, where the pairs are of shaken ones.
    pub base_unshaken: Option<&'a VariantSummary>,
    /// The candidate's run on it.
    pub head_unshaken: Option<&'a VariantSummary>,
}

impl Paired<'_> {
    /// Returns whether both candidates make the same decisions in every pair.
    pub fn is_same(&self) -> bool {
        let mut pairs = self.base.iter().zip(&self.head);
        pairs.len() > 0 && pairs.all(|(base, head)| base.digest == head.digest)
    }
}

/// Returns whether there are several runs, all copies of one: the same decisions, or others that
/// change no metric, such as ties between equal nodes.
fn is_alike(runs: &mut dyn Iterator<Item = &VariantSummary>) -> bool {
    let Some(first) = runs.next() else {
        return false;
    };
    let is_copy = |run: &VariantSummary| run.digest == first.digest || run.metrics == first.metrics;
    let mut others = runs.peekable();
    others.peek().is_some() && others.all(is_copy)
}

/// Returns whether two runs show that no seed changes anything: their decisions are the same, and
/// neither drew anything under its seed, so that nothing rare can happen under another.
pub fn is_same_for_any_seed(runs: &[VariantSummary]) -> bool {
    match runs {
        [first, second, ..] => {
            first.digest == second.digest && !first.has_chance && !second.has_chance
        }
        _ => false,
    }
}

/// Returns whether no seed changes anything that is measured. Two runs without chance are enough to
/// tell; otherwise all of the seeds asked for tell. Runs beyond these, which other pairs need, do not
/// count.
pub(super) fn is_deterministic(candidate: &Candidate, seeds: usize) -> bool {
    let runs = &candidate.by_seed;
    is_same_for_any_seed(runs) || runs.len() >= seeds && is_alike(&mut runs.iter().take(seeds))
}

/// The pairs of two candidates, whose runs are aligned by seed or perturbation.
pub fn paired<'a>(base: &'a Candidate, head: &'a Candidate) -> Paired<'a> {
    let Aligned {
        method,
        rows,
        unshaken,
    } = aligned(&[base, head]);
    let side = |at: usize| rows.iter().map(|row| row[at]).collect();
    let whole = |at: usize| unshaken.as_ref().map(|row| row[at]);
    Paired {
        base: side(0),
        head: side(1),
        base_unshaken: whole(0),
        head_unshaken: whole(1),
        method,
    }
}

/// One run of each candidate.
type Row<'a> = Vec<&'a VariantSummary>;

/// The runs of any number of candidates side by side.
#[derive(Clone, Debug)]
pub(super) struct Aligned<'a> {
    /// Source of variation between the rows.
    pub(super) method: Method,
    /// Runs on the same seed or perturbation, of each candidate in their order.
    pub(super) rows: Vec<Row<'a>>,
    /// Runs on the unshaken input, where the rows are of shaken ones.
    unshaken: Option<Row<'a>>,
}

/// Aligns the runs of candidates. By the seeds that all have; where no seed changes the run of any,
/// by the shaken runs that all have; and one row where these are copies, too.
pub(super) fn aligned<'a>(candidates: &[&'a Candidate]) -> Aligned<'a> {
    let shared = shared_seeds(candidates);
    let are_copies = |rows: &[Row<'_>]| {
        (0..candidates.len()).all(|at| is_alike(&mut rows.iter().map(|row| row[at])))
    };
    // Shaken runs are made where no seed changes the run of either of two.
    let shakes = candidates.iter().map(|own| own.shaken.len()).min();
    let row = |at: usize| -> Row<'_> { candidates.iter().map(|own| &own.shaken[at]).collect() };
    let shaken: Vec<Row<'_>> = (0..shakes.unwrap_or(0)).map(row).collect();
    if shaken.is_empty() && !are_copies(&shared) {
        return Aligned {
            method: Method::Seeds {
                seeds: shared.iter().map(|row| row[0].seed).collect(),
            },
            rows: shared,
            unshaken: None,
        };
    }
    let seed = shared.first().map_or(0, |row| row[0].seed);
    let first = shared.first().cloned();
    if shaken.is_empty() || are_copies(&shaken) {
        return Aligned {
            method: Method::Whole { seed },
            rows: first.into_iter().collect(),
            unshaken: None,
        };
    }
    let replicates = shaken.len() as u64;
    Aligned {
        method: match candidates.first().map_or(0, |own| own.blocks) {
            0 => Method::Shaking {
                seed,
                shakes: replicates,
            },
            blocks => Method::Blocks {
                seed,
                replicates,
                blocks,
            },
        },
        rows: shaken,
        unshaken: first,
    }
}

/// The runs with the seeds that all candidates have, in ascending order.
pub(super) fn shared_seeds<'a>(candidates: &[&'a Candidate]) -> Vec<Row<'a>> {
    let by_seed = |own: &&'a Candidate| -> SortedMap<u64, &'a VariantSummary> {
        own.by_seed.iter().map(|run| (run.seed, run)).collect()
    };
    let all: Vec<SortedMap<u64, &VariantSummary>> = candidates.iter().map(by_seed).collect();
    let seeds = all.first().into_iter().flat_map(SortedMap::keys);
    let row = |seed| all.iter().map(|own| own.get(seed).copied()).collect();
    seeds.filter_map(row).collect()
}

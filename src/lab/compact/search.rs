//! The search of a trial: fewest machines that are enough, or most arrivals that fit.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use model::Node;
use rng::Stream;

use super::cell::{Cell, Packed};
use super::{CLONES, INFLATION, INFLATION_WITHOUT_REQUESTS, Question, STEPWISE, TrialPlan};
use crate::run::RunError;

/// Result of a trial.
pub(super) enum Found {
    /// A number.
    Value(usize),
    /// A number at which the search ended, though more fits.
    AtLeast(usize),
    /// The workload does not fit at all.
    Nothing,
    /// The user ended the search.
    Interrupted,
}

/// Room for the whole workload, which is the same in every trial.
pub(super) struct Room {
    /// The outcome of packing on the machines of the cell.
    pub(super) packed: Packed,
    /// That of the last packing, where the workload does not fit.
    pub(super) last: Packed,
    /// The number of times that the cell has to be taken for the workload to fit, if it does then.
    times: Option<usize>,
}

/// Packs the whole workload on the cell and, where it does not fit, on more and more copies of it; `None` if
/// the user ended that.
pub(super) fn has_room_for_all(
    cell: &Cell<'_>,
    plan: TrialPlan<'_>,
    interrupted: &AtomicBool,
) -> Result<Option<Room>, RunError> {
    let Some(packed) = cell.pack(cell.cloned(1), &[], interrupted)? else {
        return Ok(None);
    };
    let mut times = packed.fits(plan.pending).then_some(1);
    let mut last = packed.clone();
    let most = match plan.question {
        Question::Compact => CLONES,
        Question::Inflate => 1,
    };
    for copies in 2..=most {
        if times.is_some() {
            break;
        }
        let Some(packed) = cell.pack(cell.cloned(copies), &[], interrupted)? else {
            return Ok(None);
        };
        times = packed.fits(plan.pending).then_some(copies);
        last = packed;
    }
    Ok(Some(Room {
        packed,
        last,
        times,
    }))
}

/// Trial with a random order of its own.
pub(super) struct Search<'a> {
    pub(super) cell: &'a Cell<'a>,
    pub(super) plan: TrialPlan<'a>,
    pub(super) trial: usize,
    pub(super) room: &'a Room,
    /// Whether the system places pods whatever they request.
    pub(super) ignores_requests: bool,
    pub(super) interrupted: &'a AtomicBool,
}

impl Search<'_> {
    fn stream(&self, purpose: &'static str) -> Stream {
        Stream::new(self.plan.seed, purpose, self.trial as u64)
    }

    /// Fewest machines that are enough when machines are removed in the trial's order.
    pub(super) fn fewest(&self) -> Result<Found, RunError> {
        let Some(times) = self.room.times else {
            return Ok(Found::Nothing);
        };
        let nodes = self.cell.cloned(times);
        let given = { self.plan.removals.get(self.trial) }.filter(|own| own.len() == nodes.len());
        // Feasibility need not be monotone: a given order asks for the first failure along it.
        let is_stepwise = nodes.len() <= STEPWISE || given.is_some();
        let order = given.cloned().unwrap_or_else(|| {
            let mut order: Vec<usize> = (0..nodes.len()).collect();
            self.stream("compact/removal").shuffle(&mut order);
            order
        });
        let kept = |count: usize| -> Vec<Arc<Node>> {
            let mut places = order[order.len() - count..].to_vec();
            places.sort_unstable();
            places
                .into_iter()
                .map(|place| nodes[place].clone())
                .collect()
        };
        if is_stepwise {
            let mut count = nodes.len();
            while count > 1 {
                match self.packs(kept(count - 1), &[])? {
                    None => return Ok(Found::Interrupted),
                    Some(true) => count -= 1,
                    Some(false) => break,
                }
            }
            return Ok(Found::Value(count));
        }
        halves(0, nodes.len(), |count| self.packs(kept(count), &[]))
    }

    /// Most copies of arrivals, drawn from the workload, that fit in the cell as well.
    pub(super) fn most(&self) -> Result<Found, RunError> {
        let nodes = || self.cell.nodes.clone();
        let count = self.cell.arrivals();
        if self.room.times != Some(1) {
            return Ok(Found::Nothing);
        }
        let mut dice = self.stream("compact/inflation");
        let factor = if self.ignores_requests {
            INFLATION_WITHOUT_REQUESTS
        } else {
            INFLATION
        };
        let most = factor.saturating_mul(count);
        let mut drawn: Vec<usize> = Vec::new();
        // The number of copies that no longer fits, by doubling.
        let mut fails = count.div_ceil(8).max(1);
        let mut fits = 0;
        loop {
            while drawn.len() < fails {
                drawn.push(dice.below(count as u64) as usize);
            }
            match self.packs(nodes(), &drawn[..fails])? {
                None => return Ok(Found::Interrupted),
                Some(false) => break,
                Some(true) if fails >= most => return Ok(Found::AtLeast(fails)),
                Some(true) => {
                    fits = fails;
                    fails = (2 * fails).min(most);
                }
            }
        }
        while fails - fits > 1 {
            let middle = fits.midpoint(fails);
            match self.packs(nodes(), &drawn[..middle])? {
                None => return Ok(Found::Interrupted),
                Some(true) => fits = middle,
                Some(false) => fails = middle,
            }
        }
        Ok(Found::Value(fits))
    }

    fn packs(&self, nodes: Vec<Arc<Node>>, more: &[usize]) -> Result<Option<bool>, RunError> {
        let packed = self.cell.pack(nodes, more, self.interrupted)?;
        Ok(packed.map(|packed| packed.fits(self.plan.pending)))
    }
}

/// Least number that fits, above one that does not and up to one that does.
fn halves(
    mut fails: usize,
    mut fits: usize,
    packs: impl Fn(usize) -> Result<Option<bool>, RunError>,
) -> Result<Found, RunError> {
    while fits - fails > 1 {
        let middle = fails.midpoint(fits);
        match packs(middle)? {
            None => return Ok(Found::Interrupted),
            Some(true) => fits = middle,
            Some(false) => fails = middle,
        }
    }
    Ok(Found::Value(fits))
}

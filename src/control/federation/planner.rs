//! Planner of a federation: the replicas that each cell gets, as `KubeFed` computes them from a
//! `ReplicaSchedulingPreference` (spec: kubernetes.md section 5).

use model::Text;
use units::SortedMap;

/// Share of a cell in a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preference {
    /// Weight among the cells.
    pub weight: i64,
    /// Number of replicas that the cell gets before replicas are divided by weight.
    pub min: i64,
    /// Largest number of replicas; `None` is any.
    pub max: Option<i64>,
}

impl Default for Preference {
    fn default() -> Self {
        Self {
            weight: 1,
            min: 0,
            max: None,
        }
    }
}

/// Division of a workload among cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Number of replicas in all cells together.
    pub replicas: i64,
    /// Whether replicas that run are moved for the sake of the weights.
    pub rebalances: bool,
    /// Preferences of cells by name.
    pub cells: SortedMap<Text, Preference>,
    /// Preference of the cells that are not named; `None` gives them nothing.
    pub others: Option<Preference>,
}

impl Preferences {
    /// The preference of a cell, if it may have replicas.
    pub fn of(&self, cell: &str) -> Option<Preference> {
        self.cells.get(cell).copied().or(self.others)
    }
}

/// Cell as the planner sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedCell {
    /// Name of the cell.
    pub name: Text,
    /// Number of replicas that run there; `None` if the cell does not have the workload yet.
    pub current: Option<i64>,
    /// Estimated number of replicas that it has room for; `None` while all find a place.
    pub capacity: Option<i64>,
}

/// Replicas of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellPlan {
    /// Number of replicas that the cell can run.
    pub replicas: i64,
    /// Number of replicas beyond its capacity that it would get by its weight.
    pub overflow: i64,
}

/// State of a cell while replicas are divided.
struct CellShare<'a> {
    place: usize,
    cell: &'a PlannedCell,
    preference: Preference,
    hash: u32,
    /// Replicas kept without regard to weights, which later rounds count as given.
    kept: i64,
    planned: CellPlan,
    is_full: bool,
}

impl CellShare<'_> {
    /// Gives an amount, up to the bounds of the cell; the number that it took.
    fn give(&mut self, amount: i64) -> i64 {
        let start = self.planned.replicas;
        let mut total = start.saturating_add(amount);
        if let Some(max) = self.preference.max
            && total > max
        {
            total = max;
            self.is_full = true;
        }
        if let Some(capacity) = self.cell.capacity
            && total > capacity
        {
            self.planned.overflow = total - capacity;
            total = capacity;
            self.is_full = true;
        }
        self.planned.replicas = total;
        total - start
    }

    /// The number of replicas that the cell keeps at most.
    fn keeps(&self) -> i64 {
        let current = self.cell.current.unwrap_or(0);
        let bounded = current.min(self.preference.max.unwrap_or(i64::MAX));
        bounded.min(self.cell.capacity.unwrap_or(i64::MAX))
    }
}

/// Divides the replicas of a workload among cells; the key of the workload orders cells of equal
/// weight. The result has an entry for each cell, in order.
///
/// ```
/// use control::federation::{PlannedCell, Preference, Preferences, plan};
///
/// let weighted = |weight| Preference { weight, ..Preference::default() };
/// let preferences = Preferences {
///     replicas: 10,
///     cells: [("A".into(), weighted(1)), ("B".into(), weighted(2))].into_iter().collect(),
///     ..Preferences::default()
/// };
/// let cells = ["A", "B"].map(|name| PlannedCell { name: name.into(), ..PlannedCell::default() });
/// let planned = plan(&preferences, &cells, "default/web");
/// assert_eq!([planned[0].replicas, planned[1].replicas], [3, 7]);
/// ```
pub fn plan(preferences: &Preferences, cells: &[PlannedCell], key: &str) -> Vec<CellPlan> {
    let mut sharing: Vec<CellShare<'_>> = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        let Some(preference) = preferences.of(&cell.name) else {
            continue;
        };
        sharing.push(CellShare {
            place,
            cell,
            preference,
            hash: fnv1(&[cell.name.as_bytes(), key.as_bytes()]),
            kept: 0,
            planned: CellPlan::default(),
            is_full: false,
        });
    }
    sharing.sort_by_key(|own| (std::cmp::Reverse(own.preference.weight), own.hash));
    let mut left = preferences.replicas.max(0);
    for own in &mut sharing {
        let room = own.cell.capacity.unwrap_or(i64::MAX);
        own.planned.replicas = own.preference.min.min(left).min(room);
        left -= own.planned.replicas;
    }
    if !preferences.rebalances {
        for own in &mut sharing {
            let extra = own.keeps() - own.planned.replicas;
            own.kept = extra.min(left).max(0);
            left -= own.kept;
            own.planned.replicas += own.kept;
        }
    }
    left = divide(&mut sharing, left);
    let mut planned = vec![CellPlan::default(); cells.len()];
    for own in sharing {
        planned[own.place] = own.planned;
        if !preferences.rebalances {
            planned[own.place].overflow = own.planned.overflow.min(left);
        }
    }
    planned
}

/// Divides by weight, in rounds, until a round changes nothing; what is left over.
fn divide(sharing: &mut [CellShare<'_>], mut left: i64) -> i64 {
    let mut changes = true;
    while changes && left > 0 {
        changes = false;
        let open = || sharing.iter().filter(|own| !own.is_full);
        let weights: i64 = open().map(|own| own.preference.weight).sum();
        if weights <= 0 {
            break;
        }
        let divided = i128::from(left);
        for own in sharing.iter_mut().filter(|own| !own.is_full) {
            let product = divided * i128::from(own.preference.weight);
            let due = (product + i128::from(weights) - 1) / i128::from(weights);
            let due = left.min(i64::try_from(due).unwrap_or(i64::MAX));
            let used = due.min(own.kept);
            own.kept -= used;
            let taken = own.give(due - used);
            left -= taken;
            changes |= used > 0 || taken > 0;
        }
    }
    left
}

/// FNV-1 hash of texts one after the other, in 32 bits.
fn fnv1(texts: &[&[u8]]) -> u32 {
    let bytes = texts.iter().flat_map(|text| text.iter());
    bytes.fold(0x811c_9dc5, |hash: u32, &byte| {
        hash.wrapping_mul(0x0100_0193) ^ u32::from(byte)
    })
}

#[cfg(test)]
mod tests;

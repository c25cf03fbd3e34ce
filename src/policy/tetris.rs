//! Tetris (SIGCOMM'14; spec: orchestrators-b.md section 6.3): tasks are matched to machines by the
//! alignment of what they demand with what is available, weighed against the work that their jobs have
//! left.
//!
//! Demands and availability are fractions of a machine.

/// Share of the alignment that a task loses whose data are elsewhere.
const REMOTE_PENALTY: f64 = 0.1;

/// Difference below which a demand still fits.
const ROUNDING: f64 = 1e-9;

/// A task that looks for a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Peak demand of each resource.
    pub demand: Vec<f64>,
    /// `true` if its data are elsewhere.
    pub is_remote: bool,
}

/// The alignment of a demand with what a machine has available; `None` if the demand does not fit.
pub fn alignment(demand: &[f64], available: &[f64], is_remote: bool) -> Option<f64> {
    let mut pairs = demand.iter().zip(available);
    if pairs.any(|(demand, available)| *demand > available + ROUNDING) {
        return None;
    }
    let sum: f64 = demand
        .iter()
        .zip(available)
        .map(|(demand, available)| demand * available)
        .sum();
    let kept = if is_remote { 1.0 - REMOTE_PENALTY } else { 1.0 };
    Some(sum * kept)
}

/// Scores of packing weighed against the work left.
#[derive(Clone, Debug, PartialEq)]
pub struct CombinedScores {
    /// Weight of the work left.
    pub weight: f64,
    /// Scores of the tasks that fit.
    pub scores: Vec<Option<f64>>,
}

/// Alignments less the weighed work that each task's job has left. The weight makes the mean work as
/// large as the mean alignment, times `factor`.
pub fn combined(alignments: &[Option<f64>], left: &[f64], factor: f64) -> CombinedScores {
    let fitting = alignments
        .iter()
        .zip(left)
        .filter_map(|(alignment, &left)| alignment.map(|alignment| (alignment, left)));
    let (mut aligned, mut work) = (0.0, 0.0);
    for (alignment, left) in fitting {
        aligned += alignment;
        work += left;
    }
    let weight = if work > 0.0 {
        factor * aligned / work
    } else {
        0.0
    };
    let score = |(alignment, left): (&Option<f64>, &f64)| {
        alignment.map(|alignment| alignment - weight * left)
    };
    CombinedScores {
        weight,
        scores: alignments.iter().zip(left).map(score).collect(),
    }
}

/// The position of the best score; of equal ones the first.
pub fn best(scores: &[Option<f64>]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (position, score) in scores.iter().enumerate() {
        if let Some(score) = *score
            && best.is_none_or(|(_, known)| score > known + 1e-12)
        {
            best = Some((position, score));
        }
    }
    best.map(|(position, _)| position)
}

/// Fills a machine: the task with the best alignment goes first, as long as one fits. Positions in the
/// order of placement; `available` is left with what remains.
pub fn fill(tasks: &[Task], available: &mut [f64]) -> Vec<usize> {
    let mut placed = Vec::new();
    loop {
        let aligned = |(position, task): (usize, &Task)| {
            let is_left = !placed.contains(&position);
            is_left
                .then(|| alignment(&task.demand, available, task.is_remote))
                .flatten()
        };
        let scores: Vec<Option<f64>> = tasks.iter().enumerate().map(aligned).collect();
        let Some(chosen) = best(&scores) else {
            return placed;
        };
        for (available, demand) in available.iter_mut().zip(&tasks[chosen].demand) {
            *available -= demand;
        }
        placed.push(chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_specification() {
        let demands = [[0.5, 0.1], [0.3, 0.3], [0.4, 0.4]];
        let available = [0.5, 0.5];
        let aligned: Vec<Option<f64>> = demands
            .iter()
            .map(|demand| alignment(demand, &available, false))
            .collect();
        assert_eq!(best(&aligned), Some(2));
        let found = combined(&aligned, &[2.0, 1.0, 8.0], 1.0);
        assert!((found.weight - 1.0 / 11.0).abs() < 1e-9);
        assert_eq!(best(&found.scores), Some(1));
        assert_eq!(alignment(&[0.6, 0.1], &available, false), None);
    }
}

//! Linear programs of rules: how much of each kind of node is bought at least, whole or not, and what
//! a unit of each rule is worth then, such that no kind gives more than it costs. Found by the simplex
//! method in floats; whether prices are right shows when they are added up again (`least.rs`).

use super::rules::Rule;

/// Rounds of the method; it ends far sooner, and any prices that it has by then are right.
const ROUNDS: usize = 2_000;

/// Rounds after which the first column that helps enters instead of the best, so that the method
/// can't go in circles.
const GREEDY_ROUNDS: usize = 1_000;

/// Largest amount that counts as nothing.
const TINY: f64 = 1e-12;

/// A demand on numbers of nodes: what each kind gives and what is needed together.
#[derive(Clone, Debug)]
pub(super) struct Demanded {
    pub(super) gives: Vec<f64>,
    pub(super) need: f64,
}

/// Solution of a linear program.
#[derive(Clone, Debug)]
pub(super) struct Solved {
    /// Worth of a unit of each demand.
    pub(super) prices: Vec<f64>,
    /// Amount of each kind.
    pub(super) amounts: Vec<f64>,
}

/// The cheapest amounts that meet all demands, given what each kind costs; `None` if none do.
pub(super) fn solve(demands: &[Demanded], costs: &[f64]) -> Option<Solved> {
    let (rows, columns) = (costs.len(), demands.len());
    // Scaled by what is given, so that resources of any unit weigh the same.
    let largest = |own: &Demanded| {
        own.gives
            .iter()
            .fold(1.0_f64, |most, own| most.max(own.abs()))
    };
    let scale: Vec<f64> = demands.iter().map(largest).collect();
    let width = columns + rows + 1;
    let mut table: Vec<Vec<f64>> = Vec::with_capacity(rows + 1);
    for (row, cost) in costs.iter().enumerate() {
        let mut line = vec![0.0; width];
        for (column, own) in demands.iter().enumerate() {
            line[column] = own.gives[row] / scale[column];
        }
        line[columns + row] = 1.0;
        line[width - 1] = *cost;
        table.push(line);
    }
    let mut goal = vec![0.0; width];
    for ((value, own), scale) in goal.iter_mut().zip(demands).zip(&scale) {
        *value = -own.need / scale;
    }
    let mut basis: Vec<usize> = (columns..columns + rows).collect();
    for round in 0..ROUNDS {
        let Some(enters) = entering(&goal[..width - 1], round) else {
            break;
        };
        let binding = table.iter().enumerate();
        let binding = binding.filter(|(_, line)| line[enters] > TINY);
        let ratios = binding.map(|(row, line)| (line[width - 1] / line[enters], basis[row], row));
        let leaves =
            ratios.min_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let (_, _, row) = leaves?;
        pivot(&mut table, &mut goal, row, enters);
        basis[row] = enters;
    }
    let mut prices = vec![0.0; columns];
    for (line, &column) in table.iter().zip(&basis) {
        if column < columns {
            prices[column] = (line[width - 1] / scale[column]).max(0.0);
        }
    }
    let amounts = goal[columns..width - 1].iter().map(|own| own.max(0.0));
    Some(Solved {
        prices,
        amounts: amounts.collect(),
    })
}

/// The column that helps most, or the first one after many rounds (Bland's rule).
fn entering(goal: &[f64], round: usize) -> Option<usize> {
    let mut helping = goal.iter().enumerate().filter(|(_, own)| **own < -1e-9);
    if round >= GREEDY_ROUNDS {
        return helping.next().map(|(column, _)| column);
    }
    let best = helping.min_by(|one, other| one.1.total_cmp(other.1));
    best.map(|(column, _)| column)
}

fn pivot(table: &mut [Vec<f64>], goal: &mut Vec<f64>, row: usize, enters: usize) {
    let pivot = table[row][enters];
    table[row].iter_mut().for_each(|value| *value /= pivot);
    let line = std::mem::take(&mut table[row]);
    for other in table.iter_mut().chain([goal]) {
        let Some(&factor) = other.get(enters) else {
            continue;
        };
        if factor.abs() < f64::MIN_POSITIVE {
            continue;
        }
        for (value, own) in other.iter_mut().zip(&line) {
            *value -= factor * own;
        }
    }
    table[row] = line;
}

/// Demands of rules.
pub(super) fn demanded(rules: &[Rule]) -> Vec<Demanded> {
    let demands = rules.iter().map(|rule| Demanded {
        gives: rule.gives.iter().map(|own| *own as f64).collect(),
        need: rule.need as f64,
    });
    demands.collect()
}

/// Prices of the rules' units, given what a node of each kind costs: no kind gives more than that.
pub(super) fn prices(rules: &[Rule], costs: &[i64]) -> Vec<f64> {
    let own: Vec<f64> = costs.iter().map(|own| *own as f64).collect();
    let solved = solve(&demanded(rules), &own);
    let prices = solved.map_or_else(|| vec![0.0; rules.len()], |own| own.prices);
    right(rules, costs, prices)
}

/// The prices, lowered as far as a kind of node would give more than it costs.
fn right(rules: &[Rule], costs: &[i64], mut prices: Vec<f64>) -> Vec<f64> {
    let mut factor: f64 = 1.0;
    for (kind, cost) in costs.iter().enumerate() {
        let worth: f64 = rules
            .iter()
            .zip(&prices)
            .map(|(rule, price)| rule.gives[kind] as f64 * price)
            .sum();
        if worth > *cost as f64 {
            factor = factor.min(*cost as f64 / worth);
        }
    }
    for price in &mut prices {
        *price *= factor * (1.0 - 1e-12);
    }
    prices
}

/// Worth of what is still needed after `given`, rounded up to whole units as far as that is safe.
pub(super) fn worth(rules: &[Rule], prices: &[f64], given: &[i64]) -> i64 {
    let parts = rules.iter().zip(prices).zip(given);
    let sum: f64 = parts
        .map(|((rule, price), given)| (rule.need.saturating_sub(*given).max(0)) as f64 * price)
        .sum();
    rounded_up(sum - 1e-6 - sum * 1e-9)
}

fn rounded_up(value: f64) -> i64 {
    let whole = value as i64;
    if (whole as f64) < value {
        whole + 1
    } else {
        whole
    }
}

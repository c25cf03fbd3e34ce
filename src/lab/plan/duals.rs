//! A lower bound on the price of nodes: prices of what the rules ask for, such that no type of node
//! gives more than it costs. What the pods need is worth the bound at these prices, and whatever is
//! bought costs as much. The best prices are found by the simplex method; whether they are right
//! shows when they are added up again.

use super::rules::Rule;

/// Rounds of the method; it ends far sooner, and any prices that it has by then are right.
const ROUNDS: usize = 1_000;

/// Largest amount that counts as nothing.
const TINY: f64 = 1e-12;

/// Prices of the rules' units, given what a node of each kind costs.
pub(super) fn prices(rules: &[Rule], costs: &[i64]) -> Vec<f64> {
    let (rows, columns) = (costs.len(), rules.len());
    // Scaled by each need, so that every price is the share of the bound that its rule pays.
    let scale: Vec<f64> = rules.iter().map(|rule| rule.need.max(1) as f64).collect();
    let width = columns + rows + 1;
    let mut table: Vec<Vec<f64>> = Vec::with_capacity(rows + 1);
    for (row, cost) in costs.iter().enumerate() {
        let mut line = vec![0.0; width];
        for (column, rule) in rules.iter().enumerate() {
            line[column] = rule.gives[row] as f64 / scale[column];
        }
        line[columns + row] = 1.0;
        line[width - 1] = *cost as f64;
        table.push(line);
    }
    let mut goal = vec![0.0; width];
    for value in &mut goal[..columns] {
        *value = -1.0;
    }
    let mut basis: Vec<usize> = (columns..columns + rows).collect();
    for _ in 0..ROUNDS {
        // Bland's rule: the first column that helps, the first row that binds.
        let Some(enters) = goal[..width - 1].iter().position(|own| *own < -1e-9) else {
            break;
        };
        let binding = table.iter().enumerate();
        let binding = binding.filter(|(_, line)| line[enters] > TINY);
        let ratios = binding.map(|(row, line)| (line[width - 1] / line[enters], basis[row], row));
        let leaves =
            ratios.min_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let Some((_, _, row)) = leaves else { break };
        let pivot = table[row][enters];
        table[row].iter_mut().for_each(|value| *value /= pivot);
        let line = table[row].clone();
        let others = table
            .iter_mut()
            .enumerate()
            .filter(|(other, _)| *other != row);
        for other in others.map(|(_, other)| other).chain([&mut goal]) {
            let factor = other[enters];
            for (value, own) in other.iter_mut().zip(&line) {
                *value -= factor * own;
            }
        }
        basis[row] = enters;
    }
    let mut prices = vec![0.0; columns];
    for (row, &column) in basis.iter().enumerate() {
        if column < columns {
            prices[column] = (table[row][width - 1] / scale[column]).max(0.0);
        }
    }
    right(rules, costs, prices)
}

/// The prices, lowered as far as a type of node would give more than it costs.
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

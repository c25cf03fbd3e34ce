//! The statistics behind adaptive thresholds.

/// The interquartile range of values, by the nearest of `n + 1` ranks.
pub(super) fn interquartile_range(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |quarters: f64| {
        let rank = (quarters * (sorted.len() + 1) as f64 + 0.5).floor() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    };
    at(0.75) - at(0.25)
}

/// The median; of an even number of values the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// The median absolute deviation from the median.
pub(super) fn median_absolute_deviation(values: &[f64]) -> f64 {
    let middle = median(values);
    let apart: Vec<f64> = values.iter().map(|value| (middle - value).abs()).collect();
    median(&apart)
}

/// Intercept and slope of the least-squares line through values at 1, 2, ….
pub(super) fn line(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let (mut sum_x, mut sum_y) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        sum_x += (place + 1) as f64;
        sum_y += value;
    }
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut squares, mut products) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let apart = (place + 1) as f64 - mean_x;
        squares += apart * apart;
        products += apart * (value - mean_y);
    }
    let slope = products / squares;
    (mean_y - slope * mean_x, slope)
}

/// The share of the variance of `values` that a linear model of `others` explains; `None` if the
/// model has no unique solution.
pub(super) fn explained(values: &[f64], others: &[&[f64]]) -> Option<f64> {
    let (rows, columns) = (values.len(), others.len() + 1);
    if rows < columns || rows == 0 {
        return None;
    }
    let mut matrix: Vec<Vec<f64>> = std::iter::once(vec![1.0; rows])
        .chain(others.iter().map(|other| other.to_vec()))
        .collect();
    let mut rest = values.to_vec();
    for pivot in 0..columns {
        let norm = matrix[pivot][pivot..]
            .iter()
            .map(|x| x * x)
            .sum::<f64>()
            .sqrt();
        if norm == 0.0 {
            return None;
        }
        let head = matrix[pivot][pivot];
        let alpha = if head > 0.0 { -norm } else { norm };
        let mut mirror = matrix[pivot][pivot..].to_vec();
        mirror[0] -= alpha;
        let scale = -alpha * mirror[0];
        let reflect = |column: &mut [f64]| {
            let dot: f64 = column.iter().zip(&mirror).map(|(x, m)| x * m).sum();
            for (x, m) in column.iter_mut().zip(&mirror) {
                *x -= dot / scale * m;
            }
        };
        for column in &mut matrix[pivot..] {
            reflect(&mut column[pivot..]);
        }
        reflect(&mut rest[pivot..]);
    }
    let residual: f64 = rest[columns..].iter().map(|x| x * x).sum();
    let mean = values.iter().sum::<f64>() / rows as f64;
    let total: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    Some(1.0 - residual / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_and_lines_are_those_of_small_samples() {
        let values = [4.0, 1.0, 3.0, 2.0, 8.0, 5.0, 7.0];
        // Ranks 2 and 6 of seven.
        assert!((interquartile_range(&values) - 5.0).abs() < 1e-12);
        assert!((median(&values) - 4.0).abs() < 1e-12);
        assert!((median(&values[..4]) - 2.5).abs() < 1e-12);
        assert!((median_absolute_deviation(&values) - 2.0).abs() < 1e-12);
        let (intercept, slope) = line(&[3.0, 5.0, 7.0]);
        assert!((intercept - 1.0).abs() < 1e-12 && (slope - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_model_explains_what_follows_from_it_and_nothing_where_it_is_not_unique() {
        let other = [1.0, 2.0, 3.0, 5.0, 8.0];
        let twice = other.map(|value| 2.0 * value + 1.0);
        let share = explained(&twice, &[&other]).expect("a unique model");
        assert!((share - 1.0).abs() < 1e-12);
        let noise = [1.0, -1.0, 1.0, -1.0, 1.0];
        assert!(explained(&noise, &[&other]).expect("a unique model") < 0.2);
        assert_eq!(explained(&noise, &[&[0.0; 5]]), None);
        assert_eq!(explained(&[1.0], &[&[1.0]]), None);
    }
}

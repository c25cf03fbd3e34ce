//! Corrections for many tests: Holm's step-down for gates (family-wise error), Benjamini and
//! Hochberg's step-up for tables that are looked through (false discovery rate).

/// The adjusted p-values of Holm (1979), in the given order.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 0.0;
    for (position, &index) in order.iter().enumerate() {
        let factor = (p.len() - position) as f64;
        least = least.max((p[index] * factor).min(1.0));
        adjusted[index] = least;
    }
    adjusted
}

/// The adjusted p-values of Benjamini and Hochberg (1995), in the given order.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    let mut adjusted = vec![1.0; p.len()];
    let mut most: f64 = 1.0;
    for (position, &index) in order.iter().enumerate().rev() {
        let factor = p.len() as f64 / (position + 1) as f64;
        most = most.min(p[index] * factor);
        adjusted[index] = most;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    /// Four hypotheses with p 0.01, 0.04, 0.03 and 0.005 at level 0.05: Holm rejects the first and
    /// the last and stops (the worked example of the Wikipedia article on the method).
    #[test]
    fn the_published_example_of_holm() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        close(&adjusted, &[0.03, 0.06, 0.06, 0.02]);
        let rejected: Vec<bool> = adjusted.iter().map(|p| *p <= 0.05).collect();
        assert_eq!(rejected, [true, false, false, true]);
        close(&holm(&[]), &[]);
        close(&holm(&[0.9, 0.8]), &[1.0, 1.0]);
    }

    /// The fifteen p-values of Benjamini and Hochberg (1995), section 3.2: four are rejected at
    /// level 0.05, where Bonferroni and Hochberg reject three.
    #[test]
    fn the_published_example_of_benjamini_and_hochberg() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0000,
        ];
        let rejected = |adjusted: Vec<f64>| adjusted.iter().filter(|p| **p <= 0.05).count();
        assert_eq!(rejected(benjamini_hochberg(&p)), 4);
        assert_eq!(rejected(holm(&p)), 3);
    }
}

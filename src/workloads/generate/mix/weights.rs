//! Weights of the templates of a mix in the parts of its course.

use units::plural::count;

use super::marginal::Choice;
use super::written::is_factor;

/// The weight of a template.
pub(super) struct Weighted {
    /// Number of the template.
    pub(super) number: u32,
    pub(super) weight: f64,
    /// Factors of the weight in the parts of the course.
    pub(super) shares: Vec<f64>,
}

/// Factors of a template's weight in the parts of the course.
pub(super) fn shares(own: Option<&[f64]>, course: Option<&[f64]>) -> Result<Vec<f64>, String> {
    let parts = course.map_or(1, <[f64]>::len);
    let Some(factors) = own else {
        return Ok(vec![1.0; parts]);
    };
    if course.is_none() {
        return Err("course: the arrivals have none; write `arrivals.course`".to_owned());
    }
    if factors.len() != parts || !factors.iter().copied().all(is_factor) {
        return Err(format!(
            "course: expected {} of at least 0, as `arrivals.course` has, found {}",
            count(parts as u64, "factor"),
            count(factors.len() as u64, "value")
        ));
    }
    Ok(factors.to_vec())
}

/// The numbers of templates by their weights, for each part of a course with these rates.
pub(super) fn choices(weights: &[Weighted], rates: &[f64]) -> Result<Vec<Choice<u32>>, String> {
    let of = |factor: &dyn Fn(&[f64]) -> f64| {
        let weighted = weights.iter();
        let weighted = weighted.map(|own| (own.number, own.weight * factor(&own.shares)));
        Choice::new(weighted.collect())
    };
    let all = of(&|own| own.iter().sum()).ok_or_else(|| {
        "templates: expected one or more, of which one has a weight above 0".to_owned()
    })?;
    let parts = rates.iter().enumerate().map(|(part, &rate)| {
        match of(&|own| own[part]) {
            Some(own) => Ok(own),
            // A job at the very end of the part before may fall into one without a rate.
            None if rate == 0.0 => Ok(all.clone()),
            None => Err(format!(
                "templates: part {} of `arrivals.course` has a rate, and no template has a weight there; raise \
                 a factor of a template's `course`, or set that of the rate to 0",
                part + 1
            )),
        }
    });
    parts.collect()
}

/// Numbers of submissions of each template in the parts of a course with these rates, beside each other.
pub(super) fn submissions(weights: &[Weighted], rates: &[f64]) -> Vec<Vec<f64>> {
    let of = |own: &Weighted, part: usize| own.weight * own.shares[part];
    let sums = (0..rates.len()).map(|part| weights.iter().map(|own| of(own, part)).sum());
    let sums: Vec<f64> = sums.collect();
    let number = |own: &Weighted, part: usize| match sums[part] {
        0.0 => 0.0,
        sum => rates[part] * of(own, part) / sum,
    };
    let all = |own: &Weighted| (0..rates.len()).map(|part| number(own, part)).collect();
    weights.iter().map(all).collect()
}

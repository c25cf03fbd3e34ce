//! The Pareto front: the candidates that no other beats in one metric without losing in the other.

use serde::{Deserialize, Serialize};

use super::CompareError;
use super::pairing::Candidate;
use super::questions::question_of;
use super::study::{Known, Pareto, values};
use crate::statistics::mean;
use crate::summary::VariantSummary;
use metrics::Direction;

/// A candidate in the plane of two metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParetoPoint {
    /// The candidate.
    pub candidate: String,
    /// The candidate's mean of the first metric.
    pub x: f64,
    /// The candidate's mean of the second metric.
    pub y: f64,
    /// Whether nobody beats it.
    pub on_front: bool,
}

/// Says of each point whether it is on the front. Equal points are on it together.
pub fn mark_front(points: &mut [ParetoPoint], directions: (Direction, Direction)) {
    let gain = |value: f64, direction| match direction {
        Direction::Lower => -value,
        Direction::Higher | Direction::None => value,
    };
    let gains: Vec<(f64, f64)> = points
        .iter()
        .map(|point| (gain(point.x, directions.0), gain(point.y, directions.1)))
        .collect();
    for (point, own) in points.iter_mut().zip(&gains) {
        let is_beaten = gains.iter().any(|other| {
            other.0 >= own.0 && other.1 >= own.1 && (other.0 > own.0 || other.1 > own.1)
        });
        point.on_front = !is_beaten;
    }
}

/// The front over two metrics of candidates, by the means over their runs.
pub(super) fn front(
    candidates: &[(&Candidate, &[VariantSummary])],
    known: &Known<'_>,
    x: &str,
    y: &str,
) -> Result<Pareto, CompareError> {
    let direction = |id: &str| match known.get(id) {
        None => Err(CompareError::unknown_metric(
            "--pareto",
            id,
            known.keys().copied(),
        )),
        Some(metric) => match question_of(id, metric, false).direction {
            Direction::None => Err(CompareError::NoDirection(id.to_owned())),
            direction => Ok(direction),
        },
    };
    let directions = (direction(x)?, direction(y)?);
    let average = |runs: &[VariantSummary], id: &str| mean(&values(runs, id)?);
    let mut points: Vec<ParetoPoint> = candidates
        .iter()
        .filter_map(|(candidate, runs)| {
            Some(ParetoPoint {
                candidate: candidate.name.clone(),
                x: average(runs, x)?,
                y: average(runs, y)?,
                on_front: false,
            })
        })
        .collect();
    mark_front(&mut points, directions);
    Ok(Pareto {
        x: x.to_owned(),
        y: y.to_owned(),
        points,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_on_the_front_is_beaten() {
        let check = |points: &[(f64, f64)], expected: &[bool]| {
            let mut points: Vec<ParetoPoint> = points
                .iter()
                .map(|&(x, y)| ParetoPoint {
                    candidate: String::new(),
                    x,
                    y,
                    on_front: false,
                })
                .collect();
            mark_front(&mut points, (Direction::Lower, Direction::Higher));
            let found: Vec<bool> = points.iter().map(|point| point.on_front).collect();
            assert_eq!(found, expected);
        };
        check(&[], &[]);
        check(&[(1.0, 1.0)], &[true]);
        check(&[(1.0, 1.0), (2.0, 2.0), (2.0, 1.0)], &[true, true, false]);
        check(&[(1.0, 1.0), (1.0, 1.0)], &[true, true]);
        check(&[(1.0, 2.0), (1.0, 1.0)], &[true, false]);
    }
}

//! Weights of the endpoints behind a route (openshift/router `pkg/router/template/router.go`,
//! `calculateServiceWeights`).

/// Greatest weight, of a service and of an endpoint.
const MOST: i32 = 256;

/// Weight of a service that states none.
pub const DEFAULT_WEIGHT: i32 = 1;

/// A service behind a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Weight as written.
    pub weight: i32,
    /// Number of endpoints.
    pub endpoints: u32,
}

/// Weight of each endpoint of each service; `None` for a service without endpoints, which drops out.
pub fn endpoint_weights(backends: &[Backend]) -> Vec<Option<i32>> {
    let weight = |own: &Backend| own.weight.clamp(0, MOST);
    let is_active = |own: &&Backend| own.endpoints > 0 && weight(own) > 0;
    let is_alone = backends.iter().filter(is_active).count() == 1;
    // The original counts in single precision.
    let share = |own: &Backend| weight(own) as f32 / own.endpoints as f32;
    let greatest = backends
        .iter()
        .filter(is_active)
        .map(share)
        .fold(0.0_f32, f32::max);
    let scale = MOST as f32 / greatest;
    let weights = backends.iter().map(|own| {
        if own.endpoints == 0 {
            None
        } else if weight(own) == 0 {
            Some(0)
        } else if is_alone {
            Some(1)
        } else {
            Some(((share(own) * scale) as i32).max(1))
        }
    });
    weights.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(backends: &[(i32, u32)]) -> Vec<Option<i32>> {
        let backends = backends
            .iter()
            .map(|&(weight, endpoints)| Backend { weight, endpoints });
        endpoint_weights(&backends.collect::<Vec<_>>())
    }

    #[test]
    fn worked_weights_of_routes() {
        for (backends, expected) in [
            (vec![(50, 2)], vec![Some(1)]),
            (vec![(20, 2), (10, 4)], vec![Some(256), Some(64)]),
            (vec![(25, 1), (75, 1)], vec![Some(85), Some(256)]),
            (vec![(20, 2), (60, 1)], vec![Some(42), Some(256)]),
            (vec![(1, 300), (256, 1)], vec![Some(1), Some(256)]),
            (vec![(0, 2), (10, 4)], vec![Some(0), Some(1)]),
            // Bounds of weights, and services without endpoints.
            (
                vec![(-5, 1), (900, 1), (256, 1)],
                vec![Some(0), Some(256), Some(256)],
            ),
            (vec![(10, 0), (10, 3)], vec![None, Some(1)]),
            (vec![(0, 1)], vec![Some(0)]),
            (vec![], vec![]),
        ] {
            assert_eq!(weights(&backends), expected, "{backends:?}");
        }
    }
}

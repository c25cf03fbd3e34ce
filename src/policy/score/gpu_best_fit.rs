//! Best fit over cpu and GPU (spec: published-results.md 1.6, 05-BestFit): the node that is left
//! with the least, in absolute amounts.
//!
//! points = trunc((1 − ((c−pc)/C × 0.5 + (g−pg)/G × 0.5)) × 100), then stretched over the feasible
//! nodes to 0–100.

use crate::{ArgumentError, Arguments, Constructor, Entry, Kind, Parameter, Point, PolicyInstance};
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "gpu-best-fit",
    point: Point::Score,
    summary: "Prefers nodes with the least cpu and GPU left, in absolute amounts.",
    source: "published-results.md 1.6",
    parameters: &[CPU_SCALE, GPU_SCALE],
    constructor: Constructor::Policy(|_, arguments| {
        let scale = Scale::new(arguments)?;
        Ok(PolicyInstance::Plugin(Box::new(GpuBestFit { scale })))
    }),
};

/// The cpu that counts as 1.
pub(super) const CPU_SCALE: Parameter = Parameter {
    name: "cpuScale",
    kind: Kind::Integer {
        default: 128_000,
        min: 1,
        max: i64::MAX,
    },
    doc: "Milli-cores that normalize to 1: those of the largest node.",
};

/// The GPU that counts as 1.
pub(super) const GPU_SCALE: Parameter = Parameter {
    name: "gpuScale",
    kind: Kind::Integer {
        default: 8_000,
        min: 1,
        max: i64::MAX,
    },
    doc: "Milli-GPU that normalize to 1: those of the largest node.",
};

/// Scale of amounts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    cpu_milli: f64,
    gpu_milli: f64,
}

impl Scale {
    pub(super) fn new(arguments: &Arguments) -> Result<Self, ArgumentError> {
        Ok(Self {
            cpu_milli: CPU_SCALE.integer(arguments)? as f64,
            gpu_milli: GPU_SCALE.integer(arguments)? as f64,
        })
    }

    pub(super) fn cpu(self, milli: i64) -> f64 {
        milli as f64 / self.cpu_milli
    }

    pub(super) fn gpu(self, milli: i64) -> f64 {
        milli as f64 / self.gpu_milli
    }
}

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct GpuBestFit {
    scale: Scale,
}

impl Plugin for GpuBestFit {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE.and(Points::NORMALIZE)
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let (free, requests, row) = (ctx.store.nodes().free(), &ctx.class.requests, node.index());
        let cpu = self.scale.cpu(free.cpu_milli[row] - requests.cpu_milli);
        let gpu = self.scale.gpu(free.gpu_milli[row] - requests.gpu_milli);
        ((1.0 - (cpu * 0.5 + gpu * 0.5)) * 100.0) as i64
    }

    fn normalize(&self, _ctx: &ClassContext<'_>, scores: &mut [i64]) {
        let (Some(&min), Some(&max)) = (scores.iter().min(), scores.iter().max()) else {
            return;
        };
        if max == min {
            scores.fill(0);
        } else if let Some(span) = max.checked_sub(min).filter(|&span| span <= i64::MAX / 100) {
            for score in scores {
                *score = (*score - min) * 100 / span;
            }
        } else {
            for score in scores {
                *score = stretched(*score, min, max);
            }
        }
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

/// A score stretched in 128 bits: a small scale makes points as large as the type.
fn stretched(score: i64, min: i64, max: i64) -> i64 {
    let (above, span) = (
        i128::from(score) - i128::from(min),
        i128::from(max) - i128::from(min),
    );
    (above * 100 / span) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Setup;
    use crate::testing::{World, node, pod};
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let mut world = World::default();
        let large = world.node(node("large", 128_000, 1_024, (8, "G2")));
        let small = world.node(node("small", 64_000, 1_024, (2, "T4")));
        let Ok(PolicyInstance::Plugin(plugin)) = ENTRY.build(&Setup::default(), &Arguments::new())
        else {
            panic!("a plugin without arguments");
        };
        for ((cpu, gpu), node, expected) in [
            ((0, (0, 0)), large, 0),
            ((64_000, (4, 1000)), large, 50),
            ((64_000, (1, 500)), small, 90),
            ((64_000, (2, 1000)), small, 100),
        ] {
            let spec = world.spec(pod(cpu, 1, gpu));
            assert_eq!(
                plugin.score(&world.ctx(spec), node),
                expected,
                "{cpu} {gpu:?}"
            );
        }
        let spec = world.spec(pod(1, 1, (0, 0)));
        for (mut scores, expected) in [
            (vec![], vec![]),
            (vec![7, 7], vec![0, 0]),
            (vec![10, 40, 20], vec![0, 100, 33]),
            (vec![i64::MIN, i64::MAX, 0], vec![0, 100, 50]),
        ] {
            plugin.normalize(&world.ctx(spec), &mut scores);
            assert_eq!(scores, expected);
        }
    }

    proptest! {
        #[test]
        fn stretching_equals_that_in_128_bits(
            scores in prop::collection::vec(any::<i64>(), 1..9),
            shift in 0_u32..64,
        ) {
            let scores: Vec<i64> = scores.into_iter().map(|score| score >> shift).collect();
            let (min, max) = (*scores.iter().min().expect("one"), *scores.iter().max().expect("one"));
            let plain = |&score: &i64| if max == min { 0 } else { stretched(score, min, max) };
            let expected: Vec<i64> = scores.iter().map(plain).collect();
            let mut world = World::default();
            let spec = world.spec(pod(1, 1, (0, 0)));
            let scale = Scale { cpu_milli: 1.0, gpu_milli: 1.0 };
            let mut found = scores;
            GpuBestFit { scale }.normalize(&world.ctx(spec), &mut found);
            prop_assert_eq!(found, expected);
        }
    }
}

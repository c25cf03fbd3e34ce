//! Optimus (Peng et al., `EuroSys`'18) as the authors of Pollux compare with it: every job has one GPU in the order of
//! submission, and the next one goes to the job whose remaining time it shortens most (petuum/adaptdl, branch
//! `osdi21-artifact`, `simulator/optimus.py`). What is left of a job is known.

use model::Allocation;

use super::{ElasticJob, placing};

/// The GPUs of each job on each node, of nodes with this many.
pub(super) fn allocate(jobs: &[ElasticJob<'_>], nodes: &[u8]) -> Vec<Vec<u8>> {
    let mut left: u32 = nodes.iter().map(|&own| u32::from(own)).sum();
    let widest = nodes.iter().copied().max().map_or(1, u32::from).max(1);
    let mut gpus = Vec::with_capacity(jobs.len());
    for job in jobs {
        let own = if job.least.max(1) > left {
            0
        } else {
            job.least.max(1)
        };
        left -= own;
        gpus.push(own);
    }
    let mut gains: Vec<f64> = { jobs.iter().zip(&gpus) }
        .map(|(job, &own)| gain(job, own, widest))
        .collect();
    while left > 0 {
        let mut best = (0, 0.0);
        for (place, &own) in gains.iter().enumerate() {
            if own > best.1 {
                best = (place, own);
            }
        }
        let (place, most) = best;
        if most <= 0.0 {
            break;
        }
        gpus[place] += 1;
        left -= 1;
        gains[place] = gain(&jobs[place], gpus[place], widest);
    }
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|&place| gpus[place]);
    placing::places(jobs, &gpus, nodes, &order)
}

/// The time by which one more GPU shortens the rest of a job, in seconds.
fn gain(job: &ElasticJob<'_>, gpus: u32, widest: u32) -> f64 {
    let Some(model) = job.model.filter(|_| gpus > 0 && gpus < job.most) else {
        return 0.0;
    };
    let size = job.batch.unwrap_or(model.initial_batch);
    let step = |gpus: u32| {
        let at = Allocation {
            nodes: gpus.div_ceil(widest),
            gpus,
        };
        model.step_time(at, model.split(gpus, size))
    };
    (step(gpus) - step(gpus + 1)) * model.steps(job.left, size)
}

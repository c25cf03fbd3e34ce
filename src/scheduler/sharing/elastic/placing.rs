//! Nodes for numbers of GPUs: on as few as there is room for.

use super::ElasticJob;

/// Jobs keep their GPUs where their number is the same; the others take those of the nodes with the most free ones,
/// in an order.
pub(super) fn places(
    jobs: &[ElasticJob<'_>],
    gpus: &[u32],
    nodes: &[u8],
    order: &[usize],
) -> Vec<Vec<u8>> {
    let mut free = nodes.to_vec();
    let mut rows = vec![vec![0_u8; nodes.len()]; jobs.len()];
    let keeps = |place: usize| {
        let held: u32 = jobs[place].held.iter().map(|&own| u32::from(own)).sum();
        held > 0 && (held == gpus[place] || jobs[place].is_pinned())
    };
    for (place, job) in jobs.iter().enumerate().filter(|(place, _)| keeps(*place)) {
        rows[place].clone_from(&job.held);
        for (free, own) in free.iter_mut().zip(&job.held) {
            *free = free.saturating_sub(*own);
        }
    }
    for &place in order.iter().filter(|&&place| !keeps(place)) {
        let (job, mut wanted) = (&jobs[place], gpus[place]);
        for _ in 0..job.most_nodes {
            let room = |node: usize| free[node].min(job.most_on[node]);
            let node = (0..nodes.len()).rev().max_by_key(|&node| room(node));
            let Some(node) = node.filter(|&node| room(node) > 0 && wanted > 0) else {
                break;
            };
            let taken = u32::from(room(node)).min(wanted) as u8;
            rows[place][node] += taken;
            free[node] -= taken;
            wanted -= u32::from(taken);
        }
        // What is too little for a job waits for more.
        if gpus[place] - wanted < job.least {
            for (free, own) in free.iter_mut().zip(&mut rows[place]) {
                *free += std::mem::take(own);
            }
        }
    }
    rows
}

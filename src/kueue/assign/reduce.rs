//! Partial admission: fewer pods, as many as fit (spec: batch-on-kubernetes.md 1.5.5).

use crate::workload::PendingWorkload;

/// Finds the least reduction of a workload's pods for which `tries` gives an answer, and that answer;
/// `None` if there is none, or if no set may be reduced.
pub fn smallest_reduction<T>(
    pending: &PendingWorkload,
    mut tries: impl FnMut(&PendingWorkload) -> Option<T>,
) -> Option<T> {
    let sets = pending.workload.pod_sets.iter().zip(pending.counts());
    let deltas: Vec<i64> = sets
        .map(|(set, count)| set.min_count.map_or(0, |least| (count - least).max(0)))
        .collect();
    let total: i64 = deltas.iter().sum();
    if total == 0 {
        return None;
    }
    let (mut low, mut high) = (0, total + 1);
    let mut best = None;
    while low < high {
        let step = i64::midpoint(low, high);
        let counts = pending.counts().zip(&deltas);
        let counts: Vec<i64> = counts
            .map(|(count, delta)| count - delta * step / total)
            .collect();
        if let Some(answer) = tries(&pending.with_counts(&counts)) {
            best = Some((step, answer));
            high = step;
        } else {
            low = step + 1;
        }
    }
    best.filter(|(step, _)| *step == low)
        .map(|(_, answer)| answer)
}

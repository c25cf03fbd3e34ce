//! The order in which equal pods go, and a sort that takes comparisons which are no order.

use std::cmp::Ordering;

use model::workload::{ObservedPhase, ObservedPod};
use units::Instant;

/// Greatest number of elements that are sorted by insertion, as in the original.
const BY_INSERTION: usize = 12;

/// Sorts by `is_before`, which need not be transitive. Up to twelve elements by insertion, as the
/// original's library does, so that they come out alike; longer lists by merging such runs, which is
/// the same for every comparison that is an order.
pub fn sort_by_insertion<T: Copy>(items: &mut [T], is_before: impl Fn(T, T) -> bool) {
    for run in items.chunks_mut(BY_INSERTION) {
        for end in 1..run.len() {
            let mut place = end;
            while place > 0 && is_before(run[place], run[place - 1]) {
                run.swap(place, place - 1);
                place -= 1;
            }
        }
    }
    let mut width = BY_INSERTION;
    while width < items.len() {
        for pair in items.chunks_mut(2 * width) {
            if pair.len() > width {
                merge(pair, width, &is_before);
            }
        }
        width *= 2;
    }
}

fn merge<T: Copy>(items: &mut [T], middle: usize, is_before: impl Fn(T, T) -> bool) {
    let (left, right) = items.split_at(middle);
    let mut merged = Vec::with_capacity(items.len());
    let (mut one, mut other) = (0, 0);
    while one < left.len() && other < right.len() {
        if is_before(right[other], left[one]) {
            merged.push(right[other]);
            other += 1;
        } else {
            merged.push(left[one]);
            one += 1;
        }
    }
    merged.extend_from_slice(&left[one..]);
    merged.extend_from_slice(&right[other..]);
    items.copy_from_slice(&merged);
}

/// Unassigned first, then by phase, then those that are not ready.
pub(super) fn by_usefulness(one: &ObservedPod, other: &ObservedPod) -> Ordering {
    let phase = |pod: &ObservedPod| match pod.phase {
        ObservedPhase::Unknown => 1,
        ObservedPhase::Running => 2,
        // The original has no place for ended pods and so puts them first.
        ObservedPhase::Pending | ObservedPhase::Succeeded | ObservedPhase::Failed => 0,
    };
    one.node
        .is_some()
        .cmp(&other.node.is_some())
        .then_with(|| phase(one).cmp(&phase(other)))
        .then_with(|| one.is_ready().cmp(&other.is_ready()))
}

/// More restarts first: those of app containers, then those of sidecars.
pub(super) fn by_restarts(one: &ObservedPod, other: &ObservedPod) -> Ordering {
    let restarts = |pod: &ObservedPod| (pod.restarts.most_of_app, pod.restarts.most_of_sidecar);
    restarts(other).cmp(&restarts(one))
}

/// Unknown times first, then later ones.
pub(super) fn by_youth(one: Option<Instant>, other: Option<Instant>) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(one), Some(other)) => other.cmp(&one),
    }
}

/// The step of an age on the logarithmic scale: the whole part of log2 of its nanoseconds, -1
/// below 1.
pub(super) fn age_step(since: Instant, now: Instant) -> i32 {
    match now.since(since).as_nanos() {
        nanos if nanos <= 0 => -1,
        nanos => nanos.ilog2() as i32,
    }
}

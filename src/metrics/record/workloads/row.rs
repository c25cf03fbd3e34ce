//! One workload over time. Everything is taken from states that held for a time: what comes and
//! goes within an instant is counted and weighs nothing (metrics.md 5.0).

use crate::record::window::MeasuredWindow;
use crate::statistics::distribution::Distribution;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use model::{EvictionCause, Object, Text};
use units::{Instant, ObjectId};

use super::declaration::{Progress, WorkloadDeclaration};
use super::rollout_pods::Versions;

/// A workload that is kept at strength, and what came of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The object.
    pub object: ObjectId,
    /// The row's kind.
    pub kind: &'static str,
    /// The row's namespace.
    pub namespace: Text,
    /// The row's name.
    pub name: Text,
    /// Pods that it wants now.
    pub desired: i64,
    /// Pods that must be ready for it to be available: a part of what is wanted.
    pub required: i64,
    /// Pods that are ready now.
    pub ready: i64,
    /// Sums of the workload.
    pub sums: Sums,
    since: Instant,
    /// `true` while pods are missing that nothing took on purpose.
    is_short: bool,
    lost: Option<Instant>,
    answered: Option<Instant>,
    /// First bindings that are due, by how much the wanted number grew.
    credits: i64,
    declared: WorkloadDeclaration,
    rollout: Option<Rollout>,
    versions: Versions,
    blast: (Instant, i64),
}

/// Sums of a workload in the measured window.
#[derive(Clone, Debug)]
pub struct Sums {
    /// Time for which the workload wanted anything, in nanoseconds.
    pub wanted: Integral,
    /// The part of it in which enough pods were ready.
    pub available: Integral,
    /// The part in which too few were, with an unintended loss.
    pub unplanned: Integral,
    /// Wanted pods x time.
    pub desired: Integral,
    /// Ready pods x time, up to the wanted number.
    pub ready: Integral,
    /// Most pods missing at once for some time, its start included.
    pub worst_missing: i64,
    /// Times from a loss to full strength.
    pub repairs: Distribution,
    /// Times from a loss to the first pod created after it.
    pub detections: Distribution,
    /// Losses that were not made good by the end.
    pub unrepaired: u64,
    /// Rollouts that were completed, and those that never were.
    pub rollouts: Distribution,
    /// Rollouts that another one took the place of.
    pub superseded: u64,
    /// Rollouts that had not ended by the end.
    pub unfinished: u64,
    /// The smallest share of the wanted pods that was ready in a rollout.
    pub lowest: Option<(i64, i64)>,
    /// Evicted pods, by cause.
    pub evictions: [u64; EvictionCause::ALL.len()],
    /// Restarts of containers.
    pub restarts: u64,
    /// Bindings of pods that took another's place.
    pub moves: u64,
    /// Most ready pods lost with nodes at one instant, of so many wanted.
    pub blast: Option<(i64, i64)>,
    /// Most ready pods lost with nodes at one instant.
    pub blast_pods: i64,
}

#[derive(Clone, Debug)]
struct Rollout {
    since: Instant,
    /// Progress reported before.
    before: Progress,
    is_told_of: bool,
    lowest: Option<(i64, i64)>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            wanted: Integral::default(),
            available: Integral::default(),
            unplanned: Integral::default(),
            desired: Integral::default(),
            ready: Integral::default(),
            worst_missing: 0,
            repairs: Distribution::of("loss"),
            detections: Distribution::of("loss"),
            unrepaired: 0,
            rollouts: Distribution::of("rollout"),
            superseded: 0,
            unfinished: 0,
            lowest: None,
            evictions: [0; EvictionCause::ALL.len()],
            restarts: 0,
            moves: 0,
            blast: None,
            blast_pods: 0,
        }
    }
}

impl Row {
    pub(super) fn new(
        at: Instant,
        object: ObjectId,
        source: &Object,
        declared: WorkloadDeclaration,
    ) -> Self {
        Self {
            object,
            kind: source.kind(),
            namespace: source.namespace().clone(),
            name: source.name().clone(),
            desired: declared.desired,
            required: declared.required,
            ready: 0,
            sums: Sums::default(),
            since: at,
            is_short: false,
            lost: None,
            answered: None,
            credits: declared.desired,
            declared,
            rollout: None,
            versions: Versions::default(),
            blast: (Instant::MAX, 0),
        }
    }

    /// Kind, namespace and name, for people.
    pub fn title(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }

    /// Instant from which the row's present state holds.
    pub(super) const fn since(&self) -> Instant {
        self.since
    }

    /// Pods that are missing.
    pub(super) fn missing(&self) -> i64 {
        (self.desired - self.ready).max(0)
    }

    /// The present state held until an instant.
    pub(super) fn hold_until(&mut self, at: Instant, measured: &MeasuredWindow) {
        if at <= self.since {
            return;
        }
        let since = std::mem::replace(&mut self.since, at);
        self.follow_losses(since, measured);
        let ready = self.ready.min(self.desired);
        if self.is_done_unreported() {
            self.rolled_out(since, measured);
        }
        if let Some(rollout) = self.rollout.as_mut().filter(|_| self.desired > 0) {
            lower(&mut rollout.lowest, (ready, self.desired));
        }
        let whole = Span {
            from: since,
            to: at,
        };
        let Some(span) = measured.clip(whole).filter(|_| self.desired > 0) else {
            return;
        };
        let nanos = span.nanos();
        let missing = self.missing();
        let sums = &mut self.sums;
        sums.wanted.add(1, nanos);
        if self.ready >= self.required {
            sums.available.add(1, nanos);
        } else if self.lost.is_some() {
            sums.unplanned.add(1, nanos);
        }
        sums.desired.add_product(self.desired, nanos);
        sums.ready.add_product(ready, nanos);
        sums.worst_missing = sums.worst_missing.max(missing);
    }

    /// A state begins that holds for a time.
    fn follow_losses(&mut self, since: Instant, measured: &MeasuredWindow) {
        let is_short = self.ready < self.desired;
        if self.is_short
            && !is_short
            && self.desired > 0
            && let Some(lost) = self.lost
            && measured.has_instant(lost)
        {
            self.sums.repairs.add(since.since(lost));
            if let Some(answered) = self.answered {
                self.sums.detections.add(answered.since(lost));
            }
        }
        if !is_short {
            (self.lost, self.answered) = (None, None);
        }
        self.is_short = is_short;
    }

    /// Takes up a new declaration or report of the workload.
    pub(super) fn declare(
        &mut self,
        at: Instant,
        new: WorkloadDeclaration,
        measured: &MeasuredWindow,
    ) {
        let grown = new.desired - self.desired;
        self.credits += if grown > 0 {
            grown
        } else {
            -self.credits.min(-grown)
        };
        (self.desired, self.required) = (new.desired, new.required);
        let is_new = match (&self.declared.template, &new.template) {
            (Some(known), Some(new)) => !std::sync::Arc::ptr_eq(known, new) && known != new,
            _ => false,
        };
        let counts = measured.has_instant(at);
        if is_new {
            self.versions.begin();
            let before = new.progress.clone();
            let begun = Rollout {
                since: at,
                before,
                is_told_of: new.desired == 0,
                lowest: None,
            };
            if let Some(other) = self.rollout.replace(begun)
                && counts
            {
                self.sums.superseded += 1;
                // It was not done by now, if it ever would have been.
                if measured.has_instant(other.since) {
                    self.sums.rollouts.add_at_least(at.since(other.since));
                }
            }
        } else if let Some(rollout) = &mut self.rollout {
            rollout.is_told_of |= rollout.before != new.progress;
        }
        if new.is_complete
            && self
                .rollout
                .as_ref()
                .is_some_and(|rollout| rollout.is_told_of)
        {
            self.rolled_out(at, measured);
        }
        self.declared = new;
    }

    /// The rollout under way ended at an instant.
    fn rolled_out(&mut self, at: Instant, measured: &MeasuredWindow) {
        let rollout = self.rollout.take();
        let Some(rollout) = rollout.filter(|own| measured.has_instant(own.since)) else {
            return;
        };
        self.sums.rollouts.add(at.since(rollout.since));
        if let Some(lowest) = rollout.lowest {
            lower(&mut self.sums.lowest, lowest);
        }
    }

    /// Whether a rollout without a report has all pods of its version.
    fn is_done_unreported(&self) -> bool {
        let Some(rollout) = self.rollout.as_ref().filter(|_| self.desired > 0) else {
            return false;
        };
        let is_silent = rollout.before.is_silent() && self.declared.progress.is_silent();
        is_silent && !self.versions.has_old() && self.ready >= self.desired
    }

    /// Whether a rollout is under way.
    pub(super) const fn is_rolling(&self) -> bool {
        self.rollout.is_some()
    }

    /// A pod was asked to terminate, or ended.
    pub(super) const fn leave(&mut self, version: u32) {
        self.versions.leave(version);
    }

    /// Takes up the deletion of the workload.
    pub(super) fn deleted(&mut self) {
        (self.desired, self.required, self.rollout) = (0, 0, None);
    }

    /// A pod became ready or ceased to be.
    pub(super) fn count_ready(&mut self, change: i64) {
        self.ready += change;
    }

    /// A ready pod was lost unintentionally.
    pub(super) fn lose(&mut self, at: Instant) {
        self.lost.get_or_insert(at);
    }

    /// A ready pod was lost with its node.
    pub(super) fn blast(&mut self, at: Instant, counts: bool) {
        let known = if self.blast.0 == at { self.blast.1 } else { 0 };
        self.blast = (at, known + 1);
        if counts {
            self.sums.blast_pods = self.sums.blast_pods.max(self.blast.1);
        }
        if counts && self.desired > 0 {
            let lost = (self.blast.1.min(self.desired), self.desired);
            let best = self.sums.blast.get_or_insert(lost);
            if exceeds(lost, *best) {
                *best = lost;
            }
        }
    }

    /// A pod of it was created: the number of rollouts that had begun.
    pub(super) fn created(&mut self, at: Instant) -> u32 {
        if self.lost.is_some() {
            self.answered.get_or_insert(at);
        }
        self.versions.enter()
    }

    /// A pod of it was bound.
    pub(super) fn bound(&mut self, counts: bool) {
        if self.credits > 0 {
            self.credits -= 1;
        } else {
            self.sums.moves += u64::from(counts);
        }
    }

    /// The run ended.
    pub(super) fn close(&mut self, at: Instant, measured: &MeasuredWindow) {
        self.hold_until(at, measured);
        if let Some(lost) = self.lost.filter(|&lost| measured.has_instant(lost))
            && self.is_short
        {
            self.sums.unrepaired += 1;
            self.sums.repairs.add_at_least(at.since(lost));
            match self.answered {
                Some(answered) => self.sums.detections.add(answered.since(lost)),
                None => self.sums.detections.add_at_least(at.since(lost)),
            }
        }
        if let Some(rollout) = &self.rollout
            && measured.has_instant(rollout.since)
        {
            self.sums.unfinished += 1;
            self.sums.rollouts.add_at_least(at.since(rollout.since));
            if let Some(lowest) = rollout.lowest {
                lower(&mut self.sums.lowest, lowest);
            }
        }
    }
}

/// Whether one share is larger than another; all denominators are above 0.
pub(super) fn exceeds(one: (i64, i64), other: (i64, i64)) -> bool {
    let cross = |a: i64, b: i64| i128::from(a) * i128::from(b);
    cross(one.0, other.1) > cross(other.0, one.1)
}

/// Keeps the smaller share.
pub(super) fn lower(known: &mut Option<(i64, i64)>, share: (i64, i64)) {
    match known {
        Some(known) if !exceeds(*known, share) => {}
        _ => *known = Some(share),
    }
}

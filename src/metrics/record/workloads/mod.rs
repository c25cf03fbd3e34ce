//! Workloads that controllers keep at strength: how many pods each wants and has ready over time,
//! what took pods from it, and how it came back (metrics.md 5.4). One tracker follows the changes
//! for all metrics of the kind; a run without objects of the API costs it nothing.
//!
//! A workload is an object that keeps pods at strength and belongs to no other such one: replica
//! sets count for their deployment. Ready is a pod whose condition says so, that was not told to
//! end, and whose node is heard of: what runs unseen can't be counted on.

mod declaration;
mod moves;
mod objects;
mod part;
mod placement;
mod rollout_pods;
mod row;
mod state_spans;
mod subset;
#[cfg(test)]
mod tests;

use cluster::Store;
use model::{EndReason, Event, NodeContact, Pod, PodChange, PodCreated, PodRef};
use units::{Instant, NodeId, ObjectId};

use crate::record::state::{RESOURCES, class_requests};
use crate::record::window::MeasuredWindow;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::Reading;

use part::{Loss, PodPart, Role};
use placement::Placements;
pub use placement::{DomainSums, PlacementSums};
pub use row::{Row, Sums};
pub use state_spans::StateSpan;
use state_spans::keep;
use subset::Subset;
pub use subset::WorkloadPattern;

/// All workloads of a cell.
#[derive(Clone, Debug, Default)]
pub struct Workloads {
    /// Part of a workload's wanted pods that it needs ready, in percent.
    min_ready_percent: u32,
    rows: Vec<Row>,
    /// Roles of the objects, by number.
    objects: Vec<Role>,
    /// Pods of objects, by slot.
    pods: Vec<Option<PodPart>>,
    /// The pod that goes on as the next one.
    moving: Option<PodPart>,
    has_objects: bool,
    missing: i64,
    since: Instant,
    sums: Totals,
    last_failure: Option<Instant>,
    /// States that held, if requested.
    state_spans: Option<Vec<StateSpan>>,
    placements: Placements,
    /// Workloads that are followed together beside all others.
    subsets: Vec<Subset>,
}

/// Totals over all workloads in the measured window.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Most pods missing at once, over all workloads.
    pub worst_missing: i64,
    /// Restarts of containers, of pods of all kinds.
    pub restarts: u64,
    /// Instants at which ready pods were lost with nodes.
    pub failures: u64,
    /// Pods of jobs that ended without success after they had a node.
    pub wasted_pods: u64,
    /// Requests x time on the nodes.
    pub wasted: [Integral; RESOURCES],
    /// Requests x time of all pods of ended jobs.
    pub worked: [Integral; RESOURCES],
}

impl Workloads {
    /// Follows workloads that need so many of their wanted pods ready, in percent.
    pub fn new(min_ready_percent: u32) -> Self {
        Self {
            min_ready_percent,
            ..Self::default()
        }
    }

    /// Returns the workloads with past states kept until they are taken.
    #[must_use]
    pub fn keeping(self) -> Self {
        Self {
            state_spans: Some(Vec::new()),
            ..self
        }
    }

    /// Takes the states that held since this was called last, in order of their ends.
    pub fn take_state_spans(&mut self) -> impl Iterator<Item = StateSpan> + '_ {
        self.state_spans
            .iter_mut()
            .flat_map(|spans| spans.drain(..))
    }

    /// The workloads, in the order of their creation.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The workloads, each with the measurements of its pods' places.
    pub fn placements(&self) -> impl Iterator<Item = (&Row, &PlacementSums)> {
        self.rows.iter().zip(self.placements.sums())
    }

    /// Totals over all workloads.
    pub const fn totals(&self) -> &Totals {
        &self.sums
    }

    /// Reason no workload has a value, if none has.
    ///
    /// # Errors
    /// The reason.
    pub fn present(&self) -> Result<(), String> {
        if !self.rows.is_empty() {
            Ok(())
        } else if self.has_objects {
            Err("no object maintains a number of pods".to_owned())
        } else {
            Err("no objects of the API: `system.controllers` is not set".to_owned())
        }
    }

    /// The sum of what each of them came to.
    pub fn total(&self, of: impl Fn(&Sums) -> &Integral) -> Integral {
        let mut total = Integral::default();
        for row in &self.rows {
            total.join(of(&row.sums));
        }
        total
    }

    /// Follows a change that was just applied to the store.
    #[inline]
    pub fn apply(
        &mut self,
        at: Instant,
        event: &Event,
        ended: Option<&Pod>,
        store: &Store,
        measured: &MeasuredWindow,
    ) {
        match event {
            Event::Object(change) => self.object(at, change, measured),
            Event::PodCreated(created) if created.owner.is_some() => match self.moving.take() {
                Some(own) => self.arrived(own, created.pod),
                None => self.created(at, created),
            },
            Event::PodChanged { pod, change } => self.changed(at, *pod, *change, store, measured),
            Event::NodeContact { node, contact } if self.has_objects => match contact {
                NodeContact::Silent { .. } => self.heard(at, *node, false, store, measured),
                NodeContact::Steady => self.heard(at, *node, true, store, measured),
                NodeContact::Heard => {}
            },
            Event::PodBound { pod, node, .. } => {
                if let Some(Role::Part(row)) = self.pod(*pod).map(|own| own.role) {
                    self.rows[row as usize].bound(measured.has_instant(at));
                    let place = Some(self.placements.place(*node));
                    self.set(at, measured, *pod, Loss::Planned, |own| own.place = place);
                }
            }
            Event::NodeAdded { node, object } | Event::NodeUpdated { node, object } => {
                self.placements.node(at, *node, Some(object), measured);
            }
            Event::NodeRemoved { node } => self.placements.node(at, *node, None, measured),
            Event::PodEnded { pod, reason } => {
                let Some(own) = self.pod(*pod).copied() else {
                    return;
                };
                self.ended(at, own, *pod, *reason, measured);
                let holds_node = ended.filter(|record| record.phase.holds_node());
                if let (Role::Work, Some(record)) = (own.role, holds_node) {
                    self.worked(at, record, *reason, store, measured);
                }
            }
            _ => {}
        }
    }

    /// Ends the record.
    pub fn close(&mut self, at: Instant, measured: &MeasuredWindow) {
        self.hold_until(at, measured);
        self.placements.close(at, measured);
        for (place, row) in self.rows.iter_mut().enumerate() {
            keep(&mut self.state_spans, place, row, at);
            row.close(at, measured);
        }
    }

    fn role(&self, object: ObjectId) -> Role {
        let role = self.objects.get(object.index());
        role.copied().unwrap_or_default()
    }

    fn pod(&self, pod: PodRef) -> Option<&PodPart> {
        let own = self.pods.get(pod.slot.index())?.as_ref()?;
        (own.id == pod.id).then_some(own)
    }

    fn created(&mut self, at: Instant, created: &PodCreated) {
        let owner = created.owner.map(|owner| owner.object);
        let role = owner.map_or(Role::Other, |owner| self.role(owner));
        let version = match role {
            Role::Part(row) => self.rows[row as usize].created(at),
            _ => 0,
        };
        self.remember(created.pod, role).version = version;
    }

    fn remember(&mut self, pod: PodRef, role: Role) -> &mut PodPart {
        let slot = pod.slot.index();
        if self.pods.len() <= slot {
            self.pods.resize(slot + 1, None);
        }
        self.pods[slot].insert(PodPart {
            id: pod.id,
            role,
            restarts: 0,
            version: 0,
            place: None,
            is_ready: false,
            is_told: false,
            is_unheard: false,
        })
    }

    fn changed(
        &mut self,
        at: Instant,
        pod: PodRef,
        change: PodChange,
        store: &Store,
        measured: &MeasuredWindow,
    ) {
        if self.pod(pod).is_none() {
            // Of pods without an owner it is only of interest how often they start again.
            if !matches!(change, PodChange::Restarted(_)) || store.pods().get(pod).is_none() {
                return;
            }
            self.remember(pod, Role::Other);
        }
        let counts = measured.has_instant(at);
        match change {
            PodChange::Ready(is_ready) => {
                let loss = Loss::Unplanned;
                self.set(at, measured, pod, loss, |own| own.is_ready = is_ready);
            }
            PodChange::Restarted(restarts) => {
                let Some(own) = self.pods[pod.slot.index()].as_mut() else {
                    return;
                };
                let restarts = restarts.total();
                let more = u64::from(restarts.saturating_sub(own.restarts));
                own.restarts = restarts;
                if counts {
                    self.sums.restarts += more;
                    if let Role::Part(row) = own.role {
                        self.rows[row as usize].sums.restarts += more;
                    }
                }
            }
            PodChange::Terminating { reason, .. } => {
                let was_told = self.pod(pod).is_some_and(|own| own.is_told);
                if !was_told {
                    self.count_eviction(pod, reason, counts);
                    self.leaves(at, pod, measured);
                }
                self.set(at, measured, pod, Loss::of(reason), |own| {
                    own.is_told = true;
                });
            }
            PodChange::Forgotten
            | PodChange::Declared { .. }
            | PodChange::Resized { .. }
            | PodChange::Moving { .. }
            | PodChange::Relocated(_)
            | PodChange::Pull { .. }
            | PodChange::OomKilled { .. }
            | PodChange::Exited { .. }
            | PodChange::Held
            | PodChange::Released => {}
        }
    }

    fn count_eviction(&mut self, pod: PodRef, reason: EndReason, counts: bool) {
        if let EndReason::Evicted(cause) = reason
            && counts
            && let Some(Role::Part(row)) = self.pod(pod).map(|own| own.role)
        {
            self.rows[row as usize].sums.evictions[cause as usize] += 1;
        }
    }

    fn ended(
        &mut self,
        at: Instant,
        own: PodPart,
        pod: PodRef,
        reason: EndReason,
        measured: &MeasuredWindow,
    ) {
        let moves = reason == EndReason::Moved;
        self.moving = (moves && own.role != Role::Other).then_some(own);
        if !own.is_told && !moves {
            self.count_eviction(pod, reason, measured.has_instant(at));
            self.leaves(at, pod, measured);
        }
        self.set(at, measured, pod, Loss::of(reason), |own| {
            own.is_told = true;
        });
        self.pods[pod.slot.index()] = None;
    }

    /// A pod that did work ended on its node.
    fn worked(
        &mut self,
        at: Instant,
        record: &Pod,
        reason: EndReason,
        store: &Store,
        measured: &MeasuredWindow,
    ) {
        let span = Span {
            from: record.bound,
            to: at,
        };
        let is_wasted = !matches!(reason, EndReason::Completed | EndReason::Moved);
        self.sums.wasted_pods += u64::from(is_wasted && measured.has_instant(at));
        let Some(span) = measured.clip(span) else {
            return;
        };
        let amounts = class_requests(store, record.class);
        for (resource, amount) in amounts.into_iter().enumerate() {
            self.sums.worked[resource].add_product(amount, span.nanos());
            if is_wasted {
                self.sums.wasted[resource].add_product(amount, span.nanos());
            }
        }
    }

    /// A node fell silent, or is heard of again.
    fn heard(
        &mut self,
        at: Instant,
        node: NodeId,
        is_heard: bool,
        store: &Store,
        measured: &MeasuredWindow,
    ) {
        for &slot in store.nodes().pods(node) {
            let Some(own) = self.pods.get(slot.index()).and_then(Option::as_ref) else {
                continue;
            };
            let pod = PodRef { id: own.id, slot };
            self.set(at, measured, pod, Loss::Node, |own| {
                own.is_unheard = !is_heard;
            });
        }
    }

    /// Changes what is known of a pod; if it was ready and is no more, by such a loss.
    fn set(
        &mut self,
        at: Instant,
        measured: &MeasuredWindow,
        pod: PodRef,
        loss: Loss,
        change: impl FnOnce(&mut PodPart),
    ) {
        let Some(own) = self.pods[pod.slot.index()].as_mut() else {
            return;
        };
        let (before, from) = (own.counts(), own.standing());
        change(own);
        let (after, role, to) = (own.counts(), own.role, own.standing());
        let Role::Part(row) = role else { return };
        self.placements.pod(at, row, [from, to], measured);
        if before == after {
            return;
        }
        self.touch(row, at, measured);
        let counts = measured.has_instant(at);
        self.change(row, |row| {
            row.count_ready(if after { 1 } else { -1 });
            if !after && loss != Loss::Planned {
                row.lose(at);
            }
            if !after && loss == Loss::Node {
                row.blast(at, counts);
            }
        });
        if after || loss != Loss::Node || !counts {
            return;
        }
        let own = (&mut self.last_failure, &mut self.sums);
        let subsets = self.subsets.iter_mut().filter(|subset| subset.has(row));
        let subsets = subsets.map(|subset| (&mut subset.last_failure, &mut subset.totals));
        for (last, totals) in subsets.chain([own]) {
            if *last != Some(at) {
                *last = Some(at);
                totals.failures += 1;
            }
        }
    }

    /// A workload's present state held until an instant, after which it changes.
    fn touch(&mut self, row: u32, at: Instant, measured: &MeasuredWindow) {
        self.hold_until(at, measured);
        let own = &mut self.rows[row as usize];
        keep(&mut self.state_spans, row as usize, own, at);
        own.hold_until(at, measured);
    }

    fn hold_until(&mut self, at: Instant, measured: &MeasuredWindow) {
        if at > self.since {
            let span = Span {
                from: self.since,
                to: at,
            };
            if measured.clip(span).is_some() {
                let subsets = self.subsets.iter_mut();
                let subsets = subsets.map(|subset| (&mut subset.totals, subset.missing));
                for (totals, missing) in subsets.chain([(&mut self.sums, self.missing)]) {
                    totals.worst_missing = totals.worst_missing.max(missing);
                }
            }
            self.since = at;
        }
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut Row)) {
        let row = &mut self.rows[number as usize];
        let before = row.missing();
        change(row);
        let more = row.missing() - before;
        self.missing += more;
        for subset in self.subsets.iter_mut().filter(|own| own.has(number)) {
            subset.missing += more;
        }
    }
}

/// The largest value of any workload, with the name of the first that has it.
pub fn worst(
    workloads: &Workloads,
    of: impl Fn(&PlacementSums) -> Option<f64>,
    none: impl FnOnce() -> String,
) -> Reading {
    let values = workloads.placements();
    let values = values.filter_map(|(row, sums)| Some((row, of(sums)?)));
    let most = values.reduce(|most, own| if own.1 > most.1 { own } else { most });
    let value = workloads
        .present()
        .and(most.ok_or_else(none))
        .map(|(row, value)| (format!("of {}", row.title()), value));
    match value {
        Ok((name, value)) => Reading::new(Ok(value)).remark(Some(name)),
        Err(why) => Reading::new(Err(why)),
    }
}

/// The largest of some shares.
pub fn largest_share(shares: impl Iterator<Item = (i64, i64)>) -> Option<f64> {
    let larger = |one, other| if row::exceeds(other, one) { other } else { one };
    shares
        .reduce(larger)
        .map(|(part, whole)| quotient(part, whole))
}

/// The smallest of some shares.
pub fn lowest_share(shares: impl Iterator<Item = (i64, i64)>) -> Option<f64> {
    let lower = |one, other| if row::exceeds(one, other) { other } else { one };
    shares
        .reduce(lower)
        .map(|(part, whole)| quotient(part, whole))
}

fn quotient(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

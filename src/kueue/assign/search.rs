//! The search for flavors, resource by resource and flavor by flavor (spec: batch-on-kubernetes.md
//! 1.5).

use std::cmp::{Ordering, Reverse};

use model::queueing::{FlavorFungibility, FlavorPreference, FlavorSearch, PreemptionPolicy};
use units::SortedMap;

use super::flavor::refusal;
use super::{Attempt, FitMode, FlavorChoice};
use crate::names::{FlavorResource, Resource};
use crate::preempt::{self, Possibility, Preemptor};
use crate::snapshot::{Group, Snapshot};
use crate::topology;
use crate::workload::{PendingWorkload, Requests};

/// Flavors of sets of pods that are sought together.
#[derive(Default)]
pub(super) struct SearchResult {
    pub(super) flavors: SortedMap<Resource, FlavorChoice>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) reasons: Vec<String>,
    pub(super) has_failed: bool,
}

/// Finds flavors for pod sets, given by index, of these requests.
pub(super) fn flavors(
    snapshot: &mut Snapshot,
    pending: &PendingWorkload,
    members: &[usize],
    requests: &[Requests],
    assigned: &SortedMap<FlavorResource, i64>,
) -> SearchResult {
    let mut found = SearchResult::default();
    let requests = added(requests, snapshot);
    for (resource, amount) in &requests {
        if found.flavors.contains_key(resource) {
            continue;
        }
        let group = snapshot.queue(pending.queue).group_of(*resource).cloned();
        let Some(group) = group else {
            if *amount == 0 || snapshot.settings.ignores_undeclared {
                continue;
            }
            let name = snapshot.names.resource_name(*resource);
            found.fail(vec![format!("resource {name} unavailable in ClusterQueue")]);
            return found;
        };
        let covered = requests
            .iter()
            .filter(|(own, _)| group.covered.contains(own));
        let search = Search {
            pending,
            members,
            group: &group,
            requests: covered.copied().collect(),
            assigned,
        };
        let start = search.start(*resource);
        let of_group = search.run(snapshot, start);
        found.attempts.extend(of_group.attempts);
        if of_group.flavors.is_empty() {
            found.fail(of_group.reasons);
            return found;
        }
        found.flavors.extend(of_group.flavors);
        found.reasons.extend(of_group.reasons);
    }
    found
}

impl SearchResult {
    fn fail(&mut self, reasons: Vec<String>) {
        self.flavors.clear();
        self.reasons = reasons;
        self.has_failed = true;
    }
}

/// The sum of requests, in the order in which resources are visited.
fn added(requests: &[Requests], snapshot: &Snapshot) -> Requests {
    let mut sum = Requests::new();
    for (resource, amount) in requests.iter().flatten() {
        match sum.iter_mut().find(|(own, _)| own == resource) {
            Some((_, own)) => *own = own.saturating_add(*amount),
            None => sum.push((*resource, *amount)),
        }
    }
    sum.sort_by_key(|(resource, _)| snapshot.names.visiting_key(*resource));
    sum
}

/// A way with the level to which it borrows.
#[derive(Clone, Copy)]
struct ModeLevel {
    way: FitMode,
    level: usize,
}

impl ModeLevel {
    /// The order of preference; the greater is better (spec: batch-on-kubernetes.md 1.5.2).
    fn compare(self, other: Self, preference: FlavorPreference) -> Ordering {
        let class = |own: Self| match own.way {
            FitMode::NoFit => 0,
            FitMode::Preempt(Possibility::NoCandidates) => 1,
            FitMode::Preempt(_) | FitMode::Fit => 2,
        };
        let mode = |own: Self| match own.way {
            FitMode::Fit => 2,
            FitMode::Preempt(Possibility::Reclaim) => 1,
            _ => 0,
        };
        let by_class = class(self).cmp(&class(other));
        if by_class != Ordering::Equal || class(self) < 1 {
            return by_class;
        }
        let by_mode = mode(self).cmp(&mode(other));
        let by_level = Reverse(self.level).cmp(&Reverse(other.level));
        match preference {
            FlavorPreference::BorrowingOverPreemption => by_mode.then(by_level),
            FlavorPreference::PreemptionOverBorrowing => by_level.then(by_mode),
        }
    }

    /// Whether the flavors behind are tried, too (spec: batch-on-kubernetes.md 1.5.3).
    fn goes_on(self, rules: FlavorFungibility) -> bool {
        let tries_next = |search: FlavorSearch| search == FlavorSearch::TryNextFlavor;
        match self.way {
            FitMode::NoFit | FitMode::Preempt(Possibility::NoCandidates) => return true,
            FitMode::Preempt(_) if tries_next(rules.when_can_preempt) => return true,
            _ => {}
        }
        self.level > 0 && tries_next(rules.when_can_borrow)
    }
}

/// A search within one group of resources.
struct Search<'a> {
    pending: &'a PendingWorkload,
    members: &'a [usize],
    group: &'a Group,
    requests: Requests,
    assigned: &'a SortedMap<FlavorResource, i64>,
}

impl Search<'_> {
    /// Index of the flavor that the search starts with.
    fn start(&self, resource: Resource) -> usize {
        let cursor = self.pending.cursor.as_ref();
        let of_set = cursor.and_then(|cursor| cursor.get(self.members[0]));
        let tried = of_set.and_then(|of_set| of_set.get(&resource)).copied();
        usize::try_from(tried.unwrap_or(-1) + 1).unwrap_or(0)
    }

    fn run(&self, snapshot: &mut Snapshot, start: usize) -> SearchResult {
        let rules = snapshot.queue(self.pending.queue).spec.fungibility;
        let mut found = SearchResult::default();
        let mut best: Option<(ModeLevel, SortedMap<Resource, FlavorChoice>)> = None;
        let mut last = -1;
        for (index, flavor) in self.group.flavors.iter().enumerate().skip(start) {
            last = i64::try_from(index).unwrap_or(i64::MAX);
            if let Some(reason) = self.refusal(snapshot, index) {
                found.reasons.push(reason.clone());
                found.attempts.push(Attempt {
                    flavor: *flavor,
                    way: FitMode::NoFit,
                    borrowing: 0,
                    reasons: vec![reason],
                    is_refused: true,
                });
                continue;
            }
            let (graded, chosen, mut reasons) = self.evaluate(snapshot, index);
            let levels = chosen.values().map(|own: &FlavorChoice| own.borrowing);
            let borrowing = levels.max().unwrap_or(0);
            found.reasons.extend(reasons.iter().cloned());
            reasons.sort();
            found.attempts.push(Attempt {
                flavor: *flavor,
                way: graded.way,
                borrowing,
                reasons,
                is_refused: false,
            });
            let stops = !graded.goes_on(rules);
            let is_better = match &best {
                None => graded.way != FitMode::NoFit,
                Some((known, _)) => graded.compare(*known, rules.preference) == Ordering::Greater,
            };
            if stops || is_better {
                best = Some((graded, chosen));
            }
            if stops {
                break;
            }
        }
        if let Some((graded, mut chosen)) = best {
            let is_last =
                usize::try_from(last).is_ok_and(|last| last + 1 == self.group.flavors.len());
            for own in chosen.values_mut() {
                own.tried = if is_last { -1 } else { last };
            }
            found.flavors = chosen;
            if graded.way == FitMode::Fit {
                found.reasons.clear();
            }
        }
        found
    }

    /// Reason why some of the pods may not use a flavor.
    fn refusal(&self, snapshot: &Snapshot, index: usize) -> Option<String> {
        let flavor = self.group.flavors[index];
        let Some(settings) = snapshot.flavor(flavor) else {
            let name = snapshot.names.flavor_name(flavor);
            return Some(format!("flavor {name} not found"));
        };
        let queue = snapshot.queue(self.pending.queue);
        let is_implied = queue.implies_places(&snapshot.topologies);
        let mut members = self.members.iter();
        members.find_map(|member| {
            let set = &self.pending.workload.pod_sets[*member];
            let mut single = self.pending.sets[*member].single.iter();
            let covers_any = single.any(|(own, _)| self.group.covered.contains(own));
            topology::refusal(snapshot.ground(), is_implied, covers_any, set, settings)
                .or_else(|| refusal(&set.spec, settings))
        })
    }

    /// The way in which all requests fit into a flavor, the flavor by resource, and reasons.
    fn evaluate(
        &self,
        snapshot: &mut Snapshot,
        index: usize,
    ) -> (ModeLevel, SortedMap<Resource, FlavorChoice>, Vec<String>) {
        let flavor = self.group.flavors[index];
        let rules = snapshot.queue(self.pending.queue).spec.fungibility;
        let mut worst = ModeLevel {
            way: FitMode::Fit,
            level: 0,
        };
        let mut chosen = SortedMap::default();
        let mut reasons = Vec::new();
        for (resource, amount) in &self.requests {
            let pair = snapshot.pair(flavor, *resource);
            let before = self.assigned.get(&pair).copied().unwrap_or(0);
            let (graded, reason) = self.grade(snapshot, pair, before, *amount);
            reasons.extend(reason);
            if worst.compare(graded, rules.preference) == Ordering::Greater {
                worst = graded;
            }
            let own = FlavorChoice {
                flavor,
                mode: graded.way.mode(),
                tried: -1,
                borrowing: graded.level,
            };
            chosen.insert(*resource, own);
        }
        (worst, chosen, reasons)
    }

    /// The way in which an amount of one pair fits (spec: batch-on-kubernetes.md 1.5.1).
    fn grade(
        &self,
        snapshot: &mut Snapshot,
        pair: FlavorResource,
        before: i64,
        amount: i64,
    ) -> (ModeLevel, Option<String>) {
        let queue = self.pending.queue;
        let value = before.saturating_add(amount);
        let (flavor, resource) = snapshot.names.split(pair);
        let most = snapshot.tree.potential(queue, pair);
        let available = snapshot.available(queue, pair);
        let (level, has_above) = snapshot.tree.borrowing_level(queue, pair, value);
        if value <= available.min(most) {
            let way = FitMode::Fit;
            return (ModeLevel { way, level }, None);
        }
        let names = &snapshot.names;
        let place = format!(
            "for {} in flavor {}",
            names.resource_name(resource),
            names.flavor_name(flavor)
        );
        let words = |amount| names.words(resource, amount);
        if value > most {
            let reason = format!(
                "insufficient quota {place}, previously considered podsets requests ({}) + current \
                 podset request ({}) > maximum capacity ({})",
                words(before),
                words(amount),
                words(most)
            );
            let way = FitMode::NoFit;
            return (ModeLevel { way, level: 0 }, Some(reason));
        }
        let more = words(value - available);
        let reason = format!("insufficient unused quota {place}, {more} more needed");
        let policy = snapshot.queue(queue).spec.preemption;
        let is_fair = snapshot.settings.fair_sharing.is_some();
        let may_preempt = snapshot.tree.quota(queue, pair).nominal >= value
            || has_above
            || policy.borrowing.is_some()
            || (is_fair && policy.reclaim != PreemptionPolicy::Never);
        if !may_preempt {
            let way = FitMode::NoFit;
            return (ModeLevel { way, level }, Some(reason));
        }
        let preemptor = Preemptor {
            queue,
            priority: self.pending.workload.priority,
            timestamp: self.pending.timestamp,
            need: &[pair],
            request: &[(pair, value)],
            places: None,
        };
        let (possibility, level) = preempt::possibility(snapshot, &preemptor, value);
        let way = FitMode::Preempt(possibility);
        (ModeLevel { way, level }, Some(reason))
    }
}

//! The choice of flavors for a workload (spec: batch-on-kubernetes.md 1.5).

mod flavor;
mod reduce;
mod search;

use model::Text;
use model::queueing::TopologyAssignment;
use units::SortedMap;

use super::names::{Flavor, FlavorResource, Names, Resource};
use super::preempt::Possibility;
use super::snapshot::Snapshot;
use super::topology::{self, PlaceRequests, PodSetFlavors};
use super::workload::{Cursor, DomainUse, PendingWorkload, Requests};

pub use reduce::smallest_reduction;

/// Way in which a workload fits, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It doesn't.
    NoFit,
    /// Once others give up their quota, or once quota is free.
    Preempt,
    /// At once.
    Fit,
}

impl Mode {
    /// The mode as Kueue writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoFit => "NoFit",
            Self::Preempt => "Preempt",
            Self::Fit => "Fit",
        }
    }
}

/// Way in which an amount fits into a flavor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FitMode {
    /// It doesn't.
    NoFit,
    /// Once others give up their quota.
    Preempt(Possibility),
    /// At once.
    Fit,
}

impl FitMode {
    /// The mode of the way.
    pub const fn mode(self) -> Mode {
        match self {
            Self::NoFit => Mode::NoFit,
            Self::Preempt(_) => Mode::Preempt,
            Self::Fit => Mode::Fit,
        }
    }
}

/// Flavor of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlavorChoice {
    /// The flavor.
    pub flavor: Flavor,
    /// Way in which the amount fits.
    pub mode: Mode,
    /// Index of the flavor that was evaluated last, -1 if that was the last of its group.
    pub tried: i64,
    /// Level to which the queue borrows.
    pub borrowing: usize,
}

/// Evaluation of one flavor for a group of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The flavor.
    pub flavor: Flavor,
    /// Way in which the group fits as a whole.
    pub way: FitMode,
    /// Level to which the queue borrows.
    pub borrowing: usize,
    /// Reasons why it doesn't fit at once, in order of text.
    pub reasons: Vec<String>,
    /// Whether the pods may not use the flavor, whatever its quota.
    pub is_refused: bool,
}

/// Flavors of one pod set.
#[derive(Clone, Debug, Default)]
pub struct SetAssignment {
    /// Place of the pod set among those of the workload.
    pub index: usize,
    /// Name of the pod set.
    pub name: Text,
    /// Number of pods.
    pub count: i64,
    /// Flavors by resource.
    pub flavors: SortedMap<Resource, FlavorChoice>,
    /// Requests of all pods, as quotas count them.
    pub requests: Requests,
    /// Flavors that were evaluated.
    pub attempts: Vec<Attempt>,
    /// Reasons why the set doesn't fit at once.
    pub reasons: Vec<String>,
    /// Domains of the pods.
    pub topology: Option<TopologyAssignment>,
    /// Whether the pods have no place in their topology as its usage stands.
    pub is_unplaced: bool,
}

impl SetAssignment {
    /// Way in which the set fits: at once if there is no reason against it.
    pub fn mode(&self) -> Mode {
        if self.reasons.is_empty() {
            return Mode::Fit;
        }
        let modes = self.flavors.values().map(|chosen| chosen.mode);
        modes.min().unwrap_or(Mode::NoFit)
    }

    fn set_mode(&mut self, mode: Mode) {
        for chosen in self.flavors.values_mut() {
            chosen.mode = mode;
        }
    }
}

/// Flavors of a workload.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// Flavors by pod set, as far as they were sought.
    pub sets: Vec<SetAssignment>,
    /// Highest level to which the queue borrows.
    pub borrowing: usize,
    /// Amounts of quota.
    pub usage: SortedMap<FlavorResource, i64>,
    /// Flavors at which the search stopped.
    pub cursor: Cursor,
    stated_mode: Option<Mode>,
}

impl Assignment {
    /// Way in which the workload fits: that of its worst set.
    pub fn mode(&self) -> Mode {
        let worst = || self.sets.iter().map(SetAssignment::mode).min();
        self.stated_mode.or_else(worst).unwrap_or(Mode::NoFit)
    }

    /// Reasons in words, set by set.
    pub fn message(&self) -> String {
        let sets = self.sets.iter().filter(|set| !set.reasons.is_empty());
        let words = sets.map(|set| {
            let mut reasons = set.reasons.clone();
            reasons.sort();
            let name = &set.name;
            format!(
                "couldn't assign flavors to pod set {name}: {}",
                reasons.join(", ")
            )
        });
        words.collect::<Vec<_>>().join("; ")
    }

    /// Pairs that others have to give up.
    pub fn needs(&self, names: &Names) -> Vec<FlavorResource> {
        let mut needs = Vec::new();
        for (resource, chosen) in self.sets.iter().flat_map(|set| &set.flavors) {
            if chosen.mode == Mode::Preempt {
                needs.extend(names.known_pair(chosen.flavor, *resource));
            }
        }
        needs.sort();
        needs.dedup();
        needs
    }

    /// Amounts above 0 by pair, without pods that only quotas count.
    pub fn requests(&self, pending: &PendingWorkload, names: &Names) -> Vec<(FlavorResource, i64)> {
        let mut requests: SortedMap<FlavorResource, i64> = SortedMap::default();
        for set in &self.sets {
            let own = &pending.sets[set.index];
            for (resource, amount) in own.total.iter().filter(|(_, amount)| *amount > 0) {
                let chosen = set.flavors.get(resource);
                if let Some(pair) =
                    chosen.and_then(|chosen| names.known_pair(chosen.flavor, *resource))
                {
                    *requests.entry(pair).or_default() += *amount;
                }
            }
        }
        requests.into_iter().collect()
    }

    /// Usage of the places of the pods.
    pub fn domains(&self, pending: &PendingWorkload) -> Vec<DomainUse> {
        let mut uses = Vec::new();
        for set in &self.sets {
            let place = set.topology.iter().flat_map(|own| &own.domains);
            let flavor = set.flavors.values().next().map(|chosen| chosen.flavor);
            let mut single = pending.sets[set.index].single.clone();
            single.retain(|(resource, _)| set.flavors.contains_key(resource));
            for (values, count) in place {
                uses.extend(flavor.map(|flavor| DomainUse {
                    flavor,
                    values: values.clone(),
                    count: *count,
                    single: single.clone(),
                }));
            }
        }
        uses
    }

    fn append(&mut self, set: SetAssignment, snapshot: &mut Snapshot) {
        let mut cursor = SortedMap::default();
        for (resource, chosen) in &set.flavors {
            self.borrowing = self.borrowing.max(chosen.borrowing);
            let pair = snapshot.pair(chosen.flavor, *resource);
            let amount = set.requests.iter().find(|(own, _)| own == resource);
            *self.usage.entry(pair).or_default() += amount.map_or(0, |(_, amount)| *amount);
            cursor.insert(*resource, chosen.tried);
        }
        self.cursor.push(cursor);
        self.sets.push(set);
    }

    fn set_all_modes(&mut self, mode: Mode) {
        self.stated_mode = Some(mode);
    }
}

/// Sets of pods whose flavors are sought together, by index.
fn groups(pending: &PendingWorkload) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Option<Text>, Vec<usize>)> = Vec::new();
    for (index, set) in pending.workload.pod_sets.iter().enumerate() {
        let group = set
            .topology
            .as_ref()
            .and_then(|topology| topology.group.clone());
        let known = groups
            .iter_mut()
            .find(|(name, _)| group.is_some() && *name == group);
        match known {
            Some((_, members)) => members.push(index),
            None => groups.push((group, vec![index])),
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

/// Chooses flavors for a workload as the snapshot stands.
pub fn assign(snapshot: &mut Snapshot, pending: &PendingWorkload) -> Assignment {
    let mut assignment = Assignment::default();
    let pods = snapshot.names.resource(super::names::PODS);
    let counts_pods = snapshot.queue(pending.queue).group_of(pods).is_some();
    for members in groups(pending) {
        let requests = members.iter().map(|index| {
            let set = &pending.sets[*index];
            let mut requests = set.total.clone();
            if counts_pods {
                requests.retain(|(resource, _)| *resource != pods);
                requests.push((pods, set.count));
                requests.sort_by_key(|(own, _)| snapshot.names.visiting_key(*own));
            }
            requests
        });
        let requests: Vec<Requests> = requests.collect();
        let found = search::flavors(snapshot, pending, &members, &requests, &assignment.usage);
        let mut has_failed = false;
        for (index, requests) in members.iter().zip(requests) {
            let of_set = |resource: &Resource| requests.iter().any(|(own, _)| own == resource);
            let flavors = found
                .flavors
                .iter()
                .filter(|(resource, _)| of_set(resource));
            let flavors: SortedMap<Resource, FlavorChoice> = flavors
                .map(|(resource, chosen)| (*resource, *chosen))
                .collect();
            has_failed |= found.has_failed && !requests.is_empty();
            let set = SetAssignment {
                index: *index,
                name: pending.workload.pod_sets[*index].name.clone(),
                count: pending.sets[*index].count,
                flavors,
                requests,
                attempts: found.attempts.clone(),
                reasons: found.reasons.clone(),
                topology: None,
                is_unplaced: false,
            };
            assignment.append(set, snapshot);
        }
        if has_failed {
            return assignment;
        }
    }
    if assignment.mode() != Mode::NoFit {
        place(snapshot, pending, &mut assignment);
    }
    assignment
}

/// Finds domains for the sets that ask for a topology (spec: batch-on-kubernetes.md 1.5.5).
fn place(snapshot: &mut Snapshot, pending: &PendingWorkload, assignment: &mut Assignment) {
    let places = assignment.places(snapshot, pending);
    if places.is_empty() {
        return;
    }
    if assignment.mode() == Mode::Fit {
        match snapshot.find_places(&places, topology::Usage::Present) {
            Ok(found) => assignment.set_places(found),
            Err(failure) => {
                if let Some(set) = failure
                    .sets
                    .first()
                    .and_then(|name| assignment.set_named(name))
                {
                    set.reasons.push(failure.reason);
                    set.is_unplaced = true;
                    set.set_mode(Mode::Preempt);
                }
                assignment.set_all_modes(Mode::Preempt);
            }
        }
    }
    if assignment.mode() == Mode::Preempt {
        let usage = topology::Usage::Nothing;
        let found = if snapshot.have_places(&places, usage) {
            Ok(())
        } else {
            snapshot.find_places(&places, usage).map(|_| ())
        };
        match found {
            Ok(()) => {
                for set in places.sets() {
                    if let Some(set) = assignment.set_named(set) {
                        set.set_mode(Mode::Preempt);
                    }
                }
            }
            Err(failure) => {
                for name in &failure.sets {
                    if let Some(set) = assignment.set_named(name) {
                        set.is_unplaced = true;
                        set.set_mode(Mode::NoFit);
                    }
                }
                assignment.set_all_modes(Mode::NoFit);
            }
        }
    }
}

impl Assignment {
    /// Requests of the pod sets for places in topologies.
    pub fn places(&self, snapshot: &Snapshot, pending: &PendingWorkload) -> PlaceRequests {
        let queue = snapshot.queue(pending.queue);
        let is_implied = queue.implies_places(&snapshot.topologies);
        let sets = self.sets.iter().map(|set| PodSetFlavors {
            index: set.index,
            count: set.count,
            flavors: set.flavors.values().map(|chosen| chosen.flavor).collect(),
        });
        PlaceRequests::new(snapshot.ground(), is_implied, pending, sets)
    }

    /// Notes the domains of pod sets.
    pub fn set_places(&mut self, found: Vec<(Text, TopologyAssignment)>) {
        for (name, place) in found {
            if let Some(set) = self.set_named(&name) {
                set.topology = Some(place);
            }
        }
    }

    fn set_named(&mut self, name: &str) -> Option<&mut SetAssignment> {
        self.sets.iter_mut().find(|set| *set.name == *name)
    }
}

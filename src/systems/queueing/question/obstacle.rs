//! Obstacles between a job and its quota: the quota, the limit, the cohort, the flavor, the level of a topology,
//! the check or the order that binds.

use std::sync::Arc;

use kueue::names::{FlavorResource, PODS};
use kueue::run::Controller;
use kueue::tree::{NodeId, Tree};
use kueue::{Assignment, Names, PendingWorkload, Snapshot, nominate};
use model::Text;
use model::queueing::{CheckAnswer, QueuedWorkload, TopologyConstraint};
use units::{Quantity, SortedSet, plural};

use super::Question;
use super::trial::{Trial, sentences};

/// Kind of an obstacle, by what would have to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObstacleKind {
    /// The quota of a `ClusterQueue` without a cohort.
    NominalQuota,
    /// The most that a `ClusterQueue` or a `Cohort` may borrow.
    BorrowingLimit,
    /// All that a `Cohort` and what is below it own and lend.
    CohortQuota,
    /// The most that a `ClusterQueue` or a `Cohort` lends: the rest is free, and nobody else may use it.
    LendingLimit,
    /// A `ResourceFlavor` whose nodes the pods do not accept, or that does not accept them.
    Flavor,
    /// A `Topology` in which no domain of the level has room.
    Level,
    /// An `AdmissionCheck` that has to pass.
    Check,
    /// The workloads of the `ClusterQueue` that go before.
    Order,
    /// A `ClusterQueue` or a `LocalQueue` that takes nothing.
    Queue,
    /// A resource that no group of the `ClusterQueue` covers.
    Resource,
}

impl ObstacleKind {
    /// The kind as programs read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NominalQuota => "nominalQuota",
            Self::BorrowingLimit => "borrowingLimit",
            Self::CohortQuota => "cohortQuota",
            Self::LendingLimit => "lendingLimit",
            Self::Flavor => "flavor",
            Self::Level => "level",
            Self::Check => "check",
            Self::Order => "order",
            Self::Queue => "queue",
            Self::Resource => "resource",
        }
    }
}

/// Amounts of a resource of a flavor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObstacleAmounts {
    /// The flavor.
    pub flavor: Text,
    /// The resource.
    pub resource: Text,
    /// The quota or limit.
    pub limit: Quantity,
    /// The part of it that is taken.
    pub used: Quantity,
    /// The part of it that the job asks for.
    pub asked: Quantity,
}

/// An obstacle between a job and its quota.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obstacle {
    /// Kind.
    pub kind: ObstacleKind,
    /// Kind and name of the object that has it, such as `Cohort company`.
    pub object: String,
    /// Amounts, where it is one of quota.
    pub amounts: Option<ObstacleAmounts>,
    /// Further facts about it, such as the level of a topology.
    pub detail: Option<String>,
}

impl Obstacle {
    fn new(kind: ObstacleKind, object: String) -> Self {
        Self {
            kind,
            object,
            amounts: None,
            detail: None,
        }
    }

    fn detailed(self, detail: String) -> Self {
        Self {
            detail: Some(detail),
            ..self
        }
    }

    /// The obstacle in words.
    pub fn words(&self) -> String {
        let what = match self.kind {
            ObstacleKind::NominalQuota => "nominal quota of ",
            ObstacleKind::BorrowingLimit => "borrowing limit of ",
            ObstacleKind::CohortQuota => "quota of ",
            ObstacleKind::LendingLimit => "lending limit of ",
            _ => "",
        };
        let mut words = format!("{what}{}", self.object);
        if let Some(own) = &self.amounts {
            let ObstacleAmounts {
                flavor,
                resource,
                limit,
                used,
                asked,
            } = own;
            let amounts = match self.kind {
                ObstacleKind::LendingLimit => {
                    format!("{used} {resource} in {flavor} are free, but it lends {limit} at most")
                }
                ObstacleKind::BorrowingLimit => format!(
                    "{limit} {resource} in {flavor}, {used} borrowed, {asked} more to borrow"
                ),
                _ => {
                    format!("{limit} {resource} in {flavor}, {used} in use, {asked} more asked for")
                }
            };
            words.push_str(": ");
            words.push_str(&amounts);
        }
        if let Some(detail) = &self.detail {
            words.push_str(": ");
            words.push_str(detail);
        }
        words
    }
}

/// The end of a way up a tree on which an amount does not fit.
struct Stop {
    node: NodeId,
    kind: ObstacleKind,
    limit: i64,
    used: i64,
    asked: i64,
}

/// The first node on the way up from a queue at which an amount does not fit, with the usage as it is, or
/// as if nothing were used.
fn stop(
    tree: &Tree,
    queue: NodeId,
    pair: FlavorResource,
    amount: i64,
    is_empty: bool,
) -> Option<Stop> {
    let usage = |node| if is_empty { 0 } else { tree.usage(node, pair) };
    let (mut node, mut asked) = (queue, amount);
    loop {
        let (subtree, local) = (tree.subtree(node, pair), tree.local(node, pair));
        let Some(parent) = tree.parent(node) else {
            let kind = if node == queue {
                ObstacleKind::NominalQuota
            } else {
                ObstacleKind::CohortQuota
            };
            let fits = asked <= subtree.saturating_sub(usage(node));
            let (limit, used) = (subtree, tree.usage(node, pair));
            return (!fits).then_some(Stop {
                node,
                kind,
                limit,
                used,
                asked,
            });
        };
        asked = asked.saturating_sub((local - usage(node)).max(0));
        if asked <= 0 {
            return None;
        }
        if let Some(limit) = tree.quota(node, pair).borrowing_limit {
            let free = subtree - local - (usage(node) - local).max(0);
            if asked > free.saturating_add(limit) {
                return Some(Stop {
                    node,
                    kind: ObstacleKind::BorrowingLimit,
                    limit,
                    used: (tree.usage(node, pair) - subtree).max(0),
                    asked: asked - free.max(0),
                });
            }
        }
        node = parent;
    }
}

/// A queue or cohort with its kind.
fn object(tree: &Tree, id: NodeId) -> String {
    let node = tree.node(id);
    let kind = if node.is_queue {
        "ClusterQueue"
    } else {
        "Cohort"
    };
    format!("{kind} {}", node.name)
}

impl Question<'_> {
    /// Obstacles that keep the job from its quota in a cluster, or from running once it has some.
    pub(super) fn obstacles(&self, cluster: &Controller, trial: &Trial) -> Vec<Obstacle> {
        let mut found: SortedSet<Obstacle> = SortedSet::new();
        if trial.admission.is_some() {
            found.extend(self.checks_in_the_way(trial));
            return found.into_iter().collect();
        }
        if let Some(reason) = self.reasons_of_queue(cluster).pop() {
            let object = match &self.queue {
                Some(queue) => format!("ClusterQueue {queue}"),
                None => format!("LocalQueue {}/{}", self.job.namespace, self.local_queue),
            };
            let own = Obstacle::new(ObstacleKind::Queue, object);
            return vec![own.detailed(reason)];
        }
        let snapshot = cluster.snapshot();
        let queue = self.queue.as_ref();
        let Some(queue) = queue.and_then(|name| snapshot.queue_named(name)) else {
            return Vec::new();
        };
        self.quotas_in_the_way(snapshot, queue, trial, &mut found);
        found.extend(trial.obstacles.iter().cloned());
        if trial.ahead > 0 {
            let own = Obstacle::new(ObstacleKind::Order, object(&snapshot.tree, queue));
            let ahead = plural::count(trial.ahead, "workload");
            found.insert(own.detailed(format!("{ahead} ahead")));
        }
        found.into_iter().collect()
    }

    /// Checks that a workload with quota waits for.
    fn checks_in_the_way(&self, trial: &Trial) -> Vec<Obstacle> {
        let sets = trial.admission.iter().flat_map(|own| &own.pod_sets);
        let flavors = sets.flat_map(|set| &set.flavors);
        let flavors = flavors.map(|(resource, flavor)| (resource.clone(), flavor.clone()));
        let names = self.checks(&flavors.collect()).into_iter();
        let known = &self.objects.queueing.checks;
        let obstacles = names.map(|name| {
            let own = Obstacle::new(ObstacleKind::Check, format!("AdmissionCheck {name}"));
            match known.iter().find(|check| check.name == name) {
                Some(check) if check.answer == CheckAnswer::Rejected => {
                    own.detailed("it rejects the workload".to_owned())
                }
                _ => own,
            }
        });
        obstacles.collect()
    }

    /// Quotas and limits that leave too little in every flavor that the job could have.
    fn quotas_in_the_way(
        &self,
        snapshot: &Snapshot,
        queue: NodeId,
        trial: &Trial,
        found: &mut SortedSet<Obstacle>,
    ) {
        let amounts = Self::amounts(&self.workload());
        let own = snapshot.queue(queue);
        let mut covered: SortedSet<&Text> = SortedSet::new();
        for group in &own.spec.groups {
            covered.extend(&group.covered);
            for quotas in &group.flavors {
                if trial.refusing.contains(&quotas.flavor) {
                    continue;
                }
                let asked = amounts
                    .iter()
                    .filter(|(own, _)| group.covered.contains(own));
                for (resource, amount) in asked {
                    quota_in_the_way(snapshot, queue, &quotas.flavor, resource, *amount, found);
                }
            }
        }
        for (resource, _) in amounts.iter().filter(|(_, amount)| **amount > 0) {
            if **resource != *PODS && !covered.contains(resource) {
                let own = Obstacle::new(ObstacleKind::Resource, object(&snapshot.tree, queue));
                found.insert(own.detailed(format!("no group of it covers {resource}")));
            }
        }
    }

    /// Notes the flavors and topologies that stand in the way of an assignment.
    pub(super) fn note_assignment(
        &self,
        snapshot: &Snapshot,
        assignment: &Assignment,
        trial: &mut Trial,
    ) {
        trial.obstacles.clear();
        trial.refusing.clear();
        let workload = self.workload();
        for set in &assignment.sets {
            for attempt in set.attempts.iter().filter(|own| own.is_refused) {
                let name = snapshot.names.flavor_name(attempt.flavor).clone();
                let own = Obstacle::new(ObstacleKind::Flavor, format!("ResourceFlavor {name}"));
                trial
                    .obstacles
                    .push(own.detailed(attempt.reasons.join(", ")));
                trial.refusing.insert(name);
            }
            let flavors = set.flavors.values().map(|chosen| chosen.flavor);
            let mut topologies = flavors.filter_map(|own| snapshot.flavor(own)?.topology.as_ref());
            let Some(name) = topologies.next().filter(|_| set.is_unplaced) else {
                continue;
            };
            let own = Obstacle::new(ObstacleKind::Level, format!("Topology {name}"));
            let stated = workload.pod_sets.get(set.index);
            let wish = stated.and_then(|own| own.topology.as_ref()?.wish.as_ref());
            let level = wish.map_or_else(|| "any place".to_owned(), wished_level);
            let reason = set.reasons.iter().find(|own| own.starts_with("topology"));
            let detail = match reason {
                Some(reason) => format!("{level}; {reason}"),
                None => level,
            };
            trial.obstacles.push(own.detailed(detail));
        }
    }

    /// Notes what would come of a workload that was not tried, as others of its queue go before or
    /// have its shape.
    pub(super) fn note_untried(
        &self,
        cluster: &Controller,
        workload: QueuedWorkload,
        trial: &mut Trial,
    ) {
        let mut snapshot = cluster.snapshot().clone();
        let queue = self.queue.as_ref();
        let Some(queue) = queue.and_then(|name| snapshot.queue_named(name)) else {
            return;
        };
        let pending = PendingWorkload::new(Arc::new(workload), queue, &mut snapshot.names);
        // Readers of manifests refuse requests that can't be added.
        if let Ok(pending) = pending {
            let assignment = nominate(&mut snapshot, &pending).assignment;
            trial.reasons = sentences(&assignment.message());
            self.note_assignment(&snapshot, &assignment, trial);
        }
        if trial.reasons.is_empty() {
            trial
                .reasons
                .push("others of its queue go before".to_owned());
        }
    }
}

/// The quota or limit that leaves too little for an amount of a resource in a flavor, if there is one.
fn quota_in_the_way(
    snapshot: &Snapshot,
    queue: NodeId,
    flavor: &Text,
    resource: &Text,
    amount: i64,
    found: &mut SortedSet<Obstacle>,
) {
    let (tree, names) = (&snapshot.tree, &snapshot.names);
    let pair = names
        .known_flavor(flavor)
        .zip(names.known_resource(resource));
    let Some(pair) = pair.and_then(|(flavor, own)| names.known_pair(flavor, own)) else {
        return;
    };
    let never = stop(tree, queue, pair, amount, true);
    let Some(stop) = never.or_else(|| stop(tree, queue, pair, amount, false)) else {
        return;
    };
    let obstacle = |node, kind, [limit, used, asked]: [i64; 3]| {
        let quantity = |amount| Names::quantity(resource, amount);
        Obstacle {
            amounts: Some(ObstacleAmounts {
                flavor: flavor.clone(),
                resource: resource.clone(),
                limit: quantity(limit),
                used: quantity(used),
                asked: quantity(asked),
            }),
            ..Obstacle::new(kind, object(tree, node))
        }
    };
    found.insert(obstacle(
        stop.node,
        stop.kind,
        [stop.limit, stop.used, stop.asked],
    ));
    if stop.kind != ObstacleKind::CohortQuota {
        return;
    }
    let kept = tree.ids().filter(|id| {
        *id != queue && tree.root(*id) == stop.node && tree.local_available(*id, pair) > 0
    });
    for id in kept {
        let limit = tree.quota(id, pair).lending_limit.unwrap_or(0);
        let free = tree.local_available(id, pair);
        let amounts = [limit, free, stop.asked];
        found.insert(obstacle(id, ObstacleKind::LendingLimit, amounts));
    }
}

/// The level that pods wish to be on together, in words.
fn wished_level(wish: &TopologyConstraint) -> String {
    match wish {
        TopologyConstraint::Required(level) => format!("level {level}, required"),
        TopologyConstraint::Preferred(level) => format!("level {level}, preferred"),
        TopologyConstraint::Unconstrained => "any place".to_owned(),
    }
}

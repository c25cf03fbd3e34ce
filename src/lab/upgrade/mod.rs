//! Comparison of two releases of Kubernetes on a cluster as a dump shows it: which pods would land
//! elsewhere if each were scheduled anew, which would wait or no longer wait, which messages change,
//! and the switch of the release that does it (spec: kubernetes-releases.md).
//!
//! The dump is read once. Both releases see the same objects; they decide on pods one by one, each
//! taken out of the cluster and put back (`landing.rs`), and place all pods in their order of creation
//! on the empty cluster ([`replay`]). Of a large dump pods are drawn, and a
//! part of the cluster is replayed.

mod attribution;
mod combination;
mod effect;
pub mod fields;
mod landing;
mod relevance;
pub mod replay;
pub mod runs;
#[cfg(test)]
mod tests;

use model::{Change, Changes, Release, SchedulerConfig, Text};
use policy::kube_profiles::build_kube_profiles;
use scheduler::kube::KubeProfile;

use crate::snapshot::{Gathered, Snapshot, SnapshotError};
pub use effect::Effect;
use fields::FieldUse;
pub use landing::Landing;
use landing::{Subject, land, subjects};
use replay::Replayed;
use world::NodePrices;

/// Question of a comparison of two releases.
pub struct UpgradePlan<'a> {
    /// Objects of the dump.
    pub gathered: &'a Gathered,
    /// Configuration of the scheduler.
    pub config: &'a SchedulerConfig,
    /// Release of the cluster.
    pub from: Release,
    /// Release that it is to have.
    pub to: Release,
    /// Switches that stay as they are in the earlier release.
    pub kept: &'a [Change],
    /// Seeds of the replay; none leaves it out.
    pub seeds: &'a [u64],
    /// Number of pods that are scheduled again at most, drawn from all.
    pub most_pods: usize,
    /// Prices of the nodes, in their order.
    pub prices: Option<&'a NodePrices>,
}

impl UpgradePlan<'_> {
    /// Switches of the earlier release.
    pub fn before(&self) -> Changes {
        self.from.changes()
    }

    /// Switches of the later release, but for those that are kept.
    pub fn after(&self) -> Changes {
        let before = self.before();
        let kept = self.kept.iter();
        kept.fold(self.to.changes(), |after, &change| {
            after.with(change, before.has(change))
        })
    }
}

/// Difference for a pod between two releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Every node that the later release may take is one that the earlier would not.
    Moves,
    /// It would wait.
    Waits,
    /// It would no longer wait.
    Freed,
    /// It waits in both, with another message.
    Message,
    /// The nodes that tie for the best differ, and some of them are the same.
    MayMove,
}

impl Difference {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Moves,
        Self::Waits,
        Self::Freed,
        Self::MayMove,
        Self::Message,
    ];

    /// Name in gates and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moves => "moved",
            Self::Waits => "waiting",
            Self::Freed => "freed",
            Self::MayMove => "may-move",
            Self::Message => "messages",
        }
    }

    /// Difference between two landings, if there is one.
    pub fn between(from: &Landing, to: &Landing) -> Option<Self> {
        match (from, to) {
            _ if from == to => None,
            (Landing::Waits(_), Landing::Waits(_)) => Some(Self::Message),
            (_, Landing::Waits(_)) => Some(Self::Waits),
            (Landing::Waits(_), _) => Some(Self::Freed),
            (Landing::On(one), Landing::On(other)) => {
                let is_shared = one.iter().any(|slot| other.contains(slot));
                Some(if is_shared {
                    Self::MayMove
                } else {
                    Self::Moves
                })
            }
            _ => Some(Self::Moves),
        }
    }
}

/// Switches that make a difference, found by turning one at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// Switches without any one of which there is no such difference.
    pub needed: Vec<Change>,
    /// Switches each of which makes the difference by itself.
    pub enough: Vec<Change>,
    /// Switches that make the difference together, each of them needed for that, where none makes it
    /// by itself.
    pub together: Vec<Change>,
}

impl Cause {
    /// Whether a switch does it, whatever the others do.
    fn is_of(&self, change: Change) -> bool {
        self.needed.contains(&change) && self.enough.contains(&change)
    }

    /// Whether no single switch does it.
    pub fn is_combination(&self) -> bool {
        self.enough.is_empty()
    }
}

/// Pods that differ in the same way: of one class, and on one node in the dump.
#[derive(Clone, Debug)]
pub struct Differing {
    /// Difference of the pods.
    pub difference: Difference,
    /// The pods, as `NAMESPACE/NAME`.
    pub pods: Vec<String>,
    /// Node of the pods in the dump.
    pub node: Option<Text>,
    /// Outcome in the earlier release.
    pub from: Landing,
    /// Outcome in the later release.
    pub to: Landing,
    /// Switches that do it.
    pub cause: Cause,
}

/// Answer to an [`UpgradePlan`].
pub struct Upgrade {
    /// Release of the cluster.
    pub from: Release,
    /// Release that it is to have.
    pub to: Release,
    /// Switches that are on before.
    pub before: Changes,
    /// Switches that are on after.
    pub after: Changes,
    /// Contents of the dump, in a line.
    pub summary: String,
    /// Number of pods that were scheduled again.
    pub pods: usize,
    /// Number of pods from which these were taken.
    pub living: usize,
    /// Names of the nodes, by slot.
    pub nodes: Vec<Text>,
    /// Pods that differ, in the order of the dump.
    pub differing: Vec<Differing>,
    /// Fields of the dump's objects that one of the releases does not heed.
    pub fields: Vec<FieldUse>,
    /// The replay, if one was asked for.
    pub replay: Option<Replayed>,
    /// Warnings about what was read.
    pub warnings: Vec<String>,
}

impl Upgrade {
    /// Number of pods with a difference.
    pub fn count(&self, difference: Difference) -> usize {
        let own = self.differing.iter();
        let own = own.filter(|group| group.difference == difference);
        own.map(|group| group.pods.len()).sum()
    }

    /// Number of pods with a difference among all that live, as far as those that were scheduled
    /// again tell.
    pub fn estimate(&self, difference: Difference) -> f64 {
        let count = self.count(difference) as f64;
        count * self.living as f64 / self.pods.max(1) as f64
    }

    /// Whether a part of the pods was scheduled again.
    pub const fn is_sample(&self) -> bool {
        self.pods < self.living
    }

    /// Name of the node in a slot.
    pub fn node(&self, slot: usize) -> &str {
        self.nodes.get(slot).map_or("?", |name| name)
    }
}

/// A cluster as a release sees it, and the profiles that place pods in it.
struct Side {
    snapshot: Snapshot,
    profiles: Vec<KubeProfile>,
}

impl Side {
    fn new(plan: &UpgradePlan<'_>, changes: Changes) -> Result<Self, SnapshotError> {
        let gathered = Gathered {
            changes,
            ..plan.gathered.clone()
        };
        Self::of(plan, gathered)
    }

    fn of(plan: &UpgradePlan<'_>, gathered: Gathered) -> Result<Self, SnapshotError> {
        Ok(Self {
            profiles: profiles(plan.config, gathered.changes)?,
            snapshot: Snapshot::new(gathered)?,
        })
    }
}

fn profiles(config: &SchedulerConfig, changes: Changes) -> Result<Vec<KubeProfile>, SnapshotError> {
    build_kube_profiles(config, changes).map_err(|error| SnapshotError::Input(error.to_string()))
}

/// Compares two releases.
///
/// # Errors
/// If the objects don't go together.
pub fn compare(plan: &UpgradePlan<'_>) -> Result<Upgrade, SnapshotError> {
    let (before, after) = (plan.before(), plan.after());
    let (from, to) = rayon::join(|| Side::new(plan, before), || Side::new(plan, after));
    let (mut from, mut to) = (from?, to?);
    let chosen = subjects(&from, plan.most_pods);
    let foreign = landing::foreign(&from);
    let subjects = chosen.subjects;
    let all: Vec<&Subject> = subjects.iter().collect();
    let (one, other) = rayon::join(|| land(&mut from, &all), || land(&mut to, &all));
    let (one, other) = (one?, other?);
    let mut differing = Vec::new();
    for (subject, (from, to)) in subjects.iter().zip(one.into_iter().zip(other)) {
        if let Some(difference) = Difference::between(&from, &to) {
            let group = Differing {
                difference,
                pods: Vec::new(),
                node: subject.node.clone(),
                from,
                to,
                cause: Cause::default(),
            };
            differing.push((subject, group));
        }
    }
    attribution::attribute(plan, &mut from, &mut to, &mut differing)?;
    let differing = differing.into_iter().map(|(subject, group)| Differing {
        pods: subject.names(&from.snapshot),
        ..group
    });
    let slots = 0..from.snapshot.cache.slot_count();
    let nodes = slots.map(|slot| {
        let node = from.snapshot.cache.node_in(slot);
        node.map_or_else(|| "".into(), |node| node.name().clone())
    });
    Ok(Upgrade {
        from: plan.from,
        to: plan.to,
        before,
        after,
        summary: from.snapshot.summary(),
        living: chosen.living,
        pods: subjects.iter().map(|subject| subject.pods.len()).sum(),
        differing: differing.collect(),
        nodes: nodes.collect(),
        fields: fields::used(plan),
        replay: replay::replay(plan)?,
        warnings: from
            .snapshot
            .warnings
            .iter()
            .cloned()
            .chain(foreign)
            .collect(),
    })
}

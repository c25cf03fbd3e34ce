//! Placement of further replicas of a pod: their number, their nodes, and what runs out first.
//!
//! That is the definition, and [`place_plainly`] does just that. [`place`] gives the same answer
//! and keeps what a replica can't change: all but the node it went to (`kept.rs`) where the plugins
//! say that each node's answer depends on that node alone
//! ([`scheduler::kube::Reach`]), else all but what the scheduler's fast form counts anew (`decided.rs`),
//! or, where that form does not apply, all but the counts of that node's domains
//! (`followed.rs`) where they can follow these. A property test holds them equal.

mod bounded;
mod decided;
mod ending;
mod filling;
mod followed;
mod kept;
pub mod lost;
pub mod mix;
#[cfg(test)]
mod questions;
pub mod request;
pub mod selection;
#[cfg(test)]
mod tests;
mod trial;
pub mod turns;
pub(crate) mod unready;

use std::sync::Arc;

use model::node::{ZONE_LABEL, label_of};
use model::{PodSpec, PodVolume, Text};
use policy::kubernetes::{dynamic_resources, node_volume_limits};
use scheduler::kube::message::message;
use scheduler::kube::{Attempt, Cache, CacheError, KubeProfile, PodInfo, Search, Status};

pub use bounded::place_new;
pub use ending::ResourceTally;
pub(crate) use trial::Decisions;
pub use trial::Preemption;
use units::SortedMap;

/// The most replicas that are placed where no number is asked for.
pub const MOST: u64 = 1_000_000;

/// Reason no more replicas were placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The next one finds no node; the scheduler's whole message.
    NoNode(String),
    /// The API server refuses the next one; its words.
    Refused(String),
    /// All that were asked for are placed, or [`MOST`].
    Enough,
}

/// The message about a pod that finds no node, and the nodes that rejected it.
type Unplaced = (String, Vec<(Text, Status)>);

/// Nodes of the replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The node of each replica, in order.
    pub nodes: Vec<Text>,
    /// Reason there are no more.
    pub stop: Stop,
    /// The nodes that rejected the one that found none.
    pub rejected: Vec<(Text, Status)>,
    /// Devices that the nodes have for the claims of that pod, in words.
    pub devices: Vec<String>,
}

/// The answer to how many fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Number of replicas placed.
    pub fits: u64,
    /// Reason there are no more.
    pub stop: Stop,
    /// Replicas by node, in the scheduler's order; nodes without any are left out.
    pub by_node: Vec<(Text, u64)>,
    /// Replicas by zone, by name; the empty name is that of nodes without one.
    pub by_zone: Vec<(Text, u64)>,
    /// Number of nodes that gave each reason for rejecting the replica that found none, most first.
    pub reasons: Vec<(String, u64)>,
    /// Requested resources, and the number of replicas each allows.
    pub resources: Vec<ResourceTally>,
    /// Devices that the nodes have for the claims of the replica that found none, in words.
    pub devices: Vec<String>,
}

impl Placement {
    /// The reason that most nodes gave.
    pub fn first_short(&self) -> Option<&str> {
        self.reasons.first().map(|(reason, _)| reason.as_str())
    }

    /// Words for what binds: the resource that most of the nodes lack that could take the next replica, with what the
    /// best of them has; else the reason that most nodes gave.
    pub fn binding(&self) -> Option<String> {
        let lacking = self.resources.iter().filter(|own| own.short_nodes > 0);
        match lacking.max_by_key(|own| own.short_nodes) {
            Some(own) => Some(own.words()),
            None => self.first_short().map(str::to_owned),
        }
    }
}

/// Form of a placement that keeps answers from one replica to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Answers about nodes are kept, each of which rests on its node alone.
    Kept,
    /// The scheduler's fast form decides.
    Decided,
    /// Counts of the domains of nodes are followed.
    Followed,
}

impl Form {
    /// All forms, the fastest first.
    pub const ALL: [Self; 3] = [Self::Kept, Self::Decided, Self::Followed];

    /// Nodes of a pod's replicas, those of [`place_plainly`]; `None` where the form does not apply.
    pub fn place(
        self,
        cache: &Cache,
        profile: &KubeProfile,
        pod: &PodInfo,
        most: u64,
    ) -> Option<Placed> {
        let mut claims = pod.claims();
        if pod.has_device_claims() || claims.any(|(_, is_made)| is_made) {
            return None;
        }
        match self {
            Self::Kept => kept::place(cache, profile, pod, most),
            Self::Decided => decided::place(cache, profile, pod, most),
            Self::Followed => followed::place(cache, profile, pod, most),
        }
    }
}

/// Placement of replicas of a pod, `most` at most.
///
/// # Errors
/// If a replica can't be taken in, which no valid cluster causes.
pub fn place(
    cache: &Cache,
    profile: &KubeProfile,
    pod: &PodInfo,
    most: u64,
) -> Result<Placement, CacheError> {
    let free = without_free_volumes(cache, pod);
    let placing = free.as_ref().unwrap_or(pod);
    let mut forms = Form::ALL.into_iter();
    let placed = match forms.find_map(|form| form.place(cache, profile, placing, most)) {
        Some(placed) => placed,
        None => place_plainly(cache, profile, placing, most)?,
    };
    Ok(counted(cache, pod, placed))
}

/// A pod without the volumes made for it alone, if every node can have any number of them: replicas are then placed
/// by what else they want.
fn without_free_volumes(cache: &Cache, pod: &PodInfo) -> Option<PodInfo> {
    let is_own = |volume: &PodVolume| matches!(volume, PodVolume::Ephemeral(_));
    let volumes = &pod.spec().volumes;
    if !volumes.iter().any(is_own) {
        return None;
    }
    let mut trial = cache.clone();
    trial.make_volume_claims(pod);
    if is_limited(&trial, pod) {
        return None;
    }
    let mut spec = PodSpec::clone(pod.spec());
    spec.volumes.retain(|volume| !is_own(volume));
    let class = trial.class(&Arc::new(spec)).ok()?;
    Some(PodInfo {
        class,
        ..pod.clone()
    })
}

/// Whether a node may have no volume for the claims made for a pod, or not any number.
fn is_limited(cache: &Cache, pod: &PodInfo) -> bool {
    let objects = &cache.objects;
    let made = pod.claims().filter(|(_, is_made)| *is_made);
    let mut claims = made.filter_map(|(name, _)| objects.claim(&pod.spec().namespace, &name));
    claims.any(|claim| {
        let volume = objects.volumes.get(&claim.volume);
        let class = objects.storage_classes.get(&claim.class);
        let is_placed = volume.is_some_and(|own| own.node_affinity.is_some());
        let is_narrow = class.is_some_and(|class| {
            let driver = objects.csi_drivers.get(&class.provisioner);
            class.is_by_hand()
                || !class.allowed_topologies.is_empty()
                || driver.is_some_and(|own| own.publishes_capacity)
                || objects
                    .volumes
                    .values()
                    .any(|own| own.is_available && own.class == class.name)
        });
        is_placed || is_narrow
    }) || node_volume_limits::are_limited(cache, pod)
}

/// Nodes of a pod's replicas, one decision after the other.
///
/// # Errors
/// If a replica can't be taken in, which no valid cluster causes.
pub fn place_plainly(
    cache: &Cache,
    profile: &KubeProfile,
    pod: &PodInfo,
    most: u64,
) -> Result<Placed, CacheError> {
    let mut cache = cache.clone();
    cache.make_claims(pod);
    let mut placed = Placed {
        nodes: Vec::new(),
        stop: Stop::Enough,
        rejected: Vec::new(),
        devices: Vec::new(),
    };
    if let Err(status) = Attempt::gate(profile, pod, &cache.objects) {
        placed.stop = Stop::NoNode(status.text());
        return Ok(placed);
    }
    for number in 1..=most {
        let replica = replica(pod, number);
        cache.make_claims(&replica);
        cache.make_volume_claims(&replica);
        match decide(&cache, profile, &replica) {
            Ok(node) => {
                if let Some(slot) = cache.slot_of(&node) {
                    cache.give_devices(profile, &replica, slot);
                    cache.give_volumes(profile, &replica, slot);
                }
                cache.add_pod(Arc::new(replica), &node)?;
                placed.nodes.push(node);
            }
            Err((text, rejected)) => {
                placed.stop = Stop::NoNode(text);
                placed.rejected = rejected;
                if replica.has_device_claims() {
                    let variant = dynamic_resources::variant(profile.changes);
                    placed.devices = dynamic_resources::shortage(variant, &cache, &replica);
                }
                break;
            }
        }
    }
    Ok(placed)
}

/// The node that a pod goes to, or why there is none.
fn decide(cache: &Cache, profile: &KubeProfile, pod: &PodInfo) -> Result<Text, Unplaced> {
    let attempt = Attempt::begin(profile, cache, pod);
    let search = match &attempt.refusal {
        Some(_) => Search::default(),
        None => attempt.search_all(),
    };
    if let Some(message) = search.failure() {
        return Err((message, search.rejected));
    }
    let mut best = Vec::new();
    if !search.feasible.is_empty() {
        best = attempt.rank(&search.feasible).best();
    }
    let names = best.into_iter().map(|place| search.feasible[place].clone());
    names
        .min()
        .ok_or_else(|| (final_message(&attempt, &search), search.rejected))
}

/// The n-th replica.
fn replica(pod: &PodInfo, number: u64) -> PodInfo {
    PodInfo {
        name: format!("{}-{number}", pod.name).into(),
        ..pod.clone()
    }
}

/// Message of the scheduler about a replica that found no node, its look at preemption included.
fn final_message(attempt: &Attempt<'_>, search: &Search) -> String {
    let aftermath = attempt.make_room(&search.rejected);
    message(attempt, &search.rejected, &aftermath.text)
}

fn counted(cache: &Cache, pod: &PodInfo, placed: Placed) -> Placement {
    let mut counts: SortedMap<&Text, u64> = SortedMap::new();
    for node in &placed.nodes {
        *counts.entry(node).or_default() += 1;
    }
    let mut by_zone: SortedMap<Text, u64> = SortedMap::new();
    let mut by_node = Vec::new();
    for node in cache.nodes() {
        if let Some(&count) = counts.get(node.name()) {
            let zone = label_of(&node.object.labels, ZONE_LABEL)
                .cloned()
                .unwrap_or_default();
            *by_zone.entry(zone).or_default() += count;
            by_node.push((node.name().clone(), count));
        }
    }
    let resources = ending::resources(cache, pod, &placed, &counts);
    Placement {
        fits: placed.nodes.len() as u64,
        by_node,
        by_zone: by_zone.into_iter().collect(),
        reasons: ending::reasons(&placed.rejected),
        resources,
        devices: placed.devices,
        stop: placed.stop,
    }
}

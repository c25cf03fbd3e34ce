//! Placement of further replicas of a pod: their number, their nodes, and what runs out first.
//!
//! That is the definition, and [`place_plainly`] does just that. [`place`] gives the same answer by
//! the scheduler's fast form where that applies (`decided.rs`). A property test holds them equal.

mod decided;
mod ending;
pub mod lost;
pub mod mix;
#[cfg(test)]
mod questions;
pub mod selection;
#[cfg(test)]
mod tests;
mod trial;

use std::sync::Arc;

use model::Text;
use model::node::{ZONE_LABEL, label_of};
use policy::kubernetes::dynamic_resources;
use scheduler::kube::message::message;
use scheduler::kube::{Attempt, Cache, CacheError, KubeProfile, PodInfo, Search, Status};

pub use ending::ResourceTally;
pub use trial::Preemption;
use units::SortedMap;

/// The most replicas that are placed where no number is asked for.
pub const MOST: u64 = 1_000_000;

/// Reason no more replicas were placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// The next one finds no node; the scheduler's whole message.
    NoNode(String),
    /// All that were asked for are placed, or [`MOST`].
    #[default]
    Enough,
}

/// The message about a pod that finds no node, and the nodes that rejected it.
type Unplaced = (String, Vec<(Text, Status)>);

/// Nodes of the replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    let placed = match decided::place(cache, profile, pod, most) {
        Some(placed) => placed,
        None => place_plainly(cache, profile, pod, most)?,
    };
    Ok(counted(cache, pod, placed))
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
    let mut placed = Placed::default();
    if let Err(status) = Attempt::gate(profile, pod, &cache.objects) {
        placed.stop = Stop::NoNode(status.text());
        return Ok(placed);
    }
    for number in 1..=most {
        let replica = replica(pod, number);
        cache.make_claims(&replica);
        match decide(&cache, profile, &replica) {
            Ok(node) => {
                if let Some(slot) = cache.slot_of(&node) {
                    cache.give_devices(profile, &replica, slot);
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

//! Daemon sets: one pod on every eligible node, and the replacement of old ones node by node
//! (spec: kubernetes.md 2.3).

#[cfg(test)]
mod tests;

use model::rules::{affinity, taints};
use model::workload::{DaemonSet, ObservedPhase, ObservedPod};
use model::{Node, Taint, TaintEffect, Text, Toleration};
use units::{Duration, Instant, SortedMap};

/// Greatest number of pods that one sync creates, and that it deletes.
pub const BURST: usize = 250;

/// The first pause between deletions of failed pods on one node.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_BACKOFF: Duration = Duration::from_secs(900);

/// Whether a daemon pod belongs on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Eligibility {
    /// Whether one is made there.
    pub should_run: bool,
    /// Whether one that is there stays.
    pub should_continue: bool,
}

/// A pod of a daemon set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonPod {
    /// Observed state of the daemon pod.
    pub pod: ObservedPod,
    /// Marks a pod that was made from the present template.
    pub is_updated: bool,
}

/// A node with the set's pods that are on it or meant for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonNode {
    /// The node's name.
    pub name: Text,
    /// Whether a pod belongs there (see [`eligibility`]).
    pub eligibility: Eligibility,
    /// The pods.
    pub pods: Vec<DaemonPod>,
}

/// Changes that the controller requests for one daemon set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonWrites {
    /// Names of nodes that get a pod.
    pub create_on: Vec<Text>,
    /// Names of pods to be deleted.
    pub delete: Vec<Text>,
    /// Instant from which a failed pod may be deleted that has to wait now.
    pub wake: Option<Instant>,
}

/// The tolerations that every daemon pod gets beside its own.
pub fn added_tolerations(host_network: bool) -> Vec<Toleration> {
    let tolerate = |key: &str, effect| Toleration {
        key: Some(format!("node.kubernetes.io/{key}").into()),
        value: None,
        effect: Some(effect),
        tolerates_for: None,
    };
    let mut added = vec![
        tolerate("not-ready", TaintEffect::NoExecute),
        tolerate("unreachable", TaintEffect::NoExecute),
        tolerate("disk-pressure", TaintEffect::NoSchedule),
        tolerate("memory-pressure", TaintEffect::NoSchedule),
        tolerate("pid-pressure", TaintEffect::NoSchedule),
        tolerate("unschedulable", TaintEffect::NoSchedule),
    ];
    if host_network {
        added.push(tolerate("network-unavailable", TaintEffect::NoSchedule));
    }
    added
}

/// Gives a daemon pod the tolerations that every one has, in the place of its own that differ in their time alone.
pub(super) fn add_tolerations(own: &mut Vec<Toleration>, host_network: bool) {
    for added in added_tolerations(host_network) {
        let mut has_replaced = false;
        for known in own.iter_mut() {
            if (&known.key, &known.value, known.effect) == (&added.key, &added.value, added.effect)
            {
                known.clone_from(&added);
                has_replaced = true;
            }
        }
        if !has_replaced {
            own.push(added);
        }
    }
}

/// Whether a daemon pod belongs on a node.
pub fn eligibility(set: &DaemonSet, node: &Node) -> Eligibility {
    let named = set.node_name.as_ref().is_none_or(|name| *name == node.name);
    if !named || !affinity::admits(&set.template, node) {
        return Eligibility::default();
    }
    let added = added_tolerations(set.host_network);
    let keeps_off = |effects: &'static [TaintEffect]| {
        let is_tolerated = |taint: &Taint| {
            let tolerations = set.template.tolerations.iter().chain(&added);
            taints::covering(tolerations, taint).is_some()
        };
        let mut untolerated = taints::untolerated(&node.taints, effects, is_tolerated);
        untolerated.next().is_some()
    };
    let should_continue = !keeps_off(&[TaintEffect::NoExecute]);
    Eligibility {
        should_run: should_continue && !keeps_off(&[TaintEffect::NoSchedule]),
        should_continue,
    }
}

/// Pauses between deletions of failed pods, by node: 1 s doubling to 15 min.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureBackoff(SortedMap<Text, (Duration, Instant)>);

impl FailureBackoff {
    /// Lets a deletion on a node happen, or says until when it has to wait.
    fn pass(&mut self, node: &Text, now: Instant) -> Result<(), Instant> {
        let next = match self.0.get(node) {
            Some(&(pause, last)) if now.since(last) < pause => {
                return Err(last.saturating_add(pause));
            }
            Some(&(pause, last)) if now.since(last) <= double(LONGEST_BACKOFF) => {
                double(pause).min(LONGEST_BACKOFF)
            }
            _ => FIRST_BACKOFF,
        };
        self.0.insert(node.clone(), (next, now));
        Ok(())
    }
}

fn double(span: Duration) -> Duration {
    span.checked_mul(2).unwrap_or(Duration::MAX)
}

/// One sync: what is misplaced is dealt with first; only once nothing is, the update goes on.
/// Nodes are taken in the order given, the original takes them in random order.
pub fn sync(
    now: Instant,
    set: &DaemonSet,
    nodes: &[DaemonNode],
    backoff: &mut FailureBackoff,
) -> DaemonWrites {
    let placed = place(now, set, nodes, backoff);
    if placed.create_on.is_empty() && placed.delete.is_empty() {
        let mut rolled = roll(now, set, nodes);
        rolled.wake = placed.wake;
        return rolled;
    }
    placed
}

/// Makes missing pods and deletes those that ended, are too many or don't belong.
pub fn place(
    now: Instant,
    set: &DaemonSet,
    nodes: &[DaemonNode],
    backoff: &mut FailureBackoff,
) -> DaemonWrites {
    let mut writes = DaemonWrites::default();
    for node in nodes {
        // Terminating pods that have ended count as gone.
        let pods: Vec<&DaemonPod> = standing(node).collect();
        if node.eligibility.should_run && pods.is_empty() {
            writes.create_on.push(node.name.clone());
        } else if node.eligibility.should_continue {
            let running = remove_ended(now, node, &pods, backoff, &mut writes);
            keep_one(now, set, node, running, &mut writes);
        } else {
            let misplaced = pods.iter().filter(|pod| !pod.pod.is_terminating);
            let names = misplaced.map(|pod| pod.pod.name.clone());
            writes.delete.extend(names);
        }
    }
    limited(writes)
}

fn standing(node: &DaemonNode) -> impl Iterator<Item = &DaemonPod> {
    let is_gone = |pod: &ObservedPod| pod.is_terminating && pod.phase.is_terminal();
    node.pods.iter().filter(move |pod| !is_gone(&pod.pod))
}

/// Deletes pods that ended, failed ones one at a time, and hands back those that run.
fn remove_ended<'a>(
    now: Instant,
    node: &DaemonNode,
    pods: &[&'a DaemonPod],
    backoff: &mut FailureBackoff,
    writes: &mut DaemonWrites,
) -> Vec<&'a DaemonPod> {
    let mut running = Vec::new();
    for &pod in pods.iter().filter(|pod| !pod.pod.is_terminating) {
        match pod.pod.phase {
            ObservedPhase::Failed => match backoff.pass(&node.name, now) {
                Ok(()) => writes.delete.push(pod.pod.name.clone()),
                Err(until) => {
                    writes.wake = Some(writes.wake.map_or(until, |known| known.min(until)));
                }
            },
            ObservedPhase::Succeeded => writes.delete.push(pod.pod.name.clone()),
            _ => running.push(pod),
        }
    }
    running
}

/// Keeps the oldest pod of a node; with surge a new one may stand beside an old one that is ready
/// while the new is not available.
fn keep_one(
    now: Instant,
    set: &DaemonSet,
    node: &DaemonNode,
    mut running: Vec<&DaemonPod>,
    writes: &mut DaemonWrites,
) {
    let surges = set
        .update
        .is_some_and(|update| update.max_surge.rounded_up(1) > 0);
    if running.len() <= 1 {
        if running.is_empty() && surges && node.eligibility.should_run {
            writes.create_on.push(node.name.clone());
        }
        return;
    }
    running.sort_by_key(|pod| {
        let pod = &pod.pod;
        (pod.node.is_none(), pod.created, pod.name.clone())
    });
    if !surges {
        let others = running[1..].iter().map(|pod| pod.pod.name.clone());
        writes.delete.extend(others);
        return;
    }
    let (mut new, mut old) = (None, None);
    for pod in running {
        let oldest = if pod.is_updated { &mut new } else { &mut old };
        if oldest.is_none() {
            *oldest = Some(pod);
        } else {
            writes.delete.push(pod.pod.name.clone());
        }
    }
    if let (Some(new), Some(old)) = (new, old)
        && (!old.pod.is_ready() || new.pod.is_available(set.min_ready, now))
    {
        writes.delete.push(old.pod.name.clone());
    }
}

/// The new and the old pod of a node, if there is at most one of each.
struct Pair<'a> {
    new: Option<&'a DaemonPod>,
    old: Option<&'a DaemonPod>,
}

impl<'a> Pair<'a> {
    fn of(node: &'a DaemonNode) -> Option<Self> {
        let mut pair = Self {
            new: None,
            old: None,
        };
        for pod in standing(node).filter(|pod| !pod.pod.is_terminating) {
            let one = if pod.is_updated {
                &mut pair.new
            } else {
                &mut pair.old
            };
            if one.replace(pod).is_some() {
                return None;
            }
        }
        Some(pair)
    }
}

/// Number of nodes that should run a pod, and the numbers of surge and unavailable pods for it.
pub fn limits(set: &DaemonSet, nodes: &[DaemonNode]) -> (i32, i32, i32) {
    let wanted = nodes.iter().filter(|node| node.eligibility.should_run);
    let wanted = wanted.count() as i32;
    let (surge, unavailable) = match set.update {
        Some(update) if wanted > 0 => update.resolved(wanted),
        Some(update) => (
            update.max_surge.rounded_up(0),
            update.max_unavailable.rounded_up(0),
        ),
        None => (0, 0),
    };
    (wanted, surge, unavailable)
}

/// Replaces old pods as far as the limits allow.
pub fn roll(now: Instant, set: &DaemonSet, nodes: &[DaemonNode]) -> DaemonWrites {
    if set.update.is_none() {
        return DaemonWrites::default();
    }
    let (wanted, surge, unavailable) = limits(set, nodes);
    // A node that neither should run a pod nor has one has no part in it.
    let concerned =
        |node: &&DaemonNode| node.eligibility.should_run || standing(node).next().is_some();
    let nodes: Vec<&DaemonNode> = nodes.iter().filter(concerned).collect();
    let is_available = |pod: &DaemonPod| pod.pod.is_available(set.min_ready, now);
    if surge == 0 {
        limited(replace(&nodes, unavailable, is_available))
    } else {
        limited(stand_in(&nodes, surge, wanted, is_available))
    }
}

/// Deletes old pods: those that are unavailable at once, others while few enough nodes are without
/// an available pod.
fn replace(
    nodes: &[&DaemonNode],
    most: i32,
    is_available: impl Fn(&DaemonPod) -> bool,
) -> DaemonWrites {
    let mut writes = DaemonWrites::default();
    let mut candidates = Vec::new();
    let mut missing = 0;
    for node in nodes {
        match Pair::of(node) {
            Some(Pair {
                new: None,
                old: Some(old),
            }) if is_available(old) => candidates.push(old.pod.name.clone()),
            Some(Pair {
                new: None,
                old: Some(old),
            }) => {
                writes.delete.push(old.pod.name.clone());
                missing += 1;
            }
            Some(Pair {
                new: Some(new),
                old: None,
            }) if is_available(new) => {}
            _ => missing += 1,
        }
    }
    let left = (most - missing).max(0) as usize;
    writes.delete.extend(candidates.into_iter().take(left));
    writes
}

/// Creates new pods beside old ones, and deletes the old once the new are available. Available old
/// pods on nodes that should not run one go only as far as more than `wanted` nodes have one.
fn stand_in(
    nodes: &[&DaemonNode],
    most: i32,
    wanted: i32,
    is_available: impl Fn(&DaemonPod) -> bool,
) -> DaemonWrites {
    let mut writes = DaemonWrites::default();
    let (mut candidates, mut misplaced) = (Vec::new(), Vec::new());
    let (mut surging, mut available) = (0, 0);
    for node in nodes {
        let Some(Pair { new, old }) = Pair::of(node) else {
            surging += 1;
            continue;
        };
        available += i32::from(old.or(new).is_some_and(&is_available));
        let Some(old) = old else { continue };
        let name = || old.pod.name.clone();
        match new {
            Some(new) if is_available(new) => writes.delete.push(name()),
            Some(_) => surging += 1,
            None => match (is_available(old), node.eligibility.should_run) {
                (true, true) => candidates.push(node.name.clone()),
                (true, false) => misplaced.push(name()),
                (false, true) => writes.create_on.push(node.name.clone()),
                (false, false) => writes.delete.push(name()),
            },
        }
    }
    let spare = (available - wanted).max(0) as usize;
    writes.delete.extend(misplaced.into_iter().take(spare));
    let left = (most - surging).max(0) as usize;
    writes.create_on.extend(candidates.into_iter().take(left));
    writes
}

fn limited(mut writes: DaemonWrites) -> DaemonWrites {
    writes.create_on.truncate(BURST);
    writes.delete.truncate(BURST);
    writes
}

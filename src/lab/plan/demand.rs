//! The pods of a cluster by what a plan does with them: those that have to run, those that belong
//! to their node, and those that wait today.

use std::cmp::Reverse;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::budgets::{Budget, Leave, budgets, leave};
use crate::place::unready::is_unready;
use crate::snapshot::{CLUSTER_LABEL, NamespaceBounds, Snapshot, SnapshotError, pod_info};
use k8s::{Maker, ManifestPod};
use model::behaviour::Behaviour;
use model::node::{
    GROUP_LABEL, HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, POOL_LABELS, ZONE_LABEL, label_of,
};
use model::volume::EphemeralVolume;
use model::workload::replica_set::TEMPLATE_HASH_LABEL;
use model::{DEFAULT_SCHEDULER, Node, PodSpec, PodVolume, Taint, TaintEffect, Text};
use scheduler::kube::{Amounts, Cache, KubeProfile, NodeInfo, PodClass, PodInfo};
use units::{QuantityError, SortedMap, SortedSet};
use world::offers::Offer;

/// Label of nodes that run the control plane: no plan touches them.
const CONTROL_PLANE_LABELS: [&str; 2] = [
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
];

/// Beginnings of the keys of taints that tell a state of a node which passes: its condition, its start, its way out.
const PASSING: [&str; 10] = [
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
    "startup-taint.cluster-autoscaler.kubernetes.io/",
    "status-taint.cluster-autoscaler.kubernetes.io/",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
    "karpenter.sh/unregistered",
    "karpenter.sh/unschedulable",
];

/// End of the keys of taints that nodes have until an agent of theirs has started.
const AGENT_NOT_READY: &str = "agent-not-ready";

/// Kind of owners that make claims for each of their pods.
const STATEFUL_SET: &str = "StatefulSet";

/// A pod that has to run somewhere.
#[derive(Clone, Debug)]
pub struct GoalPod {
    /// The pod without a node, as the scheduler meets it.
    pub info: Arc<PodInfo>,
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// The workload that the pod belongs to; its own name if nothing controls it.
    pub workload: Text,
    /// Node of the pod today.
    pub node: Option<Text>,
    /// Class whose amounts the pod holds on this node, where it was resized since.
    pub held: Option<Arc<PodClass>>,
    /// Marks a pod that no controller replaces.
    pub is_bare: bool,
    /// Marks a pod of a stateful set, whose templates give each replica claims of its own.
    pub is_of_set: bool,
    /// Reason for which no eviction of the pod is granted, as its budget has it: it keeps its node.
    pub kept_by: Option<Text>,
    /// Reason for which autoscalers leave the pod on its node, though its eviction would be granted.
    pub shun: Option<Text>,
    /// Marks a pod whose eviction no budget is charged for, such as one that is not ready.
    pub is_free: bool,
}

impl GoalPod {
    /// A further pod of the workload. Claims that belong to this one alone are claims of its own there, made by the
    /// same templates. Limit ranges fill it in.
    ///
    /// # Errors
    /// If an amount can't be expressed.
    pub fn replica(
        &self,
        bounds: &NamespaceBounds,
        cache: &Cache,
    ) -> Result<PodInfo, QuantityError> {
        let (mut info, changes) = (PodInfo::clone(&self.info), cache.changes());
        let own_claim = format!("-{}", info.name);
        let template = |volume: &PodVolume| match volume {
            PodVolume::Claim(name) if self.is_of_set => {
                name.strip_suffix(&own_claim).map(Text::from)
            }
            _ => None,
        };
        if info
            .spec()
            .volumes
            .iter()
            .any(|own| template(own).is_some())
        {
            let mut spec = PodSpec::clone(info.spec());
            for volume in &mut spec.volumes {
                if let (Some(template), PodVolume::Claim(claim)) = (template(volume), &*volume) {
                    let known = cache.objects.claim(&info.spec().namespace, claim);
                    *volume = PodVolume::Ephemeral(EphemeralVolume {
                        name: template,
                        class: known.map(|own| own.class.clone()).unwrap_or_default(),
                        request: known.map(|own| own.request).unwrap_or_default(),
                        is_of_set: true,
                    });
                }
            }
            info.class = Arc::new(PodClass::derive(Arc::new(spec), changes)?);
        }
        bounds.filled(info, changes)
    }
}

/// Pods of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// Pods that have to run, in the order in which the scheduler meets them: by falling priority,
    /// then in order of the dump or by size. Place `n` has the identity `n + 1` in the cache.
    pub pods: Vec<GoalPod>,
    /// Pods that wait today and stay out of the goal, in the same order.
    pub waiting: Vec<GoalPod>,
    /// Numbers of pods by the scheduler that they name, where that is not the default one.
    pub foreign: SortedMap<Text, u64>,
    /// Budgets of disruption.
    pub budgets: Vec<Budget>,
    /// Keys of labels that set pools of nodes without a group apart.
    pub apart: Vec<Text>,
}

/// Largest amounts of cpu and memory that a node has.
#[derive(Clone, Copy, Debug)]
pub struct Largest {
    cpu_milli: i64,
    memory: i64,
}

impl Largest {
    /// Share of the largest node that a pod requests, in millionths: of cpu or of memory, whichever is
    /// more.
    pub fn share(self, asked: &Amounts) -> i128 {
        let share = |own: i64, of: i64| i128::from(own) * 1_000_000 / i128::from(of);
        share(asked.cpu_milli, self.cpu_milli).max(share(asked.memory, self.memory))
    }
}

/// Amounts that the pods of a node leave.
pub(super) fn left_on(node: &NodeInfo) -> Amounts {
    let mut left = Amounts::clone(&node.allocatable);
    for pod in &node.pods {
        left.change(&pod.counted_class().requests, -1);
        left.pods -= 1;
    }
    left
}

/// The largest amounts among some.
pub fn largest<'a>(amounts: impl Iterator<Item = &'a Amounts>) -> Largest {
    let least = Largest {
        cpu_milli: 1,
        memory: 1,
    };
    amounts.fold(least, |most, own| Largest {
        cpu_milli: most.cpu_milli.max(own.cpu_milli),
        memory: most.memory.max(own.memory),
    })
}

impl Demand {
    /// The pods that have to run. Those that wait today are among them if `waits_too`.
    ///
    /// # Errors
    /// If an amount can't be expressed.
    pub fn of(snapshot: &mut Snapshot, waits_too: bool) -> Result<Self, SnapshotError> {
        let mut order: Vec<usize> = (0..snapshot.pods.len()).collect();
        order.sort_by_key(|&index| (Reverse(snapshot.pods[index].spec.priority), index));
        let mut demand = Self {
            apart: apart(snapshot),
            ..Self::default()
        };
        let budgets = budgets(snapshot);
        let mut leaves: IndexMap<(usize, bool), Leave, FxBuildHasher> = IndexMap::default();
        for index in order {
            let pod = snapshot.pods[index].clone();
            if pod.phase.is_final() || pod.is_terminating || pod.maker == Maker::Node {
                continue;
            }
            let name = format!("{}/{}", pod.namespace(), pod.name);
            let is_lost =
                (pod.node_name.as_ref()).is_some_and(|node| snapshot.cache.node(node).is_none());
            if is_lost {
                continue;
            }
            let is_waiting = pod.node_name.is_none() && !waits_too;
            let scheduler = &pod.spec.scheduler_name;
            if !is_waiting && pod.spec.scheduler() != DEFAULT_SCHEDULER {
                *demand.foreign.entry(scheduler.clone()).or_default() += 1;
            }
            let mut info = pod_info(&mut snapshot.cache, &pod)?;
            info.set_node_name(None);
            info.set_nominated_node(None);
            let held = info.accounted().cloned();
            info.set_accounted(None);
            info.uid = if is_waiting {
                0
            } else {
                demand.pods.len() as u64 + 1
            };
            let goal_pod = GoalPod {
                info: Arc::new(info),
                name,
                workload: workload_of(&pod),
                node: pod.node_name.clone(),
                held,
                is_bare: pod.maker == Maker::Nobody,
                is_of_set: (pod.controller.as_ref()).is_some_and(|own| &*own.kind == STATEFUL_SET),
                kept_by: None,
                shun: shun(&pod),
                is_free: false,
            };
            if is_waiting {
                demand.waiting.push(goal_pod);
                continue;
            }
            demand.pods.push(goal_pod);
            if let Some(known) = demand.pods.last_mut() {
                // Pods of equal specs are covered alike.
                let key = (Arc::as_ptr(&pod.spec).addr(), pod.is_healthy());
                let leave = leaves.entry(key).or_insert_with(|| leave(&budgets, &pod));
                known.is_free = *leave == Leave::Free;
                if let Leave::Refused(why) = leave {
                    known.kept_by = Some(why.clone());
                }
            }
        }
        demand.budgets = budgets;
        Ok(demand)
    }

    /// Keeps the pods of other schedulers where they are: what those would decide is not known.
    pub fn keep_foreign(&mut self, profiles: &[KubeProfile]) {
        for pod in &mut self.pods {
            let name = pod.info.spec().scheduler();
            let is_known =
                name == DEFAULT_SCHEDULER || profiles.iter().any(|own| own.scheduler_name == name);
            if !is_known {
                let why = format!("its scheduler is `{name}`, which decides by itself");
                pod.kept_by.get_or_insert(why.into());
            }
        }
    }

    /// Puts the largest pods first among those of one priority: by their share of the largest node that
    /// is there or on offer.
    pub fn put_large_first(&mut self, snapshot: &Snapshot, offers: &[Offer]) {
        let there = snapshot
            .cache
            .nodes()
            .map(|node| Amounts::clone(&node.allocatable));
        let offered = { offers.iter() }.filter_map(|own| Amounts::of(&own.node.allocatable).ok());
        let amounts: Vec<Amounts> = there.chain(offered).collect();
        let most = largest(amounts.iter());
        self.pods.sort_by_key(|pod| {
            let size = most.share(&pod.info.class.requests);
            (Reverse(pod.info.priority()), Reverse(size))
        });
        self.number();
    }

    /// Has pods wait that have to run, by their places in order.
    pub(super) fn strand(&mut self, places: &[usize]) {
        for &place in places.iter().rev() {
            let mut pod = self.pods.remove(place);
            Arc::make_mut(&mut pod.info).uid = 0;
            self.waiting.push(pod);
        }
        self.waiting.sort_by_key(|pod| Reverse(pod.info.priority()));
        self.number();
    }

    /// Gives each pod the identity of its place.
    fn number(&mut self) {
        for (place, pod) in self.pods.iter_mut().enumerate() {
            Arc::make_mut(&mut pod.info).uid = place as u64 + 1;
        }
    }

    /// The cluster as it is, with the pods of the goal under their identities.
    ///
    /// # Errors
    /// If something in the snapshot does not go together.
    pub fn cluster(&self, snapshot: &Snapshot) -> Result<Cache, SnapshotError> {
        let mut cache = snapshot.cache.clone();
        // The scheduler would place pods on a node whose deletion was asked for; no plan should.
        let leaving = cache.nodes().filter(|node| node.object.is_leaving);
        let leaving: Vec<Arc<Node>> = leaving.map(|node| node.object.clone()).collect();
        for node in leaving {
            cache.update_node(Arc::new(Node {
                unschedulable: true,
                ..Node::clone(&node)
            }))?;
        }
        for pod in &self.pods {
            let Some(node) = &pod.node else { continue };
            let mut known = PodInfo::clone(&pod.info);
            known.uid = 0;
            cache.remove_pod(&known, node);
            let mut there = pod.info.clone();
            if pod.held.is_some() {
                Arc::make_mut(&mut there).set_accounted(pod.held.clone());
            }
            cache.add_pod(there, node)?;
        }
        Ok(cache)
    }

    /// The pods that have to run, and some of those that wait behind them.
    pub fn with_expected(&self, waiting: &[usize]) -> Self {
        let mut all = self.clone();
        for &place in waiting {
            let mut pod = self.waiting[place].clone();
            Arc::make_mut(&mut pod.info).uid = all.pods.len() as u64 + 1;
            all.pods.push(pod);
        }
        all
    }

    /// Places in the goal of pods that were found on nodes, in order.
    pub fn places(&self, pods: &[Arc<PodInfo>]) -> Vec<usize> {
        let places = pods.iter().filter(|pod| pod.uid > 0);
        let mut places: Vec<usize> = places.map(|pod| (pod.uid - 1) as usize).collect();
        places.sort_unstable();
        places
    }
}

/// Reason for which autoscalers leave a pod where it is.
fn shun(pod: &ManifestPod) -> Option<Text> {
    let behaviour = pod.spec.behaviour.as_deref();
    let says = |is: fn(&Behaviour) -> bool| behaviour.is_some_and(is);
    let why = match pod.maker {
        _ if says(|own| own.is_evictable == Some(false)) => "annotation safe-to-evict: false",
        _ if says(|own| own.do_not_disrupt.is_some()) => "annotation do-not-disrupt",
        Maker::Nobody => "no controller replaces it",
        _ if says(|own| own.is_evictable.is_none() && !own.local_volumes.is_empty()) => {
            "data on the node's disk"
        }
        _ => return None,
    };
    Some(why.into())
}

/// The workload of a pod: pods of one workload are alike, and grow in number together.
fn workload_of(pod: &ManifestPod) -> Text {
    let namespace = pod.namespace();
    if let Some(owner) = &pod.controller {
        let name = deployment_of(pod).unwrap_or(&owner.name);
        return format!("{namespace}/{name}").into();
    }
    // `web-1` and `web-2` are alike, as far as their names tell.
    let digits = |letter: char| letter.is_ascii_digit();
    let stem = pod.name.trim_end_matches(digits).trim_end_matches('-');
    format!("{namespace}/{stem}").into()
}

/// Name of the Deployment that a pod's replica set belongs to, as the hash in its name tells.
fn deployment_of(pod: &ManifestPod) -> Option<&str> {
    let set = { pod.controller.as_ref() }.filter(|own| &*own.kind == "ReplicaSet")?;
    let hash = pod.spec.labels.get(TEMPLATE_HASH_LABEL)?;
    set.name.strip_suffix(&**hash)?.strip_suffix('-')
}

/// Name of a node's zone; empty if it states none.
pub fn zone_of(node: &NodeInfo) -> Text {
    label_of(&node.object.labels, ZONE_LABEL)
        .cloned()
        .unwrap_or_default()
}

/// Name of a node's pool; empty if no label names one.
pub(super) fn group_of(node: &NodeInfo) -> Text {
    let mut labels = std::iter::once(GROUP_LABEL).chain(POOL_LABELS.iter().copied());
    let found = labels.find_map(|label| label_of(&node.object.labels, label));
    found.cloned().unwrap_or_default()
}

/// A name of a node's pool behind that of its cluster, where several stand side by side.
fn in_cluster(node: &NodeInfo, pool: Text) -> Text {
    match node.object.labels.get(CLUSTER_LABEL) {
        Some(cluster) => format!("{cluster}/{pool}").into(),
        None => pool,
    }
}

/// Name of a node's pool. If no label names one, it is that of its type with the labels and taints
/// that set nodes apart for pods.
pub fn pool_of(node: &NodeInfo, apart: &[Text]) -> Text {
    let group = group_of(node);
    if !group.is_empty() {
        return in_cluster(node, group);
    }
    let kind = label_of(&node.object.labels, INSTANCE_TYPE_LABEL);
    let mut words: Vec<String> = kind.iter().map(ToString::to_string).collect();
    let labels =
        { apart.iter() }.filter_map(|key| Some((&**key, &**label_of(&node.object.labels, key)?)));
    let taints = node.object.taints.iter().filter(|own| is_of_pool(own));
    for (key, value) in labels.chain(taints.map(|own| (&*own.key, &*own.value))) {
        let key = key.rsplit('/').next().unwrap_or(key);
        let word = match value {
            "" => key.to_owned(),
            value => format!("{key}={value}"),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    in_cluster(node, words.join(" ").into())
}

/// Whether a taint keeps pods away for as long as its node is there.
fn is_of_pool(taint: &Taint) -> bool {
    taint.effect != TaintEffect::PreferNoSchedule && !is_passing(taint)
}

/// Whether a taint tells a state of its node that passes.
pub(super) fn is_passing(taint: &Taint) -> bool {
    let mut known = PASSING.iter();
    known.any(|own| taint.key.starts_with(own)) || taint.key.ends_with(AGENT_NOT_READY)
}

/// Keys of labels that pods select nodes by, beside those of every single node, zone and type.
pub(super) fn selected_keys<'p>(pods: impl Iterator<Item = &'p PodSpec>) -> SortedSet<&'p Text> {
    let own = [HOSTNAME_LABEL, ZONE_LABEL, INSTANCE_TYPE_LABEL];
    let mut keys: SortedSet<&Text> = SortedSet::new();
    for pod in pods {
        keys.extend(pod.node_selector.keys());
        let required = pod.affinity.node.required.iter();
        let terms = required.flat_map(|own| &own.terms);
        keys.extend(terms.flat_map(|own| own.match_expressions.iter().map(|own| &own.key)));
    }
    keys.retain(|key| !own.contains(&&***key));
    keys
}

/// Keys of labels that set nodes without a group apart: pods select nodes by them, and not all nodes
/// have the same value.
fn apart(snapshot: &Snapshot) -> Vec<Text> {
    let nodes = { snapshot.cache.nodes() }.filter(|node| group_of(node).is_empty());
    let nodes: Vec<&NodeInfo> = nodes.collect();
    let keys = selected_keys(snapshot.pods.iter().map(|pod| &*pod.spec));
    let varies = |key: &&Text| {
        let mut values = { nodes.iter() }.map(|node| label_of(&node.object.labels, key));
        values
            .next()
            .is_some_and(|first| values.any(|own| own != first))
    };
    keys.into_iter().filter(varies).cloned().collect()
}

/// Whether a node runs the control plane.
pub fn is_control_plane(node: &NodeInfo) -> bool {
    let mut labels = CONTROL_PLANE_LABELS.iter();
    labels.any(|label| node.label(label).is_some())
}

/// Whether no plan takes a node out by itself: of the control plane, or no machine.
pub fn is_fixed(node: &NodeInfo) -> bool {
    is_control_plane(node) || node.object.is_virtual()
}

/// Whether a node is out of order, cordoned or on its way out: it keeps its state in every plan.
pub fn is_troubled(node: &NodeInfo) -> bool {
    let object = &node.object;
    is_unready(node) || object.unschedulable || object.is_leaving
}

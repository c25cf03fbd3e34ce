//! A cluster that another control plane runs: its objects are mirrored as they are seen, and what the components
//! decide becomes wishes for its API instead of commands to nodes.
//!
//! A pod that was given a node is held there until it is seen there: a binding that is refused gives it back, and
//! another scheduler has bound one that is seen elsewhere.

use std::sync::Arc;

use intake::Input as File;
use k8s::{ManifestReader, Manifests};
use model::{ClusterObjects, EndReason, Event, Node, PodChange, PodRef, Text};
use serde_json::Value;
use units::SortedMap;

mod pods;
mod resize;

use super::Driver;
use crate::wire::observation::{Kind, Observation};
use crate::wire::wish::{PodIdentity, Wish};

/// Settings of a mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorSettings {
    /// Name by which pods choose this scheduler.
    pub name: String,
    /// Name of the profile that decides on them; empty for the default scheduler's.
    pub profile: Text,
    /// Time of the wall clock at the run's zero, in seconds since 1970-01-01T00:00:00Z.
    pub zero_unix_secs: i64,
    /// Whether nodes that are not ready take no pods: kube-scheduler looks at their taints alone.
    pub heeds_readiness: bool,
}

/// A cluster as it was seen.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    settings: MirrorSettings,
    /// Pods by their unique identifiers.
    pods: SortedMap<String, MirroredPod>,
    known: SortedMap<PodRef, String>,
    /// Objects around nodes and pods, by kind and name.
    around: SortedMap<(Kind, String), ClusterObjects>,
    /// Whether those objects have changed since the components were told.
    is_changed: bool,
    /// Pods for which an attempt failed in this step.
    failed: Vec<PodRef>,
    wishes: Vec<Wish>,
    /// Objects that could not be read, in words.
    doubts: Vec<String>,
}

/// A pod as it was seen.
#[derive(Clone, Debug)]
struct MirroredPod {
    identity: PodIdentity,
    /// The pod in the store, where it is there.
    pod: Option<PodRef>,
    stage: Stage,
    object: Value,
    /// The last message about it.
    told: String,
}

/// Stage of a pod on its way to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It is another scheduler's to bind.
    Foreign,
    /// It can't be placed here, or not yet.
    Held,
    /// It waits for a node.
    Pending,
    /// It was given this node, and has yet to be seen there.
    Assumed(String),
    /// It is on this node.
    Bound(String),
    /// It is on this node, which was not seen yet.
    Homeless(String),
}

impl Mirror {
    pub(super) fn new(settings: MirrorSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Takes note of a failed attempt.
    pub(super) fn attempt_failed(&mut self, pod: PodRef) {
        self.failed.push(pod);
    }

    fn wish(&mut self, pod: PodRef, wish: impl FnOnce(PodIdentity) -> Wish) {
        let uid = self.known.get(&pod);
        if let Some(mirrored) = uid.and_then(|uid| self.pods.get(uid)) {
            self.wishes.push(wish(mirrored.identity.clone()));
        }
    }

    /// A pod that waits has a reason for that, if it is another than before.
    fn tell(&mut self, uid: &str, message: &str) {
        if let Some(mirrored) = self.pods.get_mut(uid)
            && mirrored.told != message
        {
            message.clone_into(&mut mirrored.told);
            let (pod, message) = (mirrored.identity.clone(), message.to_owned());
            self.wishes.push(Wish::Unschedulable { pod, message });
        }
    }

    /// Reason why a pod can't be placed here, or not yet.
    fn obstacle(&self, object: &Value) -> Option<String> {
        let spec = &object["spec"];
        let is_there = |field: &str| match &spec[field] {
            Value::Null => false,
            Value::Array(list) => !list.is_empty(),
            _ => true,
        };
        if is_there("resourceClaims") {
            return Some("it claims devices, which are not allotted here".to_owned());
        }
        if is_there("schedulingGroup") || is_there("workloadRef") {
            return Some(
                "it belongs to a group of pods that start together, which is not supported here"
                    .to_owned(),
            );
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"]),
        );
        let volumes = spec["volumes"].as_array().into_iter().flatten();
        for volume in volumes {
            let claim = if volume["ephemeral"].is_object() {
                format!("{name}-{}", text(&volume["name"]))
            } else if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
                claim.to_owned()
            } else {
                continue;
            };
            let key = (Kind::PersistentVolumeClaim, format!("{namespace}/{claim}"));
            let known = self.around.get(&key);
            let known = known.and_then(|around| around.claims.values().next());
            match known {
                None => return Some(format!("persistentvolumeclaim \"{claim}\" not found")),
                Some(known) if !known.is_bound || known.volume.is_empty() => {
                    let class = (Kind::StorageClass, known.class.to_string());
                    let class = self.around.get(&class);
                    let class = class.and_then(|around| around.storage_classes.values().next());
                    let what = if class.is_some_and(|class| class.waits_for_consumer) {
                        "waits for its first consumer, and kube-scheduler alone binds such claims"
                    } else {
                        "has no volume yet"
                    };
                    return Some(format!(
                        "the claim \"{claim}\" {what}: the pod waits until the claim is bound"
                    ));
                }
                Some(_) => {}
            }
        }
        None
    }
}

impl Driver {
    /// Takes in what was seen of the cluster, in order.
    pub(super) fn observe(&mut self, seen: &[Observation]) {
        for observation in seen {
            match observation.kind {
                Kind::Node => self.observe_node(observation),
                Kind::Pod => self.observe_pod(observation),
                _ => self.observe_around(observation),
            }
        }
        let now = self.now;
        let Some(mirror) = &mut self.mirror else {
            return;
        };
        if !std::mem::take(&mut mirror.is_changed) {
            return;
        }
        let mut objects = ClusterObjects::default();
        for own in mirror.around.values() {
            objects.merge(own.clone());
        }
        let held = mirror.pods.values();
        let held: Vec<Value> = held
            .filter(|own| own.stage == Stage::Held)
            .map(|own| own.object.clone())
            .collect();
        self.seats.surround(now, &objects);
        for object in held {
            self.see_pod(&object);
        }
    }

    fn observe_node(&mut self, seen: &Observation) {
        let name: Text = seen.text("/metadata/name").into();
        let known = self.store.nodes().by_name(&name);
        if seen.is_gone {
            self.leave_homeless(&name);
            if let Some(node) = known {
                self.happened(Event::NodeRemoved { node });
            }
            return;
        }
        let object = match read_node(&seen.object) {
            Ok(object) => Arc::new(object),
            Err(why) => return self.doubt(format!("Node/{name}: {why}")),
        };
        match known {
            None => self.happened(self.store.node_added(object)),
            Some(node) if self.store.nodes().object(node) != Some(&object) => {
                self.happened(Event::NodeUpdated { node, object });
            }
            Some(_) => {}
        }
        let Some(node) = self.store.nodes().by_name(&name) else {
            return self.doubt(format!("Node/{name}: it can't be taken in"));
        };
        let heeds_readiness = self
            .mirror
            .as_ref()
            .is_some_and(|own| own.settings.heeds_readiness);
        let ready = !heeds_readiness || seen.text("/status/conditions/0/status") == "True";
        if self.store.nodes().is_ready(node) != ready {
            self.happened(Event::NodeReadiness { node, ready });
        }
        let homeless = self.mirror.iter().flat_map(|own| own.pods.values());
        let homeless = homeless.filter(|own| own.stage == Stage::Homeless(name.to_string()));
        let homeless: Vec<Value> = homeless.map(|own| own.object.clone()).collect();
        for object in homeless {
            self.see_pod(&object);
        }
    }

    /// The pods of a node that has gone are on it still, should it come back.
    fn leave_homeless(&mut self, name: &Text) {
        let pods = self.mirror.iter().flat_map(|own| own.pods.iter());
        let on_it = pods.filter(|(_, own)| own.stage == Stage::Bound(name.to_string()));
        let on_it: Vec<String> = on_it.map(|(uid, _)| uid.clone()).collect();
        for uid in on_it {
            self.take_off(&uid, EndReason::Cancelled);
            self.set_stage(&uid, Stage::Homeless(name.to_string()));
        }
    }

    fn observe_around(&mut self, seen: &Observation) {
        let key = (seen.kind, seen.place());
        let read = (!seen.is_gone).then(|| read(&seen.object).map(|read| read.objects));
        let Some(mirror) = &mut self.mirror else {
            return;
        };
        mirror.is_changed = true;
        match read {
            None => drop(mirror.around.remove(&key)),
            Some(Ok(objects)) => drop(mirror.around.insert(key, objects)),
            Some(Err(why)) => {
                mirror.around.remove(&key);
                let place = seen.place();
                self.doubt(format!("{}/{place}: {why}", seen.kind.name()));
            }
        }
    }

    /// A change that a component wants, as it is here: an end is only asked for.
    pub(super) fn mirrored(&self, event: Event) -> Event {
        match event {
            Event::PodEnded { pod, reason }
                if self.mirror.is_some()
                    && self
                        .store
                        .pods()
                        .get(pod)
                        .is_some_and(|own| own.node().is_some()) =>
            {
                let grace = self.store.grace_of(pod);
                let change = PodChange::Terminating { grace, reason };
                Event::PodChanged { pod, change }
            }
            event => event,
        }
    }

    /// A component has given a pod a node.
    pub(super) fn wish_binding(&mut self, pod: PodRef) {
        let node = self.store.pods().get(pod).and_then(model::Pod::node);
        let node = node.and_then(|node| self.store.nodes().object(node));
        let Some(node) = node.map(|node| node.name.to_string()) else {
            return;
        };
        let Some(mirror) = &mut self.mirror else {
            return;
        };
        mirror.wish(pod, |pod| Wish::Bind {
            pod,
            node: node.clone(),
        });
        if let Some(uid) = mirror.known.get(&pod).cloned() {
            self.set_stage(&uid, Stage::Assumed(node));
        }
    }

    /// A component has told a pod to end.
    pub(super) fn wish_eviction(&mut self, pod: PodRef) {
        if let Some(mirror) = &mut self.mirror {
            mirror.wish(pod, |pod| Wish::Evict { pod });
        }
    }

    /// Reasons why pods wait whose attempts failed in this step.
    pub(super) fn tell_failures(&mut self) {
        let Some(mirror) = &mut self.mirror else {
            return;
        };
        let mut failed = std::mem::take(&mut mirror.failed);
        failed.sort_unstable();
        failed.dedup();
        for pod in failed {
            let waits = self
                .store
                .pods()
                .get(pod)
                .is_some_and(|own| own.node().is_none());
            let message = self.seats.waiting_message(pod);
            let message = message.as_deref().unwrap_or("no node takes it");
            if let Some(uid) = mirror.known.get(&pod).cloned().filter(|_| waits) {
                mirror.tell(&uid, message);
            }
        }
    }

    /// Wishes for the API, in order; each is told once.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        let mirror = self.mirror.as_mut();
        mirror.map_or_else(Vec::new, |mirror| std::mem::take(&mut mirror.wishes))
    }

    /// Doubts about what could not be read of the cluster, in words; each is told once.
    pub fn take_doubts(&mut self) -> Vec<String> {
        let mirror = self.mirror.as_mut();
        mirror.map_or_else(Vec::new, |mirror| std::mem::take(&mut mirror.doubts))
    }

    fn doubt(&mut self, doubt: String) {
        if let Some(mirror) = &mut self.mirror {
            mirror.doubts.push(doubt);
        }
    }
}

fn read_node(object: &Value) -> Result<Node, String> {
    let node = read(object)?.nodes.into_iter().next();
    node.ok_or_else(|| "expected a node".to_owned())
}

fn read(object: &Value) -> Result<Manifests, String> {
    let mut reader = ManifestReader::new();
    let text = object.to_string();
    let read = reader.read(&File::bytes("object", text.as_bytes()));
    read.map_err(|error| error.to_string())?;
    Ok(reader.finish())
}

//! A cluster that another control plane runs: its objects are mirrored as they are seen, and what the components
//! decide becomes wishes for its API instead of commands to nodes.
//!
//! A pod that was given a node is held there until it is seen there: a binding that is refused gives it back, and
//! one that is seen elsewhere was bound by somebody else.

use std::sync::Arc;

use intake::Input as File;
use k8s::ManifestReader;
use model::{
    ClusterObjects, DeviceSet, EndReason, Event, InitialState, Node, PodChange, PodCreated,
    PodLife, PodName, PodRef, PodSpec, Text,
};
use serde_json::Value;
use units::{ClassId, Duration, Instant, NodeId, SortedMap, TenantId};

use super::Driver;
use crate::kube::observation::{Kind, Observation};
use crate::kube::resize::settled;
use crate::kube::wish::{PodIdentity, Wish};

/// What a mirror has to know beforehand.
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
    /// What is around nodes and pods, by kind and name.
    around: SortedMap<(Kind, String), ClusterObjects>,
    /// Whether what is around has changed since the components were told.
    is_changed: bool,
    /// Pods for which an attempt failed in this step.
    failed: Vec<PodRef>,
    wishes: Vec<Wish>,
    /// What could not be read, in words.
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

/// How far a pod is.
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
                "it belongs to a group of pods that start together, which is not looked at here"
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
            self.see_pod(object);
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
            self.see_pod(object);
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
        let read = (!seen.is_gone).then(|| read_around(&seen.object));
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

    fn observe_pod(&mut self, seen: &Observation) {
        if seen.is_gone {
            return self.forget_pod(seen.text("/metadata/uid"), EndReason::Cancelled);
        }
        let reason = match seen.text("/status/phase") {
            "Succeeded" => EndReason::Completed,
            "Failed" => EndReason::Error,
            _ => return self.see_pod(seen.object.clone()),
        };
        self.forget_pod(seen.text("/metadata/uid"), reason);
    }

    /// A pod is there no longer.
    fn forget_pod(&mut self, uid: &str, reason: EndReason) {
        self.take_off(uid, reason);
        if let Some(mirror) = &mut self.mirror {
            mirror.pods.remove(uid);
        }
    }

    /// Takes a pod out of the store.
    fn take_off(&mut self, uid: &str, reason: EndReason) {
        let mirror = self.mirror.as_mut();
        let mirrored = mirror.and_then(|mirror| mirror.pods.get_mut(uid));
        let Some(pod) = mirrored.and_then(|mirrored| mirrored.pod.take()) else {
            return;
        };
        self.happened(Event::PodEnded { pod, reason });
        if let Some(mirror) = &mut self.mirror {
            mirror.known.remove(&pod);
        }
    }

    /// A pod is there, on a node or without one.
    fn see_pod(&mut self, object: Value) {
        let object = settled(&object);
        let Some(mirror) = &mut self.mirror else {
            return;
        };
        let text = |pointer: &str| {
            let value = object.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let uid = text("/metadata/uid");
        let known = mirror.pods.entry(uid.clone());
        let mirrored = known.or_insert_with(|| MirroredPod {
            identity: PodIdentity {
                uid: uid.clone(),
                namespace: text("/metadata/namespace"),
                name: text("/metadata/name"),
            },
            pod: None,
            stage: Stage::Foreign,
            object: Value::Null,
            told: String::new(),
        });
        mirrored.object.clone_from(&object);
        let stage = mirrored.stage.clone();
        let node = text("/spec/nodeName");
        if !node.is_empty() {
            if let Stage::Assumed(given) = &stage {
                mirror.wishes.push(Wish::Seen {
                    pod: mirrored.identity.clone(),
                    given: given.clone(),
                    node: node.clone(),
                });
            }
            match stage {
                Stage::Assumed(known) | Stage::Bound(known) if known == node => {
                    self.set_stage(&uid, Stage::Bound(node));
                    self.redeclare(&uid, &object);
                }
                _ => self.place(&uid, node, &object),
            }
            return self.mark_terminating(&uid, &object);
        }
        let scheduler = text("/spec/schedulerName");
        let is_leaving = object.pointer("/metadata/deletionTimestamp").is_some();
        if is_leaving || mirror.settings.name != scheduler {
            self.take_off(&uid, EndReason::Cancelled);
            return self.set_stage(&uid, Stage::Foreign);
        }
        let is_in_store = matches!(stage, Stage::Pending | Stage::Assumed(_));
        match mirror.obstacle(&object) {
            Some(why) if !is_in_store => {
                mirror.tell(&uid, &why);
                self.set_stage(&uid, Stage::Held);
            }
            _ if is_in_store => self.redeclare(&uid, &object),
            _ => self.await_node(&uid, &object),
        }
    }

    fn set_stage(&mut self, uid: &str, stage: Stage) {
        let mirror = self.mirror.as_mut();
        if let Some(mirrored) = mirror.and_then(|mirror| mirror.pods.get_mut(uid)) {
            mirrored.stage = stage;
        }
    }

    /// A pod of these schedulers is to be given a node.
    fn await_node(&mut self, uid: &str, object: &Value) {
        self.take_off(uid, EndReason::Cancelled);
        match self.add_pod(uid, object, None) {
            Ok(_) => self.set_stage(uid, Stage::Pending),
            Err(why) => {
                if let Some(mirror) = &mut self.mirror {
                    mirror.tell(uid, &why);
                }
                self.set_stage(uid, Stage::Held);
            }
        }
    }

    /// A pod is on a node that these schedulers did not give it.
    fn place(&mut self, uid: &str, name: String, object: &Value) {
        self.take_off(uid, EndReason::Cancelled);
        let Some(node) = self.store.nodes().by_name(&name) else {
            return self.set_stage(uid, Stage::Homeless(name));
        };
        let bound = self.add_pod(uid, object, Some(node)).map(|pod| {
            let devices = DeviceSet::EMPTY;
            self.happened(Event::PodBound { pod, node, devices });
        });
        if let Err(why) = bound {
            self.doubt(format!("Pod/{uid} on {name}: {why}"));
        }
        self.set_stage(uid, Stage::Bound(name));
    }

    /// Creates a pod in the store, at once on a node where it was found there.
    fn add_pod(
        &mut self,
        uid: &str,
        object: &Value,
        node: Option<NodeId>,
    ) -> Result<PodRef, String> {
        let spec = self.read_spec(object)?;
        let class = self.class_of(&spec);
        let pod = self.store.pods().next();
        let started = object.pointer("/status/startTime").and_then(Value::as_str);
        let started = started.and_then(k8s::parse_unix_secs).map(|secs| {
            let zero = self
                .mirror
                .as_ref()
                .map_or(0, |own| own.settings.zero_unix_secs);
            Instant::from_nanos(secs.saturating_sub(zero).saturating_mul(1_000_000_000))
        });
        let found = node.map(|node| {
            Arc::new(InitialState {
                started,
                is_running: true,
                ..InitialState::on(node)
            })
        });
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        let created = PodCreated {
            pod,
            class,
            name: PodName::Text(name.unwrap_or_default().into()),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found,
            owner: None,
        };
        self.carry_out(Event::PodCreated(created))
            .map_err(|why| why.to_string())?;
        if let Some(mirror) = &mut self.mirror {
            mirror.known.insert(pod, uid.to_owned());
            if let Some(mirrored) = mirror.pods.get_mut(uid) {
                mirrored.pod = Some(pod);
            }
        }
        Ok(pod)
    }

    /// The pod of an object, as the API server has admitted it.
    fn read_spec(&self, object: &Value) -> Result<Arc<PodSpec>, String> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let namespace = text("/metadata/namespace").unwrap_or("default");
        let read = k8s::read_pod(object, namespace, None);
        let mut spec = read
            .map_err(|own| format!("{}: {}, found `{}`", own.field, own.rule, own.found))?
            .spec;
        let settings = self.mirror.as_ref().map(|own| &own.settings);
        if let Some(settings) =
            settings.filter(|own| text("/spec/schedulerName") == Some(&own.name))
        {
            spec.scheduler_name.clone_from(&settings.profile);
        }
        // Its node ends it, within its grace.
        spec.life
            .get_or_insert_with(|| Arc::new(PodLife::default()));
        Ok(Arc::new(spec))
    }

    /// The class of pods of a spec; a new one is added.
    fn class_of(&mut self, spec: &Arc<PodSpec>) -> ClassId {
        let class = self.store.class_of(spec);
        if let Some(added) = self.store.class_added(spec) {
            self.happened(added);
        }
        class.unwrap_or_else(|| ClassId::from_index(self.store.class_count() - 1))
    }

    /// A pod that is known may have other labels, gates or requests.
    fn redeclare(&mut self, uid: &str, object: &Value) {
        let mirror = self.mirror.as_ref();
        let Some(pod) = mirror.and_then(|own| own.pods.get(uid)?.pod) else {
            return;
        };
        let Some(before) = self.store.pods().get(pod).map(|record| record.class) else {
            return;
        };
        let Ok(spec) = self.read_spec(object) else {
            return;
        };
        if self.store.class(before).spec == spec {
            return;
        }
        let class = self.class_of(&spec);
        let is_resized = self.store.class(before).requests != self.store.class(class).requests;
        let node = self.store.pods().get(pod).and_then(model::Pod::node);
        let node = node.and_then(|node| self.store.nodes().object(node));
        if let Some(node) = node.filter(|_| is_resized) {
            // Whether there is room is for its node to say; what it holds is what was seen.
            let name = node.name.to_string();
            return self.place(uid, name, object);
        }
        let change = PodChange::Declared { class };
        self.happened(Event::PodChanged { pod, change });
    }

    /// A pod that was told to end holds its place until it has gone.
    fn mark_terminating(&mut self, uid: &str, object: &Value) {
        let mirror = self.mirror.as_ref();
        let pod = mirror.and_then(|own| own.pods.get(uid)?.pod);
        let (Some(pod), Some(_)) = (pod, object.pointer("/metadata/deletionTimestamp")) else {
            return;
        };
        if !self.store.pod_states().is_terminating(pod) {
            let grace = object.pointer("/metadata/deletionGracePeriodSeconds");
            let grace = Duration::from_secs(grace.and_then(Value::as_i64).unwrap_or(0));
            let reason = EndReason::Cancelled;
            let change = PodChange::Terminating { grace, reason };
            self.happened(Event::PodChanged { pod, change });
        }
    }

    /// What was wished of a pod could not be written: it is as it was before.
    pub(super) fn unwritten(&mut self, uid: &str) {
        let mirror = self.mirror.as_ref();
        let Some(mirrored) = mirror.and_then(|own| own.pods.get(uid)).cloned() else {
            return;
        };
        match mirrored.stage {
            Stage::Assumed(_) => {
                self.take_off(uid, EndReason::Cancelled);
                self.set_stage(uid, Stage::Foreign);
                self.see_pod(mirrored.object);
            }
            Stage::Bound(node) => self.place(uid, node, &mirrored.object),
            _ => {}
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

    /// What is to be written to the API, in order; each is told once.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        let mirror = self.mirror.as_mut();
        mirror.map_or_else(Vec::new, |mirror| std::mem::take(&mut mirror.wishes))
    }

    /// What of the cluster could not be read, in words; each is told once.
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
    let mut reader = ManifestReader::new();
    let text = object.to_string();
    let read = reader.read(&File::bytes("node", text.as_bytes()));
    read.map_err(|error| error.to_string())?;
    let node = reader.finish().nodes.into_iter().next();
    node.ok_or_else(|| "expected a node".to_owned())
}

fn read_around(object: &Value) -> Result<ClusterObjects, String> {
    let mut reader = ManifestReader::new();
    let text = object.to_string();
    let read = reader.read(&File::bytes("object", text.as_bytes()));
    read.map_err(|error| error.to_string())?;
    Ok(reader.finish().objects)
}

//! Pods of a cluster as they are seen: to be placed, placed here or by others, resized, and gone.

use std::sync::Arc;

use model::{
    DeviceSet, EndReason, Event, InitialState, PodChange, PodCreated, PodLife, PodName, PodRef,
    PodSpec,
};
use serde_json::Value;
use units::{ClassId, Duration, Instant, NodeId, TenantId};

use super::resize::settled;
use super::{MirroredPod, Stage};
use crate::driver::Driver;
use crate::wire::observation::Observation;
use crate::wire::wish::{PodIdentity, Wish};

impl Driver {
    pub(super) fn observe_pod(&mut self, seen: &Observation) {
        if seen.is_gone {
            return self.forget_pod(seen.text("/metadata/uid"), EndReason::Cancelled);
        }
        let reason = match seen.text("/status/phase") {
            "Succeeded" => EndReason::Completed,
            "Failed" => EndReason::Error,
            _ => return self.see_pod(&seen.object),
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
    pub(super) fn take_off(&mut self, uid: &str, reason: EndReason) {
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
    pub(super) fn see_pod(&mut self, object: &Value) {
        let object = settled(object);
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

    pub(super) fn set_stage(&mut self, uid: &str, stage: Stage) {
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

    /// Puts a pod back to where it was before a decision that the API refused.
    pub(in crate::driver) fn unwritten(&mut self, uid: &str) {
        let mirror = self.mirror.as_ref();
        let Some(mirrored) = mirror.and_then(|own| own.pods.get(uid)).cloned() else {
            return;
        };
        match mirrored.stage {
            Stage::Assumed(_) => {
                self.take_off(uid, EndReason::Cancelled);
                self.set_stage(uid, Stage::Foreign);
                self.see_pod(&mirrored.object);
            }
            Stage::Bound(node) => self.place(uid, node, &mirrored.object),
            _ => {}
        }
    }
}

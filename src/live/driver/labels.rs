//! Labels of objects as users wrote them: the control plane keeps those of pods and nodes alone, as nothing
//! else is chosen by them. They are for users, and decide nothing.

use cluster::{ObjectRow, Store};
use model::{Object, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use units::SortedMap;

use super::view::pairs;

/// Annotation in which `kubectl apply` keeps the whole of what it was given.
pub(crate) const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Labels of objects by kind, namespace and name.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnLabels {
    objects: SortedMap<[String; 3], Written>,
}

/// Labels as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    own: SortedMap<String, String>,
    /// Labels of the jobs that a cron job makes.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    of_jobs: SortedMap<String, String>,
    /// The whole object as `kubectl apply` was given it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied: Option<String>,
}

/// Labels of an object, with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NamedLabels {
    /// Kind, namespace and name.
    object: [String; 3],
    labels: Written,
}

impl OwnLabels {
    /// Labels of the objects that are there.
    pub(super) fn present(&self, store: &Store) -> Vec<NamedLabels> {
        let is_there = |object: &[String; 3]| {
            let [kind, namespace, name] = object;
            let (namespace, name): (Text, Text) = (namespace.as_str().into(), name.as_str().into());
            let mut kinds = Object::KINDS.iter();
            let kind = kinds.find(|known| **known == kind.as_str());
            kind.is_some_and(|kind| store.objects().find(kind, &namespace, &name).is_some())
        };
        let objects = self.objects.iter();
        let objects = objects.filter(|(object, _)| is_there(object));
        let objects = objects.map(|(object, labels)| NamedLabels {
            object: object.clone(),
            labels: labels.clone(),
        });
        objects.collect()
    }

    /// The labels of these objects.
    pub(super) fn of(objects: &[NamedLabels]) -> Self {
        let objects = objects.iter();
        let objects = objects.map(|named| (named.object.clone(), named.labels.clone()));
        Self {
            objects: objects.collect(),
        }
    }

    /// Takes note of the labels of an object in a request.
    pub(super) fn read(&mut self, object: &Value) {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let (Some(kind), Some(name)) = (text("/kind"), text("/metadata/name")) else {
            return;
        };
        let applied = object.pointer("/metadata/annotations");
        let labels = Written {
            own: labels(object, "/metadata/labels"),
            of_jobs: labels(object, "/spec/jobTemplate/metadata/labels"),
            applied: applied
                .and_then(|own| own[APPLIED].as_str())
                .map(str::to_owned),
        };
        let namespace = if Object::OF_CLUSTER.contains(&kind) {
            ""
        } else {
            text("/metadata/namespace").unwrap_or("default")
        };
        let names = [kind, namespace, name].map(str::to_owned);
        self.objects.insert(names, labels);
    }

    /// An object was applied: it has the labels of that request from now on.
    pub(super) fn take(&mut self, object: &Object, request: &mut Self) {
        let names = [object.kind(), object.namespace(), object.name()].map(str::to_owned);
        let labels = request.objects.remove(&names);
        match labels.filter(|labels| *labels != Written::default()) {
            Some(labels) => drop(self.objects.insert(names, labels)),
            None => drop(self.objects.remove(&names)),
        }
    }

    /// An object was deleted.
    pub(super) fn forget(&mut self, kind: &str, namespace: &str, name: &str) {
        self.objects
            .remove(&[kind, namespace, name].map(str::to_owned));
    }

    /// The whole of an object as `kubectl apply` was given it.
    pub(super) fn applied(&self, object: &Object) -> Option<&str> {
        let names = [object.kind(), object.namespace(), object.name()];
        let written = self.objects.get(&names.map(str::to_owned))?;
        written.applied.as_deref()
    }

    /// Labels of an object: those that were written, or that follow from the object that controls it.
    pub(super) fn of_object(&self, store: &Store, row: &ObjectRow) -> SortedMap<String, String> {
        let written = |object: &Object| {
            let names = [object.kind(), object.namespace(), object.name()];
            self.objects.get(&names.map(str::to_owned))
        };
        if let Some(written) = written(&row.object) {
            return written.own.clone();
        }
        let owner = row.owner.and_then(|owner| store.objects().get(owner));
        match (&row.object, owner) {
            (Object::Job(_), Some(owner)) => {
                written(&owner.object).map_or_else(SortedMap::new, |own| own.of_jobs.clone())
            }
            // Those of the template, as the controller of deployments has it.
            (Object::ReplicaSet(_), Some(_)) => {
                let template = row.object.template();
                template.map_or_else(SortedMap::new, |spec| pairs(&spec.labels))
            }
            _ => SortedMap::new(),
        }
    }
}

fn labels(object: &Value, path: &str) -> SortedMap<String, String> {
    let labels = object.pointer(path).and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    labels.collect()
}

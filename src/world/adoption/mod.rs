//! Workloads and pods that are there when a run with controllers begins: each bound or waiting pod
//! of a dump belongs to the object that its owner reference names, so that its controller counts it
//! instead of making another.
//!
//! A workload is there if the dump gives it an identity, or if a pod of the dump belongs to it; all
//! others are created when their file is due. Replica sets that a dump lacks are put together from
//! their deployment.

mod revisions;
mod state;

pub(super) use state::{Beginning, with_granted};

use std::sync::Arc;

use k8s::{DeclaredRevision, DeclaredWorkload, Maker, ManifestPod, Manifests};
use model::workload::ReplicaSet;
use model::workload::replica_set::TEMPLATE_HASH_LABEL;
use model::{Node, Object, Owner, PodSpec, Text};
use sim::{ResidentObject, ResidentOwner};
use units::{SortedMap, SortedSet};

/// Kind, namespace and name of an object.
type Key = (Text, Text, Text);

/// Namespace and name of a pod.
type PodKey = (Text, Text);

/// A pod that an object of the run controls from the beginning.
#[derive(Clone, Debug)]
pub(super) struct AdoptedPod {
    /// The controlling object, and the pod's place in it.
    pub(super) owner: ResidentOwner,
    /// Spec of the pod, with the revision by the names of this run.
    pub(super) spec: Option<Arc<PodSpec>>,
}

/// Numbers of pods with a controller.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Adopted {
    /// Pods that their workload takes over.
    pub(super) taken: u64,
    /// Pods whose workload is not declared: nobody makes another in their place.
    pub(super) left: u64,
}

/// The objects and pods that a run with controllers finds.
#[derive(Clone, Debug, Default)]
pub struct Adoption {
    /// Objects, each after the one that controls it.
    pub(super) objects: Vec<ResidentObject>,
    pods: SortedMap<PodKey, AdoptedPod>,
    keys: SortedSet<Key>,
    pub(super) counts: Adopted,
    /// Sets that are half rolled out and whose former template no file has.
    pub(super) without_former: Vec<String>,
    /// Time of the dump, in seconds since 1970-01-01T00:00:00Z; `None` if it tells none.
    pub zero_unix_secs: Option<i64>,
}

impl Adoption {
    /// Whether an object is there when the run begins.
    pub(super) fn has(&self, object: &Object) -> bool {
        let key = (
            object.kind().into(),
            object.namespace().clone(),
            object.name().clone(),
        );
        self.keys.contains(&key)
    }

    /// What becomes of a pod that a controller takes over.
    pub(super) fn pod(&self, pod: &ManifestPod) -> Option<&AdoptedPod> {
        self.pods.get(&(pod.namespace().clone(), pod.name.clone()))
    }

    /// Finds the owners of the pods of several files. They tell no time of the dump where none of them
    /// states any.
    pub(super) fn of(files: &[Arc<Manifests>], nodes: &[Arc<Node>], beginning: Beginning) -> Self {
        let mut finder = Finder::new(files, nodes, beginning);
        finder.find_owners();
        finder.add_roots();
        finder.add_dependents();
        finder.add_missing_sets();
        finder.settle_pods();
        finder.adoption
    }
}

/// A workload that may be there, with its place among the objects once it is.
struct Candidate<'m> {
    declared: &'m DeclaredWorkload,
    is_dependent: bool,
    has_pods: bool,
    place: Option<usize>,
}

struct Finder<'m> {
    pods: Vec<&'m ManifestPod>,
    nodes: SortedMap<&'m str, usize>,
    order: Vec<Key>,
    candidates: SortedMap<Key, Candidate<'m>>,
    /// Pods by the object that controls them.
    owned: SortedMap<Key, Vec<&'m ManifestPod>>,
    /// Revisions by the set that has them.
    revisions: SortedMap<Key, Vec<&'m DeclaredRevision>>,
    adoption: Adoption,
    beginning: Beginning,
}

fn key_of(object: &Object) -> Key {
    (
        object.kind().into(),
        object.namespace().clone(),
        object.name().clone(),
    )
}

/// The object that controls another one, as a key.
fn owner_key(controller: &Owner, namespace: &Text) -> Key {
    let Owner { kind, name } = controller.clone();
    (kind, namespace.clone(), name)
}

impl<'m> Finder<'m> {
    fn new(files: &'m [Arc<Manifests>], nodes: &'m [Arc<Node>], beginning: Beginning) -> Self {
        let mut finder = Self {
            pods: Vec::new(),
            nodes: nodes
                .iter()
                .enumerate()
                .map(|(place, node)| (&*node.name, place))
                .collect(),
            order: Vec::new(),
            candidates: SortedMap::new(),
            owned: SortedMap::new(),
            revisions: SortedMap::new(),
            adoption: Adoption::default(),
            beginning,
        };
        for file in files {
            let workloads = file.workloads.iter().map(|own| (own, false));
            let dependents = file.dependents.iter().map(|own| (own, true));
            for (declared, is_dependent) in workloads.chain(dependents) {
                if declared.object.template().is_none() {
                    continue;
                }
                let key = key_of(&declared.object);
                finder.order.push(key.clone());
                let candidate = Candidate {
                    declared,
                    is_dependent,
                    has_pods: false,
                    place: None,
                };
                finder.candidates.entry(key).or_insert(candidate);
            }
            for own in &file.revisions {
                let key = key_of(own.set());
                finder.revisions.entry(key).or_default().push(own);
            }
            finder
                .pods
                .extend(file.pods.iter().filter(|pod| !pod.is_settled()));
        }
        if files.iter().all(|file| file.taken_unix_secs.is_none()) {
            finder.beginning.dump = None;
        }
        finder.adoption.zero_unix_secs = finder.beginning.dump;
        finder
    }

    /// Groups the pods by the objects that control them, and marks these.
    fn find_owners(&mut self) {
        for pod in std::mem::take(&mut self.pods) {
            let Some(controller) = &pod.controller else {
                continue;
            };
            if &*controller.kind == "Node" {
                // A static pod belongs to its node alone.
                continue;
            }
            let key = owner_key(controller, pod.namespace());
            if let Some(candidate) = self.candidates.get_mut(&key) {
                candidate.has_pods = true;
                let above = candidate.declared.controller.as_ref();
                let above = above.map(|above| owner_key(above, pod.namespace()));
                if let Some(root) = above.and_then(|above| self.candidates.get_mut(&above)) {
                    root.has_pods = true;
                }
            } else if let Some(root) = self.deployment_of_set(&key) {
                if let Some(root) = self.candidates.get_mut(&root) {
                    root.has_pods = true;
                }
            } else {
                self.adoption.counts.left +=
                    u64::from(pod.maker != Maker::Nobody && !pod.phase.is_final());
                continue;
            }
            self.owned.entry(key).or_default().push(pod);
        }
    }

    /// The deployment of a replica set that the dump lacks, after which it is named.
    fn deployment_of_set(&self, key: &Key) -> Option<Key> {
        let (kind, namespace, name) = key;
        let (stem, _) = name.rsplit_once('-').filter(|_| &**kind == "ReplicaSet")?;
        let key = ("Deployment".into(), namespace.clone(), stem.into());
        self.candidates.contains_key(&key).then_some(key)
    }

    /// Adds the workloads that no other controls.
    fn add_roots(&mut self) {
        let beginning = self.beginning;
        for key in &self.order {
            let Some(candidate) = self.candidates.get_mut(key) else {
                continue;
            };
            let is_there = candidate.has_pods || candidate.declared.reported.is_there;
            if candidate.is_dependent || !is_there || candidate.place.is_some() {
                continue;
            }
            let pods = self.owned.get(key).map_or(&[][..], Vec::as_slice);
            let known = self.revisions.get(key).map_or(&[][..], Vec::as_slice);
            let declared = candidate.declared;
            let object = state::as_reported(declared, None, pods, known, beginning);
            if revisions::lacks_former(declared, pods, known) {
                let name = format!("{}/{}/{}", key.0, key.1, key.2);
                self.adoption.without_former.push(name);
            }
            candidate.place = Some(self.adoption.objects.len());
            self.adoption.keys.insert(key.clone());
            self.adoption.objects.push(ResidentObject {
                object,
                owner: None,
            });
        }
    }

    /// Adds replica sets and jobs below their owners; what lost its owner stands by itself.
    fn add_dependents(&mut self) {
        for key in &self.order {
            let Some(candidate) = self.candidates.get(key) else {
                continue;
            };
            if !candidate.is_dependent || candidate.place.is_some() {
                continue;
            }
            let declared = candidate.declared;
            let above = declared.controller.as_ref();
            let above = above.map(|above| owner_key(above, declared.object.namespace()));
            let above = above.and_then(|above| self.candidates.get(&above));
            let pods = self.owned.get(key).map_or(&[][..], Vec::as_slice);
            let root = above.map(|above| &above.declared.object);
            let object = state::as_reported(declared, root, pods, &[], self.beginning);
            let owner = above.and_then(|above| above.place);
            let place = self.adoption.objects.len();
            self.adoption.keys.insert(key.clone());
            self.adoption.objects.push(ResidentObject { object, owner });
            if let Some(candidate) = self.candidates.get_mut(key) {
                candidate.place = Some(place);
            }
        }
    }

    /// Puts together the replica sets that the dump lacks: the one with the youngest pod has the
    /// present template, the others keep the pods that they have.
    fn add_missing_sets(&mut self) {
        let mut missing: SortedMap<Key, Vec<Key>> = SortedMap::new();
        for key in self.owned.keys() {
            if !self.candidates.contains_key(key)
                && let Some(root) = self.deployment_of_set(key)
            {
                missing.entry(root).or_default().push(key.clone());
            }
        }
        for (root, sets) in missing {
            let Some(candidate) = self.candidates.get(&root) else {
                continue;
            };
            let Object::Deployment(deployment) = &candidate.declared.object else {
                continue;
            };
            let youngest = |key: &Key| {
                let pods = self.owned.get(key).into_iter().flatten();
                pods.filter_map(|pod| pod.created_unix_secs).max()
            };
            let newest = sets
                .iter()
                .max_by_key(|key| (youngest(key), (*key).clone()));
            let newest = newest.cloned();
            let known_newest = self.candidates.values().any(|own| {
                let above = own.declared.controller.as_ref();
                own.is_dependent
                    && above.is_some_and(|above| above.name == deployment.name)
                    && own.declared.object.namespace() == &deployment.namespace
            });
            let size = |key: &Key| self.owned.get(key).map_or(0, Vec::len) as i32;
            let all: i32 = sets.iter().map(size).sum();
            for key in &sets {
                let pods = self.owned.get(key).map_or(&[][..], Vec::as_slice);
                let is_newest = !known_newest && Some(key) == newest.as_ref();
                let hash = key.2.rsplit_once('-').map_or("", |(_, hash)| hash);
                let mut template = match pods.first() {
                    Some(pod) if !is_newest => (*pod.spec).clone(),
                    _ => (*deployment.template).clone(),
                };
                template
                    .labels
                    .insert(TEMPLATE_HASH_LABEL.into(), hash.into());
                let others = all - size(key);
                let set = ReplicaSet {
                    namespace: deployment.namespace.clone(),
                    name: key.2.clone(),
                    selector: state::selector(&deployment.selector, hash),
                    template: Arc::new(template),
                    replicas: if is_newest {
                        (deployment.replicas - others).max(size(key))
                    } else {
                        size(key)
                    },
                    min_ready: deployment.min_ready,
                    rollout: state::rollout(deployment, if is_newest { 2 } else { 1 }),
                    status: state::set_status(
                        None,
                        pods,
                        deployment.min_ready,
                        self.adoption.zero_unix_secs,
                    ),
                    ..ReplicaSet::default()
                };
                self.adoption.keys.insert(key.clone());
                self.adoption.objects.push(ResidentObject {
                    object: Object::ReplicaSet(Arc::new(set)),
                    owner: candidate.place,
                });
            }
        }
    }

    /// Gives each pod its owner and the place in it.
    fn settle_pods(&mut self) {
        let places: SortedMap<Key, usize> = self
            .adoption
            .objects
            .iter()
            .enumerate()
            .map(|(place, own)| {
                let object = &own.object;
                let (namespace, name) = (object.namespace().clone(), object.name().clone());
                ((Text::from(object.kind()), namespace, name), place)
            })
            .collect();
        for (key, pods) in &self.owned {
            let Some(&place) = places.get(key) else {
                continue;
            };
            let object = &self.adoption.objects[place].object;
            let reported = self.candidates.get(key).map(|own| &own.declared.reported);
            let known = self.revisions.get(key).map_or(&[][..], Vec::as_slice);
            for pod in pods {
                let Some(index) = state::index(object, pod, &self.nodes) else {
                    self.adoption.counts.left += 1;
                    continue;
                };
                let adopted = AdoptedPod {
                    owner: ResidentOwner {
                        object: place,
                        index,
                        failures: pod.failures,
                        is_discarded: matches!(object, Object::Job(_))
                            && pod.is_terminating
                            && !pod.is_tracked,
                    },
                    spec: reported
                        .and_then(|own| revisions::revised(object, own, pod, pods, known)),
                };
                let pod_key = (pod.namespace().clone(), pod.name.clone());
                self.adoption.pods.insert(pod_key, adopted);
                self.adoption.counts.taken += 1;
            }
        }
    }
}

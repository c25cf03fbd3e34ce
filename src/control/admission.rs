//! What the API does with a request to create something: it gives identities and names, fills in
//! what was left out, and refuses what is there already. Pure: a request and the cluster as it is
//! give the changes to be made.

use std::sync::Arc;

use crate::cluster::{Conflict, Store};
use crate::model::canonical::suffix;
use crate::model::{Event, Object, ObjectChange, PodCreated, PodName, PodOwner, PodSpec, Text};
use crate::units::{ObjectId, SpecId, TenantId};

/// Something that is to be created; its identity is given where it is created.
#[derive(Clone, Debug)]
pub enum Creation {
    /// A pod.
    Pod(NewPod),
    /// An object.
    Object {
        /// What controls it.
        owner: Option<ObjectId>,
        /// As declared.
        object: Object,
    },
}

/// A pod to be created.
#[derive(Clone, Debug)]
pub struct NewPod {
    /// What controls it.
    pub owner: PodOwner,
    /// What it is called.
    pub name: NewName,
    /// What it is.
    pub spec: Arc<PodSpec>,
}

/// What something new is called.
#[derive(Clone, Debug)]
pub enum NewName {
    /// As is; no other pod of the owner has the name.
    Exact(Text),
    /// This and a few letters drawn from its number (`generateName`).
    Prefix(Text),
}

impl Creation {
    /// The object that the new one is to belong to.
    pub const fn owner(&self) -> Option<ObjectId> {
        match self {
            Self::Pod(pod) => Some(pod.owner.object),
            Self::Object { owner, .. } => *owner,
        }
    }
}

/// The changes that create something, in order.
///
/// # Errors
/// It is there already, or its owner is gone.
pub fn admit(store: &Store, creation: &Creation) -> Result<Vec<Event>, Conflict> {
    match creation {
        Creation::Pod(pod) => admit_pod(store, pod),
        Creation::Object { owner, object } => {
            let created = ObjectChange::Created {
                id: store.objects().next(),
                owner: *owner,
                object: object.clone(),
            };
            Ok(vec![Event::Object(created)])
        }
    }
}

fn admit_pod(store: &Store, new: &NewPod) -> Result<Vec<Event>, Conflict> {
    let owner = store.objects().get(new.owner.object);
    let owner = owner.ok_or(Conflict::UnknownObject)?;
    let pod = store.pods().next();
    let name = match &new.name {
        NewName::Prefix(prefix) => PodName::Text(format!("{prefix}{}", suffix(pod.id.0)).into()),
        NewName::Exact(name) => {
            let name = PodName::Text(name.clone());
            let living = owner.pods.iter().filter_map(|&pod| store.pods().get(pod));
            let finished = store.pod_states().finished(new.owner.object);
            let mut names = living.chain(finished.map(|finished| &finished.pod));
            if names.any(|pod| pod.name == name) {
                return Err(Conflict::DuplicateObject(format!("Pod {name}")));
            }
            name
        }
    };
    let added = store.spec_added(&new.spec);
    let next = SpecId::from_index(store.class_count());
    let spec = store.class_of(&new.spec).unwrap_or(next);
    let created = PodCreated {
        pod,
        spec,
        name,
        tenant: TenantId(0),
        gang: None,
        time_limit: None,
        found: None,
        owner: Some(new.owner),
    };
    Ok(added
        .into_iter()
        .chain([Event::PodCreated(created)])
        .collect())
}

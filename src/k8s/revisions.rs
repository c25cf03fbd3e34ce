//! Templates that stateful sets and daemon sets had and have, by the name of their revision: the
//! `ControllerRevision` objects of a dump.

use serde_json::Value;

use super::declared_workload::{DeclaredWorkload, PodPriority};
use super::field::{Path, Problem};
use super::parts::Parts;
use super::reported_status::ReportedStatus;
use super::workload::Workload;
use super::{Ctx, pod};
use model::workload::{DaemonSet, StatefulSet};
use model::{Object, Text};
use std::sync::Arc;

/// The kind of the objects.
pub(super) const KIND: &str = "ControllerRevision";

/// Fields of these objects that stand beside `metadata`.
pub(super) const DATA: &str = "data";
pub(super) const NUMBER: &str = "revision";

/// On a revision of a daemon set, and on its pods: the hash of the template.
const HASH_LABEL: &str = "controller-revision-hash";

/// A template that a set had, or has.
#[derive(Clone, Debug)]
pub struct DeclaredRevision {
    /// Value of the label by which pods say that they are of this revision: its name, or in daemon sets
    /// its hash.
    pub mark: Text,
    /// Number of the revision: the present one has the highest.
    pub number: i64,
    /// A set of the owner's kind and names with the template of the revision.
    pub(super) set: DeclaredWorkload,
}

impl DeclaredRevision {
    /// A set of the owner's kind and names with the template of the revision.
    pub fn set(&self) -> &Object {
        &self.set.object
    }
}

/// Whether what stands beside the metadata of an object may be that of a revision.
pub(super) fn may_be_one(parts: &Parts) -> bool {
    let is_kind = parts.kind.as_deref().is_none_or(|kind| kind == KIND);
    let version = parts.api_version.as_deref();
    is_kind && version.is_none_or(|version| version.starts_with("apps/"))
}

/// Reads a revision; `None` if it belongs to no set that is read.
pub(super) fn read(parts: &Parts, ctx: &mut Ctx) -> Result<Option<DeclaredRevision>, Problem> {
    let metadata = &parts.metadata;
    let owner = pod::owner(metadata, &mut ctx.texts);
    let Some(owner) = owner.filter(|own| matches!(&*own.kind, "StatefulSet" | "DaemonSet")) else {
        return Ok(None);
    };
    let data = parts.beside.get(DATA).unwrap_or(&Value::Null);
    let namespace = ctx.texts.share(pod::namespace(metadata));
    let mut workload = Workload {
        kind: &owner.kind,
        queue: None,
        namespace: namespace.clone(),
        name: owner.name.clone(),
        spec: data,
        ctx,
        priority: PodPriority::Stated,
        states_policy: false,
        runtime: None,
        last_applied: None,
        written: None,
        bound_to: None,
    };
    let spec = data.get("spec").unwrap_or(&Value::Null);
    let template = workload
        .template(spec, &Path::root("data").field("spec"))?
        .spec;
    let (priority, states_policy) = (workload.priority.clone(), workload.states_policy);
    let (runtime, written) = (workload.runtime.clone(), workload.written.take());
    let name = metadata.name.as_deref().unwrap_or_default();
    let name = ctx.texts.share(name);
    let (mark, object) = if &*owner.kind == "StatefulSet" {
        let set = StatefulSet {
            namespace,
            name: owner.name,
            template,
            ..StatefulSet::default()
        };
        (name, Object::StatefulSet(Arc::new(set)))
    } else {
        let of_name = name.rsplit_once('-').map_or(&*name, |(_, hash)| hash);
        let hash = metadata
            .labels
            .get(HASH_LABEL)
            .map_or(of_name, |label| label);
        let mark = ctx.texts.share(hash);
        let set = DaemonSet {
            namespace,
            name: owner.name,
            template,
            ..DaemonSet::default()
        };
        (mark, Object::DaemonSet(Arc::new(set)))
    };
    Ok(Some(DeclaredRevision {
        mark,
        number: parts
            .beside
            .get(NUMBER)
            .and_then(Value::as_i64)
            .unwrap_or(0),
        set: DeclaredWorkload {
            object,
            controller: None,
            reported: ReportedStatus::default(),
            priority,
            states_policy,
            runtime,
            written,
            places: Vec::new(),
        },
    }))
}

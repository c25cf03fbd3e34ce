//! Admission of arrivals: the API server refuses pods that break a limit range or a quota, whoever
//! submits them, and fills in what they leave out (spec: kubernetes.md 2.10).

use std::fmt;
use std::sync::Arc;

use cluster::{Conflict, Store};
use control::admission::{Admission, Creation, admit_arrival};
use model::priority_class::TemplatePriority;
use model::workload::ReplicaSet;
use model::{Behaviour, Event, Object, Pod, PodSpec, Text};
use units::{ClassId, ObjectId, SortedMap, SortedSet, plural};

use super::super::SimError;
use super::super::context::Context;
use super::{Engine, declaration};

/// Maximum number of refusal reasons reported one by one; pods refused for others are counted together.
const REASONS_TOLD: usize = 4;

/// Pods of one object that the API server refuses when a run ends.
#[derive(Clone, Debug)]
pub struct RefusedPods {
    /// Kind of the object: the deployment of a replica set, whose own name holds a hash.
    pub kind: &'static str,
    /// Namespace and name of the object.
    pub path: String,
    /// A pod as its controller wants it.
    pub spec: Arc<PodSpec>,
    /// Reason of the API server.
    pub reason: String,
}

impl fmt::Display for RefusedPods {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, path, .. } = self;
        let reason = &self.reason;
        write!(
            out,
            "when the run ends, the API server refuses pods of {kind} `{path}`: {reason}"
        )
    }
}

/// An object of another one that the API server refused last.
#[derive(Clone, Debug)]
struct RefusedObject {
    kind: &'static str,
    /// Template of the object that makes it, as it was then.
    template: Option<PodSpec>,
    reason: String,
}

/// Arrivals that the API server refused, by the reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    /// The first pod of each reason, and the number of pods.
    reasons: SortedMap<String, (String, u64)>,
    others: u64,
    /// Objects whose pods are refused for what they state, by the reason the first of them. Their controllers try
    /// again without end.
    makers: SortedMap<String, String>,
    /// Last pod that was refused and the reason, by the object that wants the pods, until one is made.
    waiting: SortedMap<ObjectId, (Arc<PodSpec>, String)>,
    /// Objects that are refused, by the one that makes them, until one is made or its template is another one.
    objects: SortedMap<ObjectId, RefusedObject>,
    /// Lines about sets that would adopt pods which are there.
    orphans: Vec<String>,
    /// Namespaces and names of pods that an API server admitted before.
    admitted: SortedSet<(Text, Text)>,
}

impl Refusals {
    /// Nothing is refused yet, and these pods won't be.
    pub(super) fn but_for(admitted: SortedSet<(Text, Text)>) -> Self {
        Self {
            admitted,
            ..Self::default()
        }
    }

    pub(super) fn note(&mut self, name: &str, reason: String) {
        if self.reasons.len() == REASONS_TOLD && !self.reasons.contains_key(&reason) {
            self.others += 1;
            return;
        }
        let entry = self.reasons.entry(reason);
        entry.or_insert_with(|| (name.to_owned(), 0)).1 += 1;
    }

    /// Notes that a pod of an object, or another object of it, was made.
    #[inline]
    pub(super) fn forget(&mut self, creation: &Creation) {
        if self.waiting.is_empty() && self.objects.is_empty() {
            return;
        }
        if let Creation::Object {
            owner: Some(owner), ..
        } = creation
        {
            self.objects.remove(owner);
        } else if let Some(owner) = creation.owner() {
            self.waiting.remove(&owner);
        }
    }

    /// Lines about what was refused in a run that left this store.
    pub(super) fn remarks(&self, store: &Store) -> Vec<String> {
        let told = self.reasons.iter().map(|(reason, (first, count))| {
            let pods = plural::count(*count, "pod");
            let are = plural::either(*count, "is", "are");
            format!("{pods} {are} refused by the API server (first `{first}`): {reason}")
        });
        let others = (self.others > 0).then(|| {
            let pods = plural::count(self.others, "more pod");
            let are = plural::either(self.others, "is", "are");
            format!("{pods} {are} refused by the API server, for other reasons")
        });
        let at_end = self.at_end(store);
        let is_over = |reason: &String| at_end.iter().all(|own| own.reason != *reason);
        let makers = self.makers.iter().filter(|(reason, _)| is_over(reason));
        let makers = makers.map(|(reason, maker)| {
            format!("pods of {maker} are refused by the API server: {reason}")
        });
        let mut lines: Vec<String> = told.chain(others).chain(makers).collect();
        lines.extend(
            { at_end.iter() }
                .take(REASONS_TOLD)
                .map(ToString::to_string),
        );
        if let Some(more @ 1..) = at_end.len().checked_sub(REASONS_TOLD) {
            let objects = plural::count(more, "more object");
            lines.push(format!(
                "when the run ends, the API server refuses pods of {objects}"
            ));
        }
        lines.extend(self.objects_at_end(store).take(REASONS_TOLD));
        lines.extend(self.orphans.iter().cloned());
        lines
    }

    /// Lines about objects that controllers want and the API server refuses when a run ends.
    fn objects_at_end(&self, store: &Store) -> impl Iterator<Item = String> {
        self.objects.iter().filter_map(|(owner, refused)| {
            let RefusedObject { kind, reason, .. } = refused;
            let maker = &store.objects().get(*owner)?.object;
            let is_wanted = maker.template() == refused.template.as_ref();
            let maker = is_wanted.then(|| maker_name(maker))?;
            Some(format!(
                "when the run ends, the API server refuses a {kind} of {maker}: {reason}"
            ))
        })
    }

    /// Refused pods of a run that left this store, one entry for each object.
    pub(super) fn at_end(&self, store: &Store) -> Vec<RefusedPods> {
        let mut seen = SortedSet::new();
        let refused = { self.waiting.iter() }.filter_map(|(owner, (spec, reason))| {
            let is_short = match &store.objects().get(*owner)?.object {
                Object::ReplicaSet(own) | Object::ReplicationController(own) => {
                    own.replicas > own.status.replicas
                }
                _ => true,
            };
            let root = store.objects().root(*owner);
            let object = &store.objects().get(root)?.object;
            let is_first = is_short && seen.insert(root);
            is_first.then(|| RefusedPods {
                kind: object.kind(),
                path: format!("{}/{}", object.namespace(), object.name()),
                spec: Arc::clone(spec),
                reason: reason.clone(),
            })
        });
        refused.collect()
    }
}

/// Kind and name of an object that makes pods, as messages have it.
fn maker_name(object: &Object) -> String {
    format!(
        "{} `{}/{}`",
        object.kind(),
        object.namespace(),
        object.name()
    )
}

/// Whether a replica set adopts orphan pods of its namespace (`ClaimPods`).
pub(super) fn adopts(set: &ReplicaSet, spec: &PodSpec) -> bool {
    spec.owner.is_none() && set.selector.matches(&spec.labels)
}

impl Engine {
    /// Notes a pod or an object that a controller wants and the API server refuses.
    pub(super) fn note_refusal(&mut self, creation: &Creation, conflict: &Conflict) {
        let reason = conflict.to_string();
        if let (
            Creation::Object {
                owner: Some(owner),
                object,
            },
            Conflict::Forbidden(_),
        ) = (creation, conflict)
        {
            let maker = self.control.store().objects().get(*owner);
            let template = maker.and_then(|row| row.object.template().cloned());
            let kind = object.kind();
            let refused = RefusedObject {
                kind,
                template,
                reason,
            };
            self.refusals.objects.insert(*owner, refused);
            return;
        }
        let Creation::Pod(new) = creation else {
            return;
        };
        let is_for_its_fields = match conflict {
            Conflict::Forbidden(words) => {
                words.starts_with("limit range ") || words.contains(": must specify ")
            }
            Conflict::Invalid(_) => true,
            _ => return,
        };
        let refused = (Arc::clone(&new.spec), reason.clone());
        self.refusals.waiting.insert(new.owner.object, refused);
        let makers = &mut self.refusals.makers;
        let is_known = makers.len() == REASONS_TOLD || makers.contains_key(&reason);
        if is_known || !is_for_its_fields {
            return;
        }
        if let Some(row) = self.control.store().objects().get(new.owner.object) {
            makers.insert(reason, maker_name(&row.object));
        }
    }

    /// Notes a replica set that comes later than pods which it would adopt: they stay orphans.
    pub(super) fn note_orphans(&mut self, creation: &Creation) {
        let Creation::Object {
            object: Object::ReplicaSet(set),
            ..
        } = creation
        else {
            return;
        };
        let store = self.control.store();
        let is_orphan = |pod: &&Pod| {
            let spec = &store.class(pod.class).spec;
            let state = store.pod_states().get(pod.pod);
            state.is_none_or(|state| state.owner.is_none())
                && spec.namespace == set.namespace
                && adopts(set, spec)
        };
        let orphans = store.pods().iter().filter(is_orphan).count();
        if orphans > 0 {
            self.refusals.orphans.push(format!(
                "ReplicaSet `{}/{}` would adopt {} without an owner; here it makes its own",
                set.namespace,
                set.name,
                plural::count(orphans, "pod")
            ));
        }
    }

    /// Whether limit ranges, quotas or priority classes are there, or the pods of a class name one, so that arrivals
    /// may be changed or refused.
    pub(super) fn limits_arrivals(&self, class: ClassId) -> bool {
        let store = self.control.store();
        let objects = store.objects();
        let behaviour = store.class(class).spec.behaviour.as_ref();
        let names_class =
            |own: &Arc<Behaviour>| matches!(own.priority, TemplatePriority::Class { .. });
        let mut kinds = ["LimitRange", "ResourceQuota", "PriorityClass"].into_iter();
        behaviour.is_some_and(names_class) || kinds.any(|kind| objects.has_kind(kind))
    }

    /// The class of a new pod of an arrival once it is admitted, whose quotas are charged; `None` if the
    /// API server refuses the pod.
    pub(super) fn admitted(
        &mut self,
        ctx: &mut Context<'_>,
        name: &Text,
        class: ClassId,
    ) -> Result<Option<ClassId>, SimError> {
        let spec: Arc<PodSpec> = Arc::clone(&self.control.store().class(class).spec);
        let Admission { charges, spec } = match admit_arrival(self.control.store(), &spec) {
            Ok(admitted) => admitted,
            Err(_)
                if self
                    .refusals
                    .admitted
                    .contains(&(spec.namespace.clone(), name.clone())) =>
            {
                return Ok(Some(class));
            }
            Err(why) => {
                self.refusals.note(name, why.to_string());
                return Ok(None);
            }
        };
        let wrong = |why| declaration(format!("`{name}` of the workload"), &why);
        for event in charges {
            self.commit(ctx, event).map_err(wrong)?;
        }
        let Some(spec) = spec else {
            return Ok(Some(class));
        };
        if let Some(added) = self.control.store().class_added(&spec) {
            self.commit(ctx, added).map_err(wrong)?;
        }
        Ok(self.control.store().class_of(&spec).or(Some(class)))
    }

    /// A pod that the API server refuses does not exist for any other component.
    pub(super) fn refuse(&mut self, ctx: &mut Context<'_>, created: Event) -> Result<(), SimError> {
        let Event::PodCreated(new) = &created else {
            return Ok(());
        };
        let (pod, reason) = (new.pod, model::EndReason::Rejected);
        let wrong = |why| declaration("a pod of the workload".to_owned(), &why);
        self.commit(ctx, created).map_err(wrong)?;
        self.commit(ctx, Event::PodEnded { pod, reason })
            .map_err(wrong)
    }
}

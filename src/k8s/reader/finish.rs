//! Workloads as they are met, and what is settled once all files are read: priorities by class, and
//! quotas that are too small.

use super::Reader;
use crate::admission::PriorityClass;
use crate::declared_workload::{DeclaredWorkload, PodPriority, small_quotas};
use crate::field::{Path, Problem};
use crate::findings::ObjectName;
use crate::kinds;
use crate::needs::KeyUse;
use crate::objects;
use crate::parts::Parts;
use crate::pod;
use crate::recommendations;
use crate::reported_status::ReportedStatus;
use crate::revisions;
use crate::runtime_class;
use crate::workloads::{self, BrokenRule};
use model::{Object, PodSpec};

impl Reader {
    /// Reads workloads, too.
    pub(in super::super) fn with_workloads(self) -> Self {
        Self {
            reads_workloads: true,
            ..self
        }
    }

    /// Reads limit ranges and quotas; what is wrong with one is told.
    pub(in super::super) fn with_bounds(self) -> Self {
        Self {
            reads_bounds: true,
            tolerates_workloads: true,
            ..self
        }
    }

    /// Tells of workloads that no controller can act on, instead of refusing them.
    pub(in super::super) fn tolerant(self) -> Self {
        Self {
            tolerates_workloads: true,
            ..self
        }
    }

    /// Keeps what schedulers look at of workloads, too.
    pub(in super::super) fn with_objects(self) -> Self {
        Self {
            keeps_objects: true,
            ..self
        }
    }

    pub(in super::super) fn reads_workloads(&self) -> bool {
        self.reads_workloads
    }

    /// The field of a workload that broke a rule, if that ended the reading.
    pub(in super::super) fn broken_field(&self) -> Option<&str> {
        self.broken_field.as_deref()
    }

    /// Whether an object is read as a workload.
    pub(in super::super) fn is_read_workload(&self, parts: &Parts) -> bool {
        let (kind, group) = (parts.kind.as_deref(), parts.api_version.as_deref());
        let is_bound = |kind: &str| self.reads_bounds && kinds::BOUNDS.contains(&kind);
        let is_workload =
            |kind| kinds::is_workload(kind, group) && (self.reads_workloads || is_bound(kind));
        kind.is_some_and(is_workload)
    }

    pub(super) fn add_workload(&mut self, parts: &Parts) -> Result<(), Problem> {
        let (kind, version) = (parts.kind.as_deref(), parts.api_version.as_deref());
        if kind == Some(revisions::KIND) {
            self.add_revision(parts);
            return Ok(());
        }
        if kind == Some(recommendations::KIND) {
            self.add_checkpoint(parts);
            return Ok(());
        }
        if kind == Some("ConfigMap") {
            let name = parts.metadata.name.clone().unwrap_or_default();
            let namespace = pod::namespace(&parts.metadata).to_owned();
            self.configs.insert((namespace, name), parts.keys.clone());
        }
        let is_placed = kind.is_some_and(|kind| kinds::is_read(kind, version));
        if matches!(kind, Some("Service" | "Namespace")) || (self.keeps_objects && is_placed) {
            // Schedulers look at whom it selects and what it is labelled with, others at the rest.
            objects::add(parts, &mut self.objects, &mut self.ctx)?;
        }
        match workloads::read(parts, &mut self.ctx) {
            Ok(all) => {
                if let Some(kind) = kind.filter(|own| workloads::is_several(own)) {
                    let metadata = &parts.metadata;
                    let name = metadata.name.clone().unwrap_or_default();
                    let namespace = pod::namespace(metadata).to_owned();
                    self.job_sets.insert((kind.to_owned(), namespace, name));
                }
                for workload in all {
                    self.taken = self.taken.max(workload.reported.newest_time());
                    if is_dependent(&workload) {
                        self.dependents.push(workload);
                    } else if !is_made(&workload) {
                        // One that is made comes of its owner's controller.
                        self.workloads.push(workload);
                    }
                }
                Ok(())
            }
            Err(BrokenRule { problem, .. })
                if self.tolerates_workloads || ReportedStatus::of(parts).is_there =>
            {
                // An API server has accepted it.
                self.note_unread_workload(parts, &problem);
                Ok(())
            }
            Err(BrokenRule { problem, field }) => {
                self.broken_field = field;
                Err(Problem(problem))
            }
        }
    }

    /// Takes a template that a set had; what belongs to none is reported by its kind.
    fn add_revision(&mut self, parts: &Parts) {
        match revisions::read(parts, &mut self.ctx) {
            Ok(Some(revision)) => self.revisions.push(revision),
            Ok(None) => self.count_ignored(parts),
            Err(Problem(problem)) => {
                let (field, what) = problem.split_once(": ").unwrap_or(("data", &problem));
                let object = ObjectName {
                    kind: revisions::KIND,
                    namespace: Some(pod::namespace(&parts.metadata)),
                    name: parts.metadata.name.as_deref().unwrap_or_default(),
                };
                let effect = "its set is as if this revision had been forgotten";
                self.ctx.findings.add(object, &field, what, effect);
            }
        }
    }

    /// Takes usage that the recommender of vertical autoscalers has stored.
    fn add_checkpoint(&mut self, parts: &Parts) {
        match recommendations::checkpoint(parts) {
            Ok(checkpoint) => self.checkpoints.push(checkpoint),
            Err((field, what)) => {
                let object = ObjectName {
                    kind: recommendations::KIND,
                    namespace: Some(pod::namespace(&parts.metadata)),
                    name: parts.metadata.name.as_deref().unwrap_or_default(),
                };
                let effect =
                    "the recommender does not load it, and knows nothing of the usage before";
                self.ctx.findings.add(object, &field, what, effect);
            }
        }
    }

    /// Remembers where the fields stand of the object read last that others have to agree with.
    pub(in super::super) fn note_lines(&mut self, line_of: impl Fn(&str) -> u64) {
        // Told of most objects, of which few are workloads.
        if self
            .workloads
            .last()
            .is_none_or(|workload| !workload.places.is_empty())
        {
            return;
        }
        let place = self.place();
        let Some(workload) = self.workloads.last_mut() else {
            return;
        };
        let fields: &[&'static str] = match workload.object {
            Object::HorizontalPodAutoscaler(_) => &["spec.scaleTargetRef", "spec.metrics"],
            Object::VerticalPodAutoscaler(_) => &["spec.targetRef"],
            _ => &[],
        };
        let places = fields.iter().map(|&field| {
            let line = line_of(field);
            (field, format!("line {line}, {place}"))
        });
        workload.places = places.collect();
    }

    /// Gives workloads the priority of their class, and looks for quotas that are too small.
    pub(super) fn settle_workloads(&mut self) {
        let sets = std::mem::take(&mut self.job_sets);
        // What a workload that is several jobs has made is what it declares.
        self.workloads.retain(|own| {
            own.controller.as_ref().is_none_or(|set| {
                let namespace = own.object.namespace().to_string();
                let key = (set.kind.to_string(), namespace, set.name.to_string());
                // The workers of a leader have a set of their own, whose owner is the leader.
                let is_of_leader = &*set.kind == "Pod"
                    && matches!(own.object, Object::StatefulSet(_))
                    && sets.iter().any(|(kind, ..)| kind == "LeaderWorkerSet");
                !sets.contains(&key) && !is_of_leader
            })
        });
        let declared = self.workloads.len();
        for place in 0..declared + self.dependents.len() {
            let workload = match place.checked_sub(declared) {
                None => &mut self.workloads[place],
                Some(place) => &mut self.dependents[place],
            };
            let priority = workload.priority.clone();
            let found = match &priority {
                PodPriority::Stated => None,
                // The run gives it to each pod that it makes.
                PodPriority::Default if self.admission.is_of_run() => None,
                PodPriority::Default => self.admission.default_class(),
                PodPriority::Class(class) => self.admission.get(class),
            };
            if let Some(found) = found {
                workload.give_priority(found);
            } else if let PodPriority::Class(class) = priority {
                let object = workload.object.clone();
                self.note_class_of(&object, &class);
            }
        }
        for revision in &mut self.revisions {
            let found = match &revision.set.priority {
                PodPriority::Stated => None,
                PodPriority::Default => self.admission.default_class(),
                PodPriority::Class(class) => self.admission.get(class),
            };
            if let Some(found) = found {
                revision.set.give_priority(found);
            }
        }
        self.order_ingresses();
        self.note_small_quotas();
        self.note_missing_keys();
    }

    /// Notes variables whose config has other keys; one without any may get them in the cluster.
    fn note_missing_keys(&mut self) {
        for (owner, used) in std::mem::take(&mut self.ctx.key_uses) {
            let [kind, namespace, name] = &owner;
            let keys = self.configs.get(&(namespace.clone(), used.config.clone()));
            if keys.is_some_and(|keys| !keys.is_empty() && !keys.contains(&used.key)) {
                let KeyUse {
                    variable,
                    config,
                    key,
                } = &used;
                let object = ObjectName {
                    kind,
                    namespace: Some(namespace),
                    name,
                };
                let field = format!("env `{variable}`");
                let what = format!("ConfigMap `{config}` has no key `{key}` in these files");
                let effect = "its container would not start, and runs here as if it had";
                self.ctx.findings.add(object, &field, what, effect);
            }
        }
    }

    /// Puts ingresses in the order in which they came to be, where a dump says so: the oldest claim of
    /// a host and path wins, and lists of an API server go by names.
    fn order_ingresses(&mut self) {
        let is_ingress = |own: &DeclaredWorkload| matches!(own.object, Object::Ingress(_));
        let places = (0..self.workloads.len()).filter(|&place| is_ingress(&self.workloads[place]));
        let places: Vec<usize> = places.collect();
        let mut ordered: Vec<DeclaredWorkload> = self
            .workloads
            .extract_if(.., |own| is_ingress(own))
            .collect();
        ordered.sort_by_key(|own| own.reported.created.unwrap_or(i64::MAX));
        for (place, own) in places.into_iter().zip(ordered) {
            self.workloads.insert(place, own);
        }
    }

    /// Gives pods and templates what their runtime classes have.
    pub(super) fn settle_runtimes(&mut self) {
        let classes = std::mem::take(&mut self.admission.runtimes);
        for (index, class) in std::mem::take(&mut self.with_runtime) {
            let pod = &self.pods[index];
            let name = pod.name.clone();
            let mut spec = (*pod.spec).clone();
            let namespace = spec.namespace.clone();
            let object = ObjectName {
                kind: "Pod",
                namespace: Some(&namespace),
                name: &name,
            };
            runtime_class::settle(&class, &classes, object, &mut spec, &mut self.ctx);
            self.pods[index].spec = self.share_class(spec);
        }
        let own = self.workloads.iter_mut().chain(&mut self.dependents);
        let of_revisions = self.revisions.iter_mut().map(|revision| &mut revision.set);
        for workload in own.chain(of_revisions) {
            let Some(class) = workload.runtime.clone() else {
                continue;
            };
            let object = &workload.object;
            let (namespace, name) = (object.namespace().clone(), object.name().clone());
            let object = ObjectName {
                kind: "pods of",
                namespace: Some(&namespace),
                name: &name,
            };
            if let Some(template) = workload.object.template_mut() {
                runtime_class::settle(&class, &classes, object, template, &mut self.ctx);
            }
        }
        self.admission.runtimes = classes;
    }

    fn note_unread_workload(&mut self, parts: &Parts, problem: &str) {
        let spec = parts.late_spec.as_ref();
        let template = spec.and_then(|spec| spec.get("template")?.get("spec"));
        let kind = parts.kind.as_deref().unwrap_or_default();
        let has_pods = !WITHOUT_PODS.contains(&kind);
        let (field, what) = if has_pods && template.is_none_or(serde_json::Value::is_null) {
            ("spec.template", "the file holds no template of its pods")
        } else {
            // What differs between objects of one fault would tell it once for each of them.
            let (field, what) = problem.split_once(": ").unwrap_or(("spec", problem));
            (field, what.split([':', ',', ';']).next().unwrap_or(what))
        };
        let metadata = &parts.metadata;
        let object = ObjectName {
            kind,
            namespace: metadata.namespace.as_deref(),
            name: metadata.name.as_deref().unwrap_or_default(),
        };
        self.ctx.findings.add(
            object,
            &field,
            what,
            if has_pods {
                "no controller acts on it: its pods stay as they are"
            } else {
                "no controller acts on it"
            },
        );
    }

    fn note_small_quotas(&mut self) {
        let has_default = self.admission.default_class().is_some();
        for (quota, field, what) in small_quotas(&self.workloads, has_default) {
            let object = ObjectName {
                kind: "ResourceQuota",
                namespace: Some(&quota.namespace),
                name: &quota.name,
            };
            let instead = "pods beyond it are rejected and retried";
            self.ctx.findings.add(object, &field, what, instead);
        }
    }

    fn note_class_of(&mut self, object: &Object, class: &str) {
        let name = ObjectName {
            kind: object.kind(),
            namespace: Some(object.namespace()),
            name: object.name(),
        };
        self.ctx.findings.add(
            name,
            &"spec.template.spec.priorityClassName",
            format!("there is no priority class `{class}` in these files"),
            "its pods are rejected until one exists",
        );
    }

    pub(super) fn give_priority(
        &mut self,
        index: usize,
        class: PriorityClass,
        states_policy: bool,
    ) {
        let prioritized = |spec: &PodSpec| PodSpec {
            priority: class.value,
            preempts: if states_policy {
                spec.preempts
            } else {
                class.preempts
            },
            ..spec.clone()
        };
        let pod = &self.pods[index];
        let spec = prioritized(&pod.spec);
        let accounted = pod.accounted.as_deref().map(prioritized);
        self.pods[index].accounted = accounted.map(|spec| self.share_class(spec));
        self.pods[index].spec = self.share_class(spec);
    }

    /// Leaves the priority of a submitted pod to the run that makes it.
    pub(super) fn leave_priority(&mut self, index: usize, class: Option<&str>) {
        match class {
            Some(class) if self.admission.get(class).is_none() => {
                self.note_unknown_class(index, class, "the pod is refused unless one exists then");
            }
            // A pod that may get one is told from pods of traces, which have their own.
            None if self.admission.default_class().is_some() => {
                let mut spec = (*self.pods[index].spec).clone();
                spec.behaviour.get_or_insert_default();
                self.pods[index].spec = self.share_class(spec);
            }
            _ => {}
        }
    }

    pub(super) fn note_unknown_class(&mut self, index: usize, class: &str, effect: &'static str) {
        let pod = &self.pods[index];
        let object = ObjectName {
            kind: "Pod",
            namespace: Some(&pod.spec.namespace),
            name: &pod.name,
        };
        let path = Path::root("spec");
        self.ctx.findings.add(
            object,
            &path.field("priorityClassName"),
            format!("there is no priority class `{class}`, and no `priority` is stated"),
            effect,
        );
    }
}

/// Kinds of objects that make no pods.
const WITHOUT_PODS: [&str; 7] = [
    "HorizontalPodAutoscaler",
    "Ingress",
    "LimitRange",
    "PodDisruptionBudget",
    "ResourceQuota",
    "Route",
    "VerticalPodAutoscaler",
];

/// Whether the controller of another workload made one: it is no declaration of a user.
fn is_dependent(workload: &DeclaredWorkload) -> bool {
    let owner = workload.controller.as_ref().map(|owner| &*owner.kind);
    matches!(
        (&workload.object, owner),
        (Object::ReplicaSet(_), Some("Deployment")) | (Object::Job(_), Some("CronJob"))
    )
}

/// Whether the controller of another kind of workload makes a workload.
fn is_made(workload: &DeclaredWorkload) -> bool {
    let owner = workload.controller.as_ref();
    owner.is_some_and(|owner| Object::KINDS.contains(&&*owner.kind))
}

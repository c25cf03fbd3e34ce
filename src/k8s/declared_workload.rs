//! Workloads as a file declares them, and what is known of them at the end of all files.

use std::sync::Arc;

use super::admission::PriorityClass;
use super::reported_status::ReportedStatus;
use model::workload::{Job, ResourceQuota};
use model::{Object, Owner, PodSpec, ResourceList, TemplatePriority, Text};

/// Source of the pods' priority.
#[derive(Clone, Debug)]
pub(super) enum PodPriority {
    /// They state it.
    Stated,
    /// The class of pods that name none.
    Default,
    /// The class that they name.
    Class(String),
}

/// A workload of a file.
#[derive(Clone, Debug)]
pub struct DeclaredWorkload {
    /// The object.
    pub object: Object,
    /// The object that controls it.
    pub controller: Option<Owner>,
    /// State that the file reports of it.
    pub reported: ReportedStatus,
    /// Source of the pods' priority.
    pub(super) priority: PodPriority,
    /// `true` if the workload's pods state a preemption policy.
    pub(super) states_policy: bool,
    /// Runtime class that its pods name.
    pub(super) runtime: Option<String>,
    /// The template of its pods as it is written ([`super::written_template`]), where pods are replaced
    /// when it changes.
    pub written: Option<Text>,
    /// Places in the file of the fields that other objects have to agree with.
    pub(super) places: Vec<(&'static str, String)>,
}

impl DeclaredWorkload {
    /// A job that is made for pods of the file.
    pub(super) fn made(job: Job) -> Self {
        Self {
            object: Object::Job(Arc::new(job)),
            controller: None,
            reported: ReportedStatus::default(),
            priority: PodPriority::Stated,
            states_policy: false,
            runtime: None,
            written: None,
            places: Vec::new(),
        }
    }

    /// Place of a field in the file, or of the one around it, as `line 3, document 2`; known of
    /// fields that other objects have to agree with.
    pub fn place(&self, field: &str) -> Option<&str> {
        let mut places = self.places.iter();
        let found = places.find(|(known, _)| field.starts_with(known));
        found.map(|(_, place)| place.as_str())
    }

    /// Gives its pods the priority of a class.
    pub(super) fn give_priority(&mut self, class: PriorityClass) {
        let Some(template) = self.object.template_mut() else {
            return;
        };
        template.priority = class.value;
        if !self.states_policy {
            template.preempts = class.preempts;
        }
    }

    /// Template of the pods and the number wanted, if the workload states it.
    fn wanted(&self) -> Option<(&PodSpec, i32)> {
        let replicas = match &self.object {
            Object::Deployment(object) => object.replicas,
            Object::ReplicaSet(object) | Object::ReplicationController(object) => object.replicas,
            Object::StatefulSet(object) => object.replicas,
            _ => return None,
        };
        Some((self.object.template()?, replicas))
    }
}

/// Whether a template says what priority its pods have.
fn states_class(spec: &PodSpec) -> bool {
    let stated = spec.behaviour.as_ref().map(|own| &own.priority);
    !matches!(stated, None | Some(TemplatePriority::Unstated))
}

/// Quotas that the workloads of their files go beyond, each with the field and what is to be said.
/// Pods that may get a class by default are not counted by quotas that ask for classes.
pub(super) fn small_quotas(
    workloads: &[DeclaredWorkload],
    has_default_class: bool,
) -> Vec<(Arc<ResourceQuota>, String, String)> {
    let mut small = Vec::new();
    for workload in workloads {
        let Object::ResourceQuota(quota) = &workload.object else {
            continue;
        };
        let mut wanted = ResourceList::default();
        for other in workloads {
            if other.object.namespace() == &quota.namespace {
                let own = quota.object_usage(other.object.kind());
                // So many objects there are not that their number goes beyond all amounts.
                let _ = wanted.add(&own);
            }
            let counted = other.wanted().and_then(|(spec, replicas)| {
                let is_classed =
                    has_default_class && quota.asks_for_classes() && !states_class(spec);
                let own = spec.namespace == quota.namespace && quota.takes(spec) && !is_classed;
                let usage = quota.usage(spec, false).ok().filter(|_| own)?;
                Some((usage, replicas))
            });
            let Some((usage, replicas)) = counted else {
                continue;
            };
            for (name, amount) in usage.iter() {
                // An amount beyond all amounts is beyond every quota, too.
                let more = amount.checked_mul(i64::from(replicas));
                let sum = more.and_then(|more| wanted.get(name).checked_add(more));
                wanted.set(name, sum.unwrap_or(wanted.get(name)));
            }
        }
        for (name, most) in quota.hard.iter() {
            let all = wanted.get(name);
            if all > most {
                let what =
                    format!("the workloads in its files request {all}, the quota allows {most}");
                small.push((quota.clone(), format!("spec.hard[{name}]"), what));
            }
        }
    }
    small
}

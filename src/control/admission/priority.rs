//! Priorities of new pods: those of their class as it is when they are made; a class that is not
//! there makes no pods. Pods that are there keep theirs (spec: kubernetes.md 2.10).

use std::sync::Arc;

use cluster::{Conflict, Store};
use model::priority_class::{PriorityClass, TemplatePriority};
use model::{Object, PodSpec, Text};

/// Applies the priority classes to a pod; `None` if they change nothing.
///
/// # Errors
/// There is no such class.
pub(super) fn prioritized(
    store: &Store,
    spec: &Arc<PodSpec>,
) -> Result<Option<Arc<PodSpec>>, Conflict> {
    let stated = spec.behaviour.as_ref().map(|own| &own.priority);
    let (value, preempts, named) = match stated {
        Some(TemplatePriority::Stated) => return Ok(None),
        Some(TemplatePriority::Class { name, keeps_policy }) => {
            let (value, preempts) = class(store, name).ok_or_else(|| {
                Conflict::Forbidden(format!("no PriorityClass with name {name} was found"))
            })?;
            let keeps = *keeps_policy;
            (value, if keeps { spec.preempts } else { preempts }, None)
        }
        None | Some(TemplatePriority::Unstated) => match default_class(store) {
            Some(class) => (class.value, class.preempts, Some(class.name.clone())),
            // No lookup needed: a pod without a class keeps what it had.
            None => return Ok(None),
        },
    };
    let is_new = (spec.priority, spec.preempts) != (value, preempts);
    if !is_new && named.is_none() {
        return Ok(None);
    }
    let mut behaviour = spec.behaviour.clone();
    if let Some(name) = named {
        // From now on it is as if it had named the class.
        let own = behaviour.get_or_insert_default();
        Arc::make_mut(own).priority = TemplatePriority::Class {
            name,
            keeps_policy: false,
        };
    }
    Ok(Some(Arc::new(PodSpec {
        priority: value,
        preempts,
        behaviour,
        ..(**spec).clone()
    })))
}

/// The priority of a class, and whether its pods preempt.
fn class(store: &Store, name: &Text) -> Option<(i32, bool)> {
    let built_in = PriorityClass::ALWAYS
        .iter()
        .find(|(own, _)| **own == **name);
    if let Some(&(_, value)) = built_in {
        return Some((value, true));
    }
    let objects = store.objects();
    let id = objects.find("PriorityClass", &Text::default(), name)?;
    match &objects.get(id)?.object {
        Object::PriorityClass(class) => Some((class.value, class.preempts)),
        _ => None,
    }
}

/// The class of pods that name none; of several that of the lowest value.
fn default_class(store: &Store) -> Option<&PriorityClass> {
    let nowhere = Text::default();
    let objects = store.objects().of_kind("PriorityClass", &nowhere);
    let classes = objects.filter_map(|(_, row)| match &row.object {
        Object::PriorityClass(class) if class.is_default => Some(&**class),
        _ => None,
    });
    classes.min_by_key(|class| (class.value, class.name.clone()))
}

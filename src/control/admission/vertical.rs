//! Admission: what a new pod of a vertically scaled workload is given (spec: kubernetes.md 3.2).

use std::sync::Arc;

use cluster::Store;
use model::resource_list::{CPU, MEMORY};
use model::usage::Scale;
use model::workload::vertical::{ContainerPolicy, UpdateMode, VerticalPodAutoscaler};
use model::{Object, PodSpec, ResourceUsage};
use units::{ObjectId, Quantity};

use super::size_bounds::{SizeBounds, bounded, proportional, stated};

/// A container's request and limit of one resource; `None` states none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestLimit {
    /// The request.
    pub request: Option<i64>,
    /// The limit.
    pub limit: Option<i64>,
}

/// A container's cpu (milli-cores) and memory (bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerResources {
    /// Cpu.
    pub cpu: RequestLimit,
    /// Memory.
    pub memory: RequestLimit,
}

/// Resources that a container is given: the target as its request, and limits in the same
/// proportion to requests as stated, unless the policy leaves limits alone.
pub fn admit(
    stated: ContainerResources,
    target: ResourceUsage,
    policy: &ContainerPolicy,
) -> ContainerResources {
    if policy.is_off {
        return stated;
    }
    let give = |own: RequestLimit, target: i64| RequestLimit {
        request: Some(target),
        limit: if policy.requests_only {
            own.limit
        } else {
            own.limit
                .map(|limit| proportional(own.request, limit, target))
        },
    };
    ContainerResources {
        cpu: give(stated.cpu, target.cpu_milli),
        memory: give(stated.memory, target.memory_bytes),
    }
}

/// A pod of an owner as a vertical autoscaler would have it created; `None` if none has anything to
/// say of it.
pub(super) fn sized(store: &Store, owner: ObjectId, spec: &Arc<PodSpec>) -> Option<Arc<PodSpec>> {
    let objects = store.objects();
    let mut all = objects
        .of_kind("VerticalPodAutoscaler", &spec.namespace)
        .peekable();
    all.peek()?;
    let own = objects.get(owner)?;
    let above = own.owner.and_then(|above| objects.get(above));
    let vertical = all.find_map(|(_, row)| match &row.object {
        Object::VerticalPodAutoscaler(vertical) => {
            let names = |object: &Object| {
                *vertical.target.kind == *object.kind() && vertical.target.name == *object.name()
            };
            let is_ours = names(&own.object) || above.is_some_and(|above| names(&above.object));
            is_ours.then_some(vertical)
        }
        _ => None,
    })?;
    if vertical.mode == UpdateMode::Off {
        return None;
    }
    let bounds = SizeBounds::of(store, &spec.namespace);
    sized_by(vertical, spec, bounds.as_ref())
}

/// A pod as a vertical autoscaler would have it; `None` if it has nothing to say of it.
pub fn sized_by(
    vertical: &VerticalPodAutoscaler,
    spec: &PodSpec,
    bounds: Option<&SizeBounds>,
) -> Option<Arc<PodSpec>> {
    if vertical.recommended.is_empty() {
        return None;
    }
    let recommended = bounded(vertical, spec, bounds);
    let mut sized = spec.clone();
    for container in &mut sized.containers {
        let Some(own) = recommended.get(&container.name) else {
            continue;
        };
        let policy = vertical.policy(&container.name);
        let both = |scale: Scale, name: &str| RequestLimit {
            request: stated(&container.requests, scale, name),
            limit: stated(&container.limits, scale, name),
        };
        let known = ContainerResources {
            cpu: both(Scale::Cpu, CPU),
            memory: both(Scale::Memory, MEMORY),
        };
        let given = admit(known, own.target, &policy);
        let amounts = [
            (CPU, given.cpu, own.target.cpu_milli),
            (MEMORY, given.memory, own.target.memory_bytes),
        ];
        for (name, given, target) in amounts {
            if target == 0 {
                continue;
            }
            let amount = |own: i64| match name {
                CPU => Quantity::from_milli(own),
                _ => Quantity::from_units(own),
            };
            if let Some(request) = given.request {
                container.requests.set(name, amount(request));
            }
            if let Some(limit) = given.limit {
                container.limits.set(name, amount(limit));
            }
        }
    }
    (sized != *spec).then(|| Arc::new(sized))
}

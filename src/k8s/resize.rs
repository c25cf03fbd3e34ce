//! Pods whose resources are being changed in place: their node accounts for the largest of what
//! the spec asks for, what is allocated and what is in force (spec: kubernetes.md 1.6).

use super::field::{Path, Problem, Texts};
use super::raw;
use model::{Container, PodSpec, ResourceList};

/// The spec as the pod's node accounts for it; `None` where it is the spec itself.
pub(super) fn accounted(
    spec: &PodSpec,
    status: &raw::PodStatus,
    texts: &mut Texts,
) -> Result<Option<PodSpec>, Problem> {
    let is_infeasible = status.conditions.iter().any(|condition| {
        condition.kind == "PodResizePending"
            && condition.status == "True"
            && condition.reason == "Infeasible"
    });
    let path = Path::root("status");
    let mut changed: Option<PodSpec> = None;
    for (list, field) in [
        (&status.container_statuses, "containerStatuses"),
        (&status.init_container_statuses, "initContainerStatuses"),
    ] {
        let is_init = field == "initContainerStatuses";
        let path = path.field(field);
        for (index, own) in list.iter().enumerate() {
            let Some(resources) = &own.resources else {
                continue;
            };
            let path = path.index(index);
            let in_force = texts.amounts(&resources.requests, &path.field("resources"))?;
            let path = path.field("allocatedResources");
            let allocated = texts.amounts(&own.allocated_resources, &path)?;
            let mut requests = in_force;
            requests.raise_to(&allocated);
            let known = find(spec, &own.name, is_init);
            let Some((position, container)) = known else {
                continue;
            };
            if !is_infeasible {
                requests.raise_to(&container.requests);
            }
            if requests != container.requests {
                let copy = changed.get_or_insert_with(|| spec.clone());
                set(copy, position, is_init, requests);
            }
        }
    }
    Ok(changed)
}

/// A container whose status counts: of init containers only those that keep running.
fn find<'s>(spec: &'s PodSpec, name: &str, is_init: bool) -> Option<(usize, &'s Container)> {
    let list = if is_init {
        &spec.init_containers
    } else {
        &spec.containers
    };
    let mut containers = list.iter().enumerate();
    containers.find(|(_, own)| *own.name == *name && (!is_init || own.restartable))
}

fn set(spec: &mut PodSpec, position: usize, is_init: bool, requests: ResourceList) {
    let list = if is_init {
        &mut spec.init_containers
    } else {
        &mut spec.containers
    };
    list[position].requests = requests;
}

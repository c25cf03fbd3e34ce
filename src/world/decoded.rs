//! Objects as the API server and the nodes of a release heed them: fields that it drops or ignores
//! count nowhere (spec: kubernetes-releases.md, table C).

use std::sync::Arc;

use manifest::Manifests;
use model::{Change, Changes, PodSpec, ResourceList};
use units::plural;

/// Takes out of manifests what a release with these switches does not heed; what that was, in words.
pub(super) fn drop_unheeded(manifests: &mut Manifests, changes: Changes) -> Vec<String> {
    let mut words = Vec::new();
    if !changes.has(Change::PodLevelResources) {
        let pods = manifests.pods.iter_mut();
        let dropped = pods.filter_map(|pod| drop_requests(&mut pod.spec)).count();
        let templates = { manifests.workloads.iter_mut() }
            .filter_map(|workload| drop_requests(workload.object.template_mut()?))
            .count();
        if dropped + templates > 0 {
            words.push(format!(
                "`spec.resources` of {} and {} is ignored: the release does not heed it",
                plural::count(dropped, "pod"),
                plural::count(templates, "template"),
            ));
        }
    }
    if !changes.has(Change::InPlaceResize) {
        for pod in &mut manifests.pods {
            pod.accounted = None;
        }
    }
    words
}

/// Drops the requests that a spec states as a whole; `None` if it states none.
fn drop_requests(spec: &mut Arc<PodSpec>) -> Option<()> {
    if spec.pod_requests.is_empty() {
        return None;
    }
    Arc::make_mut(spec).pod_requests = ResourceList::default();
    Some(())
}

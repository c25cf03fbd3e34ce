//! Objects as the API server and the nodes of a release heed them: fields that it drops or ignores
//! count nowhere (spec: kubernetes-releases.md, table C).

use std::sync::Arc;

use k8s::Manifests;
use model::{Change, Changes, PodSpec, ResourceList};
use units::plural;

/// Takes out of manifests what a release with these switches does not heed; what that was, in words.
pub(super) fn drop_unheeded(manifests: &mut Manifests, changes: Changes) -> Vec<String> {
    let mut words = Vec::new();
    if !changes.has(Change::PodLevelResources) {
        let pods = manifests.pods.iter_mut();
        let stated = pods.filter(|pod| !pod.spec.pod_requests.is_empty());
        // Pods of one class stay of one class.
        let mut last: Option<SpecPair> = None;
        let mut pods = 0;
        for pod in stated {
            let known = last.filter(|pair| Arc::ptr_eq(&pair.stated, &pod.spec));
            let pair = known.unwrap_or_else(|| SpecPair {
                stated: pod.spec.clone(),
                heeded: Arc::new(without_requests(&pod.spec)),
            });
            pod.spec = pair.heeded.clone();
            last = Some(pair);
            pods += 1;
        }
        let mut templates = 0;
        for workload in &mut manifests.workloads {
            let states = |spec: &PodSpec| !spec.pod_requests.is_empty();
            if workload.object.template().is_some_and(states)
                && let Some(template) = workload.object.template_mut()
            {
                *template = without_requests(template);
                templates += 1;
            }
        }
        if pods + templates > 0 {
            words.push(format!(
                "`spec.resources` of {} and {} is ignored: the release does not heed it",
                plural::count(pods, "pod"),
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

/// Spec of a pod with and without the requests that it states as a whole.
struct SpecPair {
    stated: Arc<PodSpec>,
    heeded: Arc<PodSpec>,
}

fn without_requests(spec: &PodSpec) -> PodSpec {
    PodSpec {
        pod_requests: ResourceList::default(),
        ..spec.clone()
    }
}

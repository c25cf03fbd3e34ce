//! Parts that a run leaves out of files that only `cluster.nodes` names: it takes their nodes.

use k8s::Manifests;
use units::{SortedMap, plural};

/// Kinds of which a run takes what it needs from any file.
const TAKEN: [&str; 2] = ["Namespace", "PriorityClass"];

/// Takes pods and workloads out of a file of which only the nodes count; the line that says so, and how to
/// have them.
pub(super) fn of_file(file: &str, manifests: &mut Manifests) -> Option<String> {
    let living = |pod: &&k8s::ManifestPod| !pod.phase.is_final();
    let pods = manifests.pods.iter().filter(living).count();
    let mut kinds: SortedMap<&str, usize> = SortedMap::new();
    for own in manifests.workloads.iter().chain(&manifests.dependents) {
        *kinds.entry(own.object.kind()).or_default() += 1;
    }
    for (kind, own) in &manifests.unread_workloads {
        *kinds.entry(kind).or_default() += usize::try_from(own.objects).unwrap_or(usize::MAX);
    }
    let objects = kinds.into_iter().filter(|(kind, _)| !TAKEN.contains(kind));
    let objects = objects.map(|(kind, count)| format!("{count} {kind}"));
    let pods = (pods > 0).then(|| plural::count(pods, "pod"));
    let left: Vec<String> = pods.into_iter().chain(objects).collect();
    manifests.pods.clear();
    manifests.workloads.clear();
    manifests.dependents.clear();
    manifests.unread_workloads.clear();
    (!left.is_empty()).then(|| {
        format!(
            "{file}: only `cluster.nodes` names it, which takes its nodes: left out are {}; to have them, name \
             the file under `workload` as well: `workload: [{{manifests: {file}}}]`",
            left.join(", ")
        )
    })
}

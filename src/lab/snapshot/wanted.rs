//! Pods that workloads of a dump want and that are not in it: a plan places what is there, and says
//! what is not.

use super::Gathered;
use k8s::ManifestPod;
use model::{LabelSelector, Object, Text};
use units::{SortedMap, plural};

/// Number of workloads that a remark names.
const NAMED: usize = 3;

/// Workload with the number of pods that it wants.
struct Wanting<'o> {
    kind: &'static str,
    namespace: &'o Text,
    name: &'o Text,
    selector: &'o LabelSelector,
    replicas: u64,
}

impl<'o> Wanting<'o> {
    fn of(object: &'o Object) -> Option<Self> {
        let (selector, replicas) = match object {
            Object::Deployment(own) => (&own.selector, own.replicas),
            Object::ReplicaSet(own) => (&own.selector, own.replicas),
            Object::StatefulSet(own) => (&own.selector, own.replicas),
            _ => return None,
        };
        Some(Self {
            kind: object.kind(),
            namespace: object.namespace(),
            name: object.name(),
            selector,
            replicas: u64::try_from(replicas).unwrap_or(0),
        })
    }
}

/// Remark on the pods that workloads want and that are not there; `None` if all are.
pub(super) fn lacking(gathered: &Gathered) -> Option<String> {
    let living = |pod: &&ManifestPod| !pod.phase.is_final();
    let mut by_controller: SortedMap<(&Text, &str, &str), u64> = SortedMap::new();
    for pod in gathered.pods.iter().filter(living) {
        let Some(controller) = &pod.controller else {
            continue;
        };
        // Replica sets have the name of their Deployment, and a hash of the template.
        let (kind, name) = match controller.name.rsplit_once('-') {
            Some((deployment, _)) if *controller.kind == *"ReplicaSet" => {
                ("Deployment", deployment)
            }
            _ => (&*controller.kind, &*controller.name),
        };
        let known = by_controller.entry((pod.namespace(), kind, name));
        *known.or_default() += 1;
    }
    let (mut all, mut names, mut workloads) = (0, Vec::new(), 0);
    for own in gathered.workloads.iter().filter_map(Wanting::of) {
        let known = by_controller.get(&(own.namespace, own.kind, &**own.name));
        if known.is_some_and(|&known| known >= own.replicas) {
            continue;
        }
        // Its pods may have owners of other names, or none.
        let pods = gathered.pods.iter().filter(living);
        let found = pods.filter(|pod| {
            pod.namespace() == own.namespace && own.selector.matches(&pod.spec.labels)
        });
        let missing = own.replicas.saturating_sub(found.count() as u64);
        if missing == 0 {
            continue;
        }
        (all, workloads) = (all + missing, workloads + 1);
        if names.len() < NAMED {
            names.push(format!(
                "{missing} of {} `{}/{}`",
                own.kind, own.namespace, own.name
            ));
        }
    }
    let more = match workloads - names.len() {
        0 => String::new(),
        more => format!(" and those of {}", plural::count(more, "more workload")),
    };
    (all > 0).then(|| {
        format!(
            "workloads want {} that {} not there and {} not count: {}{more}; only pods of the files \
             are placed, none that controllers would make",
            plural::count(all, "pod"),
            plural::either(all, "is", "are"),
            plural::either(all, "does", "do"),
            names.join(", ")
        )
    })
}

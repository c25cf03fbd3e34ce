//! Pods that workloads of a dump want and that are not in it: a plan places what is there, and says
//! what is not.

use super::Gathered;
use super::shape::template_pod;
use k8s::ManifestPod;
use model::{LabelSelector, Object, Owner, Text};
use units::{SortedMap, plural};

/// Number of workloads that a remark names.
const NAMED: usize = 3;

/// Selector of a workload's pods, and the number that it wants.
fn wanted(object: &Object) -> Option<(&LabelSelector, u64)> {
    let (selector, replicas) = match object {
        Object::Deployment(own) => (&own.selector, own.replicas),
        Object::ReplicaSet(own) => (&own.selector, own.replicas),
        Object::StatefulSet(own) => (&own.selector, own.replicas),
        _ => return None,
    };
    Some((selector, u64::try_from(replicas).unwrap_or(0)))
}

/// Takes in the pods that workloads want and that are not there: they are made, to look for nodes with the others,
/// or told in a remark. A set whose pods have claims of their own is told in any case.
pub(super) fn take_lacking(gathered: &mut Gathered, makes: bool) {
    let (made, left): (Vec<Lack<'_>>, Vec<Lack<'_>>) = { lacking(gathered).into_iter() }
        .partition(|(object, _)| makes && !matches!(object, Object::StatefulSet(_)));
    let mut pods = Vec::new();
    for (object, missing) in &made {
        let owner = Owner {
            kind: object.kind().into(),
            name: object.name().clone(),
        };
        for number in 1..=*missing {
            pods.extend(template_pod(object).map(|pod| ManifestPod {
                name: format!("{}-new-{number}", owner.name).into(),
                controller: Some(owner.clone()),
                ..pod
            }));
        }
    }
    let made = remark(&made, |_| "look for nodes with the others");
    let left = remark(&left, |all| {
        plural::either(all, "does not count", "do not count")
    });
    gathered.findings.extend(made);
    gathered.findings.extend(
        left.map(|own| {
            own + "; only pods of the files are placed, none that controllers would make"
        }),
    );
    gathered.pods.extend(pods);
}

/// A workload with the number of pods that it lacks.
type Lack<'o> = (&'o Object, u64);

/// The workloads that want pods which are not there.
fn lacking(gathered: &Gathered) -> Vec<Lack<'_>> {
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
    let mut lacking = Vec::new();
    for object in &gathered.workloads {
        let Some((selector, replicas)) = wanted(object) else {
            continue;
        };
        let name: &str = object.name();
        let known = by_controller.get(&(object.namespace(), object.kind(), name));
        if known.is_some_and(|&known| known >= replicas) {
            continue;
        }
        // Its pods may have owners of other names, or none.
        let pods = gathered.pods.iter().filter(living);
        let found = pods.filter(|pod| {
            pod.namespace() == object.namespace() && selector.matches(&pod.spec.labels)
        });
        let missing = replicas.saturating_sub(found.count() as u64);
        if missing > 0 {
            lacking.push((object, missing));
        }
    }
    lacking
}

/// Remark on pods that are not there; `None` if there are none.
fn remark(lacking: &[Lack<'_>], fate: impl Fn(u64) -> &'static str) -> Option<String> {
    let all: u64 = lacking.iter().map(|own| own.1).sum();
    let names = lacking.iter().take(NAMED).map(|(own, missing)| {
        let (kind, namespace, name) = (own.kind(), own.namespace(), own.name());
        format!("{missing} of {kind} `{namespace}/{name}`")
    });
    let names: Vec<String> = names.collect();
    let more = match lacking.len() - names.len() {
        0 => String::new(),
        more => format!(" and those of {}", plural::count(more, "more workload")),
    };
    (all > 0).then(|| {
        format!(
            "workloads want {} that {} not there and {}: {}{more}",
            plural::count(all, "pod"),
            plural::either(all, "is", "are"),
            fate(all),
            names.join(", ")
        )
    })
}

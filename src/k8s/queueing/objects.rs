//! Objects of Kueue among the manifests of a cluster.

use serde_json::{Value, json};

use super::super::cluster_scoped;
use super::super::field::{Path, Problem};
use super::super::kinds::KUEUE_CONFIGURATION;
use super::super::parts::Parts;
use super::super::raw::OwnerReference;
use super::super::workloads;
use super::{admission_checks, raw, stop};
use model::Text;
use model::queueing::{Cohort, FairStrategy, LocalQueue, QueueingObjects, ResourceGroup};

/// Adds an object of a kind; whether it is one of Kueue's.
pub(in super::super) fn add(
    kind: &str,
    parts: &Parts,
    objects: &mut QueueingObjects,
) -> Result<bool, Problem> {
    let value = whole(parts);
    match kind {
        "ResourceFlavor" => {
            let flavor = super::read_flavor(&value)?;
            once(
                objects.flavors.iter().map(|flavor| &flavor.name),
                &flavor.name,
            )?;
            objects.flavors.push(flavor);
        }
        "Topology" => {
            let topology = super::read_topology(&value)?;
            once(
                objects.topologies.iter().map(|topology| &topology.name),
                &topology.name,
            )?;
            objects.topologies.push(topology);
        }
        "Cohort" => {
            let cohort = super::read_cohort(&value)?;
            once(
                objects.cohorts.iter().map(|cohort| &cohort.name),
                &cohort.name,
            )?;
            check_limits(&cohort.groups, cohort.parent.is_some(), "parent cohort")?;
            objects.cohorts.push(cohort);
            check_cycle(&objects.cohorts)?;
        }
        "ClusterQueue" => {
            let queue = super::read_cluster_queue(&value)?;
            once(objects.queues.iter().map(|queue| &queue.name), &queue.name)?;
            check_limits(&queue.groups, queue.cohort.is_some(), "cohort")?;
            objects.queues.push(queue);
        }
        "LocalQueue" => {
            let queue = local_queue(&value)?;
            let own = objects.local_queues.iter();
            let own = own.filter(|own| own.namespace == queue.namespace);
            once(own.map(|own| &own.name), &queue.name)?;
            objects.local_queues.push(queue);
        }
        "WorkloadPriorityClass" => {
            let (value, _) = cluster_scoped::class(parts)?;
            let name = parts.metadata.name.clone().unwrap_or_default();
            objects.priorities.insert(name.into(), value);
        }
        "Workload" => {
            let mut workload = super::workload::read_workload(&value)?;
            for owner in &parts.metadata.owner_references {
                workload.name = name_by_owner(workload.name, owner);
            }
            objects.workloads.push(workload);
        }
        "AdmissionCheck" => {
            let check = admission_checks::check(parts)?;
            once(objects.checks.iter().map(|check| &check.name), &check.name)?;
            objects.checks.push(check);
        }
        KUEUE_CONFIGURATION => {
            objects.fair_sharing = fair_sharing(parts)?;
            objects.draws_equal_shares = admission_checks::draws_equal_shares(parts)?;
            objects.wait_for_pods_ready = admission_checks::wait_for_pods_ready(parts)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// An object in the form in which the API has it, as far as it is read.
fn whole(parts: &Parts) -> Value {
    let metadata = &parts.metadata;
    json!({
        "metadata": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "creationTimestamp": metadata.creation_timestamp,
        },
        "spec": parts.late_spec,
        "status": parts.late_status,
    })
}

/// Name of a workload that `owner` has, where a kind names it; otherwise `known`.
fn name_by_owner(known: Text, owner: &OwnerReference) -> Text {
    match owner.kind.as_str() {
        // Each group has one, whose number and hash follow the owner's name.
        "LeaderWorkerSet" => match known.rsplit_once('-') {
            Some((name, _)) => name.into(),
            None => known,
        },
        kind if kind == "Job" || workloads::is_several(kind) => {
            model::queueing::workload_of(&kind.to_ascii_lowercase(), &owner.name)
        }
        _ => known,
    }
}

/// Refuses an object whose name another has.
fn once<'a>(mut names: impl Iterator<Item = &'a Text>, name: &Text) -> Result<(), Problem> {
    if names.any(|known| known == name) {
        let path = Path::root("metadata");
        return Err(path.field("name").problem("a unique name", name));
    }
    Ok(())
}

/// Refuses limits of what is borrowed or lent where there is nothing to borrow from or to lend to.
fn check_limits(groups: &[ResourceGroup], has_parent: bool, parent: &str) -> Result<(), Problem> {
    let path = Path::root("spec");
    let groups_path = path.field("resourceGroups");
    for (index, group) in groups.iter().enumerate() {
        let path = groups_path.index(index);
        let flavors = path.field("flavors");
        for (index, flavor) in group.flavors.iter().enumerate() {
            let path = flavors.index(index);
            let resources = path.field("resources");
            for (index, quota) in flavor.resources.iter().enumerate() {
                let path = resources.index(index);
                let limits = [
                    ("borrowingLimit", quota.borrowing_limit),
                    ("lendingLimit", quota.lending_limit),
                ];
                for (field, limit) in limits {
                    let path = path.field(field);
                    if let Some(limit) = limit.filter(|_| !has_parent) {
                        let expected = format!("no limit, as there is no {parent}");
                        return Err(path.problem(&expected, limit));
                    }
                    if let Some(limit) =
                        limit.filter(|own| field == "lendingLimit" && *own > quota.nominal)
                    {
                        let expected = format!("at most the nominal quota {}", quota.nominal);
                        return Err(path.problem(&expected, limit));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Refuses the last cohort if it is above itself.
fn check_cycle(cohorts: &[Cohort]) -> Result<(), Problem> {
    let Some(last) = cohorts.last() else {
        return Ok(());
    };
    let parent = |name: &Text| {
        let own = cohorts.iter().find(|cohort| cohort.name == *name);
        own.and_then(|own| own.parent.clone())
    };
    let above = std::iter::successors(parent(&last.name), parent);
    let chain: Vec<Text> = above.take(cohorts.len()).collect();
    let Some(length) = chain.iter().position(|own| *own == last.name) else {
        return Ok(());
    };
    let names = std::iter::once(&last.name).chain(&chain[..=length]);
    let names: Vec<&str> = names.map(|own| &**own).collect();
    let path = Path::root("spec");
    let expected = "a cohort that is not below this one";
    Err(path
        .field("parentName")
        .problem(expected, names.join(" -> ")))
}

fn local_queue(value: &Value) -> Result<LocalQueue, Problem> {
    let raw: raw::Object<raw::LocalQueue> = super::object(value)?;
    let path = Path::root("spec");
    let target = super::optional(raw.spec.cluster_queue.clone());
    let target_path = path.field("clusterQueue");
    Ok(LocalQueue {
        namespace: raw.namespace(),
        name: raw.name()?,
        cluster_queue: target.ok_or_else(|| target_path.missing("a queue of the cluster"))?,
        stop: stop(raw.spec.stop_policy.as_deref(), &path)?,
    })
}

/// The rules of fair sharing that Kueue's configuration states.
fn fair_sharing(parts: &Parts) -> Result<Option<Vec<FairStrategy>>, Problem> {
    let Some(stated) = parts.beside.get("fairSharing").filter(|own| !own.is_null()) else {
        return Ok(None);
    };
    let path = Path::root("fairSharing");
    let path = path.field("preemptionStrategies");
    let Some(names) = stated.get("preemptionStrategies").and_then(Value::as_array) else {
        return Ok(Some(FairStrategy::DEFAULT.to_vec()));
    };
    let strategies = names.iter().enumerate().map(|(index, name)| {
        let found = name.as_str().and_then(FairStrategy::find);
        let expected = "`LessThanOrEqualToFinalShare` or `LessThanInitialShare`";
        found.ok_or_else(|| path.index(index).problem(expected, name))
    });
    strategies.collect::<Result<_, Problem>>().map(Some)
}

//! Workloads of Kueue: sets of pods, wishes about topologies, and the quota that they hold.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::field::{Path, Problem, quantity, unix_secs};
use super::super::read_manifests;
use super::raw;
use super::worded;
use model::queueing::{
    Admission, Condition, PodSet, PodSetAdmission, QueuedWorkload, TopologyAssignment,
    TopologyConstraint, TopologyRequest, TopologySlice,
};
use model::{PodSpec, Text};
use units::{Duration, Instant};

/// A workload. Times count from 1970-01-01T00:00:00Z.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn workload(value: &Value) -> Result<QueuedWorkload, String> {
    worded(read_workload(value))
}

pub(super) fn read_workload(value: &Value) -> Result<QueuedWorkload, Problem> {
    let raw: raw::Object<raw::Workload> = super::object(value)?;
    let status: raw::Status = raw::part(value, "status").map_err(Problem)?;
    let namespace = raw.namespace();
    let path = Path::root("spec");
    let list = path.field("podSets");
    let mut pod_sets = Vec::new();
    for (index, set) in raw.spec.pod_sets.iter().enumerate() {
        pod_sets.push(pod_set(set, &namespace, &list.index(index))?);
    }
    if pod_sets.is_empty() {
        return Err(list.missing("at least one pod set"));
    }
    let limit = raw.spec.maximum_execution_time_seconds;
    let limit_path = path.field("maximumExecutionTimeSeconds");
    let max_execution = limit.map(|secs| {
        let span = Duration::checked_from_secs(secs).filter(|_| secs > 0);
        span.ok_or_else(|| limit_path.problem("seconds, 1 or more", secs))
    });
    let metadata = Path::root("metadata");
    let created = raw.metadata.creation_timestamp.as_deref();
    let created = created.map(|text| instant(text, &metadata.field("creationTimestamp")));
    let admission = status.admission.as_ref().map(admission);
    let reclaimable = status.reclaimable_pods.into_iter();
    Ok(QueuedWorkload {
        name: raw.name()?,
        uid: raw.metadata.uid.clone().unwrap_or_default().into(),
        queue: raw.spec.queue_name.clone().unwrap_or_default().into(),
        priority: raw.spec.priority.unwrap_or(0),
        created: created.transpose()?.unwrap_or_default(),
        active: raw.spec.active.unwrap_or(true),
        pod_sets,
        max_execution: max_execution.transpose()?,
        admission: admission.transpose()?,
        conditions: conditions(&status.conditions)?,
        reclaimable: reclaimable
            .map(|own| (own.name.into(), own.count))
            .collect(),
        namespace,
    })
}

fn instant(text: &str, path: &Path<'_>) -> Result<Instant, Problem> {
    let secs = unix_secs(text, path)?;
    let since = Duration::checked_from_secs(secs);
    let at = since.and_then(|since| Instant::ZERO.checked_add(since));
    at.ok_or_else(|| path.problem("a time before 2262", text))
}

fn pod_set(raw: &raw::PodSet, namespace: &str, path: &Path<'_>) -> Result<PodSet, Problem> {
    let count = raw.count.unwrap_or(1);
    if !(0..=i64::from(i32::MAX)).contains(&count) {
        return Err(path
            .field("count")
            .problem("a number of pods, 0 or more", count));
    }
    if let Some(least) = raw.min_count.filter(|least| !(1..=count).contains(least)) {
        let expected = format!("a number from 1 to the count {count}");
        return Err(path.field("minCount").problem(&expected, least));
    }
    let topology = raw.topology_request.as_ref();
    let topology = topology.map(|own| topology_request(own, &path.field("topologyRequest")));
    Ok(PodSet {
        name: raw.name.as_deref().unwrap_or("main").into(),
        count,
        min_count: raw.min_count,
        spec: template(&raw.template, namespace)
            .map_err(|why| path.field("template").broken(why))?,
        topology: topology.transpose()?,
    })
}

/// A pod of a template, with its labels and annotations. The API server doesn't hold templates of objects that it doesn't
/// know itself to its rules about pods, so that the pod counts as one that it has taken.
pub(crate) fn pod_of(template: &Value, namespace: &str) -> Value {
    let metadata = template.get("metadata");
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "template",
            "resourceVersion": "1",
            "namespace": namespace,
            "labels": metadata.and_then(|metadata| metadata.get("labels")),
            "annotations": metadata.and_then(|metadata| metadata.get("annotations")),
        },
        "spec": template.get("spec"),
    })
}

/// The pods of a template.
fn template(template: &Value, namespace: &str) -> Result<Arc<PodSpec>, String> {
    let pod = pod_of(template, namespace);
    let read = read_manifests("template", &pod.to_string()).map_err(|error| error.to_string())?;
    let pod = read.pods.first().ok_or("expected a pod template")?;
    Ok(pod.spec.clone())
}

fn topology_request(
    raw: &raw::TopologyRequest,
    path: &Path<'_>,
) -> Result<TopologyRequest, Problem> {
    let mut wishes = Vec::new();
    wishes.extend(
        raw.required
            .as_deref()
            .map(|own| TopologyConstraint::Required(own.into())),
    );
    wishes.extend(
        raw.preferred
            .as_deref()
            .map(|own| TopologyConstraint::Preferred(own.into())),
    );
    wishes.extend(
        raw.unconstrained
            .then_some(TopologyConstraint::Unconstrained),
    );
    if wishes.len() > 1 {
        return Err(path.broken("expected one of `required`, `preferred`, `unconstrained`"));
    }
    let mut slices: Vec<TopologySlice> = Vec::new();
    match (&raw.pod_set_slice_required_topology, raw.pod_set_slice_size) {
        (Some(level), Some(size)) => slices.push(TopologySlice {
            level: level.as_str().into(),
            size,
        }),
        (Some(_), None) => return Err(path.field("podSetSliceSize").missing("a number of pods")),
        (None, Some(size)) => {
            let expected = "`podSetSliceRequiredTopology` beside it";
            return Err(path.field("podSetSliceSize").problem(expected, size));
        }
        (None, None) => {}
    }
    let layers = raw.podset_slice_required_topology_constraints.iter();
    slices.extend(layers.map(|own| TopologySlice {
        level: own.topology.as_str().into(),
        size: own.size,
    }));
    if let Some(slice) = slices.iter().find(|slice| slice.size < 1) {
        return Err(path.problem("slices of at least 1 pod", slice.size));
    }
    Ok(TopologyRequest {
        wish: wishes.pop(),
        slices,
        group: super::optional(raw.pod_set_group_name.clone()),
    })
}

fn conditions(raw: &[raw::Condition]) -> Result<Vec<Condition>, Problem> {
    let path = Path::root("status");
    let path = path.field("conditions");
    let read = raw.iter().enumerate().map(|(index, own)| {
        let path = path.index(index);
        let since = own.last_transition_time.as_deref();
        let since = since.map(|text| instant(text, &path.field("lastTransitionTime")));
        Ok(Condition {
            kind: own.kind.as_str().into(),
            holds: own.status == "True",
            reason: own.reason.as_str().into(),
            since: since.transpose()?.unwrap_or_default(),
        })
    });
    read.collect()
}

fn admission(raw: &raw::Admission) -> Result<Admission, Problem> {
    let path = Path::root("status");
    let path = path.field("admission");
    let list = path.field("podSetAssignments");
    let mut pod_sets = Vec::new();
    for (index, own) in raw.pod_set_assignments.iter().enumerate() {
        let path = list.index(index);
        let usage_path = path.field("resourceUsage");
        let usage = own.resource_usage.iter().map(|(name, amount)| {
            let amount = quantity(&amount.0, &usage_path.key(name))?;
            Ok((Text::from(name.as_str()), amount))
        });
        let flavors = own.flavors.iter();
        let topology = own.topology_assignment.as_ref();
        let topology = topology.map(|own| domains(own, &path.field("topologyAssignment")));
        pod_sets.push(PodSetAdmission {
            name: own.name.as_deref().unwrap_or("main").into(),
            count: own.count.unwrap_or(0),
            flavors: flavors
                .map(|(resource, flavor)| (resource.as_str().into(), flavor.as_str().into()))
                .collect(),
            usage: usage.collect::<Result<_, Problem>>()?,
            topology: topology.transpose()?,
        });
    }
    Ok(Admission {
        cluster_queue: raw.cluster_queue.as_str().into(),
        pod_sets,
    })
}

/// Domains in the compressed form of the API: slices of domains that share values.
fn domains(raw: &raw::AssignedDomains, path: &Path<'_>) -> Result<TopologyAssignment, Problem> {
    let list = path.field("slices");
    let mut domains = Vec::new();
    for (index, slice) in raw.slices.iter().enumerate() {
        let path = list.index(index);
        for place in 0..slice.domain_count {
            let counts = &slice.pod_counts;
            let one = counts
                .individual
                .as_ref()
                .and_then(|individual| individual.get(place).copied());
            let count = one.or(counts.universal);
            let count = count.ok_or_else(|| path.field("podCounts").missing("a count a domain"))?;
            let values = slice.values_per_level.iter().map(|level| {
                let one = level.individual.as_ref().and_then(|individual| {
                    let root = individual.roots.get(place)?;
                    Some(Text::from(format!(
                        "{}{root}{}",
                        individual.prefix, individual.suffix
                    )))
                });
                let value = one.or_else(|| level.universal.as_deref().map(Into::into));
                value.ok_or_else(|| path.field("valuesPerLevel").missing("a value a domain"))
            });
            domains.push((values.collect::<Result<_, Problem>>()?, count));
        }
    }
    Ok(TopologyAssignment {
        levels: raw
            .levels
            .iter()
            .map(|level| level.as_str().into())
            .collect(),
        domains,
    })
}

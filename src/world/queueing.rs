//! Queues of Kueue in the manifests of a scenario: what objects of several files have to agree in, and
//! jobs that wait in them.

use std::sync::Arc;

use model::queueing::{LocalQueue, QueueingObjects, TopologyConstraint};
use model::{Node, Object, Text};
use units::nearest::hint;
use units::plural;

use super::BuildError;
use units::SortedMap;

/// Checks that the objects of all files fit together.
///
/// # Errors
/// One names what no file declares, or two have one name; the text says where.
pub fn check(files: &[(&str, QueueingObjects)]) -> Result<(), BuildError> {
    let flavors = names(files, "ResourceFlavor", |own| {
        own.flavors.iter().map(|own| own.name.clone()).collect()
    })?;
    let queues = names(files, "ClusterQueue", |own| {
        own.queues.iter().map(|own| own.name.clone()).collect()
    })?;
    let cohorts = names(files, "Cohort", |own| {
        own.cohorts.iter().map(|own| own.name.clone()).collect()
    })?;
    let topologies = names(files, "Topology", |own| {
        own.topologies.iter().map(|own| own.name.clone()).collect()
    })?;
    let checks = names(files, "AdmissionCheck", |own| {
        own.checks.iter().map(|own| own.name.clone()).collect()
    })?;
    names(files, "LocalQueue", |own| {
        let own = own.local_queues.iter();
        own.map(|own| format!("{}/{}", own.namespace, own.name).into())
            .collect()
    })?;
    for (file, objects) in files {
        let wrong = |what: String| Err(BuildError::Experiment(format!("{file}: {what}")));
        for flavor in &objects.flavors {
            let named = flavor.topology.as_ref();
            if let Some(topology) = named.filter(|own| !topologies.contains_key(*own)) {
                let hint = hint(topology, topologies.keys().map(|own| &**own));
                return wrong(format!(
                    "ResourceFlavor `{}`: spec.topologyName: no file declares the Topology `{topology}`; \
                     {hint}",
                    flavor.name
                ));
            }
        }
        let unknown = unknown_flavor(objects, &flavors)
            .or_else(|| unknown_check(objects, &checks))
            .or_else(|| unknown_holding(objects, &queues, &flavors));
        if let Some(what) = unknown {
            return wrong(what);
        }
        for queue in &objects.local_queues {
            let target = &queue.cluster_queue;
            if !queues.contains_key(target) {
                let hint = hint(target, queues.keys().map(|own| &**own));
                return wrong(format!(
                    "LocalQueue `{}/{}`: spec.clusterQueue: no file declares the ClusterQueue `{target}`; \
                     {hint}",
                    queue.namespace, queue.name
                ));
            }
        }
        for cohort in &objects.cohorts {
            let parents = |name: &Text| {
                let mut all = files.iter().flat_map(|(_, own)| &own.cohorts);
                all.find(|own| own.name == *name)?.parent.clone()
            };
            let above = std::iter::successors(parents(&cohort.name), parents);
            if above.take(cohorts.len()).any(|own| own == cohort.name) {
                return wrong(format!(
                    "Cohort `{}`: spec.parentName: the cohorts above it lead back to it; leave the parent \
                     of one of them out",
                    cohort.name
                ));
            }
        }
    }
    Ok(())
}

/// A flavor of a queue or cohort that no file declares, in words.
fn unknown_flavor(objects: &QueueingObjects, known: &SortedMap<Text, &str>) -> Option<String> {
    let queues = objects.queues.iter();
    let queues = queues.map(|own| ("ClusterQueue", &own.name, &own.groups));
    let cohorts = objects.cohorts.iter();
    let cohorts = cohorts.map(|own| ("Cohort", &own.name, &own.groups));
    for (kind, name, groups) in queues.chain(cohorts) {
        for (group, own) in groups.iter().enumerate() {
            let mut flavors = own.flavors.iter().enumerate();
            let unknown = flavors.find(|(_, own)| !known.contains_key(&own.flavor));
            if let Some((place, own)) = unknown {
                let hint = hint(&own.flavor, known.keys().map(|own| &**own));
                return Some(format!(
                    "{kind} `{name}`: spec.resourceGroups[{group}].flavors[{place}].name: no file declares \
                     the ResourceFlavor `{}`; {hint}",
                    own.flavor
                ));
            }
        }
    }
    None
}

/// An admission check of a queue that no file declares, in words.
fn unknown_check(objects: &QueueingObjects, known: &SortedMap<Text, &str>) -> Option<String> {
    for queue in &objects.queues {
        let mut checks = queue.checks.iter();
        if let Some(own) = checks.find(|own| !known.contains_key(&own.name)) {
            let hint = hint(&own.name, known.keys().map(|own| &**own));
            return Some(format!(
                "ClusterQueue `{}`: spec.admissionChecksStrategy.admissionChecks: no file declares the \
                 AdmissionCheck `{}`; {hint}",
                queue.name, own.name
            ));
        }
    }
    None
}

/// A queue or flavor that no file declares and that a workload holds quota of, in words: without it the
/// quota would count as free.
fn unknown_holding(
    objects: &QueueingObjects,
    queues: &SortedMap<Text, &str>,
    flavors: &SortedMap<Text, &str>,
) -> Option<String> {
    let open = objects.workloads.iter();
    let open = open.filter(|own| own.holding("Finished").is_none());
    for workload in open {
        let Some(admission) = &workload.admission else {
            continue;
        };
        let what = |field: &str, kind: &str, name: &Text, known: &SortedMap<Text, &str>| {
            let hint = hint(name, known.keys().map(|own| &**own));
            Some(format!(
                "Workload `{}/{}`: status.admission.{field}: no file declares the {kind} `{name}`; {hint}",
                workload.namespace, workload.name
            ))
        };
        let queue = &admission.cluster_queue;
        if !queues.contains_key(queue) {
            return what("clusterQueue", "ClusterQueue", queue, queues);
        }
        for (set, own) in admission.pod_sets.iter().enumerate() {
            let mut named = own.flavors.iter();
            if let Some((resource, flavor)) = named.find(|(_, own)| !flavors.contains_key(*own)) {
                let field = format!("podSetAssignments[{set}].flavors[\"{resource}\"]");
                return what(&field, "ResourceFlavor", flavor, flavors);
            }
        }
    }
    None
}

/// Checks that the nodes of flavors with a topology have labels for all of its levels; the value is
/// remarks on those that have not.
///
/// # Errors
/// No flavor with a topology has a node with the labels of all levels, so that pods would never get a place.
pub fn check_nodes(
    queueing: &QueueingObjects,
    nodes: &[Arc<Node>],
) -> Result<Vec<String>, BuildError> {
    let mut remarks = Vec::new();
    let mut unusable = Vec::new();
    let mut usable = 0;
    for flavor in &queueing.flavors {
        let mut topologies = queueing.topologies.iter();
        let named = flavor.topology.as_ref();
        let topology = named.and_then(|name| topologies.find(|own| own.name == *name));
        let Some(topology) = topology else {
            continue;
        };
        let has = |node: &&Arc<Node>| {
            let mut labels = flavor.node_labels.iter();
            labels.all(|(key, value)| node.labels.get(key) == Some(value))
        };
        let own: Vec<&Arc<Node>> = nodes.iter().filter(has).collect();
        let known = unusable.len();
        for (level, key) in topology.levels.iter().enumerate() {
            let lacks = |node: &&&Arc<Node>| !node.labels.contains_key(key);
            let lacking = own.iter().filter(lacks).count();
            let Some(first) = own.iter().find(lacks) else {
                continue;
            };
            if lacking == own.len() {
                unusable.push(format!(
                    "Topology `{}`: spec.levels[{level}].nodeLabel: no node of the ResourceFlavor `{}` has \
                     the label `{key}`, so that its pods would never get a place; label the nodes, or leave \
                     the level out",
                    topology.name, flavor.name
                ));
                continue;
            }
            remarks.push(format!(
                "{} of the ResourceFlavor `{}` without the label `{key}` of the Topology `{}` \
                 (`{}`): no pod gets a place there",
                plural::count(lacking, "node"),
                flavor.name,
                topology.name,
                first.name
            ));
        }
        usable += usize::from(unusable.len() == known);
    }
    if usable == 0 && !unusable.is_empty() {
        return Err(BuildError::Experiment(unusable.swap_remove(0)));
    }
    remarks.extend(unusable);
    Ok(remarks)
}

/// Names of a kind and the file that has each.
fn names<'f>(
    files: &[(&'f str, QueueingObjects)],
    kind: &str,
    of: impl Fn(&QueueingObjects) -> Vec<Text>,
) -> Result<SortedMap<Text, &'f str>, BuildError> {
    let mut known: SortedMap<Text, &str> = SortedMap::new();
    for (file, objects) in files {
        for name in of(objects) {
            if let Some(other) = known.insert(name.clone(), file) {
                return Err(BuildError::Experiment(format!(
                    "{file}: {kind} `{name}`: metadata.name: {other} has one of this name, too"
                )));
            }
        }
    }
    Ok(known)
}

/// Doubts about what a job names and no file declares, in words: such a job waits until the end.
pub fn doubts(object: &Object, queueing: &QueueingObjects) -> Vec<String> {
    let Object::Job(job) = object else {
        return Vec::new();
    };
    let Some(queue) = &job.queue.0 else {
        return Vec::new();
    };
    let mut doubts = Vec::new();
    let is_it = |own: &LocalQueue| own.namespace == job.namespace && own.name == queue.name;
    if !queueing.local_queues.iter().any(is_it) {
        doubts.push(format!(
            "the namespace `{}` has no LocalQueue `{}`: jobs of that queue wait until the end",
            job.namespace, queue.name
        ));
    }
    let levels = queue.topology.iter().flat_map(|own| {
        let wish = match &own.wish {
            Some(TopologyConstraint::Required(level) | TopologyConstraint::Preferred(level)) => {
                Some(level)
            }
            _ => None,
        };
        wish.into_iter()
            .chain(own.slices.iter().map(|own| &own.level))
    });
    for level in levels {
        let mut known = queueing.topologies.iter().flat_map(|own| &own.levels);
        if !known.any(|own| own == level) {
            doubts.push(format!(
                "no Topology has the level `{level}`, in which the Job `{}/{}` wants a place: it waits until \
                 the end",
                job.namespace, job.name
            ));
        }
    }
    if let Some(class) = &queue.priority_class
        && !queueing.priorities.contains_key(class)
    {
        doubts.push(format!(
            "there is no WorkloadPriorityClass `{class}`: jobs of that class have the priority of their \
             pods"
        ));
    }
    doubts
}

/// Suspends a job that has a queue, as Kueue does when it is created; a cron job makes such jobs.
pub(super) fn hold_back(object: &mut Object) {
    let job = match object {
        Object::Job(job) => job,
        Object::CronJob(own) if own.template.queue.0.is_some() => &mut Arc::make_mut(own).template,
        _ => return,
    };
    if job.queue.0.is_some() {
        Arc::make_mut(job).suspend = true;
    }
}

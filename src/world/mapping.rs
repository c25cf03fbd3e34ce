//! Parts of a scenario's workload that its system can't express.

use std::sync::Arc;

use arrivals::stream::ClassTotal;
use k8s::Manifests;
use model::resource_list::PODS;
use model::{ConfigReference, Node, Object, PodSpec, TaintEffect};
use scenario::Scenario;
use scenario::schema::{DEFAULT_PODS, NamedSchedulerKind, WorkloadSource};
use systems::mapping::{Item, Mapping, Named, template_of};
use systems::mesos::dcos::{DcosOptions, composed};
use systems::mesos::fit::idle_workloads;
use systems::openshift::section::OpenShift;
use systems::registry::find;
use systems::stated::changed_capabilities;

use super::operations::heeds_needs;
use super::runs_workloads::{how_to_have_controllers, runs_workloads};
use super::submitted_jobs::submits_jobs;
use super::system_options::mesos_options;
use super::units::units;
use super::{BuildError, FileSource, ManifestFiles, Remarks};
use units::{Duration, Instant, Quantity, SortedMap};

/// The workload as the scenario's system takes it.
///
/// # Errors
/// It can express nothing of it.
pub fn mapping(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    classes: &[ClassTotal],
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<Mapping, BuildError> {
    let wrong = |error: &dyn std::fmt::Display| BuildError::Experiment(error.to_string());
    let entry = find(&scenario.system.name).map_err(|error| wrong(&error))?;
    let mut read = Vec::new();
    for source in &scenario.workload {
        if let WorkloadSource::Manifests { file, .. } = source {
            read.push(manifests.read(file, files, remarks)?);
        }
    }
    let globals = globals(scenario, files)?;
    let mut applied = Vec::new();
    let operations = scenario.operations.iter();
    for file in operations.filter_map(|own| own.apply.as_ref()) {
        applied.push(manifests.read(file, files, remarks)?);
    }
    // One pod of each class lends it its name.
    let mut names: SortedMap<&PodSpec, &str> = SortedMap::new();
    for pod in read.iter().flat_map(|one| &one.pods) {
        names.entry(&pod.spec).or_insert(&pod.name);
    }
    let pods = classes.iter().map(|class| Item::Pods {
        name: names.get(&*class.spec).copied(),
        spec: &class.spec,
        count: class.pods,
        in_gangs: class.pods > class.arrivals && !submits_jobs(scenario),
        with_others: class.ganged > 0 && !submits_jobs(scenario),
    });
    let workloads = read.iter().chain(&applied).flat_map(|one| &one.workloads);
    let objects: Vec<&Object> = workloads.map(|own| &own.object).collect();
    if heeds_needs(scenario) {
        note_missing(&objects, remarks);
    }
    note_idle_workloads(scenario, &objects, remarks)?;
    note_idle_configs(scenario, remarks);
    let applied_nodes: Vec<_> = applied.iter().flat_map(|one| &one.nodes).collect();
    let mut items: Vec<Item<'_>> = pods.collect();
    if runs_workloads(scenario) {
        items.extend(of_objects(&read, &applied));
        items.extend(globals.iter().map(Item::Object));
    }
    let services = of_services(&read, &applied);
    if services > 0 {
        items.push(Item::Services(services));
    }
    let most = most_on_node(scenario, &items);
    let nodes = nodes.iter().map(|own| &**own).chain(applied_nodes);
    items.extend(of_nodes(nodes, most));
    let masters = scenario.system.schedulers.iter();
    let mut masters = masters.filter(|own| own.kind == NamedSchedulerKind::Mesos);
    let master = masters.next().map(|own| Named {
        name: &own.name,
        gaps: systems::mesos::beside::GAPS,
    });
    let system = &scenario.system;
    let changed = changed_capabilities(&system.name, system.sections.get(&system.name));
    let mapping = Mapping::of_schedulers(entry.capabilities, changed, master, items);
    if mapping.is_nothing() {
        return Err(nothing(entry.name, &mapping));
    }
    Ok(mapping)
}

/// Notes workloads that the frameworks of a scenario's system do not run.
fn note_idle_workloads(
    scenario: &Scenario,
    objects: &[&Object],
    remarks: &mut Remarks,
) -> Result<(), BuildError> {
    let system = &scenario.system;
    let options = if system.name == systems::mesos::ENTRY.name {
        mesos_options(scenario)?
    } else if system.name == systems::mesos::dcos::ENTRY.name {
        composed(&DcosOptions::default())
    } else {
        return Ok(());
    };
    let end = Instant::ZERO.saturating_add(scenario.stop.at.unwrap_or(Duration::MAX));
    let idle = idle_workloads(&options, objects.iter().copied(), end);
    for own in idle.never_run {
        remarks.note_first(own);
    }
    if let Some(own) = idle.with_ports {
        remarks.note(own);
    }
    Ok(())
}

/// Notes deployment configurations that nothing rolls out.
fn note_idle_configs(scenario: &Scenario, remarks: &mut Remarks) {
    let stated = scenario.system.stated::<OpenShift>();
    for (name, own) in stated.iter().flat_map(|own| &own.deployment_configs) {
        if own.triggers.is_empty() {
            remarks.note_first(format!(
                "system.openshift.deploymentConfigs.{name}: without triggers no version begins by itself, and \
                 rollouts by hand (`oc rollout latest`) are not modelled: none of its pods is ever made"
            ));
        }
    }
}

/// The objects of files that a run begins with, and what operations apply of others.
fn of_objects<'a>(
    read: &'a [Arc<Manifests>],
    applied: &'a [Arc<Manifests>],
) -> impl Iterator<Item = Item<'a>> {
    let key = |own: &'a Object| (own.kind(), own.namespace(), own.name());
    let declared = read.iter().flat_map(|one| &one.workloads);
    let declared: Vec<&Object> = declared.map(|own| &own.object).collect();
    let mut known: SortedMap<_, &Object> = declared.iter().map(|own| (key(own), *own)).collect();
    let updated = applied.iter().flat_map(|one| &one.workloads);
    let updated = updated.map(move |own| {
        let object = &own.object;
        match known.insert(key(object), object) {
            Some(before) => Item::Update { before, object },
            None => Item::Object(object),
        }
    });
    let pods = applied.iter().flat_map(|one| &one.pods);
    let pods = pods.map(|pod| Item::Pods {
        name: Some(&*pod.name),
        spec: &pod.spec,
        count: 1,
        in_gangs: false,
        with_others: false,
    });
    declared
        .into_iter()
        .map(Item::Object)
        .chain(updated)
        .chain(pods)
}

/// Number of the services of files, each once.
fn of_services(read: &[Arc<Manifests>], applied: &[Arc<Manifests>]) -> u64 {
    let mut services: Vec<_> = read.iter().flat_map(|one| &one.objects.services).collect();
    for own in applied.iter().flat_map(|one| &one.objects.services) {
        if !services.contains(&own) {
            services.push(own);
        }
    }
    services.len() as u64
}

/// The most pods that one node may have at a time; operations and autoscalers may make any number.
fn most_on_node(scenario: &Scenario, items: &[Item<'_>]) -> u64 {
    if !scenario.operations.is_empty() || scenario.system.autoscaling.is_some() {
        return u64::MAX;
    }
    items.iter().map(most_pods).fold(0, u64::saturating_add)
}

/// The most pods of an item that one node may have at a time, those of an update beside the former ones.
fn most_pods(item: &Item<'_>) -> u64 {
    let object = match item {
        Item::Pods { count, .. } => return *count,
        Item::Object(object) | Item::Update { object, .. } => *object,
        _ => return 0,
    };
    let replicas = match object {
        Object::DaemonSet(_) => 1,
        Object::Job(own) => own.parallelism,
        Object::CronJob(_) => return u64::MAX,
        own => own.replicas().map_or(0, |(replicas, _)| replicas),
    };
    u64::try_from(replicas).unwrap_or(0).saturating_mul(2)
}

/// Features of nodes that a scheduler with at most this many pods to place has to heed.
fn of_nodes<'a>(
    nodes: impl Iterator<Item = &'a Node> + Clone,
    most: u64,
) -> impl Iterator<Item = Item<'a>> {
    let is_tainted = |node: &&Node| {
        let mut effects = node.taints.iter().map(|taint| taint.effect);
        effects.any(|effect| effect != TaintEffect::PreferNoSchedule)
    };
    let tainted = nodes.clone().filter(is_tainted);
    let most = Quantity::from_units(i64::try_from(most).unwrap_or(i64::MAX));
    let is_limited = move |node: &&Node| {
        let slots = node.allocatable.get(PODS);
        slots != Quantity::from_units(DEFAULT_PODS) && slots != Quantity::ZERO && slots < most
    };
    let limited = nodes.filter(is_limited);
    let tainted = tainted.map(|node| Item::TaintedNode(&node.name));
    tainted.chain(limited.map(|node| Item::LimitedNode(&node.name)))
}

/// The global units of unit files, as objects.
///
/// # Errors
/// Nobody would see to them.
fn globals(scenario: &Scenario, files: &FileSource<'_>) -> Result<Vec<Object>, BuildError> {
    let mut globals = Vec::new();
    for source in &scenario.workload {
        let submission = units(source, files)?;
        globals.extend(submission.daemon_sets().map(|(_, object)| object));
    }
    if !globals.is_empty() && !runs_workloads(scenario) {
        return Err(BuildError::Experiment(format!(
            "workload: a global unit runs on every matching machine, but there is no controller \
             for it; {}, or remove `Global`",
            how_to_have_controllers(&scenario.system.name)
        )));
    }
    Ok(globals)
}

fn nothing(system: &str, mapping: &Mapping) -> BuildError {
    let reasons = mapping.gaps.iter().filter(|gap| gap.is_refused);
    let reasons: Vec<String> = reasons.map(ToString::to_string).collect();
    BuildError::Experiment(format!(
        "workload: the system `{system}` can't express any of it ({}); choose another system \
         (`windtunnel systems` lists their capabilities), or another workload",
        reasons.join("; ")
    ))
}

/// Notes workloads that need what no manifest declares.
fn note_missing(objects: &[&Object], remarks: &mut Remarks) {
    let is_declared = |namespace: &str, needed: &ConfigReference| {
        let mut objects = objects.iter();
        objects.any(|object| {
            let is_named = |name: &str| **object.name() == *name;
            **object.namespace() == *namespace
                && match (object, needed) {
                    (Object::Secret(_), ConfigReference::Secret(name))
                    | (Object::ConfigMap(_), ConfigReference::ConfigMap(name)) => is_named(name),
                    _ => false,
                }
        })
    };
    for object in objects {
        let Some(template) = template_of(object) else {
            continue;
        };
        let missing = template.needs.0.iter();
        for needed in missing.filter(|needed| !is_declared(&template.namespace, needed)) {
            let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
            remarks.note(format!(
                "{kind}/{namespace}/{name} needs the {needed}, which no manifest declares: its \
                 tasks never start"
            ));
        }
    }
}

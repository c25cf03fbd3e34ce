//! Parts of the exact scheduler of Kubernetes: its configuration, and the objects that manifests
//! state around nodes and pods.

use serde_json::{Value, json};

use k8s::{config_doubts, read_scheduler_config, read_scheduler_config_file};
use model::dra::DeviceObjects;
use model::objects::{AppliedObjects, SERVICES};
use model::{Change, Changes, ClusterObjects, Labels, SchedulerConfig, Text};
use policy::kube_profiles::{default_weight, plugin_names};
use policy::registered::{Registration, obstacle};
use policy::registry;
use scenario::Scenario;
use scenario::schema::{self, NamedSchedulerKind, NodeSource, TieBreak, WorkloadSource};
use scheduler::kube::PreemptionState;
use systems::kubernetes::NamedScheduler;
use systems::registry::find;
use systems::{KubeRequest, SchedulerKind};
use units::nearest::hint;

use super::queue_changes::{self, QueueChange};
use super::{BuildError, FileSource, ManifestFiles, Remarks};
use units::{Duration, Instant, SortedMap, SortedSet};

/// Whether a scenario asks for kube-scheduler itself.
pub fn is_exact(scenario: &Scenario) -> bool {
    scheduler_of(scenario) == Some(SchedulerKind::KubeScheduler)
}

/// The scheduler of a scenario's system; `None` if there is no such system.
fn scheduler_of(scenario: &Scenario) -> Option<SchedulerKind> {
    let entry = find(&scenario.system.name).ok()?;
    Some(entry.scheduler)
}

/// Words about parts of pods and nodes that the scheduler of a scenario ignores; `None` if it looks
/// at all of them.
pub fn ignored_by(scenario: &Scenario) -> Option<String> {
    let system = &scenario.system.name;
    match scheduler_of(scenario) {
        Some(SchedulerKind::KubeScheduler) => None,
        Some(SchedulerKind::Pipeline) => Some(format!(
            "ignored by the system `{system}`; use `name: kubernetes`"
        )),
        _ => Some(format!(
            "`windtunnel systems {system}` says whether that has an effect"
        )),
    }
}

/// Words about claims on devices in a release that allots none.
pub fn allotment_doubt(devices: &DeviceObjects, changes: Changes) -> Option<&'static str> {
    let is_idle = !devices.is_empty() && !changes.has(Change::DynamicResourceAllocation);
    is_idle.then_some(
        "the release allots no devices: pods are placed as if they claimed none; releases from 1.34 on \
         allot them",
    )
}

/// Settings of kube-scheduler, if a scenario uses it.
pub fn kube_request(
    scenario: &Scenario,
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<KubeRequest, BuildError> {
    if !is_exact(scenario) {
        return Ok(KubeRequest::default());
    }
    let scheduler = &scenario.system.scheduler;
    let (config, registered) = match &scheduler.config {
        Some(file) => {
            let input = files.open(file);
            let config = read_scheduler_config_file(&input.name, &input.read_to_string()?)?;
            (config, Vec::new())
        }
        None => (stated(scheduler)?, registered(scheduler)?),
    };
    let place = (scheduler.config.as_deref()).unwrap_or("system.scheduler.plugins");
    for doubt in config_doubts(&config) {
        remarks.note(format!("{place}: {doubt}"));
    }
    let (objects, preemptions) = objects(scenario, files, manifests, remarks)?;
    let changes = scenario.system.scheduler_changes();
    if let Some(doubt) = allotment_doubt(&objects.devices, changes) {
        remarks.note(format!("{doubt} (`system.release`)"));
    }
    Ok(KubeRequest {
        config,
        registered,
        changes,
        takes_first: scheduler.tie_break == Some(TieBreak::First),
        binding_time: scheduler.binding_time,
        eviction_time: scheduler.eviction_time,
        client: super::production::client_limits(scenario).scheduler,
        objects,
        preemptions,
        schedulers: (scheduler_list(scenario)).collect(),
        federation: None,
        witness: None,
    })
}

/// The schedulers that race on the cluster.
fn scheduler_list(scenario: &Scenario) -> impl Iterator<Item = NamedScheduler> {
    let written = scenario.system.schedulers.iter();
    written.map(|own| NamedScheduler {
        name: own.name.as_str().into(),
        nodes: Labels::default(),
        watch_delay: own.watch_delay,
        decision_time: own.decision_time,
        is_mesos: own.kind == NamedSchedulerKind::Mesos,
    })
}

/// The policies of the registry among the plugins that the experiment file states.
fn registered(scheduler: &schema::Scheduler) -> Result<Vec<Registration>, BuildError> {
    let mut registrations = Vec::new();
    let own = plugin_names();
    for (name, plugin) in &scheduler.plugins {
        let Some(plugin) = plugin.as_ref().filter(|_| !own.contains(&name.as_str())) else {
            continue;
        };
        let arguments = plugin.arguments.decode();
        registrations.push(Registration {
            name: name.clone(),
            weight: plugin.weight,
            arguments: arguments.map_err(|error| wrong(name, &error))?,
        });
    }
    Ok(registrations)
}

/// A mistake in what the experiment file states of a plugin.
fn wrong(name: &str, what: &dyn std::fmt::Display) -> BuildError {
    BuildError::Policy(format!("plugins.{name}: {what}"))
}

/// Configuration of kube-scheduler's own plugins by the experiment file.
fn stated(scheduler: &schema::Scheduler) -> Result<SchedulerConfig, BuildError> {
    let known = plugin_names();
    let (mut enabled, mut disabled, mut arguments) = (Vec::new(), Vec::new(), Vec::new());
    for (name, plugin) in &scheduler.plugins {
        if !known.contains(&name.as_str()) {
            match registry::find(name) {
                Some(entry) if obstacle(entry).is_none() => continue,
                Some(entry) if plugin.is_some() => {
                    let why = obstacle(entry).unwrap_or_default();
                    let what = format!("`{name}` can't run in kube-scheduler: {why}");
                    return Err(wrong(name, &what));
                }
                _ => {}
            }
            let hint = hint(name, known.iter().copied());
            let what =
                format!("the profile `default` is kube-scheduler and has no such plugin; {hint}");
            return Err(wrong(name, &what));
        }
        let Some(plugin) = plugin else {
            disabled.push(json!({"name": name}));
            continue;
        };
        // To the original no weight is 1; here it is the usual one.
        let weight = plugin.weight.or_else(|| default_weight(name));
        enabled.push(json!({"name": name, "weight": weight.unwrap_or(0)}));
        let own: Value = plugin
            .arguments
            .decode()
            .map_err(|error| wrong(name, &error))?;
        arguments.push(json!({"name": name, "args": own}));
    }
    let config = json!({
        "percentageOfNodesToScore": scheduler.percentage_of_nodes_to_score.unwrap_or(0),
        "profiles": [{
            "plugins": {"multiPoint": {"enabled": enabled, "disabled": disabled}},
            "pluginConfig": arguments,
        }],
    });
    read_scheduler_config("system.scheduler.plugins", &config.to_string())
        .map_err(|error| BuildError::Policy(error.to_string()))
}

/// Pods in preemptions, by namespace and name.
type Preemptions = SortedMap<(Text, Text), PreemptionState>;

/// The files of nodes and pods, by the instants at which they come, those of nodes first.
fn timed_files(scenario: &Scenario) -> Vec<(&String, Duration)> {
    let nodes = scenario.cluster.nodes.iter();
    let nodes = nodes.filter_map(|source| match source {
        NodeSource::Manifests(file) => Some((file, Duration::ZERO)),
        _ => None,
    });
    let pods = scenario.workload.iter();
    let pods = pods.filter_map(|source| match source {
        WorkloadSource::Manifests { file, at } => Some((file, *at)),
        _ => None,
    });
    let mut files: Vec<(&String, Duration)> = nodes.chain(pods).collect();
    files.sort_by_key(|(_, at)| *at);
    files
}

/// Objects of a file that comes while the cluster runs and that the scheduler has from the start. Services
/// are objects of the store as well, which come in time.
fn early(objects: &ClusterObjects, own: &ClusterObjects) -> impl Iterator<Item = AppliedObjects> {
    let counts = objects.clone().merge_applied(own).into_iter();
    let counts = counts.filter(|count| count.noun != SERVICES);
    counts.map(|count| AppliedObjects {
        added: count.added + count.unchanged,
        unchanged: 0,
        ..count
    })
}

/// The objects around nodes and pods in the manifests of a scenario, each file once, and what the
/// pods among them have to do with preemptions.
fn objects(
    scenario: &Scenario,
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<(ClusterObjects, Preemptions), BuildError> {
    let (mut objects, mut preemptions) = (ClusterObjects::default(), Preemptions::new());
    let (mut queueing, mut devices) = (Vec::new(), Vec::new());
    let mut changes = Vec::new();
    let mut namespaces = SortedSet::from([Text::from("default")]);
    let mut read: Vec<&String> = Vec::new();
    for (file, at) in timed_files(scenario) {
        if !read.contains(&file) {
            read.push(file);
            let manifests = manifests.read(file, files, remarks)?;
            let mut own = manifests.objects.clone();
            let stated = own.queueing.clone();
            if at > Duration::ZERO {
                let applied = QueueChange::Applied(file, Box::new(own.queueing.take_changeable()));
                changes.push((at, applied));
                own.node_pools.delay(Instant::ZERO.saturating_add(at));
                for count in early(&objects, &own) {
                    remarks.applied(file, at, count);
                }
            }
            objects.merge(own);
            if at == Duration::ZERO {
                queueing.push((file.as_str(), stated));
            }
            devices.push((file.as_str(), manifests.objects.devices.clone()));
            for pod in &manifests.pods {
                namespaces.insert(pod.namespace().clone());
                let state = PreemptionState {
                    nominated_node: pod.nominated_node.clone(),
                    is_preempted: pod.is_preempted,
                };
                if state != PreemptionState::default() {
                    preemptions.insert((pod.namespace().clone(), pod.name.clone()), state);
                }
            }
        }
    }
    for operation in &scenario.operations {
        let Some(file) = operation.apply.as_ref().filter(|file| !read.contains(file)) else {
            continue;
        };
        read.push(file);
        let applied = manifests.read(file, files, remarks)?;
        devices.push((file.as_str(), applied.objects.devices.clone()));
        for count in objects.merge_applied(&applied.objects) {
            remarks.applied(file, operation.at, count);
        }
        let mut pools = applied.objects.node_pools.clone();
        pools.delay(Instant::ZERO.saturating_add(operation.at));
        objects.node_pools.later.extend(pools.later);
    }
    super::queueing::check(&queueing)?;
    super::devices::check(&devices, &objects.devices)?;
    changes.extend(queue_changes::operated(
        scenario, files, manifests, remarks,
    )?);
    objects.queueing.later = queue_changes::later(&objects.queueing, changes)?;
    if objects.queueing.has_queues() {
        manifests.queues = Some(objects.queueing.ever());
        remarks.has_queues(scenario.system.controllers.is_some());
    }
    // A namespace that only pods name has the label that the API server gives to all.
    for name in namespaces {
        let label = (model::NAMESPACE_NAME_LABEL.into(), name.clone());
        let known = objects.namespaces.entry(name);
        known.or_insert_with(|| Labels::from([label]));
    }
    Ok((objects, preemptions))
}

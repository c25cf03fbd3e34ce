//! Conversion of what a scenario says of its system to the parts that run.

use std::sync::Arc;

use autoscale::descheduler::Descheduler;
use autoscale::workloads::{AutoscalerKind, AutoscalerOptions, Autoscalers};
use cluster::fragmentation::TypicalPods;
use control::Stepping;
use control::controllers::manager::ControllerOptions;
use control::volumes::AttachDetach;
use model::Node;
use policy::job_order::job_order;
use policy::{PluginOverride, ProfileChoice, Setup};
use scenario::Scenario;
use scenario::schema::{self, Backfill, TieBreak};
use scheduler::pipeline::evaluate::Form;
use systems::batch::BatchOptions;
use systems::{
    AwaitsVolumes, KubeRequest, RunsWorkloads, SchedulerKind, SystemParts, SystemRequest,
    TimeLimits,
};

use super::Prepared;
use super::foreign::{extenders, external};
use crate::immediate_claims;
use world::{self, BuildError, ClusterAtStart, FileSource, ManifestFiles, Remarks, Workload};

/// The profile that a scenario chooses.
pub(crate) fn profile_choice(scenario: &Scenario) -> Result<ProfileChoice, BuildError> {
    let scheduler = &scenario.system.scheduler;
    let mut profile = ProfileChoice::named(&scheduler.profile);
    profile.tie_break = scheduler.tie_break.map(|rule| tie_break(rule).to_owned());
    let is_exact = world::is_exact(scenario);
    for (name, plugin) in scheduler.plugins.iter().filter(|_| !is_exact) {
        let change = match plugin {
            None => PluginOverride::Disabled,
            Some(plugin) => PluginOverride::Enabled {
                weight: plugin.weight,
                arguments: plugin
                    .arguments
                    .decode()
                    .map_err(|error| BuildError::Policy(format!("plugins.{name}: {error}")))?,
            },
        };
        profile.plugins.insert(name.clone(), change);
    }
    Ok(profile)
}

/// The control plane and the node agent of a scenario's system, for real hosts.
///
/// # Errors
/// The scenario asks for what real hosts do not have.
pub fn control_plane(
    scenario: &Scenario,
    files: &world::FileSource<'_>,
) -> Result<SystemParts, BuildError> {
    let wrong = |what: &str| Err(BuildError::Experiment(what.to_owned()));
    if scenario.node_life() == schema::NodeLife::Declared {
        return wrong(
            "models.nodeLife: real nodes are known by their heartbeats alone; write `models: \
             {nodeLife: observed}`, and `controllers: {}` under `system` for Kubernetes",
        );
    }
    if !scenario.delivery.is_empty() {
        return wrong("delivery: real hosts have no registry whose pushes are seen; leave it out");
    }
    if !scenario.storage.is_empty() {
        return wrong("storage: backups of real volumes are not made; leave it out");
    }
    let mut prepared = super::prepare(scenario, files)?;
    if prepared.controllers.is_some() && prepared.autoscaling.is_none() {
        // Users may declare autoscalers at any time.
        prepared.autoscaling = Some(AutoscalerOptions::default());
    }
    let parts = system(scenario, &prepared, Form::Incremental)?;
    if parts.stepping == Stepping::PerEvent {
        let system = &scenario.system.name;
        let what = format!(
            "system.name: `{system}` reproduces a simulator of batch queues, which \
             decides event by event; real hosts have no such order: choose another system"
        );
        return Err(BuildError::Experiment(what));
    }
    let mut components = parts.components.iter();
    if components.any(|part| part.resumes_pods() || part.moves_pods()) {
        let system = &scenario.system.name;
        let what = format!(
            "system.name: `{system}` takes pods off their nodes and continues the rest of their work later \
             or elsewhere; processes of real hosts would begin from nothing: choose another \
             system, or run it in the simulator"
        );
        return Err(BuildError::Experiment(what));
    }
    Ok(parts)
}

/// The schedulers of a scenario's system alone, for a cluster that has nodes, controllers and kubelets of its own,
/// and the names by which pods choose them.
///
/// # Errors
/// The system does more than give pods nodes.
pub fn schedulers(
    scenario: &Scenario,
    files: &world::FileSource<'_>,
) -> Result<(SystemParts, Vec<model::Text>), BuildError> {
    let name = &scenario.system.name;
    let wrong = |what: &str| {
        Err(BuildError::Experiment(format!(
            "system.name: `{name}` {what}; choose `kubernetes`, or another system that gives pods nodes and \
             nothing else"
        )))
    };
    let entry = systems::registry::find(name).map_err(|e| BuildError::Policy(e.to_string()))?;
    if entry.workloads == RunsWorkloads::Always {
        return wrong(
            "makes the pods of workloads itself, which the controllers of the cluster do",
        );
    }
    let mut bare = scenario.clone();
    bare.operations.clear();
    bare.failures.clear();
    bare.delivery.clear();
    bare.storage.clear();
    bare.functions.clear();
    bare.traffic.clear();
    bare.system.controllers = None;
    bare.system.autoscaling = None;
    bare.system.descheduling = None;
    bare.models.node_life = Some(schema::NodeLife::Declared);
    bare.cluster.provider = None;
    let prepared = super::prepare(&bare, files)?;
    let parts = system(&bare, &prepared, Form::Incremental)?;
    if parts.stepping == Stepping::PerEvent {
        return wrong("reproduces a simulator that decides event by event");
    }
    let mut components = parts.components.iter();
    if components.any(|part| part.resumes_pods() || part.moves_pods()) {
        return wrong("takes pods off their nodes and continues the rest of their work");
    }
    let profiles = prepared.kube.config.profiles.iter();
    let names = profiles.map(|own| own.scheduler_name.clone());
    Ok((parts, names.collect()))
}

/// The parts of the system that a scenario names, with every component it declares.
pub(crate) fn system(
    scenario: &Scenario,
    prepared: &Prepared,
    form: Form,
) -> Result<SystemParts, BuildError> {
    let wrong = |error: &dyn std::fmt::Display| BuildError::Policy(error.to_string());
    let scheduler = &scenario.system.scheduler;
    let mut profile = profile_choice(scenario)?;
    let entry = systems::registry::find(&scenario.system.name).map_err(|e| wrong(&e))?;
    match (entry.workloads, entry.scheduler) {
        (RunsWorkloads::Always, _) | (_, SchedulerKind::Own) => own_without_effect(scenario)?,
        (_, kind) => without_effect(scenario, kind)?,
    }
    let mut jobs = BatchOptions::default();
    match (&scheduler.queue, entry.scheduler) {
        (Some(queue), SchedulerKind::Planner) => jobs.order.clone_from(queue),
        (queue, _) => profile.queue_order.clone_from(queue),
    }
    scheduler.backfill.name().clone_into(&mut jobs.backfill);
    super::jobs::set_options(&mut jobs, &scenario.system, &prepared.nodes)?;
    let arrivals = &*prepared.workload.source;
    jobs.reservations = world::reservations(scenario, &prepared.nodes, arrivals)?;
    let options = prepared.options.clone().with(jobs);
    let options = options.with(prepared.kube.clone());
    let attach = world::attach_options(scenario, &prepared.kube.objects);
    let request = SystemRequest {
        setup: setup(scenario, prepared),
        profile,
        options,
        controllers: (prepared.controllers.clone()).map(|own| ControllerOptions {
            volumes: attach.clone(),
            ..own
        }),
        form,
        time_limits: TimeLimits::Ignored,
        images: prepared.images.as_ref().map(|(pulls, _)| pulls.clone()),
        external: external(scenario, entry.scheduler)?,
        extenders: extenders(scenario, &prepared.kube.config)?,
    };
    let mut parts = (entry.build)(&request).map_err(|error| wrong(&error))?;
    parts
        .components
        .extend(world::node_life(scenario, &prepared.workload.found));
    if let Some(options) = &prepared.autoscaling {
        for kind in AutoscalerKind::ALL {
            let own = Autoscalers::new(kind, options.clone());
            parts.components.push(Box::new(own));
        }
    }
    if let Some(options) = world::descheduling(scenario, &prepared.kube)? {
        parts.components.push(Box::new(Descheduler::new(options)));
    }
    if let Some(deliveries) = world::delivery(scenario)? {
        parts.components.push(Box::new(deliveries));
    }
    if let Some(keeper) = world::storage(scenario, &prepared.nodes)? {
        parts.components.push(Box::new(keeper));
    }
    // Kubelets wait for volumes by themselves.
    let mut known = parts.components.iter();
    let waits = known.any(|part| part.name() == AttachDetach::NAME);
    if let Some(options) = attach.filter(|own| !waits && !own.kept.is_empty()) {
        parts.components.push(Box::new(AttachDetach::new(options)));
        parts.agent = Box::new(AwaitsVolumes::new(parts.agent));
    }
    let provider = prepared.provider.as_ref();
    let cluster = at_start(prepared);
    let autoscalers = world::node_autoscalers(scenario, provider, &prepared.kube, cluster)?;
    parts.components.extend(autoscalers);
    world::check_programs(scenario, &parts.components)?;
    Ok(parts)
}

/// Setup of the scheduler of a scenario.
fn setup(scenario: &Scenario, prepared: &Prepared) -> Setup {
    Setup {
        seed: scenario.seed,
        scheduler: 0,
        typical_pods: prepared.typical.clone().unwrap_or_default(),
        gpu_models: world::gpu_models(&prepared.nodes),
        node_ranks: prepared.workload.node_ranks.as_deref().map(Arc::from),
    }
}

/// The cluster as a run begins.
fn at_start(prepared: &Prepared) -> ClusterAtStart<'_> {
    let controllers = prepared.controllers.as_ref();
    ClusterAtStart {
        nodes: &prepared.nodes,
        unix_secs: controllers.map(|own| own.zero_unix_secs),
    }
}

/// The pods that fragmentation is measured with; `None` without GPUs.
pub(super) fn typical(workload: &Workload, nodes: &[Arc<Node>]) -> Option<Arc<TypicalPods>> {
    let shapes = &workload.shapes;
    (!shapes.is_empty()).then(|| Arc::new(world::typical_pods(shapes, nodes)))
}

/// Refuses machines without an end under a consolidation without a latest stop.
pub(super) fn refuse_endless_consolidation(
    scenario: &Scenario,
    workload: &Workload,
) -> Result<(), BuildError> {
    if scenario.system.name != "consolidation" || scenario.stop.at.is_some() {
        return Ok(());
    }
    let mut source = workload.source.fork()?;
    let mut endless = None;
    while let Some(arrival) = source.next()? {
        if arrival.run_time.is_none() {
            endless = Some(arrival.name.to_string());
            break;
        }
    }
    let mut residents = workload.residents.iter();
    let resident = residents.find(|own| own.run_time.is_none());
    let endless = endless.or_else(|| resident.map(|own| own.name.to_string()));
    let Some(name) = endless else {
        return Ok(());
    };
    Err(BuildError::Experiment(format!(
        "stop: the machine `{name}` has no end, and the system `consolidation` looks at it again and again, \
         so the run would never end; write a latest time, such as `stop: {{at: 1d}}`"
    )))
}

/// Refuses what the system of this scenario does not look at: a setting without effect would be
/// taken for one that makes no difference.
fn without_effect(scenario: &Scenario, kind: SchedulerKind) -> Result<(), BuildError> {
    let (system, scheduler) = (&scenario.system.name, &scenario.system.scheduler);
    let share = scheduler.percentage_of_nodes_to_score.unwrap_or(100);
    let plans_jobs = kind == SchedulerKind::Planner;
    let words = match (plans_jobs, scheduler.backfill, &scheduler.queue) {
        (false, backfill, _) if backfill != Backfill::None => format!(
            "backfill: the system `{system}` places one pod at a time and does not backfill; \
             leave it out, or write `name: batch` under `system`"
        ),
        (false, _, Some(queue)) if job_order(queue).is_some() => format!(
            "queue: `{queue}` orders the jobs of the system `batch`, not the pods of `{system}`; \
             write `name: batch` under `system`, or one of the queue orders that \
             `windtunnel systems` lists"
        ),
        (true, ..) if !scheduler.plugins.is_empty() => format!(
            "plugins: the system `{system}` plans jobs and has no plugins; leave them out, or \
             write `name: pipeline` under `system`"
        ),
        (true, ..) if scheduler.profile != schema::Scheduler::default().profile => format!(
            "profile: the system `{system}` plans jobs by `queue` and `backfill`, not by a \
             profile; leave it out, or write `name: pipeline` under `system`"
        ),
        (false, ..) if kind == SchedulerKind::KubeScheduler => {
            return exact_without_effect(scheduler);
        }
        (false, ..) if scheduler.config.is_some() => format!(
            "config: the system `{system}` is not kube-scheduler; leave `config` out, or write \
             `name: kubernetes`"
        ),
        (false, ..) if share != 100 => format!(
            "percentageOfNodesToScore: {share} is not modelled for the system `{system}`, which \
             evaluates every node; write 100"
        ),
        _ => match kube_field(scheduler) {
            Some(field) => format!(
                "{field}: the system `{system}` is not kube-scheduler; leave `{field}` out, or \
                 write `name: kubernetes`"
            ),
            None => return Ok(()),
        },
    };
    Err(BuildError::Policy(words))
}

/// The first stated setting that kube-scheduler alone reads, by its name in the file.
fn kube_field(scheduler: &schema::Scheduler) -> Option<&'static str> {
    let usual = schema::Scheduler::default();
    let stated = [
        ("release", scheduler.release != usual.release),
        ("changes", scheduler.changes != usual.changes),
        ("bindingTime", scheduler.binding_time != usual.binding_time),
        (
            "evictionTime",
            scheduler.eviction_time != usual.eviction_time,
        ),
    ];
    let mut stated = stated.into_iter().filter(|&(_, is_stated)| is_stated);
    stated.next().map(|(field, _)| field)
}

/// Settings without effect for a system that has options of its own.
fn own_without_effect(scenario: &Scenario) -> Result<(), BuildError> {
    let scheduler = &scenario.system.scheduler;
    // Whoever calls decides on the answers of extenders, and no file.
    let usual = schema::Scheduler {
        extender_answers: scheduler.extender_answers.clone(),
        ..schema::Scheduler::default()
    };
    if *scheduler == usual {
        return Ok(());
    }
    let system = &scenario.system.name;
    Err(BuildError::Policy(format!(
        "the system `{system}` has no such settings; leave `scheduler` out and write its own \
         under `system.{system}`"
    )))
}

/// Settings without effect for kube-scheduler itself.
fn exact_without_effect(scheduler: &schema::Scheduler) -> Result<(), BuildError> {
    let has_settings =
        !scheduler.plugins.is_empty() || scheduler.percentage_of_nodes_to_score.is_some();
    let words = if scheduler.queue.is_some() {
        "queue: kube-scheduler orders its queue by priority and time; leave it out"
    } else if matches!(
        scheduler.tie_break,
        Some(TieBreak::Rank | TieBreak::RoundRobin)
    ) {
        "tieBreak: `rank` and `round-robin` are for the profiles of the system `pipeline`; write \
         `random` or `first`"
    } else if scheduler.config.is_some() && has_settings {
        "config: a KubeSchedulerConfiguration states plugins and percentageOfNodesToScore itself; \
         write them there, or leave `config` out"
    } else {
        return Ok(());
    };
    Err(BuildError::Policy(words.to_owned()))
}

/// The policy that a tie-breaking rule stands for.
const fn tie_break(rule: TieBreak) -> &'static str {
    match rule {
        TieBreak::Random => "random",
        TieBreak::First => "first",
        TieBreak::Rank => "rank",
        TieBreak::RoundRobin => "round-robin",
    }
}

/// Objects that schedulers look at around nodes and pods; queues among them give places on these nodes.
pub(super) fn kube(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<KubeRequest, BuildError> {
    let mut kube = world::kube_request(scenario, files, manifests, remarks)?;
    if scenario.system.controllers.is_some() {
        remarks.note_all(immediate_claims::bind(&mut kube.objects, nodes));
    } else {
        remarks.note_all(immediate_claims::left(&kube.objects));
    }
    let remarked = world::queueing::check_nodes(&kube.objects.queueing, nodes)?;
    remarks.note_all(remarked);
    remarks.note_all(scenario::silent::notes(&scenario.system, systems::SECTIONS));
    if let Some(line) = scenario::silent::unknown_use(scenario) {
        remarks.note(line);
    }
    Ok(kube)
}

/// Gives controllers the release that a scenario follows and the date of a dump, unless the scenario states
/// another: schedules go on from where the dump left them.
pub(super) fn complete(
    controllers: Option<&mut ControllerOptions>,
    scenario: &Scenario,
    zero: Option<i64>,
) {
    let Some(own) = controllers else { return };
    own.changes = scenario.system.controllers_changes();
    let stated = scenario.system.controllers.as_ref();
    let is_open = stated.is_some_and(|stated| stated.start_date.is_none());
    if let Some(zero) = zero.filter(|_| is_open) {
        own.zero_unix_secs = zero;
    }
}

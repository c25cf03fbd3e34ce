//! Conversion of what a scenario says of its system to the parts that run.

use std::sync::Arc;

use autoscale::descheduler::Descheduler;
use autoscale::workloads::{AutoscalerOptions, Autoscalers};
use control::Stepping;
use control::controllers::manager::ControllerOptions;
use model::Node;
use policy::backfill::shutdown::ShutdownOptions;
use policy::job_order::job_order;
use policy::job_order::queues::QueueOptions;
use policy::job_order::slurm::accounts::{Account, Tree};
use policy::job_order::slurm::multifactor::{SizeRule, Weights};
use policy::job_order::slurm::{FairShare, SlurmOptions, Standing};
use policy::{PluginOverride, ProfileChoice, Setup};
use scenario::Scenario;
use scenario::schema::{self, Backfill, FairShareRule, TieBreak};
use scheduler::pipeline::evaluate::Form;
use systems::batch::BatchOptions;
use systems::{KubeRequest, RunsWorkloads, SchedulerKind, SystemParts, SystemRequest, TimeLimits};

use super::Prepared;
use units::{Duration, SortedMap, TenantId};
use world::{self, BuildError, FileSource, ManifestFiles, Remarks, Workload};

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
    jobs.orders.slurm = slurm_options(scheduler)?;
    jobs.orders.queues = queue_options(scheduler)?;
    jobs.shutdown = shutdown_options(scheduler)?;
    let options = prepared.options.clone().with(jobs);
    let options = options.with(prepared.kube.clone());
    let request = SystemRequest {
        setup: Setup {
            seed: scenario.seed,
            scheduler: 0,
            typical_pods: prepared.typical.clone().unwrap_or_default(),
            gpu_models: world::gpu_models(&prepared.nodes),
            node_ranks: prepared.workload.node_ranks.as_deref().map(Arc::from),
        },
        profile,
        options,
        controllers: (prepared.controllers.clone()).map(|own| ControllerOptions {
            volumes: world::attach_options(scenario, &prepared.kube.objects),
            ..own
        }),
        form,
        time_limits: TimeLimits::Ignored,
        images: prepared.images.as_ref().map(|(pulls, _)| pulls.clone()),
    };
    let mut parts = (entry.build)(&request).map_err(|error| wrong(&error))?;
    parts.components.extend(world::node_life(scenario));
    if let Some(options) = &prepared.autoscaling {
        parts
            .components
            .push(Box::new(Autoscalers::new(options.clone())));
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
    let provider = prepared.provider.as_ref();
    let autoscalers = world::node_autoscalers(scenario, provider, &prepared.kube)?;
    parts.components.extend(autoscalers);
    Ok(parts)
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

/// Options of Slurm's order.
fn slurm_options(scheduler: &schema::Scheduler) -> Result<SlurmOptions, BuildError> {
    let Some(written) = &scheduler.slurm else {
        return Ok(SlurmOptions::default());
    };
    let wrong = |what: &str| Err(BuildError::Policy(what.to_owned()));
    if scheduler.queue.as_deref() != Some("slurm") {
        return wrong(
            "slurm: these options belong to the queue order `slurm`; write `queue: slurm`, or \
             leave them out",
        );
    }
    if written.max_age <= Duration::ZERO || written.calc_period <= Duration::ZERO {
        return wrong(
            "slurm: `maxAge` and `calcPeriod` must be above 0s, such as `maxAge: 7d` and \
             `calcPeriod: 5m`",
        );
    }
    if written.half_life < Duration::from_secs(1) {
        return wrong("slurm: `halfLife` must be at least 1s, such as `halfLife: 7d`");
    }
    if written.damp == 0 {
        return wrong("slurm: `damp` must be at least 1, which dampens nothing");
    }
    Ok(SlurmOptions {
        weights: Weights {
            age: written.age_weight,
            fair_share: written.fair_share_weight,
            job_size: written.job_size_weight,
            qos: written.qos_weight,
            association: written.association_weight,
            ..Weights::default()
        },
        max_age: written.max_age,
        half_life: written.half_life,
        period: written.calc_period,
        size: SizeRule {
            favor_small: written.favor_small,
            relative_to_time: written.relative_to_time,
        },
        fair_share: match written.fair_share {
            FairShareRule::FairTree => FairShare::FairTree,
            FairShareRule::Classic => FairShare::Classic {
                damp: f64::from(written.damp),
            },
        },
        accounts: accounts(written),
        standings: standings(written),
    })
}

/// The number of a user among the tenants of the workload.
fn user_number(written: &schema::Slurm, user: &str) -> TenantId {
    let place = written.users().position(|own| own == user);
    TenantId(place.unwrap_or_default() as u32)
}

/// The standing of each user: that of the account, over the largest one.
fn standings(written: &schema::Slurm) -> SortedMap<TenantId, Standing> {
    let most = |value: fn(&schema::SlurmAccount) -> u32| {
        let greatest = written.accounts.iter().map(value).max();
        f64::from(greatest.unwrap_or(0).max(1))
    };
    let (qos, association) = (most(|own| own.qos), most(|own| own.priority));
    let standing = |own: &schema::SlurmAccount| Standing {
        qos: f64::from(own.qos) / qos,
        association: f64::from(own.priority) / association,
    };
    let of_users = written.accounts.iter().flat_map(|own| {
        let users = own.users.keys();
        users.map(move |user| (user_number(written, user), standing(own)))
    });
    of_users.collect()
}

/// Queues of the orders that choose a queue first, in which tenants are those of the workload.
fn queue_options(scheduler: &schema::Scheduler) -> Result<Vec<QueueOptions>, BuildError> {
    let wrong = |what: &str| Err(BuildError::Policy(what.to_owned()));
    let order = scheduler.queue.as_deref();
    let queues = &scheduler.queues;
    if !queues.is_empty() && !matches!(order, Some("volcano" | "yunikorn")) {
        return wrong(
            "queues: these belong to the queue orders `volcano` and `yunikorn`; write `queue: volcano` or \
             `queue: yunikorn`, or leave them out",
        );
    }
    if order == Some("volcano") && queues.iter().any(|own| own.priority.is_some()) {
        return wrong(
            "queues: `volcano` has no priorities of queues; write `weight`, or leave `priority` out",
        );
    }
    if order == Some("yunikorn") && queues.iter().any(|own| own.weight.is_some()) {
        return wrong(
            "queues: `yunikorn` has no weights of queues; write `guaranteed`, or leave `weight` out",
        );
    }
    let queue = |(number, own): (u32, &schema::JobQueue)| QueueOptions {
        tenant: TenantId(number),
        weight: own.weight.unwrap_or(1),
        priority: own.priority.unwrap_or(0),
        guaranteed: own.guaranteed.map(i64::from),
        capability: own.capability.map(i64::from),
    };
    Ok((0..).zip(queues).map(queue).collect())
}

/// The tree of accounts, in which users are the tenants of the workload.
fn accounts(written: &schema::Slurm) -> Tree {
    let number = |user: &String| user_number(written, user);
    let mut tree = Tree::default();
    let mut waiting: Vec<&schema::SlurmAccount> = written.accounts.iter().collect();
    // Those whose account above is there already, until all are.
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|own| {
            let place = |name: &String| tree.accounts.iter().position(|own| own.name == *name);
            let parent = own.parent.as_ref().map(place);
            if parent == Some(None) {
                return true;
            }
            let users = own.users.iter();
            tree.accounts.push(Account {
                name: own.name.clone(),
                parent: parent.flatten(),
                shares: own.shares,
                users: users
                    .map(|(user, &shares)| (number(user), shares))
                    .collect(),
            });
            false
        });
        if waiting.len() == before {
            break;
        }
    }
    tree
}

/// Options of the rules that switch hosts off and on.
fn shutdown_options(scheduler: &schema::Scheduler) -> Result<ShutdownOptions, BuildError> {
    let Some(written) = &scheduler.shutdown else {
        return Ok(ShutdownOptions::default());
    };
    let is_shutdown = matches!(
        scheduler.backfill,
        Backfill::InertialShutdown | Backfill::OpportunisticShutdown
    );
    if !is_shutdown {
        return Err(BuildError::Policy(
            "shutdown: these options belong to the rules that switch hosts off and on; write \
             `backfill: inertial-shutdown` or `backfill: opportunistic-shutdown`, or leave them out"
                .to_owned(),
        ));
    }
    Ok(ShutdownOptions {
        switch_on: written.switch_on,
        switch_off: written.switch_off,
        planned_switch_on: written.planned_switch_on.unwrap_or(written.switch_on),
        manager_delay: written.manager_delay,
        period: written.period,
        idle_time: written.idle_time,
        is_prompt: written.prompt,
        kept_awake: written.kept_awake,
        factor: written.factor,
        increment: written.increment,
        horizon: written.horizon,
    })
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
    if scenario.system.scheduler == schema::Scheduler::default() {
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
    let kube = world::kube_request(scenario, files, manifests, remarks)?;
    let remarked = world::queueing::check_nodes(&kube.objects.queueing, nodes)?;
    remarks.note_all(remarked);
    Ok(kube)
}

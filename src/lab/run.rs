//! Running one variant: from its plan to its metrics.

use std::sync::Arc;

use thiserror::Error;

use crate::cluster::Observer;
use crate::cluster::fragmentation::TypicalPods;
use crate::control::autoscale::manager::{AutoscalerOptions, Autoscalers};
use crate::control::controllers::manager::ControllerOptions;
use crate::control::descheduler::Descheduler;
use crate::control::operation::Operation;
use crate::control::probe::Probed;
use crate::control::scheduler::evaluate::Form;
use crate::control::{Component, Probe};
use crate::metrics::arrived::PUBLISHED_COLUMNS;
use crate::metrics::{
    Economics, PodSink, Purpose, RecordError, Recorder, Resource, RunMetrics, SeriesSink,
    Setup as MetricSetup, WarmUpFinder, Window, WorkloadMix,
};
use crate::model::Node;
use crate::policy::job_order::job_order;
use crate::policy::{PluginOverride, ProfileChoice, Setup};
use crate::scenario::Scenario;
use crate::scenario::scalar::NoneOr;
use crate::scenario::schema::{self, Backfill, DecisionTime, MeasuredWindow, StopWhen, TieBreak};
use crate::sim::images::ImageModel;
use crate::sim::traffic::TrafficPlan;
use crate::sim::{
    CellParts, End, Environment, NodeLoss, Options, RunControl, SimError, Simulation, Stop,
    UsageOptions,
};
use crate::systems::batch::BatchOptions;
use crate::systems::kubelet::PullOptions;
use crate::systems::mapping::Mapping;
use crate::systems::{KubeRequest, RunsWorkloads, SystemOptions, SystemRequest, TimeLimits};
use crate::units::{Duration, Instant};

use super::build::{
    self, BuildError, FileSource, ManifestFiles, ProviderPlan, Remarks, StartUpValues, Workload,
};
use super::report_data::{Collector, VariantData};
use super::travel::{self, Stopover};

mod labelled;
mod watching;

use labelled::LabelledSource;
pub(super) use labelled::OUTPUT;
use watching::{Nobody, Watching};

/// Why a variant has no result.
#[derive(Debug, Error)]
pub enum RunError {
    /// It can't be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It can't be simulated on.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// Its results can't be kept.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A variant that is ready to run.
pub struct Prepared {
    /// Its nodes.
    pub nodes: Vec<Arc<Node>>,
    /// What arrives.
    pub workload: Workload,
    /// The workload that fragmentation is measured against; `None` without GPUs.
    pub typical: Option<Arc<TypicalPods>>,
    /// The shapes of its pods.
    pub mix: Arc<WorkloadMix>,
    /// What its nodes cost and draw.
    pub economics: Arc<Economics>,
    /// What the exact scheduler of Kubernetes is made from, where that one is asked for.
    pub kube: KubeRequest,
    /// What its controllers are made from, if it has some.
    pub controllers: Option<ControllerOptions>,
    /// What users do, in order of time.
    pub operations: Vec<(Instant, Operation)>,
    /// What fails.
    pub failures: build::Failures,
    /// What pods use.
    pub usage: UsageOptions,
    /// Options of the system of its own.
    pub options: SystemOptions,
    /// What its system can't express of the workload.
    pub mapping: Mapping,
    /// What its autoscalers are made from, if it has some.
    pub autoscaling: Option<AutoscalerOptions>,
    /// How nodes pull images, and what carries them; `None` takes no time.
    pub images: Option<(PullOptions, ImageModel)>,
    /// What start-up times are drawn from, where files say it.
    pub start_up: StartUpValues,
    /// Where machines come from while it runs, if from anywhere.
    pub provider: Option<ProviderPlan>,
    /// Who asks the services, if anybody does.
    pub traffic: Option<Arc<TrafficPlan>>,
    /// What is to be known of the files that were read.
    pub remarks: Remarks,
    /// Tells where work is being done.
    pub probe: Probe,
}

/// Reads the nodes and the workload of a scenario.
pub fn prepare(scenario: &Scenario, files: &FileSource<'_>) -> Result<Prepared, BuildError> {
    let mut remarks = Remarks::new(build::is_exact(scenario));
    let controllers = build::controllers(scenario)?;
    let mut manifests = ManifestFiles::new(build::runs_workloads(scenario));
    let mut nodes = build::nodes(scenario, files, &mut manifests, &mut remarks)?;
    let provider = build::provider(scenario, files)?;
    if let Some(plan) = &provider {
        nodes.extend(plan.initial.iter().cloned());
    }
    let workload = build::workload(scenario, &nodes, files, &mut manifests, &mut remarks)?;
    let fitting = (nodes.as_slice(), workload.classes.as_slice());
    let mapping = build::mapping(scenario, fitting, files, &mut manifests, &mut remarks)?;
    let typical = (!workload.shapes.is_empty())
        .then(|| Arc::new(build::typical_pods(&workload.shapes, &nodes)));
    let mix = Arc::new(build::workload_mix(&workload.classes, &nodes));
    let economics = Arc::new(build::economics(
        scenario,
        &nodes,
        files,
        provider.as_ref(),
    )?);
    let kube = build::kube_request(scenario, files, &mut manifests, &mut remarks)?;
    let operations = build::operations(scenario, &nodes, files, &mut manifests, &mut remarks)?;
    let failures = build::failures(scenario, &nodes, files, &mut remarks)?;
    let mut usage = build::usage(scenario, files, &workload, &operations)?;
    let options = build::system_options(scenario, &nodes, files)?;
    let autoscaling = build::autoscalers(
        scenario,
        controllers.as_ref(),
        &operations,
        &usage,
        &mut remarks,
    )?;
    let images = build::images(scenario, &nodes)?;
    let traffic = build::traffic(scenario, &operations, files, &mut remarks)?;
    usage.serves_traffic = traffic.is_some();
    usage.cpu_per_request = scenario.models.services.cpu_per_request;
    let start_up = build::start_up_values(scenario, files)?;
    Ok(Prepared {
        nodes,
        workload,
        typical,
        mix,
        economics,
        kube,
        controllers,
        operations,
        failures,
        usage,
        options,
        mapping,
        autoscaling,
        images,
        start_up,
        provider,
        traffic,
        remarks,
        probe: Probe::default(),
    })
}

/// Where the tables of a run go.
#[derive(Default)]
pub struct Tables<'s> {
    /// The time series.
    pub series: Option<Box<dyn SeriesSink + 's>>,
    /// The table of pods.
    pub pods: Option<Box<dyn PodSink + 's>>,
    /// How many pods the report may list; nothing is collected for it if this is `None`.
    pub report_pods: Option<usize>,
    /// Somebody else who watches.
    pub watch: Option<&'s mut dyn Observer>,
}

/// What a run came to.
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Its metrics.
    pub metrics: RunMetrics,
    /// Nodes at the start.
    pub nodes: u64,
    /// Pods submitted.
    pub pods: u64,
    /// What the input says that is not modelled, and the dirt in it, one line each.
    pub remarks: Vec<String>,
    /// What the system can't express of the workload.
    pub mapping: Mapping,
    /// What the report draws, where it was asked for; its name is left to the caller.
    pub report: Option<VariantData>,
}

/// Runs a prepared variant.
pub fn run(
    scenario: &Scenario,
    prepared: Prepared,
    form: Form,
    tables: Tables<'_>,
    control: &mut RunControl<'_>,
) -> Result<Outcome, RunError> {
    run_through(scenario, prepared, (form, None), tables, control)
}

/// Runs a prepared variant through a stop on the way, if there is one.
#[expect(
    clippy::too_many_lines,
    reason = "a run from its setup to its end, in order"
)]
pub fn run_through(
    scenario: &Scenario,
    prepared: Prepared,
    (form, stopover): (Form, Option<&mut Stopover<'_>>),
    tables: Tables<'_>,
    control: &mut RunControl<'_>,
) -> Result<Outcome, RunError> {
    let (window, unsteady) = match scenario.metrics.window {
        MeasuredWindow::Auto => match warm_up(scenario, &prepared, form, control)? {
            Ok(from) => (Window::since(from), None),
            Err(why) => (Window::since(warmup_end(scenario)), Some(why)),
        },
        _ => (declared_window(scenario), None),
    };
    let setup = MetricSetup {
        window,
        purpose: purpose(scenario),
        unsteady,
        slowdown_bound: scenario.metrics.slowdown_bound,
        min_ready_percent: scenario.metrics.min_ready_percent,
        typical: prepared.typical.clone(),
        mix: Some(Arc::clone(&prepared.mix)),
        economics: Some(Arc::clone(&prepared.economics)),
        alerts: build::alerts(scenario),
        route: build::route(scenario),
    };
    let probe = prepared.probe.clone();
    let mut recorder = Recorder::new(&setup);
    if prepared.workload.is_fill_up {
        recorder = recorder.with_arrived(PUBLISHED_COLUMNS);
    }
    if let Some(sink) = tables.series {
        recorder =
            recorder.with_series(scenario.metrics.resolution, labelled::series(sink, &probe));
    }
    if let Some(sink) = tables.pods {
        recorder = recorder.with_pods(labelled::pods(sink, &probe));
    }
    let node_count = prepared.nodes.len() as u64;
    let resource = if prepared.nodes.iter().any(|node| node.gpu.is_some()) {
        Resource::Gpu
    } else {
        Resource::Cpu
    };
    let operations = || {
        // What is done at zero is how the run begins.
        let operations = prepared.operations.iter();
        let operations = operations.filter(|(at, _)| *at > Instant::ZERO);
        let named = operations.map(|(at, operation)| (*at, operation.to_string()));
        named.collect()
    };
    let shares_cores = build::contention(scenario)?.is_some_and(|own| own.cpu);
    let report = (tables.report_pods).map(|pods| {
        Collector::new(resource, pods)
            .with_operations(operations())
            .with_contention(shares_cores)
    });
    let mut observer = Watching::new(recorder, report, tables.watch, &probe);
    let turn = match &stopover {
        Some(stopover) => travel::turn(stopover, &prepared, form)?,
        None => None,
    };
    let mapping = prepared.mapping.clone();
    let (options, cell, mut remarks) = world(scenario, prepared, form)?;
    let mut simulation = Simulation::new(options, vec![cell], &mut observer)?;
    let end = match stopover {
        Some(stopover) => travel::run(&mut simulation, stopover, turn, control)?,
        None => simulation.run(control)?,
    };
    remarks.ledger(simulation.ledger(0));
    remarks.autoscalers(simulation.store(0));
    let (store, at) = (simulation.into_store(0), end.at);
    let pods = u64::from(store.pods().created());
    let (metrics, report) = observer.finish(at, &store)?;
    remarks.fights(&metrics);
    Ok(Outcome {
        end,
        metrics,
        nodes: node_count,
        pods,
        remarks: remarks.lines(),
        mapping,
        report,
    })
}

/// Runs a prepared variant and measures nothing: what measuring costs is judged against it.
pub fn run_unmeasured(
    scenario: &Scenario,
    prepared: Prepared,
    form: Form,
    control: &mut RunControl<'_>,
) -> Result<End, RunError> {
    run_watched(scenario, prepared, form, &mut Nobody, control)
}

/// Runs a prepared variant under somebody's eyes, and measures nothing.
pub fn run_watched(
    scenario: &Scenario,
    prepared: Prepared,
    form: Form,
    observer: &mut dyn Observer,
    control: &mut RunControl<'_>,
) -> Result<End, RunError> {
    let (options, cell, _) = world(scenario, prepared, form)?;
    let mut simulation = Simulation::new(options, vec![cell], observer)?;
    Ok(simulation.run(control)?)
}

/// Where the warm-up ends by MSER-5, found by a run of its own; the inner error says why it can't be
/// found.
fn warm_up(
    scenario: &Scenario,
    prepared: &Prepared,
    form: Form,
    control: &mut RunControl<'_>,
) -> Result<Result<Instant, String>, RunError> {
    let again = Prepared {
        workload: prepared.workload.fork().map_err(BuildError::Trace)?,
        nodes: prepared.nodes.clone(),
        typical: prepared.typical.clone(),
        mix: Arc::clone(&prepared.mix),
        economics: Arc::clone(&prepared.economics),
        kube: prepared.kube.clone(),
        controllers: prepared.controllers.clone(),
        operations: prepared.operations.clone(),
        failures: prepared.failures.clone(),
        usage: prepared.usage.clone(),
        options: prepared.options.clone(),
        mapping: Mapping::default(),
        autoscaling: prepared.autoscaling.clone(),
        images: prepared.images.clone(),
        start_up: prepared.start_up.clone(),
        provider: prepared.provider.clone(),
        traffic: prepared.traffic.clone(),
        remarks: Remarks::default(),
        probe: prepared.probe.clone(),
    };
    let (options, cell, _) = world(scenario, again, form)?;
    let mut finder = WarmUpFinder::default();
    let mut simulation = Simulation::new(options, vec![cell], &mut finder)?;
    let end = simulation.run(control)?;
    let store = simulation.into_store(0);
    let found = finder.finish(end.at, &store);
    Ok(found.map(|from| from.max(warmup_end(scenario))))
}

fn warmup_end(scenario: &Scenario) -> Instant {
    Instant::ZERO + scenario.metrics.warmup
}

/// A run that is measured as a whole is described as it was; whoever cuts it is after a steady
/// state.
fn purpose(scenario: &Scenario) -> Purpose {
    let metrics = &scenario.metrics;
    if metrics.window == MeasuredWindow::Full && metrics.warmup == Duration::ZERO {
        Purpose::Describe
    } else {
        Purpose::SteadyState
    }
}

/// The window that a scenario states.
fn declared_window(scenario: &Scenario) -> Window {
    match scenario.metrics.window {
        MeasuredWindow::Full | MeasuredWindow::Auto => Window::since(warmup_end(scenario)),
        MeasuredWindow::Time { from, to } => Window::Time {
            from: from.map_or(warmup_end(scenario), |from| Instant::ZERO + from),
            until: to.map(|to| Instant::ZERO + to),
        },
        MeasuredWindow::Jobs { from, until } => Window::Jobs { from, until },
    }
}

/// The world of a prepared variant.
fn world(
    scenario: &Scenario,
    prepared: Prepared,
    form: Form,
) -> Result<(Options, CellParts, Remarks), RunError> {
    let parts = system(scenario, &prepared, form)?;
    let options = options(scenario, &prepared.start_up, parts.stepping)?;
    let outages = prepared.failures.outages(scenario, &prepared.nodes)?;
    let (failures, provisions) = prepared.failures.timelines(scenario, &prepared.nodes)?;
    let (mut components, mut arrivals) = (parts.components, prepared.workload.source);
    if prepared.probe.is_on() {
        let labelled = components.into_iter();
        let labelled = labelled.map(|each| Probed::new(each, &prepared.probe));
        components = labelled
            .map(|each| -> Box<dyn Component> { Box::new(each) })
            .collect();
        arrivals = Box::new(LabelledSource::new(arrivals, &prepared.probe));
    }
    let cell = CellParts {
        nodes: prepared.nodes,
        components,
        agent: parts.agent,
        arrivals,
        outages,
        environment: Environment {
            failures,
            provisions,
            usage: prepared.usage,
            provider: prepared
                .provider
                .map(|plan| plan.options)
                .unwrap_or_default(),
            commitment: parts.commitment,
            images: prepared.images.map(|(_, model)| model),
            traffic: prepared.traffic,
            contention: build::contention(scenario)?,
            checkpoints: build::checkpoints(scenario)?,
        },
        residents: prepared.workload.residents,
        operations: prepared.operations,
    };
    Ok((options, cell, prepared.remarks))
}

/// The profile that a scenario chooses.
pub(super) fn profile_choice(scenario: &Scenario) -> Result<ProfileChoice, BuildError> {
    let scheduler = &scenario.system.scheduler;
    let mut profile = ProfileChoice::named(&scheduler.profile);
    profile.tie_break = scheduler.tie_break.map(|rule| tie_break(rule).to_owned());
    let is_exact = build::is_exact(scenario);
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

pub(super) fn system(
    scenario: &Scenario,
    prepared: &Prepared,
    form: Form,
) -> Result<crate::systems::SystemParts, BuildError> {
    let wrong = |error: &dyn std::fmt::Display| BuildError::Policy(error.to_string());
    let scheduler = &scenario.system.scheduler;
    let mut profile = profile_choice(scenario)?;
    let entry = crate::systems::registry::find(&scenario.system.name).map_err(|e| wrong(&e))?;
    match entry.workloads {
        RunsWorkloads::Always => own_without_effect(scenario)?,
        _ => without_effect(scenario, entry.plans_jobs)?,
    }
    let mut jobs = BatchOptions::default();
    match (&scheduler.queue, entry.plans_jobs) {
        (Some(queue), true) => jobs.order.clone_from(queue),
        (queue, _) => profile.queue_order.clone_from(queue),
    }
    jobs.backfill = match scheduler.backfill {
        Backfill::None => "none".to_owned(),
        Backfill::GreedyOnce => "greedy-once".to_owned(),
    };
    let request = SystemRequest {
        setup: Setup {
            seed: scenario.seed,
            scheduler: 0,
            typical_pods: prepared.typical.clone().unwrap_or_default(),
            node_ranks: prepared.workload.node_ranks.as_deref().map(Arc::from),
        },
        profile,
        kube: prepared.kube.clone(),
        options: prepared.options.clone(),
        jobs,
        controllers: prepared.controllers.clone(),
        form,
        time_limits: TimeLimits::Ignored,
        images: prepared.images.as_ref().map(|(pulls, _)| pulls.clone()),
    };
    let mut parts = (entry.build)(&request).map_err(|error| wrong(&error))?;
    parts.components.extend(build::node_life(scenario));
    if let Some(options) = &prepared.autoscaling {
        parts
            .components
            .push(Box::new(Autoscalers::new(options.clone())));
    }
    if let Some(options) = build::descheduling(scenario, &prepared.kube)? {
        parts.components.push(Box::new(Descheduler::new(options)));
    }
    let provider = prepared.provider.as_ref();
    let autoscalers = build::node_autoscalers(scenario, provider, &prepared.kube)?;
    parts.components.extend(autoscalers);
    Ok(parts)
}

/// Refuses what the system of this scenario does not look at: a setting without effect would be
/// taken for one that makes no difference.
fn without_effect(scenario: &Scenario, plans_jobs: bool) -> Result<(), BuildError> {
    let (system, scheduler) = (&scenario.system.name, &scenario.system.scheduler);
    let share = scheduler.percentage_of_nodes_to_score.unwrap_or(100);
    let words = match (plans_jobs, scheduler.backfill, &scheduler.queue) {
        (false, Backfill::GreedyOnce, _) => format!(
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
             write `name: kubernetes` under `system`"
        ),
        (true, ..) if scheduler.profile != schema::Scheduler::default().profile => format!(
            "profile: the system `{system}` plans jobs by `queue` and `backfill`, not by a \
             profile; leave it out, or write `name: kubernetes` under `system`"
        ),
        (false, ..) if build::is_exact(scenario) => return exact_without_effect(scheduler),
        (false, ..) if scheduler.config.is_some() => format!(
            "config: the profile `{}` is not kube-scheduler; leave `config` out, or write \
             `profile: default`",
            scheduler.profile
        ),
        (false, ..) if share != 100 => format!(
            "percentageOfNodesToScore: {share} is not modelled for the profile `{}`; write 100: \
             every node is looked at",
            scheduler.profile
        ),
        _ => return Ok(()),
    };
    Err(BuildError::Policy(words))
}

/// The same for a system that has options of its own.
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

/// The same for kube-scheduler itself.
fn exact_without_effect(scheduler: &schema::Scheduler) -> Result<(), BuildError> {
    let has_settings =
        !scheduler.plugins.is_empty() || scheduler.percentage_of_nodes_to_score.is_some();
    let words = if scheduler.queue.is_some() {
        "queue: the profile `default` is kube-scheduler, whose queue goes by priority and time; \
         leave it out"
    } else if scheduler.tie_break == Some(TieBreak::Published) {
        "tieBreak: `published` is of the profiles of the GPU packing study; write `random` or \
         `first`"
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
        TieBreak::Published => "rank",
    }
}

pub(super) fn options(
    scenario: &Scenario,
    values: &StartUpValues,
    stepping: crate::control::Stepping,
) -> Result<Options, BuildError> {
    let start_up = build::start_up(scenario, values)?;
    let decision_time = match scenario.models.decision_time {
        NoneOr::None => crate::sim::DecisionTime::default(),
        NoneOr::Some(DecisionTime::PerPod(per_pod)) => crate::sim::DecisionTime {
            per_pod,
            per_job: Duration::ZERO,
        },
        NoneOr::Some(DecisionTime::PerJob { job, task }) => crate::sim::DecisionTime {
            per_pod: task,
            per_job: job,
        },
    };
    let stop = match (scenario.stop.at, scenario.stop.when) {
        (Some(at), None) => Stop::At(Instant::ZERO + at),
        (Some(at), Some(StopWhen::Drained)) => Stop::DrainedOrAt(Instant::ZERO + at),
        (Some(at), Some(StopWhen::Idle)) => Stop::IdleOrAt(Instant::ZERO + at),
        (None, Some(StopWhen::Drained)) => Stop::Drained,
        (None, Some(StopWhen::Idle) | None) => Stop::Idle,
    };
    Ok(Options {
        seed: scenario.seed,
        stop,
        decision_time,
        start_up,
        stepping,
        node_loss: match scenario.models.node_loss {
            schema::NodeLoss::Lose => NodeLoss::Lose,
            schema::NodeLoss::Resubmit => NodeLoss::Resubmit,
        },
        node_life: build::contact(scenario),
        view_lag: scenario.models.watch_delay,
    })
}

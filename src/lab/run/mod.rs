//! Running one variant: from its plan to its metrics.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use autoscale::workloads::AutoscalerOptions;
use cluster::Observer;
use cluster::fragmentation::TypicalPods;
use control::controllers::manager::ControllerOptions;
use control::operation::Operation;
use control::probe::ComponentProbe;
use control::{Component, Probe};
use metrics::arrived_demand::PUBLISHED_COLUMNS;
use metrics::{
    Economics, PodSink, ROWS_MAX, RecordError, Recorder, Resource, SeriesSink,
    Setup as MetricSetup, Window, WorkloadMix, has_too_many_rows,
};
use model::Node;
use scenario::Scenario;
use scenario::schema::MeasuredWindow;
use scheduler::pipeline::evaluate::Form;
use sim::images::ImageModel;
use sim::traffic::TrafficPlan;
use sim::{CellParts, Environment, Options, RunControl, SimError, Simulation, UsageOptions};
use systems::kubelet::PullOptions;
use systems::mapping::Mapping;
use systems::{KubeRequest, SystemOptions};
use units::Instant;

use super::releases::releases_of;
use super::waiting::{Answer, Waiting};
use history::{Collector, VariantData};
use world::{
    self, BuildError, FileSource, ManifestFiles, ProviderPlan, Remarks, StartUpValues, Workload,
};

pub(super) mod aftermath;
mod foreign;
mod jobs;
mod labelled;
mod node_pools;
mod options;
mod outcome;
mod refusals;
mod selections;
mod short_lived;
mod stopover;
mod system;
mod unmeasured;
mod watching;
mod window;

use super::tenants::TenantNames;
pub(super) use labelled::OUTPUT;
use node_pools::{note_pools, provided};
pub(super) use options::{keeps_work, options};
pub use outcome::{Outcome, RunError};
pub use stopover::Stopover;
pub use system::{control_plane, schedulers};
pub(super) use system::{profile_choice, system};
pub(crate) use unmeasured::run_silently;
pub(super) use unmeasured::{ForkedScenario, Question, waiting_at};
pub use unmeasured::{run_unmeasured, run_watched};
use watching::Watching;
pub use window::WarmUpEnd;
pub(crate) use window::warm_up;
use window::{declared_window, purpose, warmup_end};

/// A variant that is ready to run.
pub struct Prepared {
    /// The variant's nodes.
    pub nodes: Vec<Arc<Node>>,
    /// Workload of the run.
    pub workload: Workload,
    /// The workload that fragmentation is measured against; `None` without GPUs.
    pub typical: Option<Arc<TypicalPods>>,
    /// The shapes of its pods.
    pub mix: Arc<WorkloadMix>,
    /// Prices and power models of the nodes.
    pub economics: Arc<Economics>,
    /// Settings of the exact Kubernetes scheduler, if used.
    pub kube: KubeRequest,
    /// Settings of the controllers, if any.
    pub controllers: Option<ControllerOptions>,
    /// Operations of users, in order of time.
    pub operations: Vec<(Instant, Operation)>,
    /// Failures of the scenario.
    pub failures: world::Failures,
    /// Resource usage of pods.
    pub usage: UsageOptions,
    /// Options of the system of its own.
    pub options: SystemOptions,
    /// Features of the workload that the system can't express.
    pub mapping: Mapping,
    /// Settings of the autoscalers, if any.
    pub autoscaling: Option<AutoscalerOptions>,
    /// Pulls of images by the nodes, and the network that carries them; `None` takes no time.
    pub images: Option<(PullOptions, ImageModel)>,
    /// Values of start-up times that come from files.
    pub start_up: StartUpValues,
    /// Source of machines while the run goes on, if there is one.
    pub provider: Option<ProviderPlan>,
    /// Clients of the services, if any.
    pub traffic: Option<Arc<TrafficPlan>>,
    /// Releases that the parts of the system follow, in words.
    pub releases: Vec<String>,
    /// Remarks on the files read.
    pub remarks: Remarks,
    /// Tells where work is being done.
    pub probe: Probe,
    /// End of the warm-up, where it was found beforehand, for several runs alike.
    pub warm_up: Option<WarmUpEnd>,
}

/// Reads the nodes and the workload of a scenario.
pub fn prepare(scenario: &Scenario, files: &FileSource<'_>) -> Result<Prepared, BuildError> {
    prepare_on(scenario, files, |nodes| nodes)
}

/// Reads the workload of a scenario, for other nodes than its own.
pub(crate) fn prepare_on(
    scenario: &Scenario,
    files: &FileSource<'_>,
    choose: impl FnOnce(Vec<Arc<Node>>) -> Vec<Arc<Node>>,
) -> Result<Prepared, BuildError> {
    world::check_ignored(scenario)?;
    let mut remarks = Remarks::of(scenario, files)?;
    let mut controllers = world::controllers(scenario)?;
    let mut manifests = ManifestFiles::new(world::runs_workloads(scenario))
        .adopting(controllers.is_some())
        .with_classes_of(scenario, files);
    let followed = manifests.follow(scenario, files, &mut remarks)?;
    let scenario = followed.as_ref();
    let mut nodes = world::nodes(scenario, files, &mut manifests, &mut remarks)?;
    let provider = provided(scenario, files, &mut nodes, &mut remarks)?;
    let nodes = choose(nodes);
    let workload = world::workload(scenario, &nodes, files, &mut manifests, &mut remarks)?;
    system::refuse_endless_consolidation(scenario, &workload)?;
    system::complete(controllers.as_mut(), scenario, workload.dumped_unix_secs);
    let mapping = world::mapping(
        scenario,
        &nodes,
        &workload.classes,
        files,
        &mut manifests,
        &mut remarks,
    )?;
    let plan = provider.as_ref();
    let economics = world::economics(scenario, &nodes, files, plan)?;
    let mut kube = system::kube(scenario, &nodes, files, &mut manifests, &mut remarks)?;
    note_pools(scenario, plan, &kube, &nodes, &mut remarks)?;
    let known = &world::FailureDomains::new(scenario, &nodes, plan)?;
    let operations =
        world::operations(scenario, &nodes, known, files, &mut manifests, &mut remarks)?;
    world::check_submitted_jobs(scenario, &workload, files, &mut manifests, &mut remarks)?;
    kube.federation = manifests.federation(scenario, &nodes, &mut remarks)?;
    let failures = world::failures(scenario, &nodes, known, files, &mut remarks)?;
    let declared = declared(&workload, &operations);
    remarks.note_all(world::option_notes(scenario, &nodes, &workload, &declared));
    world::watched(scenario, &declared, &manifests)?;
    let mut usage = world::usage(scenario, files, &workload, &declared)?;
    let mut autoscaling = world::autoscalers(
        scenario,
        controllers.as_ref(),
        &declared,
        &usage,
        &mut remarks,
    )?;
    world::stored_usage(autoscaling.as_mut(), &manifests, &workload, &mut remarks);
    let traffic = world::traffic(scenario, &declared, files, &mut remarks)?;
    usage.serves_traffic = traffic.is_some();
    usage.cpu_per_request = scenario.models.services.cpu_per_request;
    Ok(Prepared {
        images: world::images(scenario, &nodes)?,
        options: world::system_options(scenario, &nodes, plan, &workload, files)?,
        mix: Arc::new(world::workload_mix(&workload.classes, &nodes)),
        typical: system::typical(&workload, &nodes),
        nodes,
        workload,
        economics: Arc::new(economics),
        kube,
        controllers,
        operations,
        failures,
        usage,
        mapping,
        autoscaling,
        start_up: world::start_up_values(scenario, files)?,
        provider,
        traffic,
        releases: releases_of(scenario),
        remarks,
        probe: Probe::default(),
        warm_up: None,
    })
}

/// All objects of a run as if users created them: those that are there at its beginning come first.
fn declared(workload: &Workload, operations: &[(Instant, Operation)]) -> Vec<(Instant, Operation)> {
    let found = workload.found.objects.iter();
    let found = found.map(|own| (Instant::ZERO, Operation::Create(own.object.clone())));
    found.chain(operations.iter().cloned()).collect()
}

/// Destinations of a run's tables.
#[derive(Default)]
pub struct Tables<'s> {
    /// The time series.
    pub series: Option<Box<dyn SeriesSink + 's>>,
    /// The table of pods.
    pub pods: Option<Box<dyn PodSink + 's>>,
    /// Number of pods that the report may list; nothing is collected for it if this is `None`.
    pub report_pods: Option<usize>,
    /// Names of the tenants, for the table of pods.
    pub tenants: TenantNames,
    /// Somebody else who watches.
    pub watch: Option<&'s mut dyn Observer>,
}

/// Runs a prepared variant.
/// # Examples
///
/// An experiment is read from its text, prepared and run:
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use lab::names::Registered;
/// use scenario::{LoadOptions, SearchPath, load};
/// use world::inputs::DiskAndEmbedded;
///
/// let text = "\
/// windtunnel: v1
/// name: tiny
/// cluster: {nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 16Gi}}}]}
/// workload: [{generate: {model: lublin99, jobs: 10}}]
/// stop: {at: 30d}
/// ";
/// let options = LoadOptions {
///     sets: &[],
///     search: &SearchPath::default(),
///     lookup: &DiskAndEmbedded,
///     names: &Registered,
/// };
/// let experiment = load(text, "tiny.yaml", options).expect("an experiment");
///
/// let files = world::FileSource::of(&experiment.files);
/// let scenario = &experiment.variants[0].scenario;
/// let prepared = lab::run::prepare(scenario, &files)?;
/// let mut control = sim::RunControl {
///     interrupted: &AtomicBool::new(false),
///     progress: &mut |_| {},
/// };
/// let form = scheduler::pipeline::evaluate::Form::Incremental;
/// let tables = lab::run::Tables::default();
/// let outcome = lab::run::run(scenario, prepared, form, tables, &mut control)?;
/// assert_eq!(outcome.nodes, 2);
/// // A job is one pod, or several that start together.
/// assert!(outcome.pods >= 10);
/// # Ok::<(), lab::run::RunError>(())
/// ```
pub fn run(
    scenario: &Scenario,
    prepared: Prepared,
    form: Form,
    tables: Tables<'_>,
    control: &mut RunControl<'_>,
) -> Result<Outcome, RunError> {
    run_through(scenario, prepared, form, None, tables, control)
}

/// Runs a prepared variant with metrics, without a sign of how far it is.
pub(crate) fn run_quietly(
    scenario: &Scenario,
    prepared: Prepared,
    tables: Tables<'_>,
    interrupted: &AtomicBool,
) -> Result<Outcome, RunError> {
    let mut control = RunControl {
        interrupted,
        progress: &mut |_| {},
    };
    run(scenario, prepared, Form::Incremental, tables, &mut control)
}

/// Runs a prepared variant through a stop on the way, if there is one.
#[expect(
    clippy::too_many_lines,
    reason = "a run from its setup to its end, in order"
)]
pub fn run_through(
    scenario: &Scenario,
    mut prepared: Prepared,
    form: Form,
    stopover: Option<&mut Stopover<'_>>,
    tables: Tables<'_>,
    control: &mut RunControl<'_>,
) -> Result<Outcome, RunError> {
    let (window, unsteady) = match scenario.metrics.window {
        MeasuredWindow::Auto => {
            let found = match prepared.warm_up.take() {
                Some(found) => found,
                None => warm_up(scenario, &prepared, form, control)?,
            };
            match found {
                Ok(from) => (Window::since(from), None),
                Err(why) => (Window::since(warmup_end(scenario)), Some(why)),
            }
        }
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
        hypervisors: world::hypervisor_room(scenario)?,
        topology: prepared.kube.objects.queueing.levels(),
        quotas: prepared.kube.objects.queueing.totals(),
        alerts: world::alerts(scenario),
        route: world::route(scenario),
        selections: selections::of(scenario)?,
        keeps_work: keeps_work(scenario),
    };
    let probe = prepared.probe.clone();
    let mut recorder = Recorder::new(&setup);
    if prepared.workload.is_fill_up {
        recorder = recorder.with_arrived(PUBLISHED_COLUMNS);
    }
    if let Some(sink) = tables.series {
        let (at, resolution) = (scenario.stop.at, scenario.metrics.resolution);
        if let Some(at) = at.filter(|at| has_too_many_rows(*at, resolution)) {
            return Err(RunError::Build(BuildError::Experiment(format!(
                "metrics.resolution: a time series over {at} with a row every {resolution} has \
                 more than {ROWS_MAX} rows; give a larger resolution"
            ))));
        }
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
        { operations.map(|(at, operation)| (*at, operation.to_string())) }.collect()
    };
    let deletions = world::Deletions::among(&prepared.operations);
    let shares_cores = world::contention(scenario)?.is_some_and(|own| own.cpu);
    let report = (tables.report_pods).map(|pods| {
        Collector::new(resource, pods)
            .with_operations(operations())
            .with_economics(&prepared.economics)
            .with_contention(shares_cores)
    });
    let system = scenario.system.name.as_str();
    let mut observer = Watching::new(system, recorder, report, tables.watch, &probe);
    let turn = match &stopover {
        Some(stop) => stopover::turn(stop, &prepared, form)?,
        None => None,
    };
    let (mapping, releases) = (prepared.mapping.clone(), prepared.releases.clone());
    prepared.workload.source = tables.tenants.of(prepared.workload.source);
    let (options, cell, mut remarks) = world(scenario, prepared, form)?;
    let mut simulation = Simulation::new(options, vec![cell], &mut observer)?;
    let end = match stopover {
        Some(stop) => stopover::run(&mut simulation, stop, turn, control),
        None => simulation.run(control).map_err(RunError::Sim),
    };
    let (end, stopped) = match end {
        Err(RunError::Sim(error)) if error.keeps_results() => (simulation.stopped(), Some(error)),
        end => (end?, None),
    };
    let ledger = simulation.ledger(0);
    remarks.note_all(world::resizes_left_out(&scenario.system.name, &ledger));
    remarks.ledger(&ledger);
    remarks.autoscalers(simulation.store(0));
    remarks.gpus(simulation.store(0));
    remarks.small_requests(simulation.store(0));
    remarks.selectors(simulation.store(0), &deletions);
    remarks.note_all(world::stuck_pods(simulation.store(0), end.at));
    remarks.note_all(simulation.remarks(0));
    let answer = |pod| {
        let message = simulation.waiting_message(0, pod)?;
        let filters = simulation.waiting_filters(0, pod);
        let unprovided = simulation.unprovided(0, pod);
        Some(Answer {
            message,
            filters,
            unprovided,
        })
    };
    let waiting = Waiting::new(simulation.store(0), system, answer).noted(&mut remarks);
    let refused = selections::refused(&simulation.refused(0), &setup.selections);
    let (store, at) = (simulation.into_store(0), end.at);
    remarks.note_all(observer.aftermath(at, &store));
    let (metrics, report) = observer.finish(at, &store).map_err(|error| match error {
        RecordError::Inconsistent(what) => {
            let seed = scenario.seed;
            RunError::Sim(SimError::Invariant { at, what, seed })
        }
        other => RunError::Record(other),
    })?;
    remarks.outcome(&metrics);
    let outcome = Outcome {
        end,
        nodes: node_count,
        pods: u64::from(store.pods().created()) - metrics.moved,
        metrics,
        releases,
        remarks: remarks.lines(),
        refused,
        mapping,
        report: report.map(|report| VariantData { waiting, ..report }),
    };
    match stopped {
        None => Ok(outcome),
        Some(error) => Err(RunError::Stopped {
            error,
            outcome: Box::new(outcome),
        }),
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
    let (failures, exposure, provisions) =
        prepared.failures.timelines(scenario, &prepared.nodes)?;
    let (mut components, mut arrivals) = (parts.components, prepared.workload.source);
    if prepared.probe.is_on() {
        let labelled = components.into_iter();
        let labelled = labelled.map(|each| ComponentProbe::new(each, &prepared.probe));
        components = labelled
            .map(|each| -> Box<dyn Component> { Box::new(each) })
            .collect();
        arrivals = labelled::source(arrivals, &prepared.probe);
    }
    let provider = prepared.provider.map(|plan| plan.options);
    let cell = CellParts {
        nodes: prepared.nodes,
        components,
        agent: parts.agent,
        arrivals,
        outages,
        environment: Environment {
            failures,
            exposure,
            provisions,
            usage: prepared.usage,
            provider: provider.unwrap_or_default(),
            commitment: parts.commitment,
            images: prepared.images.map(|(_, model)| model),
            traffic: prepared.traffic,
            contention: world::contention(scenario)?,
            checkpoints: world::checkpoints(scenario)?,
            throughputs: world::throughputs(scenario)?,
            jobs: world::submitted_jobs(scenario),
            has_precedence: prepared.workload.has_precedence,
            limited_parts: world::limited_parts(scenario),
            found: world::with_claims(prepared.workload.found, &prepared.kube),
        },
        residents: prepared.workload.residents,
        operations: prepared.operations,
    };
    Ok((options, cell, prepared.remarks))
}

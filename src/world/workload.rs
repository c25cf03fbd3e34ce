//! Arrivals of a scenario.

use std::sync::Arc;

use ::units::{Duration, Instant};
use arrivals::column_mapping::ColumnMapping;
use arrivals::fill_up::{FillOrder, FillResource, FillUp, fill_up};
use arrivals::format::{Constructor, FormatEntry};
use arrivals::intern::ClassTable;
use arrivals::memory::{MemorySource, Recorded};
use arrivals::merge::Merge;
use arrivals::stream::ClassTotal;
use arrivals::tenants::ListedTenants;
use arrivals::transform::{Killed, Repeat, Scale, Window};
use arrivals::{Arrival, ArrivalSource, ReadOptions};
use cluster::fragmentation::Shape;
use formats::cut_file::check_cut_off;
use formats::registry::{FORMATS, find};
use intake::TraceError;
use k8s::{ManifestPod, Manifests};
use model::{Change, Node, PodName, Text};
use scenario::Scenario;
use scenario::job_queues::QUEUES;
use scenario::schema::{Arrivals, Depart, OnBadRow, Order, Usage, WorkloadSource, WorkloadTrace};
use sim::{InitialObjects, Resident, WaitingPod};

use super::container_ends::{end_of_containers, note_run_times};
use super::generated::generated;
use super::manifests::ManifestFiles;
use super::mix::{count, count_recorded};
use super::residents::Settling;
use super::runs_workloads::runs_workloads;
use super::shapes::shape_of;
use super::units::{submitted, units};
use super::{
    Adoption, BuildError, FileSource, Remarks, estimates, limited, partitions, read_options,
    row_policy, trace_edits,
};
use systems::batch::slurm::{ACCOUNTS, Slurm};
use systems::mesos::section::Mesos;

/// Arrivals of a scenario, and facts known about them in advance.
pub struct Workload {
    /// The arrivals.
    pub source: Box<dyn ArrivalSource>,
    /// The classes of the original workload.
    pub classes: Vec<ClassTotal>,
    /// The shapes of its arrivals, for GPU fragmentation; empty if they come by times and no node
    /// has GPUs.
    pub shapes: Vec<Shape>,
    /// Tie ranks of the nodes, where the published order drew them.
    pub node_ranks: Option<Vec<u32>>,
    /// Whether pods arrive as a fill-up, which is plotted over arrived demand.
    pub is_fill_up: bool,
    /// Pods that are on nodes when the run begins.
    pub residents: Vec<Resident>,
    /// Objects that are there when the run begins, with those of their pods that wait.
    pub found: InitialObjects,
    /// Whether an arrival waits for others.
    pub has_precedence: bool,
    /// Time of the dump that those are of, in seconds since 1970-01-01T00:00:00Z.
    pub dumped_unix_secs: Option<i64>,
}

impl Workload {
    /// Returns an independent copy of the workload, which continues at the same position.
    pub fn fork(&self) -> Result<Self, TraceError> {
        Ok(Self {
            source: self.source.fork()?,
            classes: self.classes.clone(),
            shapes: self.shapes.clone(),
            node_ranks: self.node_ranks.clone(),
            is_fill_up: self.is_fill_up,
            residents: self.residents.clone(),
            found: self.found.clone(),
            has_precedence: self.has_precedence,
            dumped_unix_secs: self.dumped_unix_secs,
        })
    }
}

/// The workload of a scenario on its nodes.
pub fn workload(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<Workload, BuildError> {
    let has_gpu = nodes.iter().any(|node| node.gpu.is_some());
    let mut all = Workload {
        source: Box::new(MemorySource::new(Recorded::default())),
        classes: Vec::new(),
        shapes: Vec::new(),
        node_ranks: None,
        is_fill_up: false,
        residents: Vec::new(),
        found: InitialObjects::default(),
        has_precedence: false,
        dumped_unix_secs: None,
    };
    usage_is_recorded(scenario)?;
    let adoption = manifests.adoption(scenario, nodes, files, remarks)?;
    all.found.objects.clone_from(&adoption.objects);
    all.dumped_unix_secs = adoption.zero_unix_secs;
    let mut settled = Settling::new(nodes, Arc::clone(&adoption), scenario.stop.at.is_some());
    let mut sources = Vec::new();
    for written in &scenario.workload {
        let source = match written {
            WorkloadSource::Trace(trace) => traced(scenario, trace, nodes, files, &mut all)?,
            WorkloadSource::Manifests { file, at } => {
                let manifests = manifests.read(file, files, remarks)?;
                settled.add(file, &manifests, remarks);
                all.found.waiting.extend(waiting(&manifests, &adoption));
                all.found.admitted.extend(admitted(&manifests));
                note_run_times(&manifests, scenario, remarks);
                declared(&manifests, &adoption, *at, !runs_workloads(scenario))
            }
            WorkloadSource::Units { .. } => submitted(&units(written, files)?.units),
            WorkloadSource::Generate(generate) => generated(scenario, generate, files)?,
        };
        let is_empty = |classes: &[ClassTotal]| classes.iter().all(|class| class.pods == 0);
        let has_none = if all.is_fill_up {
            is_empty(&all.classes)
        } else {
            let classes = count(&*source)?;
            let has_none = is_empty(&classes);
            if let WorkloadSource::Trace(trace) = written {
                remarks.note_all(limited::note(trace, &classes));
            }
            all.classes.extend(classes);
            has_none
        };
        if let (WorkloadSource::Trace(trace), true) = (written, has_none) {
            return Err(without_pods(scenario, trace, nodes, files, &mut all));
        }
        sources.push(source);
    }
    remarks.note_all(estimates::note(&scenario.system, &all.classes));
    all.has_precedence = !all.is_fill_up && all.classes.iter().any(|class| class.waiting > 0);
    if has_gpu || all.is_fill_up {
        for class in &all.classes {
            let shape = shape_of(&class.spec);
            let arrivals = std::iter::repeat_n(shape, class.arrivals as usize);
            all.shapes.extend(arrivals);
        }
    }
    all.found.nodes = settled.nodes(manifests);
    all.residents = settled.finish();
    all.source = match sources.len() {
        1 => sources.remove(0),
        _ => Merge::numbered(sources)?,
    };
    all.source = partitions::partitioned(scenario, nodes, all.source)?;
    all.source = listed(scenario, all.source);
    Ok(all)
}

/// Arrivals whose tenants are those that a scenario lists, in its order.
fn listed(scenario: &Scenario, source: Box<dyn ArrivalSource>) -> Box<dyn ArrivalSource> {
    let mut source = source;
    let slurm = scenario.system.stated::<Slurm>();
    if let Some(slurm) = slurm.filter(|slurm| !slurm.accounts.is_empty()) {
        let users: Vec<Text> = slurm.users().map(Text::from).collect();
        source = Box::new(ListedTenants::new(source, users, ACCOUNTS));
    }
    let queues = &scenario.system.scheduler.queues;
    if !queues.is_empty() {
        let tenants = queues.iter().filter_map(|own| own.tenant.as_deref());
        let tenants: Vec<Text> = tenants.map(Text::from).collect();
        source = Box::new(ListedTenants::new(source, tenants, QUEUES));
    }
    let tenants = scenario.system.own::<Mesos>().tenants();
    if scenario.system.name == systems::mesos::ENTRY.name && !tenants.is_empty() {
        let tenants: Vec<Text> = tenants.into_iter().map(|(name, _)| name).collect();
        source = Box::new(ListedTenants::new(source, tenants, "system.mesos.roles"));
    }
    source
}

/// Refusal of a trace of which no pod is left, with the first row that is none as it should be: a run without pods
/// would look like one that went well.
fn without_pods(
    scenario: &Scenario,
    trace: &WorkloadTrace,
    nodes: &[Arc<Node>],
    files: &FileSource<'_>,
    all: &mut Workload,
) -> BuildError {
    if let Some(nothing) = nothing_in(&trace.path, &trace.format, files) {
        return nothing;
    }
    let strict = WorkloadTrace {
        on_bad_row: OnBadRow::Strict,
        ..trace.clone()
    };
    let first = traced(scenario, &strict, nodes, files, all);
    let first = first.and_then(|source| Ok(count(&*source)?)).err();
    let why = first.map_or_else(
        || {
            "it has no row of one, or `ranOnly`, `minRuntime`, `onBadRow` and `arrivals` leave none"
                .to_owned()
        },
        |first| format!("no row is left, and the first that breaks a rule is {first}"),
    );
    BuildError::Experiment(format!(
        "workload: `{}` gives no pod: {why}; give a trace with pods",
        trace.path
    ))
}

/// The refusal of a trace that is an empty file; `None` of one that has anything.
pub(crate) fn nothing_in(path: &str, format: &str, files: &FileSource<'_>) -> Option<BuildError> {
    let first = files.open(path).first_bytes().ok()?;
    first.trim_ascii().is_empty().then(|| {
        BuildError::Experiment(format!(
            "`{path}` is empty; a trace of the format `{format}` is expected; copy or export it again"
        ))
    })
}

/// Whether traces of a format can say what pods used.
fn records_usage(format: &str) -> bool {
    find(format).is_some_and(|entry| entry.options.contains(&"usage"))
}

/// Checks that one of the traces records usage where usage is to be as the trace recorded it.
fn usage_is_recorded(scenario: &Scenario) -> Result<(), BuildError> {
    if !matches!(scenario.models.usage, Usage::Trace) {
        return Ok(());
    }
    let mut traces = scenario.workload.iter().filter_map(|source| match source {
        WorkloadSource::Trace(trace) => Some(&*trace.format),
        _ => None,
    });
    if traces.any(records_usage) {
        return Ok(());
    }
    let formats = FORMATS
        .iter()
        .filter(|entry| entry.options.contains(&"usage"));
    let names: Vec<&str> = formats.map(|entry| entry.name).collect();
    Err(BuildError::Experiment(format!(
        "models.usage: `trace` takes usage from the workload's trace, but no trace of the \
         workload has a format that records it; formats that do are {}; or give rules: `usage: \
         {{cpu: 50%, memory: 80%}}`",
        names.join(", ")
    )))
}

fn traced(
    scenario: &Scenario,
    trace: &WorkloadTrace,
    nodes: &[Arc<Node>],
    files: &FileSource<'_>,
    all: &mut Workload,
) -> Result<Box<dyn ArrivalSource>, BuildError> {
    let entry = find(&trace.format);
    let Some(Constructor::Workload(open)) = entry.map(|entry| entry.open) else {
        let format = &trace.format;
        return Err(BuildError::Experiment(format!(
            "`{format}` has no workload"
        )));
    };
    let reads_usage = matches!(scenario.models.usage, Usage::Trace) && records_usage(&trace.format);
    let mut options = ReadOptions {
        usage: reads_usage,
        rows: row_policy(trace.on_bad_row),
        resizes: resizes_pods(scenario),
        ran_only: trace.ran_only,
        min_runtime: trace.min_runtime,
        kill_at_walltime: trace.kill_at_walltime,
        throughputs: super::throughputs(scenario)?,
        partitions: partitions::field(scenario),
        columns: columns(scenario, trace, entry)?,
        ..ReadOptions::default()
    };
    let reading = read_options(&mut options, &trace.options)?;
    let mut input = files.open(&trace.path);
    if reading.is_cut_off {
        input = input.cut_off();
    }
    entry.map_or(Ok(()), |entry| check_cut_off(&input, entry))?;
    let mut source = open(&input, &options)?;
    if trace.kill_at_walltime {
        source = Box::new(Killed::new(source));
    }
    if reading.repeat > 1 {
        source = Box::new(Repeat::new(source, reading.repeat)?);
    }
    source = trace_edits::edited(source, &trace.edit, &trace.path)?;
    match &trace.arrivals {
        Arrivals::Times {
            window,
            scale,
            depart,
        } => {
            if let Some(window) = window {
                let (from, to) = (Instant::ZERO + window.from, Instant::ZERO + window.to);
                source = Box::new(Window::new(source, from, to));
            }
            if (*scale - 1.0).abs() > f64::EPSILON {
                source = Box::new(Scale::new(source, trace_edits::inverse_ratio(*scale)?));
            }
            stay_if_never(source, *depart)
        }
        Arrivals::FillUp {
            order,
            until,
            depart,
        } => {
            let recorded = Recorded::collect(&mut *source)?;
            let filled = filled(scenario, &recorded, nodes, *order, *until)?;
            all.classes = count_recorded(&recorded);
            all.is_fill_up = true;
            all.node_ranks = filled.1;
            stay_if_never(Box::new(MemorySource::new(filled.0)), *depart)
        }
    }
}

/// Whether pods that run are resized as their trace says: by systems whose schedulers follow what pods hold, and by
/// releases of Kubernetes that resize pods in place.
fn resizes_pods(scenario: &Scenario) -> bool {
    match &*scenario.system.name {
        "kubernetes" => { scenario.system.controllers_changes() }.has(Change::InPlaceResize),
        "pipeline" => true,
        _ => false,
    }
}

/// The arrivals of a fill-up, and tie ranks if the published order drew them.
fn filled(
    scenario: &Scenario,
    recorded: &Recorded,
    nodes: &[Arc<Node>],
    order: Order,
    until: Option<f64>,
) -> Result<(Recorded, Option<Vec<u32>>), BuildError> {
    let plain: Vec<Node> = nodes.iter().map(|node| (**node).clone()).collect();
    let seed = scenario.seed;
    let resource = FillResource::default_of(&plain);
    let until_ppm = until.map(|share| libm::rint(share * 1e6) as i64);
    let order = match order {
        Order::Trace => FillOrder::Given,
        Order::Shuffled => FillOrder::Shuffled,
        Order::Published => FillOrder::Published { seed: seed as i64 },
    };
    let config = FillUp {
        order,
        resource,
        until_ppm,
        gap: Duration::from_secs(1),
        seed,
    };
    let filled = fill_up(recorded, &plain, &config)?;
    Ok((filled.recorded, filled.node_ranks))
}

/// Columns of another table, which only the project's own stands for.
fn columns(
    scenario: &Scenario,
    trace: &WorkloadTrace,
    entry: Option<&FormatEntry>,
) -> Result<Arc<ColumnMapping>, BuildError> {
    let mapping: ColumnMapping = trace.columns.clone().into();
    if mapping.is_empty() {
        return Ok(Arc::new(mapping));
    }
    let is_own = |source: &WorkloadSource| matches!(source, WorkloadSource::Trace(own) if std::ptr::eq(own, trace));
    let place = scenario
        .workload
        .iter()
        .position(is_own)
        .unwrap_or_default();
    let wrong =
        |why: &str| BuildError::Experiment(format!("workload.{place}.trace.columns: {why}"));
    match entry.filter(|entry| entry.options.contains(&"columns")) {
        Some(entry) => {
            let known = entry.columns.iter().map(|column| column.name);
            mapping.entries(&known).map_err(|why| wrong(&why))?;
            Ok(Arc::new(mapping))
        }
        None => Err(wrong(&format!(
            "the format `{}` has columns of its own; expected `format: csv`",
            trace.format
        ))),
    }
}

/// Takes the run times away where pods are to stay.
fn stay_if_never(
    mut source: Box<dyn ArrivalSource>,
    depart: Depart,
) -> Result<Box<dyn ArrivalSource>, BuildError> {
    if depart == Depart::Trace {
        return Ok(source);
    }
    let mut recorded = Recorded::collect(&mut *source)?;
    for arrival in &mut recorded.arrivals {
        arrival.run_time = None;
    }
    Ok(Box::new(MemorySource::new(recorded)))
}

/// Pods of manifests that wait for a node and belong to an object that is there.
fn waiting(manifests: &Manifests, adoption: &Adoption) -> Vec<WaitingPod> {
    let pods = manifests.pods.iter().filter(|pod| pod.waits_for_node());
    let pods = pods.filter_map(|pod| {
        let adopted = adoption.pod(pod)?;
        Some(WaitingPod {
            name: PodName::Text(pod.name.clone()),
            spec: adopted.spec.as_ref().unwrap_or(&pod.spec).clone(),
            time_limit: pod.time_limit,
            owner: adopted.owner,
        })
    });
    pods.collect()
}

/// Namespaces and names of the pods that wait for a node and that an API server admitted: a dump states
/// when they were created.
fn admitted(manifests: &Manifests) -> impl Iterator<Item = (Text, Text)> {
    let pods = manifests.pods.iter();
    let admitted = pods.filter(|pod| pod.waits_for_node() && pod.created_unix_secs.is_some());
    admitted.map(|pod| (pod.namespace().clone(), pod.name.clone()))
}

/// Pods of manifests that wait for a node and that no object controls, submitted at their own time or at `at`; they end
/// with their containers where `ends`.
fn declared(
    manifests: &Manifests,
    adoption: &Adoption,
    at: Duration,
    ends: bool,
) -> Box<dyn ArrivalSource> {
    let mut recorded = Recorded::default();
    let mut table = ClassTable::holding(usize::MAX);
    let own = |pod: &&ManifestPod| pod.waits_for_node() && adoption.pod(pod).is_none();
    for pod in manifests.pods.iter().filter(own) {
        recorded.arrivals.push(Arrival {
            class: table.class_of((*pod.spec).clone()),
            time_limit: pod.time_limit,
            run_time: end_of_containers(&pod.spec).filter(|_| ends),
            ..Arrival::new(
                Instant::ZERO + pod.at.unwrap_or(at),
                PodName::Text(pod.name.clone()),
            )
        });
    }
    recorded.classes = table.classes().held().to_vec();
    recorded.arrivals.sort_by_key(|arrival| arrival.submit);
    Box::new(MemorySource::new(recorded))
}

//! Options of Graphene and Tetris, from the experiment file, and the plans of the jobs in the workload whose
//! tasks wait for one another: by stages of the experiment, or task by task as the trace states it.

mod linked;

use std::sync::Arc;

use arrivals::Arrival;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{Node, PodName, PodSpec, ResourceList};
use policy::graphene::{Task, preferred};
use systems::graphene::options::{
    GrapheneOptions, GrapheneOrder, GrapheneStage, Plans, StagePlan, TaskPlan,
};
use units::SortedMap;

use super::{BuildError, Workload};

/// The options of an experiment's `system.graphene`; plans are made for the workload that it is run with.
pub(super) fn graphene_options(
    written: GrapheneOptions,
    nodes: &[Arc<Node>],
    workload: Option<&Workload>,
) -> Result<GrapheneOptions, BuildError> {
    let stages = stages(&written.stages)?;
    let has_graphs = |own: &&Workload| !stages.is_empty() || own.has_precedence;
    let plans = match workload.filter(has_graphs) {
        Some(workload) => plans(&written, &stages, nodes, workload)?,
        None => Plans::default(),
    };
    Ok(GrapheneOptions {
        plans: Arc::new(plans),
        ..written
    })
}

/// The stages that each stage waits for, by their places; none waits for itself.
fn stages(written: &[GrapheneStage]) -> Result<Vec<Vec<usize>>, BuildError> {
    let wrong = |number: usize, what: String| {
        let place = format!("system.graphene.stages[{number}]");
        Err(BuildError::Experiment(format!("{place}{what}")))
    };
    let place = |name: &String| written.iter().position(|own| own.stage == *name);
    let mut stages = Vec::new();
    for (number, own) in written.iter().enumerate() {
        let name = &own.stage;
        if place(name) != Some(number) {
            return wrong(number, format!(".stage: there is a stage `{name}` already"));
        }
        let mut after = Vec::new();
        for other in &own.after {
            let Some(other) = place(other) else {
                let what = format!(
                    ".after: the stage `{name}` waits for `{other}`, which is not declared; expected the `stage` of another entry"
                );
                return wrong(number, what);
            };
            after.push(other);
        }
        stages.push(after);
    }
    let mut is_done = vec![false; stages.len()];
    loop {
        let is_next = |&own: &usize| !is_done[own] && stages[own].iter().all(|&own| is_done[own]);
        match (0..stages.len()).find(is_next) {
            Some(next) => is_done[next] = true,
            None => break,
        }
    }
    match is_done.iter().position(|is_done| !is_done) {
        Some(number) => {
            let name = &written[number].stage;
            let what = format!(
                ".after: the stage `{name}` waits for itself, or for stages that do; leave a stage out of `after`"
            );
            wrong(number, what)
        }
        None => Ok(stages),
    }
}

/// A task as the trace has it.
struct Known {
    arrival: Arrival,
    stage: usize,
    /// Parts of the cluster that a pod asks for.
    parts: Vec<f64>,
}

/// Milli-cores, bytes of memory and bytes of storage in a list.
fn amounts(list: &ResourceList) -> [i64; 3] {
    [
        list.get(CPU).milli_ceil().unwrap_or(i64::MAX),
        list.get(MEMORY).units_ceil().unwrap_or(i64::MAX),
        list.get(EPHEMERAL_STORAGE).units_ceil().unwrap_or(i64::MAX),
    ]
}

fn capacities(nodes: &[Arc<Node>]) -> [i64; 3] {
    let mut all = [0_i64; 3];
    for node in nodes {
        for (all, own) in all.iter_mut().zip(amounts(&node.allocatable)) {
            *all = all.saturating_add(own);
        }
    }
    all
}

/// Parts of the cluster that a pod asks for, as far as the cluster has any.
fn parts(spec: &PodSpec, capacities: &[i64; 3]) -> Vec<f64> {
    let asked = amounts(&spec.requests().unwrap_or_default());
    let pairs = asked.iter().zip(capacities).filter(|(_, all)| **all > 0);
    pairs
        .map(|(&asked, &all)| asked as f64 / all as f64)
        .collect()
}

/// The jobs of a workload whose tasks wait for one another.
#[derive(Default)]
struct Graphs {
    /// Jobs of the stages of the experiment by name, each with its tasks in the order of arrival.
    staged: SortedMap<String, Vec<Known>>,
    /// Tasks of no such stage, in the order of arrival.
    others: Vec<Known>,
}

/// The jobs of a workload; tasks of no stage if any task of it waits for others.
fn graphs(
    written: &[GrapheneStage],
    nodes: &[Arc<Node>],
    workload: &Workload,
) -> Result<Graphs, BuildError> {
    let mut source = workload.source.fork()?;
    let capacities = capacities(nodes);
    let mut graphs = Graphs::default();
    while let Some(arrival) = source.next()? {
        let name = arrival.name.to_string();
        // Of stages whose names end alike, the longest.
        let found = written.iter().enumerate().filter_map(|(stage, own)| {
            let job = name.strip_suffix(&own.stage)?.strip_suffix('-')?;
            Some((job.len(), job, stage))
        });
        let found = found.min();
        if found.is_none() && !workload.has_precedence {
            continue;
        }
        let spec = source.classes().get(arrival.class)?;
        let known = Known {
            parts: parts(&spec, &capacities),
            stage: found.map_or(0, |(_, _, stage)| stage),
            arrival,
        };
        match found {
            Some((_, job, _)) => graphs.staged.entry(job.to_owned()).or_default().push(known),
            None => graphs.others.push(known),
        }
    }
    Ok(graphs)
}

/// A plan for every job.
fn plans(
    written: &GrapheneOptions,
    stages: &[Vec<usize>],
    nodes: &[Arc<Node>],
    workload: &Workload,
) -> Result<Plans, BuildError> {
    let mut plans = Plans::default();
    let graphs = graphs(&written.stages, nodes, workload)?;
    let is_ordered = written.order == GrapheneOrder::Graphene;
    for (_, own) in graphs.staged {
        let first = plans.stages.len() as u32;
        for (stage, after) in stages.iter().enumerate() {
            let tasks = own.iter().filter(|known| known.stage == stage);
            plans.stages.push(StagePlan {
                tasks: tasks.map(|known| known.arrival.members).sum(),
                after: after.iter().map(|&own| first + own as u32).collect(),
            });
        }
        let order = is_ordered.then(|| order(&own, stages)).flatten();
        let stage_of = |known: &Known| first + known.stage as u32;
        add_job(&mut plans, &own, order.as_deref(), nodes.len(), stage_of);
    }
    for (own, waits) in linked::jobs(graphs.others) {
        // The run submits a task once those have ended that it waits for.
        let stage = plans.stages.len() as u32;
        plans.stages.push(StagePlan::default());
        let is_planned = is_ordered && own.len() <= linked::MOST_TASKS;
        let order = is_planned.then(|| order(&own, &waits)).flatten();
        add_job(&mut plans, &own, order.as_deref(), nodes.len(), |_| stage);
    }
    Ok(plans)
}

/// Adds a job with the order of its tasks, if it has any.
fn add_job(
    plans: &mut Plans,
    own: &[Known],
    order: Option<&[Vec<f64>]>,
    nodes: usize,
    stage_of: impl Fn(&Known) -> u32,
) {
    let job = plans.work.len() as u32;
    let mut work = 0.0;
    for (place, known) in own.iter().enumerate() {
        let arrival = &known.arrival;
        let of_pod = seconds(arrival) * known.parts.iter().sum::<f64>() * nodes as f64;
        work += of_pod * f64::from(arrival.members);
        for (pod, name) in names(arrival).into_iter().enumerate() {
            let ranks = order.map(|ranks| &ranks[place]);
            let rank = ranks.and_then(|ranks| ranks.get(pod).or(ranks.last()));
            plans.tasks.entry(name).or_insert(TaskPlan {
                job,
                stage: stage_of(known),
                preference: 1.0 - rank.copied().unwrap_or(0.0),
                work: of_pod,
            });
        }
    }
    plans.work.push(work);
}

/// The most tasks of a job of which each is placed by itself; the pods of each arrival of a larger job are planned as one.
const SINGLE_TASKS: u32 = 128;

/// The places of a job's pods in the preferred order, by arrival and then by pod, as parts of the whole order;
/// `None` if the cluster is too small for one of them.
fn order(own: &[Known], stages: &[Vec<usize>]) -> Option<Vec<Vec<f64>>> {
    let members = own.iter().map(|known| known.arrival.members);
    let are_single = members.fold(0, u32::saturating_add) <= SINGLE_TASKS;
    let parts_of = |known: &Known| if are_single { known.arrival.members } else { 1 };
    let all = || (0..own.len()).flat_map(|place| (0..parts_of(&own[place])).map(move |_| place));
    let tasks: Vec<Task> = all()
        .map(|place| {
            let known = &own[place];
            let after = &stages[known.stage];
            let parents = all().enumerate();
            let parents = parents.filter(|&(_, other)| after.contains(&own[other].stage));
            let parents = parents.map(|(task, _)| task).collect();
            if are_single {
                single(known, parents)
            } else {
                together(known, parents)
            }
        })
        .collect();
    let resources = tasks.first().map_or(0, |task| task.demand.len());
    let found = preferred(&tasks, &vec![1.0; resources])?;
    let mut ranks = vec![0.0; tasks.len()];
    for (rank, task) in found.order.into_iter().enumerate() {
        ranks[task] = rank as f64 / tasks.len() as f64;
    }
    let mut ranks = ranks.into_iter();
    let of_arrival = |known| ranks.by_ref().take(parts_of(known) as usize).collect();
    Some(own.iter().map(of_arrival).collect())
}

/// Names of the pods of an arrival.
fn names(arrival: &Arrival) -> Vec<PodName> {
    match arrival.members {
        1 => vec![arrival.name.clone()],
        members => (0..members).map(|own| arrival.name.member(own)).collect(),
    }
}

/// One pod of an arrival as a task for the planner.
fn single(known: &Known, parents: Vec<usize>) -> Task {
    Task {
        duration: seconds(&known.arrival),
        demand: known.parts.clone(),
        parents,
    }
}

/// All pods of an arrival as a task for the planner: at once, or as many at a time as the cluster has room for.
fn together(known: &Known, parents: Vec<usize>) -> Task {
    let members = f64::from(known.arrival.members);
    let widest = known.parts.iter().copied().fold(0.0, f64::max);
    let turns = (members * widest).ceil().max(1.0);
    let together = members / turns;
    Task {
        duration: seconds(&known.arrival) * turns,
        demand: known.parts.iter().map(|part| part * together).collect(),
        parents,
    }
}

/// Run time of a task as the planner knows it: that of the trace, or else the requested time.
fn seconds(arrival: &Arrival) -> f64 {
    let time = arrival.run_time.or(arrival.time_limit);
    time.map_or(0.0, units::Duration::as_secs_f64)
}

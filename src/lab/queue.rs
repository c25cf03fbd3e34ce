//! The question about a job under the queues of a cluster, out of its dump: the objects
//! are those of Kueue in the files, the job is the one of its own file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use intake::Input;
use k8s::{HomelessPods, ManifestFinding, ManifestReader};
use model::workload::{Job, LimitRange};
use model::{ClusterObjects, Node, Object, PodSpec, Text};
use units::{Duration, Instant, SortedSet, plural};

use crate::results::is_result_folder;
use crate::snapshot::{Gathered, SnapshotError, SnapshotOptions, Sources};

pub use systems::queueing::question::{
    Answer, Change, Obstacle, ObstacleAmounts, Question, Raise, RunTimes, Start, Verdict, Victim,
};

/// Beginning of the labels by which jobs name their queue.
const QUEUE_LABELS: &str = "kueue.x-k8s.io/";

/// Beginning of the names of the workloads of a `LeaderWorkerSet`, behind their namespace.
const GROUP_OF_SET: &str = "/leaderworkerset-";

/// A job and the cluster that it is asked about.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Objects of the cluster.
    pub objects: ClusterObjects,
    /// Nodes, which places in topologies are on.
    pub nodes: Vec<Arc<Node>>,
    /// Nodes of pods that have one and have not ended, and the pods.
    pub pods: Vec<(Text, Arc<PodSpec>)>,
    /// Limit ranges of the cluster.
    pub limit_ranges: Vec<Arc<LimitRange>>,
    /// The workloads that are asked about, each a job or several; of a `LeaderWorkerSet` there is one for
    /// each group.
    pub workloads: Vec<Vec<Arc<Job>>>,
    /// Instant after 1970-01-01T00:00:00Z at which a cluster took the job, if its file says so.
    pub submitted: Option<Instant>,
    /// Features of the files that the model ignores, in words.
    pub warnings: Vec<String>,
}

/// Reads the files of a cluster, and the file of a job, which may use what these declare.
///
/// # Errors
/// A file can't be read, declares what does not fit together, or has no job.
pub fn read(
    cluster: &[PathBuf],
    job: &Path,
    options: &SnapshotOptions<'_>,
) -> Result<Asked, SnapshotError> {
    let sources = Sources::new(options.traces_dirs).without(options.ignored);
    let mut sources = sources.with_workloads();
    for path in cluster {
        let name = path.display();
        if is_result_folder(path) {
            return Err(SnapshotError::Input(format!(
                "{name}: is a result of a run, which keeps no objects; give the experiment file, of which \
                 the job is asked about as at its start, or a dump"
            )));
        }
        sources.add(path)?;
    }
    let name = cluster.first().map(|path| path.display().to_string());
    let input = Input::argument(&job.display().to_string())?;
    asked(sources, name.as_deref().unwrap_or_default(), &input)
}

/// As [`read`], of inputs, each of the cluster with the place from which files that it names are found.
///
/// # Errors
/// As [`read`].
pub fn read_inputs(
    cluster: &[(Input, &Path)],
    job: &Input,
    traces_dirs: &[PathBuf],
) -> Result<Asked, SnapshotError> {
    let mut sources = Sources::new(traces_dirs).with_workloads();
    for (input, path) in cluster {
        sources.add_input(input, path)?;
    }
    let name = cluster.first().map(|(input, _)| &*input.name);
    asked(sources, name.unwrap_or_default(), job)
}

/// Answers about the workloads of a job, each after those before it. `job` names the file in messages.
///
/// # Errors
/// If a workload is none that queues know.
pub fn answers(
    asked: &Asked,
    job: &Path,
    run_times: RunTimes,
) -> Result<Vec<Answer>, SnapshotError> {
    let (mut answers, mut before) = (Vec::new(), Vec::new());
    for jobs in &asked.workloads {
        let question = Question::new(&asked.objects, jobs);
        let question = question
            .map_err(|words| SnapshotError::Input(format!("{}: {words}", job.display())))?;
        let pods = asked.pods.iter().map(|(node, spec)| (node, &**spec));
        let question = question.on(&asked.nodes, pods).with_run_times(run_times);
        let question = question.submitted(asked.submitted).after(before.clone());
        let question = question.within(&asked.limit_ranges);
        before.push(question.workload());
        answers.push(question.answer());
    }
    Ok(answers)
}

fn asked(sources: Sources<'_>, name: &str, input: &Input) -> Result<Asked, SnapshotError> {
    let mut gathered = sources.objects()?;
    let queueing = &gathered.objects.queueing;
    if queueing.queues.is_empty() {
        return Err(SnapshotError::Input(
            "the files of the cluster have no ClusterQueue; add the objects of `kubectl get \
             clusterqueues,localqueues,resourceflavors,cohorts,workloads -A -o json`"
                .to_owned(),
        ));
    }
    let files = [(name, queueing.clone())];
    let checked = world::queueing::check(&files);
    checked.map_err(|error| SnapshotError::Input(error.to_string()))?;
    settle_places(&mut gathered)?;
    let at_start = as_at_start(name, &gathered);
    gathered.findings.extend(at_start);
    let classes = gathered.admission.clone();
    let mut reader = ManifestReader::with_classes(classes).with_workloads();
    reader.read(input)?;
    let read = reader.finish();
    let times = read.workloads.iter().map(|own| own.reported.created);
    let since = |secs: i64| Some(Instant::ZERO.saturating_add(Duration::checked_from_secs(secs)?));
    let alone = read.objects.queueing.workloads.iter();
    let alone = alone
        .map(|own| own.created)
        .filter(|at| *at > Instant::ZERO);
    let submitted = times.flatten().filter_map(since).chain(alone).min();
    let jobs = read.workloads.iter().filter_map(|own| match &own.object {
        Object::Job(job) => Some((job, &own.object)),
        _ => None,
    });
    let jobs: Vec<(&Arc<Job>, &Object)> = jobs.collect();
    let workloads = by_workload(jobs.iter().map(|(job, _)| *job));
    // The queue of the job stands in another file.
    let is_other = |own: &&ManifestFinding| !(own.lacks_queues || own.field.contains(QUEUE_LABELS));
    let findings = read.findings.iter().filter(is_other);
    let findings: Vec<String> = findings
        .map(|finding| format!("{}: {finding}", input.name))
        .collect();
    let (Some((_, object)), Some(workloads)) = (jobs.first(), workloads) else {
        let left_out = findings.first().filter(|_| jobs.is_empty());
        return Err(not_one(&input.name, jobs.len(), left_out));
    };
    let doubts = world::queueing::doubts(object, &gathered.objects.queueing);
    gathered.findings.extend(doubts);
    gathered.findings.extend(findings);
    // A question of quotas alone needs no node.
    if !gathered.nodes.is_empty() {
        let names: SortedSet<&Text> = gathered.nodes.iter().map(|node| &node.name).collect();
        let homeless = HomelessPods::of(&gathered.pods, |node| names.contains(node));
        gathered.findings.splice(0..0, homeless.told(None));
    }
    let pods = gathered.pods.iter();
    let running = pods.filter(|pod| !pod.phase.is_final());
    let bound = running.filter_map(|pod| Some((pod.node_name.clone()?, Arc::clone(&pod.spec))));
    Ok(Asked {
        pods: bound.collect(),
        nodes: gathered.nodes,
        limit_ranges: gathered.declared.limit_ranges,
        workloads,
        submitted,
        objects: gathered.objects,
        warnings: gathered.findings,
    })
}

/// Words about an experiment in which jobs come later than its start.
fn as_at_start(name: &str, gathered: &Gathered) -> Option<String> {
    gathered.has_later.then(|| {
        format!(
            "{name}: the job is asked about as at the start of the experiment, where no job is admitted but \
             those that its files admit"
        )
    })
}

/// Checks the nodes that topologies are of, and leaves out those that offer no places.
fn settle_places(gathered: &mut Gathered) -> Result<(), SnapshotError> {
    let queueing = &gathered.objects.queueing;
    if queueing.flavors.iter().all(|own| own.topology.is_none()) {
        return Ok(());
    }
    if gathered.nodes.is_empty() {
        return Err(SnapshotError::Input(
            "a ResourceFlavor of the cluster has a topology, and the files have no nodes that pods \
             could get places on; add the objects of `kubectl get nodes,pods -A -o json`"
                .to_owned(),
        ));
    }
    let remarks = world::queueing::check_nodes(queueing, &gathered.nodes);
    let remarks = remarks.map_err(|error| SnapshotError::Input(error.to_string()))?;
    gathered.findings.extend(remarks);
    // Kueue lists ready nodes alone, whatever taints its workloads tolerate.
    let unready = &gathered.unready;
    gathered.nodes.retain(|own| !unready.contains(&own.name));
    Ok(())
}

/// The error about a file that has not exactly one workload; where it has a job, what was left out of it
/// comes first.
fn not_one(file: &str, jobs: usize, left_out: Option<&String>) -> SnapshotError {
    let left_out = left_out.map(|own| format!("{own}\n"));
    SnapshotError::Input(format!(
        "{}{file}: expected jobs of exactly one workload, found {}; give the workload to ask about a file of its own",
        left_out.unwrap_or_default(),
        plural::count(jobs, "Job")
    ))
}

/// The jobs by workload, if they are one or the groups of one `LeaderWorkerSet`.
fn by_workload<'j>(jobs: impl Iterator<Item = &'j Arc<Job>>) -> Option<Vec<Vec<Arc<Job>>>> {
    let mut workloads: Vec<(Option<Text>, Vec<Arc<Job>>)> = Vec::new();
    for job in jobs {
        let member = job.queue.0.as_ref().and_then(|own| own.member.as_ref());
        let key = member.map(|own| format!("{}/{}", job.namespace, own.workload).into());
        let known = workloads
            .iter_mut()
            .find(|(own, _)| key.is_some() && *own == key);
        match known {
            Some((_, jobs)) => jobs.push(Arc::clone(job)),
            None => workloads.push((key, vec![Arc::clone(job)])),
        }
    }
    // Groups of a set have its name and a number.
    let set = |key: &Option<Text>| {
        let (name, _) = key.as_ref()?.rsplit_once('-')?;
        let is_set = name.contains(GROUP_OF_SET);
        is_set.then(|| name.to_owned())
    };
    let first = workloads.first().map(|(key, _)| set(key))?;
    let is_one = workloads.len() == 1
        || (first.is_some() && workloads.iter().all(|(key, _)| set(key) == first));
    is_one.then(|| workloads.into_iter().map(|(_, jobs)| jobs).collect())
}

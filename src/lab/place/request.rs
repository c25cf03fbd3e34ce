//! Placement as users ask for it: the files are read, and the pods, the mix or the loss that they ask about is placed.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::lost::{DomainLoss, Ground, Loss};
use super::mix::{Mixed, Shape};
use super::selection::{Selected, Selector, select};
use super::unready::leave_unready;
use super::{MOST, Placement, Preemption, place_new};
use crate::around::Around;
use crate::snapshot::profile::{profile_of, read_profiles};
use crate::snapshot::{NamespaceBounds, Snapshot, SnapshotError, SnapshotOptions};
use intake::Input;
use model::{Release, Text};
use scheduler::kube::{CacheError, KubeProfile, PodInfo};
use world::allotment_doubt;

/// Files of pods, each with its number in a round.
pub type Mix = Vec<(u64, PathBuf)>;

/// Question where pods fit.
#[derive(Clone, Debug)]
pub struct Request {
    /// Files of the cluster; last, that of the pod, unless a mix or a loss is asked about.
    pub paths: Vec<PathBuf>,
    /// Number of replicas, or of rounds of a mix.
    pub replicas: Option<u64>,
    /// Nodes that are gone with their pods.
    pub without_nodes: Vec<String>,
    /// Files of the pods of a mix, each with its number in a round.
    pub mix: Mix,
    /// Nodes that are lost.
    pub lose: Vec<Selector>,
    /// Whether pods may evict others.
    pub preemption: Preemption,
    /// Configuration of the scheduler.
    pub config: Option<PathBuf>,
    /// Release of the scheduler.
    pub release: Option<Release>,
}

/// Reason why there is no answer.
#[derive(Debug, Error)]
pub enum RequestError {
    /// Wrong input.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The pod can't be placed by such a scheduler.
    #[error(transparent)]
    Place(#[from] CacheError),
}

/// Fate of what was asked about.
#[derive(Debug)]
pub enum Fate {
    /// Copies of a pod, by its name.
    Pod(String, Placement),
    /// Rounds of a mix.
    Mix(Mixed),
    /// Pods of nodes that are lost together.
    Loss(Vec<Text>, Loss),
    /// Pods of nodes that are lost in turn, beside others that are lost in every turn.
    Turns(Vec<Text>, Vec<DomainLoss>),
}

/// Answer with its context.
pub struct Answer {
    /// The cluster.
    pub snapshot: Snapshot,
    /// Contents of the cluster as it was asked about, in one line.
    pub described: String,
    /// Number of replicas, or of rounds, that was asked for.
    pub wanted: Option<u64>,
    /// Fate of the pods.
    pub fate: Fate,
    /// Warnings about input that was ignored or looks wrong.
    pub warnings: Vec<String>,
}

/// Line on what a snapshot holds and which scheduler decides in it.
pub fn described(snapshot: &Snapshot) -> String {
    format!(
        "{}; kube-scheduler {}",
        snapshot.summary(),
        snapshot.release
    )
}

/// Doubt about claims on devices that the release does not allot, once they are there; told once.
pub fn doubt_allotment(snapshot: &mut Snapshot) -> Option<String> {
    let cache = &snapshot.cache;
    let doubt = allotment_doubt(&cache.objects.devices, cache.changes())?;
    let doubt = format!("{doubt} (`--release`)");
    if snapshot.warnings.contains(&doubt) {
        return None;
    }
    snapshot.warnings.push(doubt.clone());
    Some(doubt)
}

/// Answers a question.
///
/// # Errors
/// If a file can't be read, or what was asked does not go together.
pub fn answer(request: &Request, around: &mut Around<'_>) -> Result<Answer, RequestError> {
    let (paths, parts) = parts(request)?;
    let mut snapshot = read(request, paths, around)?;
    let config = request.config.as_ref().map(Input::path);
    let (profiles, doubts) = read_profiles(config.as_ref(), snapshot.release.changes())?;
    (around.tell)(&doubts);
    for node in &request.without_nodes {
        snapshot.lose_node(node)?;
    }
    let selected = select(&snapshot, &request.lose)?;
    let mut warnings = Vec::new();
    if let Some(note) = leave_unready(&mut snapshot, &profiles, &selected.always)? {
        (around.tell)(std::slice::from_ref(&note));
        snapshot.warnings.push(note);
    }
    let before = described(&snapshot);
    let fate = match &parts[..] {
        [] => lost(request, selected, &mut snapshot, &profiles)?,
        [(1, path)] if request.mix.is_empty() && request.preemption == Preemption::Off => {
            let asked = ask(&mut snapshot, path, around)?;
            warnings = asked.findings;
            let profile = profile_of(&profiles, &asked.pod)?;
            let most = request.replicas.unwrap_or(MOST);
            let placement = place_new(&snapshot, profile, &asked.pod, most)?;
            Fate::Pod(asked.pod.full_name(), placement)
        }
        parts => {
            let mut shapes = Vec::new();
            for (each, path) in parts {
                let asked = ask(&mut snapshot, path, around)?;
                profile_of(&profiles, &asked.pod)?;
                warnings.extend(asked.findings);
                shapes.push(Shape {
                    pod: asked.pod,
                    each: *each,
                });
            }
            let bounds = NamespaceBounds::of(&snapshot);
            let mut ground = Ground::new(&mut snapshot, &profiles, request.preemption)?;
            Fate::Mix(ground.fill(&shapes, request.replicas.unwrap_or(MOST), bounds))
        }
    };
    warnings.splice(0..0, snapshot.warnings.iter().cloned());
    Ok(Answer {
        described: match &fate {
            // Lost nodes are gone from the cluster by now.
            Fate::Loss(..) | Fate::Turns(..) => before,
            Fate::Pod(..) | Fate::Mix(..) => described(&snapshot),
        },
        snapshot,
        wanted: request.replicas,
        fate,
        warnings,
    })
}

/// The files of the cluster, and the pods that are asked about; none where nodes are lost.
fn parts(request: &Request) -> Result<(&[PathBuf], Mix), SnapshotError> {
    if !request.lose.is_empty() {
        return Ok((&request.paths, Vec::new()));
    }
    if !request.mix.is_empty() {
        return Ok((&request.paths, request.mix.clone()));
    }
    let split = request.paths.split_last();
    let Some((path, paths)) = split.filter(|(_, own)| !own.is_empty()) else {
        return Err(SnapshotError::Input(
            "give the files of the cluster and, last, the file of the pod: `windtunnel place \
             dump.json web.yaml`; or a node with `--lose`, to find new nodes for its pods"
                .to_owned(),
        ));
    };
    Ok((paths, vec![(1, path.clone())]))
}

fn read(
    request: &Request,
    paths: &[PathBuf],
    around: &mut Around<'_>,
) -> Result<Snapshot, SnapshotError> {
    let options = SnapshotOptions {
        traces_dirs: around.traces_dirs,
        release: request.release,
        ignored: around.ignored,
        ..SnapshotOptions::default()
    };
    let mut snapshot = Snapshot::read(paths, &options)?;
    (around.tell)(&snapshot.warnings);
    if let Some(doubt) = doubt_allotment(&mut snapshot) {
        (around.tell)(&[doubt]);
    }
    Ok(snapshot)
}

/// Pod of a file, with what was ignored of it.
struct PodFile {
    pod: PodInfo,
    findings: Vec<String>,
}

fn ask(
    snapshot: &mut Snapshot,
    path: &Path,
    around: &mut Around<'_>,
) -> Result<PodFile, SnapshotError> {
    let (pod, findings) = snapshot.read_pod(path)?;
    let file = path.display();
    let findings = findings.iter().map(|finding| format!("{file}: {finding}"));
    let findings: Vec<String> = findings.collect();
    (around.tell)(&findings);
    if let Some(doubt) = doubt_allotment(snapshot) {
        (around.tell)(&[doubt]);
    }
    snapshot.name_namespace(pod.namespace());
    let pod = snapshot.new_pod_info(&pod);
    let pod = pod.map_err(|error| SnapshotError::Input(format!("{file}: {error}")))?;
    Ok(PodFile { pod, findings })
}

/// Finds new nodes for the pods of lost nodes, together or each in turn.
fn lost(
    request: &Request,
    Selected { always, turns }: Selected,
    snapshot: &mut Snapshot,
    profiles: &[KubeProfile],
) -> Result<Fate, SnapshotError> {
    let mut ground = Ground::new(snapshot, profiles, request.preemption)?;
    Ok(if let Some(turns) = turns {
        let losses = ground.lose_each(&always, &turns);
        Fate::Turns(always, losses)
    } else {
        let loss = ground.lose(&always);
        Fate::Loss(always, loss)
    })
}

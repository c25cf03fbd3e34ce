//! Pods that manifests bind to a node: they are there when the run begins, and stay.

use std::sync::Arc;

use k8s::{HomelessPods, ManifestPod, Manifests, NodeReport, PodReport, ReportedState};
use model::gpu::DEVICE_MILLI;
use model::{
    ContainerKind, DeviceSet, GpuRequest, InitialContainer, InitialContainerState, InitialCrash,
    InitialEnd, InitialReadiness, InitialState, InitialStopOrder, Node, PodName, PodPhase, Text,
};
use sim::{InitialNode, InitialTrouble, Resident};
use units::{Duration, Instant, NodeId, SortedMap, plural};

use super::{Adoption, ManifestFiles, Remarks};

/// Number of names that a remark lists; it counts the others.
const NAMES_TOLD: usize = 3;

/// Fate of pods on nodes that no file has, where controllers count pods.
const MADE_AGAIN: &str = "their controllers make others in their place at 0 s";

/// Shortest run of a container that fails again and again: times of the API are whole seconds.
const LEAST_RUN: Duration = Duration::from_secs(1);

/// Finds the nodes and devices of pods that are on nodes already.
pub(super) struct Settling {
    by_name: SortedMap<Text, NodeId>,
    /// The room of every device in milli-GPU, by node.
    rooms: Vec<Vec<u16>>,
    residents: Vec<Resident>,
    adoption: Arc<Adoption>,
    /// Whether the run has a latest instant. One without goes on while anything happens, and would do so for
    /// ever with a container that fails again and again.
    is_bounded: bool,
    /// Whether controllers make the pods that are missing.
    makes_pods: bool,
}

impl Settling {
    pub(super) fn new(nodes: &[Arc<Node>], adoption: Arc<Adoption>, is_bounded: bool) -> Self {
        let makes_pods = !adoption.objects.is_empty();
        let named = nodes.iter().enumerate();
        let devices = |node: &Arc<Node>| node.gpu.as_ref().map_or(0, |gpu| gpu.devices);
        Self {
            by_name: named
                .map(|(index, node)| (node.name.clone(), NodeId::from_index(index)))
                .collect(),
            rooms: nodes
                .iter()
                .map(|node| vec![DEVICE_MILLI; usize::from(devices(node))])
                .collect(),
            residents: Vec::new(),
            adoption,
            is_bounded,
            makes_pods,
        }
    }

    /// Settles the bound pods of a file; those whose node or devices are not there are named.
    pub(super) fn add(&mut self, file: &str, manifests: &Manifests, remarks: &mut Remarks) {
        let pods = &manifests.pods;
        // The run's zero is when the dump was taken, as far as the dump tells.
        let zero = { self.adoption.zero_unix_secs }.or(manifests.taken_unix_secs);
        let zero = zero.unwrap_or_default();
        let (mut homeless, mut without_devices) = (HomelessPods::default(), Vec::new());
        let mut failing = Vec::new();
        for pod in pods {
            if pod.phase.is_final() {
                self.residents.extend(self.ended(pod, zero));
                continue;
            }
            let Some(name) = &pod.node_name else { continue };
            let told = || format!("`{}/{}` on `{name}`", pod.namespace(), pod.name);
            if homeless.look_at(pod, |node| self.by_name.contains_key(node)) {
                continue;
            }
            let Some(&node) = self.by_name.get(name) else {
                continue;
            };
            let Some(devices) = take_devices(&mut self.rooms[node.index()], &pod.spec.gpu) else {
                without_devices.push(told());
                continue;
            };
            let mut resident = resident(pod, node, devices, zero);
            if !self.is_bounded && hold_down(&mut resident.found) {
                failing.push(format!("`{}/{}`", pod.namespace(), pod.name));
            }
            if let Some(adopted) = self.adoption.pod(pod) {
                resident.owner = Some(adopted.owner);
                if let Some(spec) = &adopted.spec {
                    resident.spec = Arc::clone(spec);
                }
            }
            self.residents.push(resident);
        }
        let fate = self.makes_pods.then_some(MADE_AGAIN);
        if let Some(told) = homeless.told(fate) {
            remarks.note_first(format!("{file}: {told}"));
        }
        if !without_devices.is_empty() {
            let what = "bound to a node without room on its GPU devices";
            remarks.note(format!("{file}: {}", left_out(&without_devices, what)));
        }
        if !failing.is_empty() {
            let pods = plural::count(failing.len(), "pod");
            remarks.note(format!(
                "{file}: containers of {pods} fail again and again and stay down, as the run has no end: {}; \
                 with one, such as `stop: {{at: 1h}}`, they are started again",
                first_of(&failing)
            ));
        }
    }

    /// A pod that has ended and that a controller takes over. One whose node is gone goes as well, whoever
    /// looks at it first.
    fn ended(&self, pod: &ManifestPod, zero: i64) -> Option<Resident> {
        let adopted = self.adoption.pod(pod)?;
        let &node = self.by_name.get(pod.node_name.as_ref()?)?;
        let end = pod.end.as_ref()?;
        let number = |name: &Text| {
            let place = pod
                .spec
                .all_containers()
                .position(|own| own.name == *name)?;
            u16::try_from(place).ok()
        };
        let codes = end.codes.iter();
        let codes = codes.filter_map(|(name, code)| Some((number(name)?, *code)));
        let mut resident = resident(pod, node, DeviceSet::EMPTY, zero);
        resident.found.end = Some(InitialEnd {
            at: instant(end.unix_secs.unwrap_or(zero), zero),
            reason: end.reason,
            codes: codes.collect(),
        });
        resident.owner = Some(adopted.owner);
        if let Some(spec) = &adopted.spec {
            resident.spec = Arc::clone(spec);
        }
        Some(resident)
    }

    /// The nodes of all files that were not as a node is of which nothing is known.
    pub(super) fn nodes(&self, files: &ManifestFiles) -> Vec<InitialNode> {
        let mut found = Vec::new();
        for file in files.all() {
            let zero = { self.adoption.zero_unix_secs }.or(file.taken_unix_secs);
            for (name, report) in &file.node_reports {
                if let Some(&node) = self.by_name.get(name) {
                    found.push(found_node(node, report, zero.unwrap_or_default()));
                }
            }
        }
        found.sort_by_key(|own| own.node);
        found
    }

    pub(super) fn finish(self) -> Vec<Resident> {
        self.residents
    }
}

fn left_out(list: &[String], what: &str) -> String {
    let pods = plural::count(list.len(), "pod");
    let are = plural::either(list.len(), "is", "are");
    format!("{pods} {are} {what} and left out: {}", first_of(list))
}

/// The first of some names, and how many more there are.
pub(super) fn first_of(list: &[String]) -> String {
    let told = list[..list.len().min(NAMES_TOLD)].join(", ");
    match list.len().saturating_sub(NAMES_TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// Keeps containers down that fail again and again; whether there are any.
fn hold_down(found: &mut InitialState) -> bool {
    let mut is_failing = false;
    for container in &mut found.containers {
        if matches!(container.state, InitialContainerState::BackOff(_)) {
            container.state = InitialContainerState::Stuck;
            is_failing = true;
        }
    }
    is_failing
}

fn found_node(node: NodeId, report: &NodeReport, zero: i64) -> InitialNode {
    let at = |secs: i64| instant(secs, zero).unwrap_or(Instant::ZERO);
    let trouble = if report.is_silent {
        Some(InitialTrouble::Silent(
            report.heard.map_or(Instant::ZERO, at),
        ))
    } else {
        report.is_unready.then_some(InitialTrouble::Unready)
    };
    let taints = report.taints.iter();
    InitialNode {
        node,
        trouble,
        taints: taints.map(|(key, secs)| (key.clone(), at(*secs))).collect(),
    }
}

/// Instant of a time of the calendar, at or before the run's zero.
pub(super) fn instant(secs: i64, zero: i64) -> Option<Instant> {
    let before = Duration::checked_from_secs(secs.saturating_sub(zero).min(0))?;
    Some(Instant::ZERO.saturating_add(before))
}

fn resident(pod: &ManifestPod, node: NodeId, devices: DeviceSet, zero: i64) -> Resident {
    let at = |secs: Option<i64>| instant(secs?, zero);
    // One that should have ended before the dump was taken is held back by something unknown.
    let end = pod
        .deleted_unix_secs
        .map(|(_, end)| end.saturating_sub(zero));
    let end = end.filter(|&end| end >= 0);
    let report = pod.report.as_deref();
    let is_ready = report.map_or(Some(true), |report| report.is_ready);
    let since = at(pod.ready_unix_secs);
    let says_readiness = report.is_some() || since.is_some();
    Resident {
        run_time: None,
        name: PodName::Text(pod.name.clone()),
        // What its node accounts for is what it takes.
        spec: pod.accounted.as_ref().unwrap_or(&pod.spec).clone(),
        time_limit: pod.time_limit,
        devices,
        found: InitialState {
            node,
            created: at(pod.created_unix_secs),
            started: at(pod.started_unix_secs),
            is_terminating: pod.is_terminating,
            told_to_end: told_to_end(pod, zero),
            stop_within: end.and_then(Duration::checked_from_secs),
            is_running: pod.phase == PodPhase::Running,
            is_unknown: pod.is_unknown,
            uid: pod.uid.clone(),
            readiness: is_ready
                .filter(|_| says_readiness)
                .map(|is_ready| InitialReadiness { is_ready, since }),
            containers: report.map_or(Vec::new(), |report| containers(pod, report, at)),
            end: None,
        },
        owner: None,
    }
}

/// The order to end that a dump tells of a pod with its time and its grace.
fn told_to_end(pod: &ManifestPod, zero: i64) -> Option<InitialStopOrder> {
    let (told, end) = pod.deleted_unix_secs?;
    let told = told?;
    Some(InitialStopOrder {
        since: instant(told, zero)?,
        grace: Duration::checked_from_secs(end.saturating_sub(told))?,
    })
}

/// The containers of a pod as its status reports them; one that it does not tell is as the pod's phase has
/// it.
fn containers(
    pod: &ManifestPod,
    report: &PodReport,
    at: impl Fn(Option<i64>) -> Option<Instant>,
) -> Vec<InitialContainer> {
    let begun = at(pod.started_unix_secs).unwrap_or(Instant::ZERO);
    let is_running = pod.phase == PodPhase::Running;
    let kinds = ContainerKind::all(&pod.spec);
    let states = report.containers.iter().zip(kinds).enumerate();
    let found = states.map(|(number, (known, kind))| {
        let of_phase = match is_running {
            false => InitialContainerState::Waiting,
            true if kind == ContainerKind::Init => InitialContainerState::Ended { code: 0 },
            true => InitialContainerState::Running(begun),
        };
        let Some(known) = known else {
            return InitialContainer {
                state: of_phase,
                is_ready: is_running && report.is_ready != Some(false),
                restarts: 0,
            };
        };
        let Some(state) = known.state else {
            return InitialContainer {
                state: of_phase,
                is_ready: is_running && known.is_ready,
                restarts: known.restarts,
            };
        };
        let state = match state {
            ReportedState::Waiting => InitialContainerState::Waiting,
            ReportedState::Stuck => InitialContainerState::Stuck,
            ReportedState::Running(since) => {
                InitialContainerState::Running(at(since).unwrap_or(begun))
            }
            ReportedState::Ended(run) => InitialContainerState::Ended { code: run.code },
            ReportedState::BackOff(run) => {
                let ended = at(run.ended).unwrap_or(Instant::ZERO);
                let started = at(run.started).unwrap_or(ended);
                InitialContainerState::BackOff(InitialCrash {
                    ended,
                    run_time: ended.since(started).max(LEAST_RUN),
                    code: run.code,
                    was_ready: {
                        let life = pod.spec.container_life(number);
                        let is_probed = life.is_some_and(|life| life.readiness.is_some());
                        let changed = pod.ready_unix_secs.zip(run.started);
                        // It was not, if it has not been ready since the run began.
                        changed.map_or(!is_probed, |(changed, started)| changed >= started)
                    },
                })
            }
        };
        InitialContainer {
            state,
            is_ready: known.is_ready,
            restarts: known.restarts,
        }
    });
    found.collect()
}

/// Takes the first devices that have the room; `None` if there are too few.
fn take_devices(rooms: &mut [u16], request: &GpuRequest) -> Option<DeviceSet> {
    let mut devices = DeviceSet::EMPTY;
    let fitting = rooms.iter().enumerate();
    for (index, _) in fitting
        .filter(|(_, room)| **room >= request.milli_per_device)
        .take(usize::from(request.devices))
    {
        devices.insert(index);
    }
    if devices.len() < usize::from(request.devices) {
        return None;
    }
    for index in devices.iter() {
        rooms[index] -= request.milli_per_device;
    }
    Some(devices)
}

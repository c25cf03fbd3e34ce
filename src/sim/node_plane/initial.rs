//! Processes of pods that were on nodes before the run began: those that run have a part of their work
//! behind them, and those that fail again and again go on to fail as they did.

use cluster::Store;
use model::{
    Event, InitialContainerState, InitialCrash, InitialState, NodeContact, PodRef, PodSpec,
};
use units::{Duration, Identity, Instant, NodeId, PodId, SortedMap};

use super::super::SimError;
use super::super::context::Context;
use super::super::message::ToControlPlane;
use super::super::options::NodeLife;
use super::super::parts::InitialTrouble;
use super::processes::left_of;
use super::{NodePlane, drawn_run_time};

/// The next run of a process as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InitialRun {
    /// It runs, for so long.
    Up(Duration),
    /// It will fail like this each time.
    Crash(InitialCrash),
}

/// Processes as they were found, by pod and container.
#[derive(Clone, Debug, Default)]
pub(super) struct InitialRuns(SortedMap<(PodId, u16), InitialRun>);

impl InitialRuns {
    /// The last run of a process that fails again and again like it.
    pub(super) fn crash(&self, pod: PodRef, container: usize) -> Option<InitialCrash> {
        match *self.0.get(&(pod.id, container as u16))? {
            InitialRun::Crash(crash) => Some(crash),
            InitialRun::Up(_) => None,
        }
    }

    /// The time for which a process has run that goes on to run now.
    fn elapsed(&self, pod: PodRef, container: usize) -> Option<Duration> {
        match *self.0.get(&(pod.id, container as u16))? {
            InitialRun::Up(elapsed) => Some(elapsed),
            InitialRun::Crash(_) => None,
        }
    }

    /// Takes the time for which a process has run that goes on to run now.
    pub(super) fn take_elapsed(&mut self, pod: PodRef, container: usize) -> Option<Duration> {
        let elapsed = self.elapsed(pod, container)?;
        self.0.remove(&(pod.id, container as u16));
        Some(elapsed)
    }

    /// A pod ended.
    pub(super) fn ended(&mut self, pod: PodRef) {
        if !self.0.is_empty() {
            let all = (pod.id, 0)..=(pod.id, u16::MAX);
            let keys: Vec<(PodId, u16)> = self.0.range(all).map(|(key, _)| *key).collect();
            for key in keys {
                self.0.remove(&key);
            }
        }
    }

    fn note(&mut self, pod: PodRef, container: usize, state: InitialContainerState) {
        let run = match state {
            InitialContainerState::Running(since) => InitialRun::Up(Instant::ZERO.since(since)),
            InitialContainerState::BackOff(crash) => InitialRun::Crash(crash),
            InitialContainerState::Waiting
            | InitialContainerState::Stuck
            | InitialContainerState::Ended { .. } => return,
        };
        self.0.insert((pod.id, container as u16), run);
    }
}

/// A pod that was there before the run began.
#[derive(Clone, Copy)]
pub(in super::super) struct InitialPod<'a> {
    pub(in super::super) pod: PodRef,
    pub(in super::super) who: Identity,
    pub(in super::super) spec: &'a PodSpec,
    pub(in super::super) found: &'a InitialState,
    /// Time for which its processes go on, where its manifest states none.
    pub(in super::super) rest: Option<Duration>,
}

impl NodePlane {
    /// A pod was there before the run began, in a state. Its processes run for what is left of the time
    /// that its manifest states, or for `rest`, or until they are stopped.
    pub(in super::super) fn find(
        &mut self,
        ctx: &Context<'_>,
        own: InitialPod<'_>,
    ) -> Result<(), SimError> {
        let InitialPod {
            pod,
            who,
            spec,
            found,
            rest,
        } = own;
        let processes = spec.all_containers().count().max(1);
        for container in 0..processes {
            let known = found
                .containers
                .get(container)
                .map(|container| container.state);
            let running = found.started.filter(|_| found.is_running);
            let state = known.or_else(|| running.map(InitialContainerState::Running));
            if let Some(state) = state {
                self.found.note(pod, container, state);
            }
        }
        let mut run_time = rest;
        if processes == 1 {
            let stated = match spec.life {
                Some(_) => drawn_run_time(ctx, who, spec.main_container(), spec)?,
                None => None,
            };
            let crash = self.found.crash(pod, 0).map(|crash| crash.run_time);
            let elapsed = self.found.elapsed(pod, 0);
            let left = stated.map(|stated| left_of(stated, elapsed));
            run_time = crash.or(left).or(rest).or(found.stop_within);
        }
        let is_up = match found.containers.as_slice() {
            [only] => only.state.is_running(),
            _ => found.is_running,
        };
        self.machine.find(pod, who, is_up, run_time);
        Ok(())
    }

    /// A host was in trouble before the run began, and nothing says that this ends. Where the loss of hosts
    /// is declared, the control plane knows of it by the node's taints alone.
    pub(in super::super) fn find_host(
        &mut self,
        ctx: &mut Context<'_>,
        node: NodeId,
        trouble: InitialTrouble,
    ) {
        if ctx.options().node_life == NodeLife::Declared {
            return;
        }
        self.hosts.find(node, trouble);
        if let InitialTrouble::Silent(last_heartbeat) = trouble {
            let contact = NodeContact::Silent { last_heartbeat };
            let event = Event::NodeContact { node, contact };
            ctx.send(ToControlPlane::Happened(event));
        }
        let event = Event::NodeReadiness { node, ready: false };
        ctx.send(ToControlPlane::Happened(event));
    }

    /// The only process of a pod has ended: it runs for its whole time when it is started again.
    pub(super) fn ran_on(
        &mut self,
        ctx: &Context<'_>,
        store: &Store,
        pod: PodRef,
    ) -> Result<(), SimError> {
        if self.found.take_elapsed(pod, 0).is_none() {
            return Ok(());
        }
        let Some(record) = store.pods().get(pod) else {
            return Ok(());
        };
        let spec = &store.class(record.class).spec;
        if spec.life.is_some() {
            let run_time = drawn_run_time(ctx, self.machine.who(pod), spec.main_container(), spec)?;
            self.machine.set_run_time(pod, run_time);
        }
        Ok(())
    }
}

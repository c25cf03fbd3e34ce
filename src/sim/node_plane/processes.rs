//! Processes of pods: they come up, end and are stopped, and their agents learn of it.

use std::sync::Arc;

use cluster::Store;
use control::MachineEvent;
use control::node::ContainerEvent;
use model::{PodRef, PodSpec};
use rng::{Distribution, Stream};
use units::{Duration, Identity, Instant};

use super::super::SimError;
use super::super::containers::{EventEntry, Task};
use super::super::contention::{Contention, WHOLE};
use super::super::context::Context;
use super::super::cores::ProcessRef;
use super::super::message::ToNodes;
use super::super::queue::QueueEvent;
use super::NodePlane;

impl NodePlane {
    /// A pod's processes are up, unless it has ended meanwhile.
    pub(in super::super) fn start_due(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
    ) -> Result<(), SimError> {
        if self.machine.awaits(ctx.now(), pod) {
            self.started(ctx, store, pod)
        } else {
            Ok(())
        }
    }

    pub(super) fn started(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
    ) -> Result<(), SimError> {
        let now = ctx.now();
        let is_new = self.machine.work(pod).is_some_and(|work| !work.was_up);
        let spec = class_spec(store, pod).filter(|_| is_new);
        if let Some((container, code)) = spec.and_then(|spec| failed_init(spec)) {
            self.exited(ctx, store, pod, MachineEvent::Exited { container, code });
            return Ok(());
        }
        self.set_job_pace(store, pod)?;
        let pace = self.pace_of(store, pod);
        if let Some(end) = self.machine.started(now, pod, pace) {
            ctx.expect(end, QueueEvent::Exit(pod));
            self.stage_due(ctx, store, pod);
        }
        self.exits.started(store, pod);
        self.process_up(ctx, store, pod, WHOLE)?;
        if let Some(done) = self.machine.done(pod) {
            self.usage.go_on(now, pod, done);
        }
        self.machine_event(ctx, pod, MachineEvent::Started);
        Ok(())
    }

    /// A pod's processes end by themselves, unless it has ended meanwhile.
    pub(in super::super) fn exit_due(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
    ) -> Result<(), SimError> {
        let now = ctx.now();
        if !self.machine.is_running(pod) || !self.machine.awaits(now, pod) {
            return Ok(());
        }
        let record = store.pods().get(pod);
        let spec = record.map(|record| &store.class(record.class).spec);
        let event = spec.map_or(
            MachineEvent::Exited {
                container: 0,
                code: 0,
            },
            |spec| {
                let number = spec.main_container();
                MachineEvent::Exited {
                    container: number as u16,
                    code: self.code_of(store, pod, spec, number),
                }
            },
        );
        self.ran_on(ctx, store, pod)?;
        self.process_down(now, pod, WHOLE);
        self.exited(ctx, store, pod, event);
        Ok(())
    }

    /// The code that a container of a pod ends with by itself.
    fn code_of(&self, store: &Store, pod: PodRef, spec: &PodSpec, container: usize) -> i32 {
        let found = self.found.crash(pod, container);
        found.map_or_else(
            || self.exits.code(store, pod, spec, container),
            |crash| crash.code,
        )
    }

    /// Something is due of containers, images or cores.
    pub(super) fn tick(&mut self, ctx: &mut Context<'_>, store: &Store) -> Result<(), SimError> {
        let now = ctx.now();
        if let Some(event) = self.machine.pop_container(now, true) {
            self.container_event(ctx, store, event)?;
            ctx.send(ToNodes::Tick);
            return Ok(());
        }
        let arrived = self.images.as_mut().map(|images| images.happen(now));
        for (node, image, event) in arrived.unwrap_or_default() {
            ctx.send(ToNodes::ImageEvent { node, image, event });
        }
        if self.contention.is_some() {
            ctx.send(ToNodes::Contend);
        }
        ctx.send(ToNodes::ExpectTick);
        Ok(())
    }

    /// Processes of containers and on shared cores end, as those of whole pods do: before nodes go down and users act at
    /// that instant.
    pub(super) fn ends(&mut self, ctx: &mut Context<'_>, store: &Store) -> Result<(), SimError> {
        let now = ctx.now();
        if let Some(event) = self.machine.pop_container(now, false) {
            self.container_event(ctx, store, event)?;
            ctx.send(ToNodes::Ends);
            return Ok(());
        }
        self.end_processes(ctx);
        ctx.send(ToNodes::ExpectTick);
        Ok(())
    }

    /// Asks for a wake-up at what is due next of containers, images and cores.
    pub(super) fn expect_tick(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let images = self.images.as_mut().and_then(|images| images.due(now));
        let cores = self.contention.iter().flat_map(Contention::due);
        let others = cores.chain(images.map(|at| (at, true)));
        if let Some((at, is_more)) = self.machine.next_tick(now, others) {
            let event = if is_more {
                QueueEvent::Tick
            } else {
                QueueEvent::Ends
            };
            ctx.expect(at.max(now), event);
        }
    }

    pub(super) fn stop_container(&mut self, ctx: &mut Context<'_>, pod: PodRef, container: u16) {
        self.machine.stop_container(pod, container);
        self.process_down(ctx.now(), pod, container);
        let event = MachineEvent::Container(container, ContainerEvent::Stopped);
        self.machine_event(ctx, pod, event);
    }

    pub(super) fn start_container(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
        container: u16,
    ) -> Result<(), SimError> {
        let Some(record) = store.pods().get(pod) else {
            return Ok(());
        };
        self.set_job_pace(store, pod)?;
        let spec = &store.class(record.class).spec;
        let number = usize::from(container);
        let who = self.machine.who(pod);
        let elapsed = self.found.take_elapsed(pod, number);
        let run_time = match self.found.crash(pod, number) {
            None => drawn_run_time(ctx, who, number, spec)?,
            Some(crash) => Some(crash.run_time),
        };
        let run_time = run_time.map(|span| left_of(span, elapsed));
        if number == spec.init_containers.len() {
            self.exits.started(store, pod);
        }
        let task = Task {
            start_up: Duration::ZERO,
            // Where cores are shared it ends when its work is done.
            run_time: run_time.filter(|_| !self.machine.shares_cores()),
            code: self.code_of(store, pod, spec, number),
            pace: self.pace_of(store, pod),
        };
        // What ran before the run began is up.
        let start_up = elapsed.map(|_| Duration::ZERO);
        let start_up = start_up.or_else(|| stated_start(store, pod));
        self.machine
            .start_container(ctx.now(), pod, container, start_up, task);
        self.expect_tick(ctx);
        Ok(())
    }

    /// A container is up, or ended by itself.
    fn container_event(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        entry: EventEntry,
    ) -> Result<(), SimError> {
        let (pod, container, event) = entry;
        let known = MachineEvent::Container(container, event);
        if event == ContainerEvent::Started {
            self.process_up(ctx, store, pod, container)?;
            self.machine_event(ctx, pod, known);
        } else {
            self.process_down(ctx.now(), pod, container);
            self.exited(ctx, store, pod, known);
        }
        Ok(())
    }

    /// A process ended by itself: its agent learns of it when it looks at the processes of its node next, or at once if
    /// it stops the pod.
    pub(super) fn exited(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
        event: MachineEvent,
    ) {
        let look = self.outgoing.as_mut();
        match look.and_then(|own| own.keep_exit(ctx.now(), store, pod, event)) {
            Some((at, node)) => ctx.expect(at, QueueEvent::Report(node)),
            None => self.machine_event(ctx, pod, event),
        }
    }

    /// A process is gone: it uses nothing more, and leaves its part of what its node shares.
    pub(super) fn process_down(&mut self, now: Instant, pod: PodRef, container: u16) {
        self.usage.went_down(ProcessRef { pod, container });
        if let Some(contention) = &mut self.contention {
            contention.down(now, pod.id, container);
        }
    }
}

/// Run time drawn for a container of the pod with an identity, by what the pod's template states.
pub(in super::super) fn drawn_run_time(
    ctx: &Context<'_>,
    who: Identity,
    container: usize,
    spec: &PodSpec,
) -> Result<Option<Duration>, SimError> {
    let Some(text) = spec.run_time(container) else {
        return Ok(None);
    };
    if let Ok(run_time) = text.parse::<Duration>() {
        return Ok(Some(run_time));
    }
    let distribution: Distribution = text.parse().map_err(|why| SimError::Declaration {
        what: format!("run time `{text}` of a pod"),
        why: format!("{why}"),
    })?;
    let entity = match container {
        0 => who,
        _ => who.nth(container as u64),
    };
    let mut stream = Stream::of(ctx.seed(), "run-time", entity);
    Ok(Some(distribution.sample(&mut stream)))
}

/// Init containers that run to their end before the others, with their numbers.
fn init_containers(spec: &PodSpec) -> impl Iterator<Item = (usize, i32)> {
    let all = spec.init_containers.iter().enumerate();
    all.filter(|(_, own)| !own.restartable)
        .map(|(number, _)| (number, spec.exit_code(number)))
}

/// The first init container that fails, with its code: the others of its pod never start.
fn failed_init(spec: &PodSpec) -> Option<(u16, i32)> {
    let mut failed = init_containers(spec).filter(|&(_, code)| code != 0);
    failed.next().map(|(number, code)| (number as u16, code))
}

/// Time that the init containers of a pod take which its node starts whole: one after the other, to the first that
/// fails.
pub(super) fn init_time(
    ctx: &Context<'_>,
    who: Identity,
    spec: &PodSpec,
) -> Result<Duration, SimError> {
    let mut time = Duration::ZERO;
    for (number, code) in init_containers(spec) {
        let own = drawn_run_time(ctx, who, number, spec)?.unwrap_or_default();
        time = time.saturating_add(own);
        if code != 0 {
            break;
        }
    }
    Ok(time)
}

/// Rest of a run time of which a part has passed.
pub(super) fn left_of(run_time: Duration, elapsed: Option<Duration>) -> Duration {
    let passed = Instant::ZERO.saturating_add(elapsed.unwrap_or_default());
    let left = Instant::ZERO.saturating_add(run_time).since(passed);
    left.max(Duration::ZERO)
}

/// Time that a pod states for its start.
pub(super) fn stated_start(store: &Store, pod: PodRef) -> Option<Duration> {
    class_spec(store, pod)?.behaviour.as_ref()?.start_time
}

pub(super) fn class_spec(store: &Store, pod: PodRef) -> Option<&Arc<PodSpec>> {
    Some(&store.class(store.pods().get(pod)?.class).spec)
}

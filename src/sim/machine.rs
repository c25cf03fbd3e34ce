//! The simulated machine under the node agents: starts take time by a model, processes end when
//! their run time is over.

use crate::control::MachineCommand;
use crate::model::PodRef;
use crate::rng::Stream;
use crate::units::{Duration, Instant};

use super::StartUp;
use super::queue::{EventQueue, Upcoming};

/// What a living pod will do once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Whose it is.
    pub pod: PodRef,
    /// How long it runs; `None` runs until it is stopped.
    pub run_time: Option<Duration>,
    /// Whether it is up.
    pub running: bool,
    /// Whether it was up before the run began: it takes no time to start.
    pub was_up: bool,
}

/// The machines of a cell.
#[derive(Clone, Debug)]
pub struct Machine {
    seed: u64,
    start_up: StartUp,
    /// By pod slot.
    work: Vec<Option<Work>>,
}

/// What a command led to at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Immediate {
    /// Nothing yet.
    Nothing,
    /// The processes are up.
    Started(PodRef),
    /// The processes are down.
    Stopped(PodRef),
}

impl Machine {
    /// Machines with nothing on them.
    pub fn new(seed: u64, start_up: StartUp) -> Self {
        Self {
            seed,
            start_up,
            work: Vec::new(),
        }
    }

    /// Starts take this time from now on.
    pub(super) fn set_start_up(&mut self, start_up: StartUp) {
        self.start_up = start_up;
    }

    /// A pod was submitted that will run this long.
    pub fn submit(&mut self, pod: PodRef, run_time: Option<Duration>) {
        let slot = pod.slot.index();
        if self.work.len() <= slot {
            self.work.resize(slot + 1, None);
        }
        self.work[slot] = Some(Work {
            pod,
            run_time,
            running: false,
            was_up: false,
        });
    }

    /// A pod was there before the run began; it runs until it is stopped.
    pub fn find(&mut self, pod: PodRef, was_up: bool) {
        self.submit(pod, None);
        if let Some(Some(work)) = self.work.get_mut(pod.slot.index()) {
            work.was_up = was_up;
        }
    }

    /// A pod ended.
    pub fn forget(&mut self, pod: PodRef) -> Option<Work> {
        let work = self.work.get_mut(pod.slot.index())?;
        if work.is_some_and(|work| work.pod == pod) {
            work.take()
        } else {
            None
        }
    }

    /// What a pod will do.
    pub fn work(&self, pod: PodRef) -> Option<Work> {
        self.work
            .get(pod.slot.index())
            .copied()
            .flatten()
            .filter(|work| work.pod == pod)
    }

    /// Carries out an agent's order.
    pub fn order(
        &mut self,
        now: Instant,
        command: MachineCommand,
        cell: u16,
        queue: &mut EventQueue,
    ) -> Immediate {
        match command {
            MachineCommand::Start { pod, .. } => {
                let was_up = self.work(pod).is_some_and(|work| work.was_up);
                let delay = match &self.start_up {
                    _ if was_up => Duration::ZERO,
                    StartUp::None => Duration::ZERO,
                    StartUp::Drawn(distribution) => {
                        let entity = u64::from(cell) << 32 | u64::from(pod.id.0);
                        distribution.sample(&mut Stream::new(self.seed, "start-up", entity))
                    }
                };
                if delay <= Duration::ZERO {
                    return Immediate::Started(pod);
                }
                queue.push(now.saturating_add(delay), Upcoming::Started(pod).of(cell));
                Immediate::Nothing
            }
            MachineCommand::Stop { pod, .. } => {
                if let Some(Some(work)) = self.work.get_mut(pod.slot.index())
                    && work.pod == pod
                {
                    work.running = false;
                }
                Immediate::Stopped(pod)
            }
        }
    }

    /// A pod's processes are up: their end is due after their run time.
    pub fn started(&mut self, now: Instant, pod: PodRef, cell: u16, queue: &mut EventQueue) {
        if let Some(Some(work)) = self.work.get_mut(pod.slot.index())
            && work.pod == pod
        {
            work.running = true;
            if let Some(run_time) = work.run_time {
                queue.push(now.saturating_add(run_time), Upcoming::Exit(pod).of(cell));
            }
        }
    }

    /// Whether a pod's processes are up.
    pub fn is_running(&self, pod: PodRef) -> bool {
        self.work(pod).is_some_and(|work| work.running)
    }
}

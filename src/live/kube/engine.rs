//! The loop of a scheduler of a cluster that is there: what is seen goes to the driver, what it decides goes to the
//! API, or is told alone.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use units::{Instant, SortedMap};

use super::api::ApiError;
use super::kubeconfig::Access;
use super::lease::Lease;
use super::news::News;
use super::reflector::reflect;
use super::writer::Writers;
use crate::control::{Control, ControlError};
use crate::driver::input::Input;
use crate::journal::Journal;
use crate::runtime::clock::wall_ns;
use crate::wire::observation::{Kind, Observation};
use crate::wire::wish::Wish;

/// Longest time between two looks at the clock.
const LOOK: Duration = Duration::from_millis(500);

/// Time after which a doubt that lasts is told again.
const AGAIN: Duration = Duration::from_mins(1);

/// Longest time that the end waits for answers.
const PARTING: Duration = Duration::from_secs(3);

/// Greatest number of news that are taken in together.
const TOGETHER_MAX: usize = 4_096;

/// Reason that a scheduler ends.
#[derive(Debug, Error)]
pub enum KubeError {
    /// The API refuses.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The control plane failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Something can't go on.
    #[error("{0}")]
    Failed(String),
    /// The system gives no thread.
    #[error("no thread can be had: {0}")]
    Thread(#[from] std::io::Error),
}

/// Options of a scheduler.
#[derive(Clone, Debug)]
pub struct KubeOptions {
    /// Name by which pods choose the scheduler, for events.
    pub scheduler: String,
    /// Name of this instance.
    pub instance: String,
    /// Whether decisions are written.
    pub binds: bool,
    /// Namespace and name of the lease that one of several instances holds.
    pub lease: (String, String),
    /// Time for which the lease is good after it was renewed.
    pub lease_duration: Duration,
}

/// Something that users are told.
#[derive(Clone, Debug, PartialEq)]
pub enum KubeNotice {
    /// A step on the way to the first decision, or a doubt.
    Note(String),
    /// The cluster was read: numbers of nodes, pods and pods that wait.
    Ready {
        /// Nodes.
        nodes: usize,
        /// Pods on nodes.
        placed: usize,
        /// Pods that wait for a node.
        waiting: usize,
    },
    /// A decision.
    Decided(Wish),
    /// A binding was refused.
    Refused {
        /// Namespace and name of the pod.
        place: String,
        /// Reason.
        why: String,
    },
}

/// Counts and times of a scheduler's work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubeSummary {
    /// Pods that were given a node.
    pub bound: u64,
    /// Bindings that the API took.
    pub written: u64,
    /// Bindings and evictions that it refused.
    pub refused: u64,
    /// Pods that were told to make room.
    pub evicted: u64,
    /// Attempts that found no node, told once for each reason.
    pub unschedulable: u64,
    /// Pods that were seen on the node that they were given.
    pub agreed: u64,
    /// Pods that were seen on another one.
    pub differed: u64,
    /// Times from a pod's first sight to its decision, in nanoseconds, in order.
    pub decision_ns: Vec<u64>,
    /// Times from a decision to its answer, in nanoseconds, in order.
    pub answer_ns: Vec<u64>,
}

/// The clock of the run: it begins at an instant, and goes on evenly.
struct Clock {
    base: Instant,
    began: tokio::time::Instant,
}

impl Clock {
    fn now(&self) -> Instant {
        let passed = i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        self.base
            .saturating_add(units::Duration::from_nanos(passed))
    }

    fn until(&self, at: Instant) -> Duration {
        let left = at.since(self.now()).as_nanos();
        Duration::from_nanos(u64::try_from(left).unwrap_or(0))
    }
}

/// A scheduler at work.
struct Loop<'r, J> {
    control: Control<J>,
    clock: Clock,
    writers: Option<Writers>,
    told: &'r mut dyn FnMut(KubeNotice),
    summary: KubeSummary,
    /// When pods without a node were first seen, by their unique identifiers.
    waiting: SortedMap<String, tokio::time::Instant>,
    /// When doubts were told.
    doubts: SortedMap<String, tokio::time::Instant>,
}

/// Schedules until that is interrupted.
///
/// # Errors
/// The API refuses what is needed, the lease goes to another instance, or the control plane fails.
pub fn schedule<J: Journal>(
    access: &Arc<Access>,
    control: Control<J>,
    options: &KubeOptions,
    told: &mut dyn FnMut(KubeNotice),
    is_interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<KubeSummary, KubeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (sender, mut news) = unbounded_channel();
    let mut lease = None;
    if options.binds {
        lease = acquired(&runtime, access, options, &sender, told, is_interrupted)?;
        if lease.is_none() {
            return Ok(KubeSummary::default());
        }
    }
    let _guard = runtime.enter();
    for kind in Kind::ALL {
        drop(runtime.spawn(reflect(Arc::clone(access), kind, sender.clone())));
    }
    let writers = options
        .binds
        .then(|| Writers::start(access, &options.scheduler, &options.instance, &sender));
    let base = control.header().instant(wall_ns());
    let mut own = Loop {
        control,
        clock: Clock {
            base,
            began: tokio::time::Instant::now(),
        },
        writers,
        told,
        summary: KubeSummary::default(),
        waiting: SortedMap::new(),
        doubts: SortedMap::new(),
    };
    let ended = own.run(&runtime, &mut news, is_interrupted);
    if let Some(HeldLease { end, kept }) = lease {
        // What is decided is written; the lease goes to whoever comes first.
        let _ = end.send(());
        let _ = runtime.block_on(async { timeout(PARTING, kept).await });
    }
    runtime.shutdown_background();
    ended?;
    own.summary.decision_ns.sort_unstable();
    own.summary.answer_ns.sort_unstable();
    Ok(own.summary)
}

/// A lease that is kept.
struct HeldLease {
    end: oneshot::Sender<()>,
    kept: JoinHandle<()>,
}

/// Waits for the lease; `None` if that is interrupted.
fn acquired(
    runtime: &Runtime,
    access: &Arc<Access>,
    options: &KubeOptions,
    sender: &UnboundedSender<News>,
    told: &mut dyn FnMut(KubeNotice),
    is_interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<Option<HeldLease>, KubeError> {
    let (namespace, name) = options.lease.clone();
    let mut lease = Lease::new(
        Arc::clone(access),
        namespace,
        name,
        options.instance.clone(),
        options.lease_duration,
    );
    let (notes, mut heard) = unbounded_channel();
    let awaited = runtime.spawn(async move {
        let told = |note: &str| drop(notes.send(note.to_owned()));
        lease.acquire(&told).await.map(|()| lease)
    });
    while !awaited.is_finished() {
        if is_interrupted() {
            awaited.abort();
            return Ok(None);
        }
        if let Ok(Some(note)) = runtime.block_on(async { timeout(LOOK / 5, heard.recv()).await }) {
            told(KubeNotice::Note(note));
        }
    }
    let lease = runtime.block_on(awaited);
    let lease = lease.map_err(|error| KubeError::Failed(error.to_string()))??;
    let (end, ended) = oneshot::channel();
    let kept = runtime.spawn(lease.keep(sender.clone(), ended));
    Ok(Some(HeldLease { end, kept }))
}

impl<J: Journal> Loop<'_, J> {
    fn run(
        &mut self,
        runtime: &Runtime,
        news: &mut UnboundedReceiver<News>,
        is_interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), KubeError> {
        let mut listed: SortedMap<Kind, Vec<Observation>> = SortedMap::new();
        let mut early = Vec::new();
        // Everything is known before the first decision.
        while listed.len() < Kind::ALL.len() {
            if is_interrupted() {
                let missing = Kind::ALL
                    .into_iter()
                    .filter(|kind| !listed.contains_key(kind));
                let missing: Vec<&str> = missing.map(|kind| kind.place().plural).collect();
                return Err(KubeError::Failed(format!(
                    "the cluster was not read before the end: {} are missing",
                    missing.join(", ")
                )));
            }
            match runtime.block_on(async { timeout(LOOK, news.recv()).await }) {
                Ok(Some(News::Listed(kind, seen))) => {
                    listed.entry(kind).or_default().extend(seen);
                }
                Ok(Some(News::Seen(seen))) => early.push(seen),
                Ok(Some(other)) => drop(self.heard(other)?),
                Ok(None) | Err(_) => {}
            }
        }
        let mut seen: Vec<Observation> = listed.into_values().flatten().collect();
        seen.append(&mut early);
        let count = |is_placed: bool| {
            let pods = seen.iter().filter(|own| own.kind == Kind::Pod);
            pods.filter(|own| own.text("/spec/nodeName").is_empty() != is_placed)
                .count()
        };
        (self.told)(KubeNotice::Ready {
            nodes: seen.iter().filter(|own| own.kind == Kind::Node).count(),
            placed: count(true),
            waiting: count(false),
        });
        self.control.begin(self.clock.now())?;
        self.step(seen, Vec::new())?;
        while !is_interrupted() {
            self.turn(runtime, news)?;
        }
        self.finish(runtime, news)
    }

    /// Waits for answers that are under way.
    fn finish(
        &mut self,
        runtime: &Runtime,
        news: &mut UnboundedReceiver<News>,
    ) -> Result<(), KubeError> {
        let began = tokio::time::Instant::now();
        let are_awaited = |own: &KubeSummary| own.written + own.refused < own.bound;
        while self.writers.is_some() && are_awaited(&self.summary) && began.elapsed() < PARTING {
            if let Ok(Some(one)) = runtime.block_on(async { timeout(LOOK, news.recv()).await }) {
                self.heard(one)?;
            }
        }
        // The record says when it ended.
        let seen = Vec::new();
        self.control
            .handle(self.clock.now(), vec![Input::Observed { seen }])?;
        Ok(())
    }

    /// Takes in what has come, and does what is due.
    fn turn(
        &mut self,
        runtime: &Runtime,
        news: &mut UnboundedReceiver<News>,
    ) -> Result<(), KubeError> {
        let next = self.control.driver().next_wake();
        let patience = next.map_or(LOOK, |at| self.clock.until(at).min(LOOK));
        let first = runtime.block_on(async { timeout(patience, news.recv()).await });
        let mut seen = Vec::new();
        let mut unwritten = Vec::new();
        let others = std::iter::from_fn(|| news.try_recv().ok());
        let first = first.ok().flatten();
        for one in first.into_iter().chain(others.take(TOGETHER_MAX)) {
            match one {
                News::Seen(own) => seen.push(own),
                News::Listed(_, own) => seen.extend(own),
                other => unwritten.extend(self.heard(other)?),
            }
        }
        self.step(seen, unwritten)
    }

    /// Takes note of something else than an object; returns the pod that is as it was before.
    fn heard(&mut self, news: News) -> Result<Option<String>, KubeError> {
        match news {
            News::Bound { took, .. } => {
                self.summary.written += 1;
                let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                self.summary.answer_ns.push(took);
            }
            News::Unwritten { uid, place, why } => {
                self.summary.refused += 1;
                let told = KubeNotice::Refused { place, why };
                (self.told)(told);
                return Ok(Some(uid));
            }
            News::Doubt(doubt) => {
                // One cause may have many, and last.
                let now = tokio::time::Instant::now();
                let known = self.doubts.insert(doubt.clone(), now);
                if known.is_none_or(|known| now.duration_since(known) > AGAIN) {
                    (self.told)(KubeNotice::Note(doubt.clone()));
                } else if let Some(known) = known {
                    self.doubts.insert(doubt, known);
                }
            }
            News::Failed(why) => return Err(KubeError::Failed(why)),
            News::Seen(_) | News::Listed(..) => {}
        }
        Ok(None)
    }

    fn step(&mut self, seen: Vec<Observation>, unwritten: Vec<String>) -> Result<(), KubeError> {
        for own in seen.iter().filter(|own| own.kind == Kind::Pod) {
            let uid = own.text("/metadata/uid");
            if own.is_gone || !own.text("/spec/nodeName").is_empty() {
                self.waiting.remove(uid);
            } else {
                let known = self.waiting.entry(uid.to_owned());
                known.or_insert_with(tokio::time::Instant::now);
            }
        }
        let mut inputs = Vec::new();
        if !unwritten.is_empty() {
            inputs.push(Input::Unwritten { pods: unwritten });
        }
        if !seen.is_empty() {
            inputs.push(Input::Observed { seen });
        }
        self.control.handle(self.clock.now(), inputs)?;
        let (wishes, doubts) = self.control.take_wishes();
        for doubt in doubts {
            (self.told)(KubeNotice::Note(doubt));
        }
        for wish in wishes {
            self.count(&wish);
            (self.told)(KubeNotice::Decided(wish.clone()));
            if let Some(writers) = &self.writers {
                writers.write(wish);
            }
        }
        Ok(())
    }

    fn count(&mut self, wish: &Wish) {
        let summary = &mut self.summary;
        match wish {
            Wish::Bind { pod, .. } => {
                summary.bound += 1;
                if let Some(since) = self.waiting.remove(&pod.uid) {
                    let took = since.elapsed().as_nanos();
                    summary
                        .decision_ns
                        .push(u64::try_from(took).unwrap_or(u64::MAX));
                }
            }
            Wish::Evict { .. } => summary.evicted += 1,
            Wish::Unschedulable { .. } => summary.unschedulable += 1,
            Wish::Seen { given, node, .. } if given == node => summary.agreed += 1,
            Wish::Seen { .. } => summary.differed += 1,
        }
    }
}

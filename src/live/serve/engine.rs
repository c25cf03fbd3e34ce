//! The thread that owns the control plane. It takes in the messages that wait together, so that one
//! write to the disk is enough for them, and steps the control plane when something is due.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use units::{Instant, Revision};

use super::guard::Notes;
use crate::control::{Control, ControlError};
use crate::driver::events::EventRow;
use crate::driver::input::{Answer, Input};
use crate::driver::view::{NodeRow, PodRow};
use crate::journal::Journal;
use crate::wire::NodeAnswer;
use crate::wire::machine::MachineWish;
use crate::wire::service::ServiceRow;

/// Greatest number of messages that are taken in together.
const TOGETHER_MAX: usize = 1024;

/// Longest time between two looks at the clock.
const LOOK: Duration = Duration::from_millis(500);

/// A pause of this length means that the server itself stood still: nodes were not silent.
const STALL: units::Duration = units::Duration::from_secs(5);

/// Real time that a pause takes at least, however fast the clock runs.
const STALL_MIN: units::Duration = units::Duration::from_secs(1);

/// A message to the thread.
pub(super) enum Message {
    /// An input and the place for its answer.
    Input(Box<Input>, oneshot::Sender<Answer>),
    /// A request for commands.
    Watch(Watch),
    /// A request for the pods.
    Pods(oneshot::Sender<Vec<PodRow>>),
    /// A request for those of a node's pods that users can't name any more.
    Unseen(String, Vec<u32>, oneshot::Sender<Vec<u32>>),
    /// A request for the nodes.
    Nodes(oneshot::Sender<Vec<NodeRow>>),
    /// A request for the objects of a kind as `kubectl` reads them, unless the revision is the known one.
    Listed(
        &'static str,
        Option<u64>,
        oneshot::Sender<(u64, Option<Vec<Value>>)>,
    ),
    /// A request for the events after a number.
    Events(u64, oneshot::Sender<Vec<EventRow>>),
    /// A request for the services.
    Services(oneshot::Sender<Arc<Services>>),
    /// A request for what is wished of the provider of machines.
    Machines(oneshot::Sender<Vec<MachineWish>>),
    /// A request for the log.
    Log(oneshot::Sender<Vec<u8>>),
    /// The thread is to end.
    Stop,
}

/// The services at a revision of the store.
pub(super) struct Services {
    /// Number that is another when the services are others.
    pub(super) version: u64,
    pub(super) rows: Vec<ServiceRow>,
    revision: Revision,
}

/// A daemon that waits for commands.
pub(super) struct Watch {
    pub(super) node: String,
    pub(super) session: u32,
    /// Number of the last command that the daemon knows.
    pub(super) after: u64,
    pub(super) reply: oneshot::Sender<NodeAnswer>,
}

/// The running thread.
pub(super) struct Engine {
    sender: Sender<Message>,
    thread: JoinHandle<Result<(), ControlError>>,
}

impl Engine {
    /// Starts the thread; `notes` gets a line for what its storage puts off.
    pub(super) fn start<J: Journal + Send + 'static>(
        control: Control<J>,
        notes: Notes,
    ) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new().name("control".to_owned());
        let thread = thread.spawn(move || Loop::new(control, notes).run(&receiver))?;
        Ok(Self { sender, thread })
    }

    pub(super) fn sender(&self) -> Sender<Message> {
        self.sender.clone()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub(super) fn stop(self) -> Result<(), ControlError> {
        // A thread that has ended already takes no message.
        let _ = self.sender.send(Message::Stop);
        self.thread.join().unwrap_or(Err(ControlError::Halted))
    }
}

/// The wall clock as the control plane sees it: it begins where the state ended, and goes on evenly
/// whatever happens to the machine's own clock.
#[expect(
    clippy::disallowed_types,
    reason = "the control server runs in real time"
)]
struct Clock {
    base: Instant,
    began: std::time::Instant,
    /// Seconds that pass in a real second.
    pace: i64,
}

#[expect(
    clippy::disallowed_types,
    reason = "the control server runs in real time"
)]
impl Clock {
    fn new(base: Instant, pace: u32) -> Self {
        Self {
            base,
            began: std::time::Instant::now(),
            pace: i64::from(pace.max(1)),
        }
    }

    fn now(&self) -> Instant {
        let passed = i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let passed = units::Duration::from_nanos(passed.saturating_mul(self.pace));
        self.base.saturating_add(passed)
    }

    /// Real time until an instant.
    fn until(&self, at: Instant) -> Duration {
        let left = at.since(self.now()).as_nanos();
        // Rounded up: the instant has come when the time is over.
        let left = u64::try_from(left).unwrap_or(0);
        Duration::from_nanos(left.div_ceil(self.pace.unsigned_abs()))
    }

    /// A span of real time.
    fn span(&self, real: units::Duration) -> units::Duration {
        units::Duration::from_nanos(real.as_nanos().saturating_mul(self.pace))
    }
}

struct Loop<J> {
    control: Control<J>,
    clock: Clock,
    watches: Vec<Watch>,
    looked: Instant,
    notes: Notes,
    services: Arc<Services>,
}

impl<J: Journal> Loop<J> {
    fn new(control: Control<J>, notes: Notes) -> Self {
        let base = control.driver().now();
        Self {
            clock: Clock::new(base, control.header().pace),
            control,
            watches: Vec::new(),
            looked: base,
            notes,
            services: Arc::new(Services {
                version: 0,
                rows: Vec::new(),
                revision: Revision::default(),
            }),
        }
    }

    fn run(mut self, receiver: &Receiver<Message>) -> Result<(), ControlError> {
        loop {
            let first = match receiver.recv_timeout(self.patience()) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let mut inputs = Vec::new();
            let mut replies = Vec::new();
            let mut ends = false;
            let others = std::iter::from_fn(|| receiver.try_recv().ok());
            for message in first.into_iter().chain(others.take(TOGETHER_MAX)) {
                match message {
                    Message::Input(input, reply) => {
                        inputs.push(*input);
                        replies.push(reply);
                    }
                    Message::Watch(watch) => self.watches.push(watch),
                    Message::Pods(reply) => {
                        let _ = reply.send(self.control.pods());
                    }
                    Message::Unseen(node, pods, reply) => {
                        let _ = reply.send(self.control.driver().unseen(&node, &pods));
                    }
                    Message::Nodes(reply) => {
                        let _ = reply.send(self.control.nodes());
                    }
                    Message::Listed(kind, known, reply) => {
                        let revision = self.control.driver().store().revision().0;
                        let is_news = known != Some(revision);
                        let _ = reply.send((revision, is_news.then(|| self.control.listed(kind))));
                    }
                    Message::Events(after, reply) => {
                        let _ = reply.send(self.control.events(after));
                    }
                    Message::Services(reply) => {
                        let _ = reply.send(self.services());
                    }
                    Message::Machines(reply) => {
                        let _ = reply.send(self.control.driver().machine_wishes());
                    }
                    Message::Log(reply) => {
                        let _ = reply.send(self.control.log()?);
                    }
                    Message::Stop => ends = true,
                }
            }
            self.step(inputs, replies)?;
            if ends {
                return Ok(());
            }
        }
    }

    /// The services, made anew when anything has changed since.
    fn services(&mut self) -> Arc<Services> {
        let driver = self.control.driver();
        let revision = driver.store().revision();
        if self.services.revision != revision || self.services.version == 0 {
            let rows = driver.services();
            // Equal services have equal numbers, also after a restart.
            let text = serde_json::to_vec(&rows).unwrap_or_default();
            let hash = blake3::hash(&text);
            let bytes = hash.as_bytes().first_chunk().copied();
            self.services = Arc::new(Services {
                version: bytes.map_or(1, u64::from_le_bytes).max(1),
                rows,
                revision,
            });
        }
        Arc::clone(&self.services)
    }

    /// Takes in messages and what is due by the clock.
    fn step(
        &mut self,
        inputs: Vec<Input>,
        replies: Vec<oneshot::Sender<Answer>>,
    ) -> Result<(), ControlError> {
        let now = self.clock.now();
        if now.since(self.looked) > self.clock.span(STALL_MIN).max(STALL) {
            self.control.begin(now)?;
        }
        self.looked = now;
        let answers = self.control.handle(now, inputs)?;
        for (reply, answer) in replies.into_iter().zip(answers) {
            // A client that has gone needs no answer.
            let _ = reply.send(answer);
        }
        if let Some(why) = self.control.take_put_off() {
            (self.notes)(&format!("the log stays long: {why}"));
        }
        self.answer_watches();
        Ok(())
    }

    /// Answers the daemons for which there are commands, and forgets those that have gone.
    fn answer_watches(&mut self) {
        let driver = self.control.driver();
        for watch in std::mem::take(&mut self.watches) {
            if watch.reply.is_closed() {
                continue;
            }
            match driver.commands_after(&watch.node, watch.session, watch.after) {
                None => self.watches.push(watch),
                Some(answer) => {
                    let _ = watch.reply.send(answer);
                }
            }
        }
    }

    /// Time until the next look at the clock.
    fn patience(&self) -> Duration {
        let Some(at) = self.control.driver().next_wake() else {
            return LOOK;
        };
        self.clock.until(at).min(LOOK)
    }
}

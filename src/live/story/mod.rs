//! The story of a recorded run: what came from outside, such as requests of users, machines that joined
//! and times of silence, and the events that the control plane made of it. What came from outside is an
//! experiment for the simulator.

mod beginning;
pub mod compare;
pub mod delays;
mod experiment;
pub mod hour;

use units::{Duration, Instant, SortedSet};

use crate::driver::events::EventRow;
use crate::driver::input::{Answer, Input};
use crate::driver::{Driver, HEARTBEAT, Plane};
use crate::record::life::Lives;
use crate::record::silence::Silences;
use crate::record::{self, Log, RecordError};
use crate::wire::Registration;
use crate::wire::pressure::PressureKind;
use crate::wire::request::Request;
use crate::wire::usage::PodUsage;

pub use beginning::{Beginning, OwnerPlace, StandingObject, StandingPod};
pub use experiment::{Applied, Derived, File, Fitted, is_mesos};

/// Shortest time between two records in which a control server that was replaced counts as away.
const AWAY_MIN: Duration = Duration::from_secs(1);

/// The story of a run.
#[derive(Debug, Default)]
pub struct Story {
    /// Instant of the beginning: the run's zero, or that of the snapshot that the record begins with.
    pub origin: Instant,
    /// Date and time of the beginning in UTC, by which schedules go; `None` for that of the experiment.
    pub date: Option<String>,
    /// State at the beginning; `None` of a story that begins with the run.
    pub beginning: Option<Beginning>,
    /// Inputs from outside, in order.
    pub deeds: Vec<Deed>,
    /// Lives of processes that ended by themselves.
    pub lives: Lives,
    /// Times without heartbeats.
    pub silences: Silences,
    /// Times without a control server.
    pub absences: Vec<Absence>,
    /// Events that the control plane made of them, oldest first; instants are those of the run.
    pub events: Vec<EventRow>,
    /// Instant of the last record.
    pub end: Instant,
    /// Number of changes of what is stored.
    pub changes: u64,
}

/// Something that came from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// Instant of the deed.
    pub at: Instant,
    /// The deed itself.
    pub kind: DeedKind,
}

/// Kind of what came from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum DeedKind {
    /// A machine joined, or stated anew what it has.
    Joined(Registration),
    /// A user's request was carried out.
    Asked(Request),
    /// A machine is short of something, or no longer.
    Pressed {
        /// Name of the node.
        node: String,
        /// Kind of the shortage.
        kind: PressureKind,
        /// `true` as it begins, `false` as it ends.
        holds: bool,
    },
    /// Usage of pods as an autoscaler read it.
    Measured(Vec<PodUsage>),
}

/// Shortages of nodes, by their names.
type Shortages = SortedSet<(String, PressureKind)>;

/// A time without a control server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Last sign of the server before.
    pub from: Instant,
    /// Beginning of the term of the next.
    pub until: Instant,
}

impl Story {
    /// The story of a record, by replaying it.
    ///
    /// # Errors
    /// The record does not replay.
    pub fn of(log: &Log, plane: Plane) -> Result<Self, RecordError> {
        let mut story = Self::default();
        let mut driver = log.begin(plane)?;
        let mut known: Vec<Registration> = driver.registrations();
        if log.snapshot.is_some() {
            driver.check_simulated_beginning()?;
            story.origin = driver.now();
            story.beginning = Some(Beginning::of(&driver, story.origin));
            story.silences.listen(&driver);
        }
        story.date = log.header.date_after(story.origin);
        let mut shortages = story
            .beginning
            .as_ref()
            .map_or_else(Shortages::new, Beginning::shortages);
        let told = driver
            .events_after(0)
            .last()
            .map_or(0, |event| event.number);
        for (number, record) in log.records.iter().enumerate() {
            let at = Instant::from_nanos(record.at_ns);
            let before = driver.now();
            story.lives.listen(&driver, record);
            let answers = record::replay(&mut driver, log.first() + number as u64, record)?;
            for (input, answer) in record.inputs.iter().zip(&answers) {
                match input {
                    Input::Opened { epoch } if *epoch > 1 && at.since(before) >= AWAY_MIN => {
                        let from = before;
                        story.absences.push(Absence { from, until: at });
                    }
                    // The simulator's own provider sends machines that were ordered.
                    Input::Register { message } if driver.was_ordered(&message.node) => {}
                    Input::Register { message } => {
                        let last = known.iter().rfind(|last| last.node == message.node);
                        if last.is_none_or(|last| last.declaration != message.declaration) {
                            known.push(message.clone());
                            story.tell(at, DeedKind::Joined(message.clone()));
                        }
                        story.press(at, &message.node, &driver, &mut shortages);
                    }
                    Input::Update { message } => {
                        story.press(at, &message.node, &driver, &mut shortages);
                    }
                    Input::Ask { message } if is_done(answer) => {
                        story.tell(at, DeedKind::Asked(message.clone()));
                    }
                    Input::Measured { pods } => {
                        story.tell(at, DeedKind::Measured(pods.clone()));
                    }
                    _ => {}
                }
            }
            story.silences.listen(&driver);
            let last = story.events.last().map_or(told, |event| event.number);
            story.events.extend(driver.events_after(last));
            story.end = driver.now();
        }
        story.changes = driver.store().revision().0;
        Ok(story)
    }

    /// Phase of the heartbeats within their period, as the first silence shows it.
    pub fn heartbeat_phase(&self) -> Option<Duration> {
        let (_, silence) = self.silences.iter().next()?;
        let nanos = silence.from.as_nanos() % HEARTBEAT.as_nanos();
        Some(Duration::from_nanos(nanos))
    }

    /// Tells of shortages of a node that have begun or ended, as the control plane has them now; `known` are
    /// those that were there before.
    fn press(&mut self, at: Instant, node: &str, driver: &Driver, known: &mut Shortages) {
        for kind in PressureKind::ALL {
            let holds = driver.is_pressed(node, kind);
            let shortage = (node.to_owned(), kind);
            let is_new = if holds {
                known.insert(shortage)
            } else {
                known.remove(&shortage)
            };
            if is_new {
                let node = node.to_owned();
                self.tell(at, DeedKind::Pressed { node, kind, holds });
            }
        }
    }

    fn tell(&mut self, at: Instant, kind: DeedKind) {
        self.deeds.push(Deed { at, kind });
    }
}

/// `true` of a request that changed anything.
fn is_done(answer: &Answer) -> bool {
    matches!(answer, Answer::User(outcome) if !outcome.done.is_empty())
}

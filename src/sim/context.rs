//! The things that all parts of a simulation share while something happens: the time, the options, the
//! events that lie ahead, the observer, and the messages on their way between the parts.

use cluster::{Incident, Observer};
use units::Instant;

use super::Options;
use super::message::Message;
use super::queue::{EventQueue, QueueEvent};

/// The shared things, with the cell that something happens in.
pub(super) struct Context<'o> {
    options: Options,
    now: Instant,
    cell: u16,
    queue: EventQueue,
    observer: &'o mut dyn Observer,
    /// Messages on their way, the next one last.
    mail: Vec<Message>,
}

impl<'o> Context<'o> {
    pub(super) fn new(options: Options, observer: &'o mut dyn Observer) -> Self {
        Self {
            options,
            now: Instant::ZERO,
            cell: 0,
            queue: EventQueue::default(),
            observer,
            mail: Vec::new(),
        }
    }

    #[inline]
    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// Time passes.
    pub(super) const fn pass_to(&mut self, at: Instant) {
        self.now = at;
    }

    /// The number of the cell in which something happens.
    pub(super) const fn cell(&self) -> u16 {
        self.cell
    }

    /// All that happens from now on happens in this cell.
    #[inline]
    pub(super) const fn enter(&mut self, cell: u16) {
        self.cell = cell;
    }

    /// The seed of the cell's own random numbers.
    pub(super) const fn seed(&self) -> u64 {
        self.options.seed ^ (self.cell as u64) << 48
    }

    pub(super) const fn options(&self) -> &Options {
        &self.options
    }

    pub(super) const fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    #[inline]
    pub(super) fn observer(&mut self) -> &mut dyn Observer {
        &mut *self.observer
    }

    pub(super) const fn queue(&self) -> &EventQueue {
        &self.queue
    }

    pub(super) const fn queue_mut(&mut self) -> &mut EventQueue {
        &mut self.queue
    }

    /// Something lies ahead in the cell.
    #[inline]
    pub(super) fn expect(&mut self, at: Instant, event: QueueEvent) {
        self.queue.push(at, event.of(self.cell));
    }

    /// Sends a message to a part of the cell. Messages arrive in the order in which they were sent,
    /// each with all that it leads to before the next.
    #[inline]
    pub(super) fn send(&mut self, message: impl Into<Message>) {
        self.mail.push(message.into());
    }

    /// Sends word of something that begins, or is over, to the observer.
    pub(super) fn tell(&mut self, incident: Incident) {
        self.send(Message::Incident(incident));
    }

    /// The number of messages on their way.
    #[inline]
    pub(super) const fn mail(&self) -> usize {
        self.mail.len()
    }

    /// Puts the messages that were sent since there were `known` in the order in which they are taken.
    #[inline]
    pub(super) fn sort_mail(&mut self, known: usize) {
        if self.mail.len() > known + 1 {
            self.mail[known..].reverse();
        }
    }

    /// Takes the next message, as long as there are more than `known`.
    #[inline]
    pub(super) fn take_mail(&mut self, known: usize) -> Option<Message> {
        if self.mail.len() > known {
            self.mail.pop()
        } else {
            None
        }
    }
}

//! Views of components: the store itself, or a copy of it fed the same log later.

use std::collections::VecDeque;

use model::Event;
use units::{Duration, Instant, Revision};

use super::Store;
use super::log::LogEntry;

/// A copy of a store that lags behind it by a delay (watch delay, stale cache).
///
/// A scheduler must not forget its own decisions while the log that confirms them is late, or it
/// gives the same room away twice. Like kube-scheduler's cache, a view therefore can assume an
/// accepted write of its reader ([`View::assume`]): the copy shows it at once, and the log's own
/// entry is passed over when it arrives (spec: kubernetes.md 1.4).
#[derive(Clone, Debug)]
pub struct View {
    copy: Store,
    cursor: Revision,
    /// Delay with which later changes are shown; `None` while none are.
    lag: Option<Duration>,
    /// Revisions of the store at which writes were made that the copy shows already, in order.
    assumed: VecDeque<Revision>,
    /// Delivered changes that an assumed write leaves no room for yet, in order: in the store, the
    /// room was freed before the assumed write was made, and the log is yet to say so.
    deferred: VecDeque<LogEntry>,
}

impl View {
    /// A view that starts as a copy of the store and from then on lags behind it.
    pub fn new(store: &Store, lag: Duration) -> Self {
        Self {
            copy: store.fork(),
            cursor: store.revision(),
            lag: Some(lag),
            assumed: VecDeque::new(),
            deferred: VecDeque::new(),
        }
    }

    /// A view of a store as it is, with what its reader has not read yet.
    pub fn now(store: &Store) -> Self {
        Self {
            copy: store.clone(),
            cursor: store.revision(),
            lag: Some(Duration::ZERO),
            assumed: VecDeque::new(),
            deferred: VecDeque::new(),
        }
    }

    /// Sets the delay with which changes are shown from now on; without one they are not shown.
    pub fn show(&mut self, lag: Option<Duration>) {
        self.lag = lag;
    }

    /// The cluster as it is seen.
    pub fn store(&self) -> &Store {
        &self.copy
    }

    /// Revision up to which the store's log was delivered.
    pub fn cursor(&self) -> Revision {
        self.cursor
    }

    /// Changes of the store that the view does not show yet.
    pub fn unseen<'a>(&'a self, store: &'a Store) -> impl Iterator<Item = &'a LogEntry> {
        let entries = (self.cursor.0 + 1..).zip(store.log().since(self.cursor));
        let is_shown = |at: u64| self.assumed.contains(&Revision(at));
        entries
            .filter(move |&(at, _)| !is_shown(at))
            .map(|(_, entry)| entry)
    }

    /// Shows a write of the view's reader before the log does; the store made it at `at`. One that
    /// the copy has no place for yet is left to the log.
    pub fn assume(&mut self, now: Instant, event: Event, at: Revision) {
        if self.cursor < at && self.copy.apply(now, event).is_ok() {
            self.assumed.push_back(at);
        }
    }

    /// Delivers every change made at or before `now - lag`; returns when the next one is due.
    /// While no changes are shown, nothing is due.
    pub fn advance(&mut self, store: &Store, now: Instant) -> Option<Instant> {
        for entry in store.log().since(self.cursor) {
            let due = entry.at.saturating_add(self.lag?);
            if due > now {
                return Some(due);
            }
            self.cursor = Revision(self.cursor.0 + 1);
            if self.assumed.front() == Some(&self.cursor) {
                self.assumed.pop_front();
            } else {
                self.deliver(entry);
            }
            self.retry();
        }
        None
    }

    /// Applies a change that the log shows now.
    fn deliver(&mut self, entry: &LogEntry) {
        let shown = self.copy.apply(entry.at, entry.event.clone());
        if let Err(conflict) = shown {
            let may_wait = !(self.assumed.is_empty() && self.deferred.is_empty());
            assert!(
                may_wait,
                "invariant: a view accepts what its store accepted, but it refused {:?}: {conflict}",
                entry.event
            );
            self.deferred.push_back(entry.clone());
        }
    }

    /// Applies the deferred changes that there is room for by now. Those that are void, such as the
    /// binding of a pod that has ended since, go once every assumed write is confirmed.
    fn retry(&mut self) {
        if self.deferred.is_empty() {
            return;
        }
        for entry in std::mem::take(&mut self.deferred) {
            if self.copy.apply(entry.at, entry.event.clone()).is_err() {
                self.deferred.push_back(entry);
            }
        }
        if self.assumed.is_empty() {
            self.deferred.clear();
        }
    }

    /// Forgets the part of the copy's log that its reader has seen.
    pub fn truncate(&mut self, upto: Revision) {
        self.copy.truncate(upto);
    }
}

/// Whether a write is a claim that its writer counts on at once: a binding, or a hold that it places
/// or releases.
pub fn is_claim(event: &Event) -> bool {
    matches!(
        event,
        Event::PodBound { .. } | Event::HoldPlaced(_) | Event::HoldReleased { .. }
    )
}

//! Limits of parties, and the notes about what was refused. Notes name the party, the request and a
//! code; nothing that was sent as a value stands in them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use units::SortedMap;

use crate::runtime::clock::boot_ns;

/// Nanoseconds in which requests and notes are counted.
const WINDOW_NS: i64 = 1_000_000_000;

/// Greatest number of notes in a window; the others are counted.
const NOTES_MAX: u32 = 20;

/// Greatest length of a path in a note, in characters.
const PATH_MAX: usize = 120;

/// Receiver of notes, a line each.
pub type Notes = Arc<dyn Fn(&str) + Send + Sync>;

/// Counts of connections and requests.
pub(super) struct Guard {
    counts: Mutex<Counts>,
    notes: Notes,
}

#[derive(Default)]
struct Counts {
    /// Connections that are open, by party.
    open: SortedMap<String, usize>,
    /// Requests in the window, by party.
    requests: SortedMap<String, u32>,
    noted: u32,
    left_out: u32,
    window: i64,
}

/// A connection that counts until it is dropped.
pub(super) struct Entry {
    guard: Arc<Guard>,
    party: String,
}

impl Guard {
    pub(super) fn new(notes: Notes) -> Arc<Self> {
        Arc::new(Self {
            counts: Mutex::default(),
            notes,
        })
    }

    /// Counts a connection of a party; `None` if the party has as many as it may have.
    pub(super) fn enter(self: &Arc<Self>, party: &str, most: usize) -> Option<Entry> {
        let mut counts = self.counts();
        let open = counts.open.entry(party.to_owned()).or_insert(0);
        if *open >= most {
            return None;
        }
        *open += 1;
        Some(Entry {
            guard: Arc::clone(self),
            party: party.to_owned(),
        })
    }

    /// Counts a request of a party; returns whether it is within its rate.
    pub(super) fn allows(&self, party: &str, most_per_second: u32) -> bool {
        let mut counts = self.counts();
        counts.turn();
        let requests = counts.requests.entry(party.to_owned()).or_insert(0);
        *requests += 1;
        *requests <= most_per_second
    }

    /// Notes that something of a party was refused.
    pub(super) fn note(&self, peer: SocketAddr, party: &str, request: &str, code: &str) {
        let left_out = {
            let mut counts = self.counts();
            counts.turn();
            counts.noted += 1;
            if counts.noted > NOTES_MAX {
                counts.left_out += 1;
                return;
            }
            std::mem::take(&mut counts.left_out)
        };
        if left_out > 0 {
            (self.notes)(&format!("refused: {left_out} more in a second"));
        }
        let shown: String = request.chars().take(PATH_MAX).collect();
        let shown = shown.escape_debug();
        (self.notes)(&format!("refused: {code}: {party} at {peer}: {shown}"));
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Begins a window if the last one is over.
    fn turn(&mut self) {
        let window = boot_ns() / WINDOW_NS;
        if window != self.window {
            self.window = window;
            self.requests.clear();
            self.noted = 0;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut counts = self.guard.counts();
        if let Some(open) = counts.open.get_mut(&self.party) {
            *open -= 1;
            if *open == 0 {
                counts.open.remove(&self.party);
            }
        }
    }
}

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
    /// Refusals that no note told of, by code.
    left_out: SortedMap<String, u32>,
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
                *counts.left_out.entry(code.to_owned()).or_insert(0) += 1;
                return;
            }
            std::mem::take(&mut counts.left_out)
        };
        if !left_out.is_empty() {
            let counted = left_out
                .iter()
                .map(|(code, count)| format!("{count} {code}"));
            let counted = counted.collect::<Vec<_>>().join(", ");
            (self.notes)(&format!("refused without a line each: {counted}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> (Arc<Guard>, Arc<Mutex<Vec<String>>>) {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let notes: Notes = Arc::new(move |line| {
            kept.lock().expect("no panic").push(line.to_owned());
        });
        (Guard::new(notes), lines)
    }

    #[test]
    fn a_party_has_a_number_of_connections_and_gets_them_back() {
        let (guard, _) = guard();
        let first = guard.enter("agent/n0", 2).expect("a place");
        let second = guard.enter("agent/n0", 2).expect("a place");
        assert!(guard.enter("agent/n0", 2).is_none());
        assert!(
            guard.enter("agent/n1", 2).is_some(),
            "others have their own"
        );
        drop(first);
        assert!(guard.enter("agent/n0", 2).is_some());
        drop(second);
        assert!(guard.counts().open.is_empty());
    }

    #[test]
    fn requests_and_notes_are_counted_by_the_second() {
        let (guard, lines) = guard();
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        // The window may turn once in between.
        let allowed = (0..100).filter(|_| guard.allows("ada", 10)).count();
        assert!((10..=20).contains(&allowed), "{allowed}");
        for _ in 0..1000 {
            guard.note(address, "ada", "GET /\u{1b}[2J\nforged line", "path");
        }
        guard.counts().window = 0;
        guard.note(address, "ada", "GET /", "too-long");
        let lines = lines.lock().expect("no panic");
        let counted = lines
            .iter()
            .rfind(|line| line.starts_with("refused without"));
        assert!(
            counted.is_some_and(|line| line.ends_with(" path")),
            "{counted:?}"
        );
        assert!(lines.len() <= 2 * NOTES_MAX as usize + 3, "{}", lines.len());
        assert!(
            lines[0].ends_with("GET /\\u{1b}[2J\\nforged line"),
            "{}",
            lines[0]
        );
    }
}

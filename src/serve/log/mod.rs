//! The log of a run in memory, and what it says about any instant.

mod amounts;
mod course;
mod instant;
mod line;
mod lists;
mod objects;
mod variant;
mod words;

pub(crate) use course::Course;
pub(crate) use line::{Line, Pairs};
pub(crate) use lists::{EventSearch, PodSearch};
pub(crate) use objects::ObjectSearch;
pub(crate) use variant::Variant;

use std::collections::VecDeque;

/// Most events that are kept; a log with more is cut there, and says so.
const MOST_EVENTS: usize = 50_000_000;

/// The log of a run.
#[derive(Default)]
pub(crate) struct Log {
    /// Its variants, in the order in which they were met.
    pub(crate) variants: Vec<Variant>,
    /// Count of events.
    pub(crate) events: usize,
    /// Lines that are no events.
    pub(crate) bad_lines: usize,
    /// Whether it was cut for its length.
    pub(crate) is_cut: bool,
    /// Alerts and faults that are yet to be merged, by variant, the earliest first.
    alarms: Vec<(String, VecDeque<Line<'static>>)>,
}

impl Log {
    /// Adds a line of text.
    pub(crate) fn read(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        match serde_json::from_slice::<Line<'_>>(text) {
            Ok(line) => self.push(&line),
            Err(_) => self.bad_lines += 1,
        }
    }

    /// Alerts and faults of a variant, which are merged with its events by time.
    pub(crate) fn expect(&mut self, variant: &str, mut alarms: Vec<Line<'static>>) {
        alarms.sort_by_key(|line| line.time_ns);
        self.alarms.push((variant.to_owned(), alarms.into()));
    }

    /// Adds the alerts and faults that no event of the log comes after.
    pub(crate) fn finish(&mut self) {
        for (_, alarms) in std::mem::take(&mut self.alarms) {
            for line in &alarms {
                self.keep(line);
            }
        }
    }

    /// Adds an event, behind the alerts and faults before it.
    pub(crate) fn push(&mut self, line: &Line<'_>) {
        let found = self.alarms.iter().position(|(own, _)| *own == line.variant);
        if let Some(at) = found {
            while let Some(alarm) = self.alarms[at]
                .1
                .pop_front_if(|own| own.time_ns < line.time_ns)
            {
                self.keep(&alarm);
            }
        }
        self.keep(line);
    }

    fn keep(&mut self, line: &Line<'_>) {
        if self.events >= MOST_EVENTS {
            self.is_cut = true;
            return;
        }
        self.events += 1;
        // Events of a variant mostly follow each other.
        let found = self
            .variants
            .iter()
            .rposition(|own| own.name == line.variant);
        let at = found.unwrap_or_else(|| {
            self.variants.push(Variant::new(&line.variant));
            self.variants.len() - 1
        });
        self.variants[at].push(line);
    }

    /// A variant by name.
    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|own| own.name == name)
    }
}

#[cfg(test)]
mod tests;

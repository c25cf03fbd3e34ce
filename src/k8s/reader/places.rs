//! Where the object stands that is being read, as messages say it.

use std::fmt::Write as _;

use super::Reader;
use crate::findings::ObjectName;
use crate::parts::Parts;

/// Lists deeper within each other are not told apart in messages.
const DEPTH_SHOWN: usize = 4;

impl Reader {
    pub(in super::super) fn begin_document(&mut self) {
        self.document += 1;
    }

    pub(in super::super) fn enter_list(&mut self) {
        self.items.push(0);
    }

    pub(in super::super) fn next_item(&mut self) {
        if let Some(position) = self.items.last_mut() {
            *position += 1;
        }
    }

    pub(in super::super) fn leave_list(&mut self) {
        self.items.pop();
    }

    /// Place of the object being read.
    pub(in super::super) fn place(&self) -> String {
        if let Some(place) = &self.moved_to {
            return place.clone();
        }
        let mut place = format!("document {}", self.document);
        for (depth, position) in self.items.iter().enumerate() {
            if depth == DEPTH_SHOWN {
                place.push_str(" …");
                break;
            }
            let joint = if depth == 0 { ", " } else { "." };
            let _ = write!(place, "{joint}items[{position}]");
        }
        place
    }

    /// Forgets a broken rule, so that the objects after it are read, too; lists that were open
    /// inside of the object are left.
    pub(in super::super) fn recover(&mut self, depth: usize) {
        self.problem = None;
        self.failed_at = None;
        self.broken_field = None;
        self.items.truncate(depth);
    }

    /// Number of lists around the object being read.
    pub(in super::super) fn depth(&self) -> usize {
        self.items.len()
    }

    /// Reports from another place; an empty one is the place being read. Gives the former one.
    pub(in super::super) fn move_to(&mut self, place: String) -> String {
        let place = (!place.is_empty()).then_some(place);
        std::mem::replace(&mut self.moved_to, place).unwrap_or_default()
    }

    /// Remembers the object in which reading stopped; the innermost counts.
    pub(in super::super) fn note_place(&mut self, parts: &Parts) {
        if self.failed_at.is_none() {
            self.failed_at = Some(self.name_of(parts));
        }
    }

    fn place_of_failure(&self) -> String {
        self.failed_at.clone().unwrap_or_else(|| self.place())
    }

    pub(in super::super) fn has_failed(&self) -> bool {
        self.problem.is_some()
    }

    /// The message of an error that ended the reading: the rule that was broken, or what the
    /// parser says.
    pub(in super::super) fn describe(&self, fault: &str) -> String {
        match &self.problem {
            Some(problem) => problem.clone(),
            None => format!("{}: {fault}", self.place_of_failure()),
        }
    }

    pub(super) fn name_of(&self, parts: &Parts) -> String {
        let mut name = self.place();
        if let Some(kind) = &parts.kind {
            let metadata = &parts.metadata;
            let object = ObjectName {
                kind,
                namespace: metadata.namespace.as_deref(),
                name: metadata.name.as_deref().unwrap_or_default(),
            };
            let _ = write!(name, ", {object}");
        }
        name
    }
}

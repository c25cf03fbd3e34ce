//! Failures, put together: what begins of one kind at one instant is one entry.

use cluster::{Incident, Store};
use units::{NodeId, SortedMap};

use super::{INCIDENTS_MAX, IncidentEntry, IncidentList};

/// Collects what fails.
#[derive(Clone, Debug, Default)]
pub(super) struct Incidents {
    list: IncidentList,
    /// Incidents that have begun and are not over, and the entries that they are part of: the
    /// oldest ends first.
    open: SortedMap<(&'static str, Option<NodeId>), Vec<Option<usize>>>,
    /// Number of incidents of each entry that are not over.
    left: Vec<u64>,
}

impl Incidents {
    pub(super) fn apply(&mut self, at: i64, incident: Incident, store: &Store) {
        let key = (incident.what, incident.node);
        if !incident.begins {
            self.ended(at, key);
            return;
        }
        let listed = &self.list.listed;
        let same = listed
            .iter()
            .rposition(|own| own.from_ns == at && own.what == incident.what);
        let entry = if let Some(entry) = same {
            Some(entry)
        } else {
            self.list.total += 1;
            (listed.len() < INCIDENTS_MAX).then(|| {
                self.list.listed.push(IncidentEntry {
                    from_ns: at,
                    to_ns: None,
                    what: incident.what.to_owned(),
                    nodes: 0,
                    first: String::new(),
                });
                self.left.push(0);
                self.list.listed.len() - 1
            })
        };
        if let Some(entry) = entry {
            self.left[entry] += 1;
            if let Some(node) = incident.node {
                let own = &mut self.list.listed[entry];
                own.nodes += 1;
                if own.first.is_empty() {
                    store.nodes().name(node).clone_into(&mut own.first);
                }
            }
        }
        self.open.entry(key).or_default().push(entry);
    }

    fn ended(&mut self, at: i64, key: (&'static str, Option<NodeId>)) {
        let Some(open) = self.open.get_mut(&key).filter(|open| !open.is_empty()) else {
            // A cordon is over that began with something else, such as a notice.
            let (what, node) = key;
            return self.ended_otherwise(at, what, node);
        };
        let entry = open.remove(0);
        self.close(at, entry);
    }

    /// A node that takes pods again: whatever cordoned it is over.
    fn ended_otherwise(&mut self, at: i64, what: &str, node: Option<NodeId>) {
        if what != "cordoned" {
            return;
        }
        for what in ["taken back", "drained"] {
            let open = self.open.remove(&(what, node)).unwrap_or_default();
            for entry in open {
                self.close(at, entry);
            }
        }
    }

    fn close(&mut self, at: i64, entry: Option<usize>) {
        let Some(entry) = entry else { return };
        self.left[entry] = self.left[entry].saturating_sub(1);
        if self.left[entry] == 0 {
            self.list.listed[entry].to_ns = Some(at);
        }
    }

    pub(super) fn finish(self) -> IncidentList {
        self.list
    }
}

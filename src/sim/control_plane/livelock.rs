//! The error that components keep each other busy at one instant, and what they keep doing.

use cluster::Store;
use model::{Event, ObjectChange, PodChange};
use units::{Instant, Revision, SortedMap, plural};

use super::super::SimError;
use super::super::endless::named;
use super::ControlPlane;
use super::slot::ComponentSlot;

/// Number of the last changes that are looked at.
const LOOKED_AT: u64 = 1_000;

impl ControlPlane {
    /// The livelock error of a cell whose parts keep each other busy, after a number of rounds since a revision.
    pub(in super::super) fn livelock(&self, at: Instant, rounds: u64, begun: Revision) -> SimError {
        let busy =
            |seat: &&ComponentSlot| seat.due || seat.component.cursor() < self.store.revision();
        let busy = self.seats.iter().filter(busy);
        let mut names: Vec<String> = busy
            .map(|seat| format!("`{}`", seat.component.name()))
            .collect();
        if names.is_empty() {
            names.push("the agents of the nodes".to_owned());
        }
        SimError::Livelock {
            at,
            components: names.join(", "),
            last: last(&self.store, begun),
            rounds,
        }
    }
}

/// What the last changes since a revision were mostly, in words after a colon.
fn last(store: &Store, begun: Revision) -> String {
    let since = begun.max(Revision(store.revision().0.saturating_sub(LOOKED_AT)));
    let mut counts: SortedMap<String, u64> = SortedMap::new();
    for entry in store.log().since(since) {
        if let Some(deed) = deed(store, &entry.event) {
            *counts.entry(deed).or_default() += 1;
        }
    }
    let most = counts.iter().max_by_key(|&(_, count)| count);
    most.map_or_else(String::new, |(deed, count)| {
        let changes = plural::count(store.revision().0 - since.0, "change");
        format!(": {deed} ({count} of the last {changes})")
    })
}

/// What a change does, and to what; the ends of what it does come with its beginnings.
fn deed(store: &Store, event: &Event) -> Option<String> {
    match event {
        Event::PodCreated(created) => {
            let owner = created
                .owner
                .and_then(|owner| store.objects().get(owner.object));
            Some(match owner {
                Some(row) => format!("pods of {} come and go", named(&row.object)),
                None => format!("pods like {} come and go", created.name),
            })
        }
        Event::PodChanged {
            pod,
            change: PodChange::Restarted(_),
        } => {
            let pod = store.pods().get(*pod)?;
            Some(format!("containers of pod {} start over", pod.name))
        }
        Event::Object(ObjectChange::Updated { id, .. }) => {
            let row = store.objects().get(*id)?;
            Some(format!("{} is written", named(&row.object)))
        }
        Event::NodeUpdated { node, .. } => {
            Some(format!("node {} is written", store.nodes().name(*node)))
        }
        _ => None,
    }
}

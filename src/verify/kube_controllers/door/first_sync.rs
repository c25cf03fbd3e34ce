//! The first look that a controller takes at an object of a dump: what it writes then, before anything
//! comes of that.

use crate::door::watch::{ObjectStep, PodStep, Step, Watch};
use model::Object;
use units::Instant;

/// Writes of the first sync of an object.
#[derive(Default)]
pub(super) struct FirstSync<'w> {
    /// Pods that were made, in order.
    pub(super) created: Vec<&'w PodStep>,
    /// Pods that were told to end or forgotten, in order.
    pub(super) deleted: Vec<&'w PodStep>,
    /// The object after it.
    pub(super) object: Option<&'w Object>,
}

enum Change<'w> {
    Pod(&'w PodStep),
    Object(&'w ObjectStep),
}

impl<'w> FirstSync<'w> {
    /// The first sync of the object of a name that a run shows. A sync deletes pods, changes its object
    /// once, if the object is a job before that, and then makes pods; what comes out of this order belongs
    /// to a later one.
    pub(super) fn of(watch: &'w Watch, name: &str) -> Self {
        Self::after(watch, name, watch.begun.unwrap_or_default())
    }

    /// The first sync after a user has changed the object.
    pub(super) fn of_applied(watch: &'w Watch, name: &str) -> Option<Self> {
        let begun = watch.begun.unwrap_or_default();
        let mut objects = watch.objects.iter();
        let applied = objects.find(|own| own.name == name && own.place >= begun)?;
        Some(Self::after(watch, name, applied.place + 1))
    }

    fn after(watch: &'w Watch, name: &str, begun: usize) -> Self {
        let changes_first = name.starts_with("Job/");
        let mut sync = Self::default();
        let objects = watch.objects.iter().filter(|own| own.name == name);
        let mut changes: Vec<(usize, Change<'w>)> = Vec::new();
        for own in objects {
            if own.place < begun {
                sync.object = own.after.as_ref();
            } else if own.at == Instant::ZERO {
                changes.push((own.place, Change::Object(own)));
            }
        }
        let is_later = |own: &&PodStep| own.place >= begun && own.at == Instant::ZERO;
        let pods = watch.pods.iter().filter(is_later);
        changes.extend(pods.map(|own| (own.place, Change::Pod(own))));
        changes.sort_by_key(|(place, _)| *place);
        let mut is_changed = false;
        for (_, change) in changes {
            match change {
                Change::Object(own) => {
                    if is_changed || !sync.created.is_empty() {
                        break;
                    }
                    is_changed = true;
                    sync.object = own.after.as_ref();
                }
                Change::Pod(own) => match own.step {
                    Step::Created(..) => sync.created.push(own),
                    Step::Terminating | Step::Forgotten
                        if !sync.created.is_empty() || (is_changed && !changes_first) =>
                    {
                        break;
                    }
                    Step::Terminating | Step::Forgotten => sync.deleted.push(own),
                    _ => {}
                },
            }
        }
        sync
    }
}

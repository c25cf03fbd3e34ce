//! Pods that nodes refused for want of a resource of which no node has as much: the scheduler that bound them
//! does not look at it.

use super::aftermath::Counted;
use cluster::Store;
use model::resource_list::EPHEMERAL_STORAGE;
use model::{EndReason, Event, Pod, Text};
use units::{Resources, SortedMap, plural};

/// Such pods by resource: how many, and the first.
#[derive(Default)]
pub(super) struct Refusals(SortedMap<Text, Counted>);

impl Refusals {
    pub(super) fn observe(&mut self, event: &Event, ended: Option<&Pod>, store: &Store) {
        let Event::PodEnded {
            reason: EndReason::Refused(_),
            ..
        } = event
        else {
            return;
        };
        let Some(pod) = ended else {
            return;
        };
        let class = store.class(pod.class);
        if let Some(resource) = lacking(&class.requests, store) {
            let name = || format!("{}/{}", class.spec.namespace, pod.name.text());
            self.0.entry(resource).or_default().add(name);
        }
    }

    /// A line for each resource.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.0.iter().map(|(resource, Counted { count, first })| {
            format!(
                "nodes refused {} (first: {first}): none of them has as much `{resource}`, at which the scheduler \
                 does not look",
                plural::count(*count, "pod"),
            )
        });
        lines.collect()
    }
}

/// The first resource beside processors and memory of which no node has as much.
fn lacking(asked: &Resources, store: &Store) -> Option<Text> {
    let nodes = store.nodes();
    let columns = nodes.allocatable();
    let most_storage = nodes.present().map(|node| columns.row(node).storage_bytes);
    let most_storage = most_storage.max();
    if asked.storage_bytes > most_storage.unwrap_or(0) {
        return Some(EPHEMERAL_STORAGE.into());
    }
    let mut extended = asked.extended.iter();
    let found = extended.find(|(id, amount)| {
        let mut amounts = nodes
            .present()
            .map(|node| columns.extended_amount(*id, node));
        amounts.all(|has| has < *amount)
    });
    found.map(|(id, _)| store.extended().text(id.index()).into())
}

//! Owners of objects: a chain of owners that leads back to where it began can't be, and is refused.

use std::fmt;

use super::field::Texts;
use super::raw;
use model::Text;
use units::{SortedMap, SortedSet};

/// Kind, namespace and name.
pub(super) type Identity = (Text, Text, Text);

/// The owners of the objects of a file.
#[derive(Default)]
pub(super) struct Owners(SortedMap<Identity, Vec<Identity>>);

/// Objects each of which is owned by the next, and the last by the first.
pub(super) struct Cycle(Vec<Identity>);

impl Cycle {
    /// Kind, namespace and name of the first.
    pub(super) fn object(&self) -> (&str, &str, &str) {
        let (kind, namespace, name) = &self.0[0];
        (kind, namespace, name)
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, _, name)) in self.0.iter().chain(self.0.first()).enumerate() {
            let joint = if at == 0 { "" } else { " → " };
            write!(f, "{joint}{kind} `{name}`")?;
        }
        Ok(())
    }
}

impl Owners {
    /// Notes the owners of an object.
    pub(super) fn add(&mut self, kind: &str, metadata: &raw::Metadata, texts: &mut Texts) {
        if metadata.owner_references.is_empty() {
            return;
        }
        let namespace = texts.share(metadata.namespace.as_deref().unwrap_or_default());
        let name = texts.share(metadata.name.as_deref().unwrap_or_default());
        let owners = metadata.owner_references.iter();
        let owners = owners
            .map(|own| {
                (
                    texts.share(&own.kind),
                    namespace.clone(),
                    texts.share(&own.name),
                )
            })
            .collect();
        self.0
            .insert((texts.share(kind), namespace.clone(), name), owners);
    }

    /// Every object that is reached from itself by the first owner that leads on, once a cycle.
    pub(super) fn cycles(&self) -> Vec<Cycle> {
        let mut done: SortedSet<&Identity> = SortedSet::new();
        let mut cycles = Vec::new();
        for start in self.0.keys() {
            let mut path: Vec<&Identity> = Vec::new();
            let mut at = start;
            while done.insert(at) {
                path.push(at);
                let owners = self.0.get(at).into_iter().flatten();
                // A pod and its like own nothing: only owners that have owners can close a cycle.
                let Some(next) = owners.filter(|own| self.0.contains_key(*own)).min() else {
                    path.clear();
                    break;
                };
                at = next;
            }
            if let Some(from) = path.iter().position(|&own| own == at) {
                cycles.push(Cycle(path[from..].iter().map(|&own| own.clone()).collect()));
            }
        }
        cycles
    }
}

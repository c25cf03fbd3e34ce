//! Source positions of the settings of an experiment, for errors found only when it is built: a
//! quota above the cluster, a field that no node has.

use std::sync::Arc;

use super::tree::{Sources, Tree, Value};
use units::SortedMap;

/// Source positions of the settings of each variant.
#[derive(Clone, Debug, Default)]
pub struct Places {
    sources: Arc<Sources>,
    trees: SortedMap<String, Arc<Tree>>,
}

/// Compares equal always: experiments with equal settings are equal, wherever these are written.
impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Places {
    /// Adds the settings of a variant.
    pub(super) fn insert(&mut self, variant: &str, tree: &Tree) {
        self.trees
            .insert(variant.to_owned(), Arc::new(tree.clone()));
    }

    /// Sets the texts that the settings point into.
    pub(super) fn set_sources(&mut self, sources: Sources) {
        self.sources = Arc::new(sources);
    }

    /// File, line and column of the setting that a message begins with, as in
    /// `system.mesos.masters: …`: the deepest part of its path that was written. `None` if the
    /// message does not begin with a setting.
    pub fn of_message(&self, variant: &str, message: &str) -> Option<String> {
        let (path, _) = message.split_once(": ")?;
        if path.is_empty() || path.contains(char::is_whitespace) {
            return None;
        }
        let tree = self.trees.get(variant)?;
        let path = path.replace('[', ".").replace(']', "");
        let first = path.split('.').next()?;
        let Value::Map(entries) = &tree.value else {
            return None;
        };
        if !entries.iter().any(|entry| entry.key == first) {
            return None;
        }
        let span = tree.locate(path.split('.'));
        let (line, column) = self.sources.position(span);
        let name = &self.sources.get(span.source).name;
        Some(format!("{name}:{line}:{column}"))
    }
}

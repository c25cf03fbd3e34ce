//! Texts by dense index, in order of first appearance.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use model::Text;

/// A set of texts with dense indexes that never change.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    texts: IndexSet<Text, FxBuildHasher>,
}

impl Interner {
    /// The index of a text, which is added if it is new.
    pub fn intern(&mut self, text: &str) -> usize {
        if let Some(index) = self.texts.get_index_of(text) {
            return index;
        }
        self.texts.insert_full(text.into()).0
    }

    /// Forgets every text from an index on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.texts.truncate(len);
    }

    /// The index of a known text.
    pub fn get(&self, text: &str) -> Option<usize> {
        self.texts.get_index_of(text)
    }

    /// The text of an index.
    ///
    /// # Panics
    /// If the index was not handed out by this interner.
    pub fn text(&self, index: usize) -> &str {
        &self.texts[index]
    }

    /// Number of known texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether no text is known.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The texts in order of index.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| &**text)
    }
}

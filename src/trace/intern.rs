//! Numbering by order of first appearance: pod classes and tenants of a source.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::stream::Classes;
use super::table::Piece;
use super::texts::Texts;
use model::{PodSpec, Text};

/// Pod classes by order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct ClassTable {
    classes: Classes,
    known: IndexSet<Arc<PodSpec>, FxBuildHasher>,
}

impl ClassTable {
    /// The class of a spec: a known one if an equal spec was seen, else the next free one.
    pub fn class_of(&mut self, spec: PodSpec) -> u32 {
        if let Some(index) = self.known.get_index_of(&spec) {
            return index as u32;
        }
        let spec = Arc::new(spec);
        self.classes.push(spec.clone());
        self.known.insert_full(spec).0 as u32
    }

    /// The class of a spec that another table has as well: memory holds it once.
    pub fn class_of_shared(&mut self, spec: &Arc<PodSpec>) -> u32 {
        let (index, is_new) = self.known.insert_full(Arc::clone(spec));
        if is_new {
            self.classes.push(Arc::clone(spec));
        }
        index as u32
    }

    /// The classes seen up to now.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }
}

/// Names by order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    names: Vec<Text>,
    known: Texts,
}

impl NameTable {
    /// The number of a name, which is UTF-8; allocates only for a new one.
    pub fn number_of(&mut self, name: &[u8]) -> u32 {
        self.number_of_piece(Piece::of(name, 0, name.len()))
    }

    /// The number of a name that stands in a longer text.
    #[inline(always)]
    pub(crate) fn number_of_piece(&mut self, name: Piece<'_>) -> u32 {
        if let Some(number) = self.known.find(name) {
            return number;
        }
        self.names
            .push(String::from_utf8_lossy(name.bytes()).into());
        self.known.add(name)
    }

    /// The names seen up to now.
    pub fn names(&self) -> &[Text] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_specs_and_names_share_a_number() {
        let mut classes = ClassTable::default();
        let urgent = PodSpec {
            priority: 9,
            ..PodSpec::default()
        };
        assert_eq!(classes.class_of(PodSpec::default()), 0);
        assert_eq!(classes.class_of(urgent.clone()), 1);
        assert_eq!(classes.class_of(PodSpec::default()), 0);
        assert_eq!(*classes.classes()[1], urgent);
        let mut others = ClassTable::default();
        let shared = [1, 0, 1].map(|own: usize| others.class_of_shared(&classes.classes()[own]));
        assert_eq!(shared, [0, 1, 0]);
        assert!(Arc::ptr_eq(&others.classes()[0], &classes.classes()[1]));

        let mut names = NameTable::default();
        assert_eq!(
            [b"b", b"a", b"b"].map(|name| names.number_of(name)),
            [0, 1, 0]
        );
        assert_eq!(names.names(), ["b".into(), "a".into()]);
    }
}

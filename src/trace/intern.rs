//! Numbering by order of first appearance: pod classes and tenants of a source.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use std::hash::BuildHasher as _;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::stream::Classes;
use super::table::Piece;
use super::texts::Texts;
use model::{PodSpec, Text};

/// Pod classes by order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct ClassTable {
    classes: Classes,
    hashes: Hashes,
}

impl ClassTable {
    /// A table that holds a number of classes in memory; those beyond are in a temporary file.
    pub fn holding(most_held: usize) -> Self {
        Self {
            classes: Classes::holding(most_held),
            hashes: Hashes::default(),
        }
    }

    /// The class of a spec: a known one if an equal spec was seen, else the next free one.
    pub fn class_of(&mut self, spec: PodSpec) -> u32 {
        let hash = hash_of(&spec);
        self.find(hash, &spec)
            .unwrap_or_else(|| self.add(hash, Arc::new(spec)))
    }

    /// The class of a spec that another table has as well: memory holds it once.
    pub fn class_of_shared(&mut self, spec: &Arc<PodSpec>) -> u32 {
        let hash = hash_of(spec);
        self.find(hash, spec)
            .unwrap_or_else(|| self.add(hash, Arc::clone(spec)))
    }

    /// The classes seen up to now.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The class of a spec that was seen. One that can't be read back is none; whoever reads the classes is told.
    fn find(&self, hash: u64, spec: &PodSpec) -> Option<u32> {
        let held = self.classes.held();
        self.hashes
            .find(hash, |class| match held.get(class as usize) {
                Some(known) => **known == *spec,
                None => self.classes.get(class).is_ok_and(|known| *known == *spec),
            })
    }

    fn add(&mut self, hash: u64, spec: Arc<PodSpec>) -> u32 {
        self.classes.push(spec);
        self.hashes.add(hash)
    }
}

fn hash_of(spec: &PodSpec) -> u64 {
    FxBuildHasher.hash_one(spec)
}

/// No class.
const NONE: u32 = u32::MAX;

/// Classes by the hashes of their specs, in about 16 bytes each.
#[derive(Clone, Debug, Default)]
struct Hashes {
    /// The hash of each class.
    of_class: Vec<u64>,
    /// Classes, each in the first vacant place from that of its hash on; at most three quarters of the places are taken.
    places: Vec<u32>,
}

impl Hashes {
    /// The class of a hash that passes a test.
    fn find(&self, hash: u64, mut is_own: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.places.len().checked_sub(1)?;
        let mut at = spread(hash) & mask;
        loop {
            let class = self.places[at];
            if class == NONE {
                return None;
            }
            if self.of_class[class as usize] == hash && is_own(class) {
                return Some(class);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds the next class; its number.
    fn add(&mut self, hash: u64) -> u32 {
        let class = self.of_class.len() as u32;
        self.of_class.push(hash);
        if 4 * self.of_class.len() > 3 * self.places.len() {
            self.places = vec![NONE; (2 * self.places.len()).max(64)];
            for class in 0..class {
                self.settle(class);
            }
        }
        self.settle(class);
        class
    }

    fn settle(&mut self, class: u32) {
        let mask = self.places.len() - 1;
        let mut at = spread(self.of_class[class as usize]) & mask;
        while self.places[at] != NONE {
            at = (at + 1) & mask;
        }
        self.places[at] = class;
    }
}

/// A hash with its high bits in the low ones, too.
const fn spread(hash: u64) -> usize {
    (hash ^ (hash >> 32)) as usize
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

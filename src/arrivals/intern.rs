//! Numbering by order of first appearance: pod classes and tenants of a source.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::spill::key_of;
use crate::stream::Classes;
use intake::table::Piece;
use intake::text_numbers::Texts;
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

/// Classes by the hashes of their specs, in about 16 bytes each.
#[derive(Clone, Debug, Default)]
struct Hashes {
    /// The hash of each class.
    of_class: Vec<u64>,
    classes: HashTable<u32>,
}

impl Hashes {
    /// The class of a hash that passes a test.
    fn find(&self, hash: u64, mut is_own: impl FnMut(u32) -> bool) -> Option<u32> {
        let known = |class: &u32| self.of_class[*class as usize] == hash && is_own(*class);
        self.classes.find(hash, known).copied()
    }

    /// Adds the next class; its number.
    fn add(&mut self, hash: u64) -> u32 {
        let class = self.of_class.len() as u32;
        self.of_class.push(hash);
        let of_class = &self.of_class;
        self.classes
            .insert_unique(hash, class, |class| of_class[*class as usize]);
        class
    }
}

/// Names that are found the fastest way. Beyond them, a name is found in fewer bytes.
const MOST_FAST: usize = 1 << 12;

/// Names by order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    names: Vec<Text>,
    /// The first names.
    known: Texts,
    /// The others.
    more: Tags,
    /// The one of the others that was asked for last: rows of one name follow each other.
    last: u32,
}

impl NameTable {
    /// The number of a name, which is UTF-8; allocates only for a new one.
    pub fn number_of(&mut self, name: &[u8]) -> u32 {
        self.number_of_piece(Piece::of(name, 0, name.len()))
    }

    /// The number of a name that stands in a longer text.
    #[inline(always)]
    pub fn number_of_piece(&mut self, name: Piece<'_>) -> u32 {
        match self.known.find(name) {
            Some(number) => number,
            None => self.number_of_another(name, || String::from_utf8_lossy(name.bytes()).into()),
        }
    }

    /// The number of a name that another table has as well: memory holds it once.
    pub(crate) fn number_of_shared(&mut self, name: &Text) -> u32 {
        let piece = Piece::of(name.as_bytes(), 0, name.len());
        let known = self.known.find(piece);
        known.unwrap_or_else(|| self.number_of_another(piece, || Text::clone(name)))
    }

    /// The number of a name that is not among the first ones.
    fn number_of_another(&mut self, name: Piece<'_>, text: impl FnOnce() -> Text) -> u32 {
        let is_fast = self.names.len() < MOST_FAST;
        let last = self.names.get(self.last as usize);
        if !is_fast && last.is_some_and(|last| last.as_bytes() == name.bytes()) {
            return self.last;
        }
        let tag = if is_fast { 0 } else { tag_of(name.bytes()) };
        let names = &self.names;
        let is_own = |number: u32| names[number as usize].as_bytes() == name.bytes();
        if !is_fast && let Some(number) = self.more.find(tag, is_own) {
            self.last = number;
            return number;
        }
        let number = self.names.len() as u32;
        self.last = number;
        self.names.push(text());
        if is_fast {
            self.known.add(name);
        } else {
            self.more.add(tag, number);
        }
        number
    }

    /// The names seen up to now.
    pub fn names(&self) -> &[Text] {
        &self.names
    }
}

/// Numbers by parts of hashes, in about 14 bytes each: so the table grows without the names.
#[derive(Clone, Debug, Default)]
struct Tags(HashTable<(u32, u32)>);

/// The tag of a name.
fn tag_of(name: &[u8]) -> u32 {
    (key_of(name)[0] >> 32) as u32
}

/// The hash of a tag, whose bits the table needs at both ends.
const fn hash_of_tag(tag: u32) -> u64 {
    (tag as u64) << 32 | tag as u64
}

impl Tags {
    /// The number of a tag that passes a test.
    fn find(&self, tag: u32, mut is_own: impl FnMut(u32) -> bool) -> Option<u32> {
        let known = |(other, number): &(u32, u32)| *other == tag && is_own(*number);
        self.0.find(hash_of_tag(tag), known).map(|own| own.1)
    }

    /// Adds a number that the table does not have.
    fn add(&mut self, tag: u32, number: u32) {
        let hash = hash_of_tag(tag);
        self.0
            .insert_unique(hash, (tag, number), |own| hash_of_tag(own.0));
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

    #[test]
    fn names_of_many_are_found() {
        let mut names = NameTable::default();
        let name = |number: u32| format!("{:x}", number.wrapping_mul(2_654_435_761));
        let count = 3 * MOST_FAST as u32;
        for round in 0..2 {
            for number in 0..count {
                let own = name(number);
                assert_eq!(names.number_of(own.as_bytes()), number, "{round}");
            }
        }
        assert_eq!(names.number_of_shared(&"".into()), count);
        let shared = names.names()[5_000].clone();
        assert_eq!(NameTable::default().number_of_shared(&shared), 0);
        assert_eq!(names.number_of_shared(&shared), 5_000);
        assert_eq!(names.number_of(b""), count);
        assert_eq!(names.names().len() as u32, count + 1);
    }

    #[test]
    fn names_of_one_tag_are_told_apart() {
        let mut tags = Tags::default();
        for number in 0..200 {
            let tag = u32::MAX - number / 50;
            assert_eq!(tags.find(tag, |own| own == number), None);
            tags.add(tag, number);
        }
        for number in 0..200 {
            let tag = u32::MAX - number / 50;
            assert_eq!(tags.find(tag, |own| own == number), Some(number));
        }
    }
}

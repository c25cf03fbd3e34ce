//! Texts, each kept once.

use rustc_hash::FxHashMap;

/// Number of a text.
pub(crate) type Word = u32;

/// Texts by number. Number 0 is the empty text.
pub(crate) struct Words {
    text: String,
    /// End of each text in `text`.
    ends: Vec<usize>,
    /// Numbers by hash; texts of the same hash follow each other.
    known: FxHashMap<u64, Vec<Word>>,
}

impl Default for Words {
    fn default() -> Self {
        let mut own = Self {
            text: String::new(),
            ends: Vec::new(),
            known: FxHashMap::default(),
        };
        own.add("");
        own
    }
}

fn hash(text: &str) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault};
    BuildHasherDefault::<rustc_hash::FxHasher>::default().hash_one(text)
}

impl Words {
    /// Number of a text, which is kept if it is new.
    pub(crate) fn add(&mut self, text: &str) -> Word {
        if let Some(word) = self.find(text) {
            return word;
        }
        let word = self.ends.len() as Word;
        self.text.push_str(text);
        self.ends.push(self.text.len());
        self.known.entry(hash(text)).or_default().push(word);
        word
    }

    /// Number of a text that is known.
    pub(crate) fn find(&self, text: &str) -> Option<Word> {
        let same = self.known.get(&hash(text))?;
        same.iter().copied().find(|word| self.get(*word) == text)
    }

    /// Text of a number.
    pub(crate) fn get(&self, word: Word) -> &str {
        let at = word as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// Count of texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number() {
        let mut words = Words::default();
        let one = words.add("node-1");
        let other = words.add("node-2");
        assert_eq!(words.add("node-1"), one);
        assert_ne!(one, other);
        assert_eq!(words.get(other), "node-2");
        assert_eq!(words.get(0), "");
        assert_eq!(words.find("node-3"), None);
    }
}

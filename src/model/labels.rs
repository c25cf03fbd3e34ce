//! Labels of an object: few and many times, so they lie side by side instead of in a tree.

use std::fmt;
use std::ops::Index;
use std::slice;

use serde::{Deserialize, Serialize, Serializer};

use super::Text;
use units::SortedMap;

/// Labels of an object, sorted by key.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "SortedMap<Text, Text>")]
pub struct Labels(Vec<(Text, Text)>);

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// The labels of an object, in order of key.
pub type Iter<'a> =
    std::iter::Map<slice::Iter<'a, (Text, Text)>, fn(&'a (Text, Text)) -> (&'a Text, &'a Text)>;

impl Labels {
    /// No labels.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&Text> {
        let place = self.place(key).ok()?;
        Some(&self.0[place].1)
    }

    /// Whether there is a label of a key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order of key.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Their keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Text> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Their values, in order of key.
    pub fn values(&self) -> impl Iterator<Item = &Text> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Sets a label; the value that it had.
    pub fn insert(&mut self, key: Text, value: Text) -> Option<Text> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    /// Sets a label that is not there yet.
    pub fn insert_if_absent(&mut self, key: &str, value: impl FnOnce() -> Text) {
        if !self.contains_key(key) {
            self.insert(key.into(), value());
        }
    }

    /// Takes a label off; the value that it had.
    pub fn remove(&mut self, key: &str) -> Option<Text> {
        let place = self.place(key).ok()?;
        let (_, value) = self.0.remove(place);
        Some(value)
    }

    /// The value of a label, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Text> {
        let place = self.place(key).ok()?;
        Some(&mut self.0[place].1)
    }

    /// Keeps the labels that are to be kept.
    pub fn retain(&mut self, mut keeps: impl FnMut(&Text, &Text) -> bool) {
        self.0.retain(|(key, value)| keeps(key, value));
    }

    /// Takes all labels off.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }

    /// Lets keys and values that other labels have in the same places lie in memory once.
    pub fn share_with(&mut self, other: &Self) {
        for ((key, value), (other_key, other_value)) in self.0.iter_mut().zip(&other.0) {
            for (own, other) in [(key, other_key), (value, other_value)] {
                if own == other {
                    own.clone_from(other);
                }
            }
        }
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}

impl Index<&str> for Labels {
    type Output = Text;

    /// The value of a label that is there.
    fn index(&self, key: &str) -> &Text {
        self.get(key).expect("a label of this key")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Extend<(Text, Text)> for Labels {
    fn extend<I: IntoIterator<Item = (Text, Text)>>(&mut self, labels: I) {
        let all = &mut self.0;
        all.extend(labels);
        // Stable, so that of several values of a key the last one comes last.
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(&mut later.1, &mut kept.1);
            }
            is_same
        });
        all.shrink_to_fit();
    }
}

impl FromIterator<(Text, Text)> for Labels {
    fn from_iter<I: IntoIterator<Item = (Text, Text)>>(labels: I) -> Self {
        let mut all = Self::default();
        all.extend(labels);
        all
    }
}

impl From<SortedMap<Text, Text>> for Labels {
    fn from(labels: SortedMap<Text, Text>) -> Self {
        Self(labels.into_iter().collect())
    }
}

/// Labels as people write them.
impl From<&SortedMap<String, String>> for Labels {
    fn from(labels: &SortedMap<String, String>) -> Self {
        let text = |own: &String| Text::from(own.as_str());
        let labels = labels.iter();
        labels
            .map(|(key, value)| (text(key), text(value)))
            .collect()
    }
}

impl<const N: usize> From<[(Text, Text); N]> for Labels {
    fn from(labels: [(Text, Text); N]) -> Self {
        labels.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a Text, &'a Text);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Labels {
    type Item = (Text, Text);
    type IntoIter = std::vec::IntoIter<(Text, Text)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canonical::short_name;

    proptest! {
        #[test]
        fn labels_are_a_sorted_map(
            steps in proptest::collection::vec((0_u8..4, 0_u8..6, 0_u8..9), 0..30),
        ) {
            let (mut labels, mut map) = (Labels::new(), SortedMap::<Text, Text>::new());
            for (what, key, value) in steps {
                let text = |number: u8| Text::from(number.to_string().as_str());
                let (key, value) = (text(key), text(value));
                match what {
                    0 => prop_assert_eq!(
                        labels.insert(key.clone(), value.clone()),
                        map.insert(key, value)
                    ),
                    1 => prop_assert_eq!(labels.remove(&key), map.remove(&key)),
                    2 => {
                        labels.insert_if_absent(&key, || value.clone());
                        map.entry(key).or_insert(value);
                    }
                    _ => {
                        let more = [(key.clone(), value.clone()), (text(3), key), (text(3), value)];
                        labels.extend(more.clone());
                        map.extend(more);
                    }
                }
                prop_assert_eq!(labels.len(), map.len());
                prop_assert_eq!(short_name(&labels), short_name(&map));
                prop_assert_eq!(
                    labels.iter().collect::<Vec<_>>(),
                    map.iter().collect::<Vec<_>>()
                );
                for key in 0..6 {
                    prop_assert_eq!(labels.get(&text(key)), map.get(&text(key)));
                }
                prop_assert_eq!(labels.iter().map(|(a, b)| (a.clone(), b.clone())).collect::<Labels>(), labels.clone());
            }
        }
    }
}

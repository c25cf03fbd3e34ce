//! Amounts of resources: lists, each kept once, in thousandths of a unit.

use rustc_hash::FxHashMap;

use super::words::{Word, Words};

/// Number of a list of amounts; 0 is the empty list.
pub(crate) type AmountsId = u32;

/// Lists of amounts by number, with the resources that they name.
pub(crate) struct Amounts {
    /// Resources, in the order in which they were met.
    pub(crate) resources: Vec<String>,
    lists: Vec<Vec<(usize, i64)>>,
    known: FxHashMap<Word, AmountsId>,
    texts: Words,
}

impl Default for Amounts {
    fn default() -> Self {
        Self {
            resources: Vec::new(),
            lists: vec![Vec::new()],
            known: FxHashMap::default(),
            texts: Words::default(),
        }
    }
}

impl Amounts {
    /// Number of a list.
    pub(crate) fn add<'t>(&mut self, list: impl Iterator<Item = (&'t str, &'t str)>) -> AmountsId {
        let mut text = String::new();
        for (name, amount) in list {
            text.extend([name, "=", amount, ";"]);
        }
        if text.is_empty() {
            return 0;
        }
        let word = self.texts.add(&text);
        if let Some(id) = self.known.get(&word) {
            return *id;
        }
        let mut own = Vec::new();
        for pair in text.split_terminator(';') {
            let Some((name, amount)) = pair.rsplit_once('=') else {
                continue;
            };
            let Some(milli) = thousandths(amount) else {
                continue;
            };
            let found = self.resources.iter().position(|known| known == name);
            let resource = found.unwrap_or_else(|| {
                self.resources.push(name.to_owned());
                self.resources.len() - 1
            });
            own.push((resource, milli));
        }
        self.keep(word, own)
    }

    /// Number of the list of what one list has beyond another.
    pub(crate) fn difference(&mut self, after: AmountsId, before: AmountsId) -> AmountsId {
        let word = self.texts.add(&format!("{after}-{before}"));
        if let Some(id) = self.known.get(&word) {
            return *id;
        }
        let mut own = self.get(after).to_vec();
        for (resource, milli) in self.get(before).to_vec() {
            match own.iter_mut().find(|(known, _)| *known == resource) {
                Some((_, amount)) => *amount -= milli,
                None => own.push((resource, -milli)),
            }
        }
        self.keep(word, own)
    }

    fn keep(&mut self, word: Word, list: Vec<(usize, i64)>) -> AmountsId {
        let id = self.lists.len() as AmountsId;
        self.lists.push(list);
        self.known.insert(word, id);
        id
    }

    /// Resources and thousandths of a list.
    pub(crate) fn get(&self, id: AmountsId) -> &[(usize, i64)] {
        &self.lists[id as usize]
    }

    /// Thousandths of a resource in a list.
    pub(crate) fn of(&self, id: AmountsId, resource: usize) -> i64 {
        let mut own = self.get(id).iter();
        own.find(|(known, _)| *known == resource)
            .map_or(0, |(_, milli)| *milli)
    }
}

/// Thousandths of a quantity as Kubernetes writes it; none if it is not one.
fn thousandths(text: &str) -> Option<i64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let found = { SUFFIXES.iter() }
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1.0));
    let value: f64 = number.parse().ok()?;
    let milli = (value * factor * 1e3).round();
    // Beyond this a sum over a cluster would not fit.
    (milli.is_finite() && milli.abs() < 1e17).then_some(milli as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, milli) in [
            ("4", 4_000),
            ("250m", 250),
            ("1Gi", 1_073_741_824_000),
            ("1.5k", 1_500_000),
            ("2e3", 2_000_000),
        ] {
            assert_eq!(thousandths(text), Some(milli), "{text}");
        }
        assert_eq!(thousandths("much"), None);
        assert_eq!(thousandths("9Ei"), None);
    }

    #[test]
    fn differences_are_by_resource() {
        let mut amounts = Amounts::default();
        let before = amounts.add([("cpu", "1"), ("memory", "1k")].into_iter());
        let after = amounts.add([("cpu", "3")].into_iter());
        let own = amounts.difference(after, before);
        assert_eq!(
            (amounts.of(own, 0), amounts.of(own, 1)),
            (2_000, -1_000_000)
        );
        assert_eq!(amounts.difference(after, before), own);
    }
}

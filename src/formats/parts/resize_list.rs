//! Resizes of pods as a cell of the project's own table: `30s cpu=2 memory=4Gi | 1h cpu=1 memory=4Gi` has the time
//! since the start of the pod, and all that its first container requests from then on.

use std::fmt::Write;

use crate::prelude::*;
use model::behaviour::Resize;

/// The notation of a list.
pub(crate) const NOTATION: &str = "times since the start with what is requested from then on, such as `30s cpu=2 memory=4Gi | 1h cpu=1`";

/// A list as a cell.
pub(crate) fn written(resizes: &[Resize]) -> String {
    let mut text = String::new();
    for (place, resize) in resizes.iter().enumerate() {
        let between = if place == 0 { "" } else { " | " };
        let _ = write!(text, "{between}{}{}", resize.after, words(&resize.requests));
    }
    text
}

/// Amounts as words, with a blank before each.
pub(crate) fn words(list: &ResourceList) -> String {
    let mut text = String::new();
    for (name, amount) in list.iter() {
        let _ = write!(text, " {name}={amount}");
    }
    text
}

/// The amounts of words, at least one; `None` if any word is none.
pub(crate) fn amounts<'w>(words: impl Iterator<Item = &'w str>) -> Option<ResourceList> {
    let mut list = ResourceList::default();
    for word in words {
        let (name, amount) = word.split_once('=')?;
        let amount: Quantity = amount.parse().ok()?;
        if amount < Quantity::ZERO || name.is_empty() || list.contains(name) {
            return None;
        }
        list.set(name, amount);
    }
    (!list.is_empty()).then_some(list)
}

/// The list of a cell, in order of time; `None` if it is in no such notation.
pub(crate) fn read(cell: &str) -> Option<Vec<Resize>> {
    let mut all: Vec<Resize> = Vec::new();
    for one in cell.split('|') {
        let mut words = one.split_whitespace();
        let after: Duration = words.next()?.parse().ok()?;
        let is_later = all.last().is_none_or(|last| last.after < after);
        if after < Duration::ZERO || !is_later {
            return None;
        }
        let requests = amounts(words)?;
        all.push(Resize { after, requests });
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_reads_back(
            gaps in prop::collection::vec((1_i64..5_000_000_000, 0_i64..9_000, 0_i64..9_000), 1..4),
        ) {
            let mut at = 0;
            let all: Vec<Resize> = { gaps.into_iter() }
                .map(|(gap, cpu, memory)| {
                    at += gap;
                    let (cpu, memory) = (Quantity::from_milli(cpu), Quantity::from_units(memory));
                    Resize {
                        after: Duration::from_nanos(at),
                        requests: ResourceList::from_pairs([("cpu", cpu), ("memory", memory)]),
                    }
                })
                .collect();
            prop_assert_eq!(read(&written(&all)), Some(all));
        }
    }

    #[test]
    fn other_texts_are_no_lists() {
        for text in [
            "",
            "30s",
            "cpu=2",
            "30s cpu",
            "30s cpu=-1",
            "30s cpu=1 cpu=2",
            "30s cpu=1 | 30s cpu=2",
            "-1s cpu=1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

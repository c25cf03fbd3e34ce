//! Rules about other pods as sets of nodes that are left in or out.

use smallvec::SmallVec;

use super::bits::WORD;
use super::counter::Counters;
use super::key::Key;
use super::plan::{Plan, Rule};

/// A set of nodes.
pub(super) enum Mask<'a> {
    /// These alone pass.
    Within(&'a [u64]),
    /// These don't.
    Without(&'a [u64]),
    /// Nodes in allowed domains.
    Allowed(&'a [u32], Vec<bool>),
    /// No node passes.
    Nobody,
}

/// Few rules are usual.
type Masks<'a> = SmallVec<[Mask<'a>; 8]>;

impl Mask<'_> {
    /// The nodes of a word that are left.
    pub(super) fn apply(&self, word: u64, index: usize) -> u64 {
        match self {
            Self::Within(set) => word & set[index],
            Self::Without(set) => word & !set[index],
            Self::Nobody => 0,
            Self::Allowed(of_place, allowed) => {
                let mut left = word;
                let end = of_place.len().min((index + 1) * WORD);
                for (bit, &domain) in of_place[index * WORD..end].iter().enumerate() {
                    let passes = allowed.get(domain as usize).copied().unwrap_or(false);
                    left &= !(u64::from(!passes) << bit);
                }
                left
            }
        }
    }
}

/// The sets that a plan's rules make of the counts as they are.
pub(super) fn masks<'a>(plan: &'a Plan, keys: &'a [Key], counters: &'a Counters) -> Masks<'a> {
    let mut masks = Masks::new();
    for rule in &plan.rules {
        match rule {
            Rule::Without(counter) => {
                let counter = counters.get(*counter);
                if let Some(some) = counter.some.as_ref().filter(|_| counter.total != 0) {
                    masks.push(Mask::Without(some));
                }
            }
            Rule::With {
                counters: numbers,
                or_nowhere,
            } => with(&mut masks, numbers, *or_nowhere, keys, counters),
            Rule::Skew { .. } => skew(&mut masks, rule, keys, counters),
        }
    }
    masks
}

fn with<'a>(
    masks: &mut Masks<'a>,
    numbers: &[usize],
    or_nowhere: bool,
    keys: &'a [Key],
    counters: &'a Counters,
) {
    let are_nowhere = numbers
        .iter()
        .all(|&number| counters.get(number).total == 0);
    if are_nowhere && !or_nowhere {
        masks.push(Mask::Nobody);
        return;
    }
    for &number in numbers {
        let counter = counters.get(number);
        let key = &keys[counter.key];
        match &counter.some {
            Some(some) if !are_nowhere => masks.push(Mask::Within(some)),
            _ if !key.is_everywhere => masks.push(Mask::Within(&key.labelled)),
            _ => {}
        }
    }
}

fn skew<'a>(masks: &mut Masks<'a>, rule: &Rule, keys: &'a [Key], counters: &'a Counters) {
    let Rule::Skew {
        counter,
        nodes,
        max_skew,
        own,
        min_domains,
    } = rule
    else {
        return;
    };
    let counter = counters.get(*counter);
    let key = &keys[counter.key];
    let domains = counter.counts.iter().zip(nodes);
    let known = domains
        .filter(|&(_, &nodes)| nodes > 0)
        .map(|(&count, _)| i64::from(count));
    let least = if (known.clone().count() as i64) < *min_domains {
        0
    } else {
        known.min().unwrap_or(i64::from(i32::MAX))
    };
    let passes = |count: i32| i64::from(count) + own - least <= *max_skew;
    if let Some(narrow) = &key.narrow {
        if !key.is_everywhere {
            masks.push(Mask::Within(&key.labelled));
        }
        for (members, &count) in narrow.members.iter().zip(&counter.counts) {
            if !passes(count) {
                masks.push(Mask::Without(members));
            }
        }
    } else {
        let allowed = counter.counts.iter().map(|&count| passes(count));
        masks.push(Mask::Allowed(&key.of_place, allowed.collect()));
    }
}

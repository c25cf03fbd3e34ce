//! Rules over more than single nodes as sets of nodes that are left in or out.

use smallvec::SmallVec;

use super::bits::{self, WORD};
use super::counter::Counters;
use super::key::Key;
use super::plan::{Plan, Rule};
use super::shape::Nodes;
use crate::kube::cacheable::CacheTest;

/// A set of nodes.
pub(super) enum Mask<'a> {
    /// These alone pass.
    Within(&'a [u64]),
    /// These don't.
    Without(&'a [u64]),
    /// Those that pass a test.
    Asked(&'a CacheTest),
    /// Nodes in allowed domains.
    Allowed(&'a [u32], Vec<bool>),
    /// No node passes.
    Nobody,
}

/// Few rules are usual.
type Masks<'a> = SmallVec<[Mask<'a>; 8]>;

impl Mask<'_> {
    /// The nodes of a word that are left.
    pub(super) fn apply(&self, word: u64, index: usize, nodes: Nodes<'_>) -> u64 {
        match self {
            Self::Asked(test) => {
                let mut left = word;
                bits::each(word, index * WORD, |place| {
                    let node = nodes.sites.node(nodes.cache, place);
                    let passes = node.is_some_and(|node| test(nodes.cache, node));
                    left &= !(u64::from(!passes) << (place % WORD));
                });
                left
            }
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
            Rule::Within(set) => masks.push(Mask::Within(set)),
            Rule::Asked(_) => {}
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
    // What costs most is asked about the nodes that all others leave.
    masks.extend(plan.rules.iter().filter_map(|rule| match rule {
        Rule::Asked(test) => Some(Mask::Asked(test)),
        _ => None,
    }));
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

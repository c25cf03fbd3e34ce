//! Items of two lists without names, each beside the item of the other list that it was.

use serde_json::Value as Json;
use units::SortedSet;

/// Likeness of items that are the same.
pub(crate) const SAME: u64 = 1_000;
/// The most pairs of items whose likeness is looked at; longer lists are compared place by place.
const PAIRS_MAX: usize = 40_000;

/// Numbers of an item in the lists of both sides, as far as they have it.
pub(crate) type Places = [Option<usize>; 2];

/// The values in a document, each with the fields that lead to it.
pub(crate) fn leaves(value: &Json) -> SortedSet<String> {
    let mut found = SortedSet::new();
    collect("", value, &mut found);
    found
}

fn collect(path: &str, value: &Json, found: &mut SortedSet<String>) {
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            for (name, inside) in fields {
                collect(&format!("{path}/{name}"), inside, found);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for (number, inside) in items.iter().enumerate() {
                collect(&format!("{path}/{number}"), inside, found);
            }
        }
        other => {
            found.insert(format!("{path}={other}"));
        }
    }
}

/// The likeness of two documents by their values: below [`SAME`] unless all of them are the same.
pub(crate) fn likeness(one: &SortedSet<String>, other: &SortedSet<String>) -> u64 {
    let shared = one.intersection(other).count() as u64;
    let all = (one.len() + other.len()) as u64;
    (2 * SAME * shared).checked_div(all).unwrap_or(SAME)
}

/// The items of two lists of some lengths in the order of both: those side by side that are most alike, and of
/// the others those that stand between the same neighbours.
pub(crate) fn aligned(lengths: [usize; 2], likeness: &dyn Fn(usize, usize) -> u64) -> Vec<Places> {
    let [base, head] = lengths;
    let partners = if base * head <= PAIRS_MAX {
        partners(lengths, likeness)
    } else {
        (0..base)
            .map(|at| Some(at).filter(|at| *at < head))
            .collect()
    };
    let mut found = Vec::new();
    let mut next = 0;
    for (at, partner) in partners.iter().enumerate() {
        match *partner {
            // What moved stands where it is now.
            Some(there) if there < next => {
                let moved = found.iter_mut().find(|own| **own == [None, Some(there)]);
                if let Some(own) = moved {
                    *own = [Some(at), Some(there)];
                }
            }
            Some(there) => {
                found.extend((next..there).map(|added| [None, Some(added)]));
                found.push([Some(at), Some(there)]);
                next = there + 1;
            }
            None => found.push([Some(at), None]),
        }
    }
    found.extend((next..head).map(|added| [None, Some(added)]));
    found
}

/// For each item of the first list the one of the second that it is.
fn partners(lengths: [usize; 2], likeness: &dyn Fn(usize, usize) -> u64) -> Vec<Option<usize>> {
    let [base, head] = lengths;
    let mut found = ordered(lengths, likeness);
    let mut is_taken: Vec<bool> = (0..head).map(|at| found.contains(&Some(at))).collect();
    for (at, own) in found
        .iter_mut()
        .enumerate()
        .filter(|(_, own)| own.is_none())
    {
        *own = (0..head).find(|there| !is_taken[*there] && likeness(at, *there) == SAME);
        if let Some(there) = *own {
            is_taken[there] = true;
        }
    }
    // What is left between two pairs is taken to be changed, in its order.
    let mut start = 0;
    for at in 0..base {
        if let Some(there) = found[at] {
            start = start.max(there + 1);
            continue;
        }
        let end = found[at..]
            .iter()
            .flatten()
            .copied()
            .find(|own| *own >= start);
        let free = (start..end.unwrap_or(head)).find(|there| !is_taken[*there]);
        if let Some(there) = free {
            found[at] = Some(there);
            is_taken[there] = true;
            start = there + 1;
        }
    }
    found
}

/// The pairs of items in the order of both lists that are most alike together.
fn ordered(lengths: [usize; 2], likeness: &dyn Fn(usize, usize) -> u64) -> Vec<Option<usize>> {
    let [base, head] = lengths;
    let mut likes = vec![vec![0; head]; base];
    let mut best = vec![vec![0; head + 1]; base + 1];
    for at in (0..base).rev() {
        for there in (0..head).rev() {
            // Two that are somewhat alike never outweigh one that is the same.
            let own = likeness(at, there);
            let own = if own == SAME { 4 * SAME } else { own };
            likes[at][there] = own;
            let both = best[at + 1][there + 1] + own;
            best[at][there] = both.max(best[at + 1][there]).max(best[at][there + 1]);
        }
    }
    let mut found = vec![None; base];
    let (mut at, mut there) = (0, 0);
    while at < base && there < head {
        let own = likes[at][there];
        if own > 0 && best[at][there] == best[at + 1][there + 1] + own {
            found[at] = Some(there);
            (at, there) = (at + 1, there + 1);
        } else if best[at][there] == best[at + 1][there] {
            at += 1;
        } else {
            there += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(base: &[&str], head: &[&str]) -> String {
        let letters = |word: &str| {
            word.chars()
                .map(String::from)
                .collect::<SortedSet<String>>()
        };
        let like = |at: usize, there: usize| likeness(&letters(base[at]), &letters(head[there]));
        let pairs = aligned([base.len(), head.len()], &like);
        let words = pairs.iter().map(|[one, other]| {
            let of = |side: &[&str], at: Option<usize>| {
                at.map_or("-".to_owned(), |at| side[at].to_owned())
            };
            format!("{}>{}", of(base, *one), of(head, *other))
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn items_stand_beside_what_they_were() {
        assert_eq!(
            words(&["ab", "cd"], &["xy", "ab", "cd"]),
            "->xy ab>ab cd>cd"
        );
        assert_eq!(
            words(&["ab", "cd", "ef"], &["ab", "ef"]),
            "ab>ab cd>- ef>ef"
        );
        assert_eq!(
            words(&["ab", "cd"], &["xy", "az", "cd"]),
            "->xy ab>az cd>cd"
        );
        assert_eq!(words(&["ab"], &["xy"]), "ab>xy");
        assert_eq!(words(&["ab", "cd"], &["cd", "ab"]), "cd>cd ab>ab");
        assert_eq!(words(&[], &["ab"]), "->ab");
        assert_eq!(
            words(&["ab", "q", "cd"], &["ab", "r", "s", "cd"]),
            "ab>ab q>r ->s cd>cd"
        );
    }
}

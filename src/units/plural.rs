//! Nouns and verbs that agree with a count, for messages: `1 node has`, `2 nodes have`.

use std::borrow::Cow;
use std::fmt::Display;

/// Writes a count and its noun, which is given in the singular.
///
/// ```
/// use units::plural::count;
///
/// assert_eq!(count(1, "node"), "1 node");
/// assert_eq!(count(0, "node"), "0 nodes");
/// assert_eq!(count(2, "priority class"), "2 priority classes");
/// ```
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, singular: &str) -> String {
    let text = number.to_string();
    format!("{text} {}", noun(number, singular))
}

/// The noun that goes with a count, which is given in the singular.
pub fn noun<N: Copy + PartialEq + From<u8>>(number: N, singular: &str) -> Cow<'_, str> {
    if number == N::from(1) {
        return singular.into();
    }
    let is_sibilant = ["s", "x", "ch", "sh"]
        .iter()
        .any(|end| singular.ends_with(end));
    match singular.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies").into(),
        _ if is_sibilant => format!("{singular}es").into(),
        _ => format!("{singular}s").into(),
    }
}

/// The words that go with a count, both given: verbs, and nouns with plurals of their own.
pub fn either<'a, N: Copy + PartialEq + From<u8>>(
    number: N,
    one: &'a str,
    more: &'a str,
) -> &'a str {
    if number == N::from(1) { one } else { more }
}

/// The first names of several, and the number of the others.
///
/// ```
/// use units::plural::first_of;
///
/// assert_eq!(first_of(["a", "b", "c"], 3), "a, b, c");
/// assert_eq!(first_of(["a", "b", "c"], 1), "a and 2 more");
/// ```
pub fn first_of<S: AsRef<str>>(names: impl IntoIterator<Item = S>, most: usize) -> String {
    let mut text = String::new();
    let mut number = 0_usize;
    for name in names {
        number += 1;
        if number <= most {
            if number > 1 {
                text.push_str(", ");
            }
            text.push_str(name.as_ref());
        }
    }
    match number.saturating_sub(most) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Values by what is said of them, both in the order in which they come, for lines that name all of a kind.
///
/// ```
/// use units::plural::alike;
///
/// assert_eq!(alike([("lost", 1), ("new", 2), ("lost", 3)]), [("lost", vec![1, 3]), ("new", vec![2])]);
/// ```
pub fn alike<K: PartialEq, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut found: Vec<(K, Vec<V>)> = Vec::new();
    for (words, value) in pairs {
        match found.iter_mut().find(|(known, _)| *known == words) {
            Some((_, values)) => values.push(value),
            None => found.push((words, vec![value])),
        }
    }
    found
}

/// A whole number with commas: `1,340`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 {
        text.insert(0, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_agree_with_counts() {
        for (number, singular, expected) in [
            (0, "pod", "0 pods"),
            (1, "pod", "1 pod"),
            (2, "class", "2 classes"),
            (2, "entry", "2 entries"),
            (2, "day", "2 days"),
            (1, "index", "1 index"),
            (3, "index", "3 indexes"),
        ] {
            assert_eq!(count(number, singular), expected);
        }
    }

    #[test]
    fn verbs_agree_with_counts() {
        assert_eq!(either(1_usize, "has", "have"), "has");
        assert_eq!(either(0_i64, "has", "have"), "have");
    }
}

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
    format!("{number} {}", noun(number, singular))
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

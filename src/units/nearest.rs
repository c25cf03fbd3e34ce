//! The nearest right words: what a user who mistyped a name most likely meant. It stands here, at
//! the bottom, because every layer has names that users type.

/// Longest distance at which a word is still a suggestion.
const MAX_DISTANCE: usize = 2;

/// The candidates within two edits of `word` (and fewer than its length, so that `ab` does not
/// suggest `xy`), nearest first, ties as listed. A difference in upper and lower case alone counts
/// as nearest.
pub fn all_near<'name>(
    word: &str,
    candidates: impl IntoIterator<Item = &'name str>,
) -> Vec<&'name str> {
    let length = word.chars().count();
    let distance = |candidate: &str| {
        if word.eq_ignore_ascii_case(candidate) {
            Some(0)
        } else {
            edit_distance(word, candidate).filter(|&distance| distance < length)
        }
    };
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(candidate)?, candidate)))
        .collect();
    near.sort_by_key(|&(distance, _)| distance);
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The nearest candidate as [`all_near`] orders them, if any is near.
pub fn nearest<'name>(
    word: &str,
    candidates: impl IntoIterator<Item = &'name str>,
) -> Option<&'name str> {
    all_near(word, candidates).first().copied()
}

/// The end of a message about an unknown name: suggestions, or else all names.
pub fn hint<'name>(word: &str, known: impl IntoIterator<Item = &'name str> + Clone) -> String {
    let quoted = |names: Vec<&str>| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let near = all_near(word, known.clone());
    if !near.is_empty() {
        return format!("did you mean {}?", quoted(near));
    }
    let all: Vec<&str> = known.into_iter().collect();
    if all.is_empty() {
        "there are none".to_owned()
    } else {
        format!("known are {}", quoted(all))
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other,
/// or `None` if more than [`MAX_DISTANCE`].
fn edit_distance(left: &str, right: &str) -> Option<usize> {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    if left.len().abs_diff(right.len()) > MAX_DISTANCE {
        return None;
    }
    let mut before_previous = vec![0; right.len() + 1];
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (i, &a) in left.iter().enumerate() {
        let mut current = vec![i + 1];
        for (j, &b) in right.iter().enumerate() {
            let mut distance = (previous[j] + usize::from(a != b))
                .min(previous[j + 1] + 1)
                .min(current[j] + 1);
            if i > 0 && j > 0 && a == right[j - 1] && left[i - 1] == b {
                distance = distance.min(before_previous[j - 1] + 1);
            }
            current.push(distance);
        }
        before_previous = std::mem::replace(&mut previous, current);
    }
    previous
        .last()
        .copied()
        .filter(|&distance| distance <= MAX_DISTANCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_at_most_two_edits_away() {
        for (word, expected) in [
            ("best-fti", Some("best-fit")),
            ("bestfit", Some("best-fit")),
            ("BEST-FIT", Some("best-fit")),
            ("worst_fit", Some("worst-fit")),
            ("wrost-ft", Some("worst-fit")),
            ("random", None),
            ("fc", None),
            ("", None),
        ] {
            assert_eq!(
                nearest(word, ["best-fit", "worst-fit", "xy"]),
                expected,
                "{word}"
            );
        }
    }

    #[test]
    fn hints_name_the_nearest_or_all() {
        let known = ["first", "random", "rank"];
        assert_eq!(hint("ran", known), "did you mean `rank`?");
        assert_eq!(
            hint("nothing", known),
            "known are `first`, `random`, `rank`"
        );
        assert_eq!(hint("nothing", []), "there are none");
    }

    #[test]
    fn swapped_neighbours_are_one_edit() {
        assert_eq!(edit_distance("ab", "ba"), Some(1));
        assert_eq!(edit_distance("kitten", "sitting"), None);
        assert_eq!(edit_distance("", "ab"), Some(2));
    }
}

//! The nearest right word: what a user who mistyped a name most likely meant.

/// The candidate with the smallest edit distance to `word`, at most 2 (and less than the word's
/// length, so that `ab` does not suggest `xy`); the first of equally near ones. A difference in
/// upper and lower case alone counts as nearest.
pub fn nearest<'name>(
    word: &str,
    candidates: impl IntoIterator<Item = &'name str>,
) -> Option<&'name str> {
    let length = word.chars().count();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = if word.eq_ignore_ascii_case(candidate) {
            0
        } else {
            match edit_distance(word, candidate) {
                Some(distance) if distance < length => distance,
                _ => continue,
            }
        };
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Longest distance at which a word is still a suggestion.
const MAX_DISTANCE: usize = 2;

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
    fn swapped_neighbours_are_one_edit() {
        assert_eq!(edit_distance("ab", "ba"), Some(1));
        assert_eq!(edit_distance("kitten", "sitting"), None);
        assert_eq!(edit_distance("", "ab"), Some(2));
    }
}

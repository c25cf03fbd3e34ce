//! Names near a misspelt one.

/// How many single-letter changes may lie between a word and a suggestion.
const MAX_DISTANCE: usize = 2;

/// The known names within two single-letter changes of a word, nearest first, ties as listed.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|&(changes, _)| changes <= MAX_DISTANCE)
        .collect();
    near.sort_by_key(|&(changes, _)| changes);
    near.into_iter().map(|(_, name)| name).collect()
}

/// The end of a message about an unknown name: suggestions, or else all names.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let quoted = |names: Vec<&str>| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let near = nearest(word, known.clone());
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

/// Levenshtein distance: insertions, deletions and replacements of single characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_changes() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("fgd", "fgd", 0),
            ("best-fit", "bestfit", 1),
            ("wrost-fit", "worst-fit", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
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
}

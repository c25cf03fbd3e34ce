//! Quotes of what was found in a file. What names a wrong file may be shown to others than its owner, so
//! that no more of it is quoted than helps.

/// Characters of a name that are quoted.
const LENGTH_MAX: usize = 40;
/// Names of a list that are quoted.
const NAMES_MAX: usize = 8;

/// A name in a message: cut where it is long, without control characters.
pub(crate) fn quoted_name(name: &str) -> String {
    let mut letters = name.chars();
    let shown = letters.by_ref().take(LENGTH_MAX);
    let clean = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    let mut shown: String = shown.map(clean).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// The names of a list in a message: the first of them.
pub(crate) fn quoted_names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names = names;
    let shown: Vec<String> = names.by_ref().take(NAMES_MAX).map(quoted_name).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_of_a_wrong_file_is_quoted() {
        assert_eq!(quoted_name("a\n::error::b"), "a\u{fffd}::error::b");
        assert_eq!(quoted_name(&"x".repeat(99)).chars().count(), 41);
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let told = quoted_names(names.into_iter());
        assert_eq!(told, "a, b, c, d, e, f, g, h, and 2 more");
    }
}

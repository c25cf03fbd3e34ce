//! Commands as they would be typed into a shell, to be copied from what is printed.

/// A word as a shell takes it, on one line.
pub fn quoted(word: &str) -> String {
    let is_mark = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    if word.contains(is_mark) {
        let of = |letter: char| match letter {
            '\\' | '\'' => format!("\\{letter}"),
            '\n' => "\\n".to_owned(),
            letter if is_mark(letter) => format!("\\u{:04x}", u32::from(letter)),
            letter => letter.to_string(),
        };
        return format!("$'{}'", word.chars().map(of).collect::<String>());
    }
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=,+%@".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// ` --set A=1 --set B=2`; nothing where there is none. A field that is set again later is left
/// out: the last one holds.
pub fn set_flags<'a>(sets: impl IntoIterator<Item = &'a str>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let path = |set: &'a str| set.split_once('=').map_or(set, |(path, _)| path);
    for set in sets {
        kept.retain(|known| path(known) != path(set));
        kept.push(set);
    }
    let flags = kept
        .into_iter()
        .map(|set| format!(" --set {}", quoted(set)));
    flags.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_change_is_quoted() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(text), expected);
        check("a=1,2", "a=1,2");
        check("a b", "'a b'");
        check("it's", r"'it'\''s'");
        check("$(x)", "'$(x)'");
        check("", "''");
        check("größe.yaml", "größe.yaml");
        check(
            "it's\n::error::\u{2028}\u{1b}",
            r"$'it\'s\n::error::\u2028\u001b'",
        );
    }

    #[test]
    fn the_last_of_equal_fields_is_kept() {
        assert_eq!(set_flags([]), "");
        let sets = ["seed=1", "stop.at=1 h", "seed=2"];
        assert_eq!(set_flags(sets), " --set 'stop.at=1 h' --set seed=2");
    }
}

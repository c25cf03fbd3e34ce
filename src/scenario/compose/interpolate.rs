//! Variables in the values of a compose file: `$NAME`, `${NAME}` with a default (`-`, `:-`), an error
//! (`?`, `:?`) or a replacement (`+`, `:+`), nested, and `$$` for a dollar sign (compose-spec
//! `12-interpolation.md`).

use units::SortedMap;

/// Values of variables by name.
pub type Variables = SortedMap<String, String>;

/// Reason a value can't be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// What stands after a dollar sign is no variable.
    Format,
    /// A variable that has to be set is not.
    Required {
        /// Name of the variable.
        name: String,
        /// The file's own words.
        message: String,
    },
}

/// A value with its variables filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    /// The text.
    pub(super) text: String,
    /// Variables that are not set and for which nothing stands.
    pub(super) unset: Vec<String>,
}

/// Fills the variables of a text in.
pub(super) fn fill(text: &str, variables: &Variables) -> Result<Filled, Problem> {
    let mut filled = Filled::default();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        filled.text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('$') {
            filled.text.push('$');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('{') {
            let end = closing(tail).ok_or(Problem::Format)?;
            braced(&tail[..end], variables, &mut filled)?;
            rest = &tail[end + 1..];
        } else {
            let end = name_length(rest);
            if end == 0 {
                return Err(Problem::Format);
            }
            plain(&rest[..end], variables, &mut filled);
            rest = &rest[end..];
        }
    }
    filled.text.push_str(rest);
    Ok(filled)
}

/// Length of the name at the beginning of a text.
fn name_length(text: &str) -> usize {
    let is_part = |(at, byte): (usize, u8)| {
        byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit())
    };
    text.bytes()
        .enumerate()
        .take_while(|&own| is_part(own))
        .count()
}

/// Place of the brace that closes one before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut previous = '\0';
    for (at, letter) in text.char_indices() {
        match letter {
            '{' if previous == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        previous = letter;
    }
    None
}

fn plain(name: &str, variables: &Variables, filled: &mut Filled) {
    match variables.get(name) {
        Some(value) => filled.text.push_str(value),
        None => filled.unset.push(name.to_owned()),
    }
}

fn braced(inside: &str, variables: &Variables, filled: &mut Filled) -> Result<(), Problem> {
    let (name, rest) = inside.split_at(name_length(inside));
    if name.is_empty() {
        return Err(Problem::Format);
    }
    if rest.is_empty() {
        plain(name, variables, filled);
        return Ok(());
    }
    let (counts_blank, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let operator = rest.chars().next().ok_or(Problem::Format)?;
    let word = &rest[operator.len_utf8()..];
    let value = variables.get(name);
    let value = value.filter(|value| !(counts_blank && value.is_empty()));
    let mut add = |text: &str| {
        let inner = fill(text, variables)?;
        filled.text.push_str(&inner.text);
        filled.unset.extend(inner.unset);
        Ok(())
    };
    match (operator, value) {
        ('-' | '?', Some(value)) => {
            filled.text.push_str(value);
            Ok(())
        }
        ('-', None) | ('+', Some(_)) => add(word),
        ('?', None) => Err(Problem::Required {
            name: name.to_owned(),
            message: fill(word, variables)?.text,
        }),
        ('+', None) => Ok(()),
        _ => Err(Problem::Format),
    }
}

/// Reads the variables of an environment file: `NAME=VALUE` a line, with `#` for comments. A line
/// that is neither is handed back with its number.
pub fn environment(text: &str) -> Result<Variables, (usize, String)> {
    let mut variables = Variables::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err((number, line.to_owned()));
        };
        let name = name.trim();
        if name.is_empty() || name_length(name) != name.len() {
            return Err((number, line.to_owned()));
        }
        let value = value.trim();
        let quoted = ['"', '\''].into_iter().find_map(|quote| {
            let inside = value.strip_prefix(quote)?;
            inside.split_once(quote).map(|(inside, _)| inside)
        });
        let plain = || value.split(" #").next().unwrap_or_default().trim();
        let value = quoted.unwrap_or_else(plain);
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let known = [("TAG", "1.2"), ("BLANK", "")];
        let known = known.map(|(name, value)| (name.to_owned(), value.to_owned()));
        known.into_iter().collect()
    }

    fn check(text: &str, expected: &str, unset: &[&str]) {
        let filled = fill(text, &variables()).expect("a value");
        assert_eq!(filled.text, expected, "{text}");
        assert_eq!(filled.unset, unset, "{text}");
    }

    #[test]
    fn variables_are_filled_in_as_the_specification_says() {
        check("app:$TAG", "app:1.2", &[]);
        check("app:${TAG}-x", "app:1.2-x", &[]);
        check("$$TAG $${TAG}", "$TAG ${TAG}", &[]);
        check("${NONE}", "", &["NONE"]);
        check("$NONE/$OTHER", "/", &["NONE", "OTHER"]);
        check("${NONE:-x}${BLANK:-y}${BLANK-z}", "xy", &[]);
        check("${NONE-${TAG:-1}}", "1.2", &[]);
        check("${NONE-${DEEP}}", "", &["DEEP"]);
        check(
            "${TAG:+set}${BLANK:+no}${BLANK+yes}${NONE+no}",
            "setyes",
            &[],
        );
        check("${TAG?must}", "1.2", &[]);
    }

    #[test]
    fn values_that_cannot_be_filled_in_are_refused() {
        for text in ["$", "${", "${}", "${TAG", "${TAG!x}", "$1", "a ${1}"] {
            assert_eq!(fill(text, &variables()), Err(Problem::Format), "{text}");
        }
        let required = |message: &str| {
            Err(Problem::Required {
                name: "NONE".to_owned(),
                message: message.to_owned(),
            })
        };
        assert_eq!(fill("${NONE?set $TAG}", &variables()), required("set 1.2"));
        assert_eq!(fill("${NONE:?}", &variables()), required(""));
        let blank = fill("${BLANK?x}", &variables()).expect("it is set");
        assert_eq!(blank.text, "");
    }

    #[test]
    fn environment_files_are_read_line_by_line() {
        let text = "# a comment\nA=1\nexport B = two words # and more\nC=\"#3\" x\nD='4'\n\nE=\n";
        let read = environment(text).expect("variables");
        let read: Vec<(&str, &str)> = read.iter().map(|(n, v)| (&**n, &**v)).collect();
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "#3"),
            ("D", "4"),
            ("E", ""),
        ];
        assert_eq!(read, expected);
        assert_eq!(environment("A=1\nB"), Err((2, "B".to_owned())));
        assert_eq!(environment("1=1"), Err((1, "1=1".to_owned())));
    }
}

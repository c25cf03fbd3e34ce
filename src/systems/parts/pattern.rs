//! Patterns over texts: regular expressions that are compiled once, and the shell's globs.

use regex::Regex;

/// A regular expression; `None` inside is one that does not compile and therefore never matches.
#[derive(Clone, Debug)]
pub struct Pattern(Option<Regex>);

impl Pattern {
    /// An expression that may match anywhere in a text.
    pub fn anywhere(expression: &str) -> Self {
        Self(Regex::new(expression).ok())
    }

    /// An expression that has to match a text from end to end.
    pub fn whole(expression: &str) -> Self {
        Self(Regex::new(&format!("^(?:{expression})$")).ok())
    }

    /// Whether the expression compiled.
    pub fn is_valid(&self) -> bool {
        self.0.is_some()
    }

    /// `true` if the pattern matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// Whether a shell glob of path segments matches a whole text: `*` is any run without `/`, `?` any
/// one character but `/`, `[a-z]` one of a set, `[^a-z]` one outside it, `\` takes the next as it
/// is. A malformed set matches nothing.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    matches_from(&glob, &text)
}

fn matches_from(mut glob: &[char], mut text: &[char]) -> bool {
    // Where to go back to: what stands behind the last `*`, and where that was tried last.
    let mut retry: Option<(&[char], &[char])> = None;
    loop {
        if let Some(('*', rest)) = glob.split_first().map(|(one, rest)| (*one, rest)) {
            retry = Some((rest, text));
            glob = rest;
            continue;
        }
        if glob.is_empty() && text.is_empty() {
            return true;
        }
        if let (Some((rest_glob, true)), false) = (one_matches(glob, text), text.is_empty()) {
            glob = rest_glob;
            text = &text[1..];
            continue;
        }
        match retry {
            Some((behind, from)) if from.first().is_some_and(|&skipped| skipped != '/') => {
                retry = Some((behind, &from[1..]));
                glob = behind;
                text = &from[1..];
            }
            _ => return false,
        }
    }
}

/// Rest of a glob behind its first element, and whether the element matches the first character of
/// the text; `None` for a malformed element.
fn one_matches<'a>(glob: &'a [char], text: &[char]) -> Option<(&'a [char], bool)> {
    let (&first, rest) = glob.split_first()?;
    let character = text.first().copied();
    match first {
        '?' => Some((rest, character.is_some_and(|one| one != '/'))),
        '\\' => {
            let (&literal, rest) = rest.split_first()?;
            Some((rest, character == Some(literal)))
        }
        '[' => {
            let (rest, is_in) = set_matches(rest, character?)?;
            Some((rest, is_in))
        }
        literal => Some((rest, character == Some(literal))),
    }
}

fn set_matches(mut glob: &[char], character: char) -> Option<(&[char], bool)> {
    let is_negated = glob.first() == Some(&'^');
    if is_negated {
        glob = &glob[1..];
    }
    let mut is_in = false;
    let mut elements = 0;
    loop {
        if glob.first() == Some(&']') && elements > 0 {
            return Some((&glob[1..], is_in != is_negated));
        }
        let (low, rest) = set_character(glob)?;
        let (high, rest) = match rest.split_first() {
            Some(('-', rest)) => set_character(rest)?,
            _ => (low, rest),
        };
        is_in |= (low..=high).contains(&character);
        glob = rest;
        elements += 1;
    }
}

fn set_character(glob: &[char]) -> Option<(char, &[char])> {
    match glob.split_first()? {
        ('-' | ']', _) => None,
        ('\\', rest) => rest.split_first().map(|(&one, rest)| (one, rest)),
        (&one, rest) => Some((one, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_texts() {
        for (glob, text, expected) in [
            ("web@*.service", "web@1.service", true),
            ("web@*.service", "web.service", false),
            ("*", "", true),
            ("*", "a/b", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("?at", "cat", true),
            ("?at", "at", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[", "[", false),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("db", "db", true),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn a_pattern_that_does_not_compile_never_matches() {
        let broken = Pattern::anywhere("(");
        assert!(!broken.is_valid() && !broken.matches("("));
        assert!(
            Pattern::whole("a|b.*").matches("bcd") && !Pattern::whole("rack").matches("rack-3")
        );
    }
}

//! Text on one line.

/// A text without line breaks: what is quoted of a file begins no line of its own.
///
/// ```
/// assert_eq!(units::line::one_line("a\n::error::b"), "a\u{fffd}::error::b");
/// ```
pub fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'], "\u{fffd}")
}

/// A text without commands to a CI system that stand anywhere in a line of its log, as Azure's `##vso[` and
/// GitHub's `##[` do: what is quoted of a file may look like one.
///
/// ```
/// assert_eq!(units::line::without_commands("a ##vso[task.x]b"), "a ## vso[task.x]b");
/// assert_eq!(units::line::without_commands("###[error]c # d"), "### [error]c # d");
/// ```
pub fn without_commands(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let (before, after) = rest.split_at(at + 2);
        safe.push_str(before);
        let word = after.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        if word.starts_with('[') {
            safe.push(' ');
        }
        // A third mark may begin a command with the second.
        let again = after.starts_with('#');
        rest = if again { &rest[at + 1..] } else { after };
        if again {
            safe.pop();
        }
    }
    safe.push_str(rest);
    safe
}

/// The most characters that a message quotes of a file.
pub const QUOTED_MAX: usize = 40;

/// The first characters of a text, up to a number of them.
///
/// ```
/// assert_eq!(units::line::cut("four", 4), "four");
/// assert_eq!(units::line::cut("fifth", 4), "fift…");
/// ```
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// At most 40 characters of a text that a message quotes.
///
/// ```
/// assert_eq!(units::line::brief(&"a".repeat(50)), format!("{}…", "a".repeat(40)));
/// ```
pub fn brief(text: &str) -> String {
    cut(text, QUOTED_MAX)
}

/// A message with what it has in quotes cut to 40 characters.
///
/// ```
/// let cut = format!("no field `{}…`, expected `b`", "a".repeat(40));
/// assert_eq!(units::line::brief_quotes(&format!("no field `{}`, expected `b`", "a".repeat(50))), cut);
/// ```
pub fn brief_quotes(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(['"', '`']) {
        let (before, quoted) = rest.split_at(at + 1);
        text.push_str(before);
        let end = quoted.find(&before[at..]).unwrap_or(quoted.len());
        text.push_str(&brief(&quoted[..end]));
        let mark = quoted.len().min(end + 1);
        text.push_str(&quoted[end..mark]);
        rest = &quoted[mark..];
    }
    text.push_str(rest);
    text
}

/// A message with what it says was found in a file cut to 40 characters.
///
/// ```
/// let found = format!("expected a number, found `{}`; mend it", "a".repeat(50));
/// let cut = format!("expected a number, found `{}…`; mend it", "a".repeat(40));
/// assert_eq!(units::line::brief_found(&found), cut);
/// ```
pub fn brief_found(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find("found ") {
        let (before, after) = rest.split_at(at + "found ".len());
        text.push_str(before);
        rest = after;
        let mark = rest
            .find(['`', '"', ',', ';'])
            .filter(|at| *at <= "the text ".len());
        let Some(start) = mark.filter(|at| matches!(rest.as_bytes()[*at], b'`' | b'"')) else {
            continue;
        };
        let quote = char::from(rest.as_bytes()[start]);
        let inside = &rest[start + 1..];
        // A mark within what was found does not end it.
        let is_end = |(at, _): &(usize, &str)| {
            let next = inside[at + 1..].chars().next();
            next.is_none_or(|next| !next.is_alphanumeric())
        };
        let end = inside.match_indices(quote).find(is_end);
        let end = end.map_or(inside.len(), |(at, _)| at);
        text.push_str(&rest[..=start]);
        text.push_str(&brief(&inside[..end]));
        rest = &inside[end..];
    }
    text + rest
}

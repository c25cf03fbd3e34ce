//! Words of an expression.

use model::Text;

use super::CompileError;

/// A word of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, or a keyword.
    Name(Text),
    /// A whole number.
    Int(i64),
    /// A text, unescaped.
    Text(Text),
    /// An operator or a bracket.
    Sign(&'static str),
}

impl Token {
    /// The token as it is written, for messages.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Name(name) => name.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Text(text) => format!("{text:?}"),
            Self::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// Signs, longer ones before their beginnings.
const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "[?", ".?", "<", ">", "(", ")", "[", "]", "{", "}", ".",
    ",", "?", ":", "!", "+", "-", "*", "/", "%",
];

/// The words of an expression, each with its place in bytes.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, CompileError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        if next.is_ascii_whitespace() {
            at += 1;
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(length) = text_length(rest) {
            found.push((at, Token::Text(unescape(at, &rest[..length])?)));
            at += length;
        } else if next.is_ascii_alphabetic() || next == '_' {
            let is_part = |own: char| own.is_ascii_alphanumeric() || own == '_';
            let length = rest.find(|own| !is_part(own)).unwrap_or(rest.len());
            found.push((at, Token::Name(rest[..length].into())));
            at += length;
        } else if next.is_ascii_digit() {
            let is_part = |own: char| own.is_ascii_alphanumeric();
            let length = rest.find(|own| !is_part(own)).unwrap_or(rest.len());
            found.push((at, Token::Int(whole(at, &rest[..length])?)));
            at += length;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push((at, Token::Sign(sign)));
            at += sign.len();
        } else {
            let words = format!("`{next}` begins nothing known in CEL");
            return Err(CompileError { at, words });
        }
    }
    Ok(found)
}

fn whole(at: usize, digits: &str) -> Result<i64, CompileError> {
    let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    let read = hexadecimal.map_or_else(
        || digits.parse(),
        |hexadecimal| i64::from_str_radix(hexadecimal, 16),
    );
    read.map_err(|_| CompileError {
        at,
        words: format!("expected a whole number of 64 bits, found `{digits}`"),
    })
}

/// Bytes of the text literal that begins here; `None` if none does.
fn text_length(rest: &str) -> Option<usize> {
    let raw = usize::from(rest.starts_with(['r', 'R']));
    let quote = rest[raw..]
        .chars()
        .next()
        .filter(|own| matches!(own, '"' | '\''))?;
    let mut escaped = false;
    for (place, own) in rest.char_indices().skip(raw + 1) {
        if own == quote && !escaped {
            return Some(place + 1);
        }
        escaped = own == '\\' && !escaped && raw == 0;
    }
    Some(rest.len())
}

fn unescape(at: usize, literal: &str) -> Result<Text, CompileError> {
    let wrong = |words: &str| CompileError {
        at,
        words: words.to_owned(),
    };
    let raw = usize::from(literal.starts_with(['r', 'R']));
    let quote = literal[raw..].chars().next().unwrap_or('"');
    let inner = &literal[raw + 1..];
    let inner = inner
        .strip_suffix(quote)
        .ok_or_else(|| wrong("expected the end of the text"))?;
    if raw > 0 {
        return Ok(inner.into());
    }
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(own) = characters.next() {
        if own != '\\' {
            text.push(own);
            continue;
        }
        text.push(match characters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(own @ ('\\' | '"' | '\'' | '`' | '?')) => own,
            _ => {
                return Err(wrong(
                    "expected one of \\n, \\t, \\r, \\\\, \\\", \\' in a text",
                ));
            }
        });
    }
    Ok(text.into())
}

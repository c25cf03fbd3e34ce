//! Values as Python prints them: a data frame that is written as a table has dictionaries and lists in its cells
//! (`{'cpus': 0.1, 'memory': None}`).

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

/// The value of a text of JSON, or of one as Python prints it; `None` of any other.
pub fn parse(text: &str) -> Option<Value> {
    let value = serde_json::from_str(text).ok();
    value.or_else(|| serde_json::from_str(&json(text)?).ok())
}

/// The text as JSON has it.
fn json(text: &str) -> Option<String> {
    let mut json = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(&next) = rest.peek() {
        match next {
            '\'' | '"' => json.push_str(&Value::String(quoted(&mut rest)?).to_string()),
            'A'..='Z' | 'a'..='z' => json.push_str(match &*run(&mut rest, char::is_alphabetic) {
                "None" | "nan" | "NaN" => "null",
                "True" => "true",
                "False" => "false",
                _ => return None,
            }),
            '0'..='9' | '-' => {
                let is_own = |own: char| own.is_ascii_digit() || "+-.eE".contains(own);
                json.push_str(&run(&mut rest, is_own));
            }
            other => {
                json.push(other);
                rest.next();
            }
        }
    }
    Some(json)
}

/// The next characters that pass a test.
fn run(rest: &mut Peekable<Chars<'_>>, is_own: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    while let Some(next) = rest.next_if(|&next| is_own(next)) {
        text.push(next);
    }
    text
}

/// A text between quotes of either kind.
fn quoted(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quote = rest.next()?;
    let mut text = String::new();
    loop {
        match rest.next()? {
            '\\' => text.push(match rest.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                own @ ('\\' | '\'' | '"') => own,
                _ => return None,
            }),
            next if next == quote => return Some(text),
            next => text.push(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_json_and_of_python() {
        for (text, expected) in [
            ("{\"cpus\": 0.5}", Some("{\"cpus\":0.5}")),
            (
                "{'cpus': 2e-05, 'memory': None}",
                Some("{\"cpus\":0.00002,\"memory\":null}"),
            ),
            (
                "[{'name': \"it's\", 'value': 'a\\'b', 'is': True}, False, nan, -1]",
                Some("[{\"name\":\"it's\",\"value\":\"a'b\",\"is\":true},false,null,-1]"),
            ),
            ("None", Some("null")),
            ("{'cpus': array(1)}", None),
            ("{'cpus': 'a", None),
            ("{'cpus': 1", None),
            ("", None),
        ] {
            let found = parse(text).map(|value| value.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}

//! Fields: the place of a value in an object, and the rules that single values obey: label keys and
//! values, quantities, weights, points in time. A broken rule names the field's path, what was
//! expected and what was found.

use std::fmt;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::raw;
use model::{Labels, ResourceList, Text};
use units::Quantity;
use units::line::one_line;

/// A field of an object: a chain of names and indexes that is written out only when needed.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// A field of the object itself.
    pub(super) const fn root(name: &'a str) -> Self {
        Self {
            parent: None,
            step: Step::Field(name),
        }
    }

    /// A field of this one.
    pub(super) const fn field(&'a self, name: &'a str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Field(name),
        }
    }

    /// An element of this list.
    pub(super) const fn index(&'a self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    /// An entry of this map.
    pub(super) const fn key(&'a self, key: &'a str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    /// Problem of this field, which breaks a rule.
    pub(super) fn problem(&self, expected: &str, found: impl fmt::Display) -> Problem {
        let found = one_line(&found.to_string());
        Problem(format!("{self}: expected {expected}, found `{found}`"))
    }

    /// Problem of this field, which can't be read; the error says what was expected.
    pub(super) fn broken(&self, error: impl fmt::Display) -> Problem {
        Problem(format!("{self}: {error}"))
    }

    /// Problem of this field, which is required.
    pub(super) fn missing(&self, expected: &str) -> Problem {
        Problem(format!("{self}: expected {expected}, but it is missing"))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Field(name) if self.parent.is_some() => write!(f, ".{name}"),
            Step::Field(name) => f.write_str(name),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => write!(f, "[{key:?}]"),
        }
    }
}

/// A broken rule within one object: path, what was expected, what was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem(pub(super) String);

/// Shared texts: a label that a hundred thousand pods have is kept once.
#[derive(Default)]
pub(super) struct Texts(IndexSet<Text, FxBuildHasher>);

impl Texts {
    /// The shared text of equal content.
    pub(super) fn share(&mut self, text: &str) -> Text {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let shared: Text = text.into();
        self.0.insert(shared.clone());
        shared
    }

    /// The shared texts of a list.
    pub(super) fn share_all(&mut self, texts: &[String]) -> Vec<Text> {
        texts.iter().map(|text| self.share(text)).collect()
    }

    /// Labels whose keys and values obey the rules.
    pub(super) fn labels(
        &mut self,
        raw: &raw::TextMap,
        path: &Path<'_>,
    ) -> Result<Labels, Problem> {
        let mut labels = Labels::new();
        for (key, value) in raw {
            check_label_key(key, path)?;
            check_label_value(value, &path.key(key))?;
            labels.insert(self.share(key), self.share(value));
        }
        Ok(labels)
    }

    /// Amounts that are quantities and not negative.
    pub(super) fn amounts(
        &mut self,
        raw: &raw::Amounts,
        path: &Path<'_>,
    ) -> Result<ResourceList, Problem> {
        let mut list = ResourceList::default();
        for (name, text) in raw {
            check_label_key(name, path)?;
            let amount = quantity(&text.0, &path.key(name))?;
            list.insert(self.share(name), amount);
        }
        Ok(list)
    }
}

/// The quantity a text stands for; not negative.
pub(super) fn quantity(text: &str, path: &Path<'_>) -> Result<Quantity, Problem> {
    let broken = |error| path.broken(format!("{error}, found `{text}`"));
    let amount: Quantity = text.parse().map_err(broken)?;
    if amount < Quantity::ZERO {
        return Err(path.problem("a quantity of 0 or more", text));
    }
    Ok(amount)
}

/// Refuses what is not a label key: an optional DNS name and `/`, then a name of at most 63
/// characters.
pub(super) fn check_label_key(key: &str, path: &Path<'_>) -> Result<(), Problem> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_prefix = |prefix: &str| {
        prefix.len() <= 253
            && prefix.split('.').all(|label| {
                is_framed(label, |byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
                }) && !label.starts_with('-')
                    && !label.ends_with('-')
            })
    };
    if name.len() <= 63 && is_framed(name, is_name_byte) && prefix.is_none_or(is_prefix) {
        return Ok(());
    }
    Err(path.problem(
        "a key of the form `name` or `dns.prefix/name`, the name of at most 63 letters, digits, \
         `-`, `_`, `.` that begins and ends with a letter or digit",
        key,
    ))
}

/// Refuses what is not a label value: empty, or a name of at most 63 characters.
pub(super) fn check_label_value(value: &str, path: &Path<'_>) -> Result<(), Problem> {
    if value.is_empty() || (value.len() <= 63 && is_framed(value, is_name_byte)) {
        return Ok(());
    }
    Err(path.problem(
        "a label value: empty, or at most 63 letters, digits, `-`, `_`, `.` that begins and ends \
         with a letter or digit",
        value,
    ))
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Whether all bytes are admissible and the outer two are letters or digits.
fn is_framed(text: &str, admits: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    is_edge(bytes.first()) && is_edge(bytes.last()) && bytes.iter().all(|&byte| admits(byte))
}

/// A weight of 1–100.
pub(super) fn weight(raw: Option<i32>, path: &Path<'_>) -> Result<i32, Problem> {
    let path = path.field("weight");
    match raw {
        Some(weight @ 1..=100) => Ok(weight),
        Some(weight) => Err(path.problem("a weight of 1 to 100", weight)),
        None => Err(path.missing("a weight of 1 to 100")),
    }
}

/// A required text that is not empty.
pub(super) fn required<'a>(
    raw: Option<&'a String>,
    path: &Path<'_>,
    expected: &str,
) -> Result<&'a str, Problem> {
    match raw {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(path.missing(expected)),
    }
}

/// Seconds since 1970-01-01T00:00:00Z of an RFC 3339 time in UTC, such as
/// `2025-03-01T12:00:00Z`; a fraction is dropped (object times have a resolution of 1 s).
pub(super) fn unix_secs(text: &str, path: &Path<'_>) -> Result<i64, Problem> {
    parse_unix_secs(text).ok_or_else(|| path.problem("a time such as `2025-03-01T12:00:00Z`", text))
}

/// Seconds since 1970-01-01T00:00:00Z of an RFC 3339 time in UTC; `None` if the text is none. A
/// fraction is dropped.
pub fn parse_unix_secs(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix(['Z', 'z'])?.split_once(['T', 't'])?;
    let number = |text: &str, width: usize| -> Option<i64> {
        (text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())?
    };
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (
        number(date.next()?, 4)?,
        number(date.next()?, 2)?,
        number(date.next()?, 2)?,
    );
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':');
    let (hour, minute, second) = (
        number(time.next()?, 2)?,
        number(time.next()?, 2)?,
        number(time.next()?, 2)?,
    );
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_valid = (1..=12).contains(&month)
        && (1..=days_of_month).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_valid
        .then(|| days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that
/// the leap day is the last of its year and month lengths follow a straight line.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let march_year = if month <= 2 { year - 1 } else { year };
    let march_month = (month + 9) % 12;
    let leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    march_year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keys_and_values_follow_the_api_rules() {
        let path = Path::root("labels");
        for (key, expected) in [
            ("app", true),
            ("example.com/tier", true),
            ("kubernetes.io/hostname", true),
            ("a b", false),
            ("", false),
            ("-a", false),
            ("a/", false),
            ("/a", false),
            ("Upper.io/a", false),
            ("a..b/c", false),
            ("a/b/c", false),
            ("ключ", false),
            (&"x".repeat(63), true),
            (&"x".repeat(64), false),
        ] {
            assert_eq!(check_label_key(key, &path).is_ok(), expected, "{key}");
        }
        for (value, expected) in [
            ("", true),
            ("v1.2_3", true),
            ("a b", false),
            (".a", false),
            ("a/b", false),
        ] {
            assert_eq!(check_label_value(value, &path).is_ok(), expected, "{value}");
        }
    }

    #[test]
    fn times_are_seconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2025-01-01T00:00:00Z", Some(1_735_689_600)),
            ("2024-02-29T12:30:15Z", Some(1_709_209_815)),
            ("2024-02-29T12:30:15.999999Z", Some(1_709_209_815)),
            ("2023-02-29T00:00:00Z", None),
            ("2025-13-01T00:00:00Z", None),
            ("2025-01-01 00:00:00Z", None),
            ("2025-01-01T00:00:00", None),
            ("2025-01-01T24:00:00Z", None),
            ("+025-01-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(parse_unix_secs(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_is_written_as_one_would_type_it() {
        let spec = Path::root("spec");
        let containers = spec.field("containers");
        let first = containers.index(0);
        let requests = first.field("requests");
        assert_eq!(
            requests.key("example.com/gpu").to_string(),
            r#"spec.containers[0].requests["example.com/gpu"]"#
        );
    }
}

//! Elements of a list or object in a JSON text, one at a time: a log of any length is never held as a
//! whole.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::budget::read_line;
use crate::calendar::{Zone, is_absent};
use crate::ledger::{BadRow, Journal};
use crate::rows::{Refused, heed};
use crate::{Input, TraceError, read_error};
use units::Instant;

/// An element.
pub struct Element {
    /// The line in which it begins, counted from 1.
    pub line: u64,
    /// The element's place in its list, counted from 0, if it shares its line with the element before or the beginning of the
    /// list: then the line alone doesn't tell which it is.
    pub place: Option<usize>,
    /// The key, of an element of an object.
    pub key: String,
    /// The value.
    pub value: Value,
}

impl Element {
    /// An element that its line tells from the others.
    pub fn of_line(line: u64, value: Value) -> Self {
        Self {
            line,
            place: None,
            key: String::new(),
            value,
        }
    }

    /// The element as the names of its members begin in complaints: empty where its line tells which it is.
    pub fn prefix(&self) -> String {
        self.place
            .map(|place| format!("{place}."))
            .unwrap_or_default()
    }

    /// The member at a path of keys, with slashes before each.
    pub fn at(&self, path: &str) -> Option<&Value> {
        self.value.pointer(path).filter(|found| !found.is_null())
    }

    /// The text at a path of keys; empty if there is none.
    pub fn text_at(&self, path: &str) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// A complaint about the member at a path of keys, saying what was expected there.
    pub fn bad_at(&self, path: &str, expected: &str) -> BadRow {
        let found = self.value.pointer(path);
        BadRow {
            line: self.line,
            column: self.prefix() + &path.trim_start_matches('/').replace('/', "."),
            value: { found.map(ToString::to_string).unwrap_or_default() }
                .chars()
                .take(80)
                .collect(),
            rule: format!("must be {expected}"),
        }
    }

    /// The text at a path of keys, which must be there.
    pub fn name_at(&self, path: &str, expected: &str) -> Result<&str, BadRow> {
        match self.text_at(path) {
            "" => Err(self.bad_at(path, expected)),
            text => Ok(text),
        }
    }

    /// The keys of an object; none of another value.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let members = self.value.as_object().into_iter();
        members.flat_map(|own| own.keys()).map(String::as_str)
    }

    /// The text at a path of keys; empty if it is absent.
    pub fn optional_text_at(&self, path: &str, expected: &str) -> Result<&str, BadRow> {
        match self.at(path) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.bad_at(path, expected)),
        }
    }

    /// A number of at least 0 at a path of keys; `None` if it is absent. Texts count as numbers if they
    /// are such.
    pub fn number_at(&self, path: &str, most: f64) -> Result<Option<f64>, BadRow> {
        let Some(found) = self.at(path) else {
            return Ok(None);
        };
        let number = match found {
            Value::String(text) => text.parse::<f64>().ok(),
            other => other.as_f64(),
        };
        within(number, most, |expected| self.bad_at(path, expected))
    }

    /// The instant at a path of keys, as a date of UTC; `None` if it is absent.
    pub fn date_at(&self, path: &str) -> Result<Option<Instant>, BadRow> {
        let text = self.text_at(path);
        if self.at(path).is_none() || is_absent(text) {
            return Ok(None);
        }
        let at = Zone::east(0).instant(text);
        let expected = || self.bad_at(path, "a date of UTC such as `2024-03-01T10:00:00Z`");
        at.map(Some).ok_or_else(expected)
    }

    /// A complaint about a member of the element, saying what was expected there.
    pub fn bad(&self, member: &str, expected: &str) -> BadRow {
        self.bad_at(&format!("/{member}"), expected)
    }

    /// A text; a number counts as one. Empty if it is absent.
    pub fn text(&self, member: &str) -> String {
        match self.value.get(member) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// A number of at least 0; `None` if it is absent.
    pub fn decimal(&self, member: &str, most: f64) -> Result<Option<f64>, BadRow> {
        let found = match self.value.get(member) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value.as_f64(),
        };
        within(found, most, |expected| self.bad(member, expected))
    }
}

/// Whether a file that begins with these bytes is a JSON object, or one a line.
pub fn is_json(first: &[u8]) -> bool {
    first.trim_ascii_start().first() == Some(&b'{')
}

/// A number from 0 to a bound, or a complaint that expects one.
fn within(
    number: Option<f64>,
    most: f64,
    bad: impl FnOnce(&str) -> BadRow,
) -> Result<Option<f64>, BadRow> {
    let good = number.filter(|number| (0.0..=most).contains(number));
    good.map(Some)
        .ok_or_else(|| bad(&format!("a number from 0 to {most}")))
}

/// The object of a line.
pub fn object(line: u64, text: &[u8]) -> Result<Value, BadRow> {
    let refuse = |rule: String| BadRow {
        line,
        column: "record".to_owned(),
        value: String::from_utf8_lossy(text).chars().take(80).collect(),
        rule,
    };
    let object: Value = serde_json::from_slice(text).map_err(|error| {
        refuse(format!(
            "must be a JSON object; its byte {} is not",
            error.column()
        ))
    })?;
    if !object.is_object() {
        return Err(refuse("must be a JSON object".to_owned()));
    }
    Ok(object)
}

/// Takes the object of each line that isn't blank.
///
/// # Errors
/// The text can't be read, or taking an object stops the reading.
pub fn each_line(
    input: &Input,
    journal: &mut Journal,
    mut take: impl FnMut(&mut Journal, &Element) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    let mut reader = input.open()?;
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = read_line(&mut *reader, &mut text);
        if read.map_err(|error| read_error(&input.name, &error))? == 0 {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        while text.pop_if(|byte| matches!(byte, b'\n' | b'\r')).is_some() {}
        heed(journal, |journal| {
            let value = object(line, &text)?;
            take(journal, &Element::of_line(line, value))
        })?;
    }
    Ok(())
}

/// Takes each element of the list or object at a path of keys; whether there is one. A file may hold several texts,
/// one after the other.
///
/// # Errors
/// The text can't be read or is no JSON, or taking an element fails.
pub fn each_element(
    input: &Input,
    path: &[&str],
    take: impl FnMut(Element) -> Result<(), TraceError>,
) -> Result<bool, TraceError> {
    walk(input, path, false, take)
}

fn walk(
    input: &Input,
    path: &[&str],
    has_scalars_alone: bool,
    mut take: impl FnMut(Element) -> Result<(), TraceError>,
) -> Result<bool, TraceError> {
    let line = Arc::new(AtomicU64::new(1));
    let counted = CountedLines {
        reader: input.open()?,
        line: line.clone(),
    };
    let mut walk = Walk {
        take: &mut take,
        line: &line,
        stopped: None,
        is_found: false,
        has_scalars_alone,
    };
    let mut deserializer = serde_json::Deserializer::from_reader(counted);
    // Pages of an answer are often written one after the other to the same file.
    let read = loop {
        let at = At {
            path,
            walk: &mut walk,
        };
        match at.deserialize(&mut deserializer) {
            Ok(()) if deserializer.end().is_ok() => break Ok(()),
            Ok(()) => {}
            Err(error) => break Err(error),
        }
    };
    if let Some(error) = walk.stopped {
        return Err(error);
    }
    read.map_err(|error| no_text(input, &error))?;
    Ok(walk.is_found)
}

fn no_text(input: &Input, error: &serde_json::Error) -> TraceError {
    TraceError::Format {
        file: input.name.to_string(),
        reason: if error.is_eof() && error.column() == 0 && error.line() == 1 {
            "is empty; a JSON text is expected".to_owned()
        } else if error.is_eof() {
            format!("the JSON text ends too early ({error}): the file is truncated; copy it again")
        } else {
            format!("the JSON text is not as expected: {error}")
        },
    }
}

/// Takes each of the JSON texts that a file holds one after the other, each as a whole.
///
/// # Errors
/// The text can't be read or is no JSON, or taking a text fails.
pub fn each_text(
    input: &Input,
    mut take: impl FnMut(Element) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    let line = Arc::new(AtomicU64::new(1));
    let counted = CountedLines {
        reader: input.open()?,
        line: line.clone(),
    };
    let mut deserializer = serde_json::Deserializer::from_reader(counted);
    // What is no end is the first byte of the next text, up to which the lines are counted.
    while deserializer.end().is_err() {
        let line = line.load(Ordering::Relaxed);
        let value = Value::deserialize(&mut deserializer);
        let value = value.map_err(|error| no_text(input, &error))?;
        take(Element::of_line(line, value))?;
    }
    Ok(())
}

/// Takes each member of the object at a path of keys that is a text, a number or a truth value; lists and
/// objects are read over.
///
/// # Errors
/// The text can't be read or is no JSON, or taking a member fails.
pub fn each_scalar(
    input: &Input,
    path: &[&str],
    mut take: impl FnMut(&str, &Value) -> Result<(), TraceError>,
) -> Result<bool, TraceError> {
    walk(input, path, true, |element| {
        take(&element.key, &element.value)
    })
}

/// A reader that counts lines.
struct CountedLines {
    reader: Box<dyn BufRead + Send>,
    line: Arc<AtomicU64>,
}

impl Read for CountedLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        let ends = memchr::memchr_iter(b'\n', &buffer[..length]).count();
        self.line.fetch_add(ends as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// What the way through a text needs.
struct Walk<'w> {
    take: &'w mut dyn FnMut(Element) -> Result<(), TraceError>,
    line: &'w AtomicU64,
    stopped: Option<TraceError>,
    is_found: bool,
    has_scalars_alone: bool,
}

impl Walk<'_> {
    fn now(&self) -> u64 {
        self.line.load(Ordering::Relaxed)
    }

    fn take<E: Error>(&mut self, element: Element) -> Result<(), E> {
        (self.take)(element).map_err(|error| {
            self.stopped = Some(error);
            E::custom("stopped")
        })
    }
}

/// A value with the line in which it begins: a list asks for an element when the blanks before it are read.
struct Placed<'l>(&'l AtomicU64);

impl<'de> DeserializeSeed<'de> for Placed<'_> {
    type Value = (u64, Value);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let line = self.0.load(Ordering::Relaxed);
        Ok((line, Value::deserialize(deserializer)?))
    }
}

/// The way from a value to what a path names.
struct At<'w, 'p> {
    path: &'p [&'p str],
    walk: &'p mut Walk<'w>,
}

impl<'de> DeserializeSeed<'de> for At<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path {
            [] => f.write_str("a list or an object"),
            [key, ..] => write!(f, "an object with `{key}`"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.path.is_empty() {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        self.walk.is_found = true;
        let mut before = self.walk.now();
        let mut places = 0..;
        while let Some((line, value)) = list.next_element_seed(Placed(self.walk.line))? {
            let place = places.next().filter(|_| line == before);
            before = self.walk.now();
            self.walk.take(Element {
                place,
                ..Element::of_line(line, value)
            })?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        self.walk.is_found |= self.path.is_empty();
        while let Some(key) = object.next_key::<String>()? {
            match self.path {
                [] if self.walk.has_scalars_alone => {
                    let line = self.walk.now();
                    if let Scalar(Some(value)) = object.next_value()? {
                        self.walk.take(Element {
                            key,
                            ..Element::of_line(line, value)
                        })?;
                    }
                }
                [] => {
                    let (line, value) = object.next_value_seed(Placed(self.walk.line))?;
                    self.walk.take(Element {
                        key,
                        ..Element::of_line(line, value)
                    })?;
                }
                [own, rest @ ..] if *own == key => object.next_value_seed(At {
                    path: rest,
                    walk: self.walk,
                })?,
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A value unless it is a list or an object, which is read over.
struct Scalar(Option<Value>);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.into())))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.into())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.into())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.into())))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.into())))
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Scalar, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar(None))
    }
}

#[cfg(test)]
mod tests;

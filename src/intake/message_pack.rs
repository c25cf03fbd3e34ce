//! `MessagePack` as JSON values, which are read part by part. Keys that are no texts become such: numbers in decimal, lists with a
//! blank between their elements. Bytes and extensions are refused. Source: the specification of
//! `MessagePack`.

use std::io::{self, BufRead, Read as _};

use serde_json::{Map, Number, Value};

use crate::budget::{OBJECT_BYTES, VALUES};

/// The deepest nesting that is read; objects of Kubernetes have twenty.
const DEEPEST: u32 = 128;

/// A reason why a file is not read to its end.
#[derive(Debug)]
pub enum Fault {
    /// A byte, counted from 0, at which something is wrong.
    Wrong(u64, &'static str),
    /// The file can't be read.
    Unread(io::Error),
}

/// A part of the map that a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A member.
    Member(String, Value),
    /// An element of a member that is a list, with its number, counted from 1.
    Element(String, u64, Value),
    /// A member of a member that is a map.
    Entry(String, String, Value),
}

/// Reads the map that a file holds part by part: the elements of the members with these names come one by one, so that no list or map
/// of them has to be in memory. What is no map is one member without a name.
///
/// # Errors
/// The file can't be read or is damaged, or a part is not taken.
pub fn each<E: From<Fault>>(
    text: &mut dyn BufRead,
    opened: &[&str],
    mut take: impl FnMut(Part) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = Reader {
        text,
        at: 0,
        left: VALUES,
        taken: Vec::new(),
    };
    let length = match reader.many()? {
        Some(Many::Map(length)) => length,
        other => {
            let value = match other {
                Some(Many::List(length)) => reader.list(length, DEEPEST - 1)?,
                _ => reader.value(DEEPEST)?,
            };
            take(Part::Member(String::new(), value))?;
            return Ok(reader.end()?);
        }
    };
    for _ in 0..length {
        let member = key(&reader.value(DEEPEST - 1)?);
        let many = if opened.contains(&&*member) {
            reader.many()?
        } else {
            None
        };
        match many {
            None => {
                let value = reader.value(DEEPEST - 1)?;
                take(Part::Member(member, value))?;
            }
            Some(Many::List(length)) => {
                for number in 1..=length as u64 {
                    reader.left = VALUES;
                    let value = reader.value(DEEPEST - 2)?;
                    take(Part::Element(member.clone(), number, value))?;
                }
            }
            Some(Many::Map(length)) => {
                for _ in 0..length {
                    reader.left = VALUES;
                    let key = key(&reader.value(DEEPEST - 2)?);
                    let value = reader.value(DEEPEST - 2)?;
                    take(Part::Entry(member.clone(), key, value))?;
                }
            }
        }
    }
    Ok(reader.end()?)
}

/// A list or a map, and the number of its elements.
enum Many {
    List(usize),
    Map(usize),
}

struct Reader<'t> {
    text: &'t mut dyn BufRead,
    at: u64,
    /// The number of values that may follow in a part.
    left: usize,
    /// The bytes that were taken last.
    taken: Vec<u8>,
}

impl Reader<'_> {
    fn wrong(&self, reason: &'static str) -> Fault {
        Fault::Wrong(self.at, reason)
    }

    fn take(&mut self, count: usize) -> Result<&[u8], Fault> {
        if count > OBJECT_BYTES {
            return Err(self.wrong("a text of more than 256 MiB"));
        }
        self.taken.clear();
        let mut text = (&mut *self.text).take(count as u64);
        text.read_to_end(&mut self.taken).map_err(Fault::Unread)?;
        if self.taken.len() < count {
            return Err(self.wrong("the file ends too early: it is truncated; copy it again"));
        }
        self.at += count as u64;
        Ok(&self.taken)
    }

    /// Complains of bytes that follow.
    fn end(&mut self) -> Result<(), Fault> {
        match self.text.fill_buf().map_err(Fault::Unread)? {
            [] => Ok(()),
            _ => Err(self.wrong("bytes behind the end of the value")),
        }
    }

    /// The list or the map that follows, whose beginning is read, if one does.
    fn many(&mut self) -> Result<Option<Many>, Fault> {
        let first = self.text.fill_buf().map_err(Fault::Unread)?.first();
        let Some(tag @ (0x80..=0x9f | 0xdc..=0xdf)) = first.copied() else {
            return Ok(None);
        };
        self.take(1)?;
        Ok(Some(match tag {
            0x80..=0x8f => Many::Map(usize::from(tag & 0x0f)),
            0x90..=0x9f => Many::List(usize::from(tag & 0x0f)),
            0xdc | 0xdd => Many::List(self.length(2 << (tag - 0xdc))?),
            _ => Many::Map(self.length(2 << (tag - 0xde))?),
        }))
    }

    /// The number in the next bytes, the highest first.
    fn big(&mut self, count: usize) -> Result<u64, Fault> {
        let taken = self.take(count)?.iter();
        Ok(taken.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn length(&mut self, count: usize) -> Result<usize, Fault> {
        let length = self.big(count)?;
        usize::try_from(length).map_err(|_| self.wrong("a length beyond the memory"))
    }

    fn value(&mut self, depth: u32) -> Result<Value, Fault> {
        let Some(inner) = depth.checked_sub(1) else {
            return Err(self.wrong("values nested too deep"));
        };
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| self.wrong("more than 33,554,432 values in a part"))?;
        match self.many()? {
            Some(Many::List(length)) => return self.list(length, inner),
            Some(Many::Map(length)) => return self.map(length, inner),
            None => {}
        }
        let begin = self.at;
        let tag = self.take(1)?[0];
        Ok(match tag {
            0..=0x7f => Value::from(tag),
            0xa0..=0xbf => self.text(usize::from(tag & 0x1f))?,
            0xc0 => Value::Null,
            0xc2 | 0xc3 => Value::Bool(tag == 0xc3),
            0xca => {
                let bits = self.big(4)? as u32;
                fraction(f64::from(f32::from_bits(bits)))
            }
            0xcb => fraction(f64::from_bits(self.big(8)?)),
            0xcc..=0xcf => Value::from(self.big(1 << (tag - 0xcc))?),
            0xd0..=0xd3 => {
                let count = 1_usize << (tag - 0xd0);
                let shift = 64 - 8 * count as u32;
                Value::from((self.big(count)? << shift) as i64 >> shift)
            }
            0xd9..=0xdb => {
                let length = self.length(1 << (tag - 0xd9))?;
                self.text(length)?
            }
            0xe0..=0xff => Value::from(tag as i8),
            _ => {
                self.at = begin;
                return Err(self.wrong("bytes or an extension, which no trace has"));
            }
        })
    }

    fn text(&mut self, length: usize) -> Result<Value, Fault> {
        let begin = self.at;
        let text = str::from_utf8(self.take(length)?);
        let damaged = "a text that is not UTF-8; the file is damaged, copy it again";
        let text = text.map_err(|_| Fault::Wrong(begin, damaged))?;
        Ok(Value::from(text))
    }

    fn list(&mut self, length: usize, inner: u32) -> Result<Value, Fault> {
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(self.value(inner)?);
        }
        Ok(Value::Array(list))
    }

    fn map(&mut self, length: usize, inner: u32) -> Result<Value, Fault> {
        let mut map = Map::new();
        for _ in 0..length {
            let key = key(&self.value(inner)?);
            let value = self.value(inner)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

fn fraction(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn key(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(key).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of bytes, or the byte at which something is wrong, and what.
    fn read(mut bytes: &[u8], opened: &[&str]) -> Result<Vec<Part>, (u64, &'static str)> {
        let mut parts = Vec::new();
        let all = each(&mut bytes, opened, |part| {
            parts.push(part);
            Ok::<(), Fault>(())
        });
        match all {
            Ok(()) => Ok(parts),
            Err(Fault::Wrong(at, reason)) => Err((at, reason)),
            Err(Fault::Unread(error)) => panic!("{error}"),
        }
    }

    const BYTES: [u8; 39] = [
        0x84, 0xa1, b'a', 0x93, 7, 0xff, 0xc0, 0x92, 0xa1, b'k', 0xcc, 200, 0xcd, 1, 0, 0xcf, 255,
        255, 255, 255, 255, 255, 255, 255, 0xd1, 0xff, 0x00, 0xd9, 1, b'b', 0xcb, 0x3f, 0xf8, 0, 0,
        0, 0, 0, 0,
    ];

    #[test]
    fn values_of_each_kind_are_read() {
        let parts = read(&BYTES, &[]).expect("a map");
        let member = |key: &str, text: &str| {
            Part::Member(key.to_owned(), serde_json::from_str(text).expect("JSON"))
        };
        assert_eq!(
            parts,
            [
                member("a", "[7, -1, null]"),
                member("k 200", "256"),
                member("18446744073709551615", "-256"),
                member("b", "1.5"),
            ]
        );
        for end in 0..BYTES.len() {
            for opened in [&[][..], &["a"]] {
                let (at, reason) = read(&BYTES[..end], opened).expect_err("truncated");
                assert!(at <= end as u64 && reason.contains("truncated"), "{end}");
            }
        }
        for (bytes, at, part) in [
            (&[0xc4, 0][..], 0, "bytes or an extension"),
            (&[0xa1, 0xff], 1, "not UTF-8"),
            (&[7, 7], 1, "behind the end"),
            (&[0x81, 0xa1, b'a', 7, 7], 4, "behind the end"),
            (&[0x91; 200], 128, "nested too deep"),
            (&[0xdb, 0xff, 0xff, 0xff, 0xff, 7], 5, "more than 256 MiB"),
        ] {
            let (found, reason) = read(bytes, &[]).expect_err("wrong");
            assert_eq!((found, reason.contains(part)), (at, true), "{reason}");
        }
    }

    #[test]
    fn lists_and_maps_come_element_by_element_where_they_are_opened() {
        let bytes = [
            0x83, 0xa1, b'a', 0xdc, 0, 2, 7, 0x90, 0xa1, b'b', 0xde, 0, 1, 0xa1, b'k', 0xc3, 0xa1,
            b'c', 0x91, 1,
        ];
        let parts = read(&bytes, &["a", "b"]).expect("a map");
        let list = |values: &[u8]| Value::from(values);
        assert_eq!(
            parts,
            [
                Part::Element("a".to_owned(), 1, Value::from(7)),
                Part::Element("a".to_owned(), 2, list(&[])),
                Part::Entry("b".to_owned(), "k".to_owned(), Value::Bool(true)),
                Part::Member("c".to_owned(), list(&[1])),
            ]
        );
    }
}

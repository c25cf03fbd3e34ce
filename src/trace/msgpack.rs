//! `MessagePack` as JSON values. Keys that are no texts become such: numbers in decimal, lists with a
//! blank between their elements. Bytes and extensions are refused. Source: the specification of
//! `MessagePack`.

use serde_json::{Map, Number, Value};

use super::budget::VALUES;

/// The deepest nesting that is read; objects of Kubernetes have twenty.
const DEEPEST: u32 = 128;

/// A fault, and the byte at which it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The byte, counted from 0.
    pub(crate) at: usize,
    /// The fault.
    pub(crate) reason: &'static str,
}

/// Reads the one value that bytes hold.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, Wrong> {
    let mut reader = Reader {
        bytes,
        at: 0,
        left: VALUES,
    };
    let value = reader.value(DEEPEST)?;
    if reader.at < bytes.len() {
        return Err(reader.wrong("bytes behind the end of the value"));
    }
    Ok(value)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    /// The number of values that may follow.
    left: usize,
}

impl<'b> Reader<'b> {
    fn wrong(&self, reason: &'static str) -> Wrong {
        Wrong {
            at: self.at,
            reason,
        }
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], Wrong> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken
            .ok_or_else(|| self.wrong("the file ends too early: it is truncated; copy it again"))?;
        self.at += count;
        Ok(taken)
    }

    /// The number in the next bytes, the highest first.
    fn big(&mut self, count: usize) -> Result<u64, Wrong> {
        let taken = self.take(count)?.iter();
        Ok(taken.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn length(&mut self, count: usize) -> Result<usize, Wrong> {
        let length = self.big(count)?;
        usize::try_from(length).map_err(|_| self.wrong("a length beyond the memory"))
    }

    fn value(&mut self, depth: u32) -> Result<Value, Wrong> {
        let Some(inner) = depth.checked_sub(1) else {
            return Err(self.wrong("values nested too deep"));
        };
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| self.wrong("more than 33,554,432 values"))?;
        let begin = self.at;
        let tag = self.take(1)?[0];
        Ok(match tag {
            0..=0x7f => Value::from(tag),
            0x80..=0x8f => self.map(usize::from(tag & 0x0f), inner)?,
            0x90..=0x9f => self.list(usize::from(tag & 0x0f), inner)?,
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
            0xdc | 0xdd => {
                let length = self.length(2 << (tag - 0xdc))?;
                self.list(length, inner)?
            }
            0xde | 0xdf => {
                let length = self.length(2 << (tag - 0xde))?;
                self.map(length, inner)?
            }
            0xe0..=0xff => Value::from(tag as i8),
            _ => {
                self.at = begin;
                return Err(self.wrong("bytes or an extension, which no trace has"));
            }
        })
    }

    fn text(&mut self, length: usize) -> Result<Value, Wrong> {
        let begin = self.at;
        let text = str::from_utf8(self.take(length)?);
        let text = text.map_err(|_| Wrong {
            at: begin,
            reason: "a text that is not UTF-8; the file is damaged, copy it again",
        })?;
        Ok(Value::from(text))
    }

    fn list(&mut self, length: usize, inner: u32) -> Result<Value, Wrong> {
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(self.value(inner)?);
        }
        Ok(Value::Array(list))
    }

    fn map(&mut self, length: usize, inner: u32) -> Result<Value, Wrong> {
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

    #[test]
    fn values_of_each_kind_are_read() {
        let bytes = [
            0x84, 0xa1, b'a', 0x93, 7, 0xff, 0xc0, 0x92, 0xa1, b'k', 0xcc, 200, 0xcd, 1, 0, 0xcf,
            255, 255, 255, 255, 255, 255, 255, 255, 0xd1, 0xff, 0x00, 0xd9, 1, b'b', 0xcb, 0x3f,
            0xf8, 0, 0, 0, 0, 0, 0,
        ];
        let value = read(&bytes).expect("a value");
        let expected = r#"{"18446744073709551615":-256,"a":[7,-1,null],"b":1.5,"k 200":256}"#;
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(value, expected);
        for end in 0..bytes.len() {
            let wrong = read(&bytes[..end]).expect_err("truncated");
            assert!(
                wrong.at <= end && wrong.reason.contains("truncated"),
                "{end}"
            );
        }
        for (bytes, at, part) in [
            (&[0xc4, 0][..], 0, "bytes or an extension"),
            (&[0xa1, 0xff], 1, "not UTF-8"),
            (&[7, 7], 1, "behind the end"),
            (&[0x91; 200], 128, "nested too deep"),
        ] {
            let wrong = read(bytes).expect_err("wrong");
            assert_eq!(
                (wrong.at, wrong.reason.contains(part)),
                (at, true),
                "{wrong:?}"
            );
        }
    }
}

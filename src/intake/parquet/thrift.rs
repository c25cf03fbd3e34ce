//! Values in the compact protocol of Thrift, in which Parquet states its footer and its pages.

/// The deepest nesting that is read; a footer has four.
const DEEPEST: u32 = 16;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'t> {
    /// A truth value.
    Bool(bool),
    /// A whole number of any width.
    Integer(i64),
    /// A number with a fraction, which nothing here reads.
    Double,
    /// A text or other bytes.
    Bytes(&'t [u8]),
    /// A list or set.
    List(Vec<Self>),
    /// A map, which nothing here reads.
    Map,
    /// A structure.
    Struct(Struct<'t>),
}

/// The fields of a structure by their numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Struct<'t>(Vec<(i16, Value<'t>)>);

impl<'t> Struct<'t> {
    fn field(&self, number: i16) -> Option<&Value<'t>> {
        let found = self.0.iter().find(|(own, _)| *own == number);
        found.map(|(_, value)| value)
    }

    /// A whole number.
    pub(super) fn integer(&self, number: i16) -> Option<i64> {
        match self.field(number)? {
            Value::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// A count or a place: a whole number of at least 0.
    pub(super) fn count(&self, number: i16) -> Option<usize> {
        self.integer(number)?.try_into().ok()
    }

    /// A truth value.
    pub(super) fn bool(&self, number: i16) -> Option<bool> {
        match self.field(number)? {
            Value::Bool(is_true) => Some(*is_true),
            _ => None,
        }
    }

    /// Bytes.
    pub(super) fn bytes(&self, number: i16) -> Option<&'t [u8]> {
        match self.field(number)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn text(&self, number: i16) -> Option<&'t str> {
        match self.field(number)? {
            Value::Bytes(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// A list.
    pub(super) fn list(&self, number: i16) -> Option<&[Value<'t>]> {
        match self.field(number)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// A structure.
    pub(super) fn inner(&self, number: i16) -> Option<&Self> {
        self.field(number)?.as_struct()
    }
}

impl<'t> Value<'t> {
    /// The value as a structure.
    pub(super) fn as_struct(&self) -> Option<&Struct<'t>> {
        match self {
            Self::Struct(fields) => Some(fields),
            _ => None,
        }
    }
}

/// Reads a structure at the beginning of bytes; also how many it took. `None` if they hold none.
pub(super) fn read(bytes: &[u8]) -> Option<(Struct<'_>, usize)> {
    let mut reader = Reader { bytes, at: 0 };
    let fields = reader.fields(DEEPEST)?;
    Some((fields, reader.at))
}

/// A whole number in groups of seven bits, the lowest first; `at` moves behind it.
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A number whose lowest bit is its sign.
pub(super) fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Reader<'t> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        varint(self.bytes, &mut self.at)
    }

    fn take(&mut self, length: usize) -> Option<&'t [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn fields(&mut self, depth: u32) -> Option<Struct<'t>> {
        let mut fields = Vec::new();
        let mut number: i16 = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(Struct(fields));
            }
            number = match head >> 4 {
                0 => zigzag(self.varint()?).try_into().ok()?,
                step => number.checked_add(i16::from(step))?,
            };
            let value = match head & 0x0f {
                1 => Value::Bool(true),
                2 => Value::Bool(false),
                kind => self.value(kind, depth)?,
            };
            fields.push((number, value));
        }
    }

    /// A value of a kind; one of truth takes a byte here, outside of a structure's fields.
    fn value(&mut self, kind: u8, depth: u32) -> Option<Value<'t>> {
        let inner = depth.checked_sub(1)?;
        Some(match kind {
            1 | 2 => Value::Bool(self.byte()? == 1),
            3 => Value::Integer(i64::from(self.byte()? as i8)),
            4..=6 => Value::Integer(zigzag(self.varint()?)),
            7 => {
                self.take(8)?;
                Value::Double
            }
            8 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length.try_into().ok()?)?)
            }
            9 | 10 => {
                let head = self.byte()?;
                let length = match head >> 4 {
                    15 => self.varint()?,
                    short => u64::from(short),
                };
                let mut list = Vec::new();
                for _ in 0..length {
                    list.push(self.value(head & 0x0f, inner)?);
                }
                Value::List(list)
            }
            11 => {
                let length = self.varint()?;
                let kinds = if length > 0 { self.byte()? } else { 0 };
                for _ in 0..length {
                    self.value(kinds >> 4, inner)?;
                    self.value(kinds & 0x0f, inner)?;
                }
                Value::Map
            }
            12 => Value::Struct(self.fields(inner)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_read_and_damage_is_none() {
        // 1: 150, 3: "ab", 4: true, 20: [1, -2], 21: {1: 7}.
        let bytes = [
            0x15, 0xac, 0x02, 0x28, 2, b'a', b'b', 0x11, 0x09, 40, 0x25, 2, 3, 0x1c, 0x15, 14, 0, 0,
        ];
        let (fields, length) = read(&bytes).expect("a structure");
        assert_eq!(length, bytes.len());
        assert_eq!((fields.integer(1), fields.text(3)), (Some(150), Some("ab")));
        assert_eq!((fields.bool(4), fields.count(2)), (Some(true), None));
        let list = [Value::Integer(1), Value::Integer(-2)];
        assert_eq!(fields.list(20), Some(&list[..]));
        assert_eq!(fields.inner(21).and_then(|inner| inner.count(1)), Some(7));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), None, "{end}");
        }
        assert_eq!(read(&[0x1c; 64]), None, "nested too deep");
    }
}

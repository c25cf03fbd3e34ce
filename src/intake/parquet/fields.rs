//! Structures in the compact protocol of Thrift, written field by field in the order of their numbers.

/// Kinds of values.
const HALF: u8 = 5;
const WORD: u8 = 6;
const BYTES: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A structure that is being written.
#[derive(Debug, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    last: i16,
}

impl Fields {
    /// Adds a whole number of 32 bits.
    pub(super) fn half(mut self, number: i16, value: i32) -> Self {
        self.head(number, HALF);
        push_integer(&mut self.bytes, i64::from(value));
        self
    }

    /// Adds a whole number of 64 bits.
    pub(super) fn word(mut self, number: i16, value: usize) -> Self {
        self.head(number, WORD);
        push_integer(&mut self.bytes, value as i64);
        self
    }

    /// Adds a text.
    pub(super) fn text(mut self, number: i16, text: &str) -> Self {
        self.head(number, BYTES);
        push_text(&mut self.bytes, text);
        self
    }

    /// Adds a structure.
    pub(super) fn inner(mut self, number: i16, inner: Self) -> Self {
        self.head(number, STRUCT);
        self.bytes.extend(inner.end());
        self
    }

    /// Adds a list of whole numbers of 32 bits.
    pub(super) fn halves(mut self, number: i16, values: &[i32]) -> Self {
        self.list(number, HALF, values.len());
        for value in values {
            push_integer(&mut self.bytes, i64::from(*value));
        }
        self
    }

    /// Adds a list of one text.
    pub(super) fn one_text(mut self, number: i16, text: &str) -> Self {
        self.list(number, BYTES, 1);
        push_text(&mut self.bytes, text);
        self
    }

    /// Adds a list of structures.
    pub(super) fn inners(mut self, number: i16, inners: Vec<Self>) -> Self {
        self.list(number, STRUCT, inners.len());
        for inner in inners {
            self.bytes.extend(inner.end());
        }
        self
    }

    /// The bytes of the structure.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }

    /// The beginning of a field; numbers rise by less than 16.
    fn head(&mut self, number: i16, kind: u8) {
        self.bytes.push(((number - self.last) as u8) << 4 | kind);
        self.last = number;
    }

    fn list(&mut self, number: i16, kind: u8, length: usize) {
        self.head(number, LIST);
        if length < 15 {
            self.bytes.push((length as u8) << 4 | kind);
        } else {
            self.bytes.push(0xf0 | kind);
            push_varint(&mut self.bytes, length as u64);
        }
    }
}

/// Adds a whole number in groups of seven bits, the lowest first.
pub(super) fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn push_integer(bytes: &mut Vec<u8>, value: i64) {
    push_varint(bytes, (value << 1 ^ value >> 63) as u64);
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    push_varint(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::thrift::{Value, read};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn structures_are_read_as_they_were_written(
            half in any::<i32>(),
            word in 0_usize..usize::MAX / 2,
            text in "[a-zä]{0,20}",
            halves in prop::collection::vec(any::<i32>(), 0..20),
        ) {
            let inners = halves.iter().map(|value| Fields::default().half(2, *value)).collect();
            let bytes = Fields::default()
                .half(1, half)
                .word(3, word)
                .text(4, &text)
                .inner(9, Fields::default().one_text(1, &text))
                .halves(10, &halves)
                .inners(20, inners)
                .end();
            let (found, length) = read(&bytes).expect("a structure");
            prop_assert_eq!(length, bytes.len());
            prop_assert_eq!(found.integer(1), Some(i64::from(half)));
            prop_assert_eq!(found.count(3), Some(word));
            prop_assert_eq!(found.text(4), Some(&*text));
            let inner = found.inner(9).and_then(|inner| inner.list(1));
            prop_assert_eq!(inner, Some(&[Value::Bytes(text.as_bytes())][..]));
            let integers: Vec<Value<'_>> =
                halves.iter().map(|value| Value::Integer(i64::from(*value))).collect();
            prop_assert_eq!(found.list(10), Some(&integers[..]));
            let inners = found.list(20).expect("a list").iter();
            let inners: Vec<Option<i64>> =
                inners.map(|inner| inner.as_struct().and_then(|own| own.integer(2))).collect();
            let expected: Vec<Option<i64>> =
                halves.iter().map(|value| Some(i64::from(*value))).collect();
            prop_assert_eq!(inners, expected);
        }
    }
}

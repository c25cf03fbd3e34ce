//! Numbers and texts as bytes: whole numbers take as many bytes as they need (LEB128), signed ones
//! with their sign in the lowest bit.

use model::Text;

/// The bytes are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)) as u64);
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Bytes that are taken from the front.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken<'bytes>(pub &'bytes [u8]);

impl<'bytes> Taken<'bytes> {
    #[inline]
    pub(crate) fn number(&mut self) -> Result<u64, Broken> {
        let (&first, rest) = self.0.split_first().ok_or(Broken)?;
        self.0 = rest;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let (mut number, mut shift) = (u64::from(first & 0x7f), 7);
        loop {
            let (&byte, rest) = self.0.split_first().ok_or(Broken)?;
            self.0 = rest;
            if shift > 63 {
                return Err(Broken);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> Result<i64, Broken> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A number that fits an index.
    pub(crate) fn count(&mut self) -> Result<usize, Broken> {
        usize::try_from(self.number()?).map_err(|_| Broken)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'bytes [u8], Broken> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Broken)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'bytes str, Broken> {
        let length = self.count()?;
        str::from_utf8(self.bytes(length)?).map_err(|_| Broken)
    }

    pub(crate) fn shared_text(&mut self) -> Result<Text, Broken> {
        self.text().map(Text::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back(numbers in prop::collection::vec(any::<i64>(), 0..50)) {
            let mut bytes = Vec::new();
            for &number in &numbers {
                put_signed(&mut bytes, number);
                put(&mut bytes, number as u64);
            }
            let mut taken = Taken(&bytes);
            for &number in &numbers {
                prop_assert_eq!(taken.signed(), Ok(number));
                prop_assert_eq!(taken.number(), Ok(number as u64));
            }
            prop_assert_eq!(taken.number(), Err(Broken));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut taken = Taken(&bytes);
            while taken.number().is_ok() {}
            let _ = Taken(&bytes).text();
            let _ = Taken(&bytes).bytes(usize::MAX);
        }
    }
}

//! Snappy's block format: literal bytes and copies of what was written before.

use super::thrift::varint;

/// Unpacks bytes to a length that is known; `None` if they are damaged or of another length.
pub(super) fn unpack(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut at = 0;
    if varint(bytes, &mut at)? != length as u64 {
        return None;
    }
    let mut out = Vec::new();
    while let Some(&tag) = bytes.get(at) {
        at += 1;
        let high = usize::from(tag >> 2);
        let (offset_bytes, count) = match tag & 3 {
            0 => {
                let count = match high.checked_sub(59) {
                    Some(more @ 1..) => little(bytes, &mut at, more)?.checked_add(1)?,
                    _ => high + 1,
                };
                let end = at.checked_add(count)?;
                out.extend_from_slice(bytes.get(at..end)?);
                at = end;
                (0, 0)
            }
            1 => (1, 4 + (high & 7)),
            2 => (2, high + 1),
            _ => (4, high + 1),
        };
        if offset_bytes > 0 {
            let upper = if offset_bytes == 1 {
                (high >> 3) << 8
            } else {
                0
            };
            let offset = upper | little(bytes, &mut at, offset_bytes)?;
            copy(&mut out, offset, count)?;
        }
        if out.len() > length {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}

/// The number in the next bytes, the lowest first; `at` moves behind it.
fn little(bytes: &[u8], at: &mut usize, count: usize) -> Option<usize> {
    let taken = bytes.get(*at..*at + count)?;
    *at += count;
    let number =
        { taken.iter().rev() }.fold(0_usize, |number, &byte| number << 8 | usize::from(byte));
    Some(number)
}

/// Copies what stands so far before the end; the copy may reach into itself.
fn copy(out: &mut Vec<u8>, offset: usize, count: usize) -> Option<()> {
    let from = out.len().checked_sub(offset).filter(|_| offset > 0)?;
    for place in from..from + count {
        out.push(out[place]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies_are_unpacked() {
        // "ab", a copy of 6 from 2 back, a literal of 61 bytes, a copy with a wide offset.
        let mut packed = vec![72, 1 << 2, b'a', b'b', (2 << 2) | 1, 2, 60 << 2, 60];
        packed.extend([b'x'; 61]);
        packed.extend([(2 << 2) | 2, 69, 0]);
        let mut expected = b"abababab".to_vec();
        expected.extend([b'x'; 61]);
        expected.extend(b"aba");
        assert_eq!(unpack(&packed, 72), Some(expected));
        assert_eq!(unpack(&packed, 71), None);
        for end in 0..packed.len() {
            assert_eq!(unpack(&packed[..end], 72), None, "{end}");
        }
        assert_eq!(
            unpack(&[4, 1, 9], 4),
            None,
            "a copy from before the beginning"
        );
    }
}

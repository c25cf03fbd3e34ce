//! The short way through rows of plain numbers; whatever else a row may hold is left to the parser of
//! everything.

use super::{FIELDS, SwfJob};
use crate::readers::prelude::*;
use intake::number::eight_digits;

/// The most digits: seconds of so many still fit nanoseconds.
const DIGITS: usize = 9;

/// The fields of a row that is what nearly all rows are: 18 whole numbers of few digits, of which
/// those that may be missing may be -1. `None` leaves the row to the parser of everything.
pub(super) fn plain_numbers(line: &[u8]) -> Option<[i64; FIELDS]> {
    let (numbers, end) = numbers(line)?;
    (end == line.len()).then_some(numbers)
}

/// Whether a byte parts the numbers of a row.
fn is_blank(byte: u8) -> bool {
    byte != b'\n' && byte.is_ascii_whitespace()
}

/// The numbers at the beginning of a text, and where the blanks behind them end.
#[inline]
fn numbers(text: &[u8]) -> Option<([i64; FIELDS], usize)> {
    let mut numbers = [0; FIELDS];
    let mut at = 0;
    for (index, number) in numbers.iter_mut().enumerate() {
        while is_blank(*text.get(at)?) {
            at += 1;
        }
        if text[at] == b'-' {
            // The job's number and its submission are always known.
            if index < 2 || text.get(at + 1) != Some(&b'1') {
                return None;
            }
            *number = -1;
            at += 2;
        } else {
            let (value, length) = digits(&text[at..])?;
            *number = value;
            at += length;
        }
        if text.get(at).is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return None;
        }
    }
    while text.get(at).is_some_and(|&byte| is_blank(byte)) {
        at += 1;
    }
    Some((numbers, at))
}

/// The number of the digits at the beginning of a text, and how many there are.
#[inline]
fn digits(text: &[u8]) -> Option<(i64, usize)> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    const BEYOND_NINE: u64 = u64::from_le_bytes([0x80 - 10; 8]);
    if let Some(chunk) = text.first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let own = word ^ ZEROS;
        // No sum carries into the next byte.
        let others = (((own & !HIGH) + BEYOND_NINE) | own) & HIGH;
        let length = others.trailing_zeros() as usize / 8;
        if (1..8).contains(&length) {
            let missing = 8 * (8 - length) as u32;
            let number = eight_digits(word << missing | ZEROS & ((1 << missing) - 1))?;
            return Some((number, length));
        }
    }
    let mut number = 0_i64;
    let mut length = 0;
    while let Some(digit) = text.get(length).map(|byte| byte.wrapping_sub(b'0'))
        && digit <= 9
    {
        // Too many digits are refused below.
        number = number.wrapping_mul(10).wrapping_add(i64::from(digit));
        length += 1;
    }
    (1..=DIGITS).contains(&length).then_some((number, length))
}

/// The job of a row of plain numbers.
#[inline(always)]
pub(super) fn job_of(line: u64, numbers: &[i64; FIELDS]) -> SwfJob {
    let time = |index: usize| Duration::from_secs(numbers[index]);
    SwfJob {
        line,
        number: numbers[0],
        submit: time(1),
        wait: time(2),
        run: time(3),
        allocated_processors: numbers[4],
        cpu_time: time(5),
        used_memory_kb: numbers[6],
        requested_processors: numbers[7],
        requested_time: time(8),
        requested_memory_kb: numbers[9],
        status: numbers[10],
        user: numbers[11],
        group: numbers[12],
        executable: numbers[13],
        queue: numbers[14],
        partition: numbers[15],
        preceding_job: numbers[16],
        think_time: time(17),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ends::plain_row;
    use super::super::{Parsed, RowParser};
    use super::*;

    #[test]
    fn plain_rows_are_what_the_parser_of_everything_makes_of_them() {
        for text in [
            "1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1",
            "  7\t123456789 0 0 40 552 -1 39 43200 -1 5 -1 3 2 6 -1 -1 -1 \t",
            "000 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
        ] {
            let numbers = plain_numbers(text.as_bytes()).expect(text);
            // A fraction of zero is not plain, and the same number.
            let text_of_all = format!("{}.0", text.trim_end());
            let Ok(Parsed::Job { job, .. }) = RowParser::default().parse(7, text_of_all.as_bytes())
            else {
                panic!("a job: {text}");
            };
            assert_eq!(job_of(7, &numbers), job, "{text}");
        }
        for text in [
            "1 0 -1 5",
            "-1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1",
            "1 -1 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1",
            "1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1 8",
            "1 0 -12 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1",
            "1 0 -2 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1",
            "1 0 +2 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1",
            "1 0 2 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 1&2 -1",
            "1 0 2 5.5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1",
            "1 1234567890 2 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1",
        ] {
            assert_eq!(plain_numbers(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_row_of_a_text_is_the_line_alone(
            fields in prop::collection::vec("-1|[0-9]{1,10}|[0-9]{1,3}[.&a]?|-2", 16..20),
            blanks in prop::sample::select(vec![" ", "  ", "     ", "\t", "\x0c"]),
            end in prop::sample::select(vec!["\n", " \n", "\r\n", "", "x\n"]),
            behind in "[0-9 \n-]{0,12}",
            odd in prop::option::of(
                (any::<prop::sample::Index>(), prop::sample::select(&b"\t\x0b\x01 \n-+.,1\xa0"[..]))),
        ) {
            let before = "1 2 3 4 5\n";
            let mut row = format!("{}{end}", fields.join(blanks)).into_bytes();
            if let (Some((index, byte)), false) = (odd, row.is_empty()) {
                let place = index.index(row.len());
                row[place] = byte;
            }
            row.extend_from_slice(behind.as_bytes());
            let mut lines = row.split_inclusive(|&byte| byte == b'\n');
            let line = lines.next().filter(|line| line.ends_with(b"\n"));
            let expected = line.and_then(|line| {
                let numbers = plain_numbers(line.strip_suffix(b"\n")?)?;
                Some((numbers, before.len() + line.len()))
            });
            let mut text = before.as_bytes().to_vec();
            text.extend_from_slice(&row);
            // Near the end of what was read, rows are left to the parser of lines.
            let read = |text: &[u8]| {
                let mut numbers = [0; FIELDS];
                let next = plain_row(text, before.len(), &mut numbers)?;
                Some((numbers, next))
            };
            let found = read(&text);
            prop_assert!(found.is_none() || found == expected);
            text.extend_from_slice(&[b'\n'; 64]);
            // So are rows with other blanks than those that part the fields of nearly all logs.
            let found = read(&text);
            let is_usual = blanks.starts_with(' ') && odd.is_none() && !end.starts_with('\r');
            prop_assert!(found == expected || found.is_none() && !is_usual);
        }

        #[test]
        fn digits_are_read_as_one_by_one(text in "[0-9]{0,11}[0-9a\u{80}\n :/-]{0,9}") {
            let length = text.bytes().take_while(u8::is_ascii_digit).count();
            let number = text[..length].parse().ok().filter(|_| length <= DIGITS);
            prop_assert_eq!(digits(text.as_bytes()), number.map(|number| (number, length)));
        }
    }
}

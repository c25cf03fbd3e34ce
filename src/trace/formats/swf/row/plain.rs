//! The short way through rows of plain numbers; whatever else a row may hold is left to the parser of
//! everything.

use super::{FIELDS, Parsed, SwfJob};
use units::Duration;

/// The fields of a row that is what nearly all rows are: 18 whole numbers of few digits, of which
/// those that may be missing may be -1. `None` leaves the row to the parser of everything.
pub(super) fn plain_numbers(text: &[u8]) -> Option<[i64; FIELDS]> {
    /// The most digits: seconds of so many still fit nanoseconds.
    const DIGITS: usize = 9;
    let mut numbers = [0; FIELDS];
    let mut at = 0;
    for (index, number) in numbers.iter_mut().enumerate() {
        while text.get(at)?.is_ascii_whitespace() {
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
            let start = at;
            let mut value = 0_i64;
            while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0'))
                && digit <= 9
            {
                // Too many digits are refused below.
                value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
                at += 1;
            }
            if at == start || at - start > DIGITS {
                return None;
            }
            *number = value;
        }
        if text.get(at).is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return None;
        }
    }
    text[at..].trim_ascii().is_empty().then_some(numbers)
}

/// The job of a row of plain numbers.
pub(super) fn job_of(line: u64, numbers: &[i64; FIELDS]) -> Parsed {
    let time = |index: usize| Duration::from_secs(numbers[index]);
    let job = SwfJob {
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
    };
    Parsed::Job {
        job,
        extra_fields: false,
        several_preceding: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RowParser;
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
            let Ok(parsed) = RowParser::default().parse(7, text_of_all.as_bytes()) else {
                panic!("a job: {text}");
            };
            assert_eq!(job_of(7, &numbers), parsed, "{text}");
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
}

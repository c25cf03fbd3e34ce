//! Names of the demands of tasks: job and index, and from the second demand of a task on its number.

use super::Key;
use crate::readers::prelude::*;

/// The name of a task until its demands are numbered.
pub(super) fn provisional(key: Key) -> PodName {
    let (job, index) = key;
    match u32::try_from(index) {
        Ok(index) => PodName::Member(job as u64, index),
        Err(_) => PodName::Text(format!("{job}-{index}").into()),
    }
}

/// The name of a demand of a task, by its number.
pub(super) fn numbered(name: &PodName, number: u32) -> PodName {
    let suffix = (number > 1).then_some(number);
    let PodName::Member(job, index) = *name else {
        return match suffix {
            None => name.clone(),
            Some(number) => PodName::Text(format!("{name}-{number}").into()),
        };
    };
    let mut text = Backwards::default();
    if let Some(number) = suffix {
        text.number(number.into());
        text.byte(b'-');
    }
    text.number(index.into());
    text.byte(b'-');
    text.number(job);
    PodName::Text(text.text().into())
}

/// The most characters of a name: three numbers with hyphens between them.
const MOST: usize = 48;

/// A text that is put together from its end: a name is made for each demand, and the formatting of the standard library
/// takes longer than all else of it.
struct Backwards {
    bytes: [u8; MOST],
    from: usize,
}

impl Default for Backwards {
    fn default() -> Self {
        Self {
            bytes: [0; MOST],
            from: MOST,
        }
    }
}

impl Backwards {
    fn byte(&mut self, byte: u8) {
        self.from -= 1;
        self.bytes[self.from] = byte;
    }

    /// Puts the digits of a number before the text, two at a time.
    fn number(&mut self, mut number: u64) {
        while number >= 10 {
            let two = number % 100;
            number /= 100;
            self.byte(b'0' + (two % 10) as u8);
            self.byte(b'0' + (two / 10) as u8);
            if number == 0 {
                return;
            }
        }
        self.byte(b'0' + number as u8);
    }

    /// The text, which is ASCII.
    fn text(&self) -> &str {
        str::from_utf8(&self.bytes[self.from..]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_standard_library() {
        for (job, index) in [
            (0, 0),
            (7, 10),
            (99, 100),
            (109, 9_000),
            (u64::MAX, u32::MAX),
        ] {
            let name = PodName::Member(job, index);
            let expected = [1, 2, u32::MAX].map(|number| match number {
                1 => format!("{job}-{index}"),
                _ => format!("{job}-{index}-{number}"),
            });
            let found = [1, 2, u32::MAX].map(|number| numbered(&name, number).to_string());
            assert_eq!(found, expected);
        }
        let text = PodName::from("5-4294967296");
        assert_eq!(numbered(&text, 1), text);
        assert_eq!(numbered(&text, 3), "5-4294967296-3".into());
    }
}

//! Names of records that are there twice. Both are kept, as a run counts them apart; what waits for the name, or looks
//! for it, finds either. Names are kept as keys, which are sorted on disk where there are many, so they are told at the
//! end of a trace.

use crate::name_key::NameKey;
use crate::spill::FixedSort;
use intake::TraceError;
use intake::ledger::{Action, Journal};
use intake::origin::Origin;

/// The note about a record whose name another has.
pub const TWICE: &str = "name that a record above has; both are kept";

/// The names of the records up to now.
#[derive(Debug, Default)]
pub struct DuplicateNames {
    /// Runs of names: the stem that each has, and its place, first digit and length as one word.
    runs: FixedSort<3>,
    last: Option<Run>,
}

/// Names of one stem whose digits are counted up, of records one behind the other.
#[derive(Clone, Copy, Debug)]
struct Run {
    stem: [u64; 2],
    /// The place of the first, as a number.
    place: u64,
    /// The digit of the first.
    digit: u8,
    /// The number of names, ten at most.
    length: u8,
}

impl Run {
    /// The run with the next name, if that goes on with it.
    #[inline]
    fn with(self, key: NameKey, place: u64) -> Option<Self> {
        let is_next = self.stem == key.stem
            && self.digit + self.length == key.digit
            && self.place + u64::from(self.length) == place;
        is_next.then_some(Self {
            length: self.length + 1,
            ..self
        })
    }

    const fn words(self) -> [u64; 3] {
        let [first, second] = self.stem;
        let names = (self.digit as u64) << 8 | self.length as u64;
        [first, second, self.place << 16 | names]
    }

    const fn of_words([first, second, rest]: [u64; 3]) -> Self {
        Self {
            stem: [first, second],
            place: rest >> 16,
            digit: (rest >> 8) as u8,
            length: rest as u8,
        }
    }

    /// A bit for each digit.
    const fn digits(self) -> u32 {
        ((1 << self.length) - 1) << self.digit
    }
}

impl DuplicateNames {
    /// Meets the record of a line.
    #[inline]
    pub fn meet(&mut self, journal: &mut Journal, line: u64, name: impl AsRef<[u8]>) {
        self.meet_at(journal.origin(line), name);
    }

    /// Meets the record of a place.
    #[inline]
    pub(crate) fn meet_at(&mut self, place: Origin, name: impl AsRef<[u8]>) {
        let (key, place) = (NameKey::of(name.as_ref()), place.number());
        if let Some(last) = self.last {
            if let Some(longer) = last.with(key, place) {
                self.last = Some(longer);
                return;
            }
            self.runs.push(last.words());
        }
        let NameKey { stem, digit } = key;
        self.last = Some(Run {
            stem,
            place,
            digit,
            length: 1,
        });
    }

    /// Tells of the records whose name one above them has.
    ///
    /// # Errors
    /// There is one and the policy is strict, or the temporary file of the names can't be read.
    pub fn tell(self, journal: &mut Journal) -> Result<(), TraceError> {
        self.each_twice(|place| journal.dirt_at(TWICE, Action::Keep, place))
    }

    /// Takes the places of the records whose name one above them has, in the order of places.
    ///
    /// # Errors
    /// The temporary file of the names can't be read, or `take` fails.
    pub(crate) fn each_twice(
        mut self,
        mut take: impl FnMut(Origin) -> Result<(), TraceError>,
    ) -> Result<(), TraceError> {
        if let Some(last) = self.last {
            self.runs.push(last.words());
        }
        let mut twice = FixedSort::default();
        let mut runs = self.runs.sorted();
        // The stem of the run above, and its digits with those of others of that stem, each of them once.
        let mut above: Option<([u64; 2], u32)> = None;
        while let Some(words) = runs.next()? {
            let own = Run::of_words(words);
            let known = { above.filter(|(stem, _)| *stem == own.stem) }.map_or(0, |above| above.1);
            if known & own.digits() != 0 {
                for number in 0..own.length {
                    if known >> (own.digit + number) & 1 == 1 {
                        twice.push([own.place + u64::from(number)]);
                    }
                }
            }
            above = Some((own.stem, known | own.digits()));
        }
        let mut twice = twice.sorted();
        while let Some([place]) = twice.next()? {
            take(Origin::of_number(place))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_that_are_there_twice_are_those_of_a_list(
            names in prop::collection::vec(("[ab]{0,2}", 0_u32..25, 1_u32..4), 0..60),
            most_held in 1_usize..20,
        ) {
            let mut met = DuplicateNames {
                runs: FixedSort::holding(most_held),
                last: None,
            };
            let (mut plain, mut expected) = (Vec::new(), Vec::new());
            let mut line = 0;
            for (name, number, times) in names {
                // Most names are counted up.
                for number in number..number + times {
                    let name = if number < 22 { format!("{name}{number}") } else { name.clone() };
                    line += 1 + u64::from(number == 7);
                    met.meet_at(Origin::line(line), &name);
                    expected.extend(plain.contains(&name).then_some(line));
                    plain.push(name);
                }
            }
            let mut found = Vec::new();
            let done = met.each_twice(|place| {
                found.push(place.number());
                Ok(())
            });
            done.expect("readable");
            prop_assert_eq!(found, expected);
        }
    }
}

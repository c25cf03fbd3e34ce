//! Records about pods as words, which are sorted by pod and by time.

use super::{Deed, Known};
use crate::readers::prelude::*;

/// Words of a record.
pub(super) const WORDS: usize = 7;

/// Bits of a line in a word.
const LINE_BITS: u32 = 48;

/// A file, by its number among those that were read, and a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) line: u64,
}

impl Place {
    pub(super) fn of(file: usize, line: u64) -> Self {
        let file = file.min(usize::from(u16::MAX));
        Self { file, line }
    }

    pub(super) fn word(self) -> u64 {
        (self.file as u64) << LINE_BITS | self.line & ((1 << LINE_BITS) - 1)
    }

    pub(super) fn of_word(word: u64) -> Self {
        Self {
            file: (word >> LINE_BITS) as usize,
            line: word & ((1 << LINE_BITS) - 1),
        }
    }
}

/// A record about a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Act {
    /// The place of the pod's names.
    pub(super) pod: u64,
    pub(super) at: Instant,
    /// The number of the record: those of one instant stay as they came.
    pub(super) number: u64,
    pub(super) place: Place,
    pub(super) deed: Deed,
}

/// An instant as a word that is larger for a later one.
pub(super) const fn word_of(at: Instant) -> u64 {
    (at.as_nanos() as u64) ^ (1 << 63)
}

/// The instant of a word.
pub(super) const fn instant_of(word: u64) -> Instant {
    Instant::from_nanos((word ^ (1 << 63)) as i64)
}

/// An instant that may be absent as a word: none is the smallest one, which no record has.
pub(super) fn word_of_any(at: Option<Instant>) -> u64 {
    at.map_or(0, word_of)
}

/// The instant of a word, if there is one.
pub(super) fn any_of(word: u64) -> Option<Instant> {
    (word != 0).then(|| instant_of(word))
}

/// What stands for no outcome, and for no spec.
const NONE: u32 = u32::MAX;

/// An outcome that may be absent as a number.
pub(super) fn number_of(outcome: Option<Outcome>) -> u32 {
    let place = |own| Outcome::ALL.iter().position(|other| *other == own);
    outcome.and_then(place).map_or(NONE, |place| place as u32)
}

/// The outcome of a number, if it is one.
pub(super) fn outcome_of(number: u32) -> Option<Outcome> {
    Outcome::ALL.get(number as usize).copied()
}

/// The spec of a number, if it is one.
pub(super) fn spec_of(number: u32) -> Option<u32> {
    Some(number).filter(|own| *own != NONE)
}

/// A spec that may be absent as a number.
pub(super) fn number_of_spec(spec: Option<u32>) -> u32 {
    spec.unwrap_or(NONE)
}

impl Act {
    pub(super) fn words(&self) -> [u64; WORDS] {
        let (kind, number) = match self.deed {
            Deed::Create(spec) => (0_u64, number_of_spec(spec)),
            Deed::CreateUnnamed(spec) => (1, number_of_spec(spec)),
            Deed::Known(known) => (2, known.spec),
            Deed::Bind => (3, 0),
            Deed::Seen => (4, 0),
            Deed::Readied => (5, 0),
            Deed::Start => (6, 0),
            Deed::Over(outcome) => (7, number_of(Some(outcome))),
            Deed::Delete(outcome) => (8, number_of(outcome)),
            Deed::Kill(outcome) => (9, number_of(Some(outcome))),
            Deed::Resize(spec) => (10, spec),
            Deed::Assigned => (11, 0),
        };
        let (created, started) = match self.deed {
            Deed::Known(known) => (known.created, known.started),
            _ => (None, None),
        };
        [
            self.pod,
            word_of(self.at),
            self.number,
            self.place.word(),
            kind << 32 | u64::from(number),
            word_of_any(created),
            word_of_any(started),
        ]
    }

    pub(super) fn of_words(words: [u64; WORDS]) -> Self {
        let [pod, at, number, place, deed, created, started] = words;
        let own = deed as u32;
        let outcome = || outcome_of(own).unwrap_or(Outcome::Cancelled);
        Self {
            pod,
            at: instant_of(at),
            number,
            place: Place::of_word(place),
            deed: match deed >> 32 {
                0 => Deed::Create(spec_of(own)),
                1 => Deed::CreateUnnamed(spec_of(own)),
                2 => Deed::Known(Known {
                    spec: own,
                    created: any_of(created),
                    started: any_of(started),
                }),
                3 => Deed::Bind,
                4 => Deed::Seen,
                5 => Deed::Readied,
                6 => Deed::Start,
                7 => Deed::Over(outcome()),
                8 => Deed::Delete(outcome_of(own)),
                9 => Deed::Kill(outcome()),
                11 => Deed::Assigned,
                _ => Deed::Resize(own),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back_and_are_in_order_of_time() {
        let at = |nanos| Instant::from_nanos(nanos);
        let known = |created: Option<i64>| {
            Deed::Known(Known {
                spec: 7,
                created: created.map(at),
                started: Some(at(-3)),
            })
        };
        let deeds = [
            Deed::Create(None),
            Deed::Create(Some(0)),
            Deed::CreateUnnamed(Some(9)),
            known(None),
            known(Some(5)),
            Deed::Bind,
            Deed::Seen,
            Deed::Readied,
            Deed::Start,
            Deed::Over(Outcome::Completed),
            Deed::Delete(None),
            Deed::Delete(Some(Outcome::Failed)),
            Deed::Kill(Outcome::Cancelled),
            Deed::Resize(3),
            Deed::Assigned,
        ];
        let mut last = [0; WORDS];
        for (number, deed) in (0..).zip(deeds) {
            let act = Act {
                pod: 3,
                at: at(10 * number as i64 - 50),
                number,
                place: Place::of(2, 1 << 40),
                deed,
            };
            assert_eq!(Act::of_words(act.words()), act);
            assert!(last < act.words());
            last = act.words();
        }
    }
}

//! The text of one object in a file, where it stands there, and who takes it.

use std::io;
use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde_json::error::Category;
use units::UniqueKeys;

use super::fault::Fault;
use super::object::ObjectSeed;
use super::reader::Reader;
use super::similar_pod::SimilarPod;
use super::yaml;

/// Words of every fault at which a file ends in the middle of something.
pub(super) const CUT_OFF: &str = "the file is cut off";

/// Syntax of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    Json,
    Yaml,
}

/// The text of one object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) text: &'a [u8],
    pub(super) syntax: Syntax,
    /// Number of lines of the file that precede the text, and number of columns of its first line.
    pub(super) lines_before: u64,
    pub(super) columns_before: u64,
}

/// Reason a file can't be read, with its place in the file.
#[derive(Debug)]
pub(super) struct SourceError(pub(super) String);

/// Reason the text can't be taken apart.
#[derive(Debug)]
pub(super) enum Stop {
    /// The system refused to read on.
    Read(io::Error),
    /// The file's content is refused.
    Refused(SourceError),
}

impl From<SourceError> for Stop {
    fn from(refused: SourceError) -> Self {
        Self::Refused(refused)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Takes the objects of a file one at a time.
pub(super) trait Sink {
    /// Reader that keeps count of the position in the file.
    fn reader(&mut self) -> &mut Reader;

    /// Takes an object; `kind` is what its list says of objects that don't state theirs.
    fn object(&mut self, source: Source<'_>, kind: Option<&str>) -> Result<(), SourceError>;
}

impl Sink for Reader {
    fn reader(&mut self) -> &mut Reader {
        self
    }

    fn object(&mut self, source: Source<'_>, kind: Option<&str>) -> Result<(), SourceError> {
        if source.syntax == Syntax::Json
            && self.heeds_likeness()
            && let Some(pod) = SimilarPod::of(source.text)
        {
            let added = self.add_written_alike(&pod);
            return added.map_err(|message| self.refused(&source, &message));
        }
        // Dumps of clusters are written by programs, and large.
        let is_written_by_hand = source.syntax == Syntax::Json && !self.heeds_likeness();
        let seed = ObjectSeed::of_kind(self, kind);
        let read = source.read(seed).and_then(|_| {
            let unique = is_written_by_hand.then(|| source.read(PhantomData::<UniqueKeys>));
            unique.transpose()
        });
        match read {
            Ok(_) => {
                self.note_lines(|field| source.line_of(field));
                Ok(())
            }
            Err(fault) => Err(self.refused(&source, &fault.words)),
        }
    }
}

impl Reader {
    /// The refusal of an object, with the line of the field that broke a rule.
    fn refused(&self, source: &Source<'_>, fault: &str) -> SourceError {
        let line = self.broken_field().map(|field| source.line_of(field));
        let line = line.map_or(String::new(), |line| format!("line {line}, "));
        SourceError(format!("{line}{}", self.describe(fault)))
    }
}

/// Fault of a source, as a parser reports it.
pub(super) struct SourceFault {
    /// The complaint with line, column and what stands there.
    pub(super) words: String,
}

impl<'a> Source<'a> {
    /// Text of JSON after so many lines of its file, and so many bytes of its first line.
    pub(super) const fn json(text: &'a [u8], lines_before: u64, columns_before: u64) -> Self {
        Self {
            text,
            syntax: Syntax::Json,
            lines_before,
            columns_before,
        }
    }
}

impl Source<'_> {
    /// The line of the file where a field stands, such as `spec.strategy`, as far as it is found.
    fn line_of(&self, field: &str) -> u64 {
        let text = String::from_utf8_lossy(self.text);
        self.lines_before + super::yaml::line_of(&text, field)
    }

    /// Reads the text into a seed.
    pub(super) fn read<T, S>(&self, seed: S) -> Result<T, SourceFault>
    where
        S: for<'text> DeserializeSeed<'text, Value = T>,
    {
        match self.syntax {
            Syntax::Json => self.read_json(seed),
            Syntax::Yaml => {
                let text = std::str::from_utf8(self.text).map_err(|error| {
                    let byte = error.valid_up_to() + 1;
                    self.told(&Fault {
                        message: format!("byte {byte} of the object is not UTF-8 text"),
                        line: 1,
                        column: 1,
                    })
                })?;
                yaml::deserialize(text, seed).map_err(|fault| self.told(&fault))
            }
        }
    }

    fn read_json<T, S>(&self, seed: S) -> Result<T, SourceFault>
    where
        S: for<'text> DeserializeSeed<'text, Value = T>,
    {
        let mut deserializer = serde_json::Deserializer::from_slice(self.text);
        let outcome = seed.deserialize(&mut deserializer);
        let outcome = outcome.and_then(|value| deserializer.end().map(|()| value));
        outcome.map_err(|error| {
            let told = self.told(&Fault::from(&error));
            if error.classify() == Category::Eof {
                let words = format!("{CUT_OFF} ({}); write it again", told.words);
                return SourceFault { words };
            }
            told
        })
    }

    fn told(&self, fault: &Fault) -> SourceFault {
        let text = String::from_utf8_lossy(self.text);
        SourceFault {
            words: fault.in_text_after(&text, self.lines_before, self.columns_before),
        }
    }
}

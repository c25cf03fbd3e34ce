//! Answers of a program, recorded beside a run's results and given again without the program, so that a
//! result is reproduced where the program isn't.
//!
//! A record has an entry per exchange: the hash of the question and the answer. A replay refuses a question
//! of another hash, since its answer was to something else. An answer in text is a line, `HASH ANSWER`, whose hash
//! is in hexadecimal digits. Numbers and flags are columns, since most of what is recorded are points of
//! thousands of nodes: `N` or `F`, the bytes of an item, the number of items in four bytes and the hash in
//! eight, then the items; the lowest byte goes first everywhere.

#![expect(
    clippy::disallowed_methods,
    reason = "a record is written and read during the run, in the folder that its caller made for it"
)]

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use control::{Answer, Exchange, ExchangeError, Question};
use zstd::stream::read::Decoder;
use zstd::stream::write::{AutoFinishEncoder, Encoder};

/// Compression level of records, which are written while a run waits.
const LEVEL: i32 = 1;
/// Bytes of a question's hash.
const HASH: usize = 8;
/// First byte of an entry of numbers; that of a line is a hexadecimal digit, which no capital is.
const NUMBERS: u8 = b'N';
/// First byte of an entry of flags.
const FLAGS: u8 = b'F';
/// Bytes of a column's entry before its items.
const HEAD: usize = 2 + size_of::<u32>() + HASH;

type Hash = [u8; HASH];

/// Numbers of the copies of a program in a run, in the order of their first questions.
#[derive(Clone, Default)]
struct Copies(Arc<AtomicU32>);

impl Copies {
    /// The file of the next copy.
    fn next(&self, stem: &Path) -> PathBuf {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut name = stem.as_os_str().to_owned();
        name.push(format!(".{number}.answers.zst"));
        name.into()
    }
}

/// Hashes of questions, with memory that is reused.
#[derive(Default)]
struct Hasher(Vec<u8>);

impl Hasher {
    fn hash(&mut self, question: &Question) -> Result<Hash, ExchangeError> {
        self.0.clear();
        let candidates = question.write_head(&mut self.0)?;
        extend(&mut self.0, candidates, u32::to_le_bytes);
        let mut hash = Hash::default();
        hash.copy_from_slice(&blake3::hash(&self.0).as_bytes()[..HASH]);
        Ok(hash)
    }
}

/// Appends items of `WIDTH` bytes each, in a loop that is as fast as a copy.
fn extend<T: Copy, const WIDTH: usize>(
    bytes: &mut Vec<u8>,
    items: &[T],
    of: impl Fn(T) -> [u8; WIDTH],
) {
    let start = bytes.len();
    bytes.resize(start + items.len() * WIDTH, 0);
    for (place, &own) in bytes[start..].as_chunks_mut().0.iter_mut().zip(items) {
        *place = of(own);
    }
}

fn hexadecimal(hash: Hash) -> String {
    format!("{:016x}", u64::from_be_bytes(hash))
}

/// Appends a column's entry.
fn write_column(answer: &Answer, hash: Hash, entry: &mut Vec<u8>) {
    let mut begin = |kind, width: usize, count: usize| {
        entry.extend([kind, width as u8]);
        entry.extend((count as u32).to_le_bytes());
        entry.extend(hash);
    };
    match answer {
        Answer::Flags(flags) => {
            begin(FLAGS, 1, flags.len());
            extend(entry, flags, |own| [u8::from(own)]);
        }
        Answer::Numbers(numbers) => {
            // The fewest bytes that hold them all: those that are the sign alone are left out.
            let bits = numbers
                .iter()
                .fold(0, |bits, &own| bits | (own ^ (own >> 63)));
            let width = (8 - (bits.leading_zeros() as usize - 1) / 8).next_power_of_two();
            begin(NUMBERS, width, numbers.len());
            match width {
                1 => extend(entry, numbers, |own| (own as i8).to_le_bytes()),
                2 => extend(entry, numbers, |own| (own as i16).to_le_bytes()),
                4 => extend(entry, numbers, |own| (own as i32).to_le_bytes()),
                _ => extend(entry, numbers, i64::to_le_bytes),
            }
        }
        Answer::Text(_) => {}
    }
}

/// The answer of a column's items.
fn read_column(kind: u8, width: usize, items: &[u8]) -> Answer {
    if kind == FLAGS {
        return Answer::Flags(items.iter().map(|&own| own == 1).collect());
    }
    let numbers = items.chunks_exact(width).map(|item| {
        let sign = if item[width - 1] < 0x80 { 0 } else { 0xff };
        let mut bytes = [sign; 8];
        bytes[..width].copy_from_slice(item);
        i64::from_le_bytes(bytes)
    });
    Answer::Numbers(numbers.collect())
}

/// A program whose answers are recorded in files of a stem: `STEM.0.answers.zst` for the first copy that is
/// asked, and so on.
pub struct Recorder {
    inner: Box<dyn Exchange>,
    stem: PathBuf,
    copies: Copies,
    hasher: Hasher,
    entry: Vec<u8>,
    file: Option<AutoFinishEncoder<'static, BufWriter<File>>>,
}

impl Recorder {
    /// A recorder of a program that was asked nothing yet.
    pub fn new(inner: Box<dyn Exchange>, stem: PathBuf) -> Self {
        Self::of(inner, stem, Copies::default())
    }

    fn of(inner: Box<dyn Exchange>, stem: PathBuf, copies: Copies) -> Self {
        Self {
            inner,
            stem,
            copies,
            hasher: Hasher::default(),
            entry: Vec::new(),
            file: None,
        }
    }

    fn write(&mut self, hash: Hash, answer: &Answer) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let path = self.copies.next(&self.stem);
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                let encoder = Encoder::new(BufWriter::new(File::create(path)?), LEVEL)?;
                empty.insert(encoder.auto_finish())
            }
        };
        if let Answer::Text(text) = answer {
            return writeln!(file, "{} {text}", hexadecimal(hash));
        }
        self.entry.clear();
        write_column(answer, hash, &mut self.entry);
        file.write_all(&self.entry)
    }
}

impl Exchange for Recorder {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let answer = self.inner.ask(question)?;
        let hash = self.hasher.hash(question)?;
        self.write(hash, &answer).map_err(|error| {
            let stem = self.stem.display();
            ExchangeError(format!(
                "the record {stem}.*.answers.zst can't be written: {error}"
            ))
        })?;
        Ok(answer)
    }

    fn name(&self) -> String {
        self.inner.name()
    }

    fn again(&self) -> Box<dyn Exchange> {
        let (inner, stem) = (self.inner.again(), self.stem.clone());
        Box::new(Self::of(inner, stem, self.copies.clone()))
    }
}

/// Recorded answers in place of a program.
pub struct Replay {
    stem: PathBuf,
    copies: Copies,
    hasher: Hasher,
    file: Option<(PathBuf, BufReader<Decoder<'static, BufReader<File>>>)>,
    answers: u64,
}

impl Replay {
    /// The answers that a [`Recorder`] of the same stem wrote.
    pub fn new(stem: PathBuf) -> Self {
        Self::of(stem, Copies::default())
    }

    fn of(stem: PathBuf, copies: Copies) -> Self {
        Self {
            stem,
            copies,
            hasher: Hasher::default(),
            file: None,
            answers: 0,
        }
    }

    /// The recorded answer to a question, or what the record has in its place.
    fn next(&mut self, question: &Question) -> Result<Result<Answer, &'static str>, ExchangeError> {
        let hash = self.hasher.hash(question)?;
        let (path, file) = match &mut self.file {
            Some(file) => file,
            empty => {
                let path = self.copies.next(&self.stem);
                let opened = File::open(&path).and_then(Decoder::new);
                let opened = opened.map_err(|error| unreadable(&path, &error))?;
                empty.insert((path, BufReader::new(opened)))
            }
        };
        read_entry(file, hash, question.items()).map_err(|error| unreadable(path, &error))
    }
}

/// Reads the next entry: the answer to the question with this hash about a number of items. The error says what
/// stands there instead.
fn read_entry(
    file: &mut impl BufRead,
    hash: Hash,
    items: usize,
) -> io::Result<Result<Answer, &'static str>> {
    const OTHER: &str = "has another question";
    match file.fill_buf()?.first() {
        None => Ok(Err("ends")),
        Some(&(NUMBERS | FLAGS)) => {
            let mut head = [0; HEAD];
            file.read_exact(&mut head)?;
            let (kind, width) = (head[0], usize::from(head[1]));
            let count = u32::from_le_bytes([head[2], head[3], head[4], head[5]]);
            let is_whole = matches!(width, 1 | 2 | 4 | 8) && count as usize == items;
            if head[HEAD - HASH..] != hash || !is_whole {
                return Ok(Err(OTHER));
            }
            let mut column = vec![0; items * width];
            file.read_exact(&mut column)?;
            Ok(Ok(read_column(kind, width, &column)))
        }
        Some(_) => {
            let mut line = String::new();
            file.read_line(&mut line)?;
            let recorded = line.trim_end_matches('\n').split_once(' ');
            Ok(match recorded {
                Some((asked, answer)) if asked == hexadecimal(hash) => {
                    Ok(Answer::Text(answer.to_owned()))
                }
                Some(_) => Err(OTHER),
                None => Err("ends"),
            })
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> ExchangeError {
    let path = path.display();
    ExchangeError(format!(
        "the record of external answers {path} can't be read: {error}"
    ))
}

impl Exchange for Replay {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let answer = self.next(question)?;
        self.answers += u64::from(answer.is_ok());
        answer.map_err(|what| {
            ExchangeError(format!(
                "{} {what} after {} exchanges: it is of another run, so ask the program itself with \
                 `--allow-external`",
                self.name(),
                self.answers
            ))
        })
    }

    fn name(&self) -> String {
        format!(
            "the record of external answers {}.*.answers.zst",
            self.stem.display()
        )
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(Self::of(self.stem.clone(), self.copies.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every width keeps its numbers, and an entry is taken by its own question alone.
    #[test]
    fn columns_are_read_as_they_were_written() {
        let hash = [7; HASH];
        for numbers in [
            vec![],
            vec![0, -1, 127, -128],
            vec![128],
            vec![-129, 32_767],
            vec![-32_769, 5],
            vec![i64::from(i32::MAX), i64::from(i32::MIN)],
            vec![i64::from(i32::MAX) + 1],
            vec![i64::MIN, i64::MAX],
        ] {
            for answer in [
                Answer::Flags(numbers.iter().map(|&own| own > 0).collect()),
                Answer::Numbers(numbers.clone()),
            ] {
                let mut entry = Vec::new();
                write_column(&answer, hash, &mut entry);
                let read =
                    |hash, items| read_entry(&mut &entry[..], hash, items).expect("an entry");
                assert_eq!(read(hash, numbers.len()), Ok(answer));
                assert!(read([8; HASH], numbers.len()).is_err());
                assert!(read(hash, numbers.len() + 1).is_err());
            }
        }
        let cut = [&[NUMBERS, 8, 1, 0, 0, 0][..], &hash, &[0; 7]].concat();
        assert!(read_entry(&mut &cut[..], hash, 1).is_err());
    }
}

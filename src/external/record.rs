//! Answers of a program, recorded beside a run's results and given again without the program, so that a
//! result is reproduced where the program isn't.
//!
//! A record has a line per exchange: the hash of the question and the answer. A replay refuses a question
//! of another hash, since its answer was to something else.

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

/// Compression level of records.
const LEVEL: i32 = 3;
/// Digits of a question's hash.
const DIGITS: usize = 16;

/// Numbers of the copies of a program in a run, in the order of their first questions.
#[derive(Clone, Default)]
struct Copies(Arc<AtomicU32>);

impl Copies {
    /// The file of the next copy.
    fn next(&self, stem: &Path) -> PathBuf {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut name = stem.as_os_str().to_owned();
        name.push(format!(".{number}.jsonl.zst"));
        name.into()
    }
}

fn hash(question: &str) -> String {
    blake3::hash(question.as_bytes()).to_hex()[..DIGITS].to_owned()
}

/// A program whose answers are recorded in files of a stem: `STEM.0.jsonl.zst` for the first copy that is
/// asked, and so on.
pub struct Recorder {
    inner: Box<dyn Exchange>,
    stem: PathBuf,
    copies: Copies,
    file: Option<AutoFinishEncoder<'static, BufWriter<File>>>,
}

impl Recorder {
    /// A recorder of a program that was asked nothing yet.
    pub fn new(inner: Box<dyn Exchange>, stem: PathBuf) -> Self {
        Self {
            inner,
            stem,
            copies: Copies::default(),
            file: None,
        }
    }

    fn write(&mut self, question: &str, answer: &str) -> io::Result<()> {
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
        writeln!(file, "{} {answer}", hash(question))
    }
}

impl Exchange for Recorder {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let answer = self.inner.ask(question)?;
        let text = question.text()?;
        self.write(&text, &answer.text(question)).map_err(|error| {
            let stem = self.stem.display();
            ExchangeError(format!(
                "the record {stem}.*.jsonl.zst can't be written: {error}"
            ))
        })?;
        Ok(answer)
    }

    fn name(&self) -> String {
        self.inner.name()
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(Self {
            inner: self.inner.again(),
            stem: self.stem.clone(),
            copies: self.copies.clone(),
            file: None,
        })
    }
}

/// Recorded answers in place of a program.
pub struct Replay {
    stem: PathBuf,
    copies: Copies,
    file: Option<(PathBuf, BufReader<Decoder<'static, BufReader<File>>>)>,
    answers: u64,
}

impl Replay {
    /// The answers that a [`Recorder`] of the same stem wrote.
    pub fn new(stem: PathBuf) -> Self {
        Self {
            stem,
            copies: Copies::default(),
            file: None,
            answers: 0,
        }
    }

    /// The next line of the record; empty at its end.
    fn line(&mut self) -> Result<String, ExchangeError> {
        let (path, file) = match &mut self.file {
            Some(file) => file,
            empty => {
                let path = self.copies.next(&self.stem);
                let opened = File::open(&path).and_then(Decoder::new);
                let opened = opened.map_err(|error| unreadable(&path, &error))?;
                empty.insert((path, BufReader::new(opened)))
            }
        };
        let mut line = String::new();
        let read = file.read_line(&mut line);
        read.map_err(|error| unreadable(path, &error))?;
        Ok(line)
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
        let line = self.line()?;
        let recorded = line.trim_end_matches('\n').split_once(' ');
        match recorded {
            Some((asked, answer)) if asked == hash(&question.text()?) => {
                self.answers += 1;
                Ok(Answer::Text(answer.to_owned()))
            }
            found => {
                let what = if found.is_some() {
                    "has another question"
                } else {
                    "ends"
                };
                Err(ExchangeError(format!(
                    "{} {what} after {} exchanges: it is of another run, so ask the program itself with \
                     `--allow-external`",
                    self.name(),
                    self.answers
                )))
            }
        }
    }

    fn name(&self) -> String {
        format!(
            "the record of external answers {}.*.jsonl.zst",
            self.stem.display()
        )
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(Self {
            stem: self.stem.clone(),
            copies: self.copies.clone(),
            file: None,
            answers: 0,
        })
    }
}

//! Lines of JSON, or frames of `MessagePack`, to and from a program outside.
//!
//! The greeting is a line of JSON. A program that answers it with `"encoding": "msgpack"` gets and gives
//! frames from then on: four bytes with the length of what follows, the lowest first, and a map of
//! `MessagePack` with the fields that the line of JSON would have.

#![expect(
    clippy::disallowed_types,
    reason = "an answer has a deadline in real time; no decision depends on how long it took"
)]

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use control::{Answer, Question};
use memchr::memchr;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read, write};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ANSWER_MAX;

/// Encoding of questions and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Json,
    MessagePack,
}

/// Bytes that are read at once: what a pipe holds.
const PART: usize = 1 << 16;

/// Both directions to a program, neither of which is waited for beyond the limit of an answer: it may not read its
/// input, or print without end.
pub(crate) struct Line {
    input: OwnedFd,
    output: OwnedFd,
    encoding: Encoding,
    /// Of questions, what the program hasn't taken yet.
    unsent: Vec<u8>,
    /// Output that is no whole answer yet, or belongs to later ones.
    unread: Vec<u8>,
    /// Bytes at the start of it that have no end of a line.
    searched: usize,
    /// Whether the output is over.
    is_over: bool,
    part: Vec<u8>,
}

/// Reason why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Deed of the program, in words that follow its name.
    Said(String),
    /// It gave none in its time.
    Late,
    /// It closed its side.
    Gone,
}

impl Trouble {
    /// The trouble in words that follow the program's name.
    pub(crate) fn words(self, limit: Duration, gone: impl FnOnce() -> String) -> String {
        match self {
            Self::Said(what) => what,
            Self::Late => format!("gave no answer within {limit:?}"),
            Self::Gone => gone(),
        }
    }
}

/// Answer to the greeting, as far as it is about encodings.
#[derive(Deserialize)]
struct Agreement {
    #[serde(default)]
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Filtered {
    accept: Vec<bool>,
}

#[derive(Deserialize)]
struct Numbered {
    #[serde(alias = "keys")]
    points: Vec<i64>,
}

impl Line {
    /// Line to a program that reads `input` and writes `output`.
    ///
    /// # Errors
    /// If the system can't do without waiting for it.
    pub(crate) fn new(
        input: impl Into<OwnedFd>,
        output: impl Into<OwnedFd>,
    ) -> std::io::Result<Self> {
        let (input, output) = (input.into(), output.into());
        for side in [&input, &output] {
            fcntl_setfl(side, fcntl_getfl(side)? | OFlags::NONBLOCK)?;
        }
        Ok(Self {
            input,
            output,
            encoding: Encoding::Json,
            unsent: Vec::new(),
            unread: Vec::new(),
            searched: 0,
            is_over: false,
            part: vec![0; PART],
        })
    }

    /// The answer to a question within a limit of real time.
    pub(crate) fn ask(&mut self, question: &Question, limit: Duration) -> Result<Answer, Trouble> {
        if self.unsent.len() as u64 > ANSWER_MAX {
            return Err(Trouble::Said("doesn't read its questions".to_owned()));
        }
        encode(question, self.encoding, &mut self.unsent).map_err(Trouble::Said)?;
        let answer = self.answer(limit)?;
        let answer = decode(answer, question, self.encoding).map_err(Trouble::Said)?;
        if let (Question::Hello(_), Answer::Text(text)) = (question, &answer) {
            self.encoding = agreed(text).map_err(Trouble::Said)?;
        }
        Ok(answer)
    }

    /// Writes what the program takes, until there is a whole answer.
    fn answer(&mut self, limit: Duration) -> Result<Vec<u8>, Trouble> {
        let deadline = Instant::now().checked_add(limit);
        loop {
            self.write().map_err(said)?;
            if let Some(answer) = self.take()? {
                return Ok(answer);
            }
            self.wait(deadline)?;
            self.read().map_err(said)?;
        }
    }

    /// Writes as much as the program takes. That it is gone is told by its missing answer.
    fn write(&mut self) -> Result<(), Errno> {
        let mut written = 0;
        while written < self.unsent.len() {
            match write(&self.input, &self.unsent[written..]) {
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) if is_gone(error) => written = self.unsent.len(),
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..written);
        Ok(())
    }

    /// Reads what is there.
    fn read(&mut self) -> Result<(), Errno> {
        match read(&self.output, &mut self.part) {
            Ok(0) => self.is_over = true,
            Ok(count) => self.unread.extend_from_slice(&self.part[..count]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) if is_gone(error) => self.is_over = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Waits until there is something to read, or room for what is to be written.
    fn wait(&self, deadline: Option<Instant>) -> Result<(), Trouble> {
        let left = deadline.map(|own| own.saturating_duration_since(Instant::now()));
        if left.is_some_and(|own| own.is_zero()) {
            return Err(Trouble::Late);
        }
        let left = left.and_then(|own| Timespec::try_from(own).ok());
        let read = PollFd::new(&self.output, PollFlags::IN);
        let write = PollFd::new(&self.input, PollFlags::OUT);
        let mut both = [read, write];
        let watched = 1 + usize::from(!self.unsent.is_empty());
        match poll(&mut both[..watched], left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(said(error)),
        }
    }

    /// The next answer, if it is there as a whole.
    fn take(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        let (begin, end) = match self.encoding {
            Encoding::Json => {
                if let Some(at) = memchr(b'\n', &self.unread[self.searched..]) {
                    (0, self.searched + at)
                } else {
                    self.searched = self.unread.len();
                    (0, self.unread.len())
                }
            }
            Encoding::MessagePack => {
                let length = self.unread.first_chunk().copied().map(u32::from_le_bytes);
                let end = length.map_or(0, |own| own as usize);
                (FRAME, FRAME.saturating_add(end))
            }
        };
        if end - begin > ANSWER_MAX as usize {
            return Err(Trouble::Said(TOO_LONG.to_owned()));
        }
        let rest = match self.encoding {
            Encoding::Json => end + 1,
            Encoding::MessagePack => end,
        };
        if self.unread.len() < rest.max(begin) {
            return match (self.is_over, self.unread.is_empty()) {
                (true, true) => Err(Trouble::Gone),
                (true, false) => Err(Trouble::Said(BROKEN.to_owned())),
                (false, _) => Ok(None),
            };
        }
        let answer = self.unread[begin..end].to_vec();
        self.unread.drain(..rest);
        self.searched = 0;
        Ok(Some(answer))
    }
}

fn said(error: Errno) -> Trouble {
    Trouble::Said(error.to_string())
}

/// Whether the other side is gone; a socket whose program was killed gives an error.
fn is_gone(error: Errno) -> bool {
    matches!(error, Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE)
}

/// Appends a question as it is sent.
fn encode(question: &Question, encoding: Encoding, bytes: &mut Vec<u8>) -> Result<(), String> {
    match encoding {
        Encoding::Json => {
            serde_json::to_writer(&mut *bytes, question).map_err(|error| error.to_string())?;
            bytes.push(b'\n');
        }
        Encoding::MessagePack => {
            let start = bytes.len();
            bytes.extend([0; FRAME]);
            let mut serializer = rmp_serde::Serializer::new(&mut *bytes).with_struct_map();
            question
                .serialize(&mut serializer)
                .map_err(|error| format!("can't be asked in MessagePack: {error}"))?;
            let length = (bytes.len() - start - FRAME) as u32;
            bytes[start..start + FRAME].copy_from_slice(&length.to_le_bytes());
        }
    }
    Ok(())
}

fn decode(answer: Vec<u8>, question: &Question, encoding: Encoding) -> Result<Answer, String> {
    if encoding == Encoding::Json {
        let text = String::from_utf8(answer);
        let text = text.map_err(|_| "gave an answer that is no UTF-8".to_owned())?;
        return Ok(Answer::Text(text));
    }
    let items = match question {
        Question::Filter(_) => {
            let read = rmp_serde::from_slice::<Filtered>(&answer);
            read.ok().map(|own| Answer::Flags(own.accept))
        }
        Question::Score(_) | Question::Order(_) => {
            let read = rmp_serde::from_slice::<Numbered>(&answer);
            read.ok().map(|own| Answer::Numbers(own.points))
        }
        _ => None,
    };
    // What is something else is told as text is.
    let value = || {
        let value = rmp_serde::from_slice::<Value>(&answer);
        value.map_err(|error| format!("gave an answer that is no MessagePack: {error}"))
    };
    items.map_or_else(|| value().map(|own| Answer::Text(own.to_string())), Ok)
}

/// The encoding that the answer to the greeting names.
fn agreed(answer: &str) -> Result<Encoding, String> {
    let read = serde_json::from_str::<Agreement>(answer);
    match read.ok().and_then(|own| own.encoding).as_deref() {
        None | Some("json") => Ok(Encoding::Json),
        Some("msgpack") => Ok(Encoding::MessagePack),
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            Err(format!(
                "answered the greeting with the encoding {other:?}, expected `json` or `msgpack`,"
            ))
        }
    }
}

const TOO_LONG: &str = "gave an answer of more than 64 MiB";
const BROKEN: &str = "ended in the middle of an answer";
/// Bytes of a frame's length.
const FRAME: usize = size_of::<u32>();

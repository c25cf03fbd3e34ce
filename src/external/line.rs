//! Lines of JSON, or frames of `MessagePack`, to and from a program outside.
//!
//! The greeting is a line of JSON. A program that answers it with `"encoding": "msgpack"` gets and gives
//! frames from then on: four bytes with the length of what follows, the lowest first, and a map of
//! `MessagePack` with the fields that the line of JSON would have.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use control::{Answer, Question};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ANSWER_MAX;

/// Encoding of questions and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Json,
    MessagePack,
}

/// Both directions to a program.
pub(crate) struct Line {
    questions: SyncSender<Vec<u8>>,
    wanted: SyncSender<Encoding>,
    answers: Receiver<Result<Vec<u8>, String>>,
    encoding: Encoding,
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
    pub(crate) fn new(
        input: impl Write + Send + 'static,
        output: impl Read + Send + 'static,
    ) -> Self {
        let (questions, to_write) = sync_channel(1);
        let (wanted, to_read) = sync_channel(1);
        let (read, answers) = sync_channel(1);
        // A program that doesn't read its input, or prints without end, holds up these two alone.
        thread::spawn(move || write_questions(input, &to_write));
        thread::spawn(move || read_answers(output, &to_read, &read));
        Self {
            questions,
            wanted,
            answers,
            encoding: Encoding::Json,
        }
    }

    /// The answer to a question within a limit of real time.
    pub(crate) fn ask(&mut self, question: &Question, limit: Duration) -> Result<Answer, Trouble> {
        let bytes = encode(question, self.encoding).map_err(Trouble::Said)?;
        // Whether it is gone is told by its missing answer.
        let _ = self.questions.send(bytes);
        let _ = self.wanted.send(self.encoding);
        let answer = match self.answers.recv_timeout(limit) {
            Ok(answer) => answer.map_err(Trouble::Said)?,
            Err(RecvTimeoutError::Timeout) => return Err(Trouble::Late),
            Err(RecvTimeoutError::Disconnected) => return Err(Trouble::Gone),
        };
        let answer = decode(answer, question, self.encoding).map_err(Trouble::Said)?;
        if let (Question::Hello(_), Answer::Text(text)) = (question, &answer) {
            self.encoding = agreed(text).map_err(Trouble::Said)?;
        }
        Ok(answer)
    }
}

fn encode(question: &Question, encoding: Encoding) -> Result<Vec<u8>, String> {
    match encoding {
        Encoding::Json => {
            let text = question.text().map_err(|error| error.to_string())?;
            let mut line = text.into_bytes();
            line.push(b'\n');
            Ok(line)
        }
        Encoding::MessagePack => {
            let mut frame = vec![0; size_of::<u32>()];
            let mut serializer = rmp_serde::Serializer::new(&mut frame).with_struct_map();
            question
                .serialize(&mut serializer)
                .map_err(|error| format!("can't be asked in MessagePack: {error}"))?;
            let length = (frame.len() - size_of::<u32>()) as u32;
            frame[..size_of::<u32>()].copy_from_slice(&length.to_le_bytes());
            Ok(frame)
        }
    }
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

/// Writes questions until there are no more or the program is gone.
fn write_questions(mut input: impl Write, questions: &Receiver<Vec<u8>>) {
    while let Ok(question) = questions.recv() {
        if input
            .write_all(&question)
            .and_then(|()| input.flush())
            .is_err()
        {
            return;
        }
    }
}

/// Reads the answers that are wanted until there are no more or nobody wants them.
fn read_answers(
    output: impl Read,
    wanted: &Receiver<Encoding>,
    answers: &SyncSender<Result<Vec<u8>, String>>,
) {
    let mut output = BufReader::new(output);
    while let Ok(encoding) = wanted.recv() {
        let answer = match encoding {
            Encoding::Json => next_line(&mut output),
            Encoding::MessagePack => next_frame(&mut output),
        };
        let Some(answer) = answer else { return };
        let is_end = answer.is_err();
        if answers.send(answer).is_err() || is_end {
            return;
        }
    }
}

/// The next line without its end, or why it is none; `None` at the end of the output.
fn next_line(output: &mut impl BufRead) -> Option<Result<Vec<u8>, String>> {
    let mut line = Vec::new();
    match output.take(ANSWER_MAX).read_until(b'\n', &mut line) {
        Ok(0) => None,
        Err(error) => ended(&error),
        Ok(_) if line.pop_if(|byte| *byte == b'\n').is_none() => {
            let is_long = line.len() as u64 == ANSWER_MAX;
            Some(Err(if is_long { TOO_LONG } else { BROKEN }.to_owned()))
        }
        Ok(_) => Some(Ok(line)),
    }
}

/// The next frame without its length, or why it is none; `None` at the end of the output.
fn next_frame(output: &mut impl BufRead) -> Option<Result<Vec<u8>, String>> {
    match output.fill_buf() {
        Ok([]) => return None,
        Err(error) => return ended(&error),
        Ok(_) => {}
    }
    let mut length = [0; size_of::<u32>()];
    if output.read_exact(&mut length).is_err() {
        return Some(Err(BROKEN.to_owned()));
    }
    let length = u64::from(u32::from_le_bytes(length));
    if length > ANSWER_MAX {
        return Some(Err(TOO_LONG.to_owned()));
    }
    let mut frame = Vec::new();
    match output.take(length).read_to_end(&mut frame) {
        Ok(read) if read as u64 == length => Some(Ok(frame)),
        _ => Some(Err(BROKEN.to_owned())),
    }
}

const TOO_LONG: &str = "gave an answer of more than 64 MiB";
const BROKEN: &str = "ended in the middle of an answer";

/// The end of the output; a socket whose program was killed gives an error.
fn ended<T>(error: &std::io::Error) -> Option<Result<T, String>> {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => None,
        _ => Some(Err(error.to_string())),
    }
}

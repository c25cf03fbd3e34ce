//! Exchange with a program outside that takes part in deciding: it is asked a [`Question`] and gives an
//! [`Answer`]. How both travel, as text, bytes or columns, is the business of whoever implements it; the
//! control plane sees questions and answers alone, so a run is as deterministic as the program is.

pub mod question;

use std::borrow::Cow;

use serde::Serialize;
use thiserror::Error;

pub use question::Question;

/// Version of the protocol, which both sides state in their greeting.
pub const PROTOCOL: u32 = 1;

/// A program outside, which answers questions in the order in which they are asked.
pub trait Exchange: Send {
    /// The answer to a question.
    ///
    /// # Errors
    /// The program can't be started, ended, or gave no whole answer in its time.
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError>;

    /// Name of the program, as sentences about it begin.
    fn name(&self) -> String;

    /// A fresh start of the same program.
    fn again(&self) -> Box<dyn Exchange>;
}

/// Answer of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A line of JSON, without its end.
    Text(String),
    /// Points of candidates or keys of jobs, in their order.
    Numbers(Vec<i64>),
    /// Whether each candidate is accepted, in their order.
    Flags(Vec<bool>),
}

impl Answer {
    /// The answer as a line of JSON. `question` is what it answers.
    pub fn text(&self, question: &Question) -> Cow<'_, str> {
        fn line(field: &str, items: impl Serialize) -> String {
            let items = serde_json::to_string(&items).unwrap_or_default();
            format!("{{\"{field}\":{items}}}")
        }
        let field = question.field();
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Numbers(numbers) => Cow::Owned(line(field, numbers)),
            Self::Flags(flags) => Cow::Owned(line(field, flags)),
        }
    }
}

/// Reason why a program gave no answer, as a sentence that names the program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ExchangeError(pub String);

impl Clone for Box<dyn Exchange> {
    fn clone(&self) -> Self {
        self.again()
    }
}

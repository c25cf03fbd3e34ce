//! Exchange with a program outside that takes part in deciding: it is asked with a line of text and
//! answers with one. How lines travel is the business of whoever implements it; the control plane sees
//! questions and answers alone, so a run is as deterministic as the program is.

use thiserror::Error;

/// Version of the protocol, which both sides state in their greeting.
pub const PROTOCOL: u32 = 1;

/// A program outside, which answers questions in the order in which they are asked.
pub trait Exchange: Send {
    /// The answer to a question. Both are one line of JSON, without its end.
    ///
    /// # Errors
    /// The program can't be started, ended, or gave no whole answer in its time.
    fn ask(&mut self, question: &str) -> Result<String, ExchangeError>;

    /// A fresh start of the same program.
    fn again(&self) -> Box<dyn Exchange>;
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

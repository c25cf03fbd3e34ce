//! Questions as the interpreter gets them.

use control::exchange::question::Request;
use control::{ExchangeError, Question};

/// Question as the interpreter gets it: candidates as a column beside the rest as JSON.
pub(crate) struct ColumnQuestion {
    /// The question without its candidates, a line of JSON.
    pub(crate) text: String,
    /// Candidates as whole numbers of four bytes each in the machine's order, where the question has some.
    pub(crate) candidates: Option<Vec<u8>>,
}

impl ColumnQuestion {
    /// A decision as an agent sees it: the number of its rows, and all its numbers in the place of candidates.
    pub(crate) fn seen(rows: usize, numbers: Vec<u8>) -> Self {
        Self {
            text: format!("{{\"rows\":{rows}}}"),
            candidates: Some(numbers),
        }
    }

    pub(crate) fn of(question: &Question) -> Result<Self, ExchangeError> {
        let (Question::Filter(request) | Question::Score(request)) = question else {
            let text = question.text()?;
            let candidates = None;
            return Ok(Self { text, candidates });
        };
        let bytes = request.candidates.iter().flat_map(|own| own.to_ne_bytes());
        let candidates = Some(bytes.collect());
        let rest = Request {
            candidates: Vec::new(),
            ..request.clone()
        };
        let rest = match question {
            Question::Filter(_) => Question::Filter(rest),
            _ => Question::Score(rest),
        };
        let text = rest.text()?;
        Ok(Self { text, candidates })
    }
}

//! Questions as the interpreter gets them.

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
        let mut line = Vec::new();
        let candidates = question.write_head(&mut line)?;
        let mut bytes = vec![0; size_of_val(candidates)];
        for (place, own) in bytes.as_chunks_mut().0.iter_mut().zip(candidates) {
            *place = own.to_ne_bytes();
        }
        let has_candidates = matches!(question, Question::Filter(_) | Question::Score(_));
        Ok(Self {
            candidates: has_candidates.then_some(bytes),
            text: String::from_utf8(line).map_err(|error| ExchangeError(error.to_string()))?,
        })
    }
}

//! Functions of the program itself in the place of a program outside.

use std::sync::Arc;

use control::{Exchange, ExchangeError};

/// Function that answers a question, or says why there is no answer.
type Answering = Box<dyn FnMut(&str) -> Result<String, String> + Send>;

/// A function, which starts at its first question.
pub struct Function {
    start: Arc<dyn Fn() -> Answering + Send + Sync>,
    running: Option<Answering>,
}

impl Function {
    /// A function that was asked nothing yet, by the maker of its fresh starts.
    pub fn new(start: Arc<dyn Fn() -> Answering + Send + Sync>) -> Self {
        Self {
            start,
            running: None,
        }
    }
}

impl Exchange for Function {
    fn ask(&mut self, question: &str) -> Result<String, ExchangeError> {
        let running = self.running.get_or_insert_with(|| (self.start)());
        running(question).map_err(ExchangeError)
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(Self::new(Arc::clone(&self.start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_starts_afresh() {
        let start = || -> Answering {
            let mut asked = 0;
            Box::new(move |question| {
                asked += 1;
                match question {
                    "wrong" => Err("no answer".to_owned()),
                    _ => Ok(format!("{asked}")),
                }
            })
        };
        let mut own = Function::new(Arc::new(start));
        assert_eq!(own.ask("a").as_deref(), Ok("1"));
        assert_eq!(own.ask("b").as_deref(), Ok("2"));
        let mut other = own.again();
        assert_eq!(other.ask("a").as_deref(), Ok("1"));
        assert_eq!(own.ask("wrong"), Err(ExchangeError("no answer".to_owned())));
    }
}

//! Policies of the interpreter as functions that a run asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, sync_channel};

use control::exchange::question::Request;
use control::{Answer, Exchange, ExchangeError, Question};
use scenario::schema::{AnswerFunction, Answers};

use super::work::Message;

/// Way from a run to a policy of the interpreter.
#[derive(Clone, Debug)]
struct Caller {
    /// Place of the policy among those that were given.
    policy: usize,
    name: String,
    sender: Sender<Message>,
    /// Number of copies so far, of all policies.
    copies: Arc<AtomicU64>,
}

/// One copy of a policy, which ends when nobody can ask it any more.
struct Copy {
    number: u64,
    caller: Caller,
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Without the interpreter's thread there is no copy.
        let _ = self.caller.sender.send(Message::Ended(self.number));
    }
}

/// Functions that ask the policies of these names, in their order.
pub(crate) fn functions(names: &[String], sender: &Sender<Message>) -> Vec<AnswerFunction> {
    let copies = Arc::new(AtomicU64::new(0));
    let functions = names.iter().enumerate().map(|(policy, name)| {
        AnswerFunction(Arc::new(Caller {
            policy,
            name: name.clone(),
            sender: sender.clone(),
            copies: Arc::clone(&copies),
        }))
    });
    functions.collect()
}

impl Answers for Caller {
    fn start(&self) -> Box<dyn Exchange> {
        Box::new(Copy {
            number: self.copies.fetch_add(1, Ordering::Relaxed),
            caller: self.clone(),
        })
    }
}

impl Exchange for Copy {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let (answer, answers) = sync_channel(1);
        let message = Message::Ask {
            copy: self.number,
            policy: self.caller.policy,
            question: ColumnQuestion::of(question)?,
            answer,
        };
        let gone = || ExchangeError(format!("the policy `{}` is gone", self.caller.name));
        self.caller.sender.send(message).map_err(|_| gone())?;
        answers.recv().map_err(|_| gone())?.map_err(ExchangeError)
    }

    fn again(&self) -> Box<dyn Exchange> {
        self.caller.start()
    }
}

/// Question as the interpreter gets it: candidates as a column beside the rest as JSON.
pub(crate) struct ColumnQuestion {
    /// The question without its candidates, a line of JSON.
    pub(crate) text: String,
    /// Candidates as whole numbers of four bytes each in the machine's order, where the question has some.
    pub(crate) candidates: Option<Vec<u8>>,
}

impl ColumnQuestion {
    fn of(question: &Question) -> Result<Self, ExchangeError> {
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

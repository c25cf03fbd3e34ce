//! Policies of the interpreter as functions that a run asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, sync_channel};

use control::{Answer, Exchange, ExchangeError, Question};
use scenario::schema::{AnswerFunction, Answers};

use super::question::ColumnQuestion;
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

//! Policies of the interpreter as functions that a run asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, sync_channel};

use control::{Answer, Exchange, ExchangeError, Question};
use scenario::schema::{AnswerFunction, Answers};

use super::episode::board::{self, Board, Choice};
use super::question::ColumnQuestion;
use super::work::Message;

/// View of an agent, which gets no questions: the kind of its decisions and the number of rows.
pub(crate) type View = (Choice, usize);

/// Way from a run to a policy of the interpreter.
#[derive(Clone, Debug)]
struct Caller {
    /// Place of the policy among those that were given.
    policy: usize,
    name: String,
    /// Of an agent, its view.
    view: Option<View>,
    sender: Sender<Message>,
    /// Number of copies so far, of all policies.
    copies: Arc<AtomicU64>,
}

/// One copy of a policy, which ends when nobody can ask it any more.
struct Copy {
    number: u64,
    caller: Caller,
    /// Of an agent, the decision in question.
    board: Option<Board>,
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Without the interpreter's thread there is no copy.
        let _ = self.caller.sender.send(Message::Ended(self.number));
    }
}

/// Functions that ask the policies of these names and views, in their order.
pub(crate) fn functions<'a>(
    policies: impl Iterator<Item = (&'a String, Option<View>)>,
    sender: &Sender<Message>,
) -> Vec<AnswerFunction> {
    let copies = Arc::new(AtomicU64::new(0));
    let functions = policies.enumerate().map(|(policy, (name, view))| {
        AnswerFunction(Arc::new(Caller {
            policy,
            name: name.clone(),
            view,
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
            board: self.view.map(|(choice, rows)| Board::new(choice, rows)),
            caller: self.clone(),
        })
    }
}

impl Exchange for Copy {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let Some(board) = &mut self.board else {
            return self.call(ColumnQuestion::of(question)?);
        };
        if let Some(answer) = board.take(question)? {
            return Ok(answer);
        }
        let (bytes, rows) = (board::bytes(&[&*board]), board.rows());
        let answer = self.call(ColumnQuestion::seen(rows, bytes))?;
        let chosen = match &answer {
            Answer::Text(text) => text.parse::<i64>().ok(),
            _ => None,
        };
        let chosen = chosen.filter(|&row| self.board.as_ref().is_some_and(|own| own.has(row)));
        match (chosen, &mut self.board) {
            (Some(row), Some(board)) => {
                board.choose(usize::try_from(row).unwrap_or_default());
                Ok(board.answer())
            }
            _ => Err(ExchangeError(format!(
                "the agent `{}` chose {}, which its mask excludes",
                self.caller.name,
                answer.text(question)
            ))),
        }
    }

    fn name(&self) -> String {
        format!("the policy `{}`", self.caller.name)
    }

    fn again(&self) -> Box<dyn Exchange> {
        self.caller.start()
    }
}

impl Copy {
    /// Asks the interpreter's thread.
    fn call(&self, question: ColumnQuestion) -> Result<Answer, ExchangeError> {
        let (answer, answers) = sync_channel(1);
        let message = Message::Ask {
            copy: self.number,
            policy: self.caller.policy,
            question,
            answer,
        };
        let gone = || ExchangeError(format!("{} is gone", self.name()));
        self.caller.sender.send(message).map_err(|_| gone())?;
        answers.recv().map_err(|_| gone())?.map_err(ExchangeError)
    }
}

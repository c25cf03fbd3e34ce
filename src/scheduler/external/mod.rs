//! Programs outside that take part in scheduling: a filter or score of the pipeline ([`ExternalPlugin`])
//! or of kube-scheduler ([`ExternalKubePlugin`]), an order of jobs ([`ExternalJobOrder`]) or of a
//! pipeline's queue ([`ExternalQueueOrder`]); or a whole scheduler ([`ExternalScheduler`]), and the
//! [`Extenders`] of kube-scheduler. A program is asked once a pod and point, about all nodes in
//! question together; between two questions it is told which nodes changed.
//!
//! Questions and answers are lines of JSON. A first exchange greets; `docs/manual/external.md` has the
//! protocol with an example of every line:
//!
//! ```text
//! > {"call":"hello","protocol":1,"seed":42,"points":["score"]}
//! < {"protocol":1}
//! > {"call":"score","now":0,"class":{"id":0,"requests":{"cpu_milli":500}},"nodes":[{"id":0}],"candidates":[0]}
//! < {"points":[7]}
//! ```

mod answer;
mod extender;
mod kube;
mod objects;
mod order;
mod pipeline;
mod state;
mod whole;

use control::exchange::question::{Greeting, Question};
use control::exchange::{Answer, Exchange, ExchangeError, PROTOCOL};
use model::Text;
use serde::de::DeserializeOwned;
use units::plural;

pub use self::answer::Step;
pub use self::extender::Extenders;
pub use self::kube::ExternalKubePlugin;
pub use self::order::{ExternalJobOrder, ExternalQueueOrder};
pub use self::pipeline::ExternalPlugin;
pub use self::whole::ExternalScheduler;

use self::answer::{Filtered, Hello, Ordered, Scored};

/// The plugin's name in explanations.
pub const NAME: &str = "external";

/// Reason of a node that a program rejects.
const REJECTED: &str = "node(s) were rejected by the external program";

/// A set of points at which a program is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExternalPoints(u8);

impl ExternalPoints {
    /// It says which nodes can take a pod.
    pub const FILTER: Self = Self(1);
    /// It gives nodes points.
    pub const SCORE: Self = Self(1 << 1);
    /// It puts waiting jobs in order.
    pub const ORDER: Self = Self(1 << 2);
    /// It is the scheduler.
    pub const SCHEDULE: Self = Self(1 << 3);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set without the points of another.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a point is in the set.
    pub const fn has(self, point: Self) -> bool {
        self.0 & point.0 != 0
    }

    fn names(self) -> Vec<&'static str> {
        let all = [
            (Self::FILTER, "filter"),
            (Self::SCORE, "score"),
            (Self::ORDER, "order"),
            (Self::SCHEDULE, "schedule"),
        ];
        let stated = all.into_iter().filter(|&(point, _)| self.has(point));
        stated.map(|(_, name)| name).collect()
    }
}

/// A conversation with one program, from its greeting to its first failure.
struct Dialogue {
    exchange: Box<dyn Exchange>,
    points: ExternalPoints,
    seed: u64,
    is_greeted: bool,
    failure: Option<Text>,
}

impl Dialogue {
    fn new(exchange: Box<dyn Exchange>, points: ExternalPoints, seed: u64) -> Self {
        Self {
            exchange,
            points,
            seed,
            is_greeted: false,
            failure: None,
        }
    }

    /// A conversation with a fresh start of the same program.
    fn again(&self) -> Self {
        Self::new(self.exchange.again(), self.points, self.seed)
    }

    /// Whether each candidate is accepted. `None` after a failure, which ends the run after this step.
    fn flags(&mut self, question: &Question) -> Option<Vec<bool>> {
        self.read(question, flags)
    }

    /// Numbers of candidates or jobs. `None` after a failure, which ends the run after this step.
    fn numbers(&mut self, question: &Question) -> Option<Vec<i64>> {
        self.read(question, numbers)
    }

    /// Commands of a whole scheduler. `None` after a failure, which ends the run after this step.
    fn step(&mut self, question: &Question) -> Option<Step> {
        self.read(question, |answer, question| read_step(&answer, question))
    }

    fn read<T>(
        &mut self,
        question: &Question,
        read: impl FnOnce(Answer, &Question) -> Result<T, String>,
    ) -> Option<T> {
        let read = read(self.answer(question)?, question);
        read.map_err(|what| self.fail_by(&what)).ok()
    }

    /// The answer to a question. `None` after a failure, which ends the run after this step.
    fn answer(&mut self, question: &Question) -> Option<Answer> {
        if self.failure.is_some() {
            return None;
        }
        let answer = self.greet();
        let answer = answer.and_then(|()| self.exchange.ask(question));
        answer.map_err(|error| self.fail(&error)).ok()
    }

    fn fail(&mut self, error: &ExchangeError) {
        self.failure = Some(error.to_string().into());
    }

    /// Fails by a deed of the program, in words that follow its name.
    fn fail_by(&mut self, what: &str) {
        let error = self.failed_by(what);
        self.fail(&error);
    }

    fn failed_by(&self, what: &str) -> ExchangeError {
        ExchangeError(format!("{} {what}", self.exchange.name()))
    }

    /// The greeting, once.
    fn greet(&mut self) -> Result<(), ExchangeError> {
        if self.is_greeted {
            return Ok(());
        }
        self.is_greeted = true;
        let question = Question::Hello(Greeting {
            protocol: PROTOCOL,
            seed: self.seed,
            points: self.points.names(),
        });
        let answer = self.exchange.ask(&question)?;
        check_answer(&question, &answer).map_err(|what| self.failed_by(&what))
    }
}

/// Reads an answer. Of one that is not as expected, the error says what the program did, in words that follow its name,
/// and quotes its beginning.
fn read<T: DeserializeOwned>(answer: &Answer, question: &Question) -> Result<T, String> {
    let answer = answer.text(question);
    serde_json::from_str(&answer).map_err(|error| {
        let call = question.name();
        let start = answer.chars().take(80);
        let start: String = start.filter(|own| !own.is_control()).collect();
        format!("gave an answer to `{call}` that can't be read: {error}; it begins `{start}`")
    })
}

/// Checks the form of an answer, as a run does.
///
/// # Errors
/// Of a form that the question doesn't want: what the program did, in words that follow its name.
pub fn check_answer(question: &Question, answer: &Answer) -> Result<(), String> {
    match question {
        Question::Hello(_) => read::<Hello>(answer, question).and_then(|hello| speaks(&hello)),
        Question::Filter(_) => flags(answer.clone(), question).map(drop),
        Question::Score(_) | Question::Order(_) => numbers(answer.clone(), question).map(drop),
        Question::Step(_) => read_step(answer, question).map(drop),
        Question::Post(_) => Ok(()),
    }
}

/// Reads the answer of a whole scheduler.
///
/// # Errors
/// As [`check_answer`].
pub fn read_step(answer: &Answer, question: &Question) -> Result<Step, String> {
    read(answer, question)
}

fn flags(answer: Answer, question: &Question) -> Result<Vec<bool>, String> {
    let flags = match answer {
        Answer::Flags(flags) => flags,
        other => read::<Filtered>(&other, question)?.accept,
    };
    of_length(flags, question)
}

fn numbers(answer: Answer, question: &Question) -> Result<Vec<i64>, String> {
    let numbers = match (answer, question) {
        (Answer::Numbers(numbers), _) => numbers,
        (other, Question::Order(_)) => read::<Ordered>(&other, question)?.keys,
        (other, _) => read::<Scored>(&other, question)?.points,
    };
    of_length(numbers, question)
}

/// Refuses a program of another version of the protocol.
fn speaks(hello: &Hello) -> Result<(), String> {
    if hello.protocol == PROTOCOL {
        return Ok(());
    }
    let other = hello.protocol;
    Err(format!(
        "speaks protocol {other}, expected {PROTOCOL}: answer the greeting with {{\"protocol\": {PROTOCOL}}}"
    ))
}

/// Refuses a list that has not an item for each candidate.
fn of_length<T>(items: Vec<T>, question: &Question) -> Result<Vec<T>, String> {
    let (wanted, field) = (question.items(), question.field());
    if items.len() == wanted {
        return Ok(items);
    }
    let found = items.len();
    let what = match question {
        Question::Order(_) => "job",
        _ => "candidate",
    };
    let wanted = plural::count(wanted as u64, what);
    Err(format!(
        "answered {found} `{field}` about {wanted}: one each is expected, in their order"
    ))
}

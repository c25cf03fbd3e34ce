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

mod extender;
mod kube;
mod objects;
mod order;
mod pipeline;
mod question;
mod whole;

use control::exchange::{Exchange, ExchangeError, PROTOCOL};
use model::Text;
use serde::de::DeserializeOwned;
use units::plural;

pub use self::extender::Extenders;
pub use self::kube::ExternalKubePlugin;
pub use self::order::{ExternalJobOrder, ExternalQueueOrder};
pub use self::pipeline::ExternalPlugin;
pub use self::whole::ExternalScheduler;

use self::question::{Hello, Question};

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

    /// The items of an answer, one for each of `wanted` candidates in the field of a name. `None` after a
    /// failure, which ends the run after this step.
    fn items<A: DeserializeOwned, T>(
        &mut self,
        question: &Question,
        wanted: usize,
        field: &str,
        items: impl FnOnce(A) -> Vec<T>,
    ) -> Option<Vec<T>> {
        let answer = self.answer(question)?;
        of_length(items(answer), wanted, field)
            .map_err(|error| self.fail(&error))
            .ok()
    }

    /// The answer to a question. `None` after a failure, which ends the run after this step.
    fn answer<A: DeserializeOwned>(&mut self, question: &Question) -> Option<A> {
        if self.failure.is_some() {
            return None;
        }
        let answer = self.greet();
        let answer = answer.and_then(|()| ask(&mut *self.exchange, question));
        answer.map_err(|error| self.fail(&error)).ok()
    }

    fn fail(&mut self, error: &ExchangeError) {
        self.failure = Some(error.to_string().into());
    }

    /// The greeting, once.
    fn greet(&mut self) -> Result<(), ExchangeError> {
        if self.is_greeted {
            return Ok(());
        }
        self.is_greeted = true;
        let question = Question::Hello {
            protocol: PROTOCOL,
            seed: self.seed,
            points: self.points.names(),
        };
        let hello: Hello = ask(&mut *self.exchange, &question)?;
        if hello.protocol == PROTOCOL {
            return Ok(());
        }
        let other = hello.protocol;
        let why = format!(
            "the external program speaks protocol {other}, expected {PROTOCOL}: answer the greeting with \
             {{\"protocol\": {PROTOCOL}}}"
        );
        Err(ExchangeError(why))
    }
}

/// Asks a question; an answer that is not as expected is a failure that quotes its beginning.
fn ask<T: DeserializeOwned>(
    exchange: &mut dyn Exchange,
    question: &Question,
) -> Result<T, ExchangeError> {
    let text = serde_json::to_string(question).map_err(|error| ExchangeError(error.to_string()))?;
    let answer = exchange.ask(&text)?;
    serde_json::from_str(&answer).map_err(|error| {
        let call = question.name();
        let start = answer.chars().take(80);
        let start: String = start.filter(|own| !own.is_control()).collect();
        ExchangeError(format!(
            "the external program's answer to `{call}` can't be read: {error}; it begins `{start}`"
        ))
    })
}

/// Refuses a list that has not an item for each candidate.
fn of_length<T>(items: Vec<T>, wanted: usize, field: &str) -> Result<Vec<T>, ExchangeError> {
    if items.len() == wanted {
        return Ok(items);
    }
    let found = items.len();
    let candidates = plural::count(wanted as u64, "candidate");
    let why = format!(
        "the external program answered {found} `{field}` about {candidates}: one each is expected, in their \
         order"
    );
    Err(ExchangeError(why))
}

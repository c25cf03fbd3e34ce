//! Conformance of a program of one's own to the protocol: scripted questions, each with what an answer has to
//! be, whatever the program decides.

mod nodes;
mod orders;
mod session;

use control::exchange::PROTOCOL;
use control::exchange::question::Greeting;
use control::{Answer, Exchange, Question};
use scenario::schema::ExternalPoint;
use scheduler::external::check_answer;

use self::nodes::{NODE_CASES, Script};
use self::orders::order_cases;
use self::session::{SESSION_CASES, Session};

/// Length of what is quoted of a question or an answer, in characters.
const QUOTED: usize = 400;

/// Case with its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Point and name of the case.
    pub name: String,
    /// Failure; none where the program passes.
    pub flaw: Option<Flaw>,
}

/// Failure of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Reason, as a sentence without its end.
    pub why: String,
    /// Exchange in which it showed: what was asked and what came, shortened. Empty where there was none.
    pub exchange: Vec<(String, String)>,
}

/// Start of a program, with the exchange that was last.
pub(crate) struct Talk {
    exchange: Box<dyn Exchange>,
    last: Vec<(String, String)>,
}

impl Talk {
    /// A fresh start that is greeted.
    fn new(program: &dyn Exchange, point: ExternalPoint, seed: u64) -> Result<Self, Flaw> {
        let mut talk = Self {
            exchange: program.again(),
            last: Vec::new(),
        };
        let greeting = Question::Hello(Greeting {
            protocol: PROTOCOL,
            seed,
            points: vec![point.name()],
        });
        talk.ask(&greeting)?;
        Ok(talk)
    }

    /// The answer to a question, if it has the form that the question wants.
    fn ask(&mut self, question: &Question) -> Result<Answer, Flaw> {
        let asked = question
            .text()
            .map_err(|error| self.flaw(error.to_string()))?;
        self.last = vec![(shortened(&asked), String::new())];
        let answer = self.exchange.ask(question);
        let answer = answer.map_err(|error| self.flaw(error.to_string()))?;
        let text = answer.text(question);
        self.last[0].1 = shortened(&text);
        check_answer(question, &answer).map_err(|what| self.flaw_by(&what))?;
        Ok(answer)
    }

    /// Flaw by a deed of the program, in words that follow its name.
    fn flaw_by(&self, what: &str) -> Flaw {
        self.flaw(format!("{} {what}", self.exchange.name()))
    }

    fn flaw(&self, why: String) -> Flaw {
        Flaw {
            why,
            exchange: self.last.clone(),
        }
    }
}

fn shortened(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

/// Tries a program at points, case by case; `told` gets each verdict as it falls.
pub fn conformance(
    program: &dyn Exchange,
    points: &[ExternalPoint],
    mut told: impl FnMut(&Verdict),
) -> Vec<Verdict> {
    let mut all = Vec::new();
    let mut tell = |point: ExternalPoint, case: &str, result: Result<(), Flaw>| {
        let verdict = Verdict {
            name: format!("{}: {case}", point.name()),
            flaw: result.err(),
        };
        told(&verdict);
        all.push(verdict);
    };
    for &point in points {
        match point {
            ExternalPoint::Filter | ExternalPoint::Score => {
                for (name, build) in NODE_CASES {
                    let mut script = Script::new(point);
                    build(&mut script);
                    tell(point, name, played(program, point, &script.questions));
                }
            }
            ExternalPoint::Order => {
                for (name, questions) in order_cases() {
                    tell(point, name, played(program, point, &questions));
                }
            }
            ExternalPoint::Schedule => {
                for (name, play) in SESSION_CASES {
                    let talk = Talk::new(program, point, 1);
                    tell(
                        point,
                        name,
                        talk.and_then(|talk| play(&mut Session::new(talk))),
                    );
                }
                continue;
            }
        }
        let questions = match point {
            ExternalPoint::Order => order_cases()
                .into_iter()
                .flat_map(|own| own.1)
                .take(6)
                .collect(),
            _ => Script::typical(point),
        };
        tell(
            point,
            "a fresh start answers alike",
            repeated(program, point, &questions),
        );
        tell(
            point,
            "two starts side by side",
            side_by_side(program, point, &questions),
        );
        tell(
            point,
            "another seed",
            Talk::new(program, point, u64::MAX).map(drop),
        );
    }
    all
}

fn played(
    program: &dyn Exchange,
    point: ExternalPoint,
    questions: &[Question],
) -> Result<(), Flaw> {
    let mut talk = Talk::new(program, point, 1)?;
    questions.iter().try_for_each(|own| talk.ask(own).map(drop))
}

fn differs(talk: &Talk, first: &Answer, question: &Question, what: &str) -> Flaw {
    let first = shortened(&first.text(question));
    talk.flaw(format!("{what}; the first one answered `{first}`"))
}

/// A start answers as one before did, with the same seed.
fn repeated(
    program: &dyn Exchange,
    point: ExternalPoint,
    questions: &[Question],
) -> Result<(), Flaw> {
    let mut first = Talk::new(program, point, 7)?;
    let answers: Result<Vec<_>, _> = questions.iter().map(|own| first.ask(own)).collect();
    let mut second = Talk::new(program, point, 7)?;
    for (question, answer) in questions.iter().zip(answers?) {
        if second.ask(question)? != answer {
            let what =
                "a second start with the same seed answers something else, so no result repeats";
            return Err(differs(&second, &answer, question, what));
        }
    }
    Ok(())
}

/// Starts that are asked in turns answer as one by itself.
fn side_by_side(
    program: &dyn Exchange,
    point: ExternalPoint,
    questions: &[Question],
) -> Result<(), Flaw> {
    let (mut first, mut second) = (Talk::new(program, point, 7)?, Talk::new(program, point, 7)?);
    for question in questions {
        let answer = first.ask(question)?;
        if second.ask(question)? != answer {
            let what =
                "two starts that are asked in turns answer differently, so they share something";
            return Err(differs(&second, &answer, question, what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
